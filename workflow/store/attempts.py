"""Attempts at steps: begun before the effect, ended after it, read when a run goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workflow.database import Transaction
from workflow.models import Attempt, AttemptState
from workflow.prepared import Prepared
from workflow.store.texts import packed, unpacked
from workflow.tables import attempts

_KEY = ("run_id", "path", "number")
_DOCUMENTS = frozenset({"input", "output", "error"})
_NAMES = [column.name for column in attempts.c]


def _put(insert: Any) -> Prepared:
    statement = insert(attempts).values({name: bindparam(name) for name in _NAMES})
    changed = {name: statement.excluded[name] for name in _NAMES if name not in _KEY}
    return Prepared(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changed))


_PUT = {"sqlite": _put(sqlite.insert), "postgresql": _put(postgresql.insert)}
_END = Prepared(
    update(attempts)
    .where(
        attempts.c.run_id == bindparam("of_run"),
        attempts.c.path == bindparam("of_path"),
        attempts.c.number == bindparam("of_number"),
    )
    .values(
        {name: bindparam(f"new_{name}") for name in ("state", "round", "output", "error", "status")}
    )
    .values(finished_at=bindparam("new_finished_at"))
)
_OF_RUN = Prepared(
    select(*(column for column in attempts.c if column.name not in {"run_id", "input"}))
    .where(attempts.c.run_id == bindparam("run_id"))
    .order_by(attempts.c.path, attempts.c.number)
)


def put(tx: Transaction, run_id: str, attempt: Attempt) -> None:
    """Store an attempt, or what became of it."""
    values = {name: getattr(attempt, name) for name in _NAMES if name != "run_id"}
    for name in _DOCUMENTS:
        values[name] = packed(values[name])
    _PUT[tx.dialect.name].run(tx, {"run_id": run_id, **values})


def end(tx: Transaction, run_id: str, attempt: Attempt) -> None:
    """Store how an attempt ended."""
    values = {
        "new_state": attempt.state,
        "new_round": attempt.round,
        "new_output": packed(attempt.output),
        "new_error": packed(attempt.error),
        "new_status": attempt.status,
        "new_finished_at": attempt.finished_at,
        "of_run": run_id,
        "of_path": attempt.path,
        "of_number": attempt.number,
    }
    _END.run(tx, values)


def history(tx: Transaction, run_id: str) -> dict[str, list[Attempt]]:
    """Return a run's attempts by path, inputs left out."""
    found: dict[str, list[Attempt]] = {}
    for row in _OF_RUN.run(tx, {"run_id": run_id}):
        attempt = _attempt(row)
        found.setdefault(attempt.path, []).append(attempt)
    return found


def page(
    tx: Transaction, run_id: str, after: tuple[str, int] | None = None, limit: int = 1000
) -> list[Attempt]:
    """Return a run's attempts with their inputs, in the order in which they began."""
    query = select(*(column for column in attempts.c if column.name != "run_id")).where(
        attempts.c.run_id == run_id
    )
    rows = tx.execute(
        query.order_by(attempts.c.started_at, attempts.c.path, attempts.c.number)
        .offset(0 if after is None else after[1])
        .limit(limit)
    ).mappings()
    return [_attempt(dict(row)) for row in rows]


def count(tx: Transaction, run_ids: Sequence[str]) -> int:
    """Return how many attempts runs have."""
    return tx.scalar(select(func.count()).where(attempts.c.run_id.in_(run_ids))) or 0


def _attempt(row: Mapping[str, Any]) -> Attempt:
    values = {name: unpacked(row[name]) if name in _DOCUMENTS else row[name] for name in row}
    values["state"] = AttemptState(values["state"])
    return Attempt(**values)
