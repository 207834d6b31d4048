"""Users and everything of theirs."""

from __future__ import annotations

from typing import Any

from connector.models import ApiKey
from connector.store import connections as connection_store
from connector.store import users as store
from connector.web.api.fields import Text
from connector.web.api.paging import Cursor, PageQuery, page
from connector.web.api.resource import Resource
from connector.web.api.schemas import UserListSchema, UserSchema, status_field, user_form
from connector.web.guards import runtime

resource = Resource("Users", __name__, "End users of the host product.")


class UserQuerySchema(PageQuery):
    """Which users to list."""

    search = Text(
        longest=255,
        shortest=0,
        metadata={"description": "Part of the user's id or of a connected account's."},
    )
    status = status_field(metadata={"description": "Users with a connection in this status."})
    cursor = Cursor(str)


@resource.route(
    "GET",
    "/users",
    scope="connections:read",
    query=UserQuerySchema,
    answer=UserListSchema,
)
def list_users(key: ApiKey, query: dict[str, Any]) -> dict[str, Any]:
    """List users."""
    with runtime().database.reading() as tx:
        users = store.page(
            tx,
            key.project_id,
            search=query.get("search", ""),
            status=query.get("status"),
            after=query.get("cursor", [None])[0],
            limit=query["limit"] + 1,
        )
        ids = [user.id for user in users]
        connections = connection_store.of_users(tx, key.project_id, ids)
    return page(
        users,
        query["limit"],
        lambda user: user_form(user, connections),
        lambda user: (user.external_id,),
    )


@resource.route(
    "GET",
    "/users/<external_id:external_id>",
    scope="connections:read",
    answer=UserSchema,
    fails=(404,),
)
def get_user(key: ApiKey, external_id: str) -> dict[str, Any]:
    """Get a user.

    Percent-encode the id, slashes too.
    """
    return user_form(*runtime().connections.of_user(key.project_id, external_id))


@resource.route(
    "DELETE",
    "/users/<external_id:external_id>",
    scope="connections:write",
    status=204,
    fails=(404,),
)
def delete_user(key: ApiKey, external_id: str) -> None:
    """Delete a user.

    Deletes everything of theirs: connections with their secrets, settings and the request log.
    Nothing is deleted at the provider.
    """
    runtime().connections.delete_user(key.project_id, external_id)
