"""Time zones by name: those of the tz database and no other file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from workflow.arguments import need_text
from workflow.errors import ExpressionFailed
from workflow.values import Missing, shown

#: Asked before a file is opened: what is written in an expression names none but these.
NAMES = frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def zone(name: Any) -> ZoneInfo:
    """Return a time zone.

    Raises
    ------
    ExpressionFailed
        If there is none of that name.

    """
    if need_text(name, "The time zone") not in NAMES:
        nearest = Missing(name, "", sorted(NAMES), name).nearest() or "Europe/Berlin"
        raise ExpressionFailed(f"There is no time zone {shown(name)}. Did you mean {nearest!r}?")
    return _opened(name)


@cache
def _opened(name: str) -> ZoneInfo:
    return ZoneInfo(name)
