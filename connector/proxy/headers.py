"""Which headers pass, in either direction (RFC 9110, section 7.6.1, and what must stay ours)."""

from __future__ import annotations

import re
from collections.abc import Iterable

Headers = list[tuple[str, str]]

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
#: Credentials for us, what tells of the caller's browser or network, and our own control headers.
_NOT_UP = _HOP_BY_HOP | {
    "authorization",
    "cookie",
    "host",
    "content-length",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "origin",
    "referer",
    "x-request-id",
}
_NOT_UP_PREFIXES = ("x-forwarded-", "x-paragon-", "x-heapline-", "sec-", "proxy-", "cf-")
#: What would act on our own origin, or tell of the provider's servers.
_NOT_DOWN = _HOP_BY_HOP | {
    "set-cookie",
    "set-cookie2",
    "server",
    "date",
    "alt-svc",
    "strict-transport-security",
    "public-key-pins",
    "content-security-policy",
    "content-security-policy-report-only",
    "clear-site-data",
    "report-to",
    "reporting-endpoints",
    "nel",
    "x-powered-by",
    "x-request-id",
    "refresh",
}
_NOT_DOWN_PREFIXES = ("access-control-", "proxy-", "x-heapline-")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: The SDK sends this instead of a media type.
_AUTO = "auto"


def upward(headers: Headers, *, drop: Iterable[str] = ()) -> Headers:
    """Return the caller's headers that go to the provider."""
    named = _named_in_connection(headers)
    barred = _NOT_UP | named | {name.lower() for name in drop}
    return [
        (name, value)
        for name, value in headers
        if (lower := name.lower()) not in barred and not lower.startswith(_NOT_UP_PREFIXES)
    ]


def downward(headers: Headers) -> Headers:
    """Return the provider's headers that go back to the caller.

    What may not stand in a value becomes a space (RFC 9110, section 5.5).
    """
    barred = _NOT_DOWN | _named_in_connection(headers)
    return [
        (name, _CONTROL.sub(" ", value))
        for name, value in headers
        if (lower := name.lower()) not in barred and not lower.startswith(_NOT_DOWN_PREFIXES)
    ]


def with_media_type(headers: Headers, body: bytes | None, *, is_json: bool) -> Headers:
    """Replace the SDK's ``Content-Type: auto`` by what the body is."""
    given = next((value for name, value in headers if name.lower() == "content-type"), None)
    if given is not None and given.partition(";")[0].strip().lower() != _AUTO:
        return headers
    rest = [(name, value) for name, value in headers if name.lower() != "content-type"]
    if body is None or body == b"":
        return rest
    if given is None and not is_json:
        return rest
    return [*rest, ("Content-Type", "application/json" if is_json else "text/plain")]


def _named_in_connection(headers: Headers) -> set[str]:
    return {
        token.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for token in value.split(",")
    }
