"""Plain JSON data as expressions see it: kinds, texts, sizes."""

from __future__ import annotations

import difflib
import itertools
import json
import math
from collections.abc import Iterable
from typing import Any, TypeVar

from workflow.errors import ExpressionFailed

#: What a field may come to, in characters of compact JSON.
LARGEST = 5_000_000
LARGEST_NUMBER = 10**400
_DEEPEST = 100
#: What a message shows of the data. A longer value is described: half a secret is no longer
#: recognised, and so not masked, where messages are stored.
_SHOWN = 60
_NAMES_COMPARED = 1_000
Value = TypeVar("Value")
Number = TypeVar("Number", bound=int | float)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Missing:
    """Stands for a value that is not there, with what is known of why."""

    __slots__ = ("key", "known", "path", "reason")

    def __init__(
        self, path: str, reason: str, known: Iterable[str] = (), key: str | None = None
    ) -> None:
        self.path = path
        self.reason = reason
        self.known = known
        self.key = path.rpartition(".")[2] if key is None else key

    def nearest(self) -> str | None:
        """Return the existing key that was probably meant."""
        if len(self.key) > _SHOWN:
            return None
        names = (str(name) for name in self.known)
        short = itertools.islice((name for name in names if len(name) <= _SHOWN), _NAMES_COMPARED)
        found = difflib.get_close_matches(self.key, short, 1, 0.5)
        return found[0] if found else None


_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
    Missing: "missing",
}
_JSON = frozenset(_KINDS) - {Missing}


def kind(value: object) -> str:
    """Return the name of a value's type as people write it."""
    return _KINDS.get(type(value), type(value).__name__)


def is_number(value: object) -> bool:
    """Say whether a value is a number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_json(value: object) -> str:
    """Return a value as compact JSON.

    Raises
    ------
    ExpressionFailed
        If it holds what JSON has not.

    """
    try:
        # Most values in texts are numbers; an encoder takes ten times as long for one.
        return repr(value) if type(value) is int else _encode(value)
    except (TypeError, ValueError, RecursionError):
        raise ExpressionFailed(
            "It cannot be written as JSON: it is nested too deeply, or a number is too large."
        ) from None


def as_text(value: object) -> str:
    """Return a value as it goes into a text: a text as it is, all else as compact JSON.

    Raises
    ------
    ExpressionFailed
        If it is too large or holds what JSON has not.

    """
    if isinstance(value, str):
        return value
    return as_json(check_size(value) if isinstance(value, list | dict) else value)


def shown(value: object) -> str:
    """Return a value as messages show it: whole, or only what it is."""
    if isinstance(value, str | list | dict) and len(value) > _SHOWN:
        return f"{kind(value)} of length {len(value):,}"
    if isinstance(value, list | dict | Missing):
        return kind(value)
    if isinstance(value, int) and abs(value) > 10**_SHOWN:
        return "a number of many digits"
    return repr(value) if isinstance(value, str) else as_json(value)


def truth(value: object) -> bool:
    """Say whether a value counts as true: not null, false, zero, nor empty."""
    return bool(value)


def checked_number(value: Number) -> Number:
    """Return a number that is neither infinite nor too large.

    Raises
    ------
    ExpressionFailed
        If it is.

    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionFailed("A number is too large.")
    elif abs(value) > LARGEST_NUMBER:
        raise ExpressionFailed("A number is too large.")
    return value


def joined(texts: list[str], mark: str = "") -> str:
    """Join texts.

    Raises
    ------
    ExpressionFailed
        If the result would be too large.

    """
    if sum(map(len, texts)) + len(mark) * len(texts) > LARGEST:
        raise ExpressionFailed(_too_large())
    return mark.join(texts)


def check_size(value: Value) -> Value:
    """Return a value that is not too large, too deep, nor infinite.

    Raises
    ------
    ExpressionFailed
        If it is.

    """
    size_of(value)
    return value


def size_of(value: object) -> int:
    """Return about how many characters of JSON a value is, level by level.

    Raises
    ------
    ExpressionFailed
        If it is too large, too deep, infinite, or no JSON.

    """
    if isinstance(value, str) and len(value) <= LARGEST:
        return len(value)
    size = 0
    level: list[Any] = [[value]]
    for _depth in range(_DEEPEST + 2):
        inner: list[Any] = []
        for container in level:
            size += 2 + len(container) + _own_size(container, inner)
            if size > LARGEST:
                raise ExpressionFailed(_too_large())
        if not inner:
            return size
        level = inner
    raise ExpressionFailed(_too_large())


def _own_size(container: Any, inner: list[Any]) -> int:
    """Return the size of what a container holds itself; put the containers in it aside."""
    size, items = 0, container
    if isinstance(container, dict):
        size, items = sum(map(len, container)), list(container.values())
    kinds = set(map(type, items))
    for one in kinds:
        those = items if len(kinds) == 1 else [item for item in items if type(item) is one]
        if one is str:
            size += sum(map(len, those))
        elif one is int:
            size += sum(map(int.bit_length, those)) // 3
        elif one is list or one is dict:
            inner += those
        elif one is float and not all(map(math.isfinite, those)):
            raise ExpressionFailed("The result is not a finite number.")
        elif one not in _JSON:
            raise ExpressionFailed(f"The result is no JSON data but {kind(those[0])}.")
    return size


def _too_large() -> str:
    return (
        f"The result is larger than {LARGEST:,} characters or nested deeper than {_DEEPEST} levels."
    )
