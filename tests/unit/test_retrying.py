"""Whether and when a proxy request is tried again."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import (
    DestinationRefused,
    RedirectRefused,
    ResponseTooLarge,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.manifest import RetryRules
from connector.proxy.retrying import (
    Repeat,
    after_error,
    after_status,
    parse_retry_after,
    wait_seconds,
)

RULES = RetryRules(
    statuses=(429, 500, 502, 503, 504),
    attempts=3,
    base_seconds=0.5,
    longest_wait_seconds=4,
    retry_after_header="Retry-After",
)
NOW = 1_700_000_000.0


def repeat(method: str, *, replayable: bool = True, harmless: bool = False) -> Repeat:
    return Repeat(method, replayable, harmless)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 408, 409, 422, 501])
def test_what_the_manifest_does_not_name_is_never_tried_again(method: str, status: int) -> None:
    assert not after_status(status, 0.0, repeat(method, harmless=True), RULES)


@pytest.mark.parametrize(
    ("method", "harmless", "status", "told", "again"),
    [
        ("GET", False, 500, False, True),
        ("HEAD", False, 429, False, True),
        ("POST", False, 500, False, False),
        ("POST", False, 500, True, False),
        ("POST", False, 502, True, False),
        ("POST", False, 504, True, False),
        ("POST", False, 429, False, False),
        ("POST", False, 429, True, True),
        ("POST", False, 503, False, False),
        ("POST", False, 503, True, True),
        ("POST", True, 500, False, True),
        ("PUT", False, 503, True, True),
        ("PUT", False, 500, False, False),
        ("DELETE", False, 503, False, False),
        ("DELETE", True, 504, False, True),
    ],
)
def test_writing_is_repeated_only_where_it_was_not_acted_on_or_does_no_harm(
    method: str, harmless: bool, status: int, told: bool, again: bool
) -> None:
    after = 1.0 if told else None
    assert after_status(status, after, repeat(method, harmless=harmless), RULES) is again


@pytest.mark.parametrize(
    ("error", "method", "harmless", "again"),
    [
        (UpstreamUnreachable(), "POST", False, True),
        (UpstreamUnreachable(), "GET", False, True),
        (UpstreamTimeout(), "GET", False, True),
        (UpstreamTimeout(), "POST", False, False),
        (UpstreamTimeout(), "POST", True, True),
        (UpstreamBroken(), "GET", False, True),
        (UpstreamBroken(), "POST", False, False),
        (UpstreamBroken(), "POST", True, True),
        (DestinationRefused(), "GET", True, False),
        (RedirectRefused(), "GET", True, False),
        (ResponseTooLarge(), "GET", True, False),
    ],
)
def test_after_an_error_only_what_cannot_happen_twice_is_repeated(
    error: UpstreamBroken, method: str, harmless: bool, again: bool
) -> None:
    assert after_error(error, repeat(method, harmless=harmless)) is again


@given(status=st.integers(100, 599), method=st.sampled_from(["GET", "POST"]))
def test_a_body_that_is_gone_is_never_sent_again(status: int, method: str) -> None:
    gone = repeat(method, replayable=False, harmless=True)
    assert not after_status(status, 0.0, gone, RULES)
    assert not after_error(UpstreamUnreachable(), gone)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 5 ", 5.0),
        (formatdate(NOW + 30, usegmt=True), 30.0),
        (formatdate(NOW - 30, usegmt=True), 0.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("Tue, 14 Nov 2023 23:14:20 +0100", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        *((text, None) for text in ("", " ", "-1", "1.5", "soon", "1e3", "\u0661", "5s", "0x5")),
        ("Sat, 99 Foo 2099 00:00:00 GMT", None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        (None, None),
    ],
)
def test_both_forms_of_retry_after_are_read(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


def test_a_date_without_a_zone_is_in_utc_wherever_the_server_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after("Tue, 14 Nov 2023 22:14:20 -0000", NOW) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text() | st.from_regex(r"[0-9A-Za-z,: +-]{0,40}", fullmatch=True))
def test_whatever_stands_in_retry_after_it_is_a_time_ahead_or_nothing(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or seconds >= 0


@given(attempt=st.integers(1, 10))
def test_the_wait_doubles_with_some_jitter_up_to_its_bound(attempt: int) -> None:
    wait = wait_seconds(attempt, None, RULES)
    wanted = 0.5 * 2 ** (attempt - 1)
    assert wait <= 4
    assert wait == 4 or 0.8 * wanted <= wait <= 1.2 * wanted


@given(attempt=st.integers(1, 10), seconds=st.floats(0, 1e6))
def test_what_the_provider_asks_for_is_what_is_waited(attempt: int, seconds: float) -> None:
    assert wait_seconds(attempt, seconds, RULES) == seconds
