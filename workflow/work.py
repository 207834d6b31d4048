"""How much one evaluation may do: counted in units of about fifty nanoseconds.

What filters look through and make is charged here, so that time and memory have a bound whatever
is written and however large the data are. Outside an evaluation nothing is counted.
"""

from __future__ import annotations

import threading
from types import TracebackType

from workflow.errors import ExpressionFailed

#: For all expressions of a step's input together: about a second on a slow machine.
MOST_WORK = 20_000_000
_PER_ITEM = 4


class _Counter(threading.local):
    left: int | None = None


_counter = _Counter()


class Counted:
    """Counts the work within; what is counted already goes on as it is."""

    __slots__ = ("_outermost",)

    def __enter__(self) -> None:
        self._outermost = _counter.left is None
        if self._outermost:
            _counter.left = MOST_WORK

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._outermost:
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


def charge_for(value: object) -> None:
    """Count what it takes to look through a value once, not what is in its items."""
    if isinstance(value, str):
        charge(len(value) + 1)
    elif isinstance(value, list | dict):
        charge(_PER_ITEM * len(value) + 1)
    else:
        charge(1)
