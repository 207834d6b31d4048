"""Plain JSON data as expressions see it: kinds, texts, sizes."""

from __future__ import annotations

import difflib
import json
import math
import threading
from collections.abc import Iterable, Mapping
from typing import TypeVar

from workflow.errors import ExpressionFailed

#: What a field may come to, in characters of compact JSON.
LARGEST = 5_000_000
#: What one expression may look through and make, in characters and items, all filters together.
MOST_WORK = 20_000_000
_DEEPEST = 100
Value = TypeVar("Value")


class _Work(threading.local):
    left = MOST_WORK


_work = _Work()


def begin_work() -> None:
    """Begin to count what an expression does."""
    _work.left = MOST_WORK


def charge(amount: int) -> None:
    """Count what an expression does.

    Raises
    ------
    ExpressionFailed
        If it has done too much.

    """
    _work.left -= amount
    if _work.left < 0:
        raise ExpressionFailed("It works through too much data.")


class Missing:
    """Stands for a value that is not there, with what is known of why."""

    __slots__ = ("known", "path", "reason")

    def __init__(self, path: str, reason: str, known: Iterable[str] = ()) -> None:
        self.path = path
        self.reason = reason
        self.known = known

    def nearest(self) -> str | None:
        """Return the existing key that was probably meant."""
        name = self.path.rpartition(".")[2]
        found = difflib.get_close_matches(name, [str(key) for key in self.known], 1, 0.5)
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


def kind(value: object) -> str:
    """Return the name of a value's type as people write it."""
    return _KINDS.get(type(value), type(value).__name__)


def is_number(value: object) -> bool:
    """Say whether a value is a number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_json(value: object) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def as_text(value: object) -> str:
    """Return a value as it goes into a text: a text as it is, all else as compact JSON."""
    return value if isinstance(value, str) else as_json(value)


def truth(value: object) -> bool:
    """Say whether a value counts as true: not null, false, zero, nor empty."""
    return bool(value)


def check_size(value: Value) -> Value:
    """Return a value that is not too large, too deep, nor infinite.

    Raises
    ------
    ExpressionFailed
        If it is.

    """
    if isinstance(value, str) and len(value) <= LARGEST:
        return value
    left, waiting = LARGEST, [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        left -= _own_size(one)
        if left < 0 or depth > _DEEPEST:
            raise ExpressionFailed(
                f"The result is larger than {LARGEST:,} characters or nested deeper than "
                f"{_DEEPEST} levels."
            )
        match one:
            case Mapping():
                left -= sum(map(len, one))
                waiting += [(item, depth + 1) for item in one.values()]
            case list():
                waiting += [(item, depth + 1) for item in one]
            case _:
                pass
    charge(LARGEST - left)
    return value


def _own_size(value: object) -> int:
    match value:
        case str():
            return len(value)
        case bool() | None:
            return 4
        case int():
            return value.bit_length() // 3 + 1
        case float():
            if not math.isfinite(value):
                raise ExpressionFailed("The result is not a finite number.")
            return 8
        case Mapping() | list():
            return 2 + len(value)
        case _:
            raise ExpressionFailed(f"The result is no JSON data but {kind(value)}.")
