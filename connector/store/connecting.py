"""Connect sessions and connect attempts: short-lived rows, consumed once."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from connector.database import Transaction
from connector.models import ConnectAttempt, ConnectSession, SessionStatus
from connector.tables import connect_attempts, connect_sessions

_SESSION = [
    column.name
    for column in connect_sessions.c
    if column.name not in {"poll_hash", "link_hash", "created_at"}
]


def create_session(
    tx: Transaction, value: ConnectSession, *, poll_hash: str | None, link_hash: str | None
) -> None:
    """Insert a session; one with the same poll key of the same user is replaced."""
    if poll_hash is not None:
        tx.execute(
            delete(connect_sessions).where(
                connect_sessions.c.user_id == value.user_id,
                connect_sessions.c.poll_hash == poll_hash,
            )
        )
    values = {name: getattr(value, name) for name in _SESSION}
    values |= {"status": value.status.value, "created_at": time.time()}
    tx.execute(insert(connect_sessions).values(poll_hash=poll_hash, link_hash=link_hash, **values))


def session(tx: Transaction, project_id: str, session_id: str) -> ConnectSession | None:
    """Return a session by id, whatever its age."""
    row = tx.execute(
        select(connect_sessions).where(
            connect_sessions.c.project_id == project_id, connect_sessions.c.id == session_id
        )
    ).first()
    return _session(row) if row else None


def session_by_link(tx: Transaction, link_hash: str, now: float) -> ConnectSession | None:
    """Return the live session that a link starts."""
    row = tx.execute(
        select(connect_sessions).where(
            connect_sessions.c.link_hash == link_hash, connect_sessions.c.expires_at > now
        )
    ).first()
    return _session(row) if row else None


def session_by_poll(
    tx: Transaction, project_id: str, user_id: str, poll_hash: str, now: float
) -> ConnectSession | None:
    """Return the live session that a user polls."""
    row = tx.execute(
        select(connect_sessions).where(
            connect_sessions.c.project_id == project_id,
            connect_sessions.c.user_id == user_id,
            connect_sessions.c.poll_hash == poll_hash,
            connect_sessions.c.expires_at > now,
        )
    ).first()
    return _session(row) if row else None


def reopen_session(
    tx: Transaction, project_id: str, session_id: str, link_hash: str, expires_at: float
) -> None:
    """Make a failed session pending again, under a new link."""
    tx.execute(
        update(connect_sessions)
        .where(connect_sessions.c.project_id == project_id, connect_sessions.c.id == session_id)
        .values(
            status=SessionStatus.PENDING.value,
            error=None,
            link_hash=link_hash,
            expires_at=expires_at,
        )
    )


def finish_session(
    tx: Transaction,
    project_id: str,
    session_id: str,
    status: SessionStatus,
    *,
    connection_id: str | None = None,
    error: dict[str, Any] | None = None,
) -> bool:
    """Set the outcome of a session; say whether it could be: one that is complete stays so."""
    result = tx.execute(
        update(connect_sessions)
        .where(
            connect_sessions.c.project_id == project_id,
            connect_sessions.c.id == session_id,
            connect_sessions.c.status != SessionStatus.COMPLETE.value,
        )
        .values(status=status.value, connection_id=connection_id, error=error)
    )
    return bool(result.rowcount)


def delete_polled(tx: Transaction, project_id: str, user_id: str, poll_hash: str) -> None:
    """Delete a complete session; one that a person may still finish stays."""
    tx.execute(
        delete(connect_sessions).where(
            connect_sessions.c.project_id == project_id,
            connect_sessions.c.user_id == user_id,
            connect_sessions.c.poll_hash == poll_hash,
            connect_sessions.c.status == SessionStatus.COMPLETE.value,
        )
    )


def create_attempt(tx: Transaction, value: ConnectAttempt) -> None:
    """Insert an attempt."""
    values = {column.name: getattr(value, column.name) for column in connect_attempts.c}
    tx.execute(insert(connect_attempts).values(values | {"scopes": list(value.scopes)}))


def consume_attempt(tx: Transaction, state_hash: str) -> ConnectAttempt | None:
    """Take an attempt out of the table in one statement: of two callers one gets it."""
    row = tx.execute(
        delete(connect_attempts)
        .where(connect_attempts.c.state_hash == state_hash)
        .returning(*connect_attempts.c)
    ).first()
    if row is None:
        return None
    return ConnectAttempt(**{**row._mapping, "scopes": tuple(row.scopes)})


def sweep(tx: Transaction, now: float) -> int:
    """Delete what has expired; return how many rows went."""
    attempts = tx.execute(
        delete(connect_attempts).where(connect_attempts.c.expires_at < now)
    ).rowcount
    sessions = tx.execute(
        delete(connect_sessions).where(connect_sessions.c.expires_at < now)
    ).rowcount
    return int(attempts + sessions)


def _session(row: Row[Any]) -> ConnectSession:
    values = {name: row._mapping[name] for name in _SESSION}
    return ConnectSession(**{**values, "status": SessionStatus(values["status"])})
