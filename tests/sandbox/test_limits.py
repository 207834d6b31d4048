"""Heap's published rate limits, exact to the last request, also under many threads."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from connector.sandbox.limits import Demand, Limiter

from .conftest import ACME, Heap


@pytest.mark.parametrize("path", ["/api/track", "/api/add_user_properties"])
def test_thirty_single_calls_in_thirty_seconds_for_each_identity(heap: Heap, path: str) -> None:
    body = {"app_id": ACME, "event": "x", "identity": "alice"}
    assert {heap.post(path, body).status_code for _ in range(30)} == {200}
    refused = heap.post(path, body)
    assert (refused.status_code, refused.text) == (429, "Too Many Requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    assert heap.post(path, {**body, "identity": "bob"}).status_code == 200
    assert heap.post(path, {**body, "app_id": "999"}).status_code == 200
    heap.advance(30)
    assert heap.post(path, body).status_code == 200


def test_the_two_calls_are_counted_apart(heap: Heap) -> None:
    body = {"app_id": ACME, "event": "x", "identity": "alice"}
    for _ in range(30):
        heap.post("/api/track", body)
    assert heap.post("/api/track", body).status_code == 429
    assert heap.post("/api/add_user_properties", body).status_code == 200


def test_a_refused_call_changes_nothing(heap: Heap) -> None:
    for _ in range(31):
        heap.track()
    assert heap.get("/sandbox/api/counts").json()["events"] == 30


def test_a_thousand_bulk_events_a_minute_for_each_identity(heap: Heap) -> None:
    event = {"event": "x", "identity": "alice"}
    assert heap.track_bulk([event] * 999).status_code == 200
    assert heap.track_bulk([event, event]).status_code == 429
    assert heap.track_bulk([event]).status_code == 200
    assert heap.track_bulk([{"event": "x", "identity": "bob"}]).status_code == 200
    heap.advance(60)
    assert heap.track_bulk([event] * 1000).status_code == 200


def test_fifteen_thousand_bulk_events_a_minute_for_each_environment(heap: Heap) -> None:
    events: list[object] = [{"event": "x", "identity": f"user {n}"} for n in range(1000)]
    assert {heap.track_bulk(events).status_code for _ in range(15)} == {200}
    other: list[object] = [{"event": "x", "identity": "somebody else"}]
    assert heap.track_bulk(other).status_code == 429
    body = {"app_id": "999", "events": other}
    assert heap.post("/api/track", body).status_code == 200


def test_the_limits_can_be_scaled_and_switched_off(heap: Heap) -> None:
    heap.set(limits_scale=0.1)
    assert [heap.track().status_code for _ in range(4)] == [200, 200, 200, 429]
    heap.set(limits_scale="off")
    assert {heap.track().status_code for _ in range(40)} == {200}


def used_up(heap: Heap, form: str) -> dict[str, str]:
    heap.set(limits_scale=0.001, retry_after=form)
    heap.track()
    refused = heap.track()
    assert refused.status_code == 429
    return dict(refused.headers)


def test_retry_after_can_be_a_date(heap: Heap) -> None:
    moment = parsedate_to_datetime(used_up(heap, "http-date")["Retry-After"])
    left = moment - datetime.now(UTC)
    assert timedelta(seconds=25) < left <= timedelta(seconds=31)


def test_retry_after_can_be_left_out(heap: Heap) -> None:
    assert "Retry-After" not in used_up(heap, "none")


def test_waiting_as_long_as_retry_after_says_is_enough(heap: Heap) -> None:
    wait = int(used_up(heap, "seconds")["Retry-After"])
    heap.advance(wait)
    assert heap.track().status_code == 200


def test_forty_threads_get_exactly_the_allowed_number_through(heap: Heap) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: Heap(heap.url).track().status_code, range(60)))
    assert (answers.count(200), answers.count(429)) == (30, 30)


def test_a_window_slides_rather_than_starting_afresh() -> None:
    limiter = Limiter()
    demand = Demand("key", amount=1, allowed=2, window_seconds=10)
    assert [limiter.admit([demand], now) for now in (0, 9)] == [0, 0]
    assert limiter.admit([demand], 9.5) == 0.5
    assert limiter.admit([demand], 10) == 0
    assert limiter.admit([demand], 10) == 9


def test_demands_are_admitted_all_or_none() -> None:
    limiter = Limiter()
    tight, wide = Demand("tight", 1, 1, 10), Demand("wide", 1, 2, 10)
    assert limiter.admit([tight, wide], 0) == 0
    assert limiter.admit([tight, wide], 0) == 10
    assert limiter.admit([wide], 0) == 0
    assert limiter.admit([wide], 0) == 10
