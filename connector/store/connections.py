"""Connections and their sealed credentials."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from connector.database import Transaction
from connector.models import Connection, CredentialRow, Status
from connector.tables import connections, credentials, users

PAGE = 50
_FIRST_VERSIONS = 2**30


def save(tx: Transaction, value: Connection) -> None:
    """Insert a connection, or replace the one of its id."""
    values = _values(value)
    done = tx.execute(
        update(connections)
        .where(connections.c.project_id == value.project_id, connections.c.id == value.id)
        .values(values)
    )
    if done.rowcount == 0:
        tx.execute(insert(connections).values(values))


def find(tx: Transaction, project_id: str, connection_id: str) -> Connection | None:
    """Return a connection of a project by id."""
    row = tx.execute(
        select(connections).where(
            connections.c.project_id == project_id, connections.c.id == connection_id
        )
    ).first()
    return _connection(row) if row else None


def find_of_user(
    tx: Transaction, project_id: str, user_id: str, connection_id: str
) -> Connection | None:
    """Return a connection by id if it belongs to that user."""
    row = tx.execute(
        select(connections).where(
            connections.c.project_id == project_id,
            connections.c.user_id == user_id,
            connections.c.id == connection_id,
        )
    ).first()
    return _connection(row) if row else None


def find_account(
    tx: Transaction, project_id: str, user_id: str, connector: str, account_key: str
) -> Connection | None:
    """Return the user's connection to one account of the provider."""
    row = tx.execute(
        select(connections).where(
            connections.c.project_id == project_id,
            connections.c.user_id == user_id,
            connections.c.connector == connector,
            connections.c.account_key == account_key,
        )
    ).first()
    return _connection(row) if row else None


def of_user(
    tx: Transaction, project_id: str, user_id: str, connector: str | None = None
) -> list[Connection]:
    """Return a user's connections, oldest first."""
    query = select(connections).where(
        connections.c.project_id == project_id, connections.c.user_id == user_id
    )
    if connector is not None:
        query = query.where(connections.c.connector == connector)
    rows = tx.execute(query.order_by(connections.c.created_at, connections.c.id))
    return [_connection(row) for row in rows]


def of_users(tx: Transaction, project_id: str, user_ids: list[str]) -> list[Connection]:
    """Return the connections of several users, oldest first."""
    rows = tx.execute(
        select(connections)
        .where(connections.c.project_id == project_id, connections.c.user_id.in_(user_ids))
        .order_by(connections.c.created_at, connections.c.id)
    )
    return [_connection(row) for row in rows]


def page(
    tx: Transaction,
    project_id: str,
    *,
    user: str | None = None,
    connector: str | None = None,
    status: str | None = None,
    after: tuple[float, str] | None = None,
    limit: int = PAGE,
) -> list[tuple[Connection, str]]:
    """Return connections with their user's external id, in order of creation."""
    query = (
        select(connections, users.c.external_id.label("user_external_id"))
        .join(users, users.c.id == connections.c.user_id)
        .where(connections.c.project_id == project_id)
    )
    if user is not None:
        query = query.where(users.c.external_id == user)
    if connector is not None:
        query = query.where(connections.c.connector == connector)
    if status is not None:
        query = query.where(connections.c.status == status)
    if after is not None:
        query = query.where(
            or_(
                connections.c.created_at > after[0],
                and_(connections.c.created_at == after[0], connections.c.id > after[1]),
            )
        )
    rows = tx.execute(query.order_by(connections.c.created_at, connections.c.id).limit(limit))
    return [(_connection(row), row.user_external_id) for row in rows]


def count_by_status(
    tx: Transaction, project_id: str, connector: str | None = None, *, by_app: bool = False
) -> dict[str, int]:
    """Return how many connections of a project, or of one connector in it, are in each status.

    With ``by_app`` only those count that were made with a client id.
    """
    query = select(connections.c.status, func.count()).where(connections.c.project_id == project_id)
    if connector is not None:
        query = query.where(connections.c.connector == connector)
    if by_app:
        query = query.where(connections.c.client_id != "")
    rows = tx.execute(query.group_by(connections.c.status))
    return {row[0]: row[1] for row in rows}


def set_status(
    tx: Transaction,
    project_id: str,
    connection_id: str,
    status: Status,
    reason: str,
    *,
    unless: Status | None = None,
) -> bool:
    """Set the status with its reason and time, unless it is already another given one."""
    query = update(connections).where(
        connections.c.project_id == project_id, connections.c.id == connection_id
    )
    if unless is not None:
        query = query.where(connections.c.status != unless)
    done = tx.execute(
        query.values(status=status.value, status_reason=reason, status_at=time.time())
    )
    return done.rowcount == 1


def outdate(
    tx: Transaction, project_id: str, connector: str, *, client_id: str, development: bool
) -> None:
    """Mark the live connections that were made with other app credentials."""
    other_app = and_(connections.c.client_id != "", connections.c.client_id != client_id)
    tx.execute(
        update(connections)
        .where(
            connections.c.project_id == project_id,
            connections.c.connector == connector,
            connections.c.status == Status.CONNECTED.value,
            or_(connections.c.development != development, other_app),
        )
        .values(
            status=Status.NEEDS_REAUTHORISATION.value,
            status_reason="The app credentials of the project were changed after this account "
            "was connected.",
            status_at=time.time(),
        )
    )


def save_credential(
    tx: Transaction,
    connection: Connection,
    sealed: str,
    expires_at: float | None,
    *,
    refreshable: bool,
) -> None:
    """Set the credential of a connection, one version on from the one before.

    The first one's version is random: a server may still hold the credential that the connection
    had before it was disconnected, and must not take this one for that.
    """
    before = credential(tx, connection.project_id, connection.id)
    values = {
        "sealed": sealed,
        "version": before.version + 1 if before else 1 + secrets.randbelow(_FIRST_VERSIONS),
        "expires_at": expires_at,
        "refreshable": refreshable,
        "lease_owner": None,
        "lease_until": 0.0,
        "failures": 0,
        "retry_at": 0.0,
    }
    if before:
        tx.execute(
            update(credentials)
            .where(
                credentials.c.project_id == connection.project_id,
                credentials.c.connection_id == connection.id,
            )
            .values(values)
        )
    else:
        tx.execute(
            insert(credentials).values(
                connection_id=connection.id, project_id=connection.project_id, **values
            )
        )


def credential(tx: Transaction, project_id: str, connection_id: str) -> CredentialRow | None:
    """Return the sealed credential of a connection."""
    row = tx.execute(
        select(credentials).where(
            credentials.c.project_id == project_id,
            credentials.c.connection_id == connection_id,
        )
    ).first()
    return CredentialRow(**row._mapping) if row else None


def delete_credential(tx: Transaction, project_id: str, connection_id: str) -> None:
    """Forget the secret behind a connection."""
    tx.execute(
        delete(credentials).where(
            credentials.c.project_id == project_id,
            credentials.c.connection_id == connection_id,
        )
    )


def take_lease(tx: Transaction, row: CredentialRow, owner: str, now: float, until: float) -> bool:
    """Take the lease on a credential of a known version; say whether we have it."""
    done = tx.execute(
        update(credentials)
        .where(
            credentials.c.project_id == row.project_id,
            credentials.c.connection_id == row.connection_id,
            credentials.c.version == row.version,
            credentials.c.lease_until < now,
        )
        .values(lease_owner=owner, lease_until=until)
    )
    return done.rowcount == 1


def save_refreshed(
    tx: Transaction,
    row: CredentialRow,
    owner: str,
    sealed: str,
    expires_at: float | None,
    *,
    refreshable: bool,
) -> bool:
    """Store a renewed credential if version and lease are still ours."""
    done = tx.execute(
        update(credentials)
        .where(
            credentials.c.project_id == row.project_id,
            credentials.c.connection_id == row.connection_id,
            credentials.c.version == row.version,
            credentials.c.lease_owner == owner,
        )
        .values(
            sealed=sealed,
            version=row.version + 1,
            expires_at=expires_at,
            refreshable=refreshable,
            lease_owner=None,
            lease_until=0.0,
            failures=0,
            retry_at=0.0,
        )
    )
    return done.rowcount == 1


def release_lease(
    tx: Transaction, row: CredentialRow, owner: str, *, failures: int, retry_at: float
) -> None:
    """Give the lease back after a failure, if it is still ours."""
    tx.execute(
        update(credentials)
        .where(
            credentials.c.project_id == row.project_id,
            credentials.c.connection_id == row.connection_id,
            credentials.c.version == row.version,
            credentials.c.lease_owner == owner,
        )
        .values(lease_owner=None, lease_until=0.0, failures=failures, retry_at=retry_at)
    )


_COLUMNS = [column.name for column in connections.c]


def _connection(row: Row[Any]) -> Connection:
    return from_values(row._asdict())


def from_values(values: Mapping[str, Any]) -> Connection:
    """Make a connection from the values of its row, by column name."""
    known: dict[str, Any] = {name: values[name] for name in _COLUMNS}
    known["scopes"] = tuple(known["scopes"])
    known["status"] = Status(known["status"])
    return Connection(**known)


def _values(value: Connection) -> dict[str, Any]:
    values = {name: getattr(value, name) for name in _COLUMNS}
    return values | {
        "account": dict(value.account),
        "scopes": list(value.scopes),
        "status": value.status.value,
    }
