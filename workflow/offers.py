"""What a project's users may switch on: workflows in service that use a connector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.database import Database
from workflow.definition import Definition
from workflow.definitions import Definitions
from workflow.errors import WorkflowUnknown
from workflow.store import workflows as store
from workflow.store.workflows import Enablement, Workflow


@dataclass(frozen=True, slots=True)
class Offer:
    """A workflow as a user has it."""

    workflow: Workflow
    definition: Definition
    enabled: bool
    #: What the user filled in.
    settings: Mapping[str, Any]


class Offers:
    """Looks up what is offered to a user."""

    def __init__(self, database: Database, definitions: Definitions) -> None:
        self._database = database
        self._definitions = definitions

    def of_user(self, project_id: str, user: str) -> list[Offer]:
        """Return the workflows of a project that use a connector, by name, as the user has them."""
        with self._database.reading() as tx:
            chosen = {one.workflow_id: one for one in store.of_user(tx, project_id, user)}
            found = store.of_project(tx, project_id)
        return [
            _offer(workflow, definition, chosen.get(workflow.id))
            for workflow in found
            if workflow.deployed is not None
            and (definition := self._definition(workflow.id, workflow.deployed)) is not None
            and definition.connector is not None
        ]

    def _definition(self, workflow_id: str, version: str) -> Definition | None:
        """Return what a version defines; nothing if the workflow was just deleted."""
        try:
            return self._definitions.of(workflow_id, version)
        except WorkflowUnknown:
            return None


def _offer(workflow: Workflow, definition: Definition, chosen: Enablement | None) -> Offer:
    if chosen is None:
        return Offer(workflow, definition, enabled=False, settings={})
    return Offer(workflow, definition, chosen.enabled, chosen.settings)
