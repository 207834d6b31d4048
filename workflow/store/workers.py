"""Workers: who is alive, and who takes over from those who are not."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from workflow.database import Transaction
from workflow.tables import workers


def enter(tx: Transaction, worker_id: str, *, host: str, pid: int, slots: int, now: float) -> None:
    """Store a worker that begins."""
    tx.execute(
        insert(workers).values(
            id=worker_id, host=host, pid=pid, slots=slots, started_at=now, beat_at=now
        )
    )


def beat(tx: Transaction, worker_id: str, now: float) -> bool:
    """Say that a worker is alive; false if it was taken for dead."""
    done = tx.execute(update(workers).where(workers.c.id == worker_id).values(beat_at=now))
    return done.rowcount == 1


def bury(tx: Transaction, silent_since: float) -> list[str]:
    """Delete the workers that fell silent and return their ids: each goes to one caller."""
    gone = list(tx.scalars(select(workers.c.id).where(workers.c.beat_at < silent_since)))
    return [
        worker_id
        for worker_id in gone
        if tx.execute(
            delete(workers).where(workers.c.id == worker_id, workers.c.beat_at < silent_since)
        ).rowcount
    ]


def leave(tx: Transaction, worker_id: str) -> None:
    """Delete a worker that ends."""
    tx.execute(delete(workers).where(workers.c.id == worker_id))


def all_ids(tx: Transaction) -> set[str]:
    """Return the ids of all workers."""
    return set(tx.scalars(select(workers.c.id)))


def alive(tx: Transaction, since: float) -> list[tuple[str, int]]:
    """Return machine and process of every worker that was heard of since a time."""
    rows = tx.execute(select(workers.c.host, workers.c.pid).where(workers.c.beat_at >= since))
    return [(row.host, row.pid) for row in rows]


def of_host(tx: Transaction, host: str) -> list[tuple[str, int]]:
    """Return the ids and processes of the workers of a machine."""
    rows = tx.execute(select(workers.c.id, workers.c.pid).where(workers.c.host == host))
    return [(row.id, row.pid) for row in rows]
