"""Filters of numbers."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from workflow.arguments import need_number, need_text, need_whole
from workflow.errors import ExpressionFailed
from workflow.values import checked_number, is_number, shown, truth

_MOST_PLACES = 20
_LONGEST_NUMBER = 400
#: As JSON writes numbers, and with a sign, zeros before it, or nothing on one side of the point.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0", ""), False),
}


def number(value: Any) -> int | float:
    """Return the number that a text holds."""
    if is_number(value):
        return value  # type: ignore[no-any-return]
    text = need_text(value).strip()
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ExpressionFailed(f"{shown(text)} is no number.")
    whole = text.lstrip("+-").isdigit()
    return checked_number(int(text) if whole else float(text))


def whole(value: Any) -> int:
    """Return a number, or the one that a text holds, without what is after its point."""
    return int(checked_number(number(value)))


def rounded(value: Any, digits: Any = 0) -> int | float:
    """Return a number rounded to digits after the point, halves away from zero."""
    exact = _quantized(value, need_whole(digits, "The digits", -400, 400))
    if exact is None:
        return value  # type: ignore[no-any-return]
    return int(exact) if digits <= 0 else float(exact)


def decimals(value: Any, places: Any, thousands: Any = "", point: Any = ".") -> str:
    """Return a number as a text with digits after the point, and a mark between thousands."""
    digits = need_whole(places, "The places", 0, _MOST_PLACES)
    exact = _quantized(value, digits)
    if exact is None:
        raise ExpressionFailed("The number has too many digits.")
    written = f"{exact or abs(exact):,.{digits}f}"
    marks = {",": _short(thousands, "The mark"), ".": _short(point, "The point")}
    return "".join(marks.get(sign, sign) for sign in written)


def floor(value: Any) -> int:
    """Return the next whole number below."""
    return math.floor(checked_number(need_number(value)))


def ceil(value: Any) -> int:
    """Return the next whole number above."""
    return math.ceil(checked_number(need_number(value)))


def absolute(value: Any) -> int | float:
    """Return a number without its sign."""
    return abs(need_number(value))


def boolean(value: Any) -> bool:
    """Return whether a value counts as true, and what a text such as yes says."""
    if not isinstance(value, str):
        return truth(value)
    word = value[:10].strip().lower()
    if len(value) > 10 or word not in _WORDS:
        raise ExpressionFailed(f"{shown(value)} is neither true nor false.")
    return _WORDS[word]


def even(value: Any) -> bool:
    """Say whether a whole number is even."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionFailed(f"It must be a whole number, not {shown(value)}.")
    return value % 2 == 0


def _quantized(value: Any, places: int) -> Decimal | None:
    """Return a number with so many digits after the point, if it has few enough in all."""
    exact = Decimal(repr(checked_number(need_number(value))))
    try:
        return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        return None


def _short(value: Any, what: str) -> str:
    if len(need_text(value, what)) > 5:
        raise ExpressionFailed(f"{what} has five characters or fewer.")
    return value  # type: ignore[no-any-return]
