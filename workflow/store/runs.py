"""Runs: accepted, taken forward by whoever holds the claim, listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workflow.database import Transaction
from workflow.models import FINAL, UNFINISHED, Reason, Run, RunState
from workflow.prepared import Prepared
from workflow.store import orders
from workflow.store.texts import packed, unpacked
from workflow.tables import IS_WAITING, attempts, runs

_DOCUMENTS = frozenset({"trigger", "context", "detail", "response", "output"})
#: What a list shows; a page of it reads no documents.
_LISTED = [column for column in runs.c if column.name not in _DOCUMENTS or column.name == "detail"]

_ACCEPT = {
    name: Prepared(
        insert(runs)
        .values({column.name: bindparam(column.name) for column in runs.c})
        .on_conflict_do_nothing()
        .returning(runs.c.id)
    )
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_FIND = Prepared(select(runs).where(runs.c.id == bindparam("run_id")))
#: Locks the row where there are row locks: nobody takes the run over while we write for it.
_HELD = Prepared(
    select(runs.c.claim, runs.c.state, runs.c.cancel_requested)
    .where(runs.c.id == bindparam("run_id"))
    .with_for_update(read=True)
)
_MINE = (
    runs.c.id == bindparam("run_id"),
    runs.c.claim == bindparam("held"),
    runs.c.state == RunState.RUNNING,
)
_FINISH = Prepared(
    update(runs)
    .where(*_MINE)
    .values(
        {name: bindparam(f"new_{name}") for name in ("state", "reason", "detail", "output")}
        | {name: bindparam(f"new_{name}") for name in ("response", "finished_at", "size")}
        | {"worker_id": null(), "due_at": null()}
    )
    .returning(runs.c.id)
)
_SUSPEND = Prepared(
    update(runs)
    .where(*_MINE)
    .values(
        {name: bindparam(f"new_{name}") for name in ("state", "reason", "detail", "due_at")}
        | {"response": bindparam("new_response"), "size": bindparam("new_size")}
        | {"worker_id": null()}
    )
    .returning(runs.c.id)
)


def accept(tx: Transaction, run: Run) -> bool:
    """Store a new run; say whether it is the first of its deduplication key."""
    values = {
        column.name: packed(getattr(run, column.name))
        if column.name in _DOCUMENTS
        else getattr(run, column.name)
        for column in runs.c
    }
    values["trigger"], values["context"] = packed(run.trigger) or "null", packed(run.context)
    return bool(_ACCEPT[tx.dialect.name].run(tx, values))


def of_dedupe_key(tx: Transaction, workflow_id: str, dedupe_key: str) -> str | None:
    """Return the id of the run that was accepted under a deduplication key."""
    return tx.scalar(
        select(runs.c.id).where(runs.c.workflow_id == workflow_id, runs.c.dedupe_key == dedupe_key)
    )


def load(tx: Transaction, run_id: str) -> Run | None:
    """Return a run for the engine's own work, of whatever project."""
    rows = _FIND.run(tx, {"run_id": run_id})
    return from_values(rows[0]) if rows else None


def find(tx: Transaction, project_id: str, run_id: str) -> Run | None:
    """Return a project's run."""
    run = load(tx, run_id)
    return run if run is not None and run.project_id == project_id else None


def held(tx: Transaction, run_id: str, claim: int) -> bool | None:
    """Say whether a run is to be cancelled; nothing if it is no longer held under the claim."""
    rows = _HELD.run(tx, {"run_id": run_id})
    if not rows or rows[0]["claim"] != claim or rows[0]["state"] != RunState.RUNNING:
        return None
    return bool(rows[0]["cancel_requested"])


def finish(
    tx: Transaction,
    run: Run,
    state: RunState,
    *,
    now: float,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
    output: Any = None,
    response: Mapping[str, Any] | None = None,
    size: int = 0,
) -> bool:
    """End a run that is held; say whether it was still held."""
    values = {
        "new_state": state,
        "new_reason": reason,
        "new_detail": packed(detail),
        "new_output": packed(output),
        "new_response": packed(response),
        "new_finished_at": now,
        "new_size": size,
        "run_id": run.id,
        "held": run.claim,
    }
    return bool(_FINISH.run(tx, values))


def suspend(
    tx: Transaction,
    run: Run,
    state: RunState,
    *,
    due_at: float | None,
    reason: str | None,
    detail: Mapping[str, Any] | None = None,
    response: Mapping[str, Any] | None = None,
    size: int = 0,
) -> bool:
    """Let a run that is held wait, or queue it again; say whether it was still held."""
    values = {
        "new_state": state,
        "new_reason": reason,
        "new_detail": packed(detail),
        "new_due_at": due_at,
        "new_response": packed(response),
        "new_size": size,
        "run_id": run.id,
        "held": run.claim,
    }
    return bool(_SUSPEND.run(tx, values))


def end_unheld(
    tx: Transaction, run_id: str, state: RunState, reason: str, detail: Any, now: float
) -> bool:
    """End a run that nobody works on; say whether there was one."""
    done = tx.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state.in_([RunState.QUEUED, RunState.WAITING]))
        .values(
            state=state,
            reason=reason,
            detail=packed(detail),
            finished_at=now,
            due_at=None,
            cancel_requested=state is RunState.CANCELLED,
        )
    )
    return done.rowcount == 1


def request_cancel(tx: Transaction, run_id: str) -> bool:
    """Ask whoever works on a run to end it; say whether somebody does."""
    done = tx.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.RUNNING)
        .values(cancel_requested=True)
    )
    return done.rowcount == 1


def retry(tx: Transaction, run_id: str, version: str, *, ready: bool) -> bool:
    """Queue a failed or cancelled run again, in a new round; say whether there was one."""
    done = tx.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.state.in_([RunState.FAILED, RunState.CANCELLED]))
        .values(
            state=RunState.QUEUED,
            version=version,
            round=runs.c.round + 1,
            interruptions=0,
            reason=None if ready else Reason.ORDER,
            detail=None,
            output=None,
            finished_at=None,
            due_at=None,
            ready=ready,
            cancel_requested=False,
        )
    )
    return done.rowcount == 1


def wake(tx: Transaction, condition: ColumnElement[bool], now: float) -> int:
    """Queue waiting runs; return how many."""
    done = tx.execute(
        update(runs).where(IS_WAITING, condition).values(state=RunState.QUEUED, due_at=now)
    )
    return done.rowcount


def wake_user(tx: Transaction, project_id: str, user: str, now: float) -> int:
    """Queue the runs of a user that wait for a connection to work; return how many."""
    theirs = (runs.c.project_id == project_id) & (runs.c.user == user)
    return wake(tx, theirs & (runs.c.reason == Reason.REAUTHORISATION), now)


def page(
    tx: Transaction, project_id: str, filters: Mapping[str, Any], before: str | None, limit: int
) -> list[Run]:
    """Return runs without their documents, newest first, those before a given id."""
    query = _filtered(select(*_LISTED), project_id, filters)
    if before is not None:
        query = query.where(runs.c.id < before)
    rows = tx.execute(query.order_by(runs.c.id.desc()).limit(limit)).mappings()
    return [from_values({"trigger": None, "context": "{}", **row}) for row in rows]


def counts(tx: Transaction, project_id: str) -> dict[str, int]:
    """Return how many runs of a project are in each unfinished state."""
    rows = tx.execute(
        select(runs.c.state, func.count())
        .where(runs.c.project_id == project_id, runs.c.state.in_(UNFINISHED))
        .group_by(runs.c.state)
    )
    found = {state: int(number) for state, number in rows}
    return {str(state): found.get(state, 0) for state in UNFINISHED}


def _filtered(query: Select[Any], project_id: str, filters: Mapping[str, Any]) -> Select[Any]:
    query = query.where(runs.c.project_id == project_id)
    for name in ("workflow_id", "user", "state", "reason", "connection_id", "replay_of"):
        if filters.get(name) is not None:
            query = query.where(runs.c[name] == filters[name])
    query = query.where(runs.c.is_test == bool(filters.get("tests")))
    if filters.get("after") is not None:
        query = query.where(runs.c.created_at >= filters["after"])
    if filters.get("until") is not None:
        query = query.where(runs.c.created_at < filters["until"])
    return query


def outdated(tx: Transaction, finished_before: float, limit: int) -> list[str]:
    """Return ids of runs that ended before a time."""
    return list(
        tx.scalars(
            select(runs.c.id)
            .where(runs.c.state.in_(list(FINAL)), runs.c.finished_at < finished_before)
            .limit(limit)
        )
    )


def sizes(tx: Transaction) -> dict[str, int]:
    """Return how many characters the runs of each project keep."""
    rows = tx.execute(select(runs.c.project_id, func.sum(runs.c.size)).group_by(runs.c.project_id))
    return {project_id: int(size or 0) for project_id, size in rows}


def oldest_ended(tx: Transaction, project_id: str, limit: int) -> list[tuple[str, int]]:
    """Return the ids and sizes of a project's oldest runs that have ended."""
    rows = tx.execute(
        select(runs.c.id, runs.c.size)
        .where(runs.c.project_id == project_id, runs.c.state.in_(list(FINAL)))
        .order_by(runs.c.id)
        .limit(limit)
    )
    return [(row.id, row.size) for row in rows]


def forget(tx: Transaction, run_ids: Sequence[str]) -> None:
    """Delete runs with their attempts."""
    tx.execute(delete(attempts).where(attempts.c.run_id.in_(run_ids)))
    tx.execute(delete(runs).where(runs.c.id.in_(run_ids)))


def forget_user(tx: Transaction, project_id: str, user: str) -> None:
    """Delete a user's runs."""
    mine = (runs.c.project_id == project_id, runs.c.user == user)
    unfinished = (*mine, runs.c.state.in_(UNFINISHED), runs.c.order_key.is_not(None))
    keys = list(tx.scalars(select(runs.c.order_key).where(*unfinished).distinct()))
    tx.execute(delete(attempts).where(attempts.c.run_id.in_(select(runs.c.id).where(*mine))))
    tx.execute(delete(runs).where(*mine))
    for key in keys:  # others of the same order wait behind them
        orders.release_next(tx, project_id, key)


def from_values(values: Mapping[str, Any]) -> Run:
    """Return a run of a row's values."""
    told = {
        name: unpacked(value) if name in _DOCUMENTS else value for name, value in values.items()
    }
    told["state"] = RunState(told["state"])
    told["context"] = told["context"] or {}
    return Run(**told)
