"""POST /api/track: Heap's examples, every limit on both sides, and what is stored."""

import json

import pytest

from .conftest import ACME, Heap

DATED = "2017-03-10T22:21:56+00:00"
DATED_MS = 1489184516000


def test_heaps_own_single_example_is_stored(heap: Heap) -> None:
    answer = heap.post(
        "/api/track",
        {
            "app_id": "11",
            "identity": "alice@example.com",
            "event": "Send Transactional Email",
            "timestamp": DATED,
            "properties": {"subject": "Welcome to My App!", "variation": "A"},
        },
    )
    assert (answer.status_code, answer.text) == (200, "{}")
    assert answer.headers["Content-Type"].startswith("application/json")
    [event] = heap.listed("events")
    assert event["app_id"] == "11"
    assert event["timestamp"] == DATED_MS
    assert event["properties"] == {"subject": "Welcome to My App!", "variation": "A"}


def test_heaps_own_bulk_example_is_stored(heap: Heap) -> None:
    events = [
        {
            "identity": "alice@example.com",
            "event": "Send Transactional Email",
            "timestamp": DATED,
            "properties": {"subject": "Welcome to My App!", "variation": "A"},
        },
        {"user_id": "1234", "event": "Send Transactional Email"},
    ]
    answer = heap.track_bulk(events)
    assert (answer.status_code, answer.text) == (200, "{}")
    assert [(e["identity"], e["user_id"]) for e in heap.listed("events")] == [
        ("alice@example.com", None),
        (None, "1234"),
    ]


ACCEPTED = {
    "a name of 1024 characters": {"event": "n" * 1024},
    "an identity of 255 characters": {"identity": "i" * 255},
    "an identity of 255 characters outside ASCII": {"identity": "ż" * 255},
    "no properties": {"properties": {}},
    "a property name of 1023 characters": {"properties": {"k" * 1023: 1}},
    "a property value of 1023 characters": {"properties": {"k": "v" * 1023}},
    "an integer": {"properties": {"k": 12}},
    "a decimal number": {"properties": {"k": 1.5}},
    "an empty text": {"properties": {"k": ""}},
    "a session id": {"session_id": "12345"},
    "unknown fields": {"library": "mine"},
    "a date": {"timestamp": "2017-03-10"},
    "a date with Z": {"timestamp": "2017-03-10T22:21:56.123Z"},
    "a date without a zone": {"timestamp": "2017-03-10T22:21:56"},
    "milliseconds since the epoch": {"timestamp": DATED_MS},
    "an unknown App ID": {"app_id": "no such environment"},
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED)
def test_accepts(heap: Heap, fields: dict[str, object]) -> None:
    answer = heap.track(**fields)
    assert (answer.status_code, answer.text) == (200, "{}")
    assert len(heap.listed("events")) == 1


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "an array of properties": ({"properties": []}, ".properties should be object"),
    "null properties": ({"properties": None}, ".properties should be object"),
    "a name of 1025 characters": (
        {"event": "n" * 1025},
        ".event should NOT be longer than 1024 characters",
    ),
    "an empty name": ({"event": ""}, ".event should NOT be shorter than 1 characters"),
    "a number as name": ({"event": 7}, ".event should be string"),
    "an identity of 256 characters": (
        {"identity": "i" * 256},
        ".identity should NOT be longer than 255 characters",
    ),
    "a number as identity": ({"identity": 7}, ".identity should be string"),
    "both identity and user id": (
        {"user_id": "12"},
        " should match exactly one schema in oneOf",
    ),
    "a property name of 1024 characters": (
        {"properties": {"k" * 1024: 1}},
        f".properties property name '{'k' * 1024}' should NOT be longer than 1023 characters",
    ),
    "a property value of 1024 characters": (
        {"properties": {"k": "v" * 1024}},
        ".properties.k should NOT be longer than 1023 characters",
    ),
    "a nested object": (
        {"properties": {"a b": {"c": 1}}},
        ".properties['a b'] should be number,string",
    ),
    "a null value": ({"properties": {"k": None}}, ".properties.k should be number,string"),
    "a boolean value": ({"properties": {"k": True}}, ".properties.k should be number,string"),
    "an array with an object in it": (
        {"properties": {"k": [1, {}]}},
        ".properties.k[1] should be boolean,number,string",
    ),
    "a word as timestamp": (
        {"timestamp": "yesterday"},
        '.timestamp should match format "date-time"',
    ),
    "an impossible date": (
        {"timestamp": "2017-02-30T00:00:00Z"},
        '.timestamp should match format "date-time"',
    ),
    "a timestamp beyond all dates": (
        {"timestamp": 8.64e15 + 2},
        '.timestamp should match format "date-time"',
    ),
    "a number as idempotency key": (
        {"idempotency_key": 5},
        ".idempotency_key should be string",
    ),
    "a number as session id": ({"session_id": 5}, ".session_id should be string"),
}


@pytest.mark.parametrize(("fields", "text"), REFUSED.values(), ids=REFUSED)
def test_refuses_a_single_event_as_if_it_were_a_bulk_of_one(
    heap: Heap, fields: dict[str, object], text: str
) -> None:
    answer = heap.track(**fields)
    assert (answer.status_code, answer.text) == (400, f"postBody.events[0]{text}")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert heap.listed("events") == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "postBody should have required property 'app_id'"),
        ([], "postBody should be object"),
        ("text", "postBody should be object"),
        ({"app_id": 12}, "postBody.app_id should be string"),
        ({"app_id": ""}, "postBody.app_id should NOT be shorter than 1 characters"),
        ({"app_id": "1"}, "postBody.events[0] should have required property 'event'"),
        (
            {"app_id": "1", "event": "x"},
            "postBody.events[0] should match exactly one schema in oneOf",
        ),
        ({"app_id": "1", "events": {}}, "postBody.events should be array"),
        ({"app_id": "1", "events": ["x"]}, "postBody.events[0] should be object"),
    ],
)
def test_refuses_a_body_of_the_wrong_shape(heap: Heap, body: object, text: str) -> None:
    answer = heap.post("/api/track", body)
    assert (answer.status_code, answer.text) == (400, text)


@pytest.mark.parametrize("user_id", ["0", "9007199254740991", "00012"])
def test_accepts_a_user_id_from_zero_to_the_largest_safe_integer(heap: Heap, user_id: str) -> None:
    answer = heap.post("/api/track", {"app_id": ACME, "event": "x", "user_id": user_id})
    assert answer.status_code == 200
    assert heap.listed("events")[0]["user_id"] == str(int(user_id))


@pytest.mark.parametrize(
    "user_id", ["9007199254740992", "-1", "1.5", "0x10", " 1", "१२", "1" * 400, "a-uuid", ""]
)
def test_refuses_a_user_id_that_is_no_such_number(heap: Heap, user_id: str) -> None:
    answer = heap.post("/api/track", {"app_id": ACME, "event": "x", "user_id": user_id})
    assert answer.status_code == 400
    assert answer.text.startswith("postBody.events[0].user_id should")


def test_a_user_id_is_text_not_a_number(heap: Heap) -> None:
    answer = heap.post("/api/track", {"app_id": ACME, "event": "x", "user_id": 12})
    assert (answer.status_code, answer.text) == (400, "postBody.events[0].user_id should be string")


def test_joins_arrays_with_two_bars(heap: Heap) -> None:
    heap.track(properties={"tags": ["a", 1, 2.0, 2.5, True], "none": []})
    assert heap.listed("events")[0]["properties"] == {"tags": "a||1||2||2.5||true", "none": ""}


@pytest.mark.parametrize(("length", "kept"), [(1020, 1023), (1021, 1024), (1022, 1024)])
def test_cuts_a_joined_array_at_1024_characters(heap: Heap, length: int, kept: int) -> None:
    heap.track(properties={"tags": ["v" * length, "w"]})
    joined = "v" * length + "||w"
    assert heap.listed("events")[0]["properties"]["tags"] == joined[:1024]
    assert len(joined[:1024]) == kept


def test_takes_a_thousand_events_in_bulk(heap: Heap) -> None:
    events: list[object] = [{"event": "x", "identity": f"user {n}"} for n in range(1000)]
    assert heap.track_bulk(events).status_code == 200
    assert heap.get("/sandbox/api/counts").json()["events"] == 1000


def test_refuses_a_thousand_and_one(heap: Heap) -> None:
    events: list[object] = [{"event": "x", "identity": f"user {n}"} for n in range(1001)]
    answer = heap.track_bulk(events)
    assert answer.status_code == 400
    assert answer.text == "postBody.events should NOT have more than 1000 items"


def test_one_bad_event_keeps_the_whole_bulk_out_and_is_named(heap: Heap) -> None:
    events: list[object] = [{"event": "x", "identity": "alice"}, {"event": "x"}]
    answer = heap.track_bulk(events)
    assert answer.text == "postBody.events[1] should match exactly one schema in oneOf"
    assert heap.listed("events") == []


def test_a_repeated_idempotency_key_changes_nothing(heap: Heap) -> None:
    heap.track(event="first", idempotency_key="key-0001")
    answer = heap.track(event="second", identity="bob", idempotency_key="key-0001")
    assert (answer.status_code, answer.text) == (200, "{}")
    assert [event["event"] for event in heap.listed("events")] == ["first"]
    assert [user["identity"] for user in heap.listed("users")] == ["alice@example.com"]


def test_a_key_repeated_within_one_bulk_counts_once(heap: Heap) -> None:
    event = {"event": "x", "identity": "alice", "idempotency_key": "key-0001"}
    heap.track_bulk([event, {**event, "event": "y"}, {"event": "z", "identity": "alice"}])
    assert [event["event"] for event in heap.listed("events")] == ["x", "z"]


def test_the_same_key_in_another_environment_is_another_event(heap: Heap) -> None:
    heap.track(idempotency_key="key-0001")
    heap.track(idempotency_key="key-0001", app_id="999")
    assert len(heap.listed("events")) == 2


def test_an_unknown_app_id_keeps_its_data_apart(heap: Heap) -> None:
    heap.track(app_id="999")
    assert heap.listed("events", app_id=ACME) == []
    assert heap.get("/sandbox/api/counts").json()["by_app_id"] == {
        "999": {"events": 1, "users": 1, "accounts": 0}
    }


def test_identities_are_case_sensitive(heap: Heap) -> None:
    heap.track(identity="Alice")
    heap.track(identity="alice")
    assert [user["identity"] for user in heap.listed("users")] == ["Alice", "alice"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"app_id": ', "Unexpected token in JSON at position 11"),
        (b'{"app_id": "1", "event": NaN}', "The body is not JSON in UTF-8"),
        (b'{"app_id": 1e999}', "The body is not JSON in UTF-8"),
        (b'{"app_id": "\xff"}', "The body is not JSON in UTF-8"),
        (b"[" * 100_000, "The body is not JSON in UTF-8"),
        (b"", "postBody should have required property 'app_id'"),
    ],
)
def test_refuses_a_body_that_is_not_json(heap: Heap, raw: bytes, text: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = heap.post("/api/track", data=raw, headers=headers)
    assert (answer.status_code, answer.text) == (400, text)
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_asks_for_the_json_content_type(heap: Heap) -> None:
    body = json.dumps({"app_id": ACME, "event": "x", "identity": "a"})
    answer = heap.post("/api/track", data=body, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.text) == (400, "Content-Type should be application/json")


def test_stores_any_text_that_json_can_say(heap: Heap) -> None:
    raw = rb'{"app_id":"1","event":"a\ud800b","identity":"Zo\u00eb \ud83d\ude00 \u0000"}'
    answer = heap.post("/api/track", data=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    [event] = heap.listed("events")
    assert event["event"] == "a�b"
    assert event["identity"] == "Zoë \N{GRINNING FACE} \0"


@pytest.mark.parametrize("path", ["track", "add_user_properties", "v1/identify"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_only_posts_are_taken_and_browsers_get_no_permission(
    heap: Heap, path: str, method: str
) -> None:
    headers = {"Origin": "http://app.example", "Access-Control-Request-Method": "POST"}
    answer = heap.session.request(method, f"{heap.url}/api/{path}", headers=headers, timeout=20)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
