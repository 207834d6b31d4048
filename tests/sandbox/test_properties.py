"""User and account properties: examples, limits, merging and Heap's special names."""

import pytest

from .conftest import ACME, Heap

USER = {"app_id": ACME, "identity": "bob@example.com"}
ACCOUNT = {"app_id": ACME, "account_id": "Globex Corporation"}


def test_heaps_own_user_example_is_stored(heap: Heap) -> None:
    body = {**USER, "properties": {"age": "25", "language": "English", "favoriteColor": "black"}}
    answer = heap.post("/api/add_user_properties", body)
    assert (answer.status_code, answer.text) == (200, "{}")
    [user] = heap.listed("users")
    assert user["identity"] == "bob@example.com"
    assert user["properties"] == {"age": "25", "language": "English", "favoriteColor": "black"}
    assert heap.listed("events") == []


def test_heaps_own_account_example_is_stored(heap: Heap) -> None:
    body = {**ACCOUNT, "properties": {"is_paying": "yes", "plan": "growth", "seats": 12}}
    answer = heap.post("/api/add_account_properties", body)
    assert (answer.status_code, answer.text) == (200, "OK")
    assert answer.headers["Content-Type"].startswith("text/plain")
    [account] = heap.listed("accounts")
    assert account["account_id"] == "Globex Corporation"
    assert account["properties"] == {"is_paying": "yes", "plan": "growth", "seats": 12}


@pytest.mark.parametrize(
    ("path", "table", "item"),
    [
        ("/api/add_user_properties", "users", USER),
        ("/api/add_account_properties", "accounts", ACCOUNT),
    ],
)
def test_a_later_value_replaces_only_its_own_name(
    heap: Heap, path: str, table: str, item: dict[str, str]
) -> None:
    heap.post(path, {**item, "properties": {"plan": "free", "seats": 1}})
    heap.post(path, {**item, "properties": {"plan": "pro"}})
    assert heap.listed(table)[0]["properties"] == {"plan": "pro", "seats": 1}


@pytest.mark.parametrize(
    ("path", "name", "key"),
    [
        ("/api/add_user_properties", "users", "identity"),
        ("/api/add_account_properties", "accounts", "account_id"),
    ],
)
def test_a_bulk_holds_up_to_a_thousand(heap: Heap, path: str, name: str, key: str) -> None:
    items = [{key: f"item {n}", "properties": {"n": n}} for n in range(1001)]
    answer = heap.post(path, {"app_id": ACME, name: items})
    assert answer.status_code == 400
    assert answer.text == f"postBody.{name} should NOT have more than 1000 items"
    assert heap.post(path, {"app_id": ACME, name: items[:1000]}).status_code == 200
    assert heap.get("/sandbox/api/counts").json()[name] == 1000


def test_the_last_of_two_mentions_in_a_bulk_wins(heap: Heap) -> None:
    users = [{"identity": "bob", "properties": {"n": n}} for n in (1, 2)]
    heap.post("/api/add_user_properties", {"app_id": ACME, "users": users})
    assert [user["properties"] for user in heap.listed("users")] == [{"n": 2}]


@pytest.mark.parametrize("name", ["id", "ID", "Id", "iD"])
def test_a_user_property_may_not_be_named_id(heap: Heap, name: str) -> None:
    answer = heap.post("/api/add_user_properties", {**USER, "properties": {name: "1"}})
    assert answer.status_code == 400
    assert answer.text == f"postBody.users[0].properties property name '{name}' is invalid"


def test_an_account_property_may_be_named_id(heap: Heap) -> None:
    answer = heap.post("/api/add_account_properties", {**ACCOUNT, "properties": {"id": "1"}})
    assert (answer.status_code, answer.text) == (200, "OK")


def test_only_lower_case_email_writes_the_built_in_email(heap: Heap) -> None:
    heap.post("/api/add_user_properties", {**USER, "properties": {"Email": "x", "email": "b@c.d"}})
    [user] = heap.listed("users")
    assert (user["email"], user["properties"]) == ("b@c.d", {"Email": "x"})


BAD_USERS = {
    "no identity": ({}, " should have required property 'identity'"),
    "a user id instead": ({"user_id": "1"}, " should have required property 'identity'"),
    "a long identity": (
        {"identity": "i" * 256},
        ".identity should NOT be longer than 255 characters",
    ),
    "an array value": (
        {"identity": "b", "properties": {"k": ["a"]}},
        ".properties.k should be number,string",
    ),
    "a long value": (
        {"identity": "b", "properties": {"k": "v" * 1024}},
        ".properties.k should NOT be longer than 1023 characters",
    ),
    "properties that are text": (
        {"identity": "b", "properties": "x"},
        ".properties should be object",
    ),
}


@pytest.mark.parametrize(("user", "text"), BAD_USERS.values(), ids=BAD_USERS)
def test_refuses_a_user_with(heap: Heap, user: dict[str, object], text: str) -> None:
    single = heap.post("/api/add_user_properties", {"app_id": ACME, **user})
    assert (single.status_code, single.text) == (400, f"postBody.users[0]{text}")
    good = {"identity": "alice"}
    bulk = heap.post("/api/add_user_properties", {"app_id": ACME, "users": [good, user]})
    assert (bulk.status_code, bulk.text) == (400, f"postBody.users[1]{text}")
    assert heap.listed("users") == []


def test_refuses_an_account_without_an_id(heap: Heap) -> None:
    answer = heap.post("/api/add_account_properties", {"app_id": ACME, "properties": {}})
    assert answer.status_code == 400
    assert answer.text == "postBody.accounts[0] should have required property 'account_id'"
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_accounts_take_an_app_id_as_text_or_number(heap: Heap) -> None:
    heap.post("/api/add_account_properties", {**ACCOUNT, "app_id": 3207896401})
    assert heap.listed("accounts")[0]["app_id"] == "3207896401"
    refused = heap.post("/api/add_user_properties", {**USER, "app_id": 3207896401})
    assert (refused.status_code, refused.text) == (400, "postBody.app_id should be string")
