"""When a schedule is due: cron in a time zone, or an interval.

Daylight saving: a time at a fixed hour that the clock jumps over is due once, at the moment of the
jump; a fixed hour and minute that comes twice is due the first time alone. Where the hour or the
minute is a wildcard, a repeated hour counts both times; where the hour is one, a missing hour is
left out, so that every 15 minutes stays every 15 minutes.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from workflow.errors import ScheduleInvalid

SHORTEST_SECONDS = 60
LONGEST_SECONDS = 366 * 86_400
LONGEST_CRON = 200
#: What does not come within these years never does: the fifth Monday of a February takes forty.
_YEARS = 50
_FIELDS = ("cron", "time_zone", "every_seconds")
#: From the largest on.
_UNITS = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}


class Schedule(ABC):
    """Moments at which a workflow starts, in seconds since 1970.

    Every process computes the same ones.
    """

    @staticmethod
    def from_document(trigger: Mapping[str, Any]) -> Schedule:
        """Return the schedule that a trigger's document describes.

        Raises
        ------
        ScheduleInvalid
            If it describes none; ``meta["nearest"]`` is the time zone that was probably meant.

        """
        match {name: trigger[name] for name in _FIELDS if name in trigger}:
            case {"cron": str(cron), **others} if not others:
                return _read_cron(cron, "UTC")
            case {"cron": str(cron), "time_zone": str(zone), **others} if not others:
                return _read_cron(cron, zone)
            case {"every_seconds": seconds, **others} if not others:
                return IntervalSchedule(_read_seconds(seconds))
            case _:
                raise ScheduleInvalid(
                    "A schedule has cron, perhaps with time_zone, or it has every_seconds."
                )

    @abstractmethod
    def next_after(self, epoch: float) -> float:
        """Return the first moment later than the given one."""

    @abstractmethod
    def describe(self) -> str:
        """Return the schedule in plain English."""

    def upcoming(self, epoch: float, count: int) -> list[float]:
        """Return the next moments later than the given one."""
        moments: list[float] = []
        for _ in range(count):
            epoch = self.next_after(epoch)
            moments.append(epoch)
        return moments


@dataclass(frozen=True, slots=True)
class IntervalSchedule(Schedule):
    """Every so many seconds, counted from 1970."""

    seconds: int

    def next_after(self, epoch: float) -> float:
        """Return the first multiple of the interval later than the given moment."""
        return float((epoch // self.seconds + 1) * self.seconds)

    def describe(self) -> str:
        """Return the interval in its largest whole unit."""
        unit = next(unit for unit, size in _UNITS.items() if self.seconds % size == 0)
        count = self.seconds // _UNITS[unit]
        return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"


def _read_seconds(seconds: object) -> int:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise ScheduleInvalid("every_seconds is a whole number of seconds, such as 900.")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ScheduleInvalid(
            f"every_seconds is at least {SHORTEST_SECONDS} (a minute) and at most "
            f"{LONGEST_SECONDS} (a year), not {seconds}."
        )
    return seconds


@dataclass(frozen=True, slots=True)
class CronSchedule(Schedule):
    """A cron expression, by the clocks of a time zone."""

    cron: str
    zone: ZoneInfo
    #: Reads, matches days and finds words. Its steps in time are not used: they lose moments where
    #: a clock jumps by half an hour or at midnight.
    fields: CronSim = field(repr=False, compare=False)

    def next_after(self, epoch: float) -> float:
        """Return the first moment later than the given one that the expression names."""
        for day in self._days(datetime.fromtimestamp(epoch, self.zone).date()):
            for moment in _moments(self, day):
                if moment > epoch:
                    return moment
        raise ScheduleInvalid(f"The cron expression {self.cron!r} names no moment that ever comes.")

    def describe(self) -> str:
        """Return the expression in words, and the time zone."""
        return f"{self.fields.explain()} ({self.zone.key})"

    def _days(self, first: date) -> Iterator[date]:
        for later in range(_YEARS * 366):
            day = first + timedelta(days=later)
            if day.month in self.fields.months and self.fields.match_day(day):
                yield day


def _read_cron(cron: str, zone: str) -> CronSchedule:
    fields = cron.split()
    if len(cron) > LONGEST_CRON:
        raise ScheduleInvalid(f"A cron expression has at most {LONGEST_CRON} characters.")
    if len(fields) != 5:
        raise ScheduleInvalid(
            "A cron expression has five fields, minute, hour, day of month, month, day of week, "
            f"such as 0 9 * * 1-5; this has {len(fields)}. Seconds cannot be chosen."
        )
    try:
        parsed = CronSim(cron, datetime(2024, 1, 1))
    except CronSimError as error:
        raise _not_understood(fields, str(error)) from None
    schedule = CronSchedule(" ".join(fields), _zone(zone), parsed)
    schedule.next_after(0)
    return schedule


def _not_understood(fields: list[str], message: str) -> ScheduleInvalid:
    names = ["minute", "hour", "day-of-month", "month", "day-of-week"]
    name = message.removeprefix("Bad ")
    text = fields[names.index(name)] if name in names else " ".join(fields)
    never = ", or never comes in the months named" if name == "day-of-month" else ""
    return ScheduleInvalid(
        f"The {name.replace('-', ' ')} {text!r} of the cron expression cannot be understood{never}."
    )


@lru_cache(1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> ZoneInfo:
    if name in _zone_names():
        return ZoneInfo(name)
    lowered = {known.lower(): known for known in sorted(_zone_names())}
    close = difflib.get_close_matches(name.strip().lower().replace(" ", "_"), lowered, 1, 0.5)
    nearest = lowered[close[0]] if close else None
    raise ScheduleInvalid(
        f"There is no time zone {name[:60]!r}; "
        + (f"did you mean {nearest}?" if nearest else "write one such as Europe/Berlin."),
        nearest=nearest,
    )


@lru_cache(512)
def _moments(schedule: CronSchedule, day: date) -> tuple[float, ...]:
    """Return the moments of a day, in order."""
    start = datetime(day.year, day.month, day.day, tzinfo=schedule.zone)
    hours, minutes = sorted(schedule.fields.hours), sorted(schedule.fields.minutes)
    times = [timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes]
    if _clock_stays(start):
        midnight = start.timestamp()
        return tuple(midnight + time.total_seconds() for time in times)
    return tuple(sorted({moment for time in times for moment in _real(schedule, start + time)}))


def _clock_stays(start: datetime) -> bool:
    end = start + timedelta(days=1)
    return (
        not any(_first(local) != _second(local) for local in (start, end))
        and _first(end) - _first(start) == 86_400
    )


def _real(schedule: CronSchedule, local: datetime) -> Iterator[float]:
    """Yield the moments that stand for a local time: none, one, or two."""
    minute, hour, *_ = schedule.cron.split()
    any_minute, any_hour = minute.startswith("*"), hour.startswith("*")
    first, second = _first(local), _second(local)
    if first <= second:
        yield first
        if any_hour or any_minute:
            yield second
    elif not any_hour:
        yield _jump(schedule.zone, int(second), int(first))


def _first(local: datetime) -> float:
    return local.replace(fold=0).timestamp()


def _second(local: datetime) -> float:
    """Return the later moment of a time that comes twice; for one that never comes, an earlier."""
    return local.replace(fold=1).timestamp()


def _jump(zone: ZoneInfo, before: int, after: int) -> float:
    """Return when the clocks of a zone change between two moments."""
    offset = _offset(zone, after)
    return float(
        bisect_left(range(before, after), True, key=lambda epoch: _offset(zone, epoch) == offset)
        + before
    )


def _offset(zone: ZoneInfo, epoch: float) -> timedelta | None:
    return datetime.fromtimestamp(epoch, UTC).astimezone(zone).utcoffset()
