"""Faults: what a caller meets, how often, and whether its request took effect."""

import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from .conftest import Heap


@pytest.mark.parametrize("status", [429, 500, 502, 503, 204, 599])
def test_a_status_is_answered_instead_of_heaps(heap: Heap, status: int) -> None:
    heap.fault(kind="status", status=status, path="/api/track")
    assert heap.track().status_code == status
    assert heap.listed("events") == []
    assert heap.track().status_code == 200


def test_a_status_carries_a_body_and_retry_after(heap: Heap) -> None:
    heap.fault(kind="status", status=429, body='{"slow": "down"}', retry_after=7)
    answer = heap.track()
    assert (answer.json(), answer.headers["Retry-After"]) == ({"slow": "down"}, "7")
    assert answer.headers["Content-Type"] == "application/json"


def test_retry_after_takes_the_form_of_the_settings_or_any_text(heap: Heap) -> None:
    heap.set(retry_after="http-date")
    heap.fault(kind="status", retry_after=7)
    heap.fault(kind="status", retry_after="whenever")
    assert parsedate_to_datetime(heap.track().headers["Retry-After"])
    assert heap.track().headers["Retry-After"] == "whenever"


def test_latency_delays_heaps_own_answer(heap: Heap) -> None:
    heap.fault(kind="latency", seconds=0.3)
    started = time.monotonic()
    assert (heap.track().status_code, heap.track().status_code) == (200, 200)
    assert 0.3 <= time.monotonic() - started < 5


def test_a_dropped_connection_has_no_effect(heap: Heap) -> None:
    heap.fault(kind="drop")
    with pytest.raises(requests.ConnectionError):
        heap.track()
    assert heap.listed("events") == []
    assert heap.track().status_code == 200


def test_a_connection_can_be_dropped_after_the_request_took_effect(heap: Heap) -> None:
    heap.fault(kind="drop", processed=True)
    with pytest.raises(requests.ConnectionError):
        heap.track(idempotency_key="key-0001")
    assert len(heap.listed("events")) == 1
    heap.track(idempotency_key="key-0001")
    assert len(heap.listed("events")) == 1


def test_a_connection_can_be_dropped_within_the_body(heap: Heap) -> None:
    heap.fault(kind="drop_mid_body", path="/api/track")
    answer = heap.session.post(
        f"{heap.url}/api/track",
        json={"app_id": "1", "event": "x", "identity": "a"},
        stream=True,
        timeout=20,
    )
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "2")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _ = answer.content
    assert len(heap.listed("events")) == 1


def test_garbage_is_no_http(heap: Heap) -> None:
    heap.fault(kind="garbage")
    with pytest.raises(requests.ConnectionError, match="this is not HTTP"):
        heap.track()


def test_a_fault_happens_as_often_as_it_says(heap: Heap) -> None:
    heap.fault(kind="status", status=500, times=2)
    assert [heap.track().status_code for _ in range(3)] == [500, 500, 200]


def test_a_fault_without_a_number_stays_until_it_is_removed(heap: Heap) -> None:
    fault = heap.fault(kind="status", status=500, times=None)
    assert [heap.track().status_code for _ in range(3)] == [500, 500, 500]
    removed = heap.session.delete(f"{heap.url}/sandbox/api/faults/{fault['id']}", timeout=20)
    assert removed.json() == {"items": []}
    assert heap.track().status_code == 200


def test_faults_wait_for_their_path_and_method(heap: Heap) -> None:
    heap.fault(kind="status", status=500, path="/api/partner/*")
    heap.fault(kind="status", status=501, method="get")
    assert heap.track().status_code == 200
    assert heap.token().status_code == 500
    assert heap.get("/api/partner/v1/metadata/x").status_code == 501


def test_the_oldest_fault_that_fits_comes_first(heap: Heap) -> None:
    for status in (500, 502, 503):
        heap.fault(kind="status", status=status)
    assert [heap.track().status_code for _ in range(4)] == [500, 502, 503, 200]


def test_the_sandboxs_own_pages_are_never_hit(heap: Heap) -> None:
    heap.fault(kind="drop", path="*", times=None)
    assert heap.get("/sandbox/").status_code == 200
    assert len(heap.listed("faults")) == 1
    heap.session.delete(f"{heap.url}/sandbox/api/faults", timeout=20)
    assert heap.listed("faults") == []


def test_a_fault_is_seen_in_the_request_log(heap: Heap) -> None:
    heap.fault(kind="status", status=503)
    heap.fault(kind="drop")
    heap.track()
    with pytest.raises(requests.ConnectionError):
        heap.track()
    seen = [(request["fault"], request["status"]) for request in heap.listed("requests")]
    assert seen == [("status", 503), ("drop", None)]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({}, "kind: expected one of latency, status, drop, drop_mid_body, garbage"),
        ({"kind": "flood"}, "kind: expected one of latency, status, drop, drop_mid_body, garbage"),
        ({"kind": "drop", "time": 1}, "time: no such field; there are kind, path, method, times"),
        ({"kind": "drop", "times": 0}, "times: expected a whole number above 0, or null"),
        ({"kind": "drop", "times": True}, "times: expected a whole number above 0, or null"),
        ({"kind": "drop", "seconds": -1}, "seconds: expected a number of seconds from 0 to 3600"),
        ({"kind": "status", "status": 99}, "status: expected an HTTP status from 200 to 599"),
        ({"kind": "status", "body": 1}, "body: expected text"),
        ([], "the body should be a JSON object"),
    ],
)
def test_a_fault_it_cannot_understand_is_explained(heap: Heap, fault: object, text: str) -> None:
    answer = heap.post("/sandbox/api/faults", fault)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)
