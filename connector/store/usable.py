"""What a verified user may use: the look-up on the path of every proxy request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from connector.database import Transaction
from connector.models import Connection, CredentialRow
from connector.store.connections import from_values
from connector.tables import connections, credentials, signing_keys, users
from workflow.prepared import Prepared

_CREDENTIAL_COLUMNS = [(column.name, f"cr_{column.name}") for column in credentials.c]

_COLUMNS: tuple[Any, ...] = (
    connections,
    *(column.label(f"cr_{column.name}") for column in credentials.c),
)
_OF_USER = users.join(connections, connections.c.user_id == users.c.id)
_WITH_CREDENTIALS = credentials.c.connection_id == connections.c.id
_MINE = (
    users.c.project_id == bindparam("project_id"),
    users.c.external_id == bindparam("user"),
    connections.c.connector == bindparam("connector"),
)
_OLDEST_FIRST = (connections.c.created_at, connections.c.id)
#: One look-up for the path of every proxy request: the key that signed the token is still active,
#: and the connections of that user on that connector with their credentials.
_FOR_REQUEST = Prepared(
    select(*_COLUMNS)
    .select_from(
        _OF_USER.join(signing_keys, signing_keys.c.project_id == users.c.project_id).outerjoin(
            credentials, _WITH_CREDENTIALS
        )
    )
    .where(
        *_MINE,
        signing_keys.c.id == bindparam("signing_key_id"),
        signing_keys.c.revoked_at.is_(None),
    )
    .order_by(*_OLDEST_FIRST)
)
_FOR_SERVER = Prepared(
    select(*_COLUMNS)
    .select_from(_OF_USER.outerjoin(credentials, _WITH_CREDENTIALS))
    .where(*_MINE)
    .order_by(*_OLDEST_FIRST)
)


def for_request(
    tx: Transaction, project_id: str, user: str, connector: str, signing_key_id: str
) -> list[tuple[Connection, CredentialRow | None]]:
    """Return what a verified user may use on a connector, oldest first, in one query."""
    rows = _FOR_REQUEST.run(
        tx,
        {
            "project_id": project_id,
            "user": user,
            "connector": connector,
            "signing_key_id": signing_key_id,
        },
    )
    return [(from_values(row), _joined_credential(row)) for row in rows]


def for_server(
    tx: Transaction, project_id: str, user: str, connector: str
) -> list[tuple[Connection, CredentialRow | None]]:
    """Return what the server itself may use for a user on a connector, oldest first."""
    rows = _FOR_SERVER.run(tx, {"project_id": project_id, "user": user, "connector": connector})
    return [(from_values(row), _joined_credential(row)) for row in rows]


def _joined_credential(values: Mapping[str, Any]) -> CredentialRow | None:
    if values["cr_connection_id"] is None:
        return None
    return CredentialRow(**{name: values[joined] for name, joined in _CREDENTIAL_COLUMNS})
