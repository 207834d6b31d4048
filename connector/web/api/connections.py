"""Connections: find them and end them."""

from __future__ import annotations

from typing import Any

from connector.database import Transaction
from connector.errors import NotFound
from connector.models import ApiKey
from connector.store import connections as store
from connector.store import users as user_store
from connector.web.api.fields import Text
from connector.web.api.paging import Cursor, PageQuery, page
from connector.web.api.resource import Resource
from connector.web.api.schemas import (
    ConnectionListSchema,
    ConnectionSchema,
    connection_form,
    external_id_field,
    status_field,
)
from connector.web.guards import runtime

resource = Resource("Connections", __name__, "Accounts that users have connected.")


class ConnectionQuerySchema(PageQuery):
    """Which connections to list."""

    user = external_id_field("The id that the host product gave the user.")
    connector = Text(longest=64)
    status = status_field()
    cursor = Cursor(float, str)


@resource.route(
    "GET",
    "/connections",
    scope="connections:read",
    query=ConnectionQuerySchema,
    answer=ConnectionListSchema,
)
def list_connections(key: ApiKey, query: dict[str, Any]) -> dict[str, Any]:
    """List connections."""
    with runtime().database.reading() as tx:
        rows = store.page(
            tx,
            key.project_id,
            user=query.get("user"),
            connector=query.get("connector"),
            status=query.get("status"),
            after=query.get("cursor"),
            limit=query["limit"] + 1,
        )
    return page(
        rows,
        query["limit"],
        lambda row: connection_form(*row),
        lambda row: (row[0].created_at, row[0].id),
    )


@resource.route(
    "GET",
    "/connections/<id:connection_id>",
    scope="connections:read",
    answer=ConnectionSchema,
    fails=(404,),
)
def get_connection(key: ApiKey, connection_id: str) -> dict[str, Any]:
    """Get a connection."""
    with runtime().database.reading() as tx:
        return _form(tx, key.project_id, connection_id)


@resource.route(
    "DELETE",
    "/connections/<id:connection_id>",
    scope="connections:write",
    answer=ConnectionSchema,
    fails=(404,),
)
def disconnect(key: ApiKey, connection_id: str) -> dict[str, Any]:
    """Disconnect an account.

    Forgets its secret. The connection stays listed as disconnected, and the same account of the
    same user brings it back under the same id. A repeat changes nothing.
    """
    runtime().connections.disconnect(key.project_id, connection_id, "Disconnected by the API.")
    with runtime().database.reading() as tx:
        return _form(tx, key.project_id, connection_id)


def _form(tx: Transaction, project_id: str, connection_id: str) -> dict[str, Any]:
    connection = store.find(tx, project_id, connection_id)
    if connection is None:
        raise NotFound
    user = user_store.find_by_id(tx, project_id, connection.user_id)
    if user is None:
        raise NotFound
    return connection_form(connection, user.external_id)
