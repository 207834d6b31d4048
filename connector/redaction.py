"""Keep secrets out of everything that is written: by name, by shape and by value.

Values that were opened or received at run time are registered with :func:`remember`; from then on
the text of a log line, in any common encoding, has them replaced. Names and shapes catch what was
never registered.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"(authorization|cookie|password|passwd|secret|api[-_]?key|access[-_]?token|refresh[-_]?token|"
    r"id[-_]?token|user[-_]?token|client[-_]?secret|credential|private[-_]?key|assertion|"
    r"code[-_]?verifier|^code$|^state$|^token$|signature|session[-_]?id)",
    re.IGNORECASE,
)
_SECRET_SHAPE = re.compile(
    r"(?i:bearer|basic)\s+[A-Za-z0-9\-._~+/]{8,}=*"  # an Authorization value
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}"  # a JWT
    r"|hlk_[A-Za-z0-9_-]{20,}"  # an API key of ours
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----"
)
_SHORTEST = 8
_MOST = 4096
_DEEPEST = 12

_lock = threading.Lock()
_values: OrderedDict[str, tuple[str, ...]] = OrderedDict()


def remember(*values: str | None) -> None:
    """Have these values masked in all text from now on, in this process."""
    with _lock:
        for value in values:
            if value and len(value) >= _SHORTEST:
                _values[value] = _encodings(value)
                _values.move_to_end(value)
        while len(_values) > _MOST:
            _values.popitem(last=False)


def redact_text(text: str) -> str:
    """Return the text with every known secret and every secret-shaped part masked."""
    with _lock:
        known = [form for forms in _values.values() for form in forms]
    for form in known:
        if form in text:
            text = text.replace(form, MASK)
    return _SECRET_SHAPE.sub(MASK, text)


def redact(value: Any, depth: int = 0) -> Any:
    """Return a copy of plain data with secrets masked by key name, shape and value."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return {
            str(key): MASK
            if is_secret_name(str(key)) and val not in (None, "", True, False)
            else redact(val, depth + 1)
            for key, val in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [redact(item, depth + 1) for item in value]
    if value is None or isinstance(value, int | float | bool):
        return value
    return redact_text(str(value))


def redact_url(url: str) -> str:
    """Return the address with user name, password and secret query values masked."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    pairs = [
        (key, MASK if is_secret_name(key) else val)
        for key, val in parse_qsl(parts.query, keep_blank_values=True)
    ]
    query = urlencode(pairs) if pairs else parts.query
    return redact_text(urlunsplit((parts.scheme, netloc, parts.path, query, "")))


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name holds a secret by convention."""
    return bool(_SECRET_NAME.search(name))


def _encodings(value: str) -> tuple[str, ...]:
    raw = value.encode()
    forms = {
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        *(_base64_core(raw, shift) for shift in range(3)),
    }
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True))


def _base64_core(raw: bytes, shift: int) -> str:
    """Return the part of the value's Base64 that is the same whatever stands around it."""
    encoded = base64.b64encode(b"\0" * shift + raw).decode()
    start = {0: 0, 1: 2, 2: 3}[shift]
    whole = (shift + len(raw)) * 8 // 6
    return encoded[start:whole]
