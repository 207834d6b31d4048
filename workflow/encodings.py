"""Filters of JSON, Base64, addresses and hashes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from workflow.arguments import need_object, need_text
from workflow.errors import ExpressionFailed
from workflow.values import as_text, check_size


def from_json(value: Any) -> Any:
    """Return the data that a JSON text holds."""
    try:
        return check_size(json.loads(need_text(value)))
    except (ValueError, RecursionError):
        raise ExpressionFailed("It is no JSON.") from None


def from_base64(value: Any) -> str:
    """Return the text that Base64 of either alphabet holds."""
    raw = need_text(value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ExpressionFailed("It is no Base64 of text.") from None


def query(value: Any) -> str:
    """Return an object as the query of an address."""
    pairs = need_object(value).items()
    return urllib.parse.urlencode([(key, as_text(item)) for key, item in pairs])


def digest(algorithm: str) -> Callable[[Any], str]:
    """Return a filter that hashes, in hexadecimal."""
    return lambda value: hashlib.new(algorithm, as_text(value).encode()).hexdigest()


def named_uuid(value: Any) -> str:
    """Return an id that is the same for the same text (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, need_text(value)))
