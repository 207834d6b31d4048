"""Runs that wait for runs they have started."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from workflow.database import Transaction
from workflow.models import FINAL, Reason
from workflow.store.runs import wake
from workflow.tables import runs


def wake_parent(tx: Transaction, parent_id: str, now: float) -> int:
    """Queue a run that waits for one it has started; return how many there were."""
    # Locked first where rows are: a parent that is about to wait is seen waiting afterwards.
    tx.execute(select(runs.c.id).where(runs.c.id == parent_id).with_for_update())
    return wake(tx, (runs.c.id == parent_id) & (runs.c.reason == Reason.CHILD), now)


def any_ended(tx: Transaction, run_ids: Sequence[str]) -> bool:
    """Say whether one of some runs has ended."""
    return any(
        tx.scalar(select(runs.c.id).where(runs.c.id == run_id, runs.c.state.in_(list(FINAL))))
        for run_id in run_ids
    )
