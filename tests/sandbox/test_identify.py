"""POST /api/v1/identify: migration of anonymous events and the silent limits."""

import pytest

from .conftest import ACME, Heap


def identify(heap: Heap, user_id: str, identity: str, **fields: object) -> None:
    body = {"app_id": ACME, "user_id": user_id, "identity": identity, **fields}
    answer = heap.post("/api/v1/identify", body)
    assert (answer.status_code, answer.text) == (200, "{}")


def anonymous_event(heap: Heap, user_id: str) -> None:
    body = {"app_id": ACME, "event": "Viewed", "user_id": user_id}
    assert heap.post("/api/track", body).status_code == 200


def test_moves_the_anonymous_users_events(heap: Heap) -> None:
    anonymous_event(heap, "12")
    anonymous_event(heap, "34")
    identify(heap, "12", "alice", timestamp="2017-03-10T22:21:56+00:00")
    assert [event["identity"] for event in heap.listed("events")] == ["alice", None]
    users = {(user["identity"], tuple(user["user_ids"])) for user in heap.listed("users")}
    assert users == {("alice", ("12",)), (None, ("34",))}
    assert heap.get("/sandbox/api/counts").json()["users"] == 2


def test_later_events_of_the_user_id_belong_to_the_identity(heap: Heap) -> None:
    identify(heap, "12", "alice")
    anonymous_event(heap, "12")
    assert [event["identity"] for event in heap.listed("events")] == ["alice"]
    assert [user["identity"] for user in heap.listed("users")] == ["alice"]


def test_a_user_id_keeps_its_first_identity(heap: Heap) -> None:
    anonymous_event(heap, "12")
    identify(heap, "12", "alice")
    identify(heap, "12", "bob")
    assert [event["identity"] for event in heap.listed("events")] == ["alice"]
    assert [user["identity"] for user in heap.listed("users")] == ["alice"]


def test_an_identity_gets_ten_user_ids_a_month_and_the_rest_is_dropped(heap: Heap) -> None:
    for number in range(11):
        identify(heap, str(number), "alice")
    [alice] = heap.listed("users")
    assert alice["user_ids"] == [str(number) for number in range(10)]


def test_a_new_month_makes_room_again(heap: Heap) -> None:
    for number in range(11):
        identify(heap, str(number), "alice")
    heap.advance(31 * 24 * 3600)
    identify(heap, "10", "alice")
    assert len(heap.listed("users")[0]["user_ids"]) == 11


def test_environments_do_not_share_user_ids(heap: Heap) -> None:
    identify(heap, "12", "alice")
    identify(heap, "12", "bob", app_id="999")
    assert [user["identity"] for user in heap.listed("users")] == ["alice", "bob"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"app_id": None}, "postBody.app_id should be string"),
        (
            {"user_id": "x"},
            "postBody.user_id should be a decimal number from 0 to 9007199254740991",
        ),
        ({"identity": ""}, "postBody.identity should NOT be shorter than 1 characters"),
        ({"identity": "i" * 256}, "postBody.identity should NOT be longer than 255 characters"),
        ({"timestamp": "soon"}, 'postBody.timestamp should match format "date-time"'),
    ],
)
def test_refuses_with_a_reason(heap: Heap, change: dict[str, object], text: str) -> None:
    body = {"app_id": ACME, "user_id": "12", "identity": "alice", **change}
    answer = heap.post("/api/v1/identify", body)
    assert (answer.status_code, answer.text) == (400, text)


@pytest.mark.parametrize("missing", ["app_id", "user_id", "identity"])
def test_every_field_is_required(heap: Heap, missing: str) -> None:
    body = {"app_id": ACME, "user_id": "12", "identity": "alice"}
    del body[missing]
    answer = heap.post("/api/v1/identify", body)
    assert (answer.status_code, answer.text) == (
        400,
        f"postBody should have required property '{missing}'",
    )
