"""Filters of dates: texts in ISO 8601 with an offset, or seconds since 1970."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from workflow import date_patterns
from workflow.arguments import need_number, need_text
from workflow.errors import ExpressionFailed
from workflow.values import is_number, shown
from workflow.zones import zone as zone_of

_LONGEST_DATE = 60
#: Time that passes, and what is counted on a calendar: a day has not always 24 hours.
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_UNITS = (*_SECONDS, *_DAYS, *_MONTHS)


def iso(value: Any, zone: Any = "UTC") -> str:
    """Return a date in ISO 8601, in a time zone."""
    return _written(_local(value, zone))


def day(value: Any, zone: Any = "UTC") -> str:
    """Return the day of a date in a time zone."""
    return _local(value, zone).date().isoformat()


def date_text(value: Any, pattern: Any, zone: Any = "UTC") -> str:
    """Return a date as a pattern such as %d.%m.%Y says."""
    return date_patterns.written(_local(value, zone), need_text(pattern, "The pattern"))


def from_date(value: Any, pattern: Any, zone: Any = "UTC") -> str:
    """Return the date that a text holds, written as a pattern such as %d.%m.%Y says."""
    found = date_patterns.read(need_text(value), need_text(pattern, "The pattern"))
    return _written(found if found.tzinfo else found.replace(tzinfo=zone_of(zone)))


def timestamp(value: Any) -> int | float:
    """Return a date as seconds since 1970."""
    seconds = _moment(value).timestamp()
    return int(seconds) if seconds == int(seconds) else seconds


def add_time(value: Any, amount: Any, unit: Any, zone: Any = None) -> str:
    """Return a date so much later, or earlier; days and longer by the calendar of a time zone."""
    moment, name = _moment(value), _unit(unit)
    number = need_number(amount, "The amount")
    try:
        local = moment if zone is None else moment.astimezone(zone_of(zone))
        if name in _SECONDS:
            later = local.astimezone(UTC) + timedelta(seconds=number * _SECONDS[name])
            return _written(later.astimezone(local.tzinfo))
        if name in _DAYS:
            return _written(_existing(local + timedelta(days=number * _DAYS[name])))
        return _written(_existing(_months_later(local, amount, _MONTHS[name])))
    except (OverflowError, ValueError):
        raise ExpressionFailed("The date is out of range.") from None


def time_until(value: Any, other: Any, unit: Any = "second") -> int | float:
    """Return how long it is from a date to another, in seconds up to weeks."""
    lengths = {**_SECONDS, **{name: 86_400 * days for name, days in _DAYS.items()}}
    name = _unit(unit)
    if name not in lengths:
        raise ExpressionFailed(f"The unit is one of {', '.join(lengths)}.")
    length = (_moment(other) - _moment(value)) / timedelta(seconds=lengths[name])
    return int(length) if length == int(length) else length


def start_of(value: Any, unit: Any, zone: Any = "UTC") -> str:
    """Return the start of the hour, day, week (Monday), month, quarter or year of a date."""
    local, name = _local(value, zone).replace(second=0, microsecond=0), _unit(unit)
    if name in _SECONDS:
        return _written(local if name == "minute" else local.replace(minute=0))
    start = local.replace(hour=0, minute=0, fold=0)
    try:
        if name == "week":
            start -= timedelta(days=start.weekday())
        elif name in _MONTHS:
            months = _MONTHS[name]
            start = start.replace(month=(start.month - 1) // months * months + 1, day=1)
        return _written(_existing(start))
    except OverflowError:
        raise ExpressionFailed("The date is out of range.") from None


def _unit(unit: Any) -> str:
    name = need_text(unit, "The unit").removesuffix("s")
    if name not in _UNITS:
        raise ExpressionFailed(f"The unit is one of {', '.join(_UNITS)}.")
    return name


def _moment(value: Any) -> datetime:
    if not is_number(value) and len(need_text(value)) > _LONGEST_DATE:
        raise ExpressionFailed(f"{shown(value)} is no date (ISO 8601).")
    try:
        if is_number(value):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(value.strip())
    except (ValueError, OverflowError, OSError):
        raise ExpressionFailed(f"{shown(value)} is no date (ISO 8601).") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _local(value: Any, zone: Any) -> datetime:
    try:
        return _moment(value).astimezone(zone_of(zone))
    except OverflowError:
        raise ExpressionFailed("The date is out of range.") from None


def _existing(local: datetime) -> datetime:
    """Return the time that clocks show: none that is left out when they are put forward."""
    return local.astimezone(UTC).astimezone(local.tzinfo)


def _months_later(local: datetime, amount: Any, months: int) -> datetime:
    if not isinstance(amount, int):
        raise ExpressionFailed("Months are added whole.")
    year, month = divmod(local.year * 12 + local.month - 1 + amount * months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    last = calendar.monthrange(year, month + 1)[1]
    return local.replace(year=year, month=month + 1, day=min(local.day, last))


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
