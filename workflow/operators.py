"""What operators do with two values: strictly, as JSON has it, and never without bounds."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from workflow.errors import ExpressionFailed
from workflow.values import LARGEST, checked_number, is_number, kind, shown
from workflow.work import charge, charge_for

#: What comparing a list or an object costs, and each of its items.
_CONTAINER, _COMPARED = 120, 8


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
        return checked_number(calculate(one, other))
    except ZeroDivisionError:
        raise ExpressionFailed("Division by zero.") from None
    except OverflowError:
        raise ExpressionFailed("A number is too large.") from None


def _joined(one: Any, other: Any) -> Any:
    if len(one) + len(other) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    charge_for(one, other)
    return one + other


def signed(calculate: Callable[[Any], Any], value: Any) -> Any:
    """Return a number with a sign before it.

    Raises
    ------
    ExpressionFailed
        If it is no number.

    """
    if not is_number(value):
        raise ExpressionFailed(f"A sign goes before a number, not before {kind(value)}.")
    return calculate(value)


def cut(value: Any, start: Any, stop: Any) -> Any:
    """Return a part of a text or list.

    Raises
    ------
    ExpressionFailed
        If it is neither, or an end is no whole number.

    """
    for number in (start, stop):
        if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
            raise ExpressionFailed(f"The ends of a slice are whole numbers, not {shown(number)}.")
    if not isinstance(value, str | list):
        raise ExpressionFailed(f"A part can be cut from text and lists, not from {kind(value)}.")
    part = value[start:stop]
    charge_for(part)
    return part


def same(one: Any, other: Any) -> bool:
    """Compare as JSON does, however deep: 1 is 1.0, and true is not 1."""
    if not isinstance(one, list | dict):
        return _alike(one, other)
    levels: list[Iterator[tuple[Any, Any]]] = [iter(((one, other),))]
    while levels:
        for left, right in levels[-1]:
            if not _alike(left, right):
                return False
            if isinstance(left, list | dict):
                levels.append(_pairs(left, right))
                break
        else:
            levels.pop()
    return True


def _alike(one: Any, other: Any) -> bool:
    """Compare two values without what is in them."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys()
    return bool(one == other)


def _pairs(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    charge(_CONTAINER + _COMPARED * len(one))
    if isinstance(one, list):
        return zip(one, other, strict=True)
    return ((item, other[key]) for key, item in one.items())


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def checked(one: Any, other: Any) -> bool:
        both_numbers = is_number(one) and is_number(other)
        if not both_numbers and not (isinstance(one, str) and isinstance(other, str)):
            raise ExpressionFailed(f"{kind(one)} and {kind(other)} have no order.")
        return compare(one, other)

    return checked


def _within(one: Any, other: Any) -> bool:
    charge_for(other)
    match other:
        case str() if isinstance(one, str):
            return one in other
        case list():
            charge(_COMPARED * len(other))
            return one in other and any(same(one, item) for item in other)
        case dict() if isinstance(one, str):
            return one in other
        case _:
            raise ExpressionFailed(f"{kind(other)} cannot hold {kind(one)}.")


#: By the names that Jinja2's parser gives them.
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": same,
    "ne": lambda one, other: not same(one, other),
    "lt": _ordered(operator.lt),
    "lteq": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "gteq": _ordered(operator.ge),
    "in": _within,
    "notin": lambda one, other: not _within(one, other),
}
