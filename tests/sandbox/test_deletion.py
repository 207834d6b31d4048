"""API tokens by App ID and API key, and user deletion with its status."""

import uuid

import pytest
import requests

from .conftest import ACME, ACME_DEVELOPMENT, ACME_KEY, GLOBEX, GLOBEX_KEY, Heap

AUTH = "/api/public/v0/auth_token"
DELETE = "/api/public/v0/user_deletion"


def bearer(heap: Heap, app_id: str = ACME, api_key: str = ACME_KEY) -> dict[str, str]:
    answer = heap.post(AUTH, auth=(app_id, api_key))
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token"}
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def assert_refused(answer: requests.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.json()["err"]["message"]


@pytest.mark.parametrize(
    ("app_id", "api_key"),
    [
        (ACME, "wrong"),
        (ACME, ""),
        (ACME, GLOBEX_KEY),
        (ACME_DEVELOPMENT, ACME_KEY),
        ("999", ACME_KEY),
    ],
)
def test_only_a_main_production_environment_with_its_key_gets_a_token(
    heap: Heap, app_id: str, api_key: str
) -> None:
    assert_refused(heap.post(AUTH, auth=(app_id, api_key)), 401)


def test_the_key_goes_into_http_basic_only(heap: Heap) -> None:
    assert_refused(heap.post(AUTH, {"app_id": ACME, "api_key": ACME_KEY}), 401)
    assert_refused(heap.post(AUTH, headers={"Authorization": "Bearer x"}), 401)


@pytest.mark.parametrize(("seconds", "status"), [(295, 201), (301, 401)])
def test_a_token_is_good_for_five_minutes(heap: Heap, seconds: float, status: int) -> None:
    headers = bearer(heap)
    heap.advance(seconds)
    assert heap.post(DELETE, {"users": []}, headers=headers).status_code == status


def test_a_deletion_is_pending_and_then_complete_with_everything_gone(heap: Heap) -> None:
    heap.set(deletion_seconds=60)
    heap.track(identity="alice")
    heap.track(identity="bob")
    heap.post("/api/track", {"app_id": ACME, "event": "x", "user_id": "12"})
    heap.track(identity="alice", app_id=ACME_DEVELOPMENT)
    heap.track(identity="alice", app_id=GLOBEX)
    headers = bearer(heap)
    answer = heap.post(DELETE, {"users": [{"identity": "alice"}, {"user_id": 12}]}, headers=headers)
    assert answer.status_code == 201
    asked = answer.json()
    path = f"/api/public/v0/deletion_status/{asked['deletion_request_id']}"
    assert asked["deletion_request_location"] == heap.url + path
    assert asked["status"] == "pending"
    assert heap.get(path, headers=headers).json()["status"] == "pending"
    assert len(heap.listed("events")) == 5
    heap.advance(60)
    done = heap.get(path, headers=headers)
    assert done.json() == {
        "deletion_request_id": asked["deletion_request_id"],
        "status": "complete",
    }
    # All environments of the account, and no other account's.
    left = [(event["app_id"], event["identity"]) for event in heap.listed("events")]
    assert left == [(ACME, "bob"), (GLOBEX, "alice")]
    assert len(heap.listed("users")) == 2
    counts = heap.get("/sandbox/api/counts").json()
    assert (counts["events"], counts["users"]) == (2, 2)


def test_deleting_a_tied_user_id_deletes_its_identity(heap: Heap) -> None:
    heap.set(deletion_seconds=0)
    heap.track(identity="alice")
    heap.post("/api/v1/identify", {"app_id": ACME, "user_id": "12", "identity": "alice"})
    heap.post(DELETE, {"users": [{"user_id": "12"}]}, headers=bearer(heap))
    assert heap.listed("users") == []
    assert heap.listed("events") == []


def test_a_deleted_user_can_come_back(heap: Heap) -> None:
    heap.set(deletion_seconds=0)
    heap.track(idempotency_key="key-0001")
    heap.post(DELETE, {"users": [{"identity": "alice@example.com"}]}, headers=bearer(heap))
    assert heap.listed("users") == []
    heap.track(idempotency_key="key-0001")
    assert len(heap.listed("events")) == 1


@pytest.mark.parametrize(("number", "status"), [(10_000, 201), (10_001, 400)])
def test_ten_thousand_users_are_the_most(heap: Heap, number: int, status: int) -> None:
    users = [{"identity": f"user {n}"} for n in range(number)]
    assert heap.post(DELETE, {"users": users}, headers=bearer(heap)).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"users": {}},
        {"users": ["alice"]},
        {"users": [{}]},
        {"users": [{"identity": "a", "user_id": 1}]},
        {"users": [{"identity": ""}]},
        {"users": [{"user_id": -1}]},
        {"users": [{"user_id": 2**53}]},
        {"users": [{"user_id": True}]},
    ],
)
def test_refuses_users_it_cannot_understand(heap: Heap, body: object) -> None:
    assert_refused(heap.post(DELETE, body, headers=bearer(heap)), 400)


def test_wants_a_token(heap: Heap) -> None:
    answer = heap.post(DELETE, {"users": []})
    assert_refused(answer, 401)
    assert answer.json()["error"] == "Unauthorized"
    oauth = {"Authorization": f"Bearer {heap.connect()['access_token']}"}
    assert_refused(heap.post(DELETE, {"users": []}, headers=oauth), 401)


def test_a_status_belongs_to_the_account_that_asked(heap: Heap) -> None:
    asked = heap.post(DELETE, {"users": []}, headers=bearer(heap)).json()
    path = f"/api/public/v0/deletion_status/{asked['deletion_request_id']}"
    assert_refused(heap.get(path, headers=bearer(heap, GLOBEX, GLOBEX_KEY)), 404)
    assert_refused(heap.get(path), 401)
    unknown = f"/api/public/v0/deletion_status/{uuid.uuid4()}"
    assert_refused(heap.get(unknown, headers=bearer(heap)), 404)
