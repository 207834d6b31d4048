"""What a workflow finds of the request that starts it."""

from __future__ import annotations

from typing import Any

from flask import request

from connector import plain_json
from connector.errors import BodyInvalid
from connector.redaction import is_secret_name
from connector.web.guards import raw_body

#: Of a request's headers, what says nothing to a workflow or belongs to the protocol.
_DROPPED = ("x-paragon-", "x-forwarded-", "x-real-ip", "proxy-", "sec-", "accept", "origin")
_DROPPED_NAMES = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "idempotency-key", "referer"}
)


def request_data() -> dict[str, Any]:
    """Return the request as a run's trigger: method, headers, query, body; never a credential.

    Raises
    ------
    BodyInvalid
        If the body is no text.
    RequestTooLarge
        If it is longer than this server accepts.

    """
    return {
        "method": request.method,
        "headers": {
            name: value
            for name, value in headers().items()
            if not is_secret_name(name)
            and name not in _DROPPED_NAMES
            and not name.startswith(_DROPPED)
        },
        "query": query(),
        "body": _body(),
    }


def headers() -> dict[str, str]:
    """Return the headers by their names in small letters."""
    return {name.lower(): value for name, value in request.headers.items()}


def query() -> dict[str, Any]:
    """Return the query: a text for each name, a list where it is there more than once."""
    return {
        name: values[0] if len(values) == 1 else values for name, values in request.args.lists()
    }


def _body() -> Any:
    """Return JSON whatever the media type says: the SDK's does not tell; else the text."""
    raw = raw_body()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BodyInvalid("The body is no UTF-8 text.") from error
    if not text.strip():
        return None
    try:
        return plain_json.parsed(text)
    except ValueError:
        return text
