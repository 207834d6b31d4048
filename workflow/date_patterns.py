"""Dates written and read by patterns: the usual % letters, in English, the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

from workflow.errors import ExpressionFailed
from workflow.values import shown

_LONGEST = 200
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_SIGN = re.compile("%(-?[A-Za-z%])?")

_WRITE: dict[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "-m": lambda at: str(at.month),
    "d": lambda at: f"{at.day:02}",
    "-d": lambda at: str(at.day),
    "H": lambda at: f"{at.hour:02}",
    "-H": lambda at: str(at.hour),
    "I": lambda at: f"{at.hour % 12 or 12:02}",
    "-I": lambda at: str(at.hour % 12 or 12),
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "z": lambda at: at.strftime("%z"),
    "Z": lambda at: at.tzname() or "",
    "A": lambda at: _DAYS[at.weekday()],
    "a": lambda at: _DAYS[at.weekday()][:3],
    "B": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "j": lambda at: f"{at.timetuple().tm_yday:03}",
    "u": lambda at: str(at.isoweekday()),
    "V": lambda at: f"{at.isocalendar().week:02}",
    "G": lambda at: f"{at.isocalendar().year:04}",
    "%": lambda _at: "%",
}

#: What each sign looks like in a text that is read. No two ways to read a text: no time to lose.
_READ = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    **dict.fromkeys("mdHIMS", r"\d{1,2}"),
    "f": r"\d{1,6}",
    "p": "[AaPp][Mm]",
    "z": r"[+-]\d{2}:?\d{2}|[Zz]",
    "A": "|".join(_DAYS),
    "a": "|".join(name[:3] for name in _DAYS),
    "B": "|".join(_MONTHS),
    "b": "|".join(name[:3] for name in _MONTHS),
}


def written(moment: datetime, pattern: str) -> str:
    """Return a moment as a pattern says.

    Raises
    ------
    ExpressionFailed
        If the pattern has a sign that there is not.

    """
    _check(pattern)

    def part(found: re.Match[str]) -> str:
        return _WRITE[_known(found, _WRITE)](moment)

    return _SIGN.sub(part, pattern)


def read(text: str, pattern: str) -> datetime:
    """Return the moment that a text holds; without an offset if the pattern has none.

    Raises
    ------
    ExpressionFailed
        If the text is not written so.

    """
    _check(pattern)
    found = _expected(pattern).fullmatch(text.strip()) if len(text) <= _LONGEST else None
    try:
        moment = _moment(found.groupdict()) if found else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ExpressionFailed(f"{shown(text)} is no date written {pattern}.")
    return moment


def _check(pattern: str) -> None:
    if len(pattern) > _LONGEST:
        raise ExpressionFailed(f"The pattern is longer than {_LONGEST} characters.")


def _known(found: re.Match[str], table: dict[str, Callable[[datetime], str]]) -> str:
    if found[1] not in table:
        raise ExpressionFailed(
            f"There is no {found.group()!r} in dates. Try %Y-%m-%d or %-d %B %Y, %H:%M."
        )
    return found[1]


def _expected(pattern: str) -> re.Pattern[str]:
    parts, position, seen = [], 0, set()
    for found in _SIGN.finditer(pattern):
        sign = _known(found, _WRITE).removeprefix("-")
        parts.append(re.escape(pattern[position : found.start()]))
        position = found.end()
        if sign == "%":
            parts.append("%")
        elif sign not in _READ or sign in seen:
            raise ExpressionFailed(f"{found.group()!r} cannot be read, or stands there twice.")
        else:
            seen.add(sign)
            parts.append(f"(?P<{sign}>{_READ[sign]})")
    parts.append(re.escape(pattern[position:]))
    return re.compile("".join(parts), re.IGNORECASE | re.ASCII)


def _moment(found: dict[str, str]) -> datetime:
    number = {sign: int(text) for sign, text in found.items() if text.isdigit()}
    year = number.get("Y", 2000 + number["y"] if "y" in number else 1970)
    month = number.get("m", 1)
    if name := found.get("B") or found.get("b"):
        month = [one[:3] for one in _MONTHS].index(name[:3].capitalize()) + 1
    hour = number.get("H", 0)
    if "I" in number:
        hour = number["I"] % 12 + (12 if found.get("p", "").lower() == "pm" else 0)
    second, fraction = number.get("S", 0), int(found.get("f", "0").ljust(6, "0"))
    at = (year, month, number.get("d", 1), hour, number.get("M", 0), second, fraction)
    return datetime(*at, tzinfo=_offset(found.get("z")))


def _offset(text: str | None) -> timezone | None:
    if text is None:
        return None
    if text in {"z", "Z"}:
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    length = timedelta(hours=hours, minutes=minutes)
    return timezone(-length if text[0] == "-" else length)
