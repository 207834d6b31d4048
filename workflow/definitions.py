"""Definitions of versions, kept at hand: a version never changes."""

from __future__ import annotations

from functools import lru_cache

from workflow.database import Database
from workflow.definition import Definition, build
from workflow.errors import WorkflowUnknown
from workflow.store import workflows as store

_KEPT = 512


class Definitions:
    """Looks up what versions define; one for a whole process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = lru_cache(_KEPT)(self._load)

    def of(self, workflow_id: str, version: str) -> Definition:
        """Return what a version defines.

        Raises
        ------
        WorkflowUnknown
            If it is gone: the workflow was deleted.

        """
        return self._kept(workflow_id, version)

    def _load(self, workflow_id: str, version: str) -> Definition:
        with self._database.reading() as tx:
            stored = store.version(tx, workflow_id, version)
        if stored is None:
            raise WorkflowUnknown("The version of the workflow is gone.")
        return build(stored.document)
