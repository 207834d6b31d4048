"""What connections and users look like in our API."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import fields, validate

from connector.models import Connection, Status, User
from connector.sdk_protocol import account_label
from connector.web.api.fields import Shape, Text, Time
from connector.web.api.paging import next_cursor_field

STATUSES = [status.value for status in Status]


def external_id_field(description: str, **options: Any) -> Text:
    """Return a field for an id that the host product gave."""
    return Text(longest=255, metadata={"description": description}, **options)


def status_field(**options: Any) -> fields.String:
    """Return a field for the status of a connection."""
    return fields.String(validate=validate.OneOf(STATUSES), **options)


class ConnectionSchema(Shape):
    """One user's authorised account on one connector."""

    id = fields.String(required=True)
    user = fields.String(
        required=True, metadata={"description": "The id that the host product gave the user."}
    )
    connector = fields.String(required=True)
    auth_mode = fields.String(required=True)
    region = fields.String(required=True)
    account_key = fields.String(
        required=True, metadata={"description": "The provider's identifier for the account."}
    )
    account = fields.Dict(
        values=fields.String(),
        required=True,
        metadata={"description": "What the provider said of the account; no secrets."},
    )
    account_label = fields.String(
        required=True, metadata={"description": "What a person knows the account by."}
    )
    external_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The id that the host product gave the connection, if any."},
    )
    development = fields.Boolean(
        required=True,
        metadata={"description": "Whether it leads to the sandbox, not to the provider."},
    )
    scopes = fields.List(fields.String(), required=True)
    status = status_field(required=True)
    status_reason = fields.String(required=True)
    status_at = Time(required=True)
    created_at = Time(required=True)


class ConnectionListSchema(Shape):
    """A page of connections, oldest first."""

    items = fields.List(fields.Nested(ConnectionSchema), required=True)
    next_cursor = next_cursor_field()


class UserSchema(Shape):
    """An end user of the host product, with their connections."""

    external_id = fields.String(
        required=True, metadata={"description": "The id that the host product gave the user."}
    )
    meta = fields.Dict(
        required=True, metadata={"description": "What the host product says of the user."}
    )
    created_at = Time(required=True)
    connections = fields.List(fields.Nested(ConnectionSchema), required=True)


class UserListSchema(Shape):
    """A page of users, in the order of their ids."""

    items = fields.List(fields.Nested(UserSchema), required=True)
    next_cursor = next_cursor_field()


def connection_form(connection: Connection, user: str) -> dict[str, Any]:
    """Return a connection with its user's external id, for the schema to pick from."""
    return {
        **dataclasses.asdict(connection),
        "status": connection.status.value,
        "user": user,
        "account_label": account_label(connection),
    }


def user_form(user: User, connections: list[Connection]) -> dict[str, Any]:
    """Return a user with those of the connections that are theirs."""
    own = [one for one in connections if one.user_id == user.id]
    return {
        **dataclasses.asdict(user),
        "connections": [connection_form(one, user.external_id) for one in own],
    }
