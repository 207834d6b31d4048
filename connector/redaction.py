"""Keep secrets out of everything that is written: by name, by shape and by value.

Values that were opened or received at run time are registered with :func:`remember`; from then on
the text of a log line, in any common encoding, has them replaced. Names and shapes catch what was
never registered.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit, urlunsplit

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
    r"|(?<=/connect/go/)[A-Za-z0-9_-]{20,}|(?<=/connect/link/)[A-Za-z0-9_-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----"
)
#: A secret by its name in the query of an address that stands in a text.
_SECRET_QUERY = re.compile(r"""([?&;]([\w.\-]{1,64})=)([^&;\s"'<>\\]+)""")
_DEEPEST = 12


class _Values:
    """The values to mask, in all their encodings, found by how they end: tokens begin alike.

    However many there are, a text is searched in one pass: each position is looked up once.
    """

    shortest = 8
    most = 20_000

    def __init__(self) -> None:
        self._forms: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._by_end: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        """Mask a value from now on; the one longest unused makes room."""
        if len(value) < self.shortest:
            return
        with self._lock:
            if value in self._forms:
                self._forms.move_to_end(value)
                return
            self._forms[value] = forms = _encodings(value, self.shortest)
            for form in forms:
                self._set(form, {*self._ending(form), form})
            if len(self._forms) > self.most:
                for form in self._forms.popitem(last=False)[1]:
                    self._set(form, {*self._ending(form)} - {form})

    def masked(self, text: str) -> str:
        """Return the text with every value masked."""
        parts, kept = [], 0
        for start, end in sorted(self._found(text)):
            if start >= kept:
                parts += [text[kept:start], MASK]
            kept = max(kept, end)
        return "".join([*parts, text[kept:]])

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where values begin and end."""
        if self._by_end:
            for end in range(self.shortest, len(text) + 1):
                for form in self._by_end.get(text[end - self.shortest : end], ()):
                    if text.endswith(form, 0, end):
                        yield end - len(form), end
                        break

    def _ending(self, form: str) -> tuple[str, ...]:
        return self._by_end.get(form[-self.shortest :], ())

    def _set(self, form: str, forms: set[str]) -> None:
        if forms:
            longest_first = tuple(sorted(forms, key=len, reverse=True))
            self._by_end[form[-self.shortest :]] = longest_first
        else:
            self._by_end.pop(form[-self.shortest :], None)


_values = _Values()


def remember(*values: str | None) -> None:
    """Have these values masked in all text from now on, in this process."""
    for value in values:
        if value:
            _values.add(value)


def redact_text(text: str) -> str:
    """Return the text with every known secret and every secret-shaped part masked."""
    masked = _SECRET_SHAPE.sub(MASK, _values.masked(text))
    return _SECRET_QUERY.sub(_without_value, masked) if "=" in masked else masked


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


def redact_values(value: Any) -> Any:
    """Return a copy of JSON data with known secrets masked in its texts; all else stays."""
    if isinstance(value, str):
        return _values.masked(value)
    if isinstance(value, Mapping):
        return {_values.masked(str(key)): redact_values(val) for key, val in value.items()}
    if isinstance(value, list):
        return [redact_values(item) for item in value]
    return value


def redact_url(url: str) -> str:
    """Return the address with user name, password, secret query values and fragment left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return redact_text(url)
    netloc = parts.netloc.rpartition("@")[2]
    query = "&".join(_masked_pair(pair) for pair in parts.query.split("&"))
    return redact_text(urlunsplit((parts.scheme, netloc, parts.path, query, "")))


def is_secret_name(name: str) -> bool:
    """Say whether a field of this name holds a secret by convention."""
    return bool(_SECRET_NAME.search(name))


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and is_secret_name(unquote_plus(name)) else pair


def _without_value(found: re.Match[str]) -> str:
    return found[1] + MASK if is_secret_name(found[2]) else found[0]


def _encodings(value: str, shortest: int) -> tuple[str, ...]:
    raw = value.encode("utf-8", "replace")
    cores = [_base64_core(raw, shift) for shift in range(3)]
    forms = {
        value,
        quote(raw, safe=""),
        quote_plus(raw),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        *cores,
        *(core.replace("+", "-").replace("/", "_") for core in cores),
    }
    return tuple(form for form in forms if len(form) >= shortest)


def _base64_core(raw: bytes, shift: int) -> str:
    """Return the part of the value's Base64 that is the same whatever stands around it."""
    encoded = base64.b64encode(b"\0" * shift + raw).decode()
    start = {0: 0, 1: 2, 2: 3}[shift]
    whole = (shift + len(raw)) * 8 // 6
    return encoded[start:whole]
