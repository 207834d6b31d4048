"""Forget runs that ended long ago, or that take up too much room."""

from __future__ import annotations

from dataclasses import dataclass

from workflow.database import Database
from workflow.store import runs as store

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Retention:
    """How long ended runs are kept, and how much of them."""

    days: float = 30.0
    #: Characters of inputs and outputs for each project.
    characters: int = 2_000_000_000


def prune(database: Database, retention: Retention, now: float) -> int:
    """Delete ended runs, the oldest first, a batch a transaction; return how many."""
    deleted = _outdated(database, now - retention.days * 86_400)
    with database.reading() as tx:
        sizes = store.sizes(tx)
    for project_id, size in sizes.items():
        deleted += _beyond(database, project_id, size - retention.characters)
    return deleted


def _outdated(database: Database, before: float) -> int:
    deleted = 0
    while True:
        with database.transaction(durable=False) as tx:
            old = store.outdated(tx, before, _BATCH)
            store.forget(tx, old)
        deleted += len(old)
        if len(old) < _BATCH:
            return deleted


def _beyond(database: Database, project_id: str, excess: int) -> int:
    """Delete so many characters of a project's oldest ended runs, or a little more."""
    deleted = 0
    while excess > 0:
        with database.transaction(durable=False) as tx:
            chosen = []
            for run_id, size in store.oldest_ended(tx, project_id, _BATCH):
                if excess <= 0:
                    break
                chosen.append(run_id)
                excess -= size
            store.forget(tx, chosen)
        deleted += len(chosen)
        if not chosen:
            break
    return deleted
