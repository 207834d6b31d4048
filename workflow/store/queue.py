"""The queue: which runs to take next, fairly, and those whose worker is gone.

Projects take turns, and within a project the connections do, so that nobody waits behind somebody
else's flood. The look-ups jump from one project, and from one connection, to the next by index:
what they cost does not grow with what is queued.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, func, select, update

from workflow.database import Transaction
from workflow.models import RunState
from workflow.prepared import Prepared
from workflow.tables import IS_QUEUED, IS_RUNNING, IS_WAITING, runs, workers

_NEXT_PROJECT = Prepared(
    select(runs.c.project_id)
    .where(IS_QUEUED, runs.c.project_id > bindparam("after"))
    .order_by(runs.c.project_id)
    .limit(1)
)
_NEXT_LANE = Prepared(
    select(runs.c.connection_id)
    .where(
        IS_QUEUED,
        runs.c.project_id == bindparam("project_id"),
        runs.c.connection_id > bindparam("after"),
    )
    .order_by(runs.c.project_id, runs.c.connection_id)
    .limit(1)
)
_OLDEST = Prepared(
    select(runs.c.id)
    .where(
        IS_QUEUED,
        runs.c.project_id == bindparam("project_id"),
        runs.c.connection_id == bindparam("lane"),
    )
    .order_by(runs.c.id)
    .limit(1)
)
_RUNNING = Prepared(
    select(runs.c.project_id, runs.c.connection_id, func.count().label("number"))
    .where(IS_RUNNING)
    .group_by(runs.c.project_id, runs.c.connection_id)
)
_TAKE = Prepared(
    update(runs)
    .where(IS_QUEUED, runs.c.id == bindparam("run_id"))
    .values(
        state=RunState.RUNNING,
        claim=runs.c.claim + 1,
        worker_id=bindparam("new_worker_id"),
        started_at=func.coalesce(runs.c.started_at, bindparam("now")),
        reason=None,
    )
    .returning(runs.c.id)
)
_NEXT_DUE = Prepared(select(func.min(runs.c.due_at).label("due_at")).where(IS_WAITING))


@dataclass(frozen=True, slots=True)
class Lane:
    """A project's connection; blank for runs without one."""

    project_id: str
    connection_id: str


def running(tx: Transaction) -> dict[Lane, int]:
    """Return how many runs of each lane are running, on all workers."""
    return {
        Lane(row["project_id"], row["connection_id"]): row["number"] for row in _RUNNING.run(tx, {})
    }


def next_project(tx: Transaction, after: str) -> str | None:
    """Return the next project, by id, that has queued runs."""
    rows = _NEXT_PROJECT.run(tx, {"after": after})
    return rows[0]["project_id"] if rows else None


def next_lane(tx: Transaction, project_id: str, after: str) -> str | None:
    """Return the next connection, by id, that has queued runs."""
    rows = _NEXT_LANE.run(tx, {"project_id": project_id, "after": after})
    return rows[0]["connection_id"] if rows else None


def oldest(tx: Transaction, lane: Lane) -> str | None:
    """Return the oldest queued run of a lane."""
    rows = _OLDEST.run(tx, {"project_id": lane.project_id, "lane": lane.connection_id})
    return rows[0]["id"] if rows else None


def take(tx: Transaction, run_id: str, worker_id: str, now: float) -> bool:
    """Take a queued run; say whether nobody else did."""
    return bool(_TAKE.run(tx, {"run_id": run_id, "new_worker_id": worker_id, "now": now}))


def next_due(tx: Transaction) -> float | None:
    """Return when the next waiting run is due."""
    due_at: float | None = _NEXT_DUE.run(tx, {})[0]["due_at"]
    return due_at


def wake_due(tx: Transaction, now: float, limit: int) -> int:
    """Queue waiting runs that are due; return how many."""
    due = (
        select(runs.c.id)
        .where(IS_WAITING, runs.c.due_at <= now)
        .order_by(runs.c.due_at)
        .limit(limit)
    )
    if tx.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    done = tx.execute(
        update(runs).where(runs.c.id.in_(due), IS_WAITING).values(state=RunState.QUEUED)
    )
    return done.rowcount


def give_back(tx: Transaction, worker_id: str, *, counted: bool, now: float) -> int:
    """Queue the runs of a worker that is gone; ``counted`` if it did not say good-bye."""
    return _queue_again(tx, runs.c.worker_id == worker_id, counted=counted, now=now)


def give_back_one(tx: Transaction, run_id: str, worker_id: str, now: float) -> int:
    """Queue one run of a worker again."""
    mine = (runs.c.id == run_id) & (runs.c.worker_id == worker_id)
    return _queue_again(tx, mine, counted=False, now=now)


def give_back_orphans(tx: Transaction, now: float) -> int:
    """Queue runs whose worker nobody knows."""
    unknown = runs.c.worker_id.not_in(select(workers.c.id))
    return _queue_again(tx, unknown, counted=True, now=now)


def _queue_again(
    tx: Transaction, condition: ColumnElement[bool], *, counted: bool, now: float
) -> int:
    done = tx.execute(
        update(runs)
        .where(IS_RUNNING, condition)
        .values(
            state=RunState.QUEUED,
            claim=runs.c.claim + 1,
            worker_id=None,
            due_at=now,
            interruptions=runs.c.interruptions + (1 if counted else 0),
        )
    )
    return done.rowcount
