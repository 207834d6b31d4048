"""Schedules: when they are due, above all where clocks change, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import ScheduleInvalid
from workflow.schedules import Schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
HAVANA, KOLKATA, APIA = "America/Havana", "Asia/Kolkata", "Pacific/Apia"


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def local(moment: float, zone: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).isoformat(timespec="minutes")


#: Expression, time zone, a moment, and the local times that follow it.
DUE: list[tuple[str, str, str, list[str]]] = [
    # plain days
    ("0 9 * * 1-5", "UTC", "2026-01-02T09:00Z", ["2026-01-05T09:00+00:00"]),
    ("0 9 * * 1-5", "UTC", "2026-01-02T08:59:59.999Z", ["2026-01-02T09:00+00:00"]),
    ("*/15 * * * *", "UTC", "2026-01-01T00:14:59Z", ["2026-01-01T00:15+00:00"]),
    ("*/15 * * * *", "UTC", "2026-01-01T00:45Z", ["2026-01-01T01:00+00:00"]),
    ("5/20 8,20 * * *", "UTC", "2026-01-01T08:45Z", ["2026-01-01T20:05+00:00"]),
    ("0 0 * * 7", "UTC", "2026-01-01T00:00Z", ["2026-01-04T00:00+00:00"]),
    ("0 0 * * 0", "UTC", "2026-01-01T00:00Z", ["2026-01-04T00:00+00:00"]),
    ("0 0 * * sun", "UTC", "2026-01-01T00:00Z", ["2026-01-04T00:00+00:00"]),
    ("59 23 31 DEC *", "UTC", "2026-12-31T23:59Z", ["2027-12-31T23:59+00:00"]),
    ("30 9 * * *", KOLKATA, "2026-01-01T04:00Z", ["2026-01-02T09:30+05:30"]),
    ("0 0 1 * *", KOLKATA, "2026-01-31T18:29Z", ["2026-02-01T00:00+05:30"]),
    ("*/30 * * * *", KOLKATA, "2026-01-01T00:00Z", ["2026-01-01T06:00+05:30"]),
    # days of the month, and of the week
    ("0 0 1,15 * 1", "UTC", "2026-01-01T00:00Z", ["2026-01-05T00:00+00:00"]),
    ("0 0 13 * 5", "UTC", "2026-02-06T00:00Z", ["2026-02-13T00:00+00:00"]),
    ("0 0 * * MON#2", "UTC", "2026-01-01T00:00Z", ["2026-01-12T00:00+00:00"]),
    ("0 0 * * 5L", "UTC", "2026-01-01T00:00Z", ["2026-01-30T00:00+00:00"]),
    ("0 0 * 2 MON#5", "UTC", "2026-01-01T00:00Z", ["2044-02-29T00:00+00:00"]),
    # ends of months, leap days
    ("0 0 31 * *", "UTC", "2026-01-31T00:00Z", ["2026-03-31T00:00+00:00"]),
    ("0 0 30 * *", "UTC", "2026-01-30T00:00Z", ["2026-03-30T00:00+00:00"]),
    ("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", ["2028-02-29T00:00+00:00"]),
    ("0 0 29 2 *", "UTC", "2096-03-01T00:00Z", ["2104-02-29T00:00+00:00"]),
    ("0 0 L * *", "UTC", "2026-02-01T00:00Z", ["2026-02-28T00:00+00:00"]),
    ("0 0 L 2 *", "UTC", "2028-02-01T00:00Z", ["2028-02-29T00:00+00:00"]),
    ("0 0 LW * *", "UTC", "2026-02-01T00:00Z", ["2026-02-27T00:00+00:00"]),
    ("0 0 30 2 1", "UTC", "2026-02-01T00:00Z", ["2026-02-02T00:00+00:00"]),
    # a fixed time that the clock jumps over: once, at the jump
    (
        "30 2 * * *",
        BERLIN,
        "2026-03-28T01:00Z",
        ["2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"],
    ),
    ("0 2 * * *", BERLIN, "2026-03-29T00:59:59Z", ["2026-03-29T03:00+02:00"]),
    (
        "0,30 2 * * *",
        BERLIN,
        "2026-03-29T00:30Z",
        ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"],
    ),
    (
        "0 2,3 * * *",
        BERLIN,
        "2026-03-29T00:30Z",
        ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"],
    ),
    ("30 2 * * 0", NEW_YORK, "2026-03-08T06:00Z", ["2026-03-08T03:00-04:00"]),
    ("15 2 * * *", LORD_HOWE, "2026-10-03T15:00Z", ["2026-10-04T02:30+11:00"]),
    ("45 2 * * *", LORD_HOWE, "2026-10-03T15:00Z", ["2026-10-04T02:45+11:00"]),
    ("0 0 * * *", HAVANA, "2026-03-08T04:00Z", ["2026-03-08T01:00-04:00"]),
    (
        "0 12 * * *",
        APIA,
        "2011-12-29T12:00Z",
        ["2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00", "2011-12-31T12:00+14:00"],
    ),
    ("*/15 2 * * *", BERLIN, "2026-03-29T00:00Z", ["2026-03-29T03:00+02:00"]),
    # a fixed time that comes twice: the first time alone
    (
        "30 2 * * *",
        BERLIN,
        "2026-10-24T23:00Z",
        ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
    ),
    ("30 2 * * *", BERLIN, "2026-10-25T01:10Z", ["2026-10-26T02:30+01:00"]),
    ("30 1 * * *", NEW_YORK, "2026-11-01T05:30Z", ["2026-11-02T01:30-05:00"]),
    ("45 1 * * *", LORD_HOWE, "2026-04-04T14:45Z", ["2026-04-06T01:45+10:30"]),
    ("0 3 * * *", BERLIN, "2026-10-25T00:30Z", ["2026-10-25T03:00+01:00"]),
    ("30 0 * * *", HAVANA, "2026-11-01T04:30Z", ["2026-11-02T00:30-05:00"]),
    # wildcards go on in real time
    (
        "*/30 * * * *",
        BERLIN,
        "2026-03-29T00:30Z",
        ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"],
    ),
    (
        "*/30 * * * *",
        BERLIN,
        "2026-10-25T00:00Z",
        ["2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00"],
    ),
    ("30 * * * *", BERLIN, "2026-03-29T00:30Z", ["2026-03-29T03:30+02:00"]),
    (
        "30 * * * *",
        NEW_YORK,
        "2026-11-01T05:00Z",
        ["2026-11-01T01:30-04:00", "2026-11-01T01:30-05:00", "2026-11-01T02:30-05:00"],
    ),
    (
        "*/30 2 * * *",
        BERLIN,
        "2026-10-25T00:00Z",
        ["2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00"],
    ),
    ("0 */2 * * *", BERLIN, "2026-03-28T23:00Z", ["2026-03-29T04:00+02:00"]),
    (
        "0 */3 * * *",
        LORD_HOWE,
        "2026-10-03T13:30Z",
        ["2026-10-04T03:00+11:00", "2026-10-04T06:00+11:00"],
    ),
    (
        "*/15 3 * * *",
        LORD_HOWE,
        "2026-10-03T13:30Z",
        ["2026-10-04T03:00+11:00", "2026-10-04T03:15+11:00"],
    ),
    (
        "*/15 * * * *",
        LORD_HOWE,
        "2026-10-03T15:15Z",
        ["2026-10-04T02:30+11:00", "2026-10-04T02:45+11:00"],
    ),
    (
        "*/15 * * * *",
        LORD_HOWE,
        "2026-04-04T14:30Z",
        ["2026-04-05T01:45+11:00", "2026-04-05T01:30+10:30", "2026-04-05T01:45+10:30"],
    ),
    ("*/15 1 * * 0", HAVANA, "2026-03-07T12:00Z", ["2026-03-08T01:00-04:00"]),
    ("0 * * * *", HAVANA, "2026-03-08T04:00Z", ["2026-03-08T01:00-04:00"]),
]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    DUE,
    ids=[f"{cron} {zone} after {after}" for cron, zone, after, _ in DUE],
)
def test_cron_is_due_when_the_clocks_of_its_zone_say(
    cron: str, zone: str, after: str, expected: list[str]
) -> None:
    schedule = Schedule.from_document({"cron": cron, "time_zone": zone})
    moments = schedule.upcoming(epoch(after), len(expected))
    assert [local(moment, zone) for moment in moments] == expected


@pytest.mark.parametrize(
    ("seconds", "after", "expected"),
    [
        (60, "2026-01-01T00:00:00Z", "2026-01-01T00:01:00+00:00"),
        (60, "2026-01-01T00:00:59.999Z", "2026-01-01T00:01:00+00:00"),
        (900, "2026-03-29T00:59:59Z", "2026-03-29T01:00:00+00:00"),
        (86_400, "2026-03-29T12:00:00Z", "2026-03-30T00:00:00+00:00"),
        (3600, "1969-12-31T23:30:00Z", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_an_interval_is_counted_from_1970(seconds: int, after: str, expected: str) -> None:
    schedule = Schedule.from_document({"every_seconds": seconds})
    assert datetime.fromtimestamp(schedule.next_after(epoch(after)), UTC).isoformat() == expected


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (
            {"cron": "0 9 * * 1-5", "time_zone": BERLIN},
            "At 09:00 on Monday through Friday (Europe/Berlin)",
        ),
        ({"cron": " */15  * * * * "}, "Every 15th minute of every hour (UTC)"),
        ({"cron": "0 0 L * *"}, "At 00:00 on the last day of every month (UTC)"),
        ({"every_seconds": 60}, "Every minute"),
        ({"every_seconds": 900}, "Every 15 minutes"),
        ({"every_seconds": 86_400}, "Every day"),
        ({"every_seconds": 5400}, "Every 90 minutes"),
        ({"every_seconds": 61}, "Every 61 seconds"),
    ],
)
def test_a_schedule_is_described_in_words(document: dict[str, Any], words: str) -> None:
    assert Schedule.from_document(document).describe() == words


def test_other_fields_of_a_trigger_are_not_the_schedules() -> None:
    trigger = {"type": "schedule", "user": "ann", "cron": "0 9 * * *", "time_zone": BERLIN}
    schedule = Schedule.from_document(trigger)
    assert schedule == Schedule.from_document({"cron": "0 9 * * *", "time_zone": BERLIN})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "has cron, perhaps with time_zone, or it has every_seconds"),
    ({"cron": "* * * * *", "every_seconds": 60}, "or it has every_seconds"),
    ({"every_seconds": 60, "time_zone": "UTC"}, "or it has every_seconds"),
    ({"time_zone": "UTC"}, "or it has every_seconds"),
    ({"cron": 5}, "or it has every_seconds"),
    ({"cron": "* * * * *", "time_zone": None}, "or it has every_seconds"),
    ({"every_seconds": 59}, "at least 60"),
    ({"every_seconds": 0}, "at least 60"),
    ({"every_seconds": -900}, "at least 60"),
    ({"every_seconds": 366 * 86_400 + 1}, "at most 31622400"),
    ({"every_seconds": True}, "a whole number"),
    ({"every_seconds": 90.0}, "a whole number"),
    ({"every_seconds": "15m"}, "a whole number"),
    ({"cron": ""}, "five fields"),
    ({"cron": "* * * *"}, "this has 4"),
    ({"cron": "0 * * * * *"}, "this has 6. Seconds cannot be chosen."),
    ({"cron": "@daily"}, "five fields"),
    ({"cron": ",".join(["1"] * 101) + " * * * *"}, "at most 200 characters"),
    ({"cron": "60 * * * *"}, "The minute '60'"),
    ({"cron": "* 24 * * *"}, "The hour '24'"),
    ({"cron": "* * 0 * *"}, "The day of month '0'"),
    ({"cron": "* * * 13 *"}, "The month '13'"),
    ({"cron": "* * * * 8"}, "The day of week '8'"),
    ({"cron": "* * * * MOO"}, "The day of week 'MOO'"),
    ({"cron": "*/0 * * * *"}, "The minute '*/0'"),
    ({"cron": "30-10 * * * *"}, "The minute '30-10'"),
    ({"cron": "-1 * * * *"}, "The minute '-1'"),
    ({"cron": "1, * * * *"}, "The minute '1,'"),
    ({"cron": "٣ * * * *"}, "The minute '٣'"),
    ({"cron": "0 0 31 2 *"}, "or never comes in the months named"),
    ({"cron": "0 0 30 2 *"}, "or never comes in the months named"),
    ({"cron": "0 0 31 4,6,9,11 *"}, "or never comes in the months named"),
    ({"cron": "0 9 * * *", "time_zone": "Europe/Berln"}, "did you mean Europe/Berlin?"),
    ({"cron": "0 9 * * *", "time_zone": "europe/berlin"}, "did you mean Europe/Berlin?"),
    ({"cron": "0 9 * * *", "time_zone": "New York"}, "did you mean America/New_York?"),
    ({"cron": "0 9 * * *", "time_zone": "../../etc/passwd"}, "There is no time zone"),
    ({"cron": "0 9 * * *", "time_zone": ""}, "write one such as Europe/Berlin"),
    ({"cron": "0 9 * * *", "time_zone": "right/Europe/Berlin"}, "did you mean Europe/Berlin?"),
]


@pytest.mark.parametrize(
    ("document", "message"), REFUSED, ids=[str(document)[:60] for document, _ in REFUSED]
)
def test_what_is_no_schedule_is_refused_with_what_to_do(
    document: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Schedule.from_document(document)
    assert message in caught.value.message


def test_the_time_zone_that_was_meant_is_told_to_programs() -> None:
    with pytest.raises(ScheduleInvalid) as caught:
        Schedule.from_document({"cron": "0 9 * * *", "time_zone": "Kolkata"})
    assert caught.value.meta == {"nearest": KOLKATA}


ZONES = [BERLIN, NEW_YORK, LORD_HOWE, HAVANA, KOLKATA, "UTC", "Africa/Casablanca", "Asia/Gaza"]


def steps(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        st.integers(1, high).map("*/{}".format),
        number.map(str),
        st.lists(number, min_size=1, max_size=3).map(lambda found: ",".join(map(str, found))),
        st.tuples(number, number).map(lambda pair: "{}-{}".format(*sorted(pair))),
    )


def crons(hour: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(steps(0, 59), hour, steps(1, 28), steps(1, 12), steps(0, 6)).map(" ".join)


CRONS = crons(steps(0, 23))
EVERY_HOUR_CRONS = crons(st.just("*") | st.integers(1, 23).map("*/{}".format))
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2036, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC).timestamp()
)
#: Close to where clocks change, in each of the zones.
CHANGES = st.builds(
    lambda change, seconds: epoch(change) + seconds,
    st.sampled_from(
        [
            "2026-03-29T01:00Z",
            "2026-10-25T01:00Z",
            "2026-03-08T07:00Z",
            "2026-11-01T06:00Z",
            "2026-10-03T15:30Z",
            "2026-04-04T15:00Z",
            "2026-03-08T05:00Z",
            "2026-11-01T05:00Z",
            "2026-02-15T02:00Z",
            "2026-03-22T02:00Z",
        ]
    ),
    st.integers(-7500, 7500),
)


@settings(max_examples=300, deadline=None)
@given(CRONS, st.sampled_from(ZONES), MOMENTS | CHANGES, st.data())
def test_no_moment_is_skipped_or_repeated_whenever_one_asks(
    cron: str, zone: str, start: float, data: st.DataObject
) -> None:
    schedule = Schedule.from_document({"cron": cron, "time_zone": zone})
    first, second = schedule.upcoming(start, 2)
    assert start < first < second
    between = data.draw(st.floats(first, second, exclude_max=True))
    assert schedule.next_after(between) == second
    before = data.draw(st.floats(start, first, exclude_max=True))
    assert schedule.next_after(before) == first


def matches(field: str, value: int, low: int, high: int) -> bool:
    """Say whether one field names a value, by a reading of our own."""
    named: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        ends = [low, high] if span == "*" else [int(end) for end in span.split("-")]
        named.update(range(ends[0], ends[-1] + 1, int(step or 1)))
    return value in named


def is_named(cron: str, moment: datetime) -> bool:
    minute, hour, day, month, weekday = cron.split()
    on_day = matches(day, moment.day, 1, 31)
    on_weekday = matches(weekday, moment.isoweekday() % 7, 0, 7)
    both = day.startswith("*") or weekday.startswith("*")
    return (
        matches(minute, moment.minute, 0, 59)
        and matches(hour, moment.hour, 0, 23)
        and matches(month, moment.month, 1, 12)
        and ((on_day and on_weekday) if both else (on_day or on_weekday))
    )


@settings(max_examples=150, deadline=None)
@given(EVERY_HOUR_CRONS, st.sampled_from(ZONES), MOMENTS | CHANGES)
def test_the_moments_are_those_that_a_look_at_the_clock_each_minute_finds(
    cron: str, zone: str, start: float
) -> None:
    start = start // 60 * 60
    clock = [start + 60 * count for count in range(1, 600)]
    seen = [
        moment
        for moment in clock
        if is_named(cron, datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)))
    ]
    schedule = Schedule.from_document({"cron": cron, "time_zone": zone})
    due = schedule.upcoming(start, len(seen) + 1)
    assert due[: len(seen)] == seen
    assert due[-1] > clock[-1]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 59), st.integers(0, 23), st.sampled_from(ZONES), st.integers(2015, 2035))
def test_a_fixed_time_is_due_once_on_every_day_of_a_year(
    minute: int, hour: int, zone: str, year: int
) -> None:
    schedule = Schedule.from_document({"cron": f"{minute} {hour} * * *", "time_zone": zone})
    start = datetime(year, 1, 1, tzinfo=ZoneInfo(zone)).timestamp() - 1
    days = [datetime(year, 1, 1).date() + timedelta(days=count) for count in range(365)]
    moments = schedule.upcoming(start, 365)
    assert [datetime.fromtimestamp(one, ZoneInfo(zone)).date() for one in moments] == days


@settings(max_examples=200, deadline=None)
@given(st.text("0123456789*/,-#LW ?MONJAN@", max_size=30))
def test_any_text_is_a_schedule_with_words_and_moments_or_is_refused(text: str) -> None:
    try:
        schedule = Schedule.from_document({"cron": text})
    except ScheduleInvalid:
        return
    assert schedule.describe()
    assert schedule.next_after(0) > 0
