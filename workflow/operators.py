"""What operators do with two values: strictly, as JSON has it, and never without bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from workflow.errors import ExpressionFailed
from workflow.values import LARGEST, charge, is_number, kind

_LARGEST_NUMBER = 10**400


def calculated(symbol: str, calculate: Callable[[Any, Any], Any], one: Any, other: Any) -> Any:
    """Return the result of an arithmetic operator; + also joins two texts or two lists.

    Raises
    ------
    ExpressionFailed
        If the values do not fit or the result is too large.

    """
    if not (is_number(one) and is_number(other)):
        if symbol == "+" and kind(one) == kind(other) and isinstance(one, str | list):
            return _joined(one, other)
        raise ExpressionFailed(
            f"{symbol} takes numbers, not {kind(one)} and {kind(other)}. Texts are joined by ~."
        )
    try:
        value = calculate(one, other)
    except ZeroDivisionError:
        raise ExpressionFailed("Division by zero.") from None
    except OverflowError:
        raise ExpressionFailed("A number is too large.") from None
    check_number(value)
    return value


def check_number(value: Any) -> None:
    """Refuse a number that is too large.

    Raises
    ------
    ExpressionFailed
        If it is.

    """
    if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
        raise ExpressionFailed("A number is too large.")


def _joined(one: Any, other: Any) -> Any:
    if len(one) + len(other) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    charge(len(one) + len(other))
    return one + other


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def checked(one: Any, other: Any) -> bool:
        both_numbers = is_number(one) and is_number(other)
        if not both_numbers and not (isinstance(one, str) and isinstance(other, str)):
            raise ExpressionFailed(f"{kind(one)} and {kind(other)} have no order.")
        return compare(one, other)

    return checked


def _within(one: Any, other: Any) -> bool:
    match other:
        case str() if isinstance(one, str):
            return one in other
        case list():
            return any(_same(one, item) for item in other)
        case Mapping() if isinstance(one, str):
            return one in other
        case _:
            raise ExpressionFailed(f"{kind(other)} cannot hold {kind(one)}.")


#: By the names that Jinja2's parser gives them.
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": lambda one, other: not _same(one, other),
    "lt": _ordered(operator.lt),
    "lteq": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gteq": _ordered(operator.ge),
    "in": _within,
    "notin": lambda one, other: not _within(one, other),
}
