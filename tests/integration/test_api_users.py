"""Our own API: users."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from ..conftest import SandboxClient, eventually
from ..key_holder import KeyHolder, encoded, problem
from ..people import GLOBEX, Host

ODD = ["a/b c@é", "100%2F", "a+b&c=d?e#f", "/lead", "trail/", "..", "日本", "a//b", "x" * 255]


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    return KeyHolder(client, host)


def test_a_user_is_shown_with_their_connections(api: KeyHolder) -> None:
    first = api.host.connect("alice")
    second = api.host.connect("alice", GLOBEX)
    api.host.connect("bob")
    api.host.runtime.connections.set_meta(api.host.project.id, "alice", {"plan": "pro"})
    user = api.get("/users/alice").json
    assert (user["external_id"], user["meta"]) == ("alice", {"plan": "pro"})
    assert [one["id"] for one in user["connections"]] == [first.id, second.id]
    assert user["created_at"].endswith("+00:00")


@pytest.mark.parametrize("user", ODD)
def test_an_id_of_odd_characters_is_found_and_deleted(api: KeyHolder, user: str) -> None:
    api.host.connect(user)
    api.host.connect("bob")
    assert api.get(encoded(user)).json["external_id"] == user
    deleted = api.delete(encoded(user))
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert [one["external_id"] for one in api.get("/users").json["items"]] == ["bob"]


def test_a_deleted_user_leaves_nothing_behind(
    api: KeyHolder, client: FlaskClient, sandbox: SandboxClient
) -> None:
    connection = api.host.connect("alice")
    client.post(
        api.host.path("/proxy/heap/track"),
        headers=api.host.headers("alice"),
        json={"event": "Signed up", "identity": "alice@example.com"},
    )
    eventually(lambda: api.get("/requests", user="alice").json["items"])
    assert api.delete("/users/alice").status_code == 204
    assert problem(api.get("/users/alice")) == (404, "not_found")
    assert problem(api.get(f"/connections/{connection.id}")) == (404, "not_found")
    assert api.get("/requests", user="alice").json["items"] == []
    assert problem(api.delete("/users/alice")) == (404, "not_found")


def test_users_are_found_by_account_too(api: KeyHolder) -> None:
    api.host.connect("alice")
    api.host.connect("bob", GLOBEX)
    found = api.get("/users", search=GLOBEX["app_id"][:6]).json["items"]
    assert [one["external_id"] for one in found] == ["bob"]


@pytest.mark.parametrize("search", ["%", "_", "\\", "a%b"])
def test_a_search_takes_every_character_as_it_is(api: KeyHolder, search: str) -> None:
    api.host.connect("alice")
    assert api.get("/users", search=search).json["items"] == []
