"""The request log in the console."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from connector.models import LoggedRequest
from connector.store import requests as request_store

from ..operators import Console
from ..people import Host

#: Which of the four requests below are listed.
FILTERS: dict[str, list[int]] = {
    "": [4, 3, 2, 1],
    "?user=alice": [3, 1],
    "?user=bob": [4, 2],
    "?failed=yes": [4, 2],
    "?user=alice&failed=yes": [],
    "?user=ali": [],
    "?before=nonsense": [4, 3, 2, 1],
}


def _entry(host: Host, number: int, **values: Any) -> LoggedRequest:
    known: dict[str, Any] = {
        "request_id": f"request-{number:04}",
        "project_id": host.project.id,
        "user": "alice",
        "connection_id": None,
        "connector": "heap",
        "action": "track",
        "method": "POST",
        "target": f"https://heapanalytics.com/api/track?number={number:04}",
        "status": 200,
        "error_code": None,
        "attempts": ({"status": 200, "ms": 12.0},),
        "duration_ms": 14.2,
        "request_bytes": 2,
        "response_bytes": 1_500_000,
        "created_at": time.time(),
    }
    return LoggedRequest(**{**known, **values})


def _log(host: Host, *entries: LoggedRequest) -> None:
    with host.runtime.database.transaction() as tx:
        request_store.append(tx, entries)


@pytest.fixture
def four(host: Host) -> None:
    _log(
        host,
        _entry(host, 1),
        _entry(host, 2, user="bob", status=400, attempts=({"status": 400, "ms": 9.0},)),
        _entry(
            host,
            3,
            attempts=(
                {"status": 500, "ms": 103.0},
                {"error": "upstream_timeout", "ms": 10_012.0},
                {"status": 200, "ms": 21.0},
            ),
            duration_ms=11_250.0,
        ),
        _entry(host, 4, user="bob", status=None, error_code="not_connected", attempts=()),
    )


def _numbers(html: str) -> list[int]:
    return [int(found) for found in re.findall(r"<span class=\"any-break\">request-(\d+)", html)]


def test_requests_are_listed_newest_first(console: Console, four: None) -> None:
    assert _numbers(console.get(console.path("/requests")).html) == [4, 3, 2, 1]


def test_they_can_be_filtered(console: Console, four: None) -> None:
    for query, numbers in FILTERS.items():
        page = console.get(console.path(f"/requests{query}"))
        assert _numbers(page.html) == numbers, query
        assert ("No request matches" in page.text) is not bool(numbers)


def test_each_attempt_is_shown_with_its_time(console: Console, four: None) -> None:
    text = console.get(console.path("/requests?user=alice")).text
    assert "3 attempts 11.2 s" in text
    assert "1 500 103 ms 2 The provider did not answer in time. 10.0 s 3 200 21 ms" in text


def test_an_error_is_said_in_words_with_its_code(console: Console, four: None) -> None:
    text = console.get(console.path("/requests?user=bob")).text
    assert "Integration not enabled for user. not_connected" in text
    assert "It was not sent." in text
    assert "2 B, 1.5 MB" in text


def test_pages_of_fifty_hold_every_request_once(console: Console, host: Host) -> None:
    _log(host, *(_entry(host, number) for number in range(1, 121)))
    seen, lengths = [], []
    path: str | None = console.path("/requests?user=alice")
    while path:
        page = console.get(path)
        numbers = _numbers(page.html)
        lengths.append(len(numbers))
        seen += numbers
        path = next((link for link in page.links if "before=" in link), None)
    assert lengths == [50, 50, 20]
    assert seen == list(range(120, 0, -1))


def test_a_filter_by_user_leads_to_their_page(console: Console, host: Host, four: None) -> None:
    user_id = host.connect("alice").user_id
    page = console.get(console.path("/requests?user=alice"))
    assert console.path(f"/users/{user_id}") in page.links
