"""The request log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from connector.database import Transaction
from connector.models import LoggedRequest
from connector.tables import connections, request_log

PAGE = 50
_FIELDS = [column.name for column in request_log.c if column.name != "id"]


def append(tx: Transaction, entries: Sequence[LoggedRequest]) -> None:
    """Insert entries, but for those of connections that are gone: their user was deleted."""
    used = {entry.connection_id for entry in entries if entry.connection_id is not None}
    there = set(tx.scalars(select(connections.c.id).where(connections.c.id.in_(used))))
    rows = [
        {name: getattr(entry, name) for name in _FIELDS} | {"attempts": list(entry.attempts)}
        for entry in entries
        if entry.connection_id is None or entry.connection_id in there
    ]
    if rows:
        tx.execute(insert(request_log), rows)


def page(
    tx: Transaction,
    project_id: str,
    *,
    user: str | None = None,
    connection_id: str | None = None,
    failed: bool = False,
    before: int | None = None,
    limit: int = PAGE,
) -> list[LoggedRequest]:
    """Return entries, newest first, those before a given id."""
    query = select(request_log).where(request_log.c.project_id == project_id)
    if user is not None:
        query = query.where(request_log.c.user == user)
    if connection_id is not None:
        query = query.where(request_log.c.connection_id == connection_id)
    if failed:
        query = query.where((request_log.c.status >= 400) | request_log.c.error_code.is_not(None))
    if before is not None:
        query = query.where(request_log.c.id < before)
    rows = tx.execute(query.order_by(request_log.c.id.desc()).limit(limit))
    return [_entry(row) for row in rows]


def remove_user(tx: Transaction, project_id: str, user: str) -> int:
    """Delete every entry of a user; return how many there were."""
    return tx.execute(
        delete(request_log).where(
            request_log.c.project_id == project_id, request_log.c.user == user
        )
    ).rowcount


def prune(tx: Transaction, before: float, limit: int) -> int:
    """Delete the oldest entries before a time, at most so many; return how many went."""
    oldest = select(request_log.c.id).where(request_log.c.created_at < before).limit(limit)
    return tx.execute(delete(request_log).where(request_log.c.id.in_(oldest))).rowcount


def _entry(row: Row[Any]) -> LoggedRequest:
    return LoggedRequest(**{**row._mapping, "attempts": tuple(row.attempts)})
