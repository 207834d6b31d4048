"""The request log: what the proxy did, with secrets left out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.store import requests as store
from connector.web.api.fields import QueryFlag, Shape, Text, Time
from connector.web.api.paging import Cursor, PageQuery, next_cursor_field, page
from connector.web.api.resource import Resource
from connector.web.api.schemas import external_id_field
from connector.web.guards import runtime

resource = Resource("Request log", __name__, "What the proxy did, with secrets left out.")


class RequestQuerySchema(PageQuery):
    """Which entries to list."""

    user = external_id_field("The id that the host product gave the user.")
    connection = Text(longest=64, metadata={"description": "Id of a connection."})
    failed = QueryFlag(
        load_default=False,
        metadata={"description": "Only those that ended with a status from 400 or an error code."},
    )
    cursor = Cursor(int)


class AttemptSchema(Shape):
    """One try of a proxy request."""

    status = fields.Integer(metadata={"description": "The provider's status, if it answered."})
    error = fields.String(metadata={"description": "The error code, if it did not."})
    ms = fields.Float(required=True)


class LoggedRequestSchema(Shape):
    """One proxy request."""

    request_id = fields.String(required=True)
    user = fields.String(required=True)
    connection_id = fields.String(required=True, allow_none=True)
    connector = fields.String(required=True)
    action = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The connector's action that it was, if any."},
    )
    method = fields.String(required=True)
    target = fields.String(required=True)
    status = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The provider's status; null if no answer was passed on."},
    )
    error_code = fields.String(required=True, allow_none=True)
    attempts = fields.List(fields.Nested(AttemptSchema), required=True)
    duration_ms = fields.Float(required=True)
    request_bytes = fields.Integer(required=True)
    response_bytes = fields.Integer(required=True)
    created_at = Time(required=True)


class LoggedRequestListSchema(Shape):
    """A page of the request log, newest first."""

    items = fields.List(fields.Nested(LoggedRequestSchema), required=True)
    next_cursor = next_cursor_field()


@resource.route(
    "GET",
    "/requests",
    scope="requests:read",
    query=RequestQuerySchema,
    answer=LoggedRequestListSchema,
)
def list_requests(key: ApiKey, query: dict[str, Any]) -> dict[str, Any]:
    """List proxy requests."""
    with runtime().database.reading() as tx:
        entries = store.page(
            tx,
            key.project_id,
            user=query.get("user"),
            connection_id=query.get("connection"),
            failed=query["failed"],
            before=query.get("cursor", [None])[0],
            limit=query["limit"] + 1,
        )
    return page(entries, query["limit"], lambda entry: entry, lambda entry: (entry.id,))
