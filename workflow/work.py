"""How much one evaluation may do: counted in units of about fifty nanoseconds.

What filters look through and make is charged here, so that time and memory have a bound whatever
is written and however large the data are. Outside an evaluation nothing is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from workflow.errors import ExpressionFailed

Given = ParamSpec("Given")
Result = TypeVar("Result")
#: For all expressions of a step's input together: about a second on a slow machine.
MOST_WORK = 20_000_000
_PER_ITEM = 4


class _Counter(threading.local):
    left: int | None = None


_counter = _Counter()


def counted(do: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Return what a function returns, its work counted; within what is counted, along with it."""
    if _counter.left is not None:
        return do(*given, **named)
    _counter.left = MOST_WORK
    try:
        return do(*given, **named)
    finally:
        _counter.left = None


def charge(units: int) -> None:
    """Count work.

    Raises
    ------
    ExpressionFailed
        If the evaluation has done too much.

    """
    left = _counter.left
    if left is not None:
        _counter.left = left = left - units
        if left < 0:
            raise ExpressionFailed("It works through too much data.")


def charge_for(*values: object) -> None:
    """Count what it takes to look through values once, not what is in their items."""
    units = 0
    for value in values:
        if isinstance(value, str):
            units += len(value)
        elif isinstance(value, list | dict):
            units += _PER_ITEM * len(value)
    charge(units + 1)
