"""Orders: runs of one key, of which each begins when those before it have ended."""

from __future__ import annotations

from sqlalchemy import select, update

from workflow.database import Transaction
from workflow.models import RunState
from workflow.tables import IS_UNFINISHED, runs


def is_first(tx: Transaction, project_id: str, order_key: str) -> bool:
    """Say whether no run of an order is unfinished; others who ask wait for this transaction."""
    return _first(tx, project_id, order_key) is None


def release_next(tx: Transaction, project_id: str, order_key: str | None) -> None:
    """Make the oldest run of an order ready, if it is not under way yet."""
    if order_key is None:
        return
    first = _first(tx, project_id, order_key)
    if first is not None:
        tx.execute(
            update(runs)
            .where(runs.c.id == first, runs.c.state == RunState.QUEUED)
            .values(ready=True, reason=None)
        )


def _first(tx: Transaction, project_id: str, order_key: str) -> str | None:
    """Return the oldest unfinished run, which nobody ends or adds until the transaction is over."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (order_key,))
    found: str | None = tx.scalar(
        select(runs.c.id)
        .where(
            runs.c.project_id == project_id,
            runs.c.order_key == order_key,
            IS_UNFINISHED,
        )
        .order_by(runs.c.id)
        .limit(1)
    )
    return found
