"""Filters of JSON, Base64, addresses and hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from workflow.arguments import need_object, need_text
from workflow.errors import ExpressionFailed
from workflow.values import as_json, as_text, check_size
from workflow.work import charge

#: What a character costs: as JSON it may be a list of its own, in an address it is three.
_JSON_READ, _QUOTED = 8, 20


def to_json(value: Any) -> str:
    """Return a value as compact JSON."""
    return as_json(check_size(value))


def from_json(value: Any) -> Any:
    """Return the data that a JSON text holds."""
    text = need_text(value)
    charge(_JSON_READ * len(text))
    try:
        found = check_size(json.loads(text))
    except (ValueError, RecursionError):
        raise ExpressionFailed("It is no JSON.") from None
    if "\\ud" in text.lower():
        _bytes(as_json(found))
    return found


def to_base64(value: Any) -> str:
    """Return a value in Base64."""
    return base64.b64encode(_bytes(value)).decode()


def from_base64(value: Any) -> str:
    """Return the text that Base64 of either alphabet holds."""
    raw = need_text(value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ExpressionFailed("It is no Base64 of text.") from None


def to_url(value: Any) -> str:
    """Return a value as it goes into an address."""
    raw = _bytes(value)
    charge(_QUOTED * len(raw))
    return urllib.parse.quote_from_bytes(raw, safe="")


def from_url(value: Any) -> str:
    """Return the text that stands in an address."""
    text = need_text(value)
    charge(_QUOTED * len(text))
    try:
        return urllib.parse.unquote(text, errors="strict")
    except ValueError:
        raise ExpressionFailed("It is no text in UTF-8.") from None


def query(value: Any) -> str:
    """Return an object as the query of an address."""
    return "&".join(f"{_plus(key)}={_plus(item)}" for key, item in need_object(value).items())


def _plus(value: Any) -> str:
    raw = _bytes(value)
    charge(_QUOTED * (len(raw) + 2))
    return urllib.parse.quote_from_bytes(raw, safe=" ").replace(" ", "+")


def to_html(value: Any) -> str:
    """Return a value as it goes into HTML."""
    return html.escape(as_text(value))


def digest(algorithm: str) -> Callable[[Any], str]:
    """Return a filter that hashes, in hexadecimal."""

    def hashed(value: Any) -> str:
        return hashlib.new(algorithm, _bytes(value), usedforsecurity=False).hexdigest()

    return hashed


def named_uuid(value: Any) -> str:
    """Return an id that is the same for the same text (RFC 9562, version 5)."""
    raw = hashlib.sha1(uuid.NAMESPACE_URL.bytes + _bytes(need_text(value)), usedforsecurity=False)
    return str(uuid.UUID(bytes=raw.digest()[:16], version=5))


def _bytes(value: Any) -> bytes:
    try:
        return as_text(value).encode()
    except UnicodeEncodeError:
        raise ExpressionFailed("It holds half of a character (a lone surrogate).") from None
