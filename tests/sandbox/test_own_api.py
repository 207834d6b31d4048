"""The sandbox's own API: lists, filters, pages, settings, clearing, and what it never shows."""

import pytest

from .conftest import ACME, CLIENT_SECRET, Heap


def test_the_index_names_every_endpoint_with_what_it_does(heap: Heap) -> None:
    endpoints = heap.get("/sandbox/api/").json()["endpoints"]
    named = {(endpoint["method"], endpoint["path"]) for endpoint in endpoints}
    assert ("POST", "/sandbox/api/faults") in named
    assert ("GET", "/sandbox/api/events|users|accounts|requests") in named
    assert ("PATCH", "/sandbox/api/settings") in named
    assert all(endpoint["does"].endswith(".") for endpoint in endpoints)


def test_lists_come_in_pages(heap: Heap) -> None:
    heap.track_bulk([{"event": f"event {n}", "identity": "alice"} for n in range(5)])
    seen: list[str] = []
    after: int | None = 0
    pages = 0
    while after is not None:
        answer = heap.get("/sandbox/api/events", params={"after": after, "limit": 2}).json()
        seen += [event["event"] for event in answer["items"]]
        after, pages = answer["next_after"], pages + 1
    assert seen == [f"event {n}" for n in range(5)]
    assert pages == 3


def test_lists_can_be_filtered(heap: Heap) -> None:
    heap.track(identity="alice", event="a", idempotency_key="key-0001")
    heap.track(identity="bob", event="b", app_id="999")
    heap.connect()
    assert [e["event"] for e in heap.listed("events", identity="bob", app_id="999")] == ["b"]
    assert [e["event"] for e in heap.listed("events", idempotency_key="key-0001")] == ["a"]
    assert heap.listed("users", identity="nobody") == []
    assert len(heap.listed("requests", path="/api/partner/*", method="POST", status=200)) == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("colour=red", "colour: no such filter; there are app_id, event, identity"),
        ("limit=1001", "limit: expected a whole number from 0 to 1000"),
        ("after=-1", "after: expected a whole number from 0 to"),
        ("after=x", "after: expected a whole number from 0 to"),
    ],
)
def test_a_question_it_cannot_understand_is_explained(heap: Heap, query: str, text: str) -> None:
    answer = heap.get(f"/sandbox/api/events?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)


def test_requests_are_seen_as_they_were_sent(heap: Heap) -> None:
    heap.post("/api/track?x=1", {"app_id": ACME, "event": ""}, headers={"X-Trace": "abc"})
    [seen] = heap.listed("requests")
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/api/track", "x=1")
    assert (seen["status"], seen["authorization"], seen["fault"]) == (400, None, None)
    assert seen["headers"]["X-Trace"] == "abc"
    assert seen["headers"]["Content-Type"] == "application/json"
    assert (seen["body"], seen["body_bytes"]) == ('{"app_id": "2544353", "event": ""}', 34)


def test_requests_never_show_secrets(heap: Heap) -> None:
    heap.set(refresh_tokens="rotating")
    code = heap.code()
    tokens = heap.token(code=code).json()
    refreshed = heap.refresh(tokens["refresh_token"]).json()
    form = {"client_secret": CLIENT_SECRET, "code": code}
    heap.post("/api/partner/oauth/token", data=form, headers={"Cookie": "c=secret-cookie"})
    heap.metadata(refreshed)
    heap.post("/api/public/v0/auth_token", auth=("2544353", "secret-key"))
    log = heap.get("/sandbox/api/requests").text
    secrets = [
        CLIENT_SECRET,
        code,
        tokens["refresh_token"],
        "secret-cookie",
        "MjU0NDM1MzpzZWNyZXQt",
    ]
    assert not [secret for secret in [*secrets, refreshed["access_token"]] if secret in log]
    schemes = [request["authorization"] for request in heap.listed("requests")]
    assert schemes == [None, None, None, None, "Bearer", "Basic"]


def test_a_long_body_is_kept_in_part(heap: Heap) -> None:
    heap.track(event="é" * 100_000)
    [seen] = heap.listed("requests")
    assert seen["body_bytes"] > 100_000
    assert len(seen["body"]) <= 64 * 1024


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"colour": 1}, "colour: no such setting; there are access_token_seconds"),
        ({"refresh_tokens": "some"}, "refresh_tokens: expected one of none, static, rotating"),
        ({"token_latency_seconds": -1}, "token_latency_seconds: expected a number of seconds"),
        ({"token_latency_seconds": True}, "token_latency_seconds: expected a number of seconds"),
        ({"limits_scale": 0}, 'limits_scale: expected a number above 0, or "off"'),
        ({"access_token_seconds": "1"}, "access_token_seconds: expected a number of seconds"),
        ({"consent_app_id": ""}, "consent_app_id: expected text"),
    ],
)
def test_a_setting_it_cannot_take_is_explained_and_changes_nothing(
    heap: Heap, change: dict[str, object], text: str
) -> None:
    before = heap.get("/sandbox/api/settings").json()
    body = {"retry_after": "none", **change}
    answer = heap.session.patch(f"{heap.url}/sandbox/api/settings", json=body, timeout=20)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(text)
    assert heap.get("/sandbox/api/settings").json() == before


def test_clearing_removes_what_arrived_and_keeps_what_is_connected(heap: Heap) -> None:
    tokens = heap.connect()
    heap.track(idempotency_key="key-0001")
    heap.fault(kind="latency", path="/nowhere")
    counts = heap.post("/sandbox/api/clear").json()
    assert counts == {"events": 0, "users": 0, "accounts": 0, "requests": 0, "by_app_id": {}}
    assert heap.metadata(tokens).status_code == 200
    assert len(heap.listed("faults")) == 1


def test_resetting_returns_to_the_first_start(heap: Heap) -> None:
    heap.set(limits_scale="off")
    heap.fault(kind="drop", path="/nowhere")
    heap.advance(1000)
    tokens = heap.connect()
    heap.post("/sandbox/api/reset")
    assert heap.metadata(tokens).status_code == 401
    assert heap.get("/sandbox/api/settings").json()["limits_scale"] == 1
    assert heap.listed("faults") == []
    assert heap.get("/sandbox/api/token-endpoint").json()["calls"] == 0
    assert heap.post("/sandbox/api/clock", {"advance_seconds": 0}).json() == {"offset_seconds": 0}


@pytest.mark.parametrize("path", ["reset", "clear", "faults", "clock"])
def test_a_page_of_another_site_cannot_steer_it(heap: Heap, path: str) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = heap.post(f"/sandbox/api/{path}", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]


def test_news_is_only_sent_when_there_is_some(heap: Heap) -> None:
    first = heap.get("/sandbox/api/live")
    etag = first.headers["ETag"]
    same = heap.get("/sandbox/api/live", headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    heap.track()
    changed = heap.get("/sandbox/api/live", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert [event["event"] for event in changed.json()["events"]] == ["Signed up"]


def test_news_starts_after_the_marks_of_the_same_epoch(heap: Heap) -> None:
    heap.track(event="old")
    news = heap.get("/sandbox/api/live").json()
    marks = {
        "epoch": news["epoch"],
        "events_after": news["event_mark"],
        "revision_after": news["revision_mark"],
    }
    heap.track(event="new")
    later = heap.get("/sandbox/api/live", params=marks).json()
    assert [event["event"] for event in later["events"]] == ["new"]
    assert later["users"] == []
    heap.post("/sandbox/api/clear")
    heap.track(event="fresh")
    afresh = heap.get("/sandbox/api/live", params=marks).json()
    assert [event["event"] for event in afresh["events"]] == ["fresh"]
