"""Filters of dates: texts in ISO 8601 with an offset, or seconds since 1970."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workflow.arguments import need_number, need_text
from workflow.errors import ExpressionFailed
from workflow.values import as_text, is_number


def _moment(value: Any) -> datetime:
    try:
        if is_number(value):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(need_text(value).strip())
    except (ValueError, OverflowError, OSError):
        raise ExpressionFailed(f"{as_text(value)[:40]!r} is no date (ISO 8601).") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _zone(name: Any) -> tzinfo:
    try:
        return ZoneInfo(need_text(name, "The time zone"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExpressionFailed(f"There is no time zone {name!r}; try Europe/Berlin.") from None


def date_text(value: Any, pattern: Any, zone: Any = "UTC") -> str:
    """Return a date as a pattern of strftime says."""
    local = _moment(value).astimezone(_zone(zone))
    written = need_text(pattern, "The pattern")
    if len(written) > 200:
        raise ExpressionFailed("The pattern is longer than 200 characters.")
    return local.strftime(written)


_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


def add_time(value: Any, amount: Any, unit: Any) -> str:
    """Return a date so much later, or earlier."""
    seconds = _UNITS.get(need_text(unit, "The unit").removesuffix("s"))
    if seconds is None:
        raise ExpressionFailed(f"The unit is one of {', '.join(_UNITS)}.")
    try:
        return _written(
            _moment(value) + timedelta(seconds=need_number(amount, "The amount") * seconds)
        )
    except OverflowError:
        raise ExpressionFailed("The date is out of range.") from None


def timestamp(value: Any) -> int | float:
    """Return a date as seconds since 1970."""
    seconds = _moment(value).timestamp()
    return int(seconds) if seconds == int(seconds) else seconds


def iso(value: Any, zone: Any = "UTC") -> str:
    """Return a date in ISO 8601, in a time zone."""
    return _written(_moment(value).astimezone(_zone(zone)))


def day(value: Any, zone: Any = "UTC") -> str:
    """Return the day of a date in a time zone."""
    local: date = _moment(value).astimezone(_zone(zone)).date()
    return local.isoformat()
