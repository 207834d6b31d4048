"""Our own API: connections, and the ways to make one."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from ..conftest import SandboxClient
from ..key_holder import KeyHolder, pointers, problem
from ..people import ACME, GLOBEX, HOST_ORIGIN, Host

WANTED = {"user": "alice", "connector": "heap", "auth_mode": "app_keys", "fields": ACME}


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    return KeyHolder(client, host)


def test_an_account_is_connected_by_keys_and_can_be_used(
    api: KeyHolder, client: FlaskClient, sandbox: SandboxClient
) -> None:
    answer = api.post("/connections", **WANTED, external_id="acme-1")
    assert answer.status_code == 201
    connection = answer.json
    shown = ("user", "connector", "auth_mode", "status", "external_id", "account_label")
    assert [connection[name] for name in shown] == [
        "alice",
        "heap",
        "app_keys",
        "connected",
        "acme-1",
        ACME["app_id"],
    ]
    assert connection["account"] == {"app_id": ACME["app_id"]}
    assert ACME["api_key"] not in answer.text
    assert (
        client.get(answer.headers["Location"], headers={"Authorization": f"Bearer {api.text}"}).json
        == connection
    )
    passed_on = client.post(
        api.host.path("/proxy/heap/track"),
        headers=api.host.headers("alice"),
        json={"event": "Signed up", "identity": "alice@example.com"},
    )
    assert passed_on.status_code == 200
    assert len(sandbox.items("events")) == 1


def test_the_same_account_keeps_its_id(api: KeyHolder) -> None:
    first = api.post("/connections", **WANTED).json
    api.delete(f"/connections/{first['id']}")
    again = api.post("/connections", **WANTED).json
    assert (again["id"], again["status"]) == (first["id"], "connected")


@pytest.mark.parametrize(("allowed", "before"), [(False, "disconnected"), (True, "connected")])
def test_another_account_ends_the_first_unless_several_are_allowed(
    api: KeyHolder, allowed: bool, before: str
) -> None:
    first = api.post("/connections", **WANTED).json
    api.post("/connections", **{**WANTED, "fields": GLOBEX}, allow_multiple=allowed)
    assert api.get(f"/connections/{first['id']}").json["status"] == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"connector": "nothing"}, "/connector"),
        ({"auth_mode": "nothing"}, "/auth_mode"),
        ({"auth_mode": "oauth"}, "/auth_mode"),
        ({"fields": {"app_id": ACME["app_id"]}}, "/fields/api_key"),
        ({"fields": {**ACME, "app_id": "no digits"}}, "/fields/app_id"),
        ({"fields": {**ACME, "colour": "red"}}, "/fields/colour"),
        ({"fields": {**ACME, "app_id": 11}}, "/fields/app_id"),
        ({"fields": "text"}, "/fields"),
        ({"user": "x" * 256}, "/user"),
        ({"external_id": ""}, "/external_id"),
        ({"allow_multiple": "false"}, "/allow_multiple"),
    ],
)
def test_a_wrong_field_is_named(api: KeyHolder, change: dict[str, object], pointer: str) -> None:
    answer = api.post("/connections", **{**WANTED, **change})
    assert problem(answer) == (400, "field_invalid")
    assert pointers(answer) == [pointer]
    assert api.get("/connections").json["items"] == []


def test_keys_that_the_provider_refuses_connect_nothing(api: KeyHolder) -> None:
    wrong = {**ACME, "api_key": "00000000-wrong"}
    answer = api.post("/connections", **{**WANTED, "fields": wrong})
    assert problem(answer) == (400, "connect_keys_refused")
    assert "00000000-wrong" not in answer.text
    assert api.get("/connections").json["items"] == []


def test_a_provider_that_is_unwell_is_told_apart_and_may_be_asked_again(
    api: KeyHolder, sandbox: SandboxClient
) -> None:
    sandbox.fault(kind="status", status=500, path="/api/public/v0/auth_token", times=1)
    answer = api.post("/connections", **WANTED)
    assert problem(answer) == (503, "credential_refresh_failed")
    assert answer.json["meta"]["retryable"] is True
    assert api.post("/connections", **WANTED).status_code == 201


def test_disconnecting_forgets_the_secret_and_a_repeat_changes_nothing(
    api: KeyHolder, client: FlaskClient
) -> None:
    connection = api.host.connect("alice")
    first = api.delete(f"/connections/{connection.id}").json
    second = api.delete(f"/connections/{connection.id}").json
    assert (first["status"], first["status_reason"]) == ("disconnected", "Disconnected by the API.")
    assert first == second == api.get(f"/connections/{connection.id}").json
    used = client.get(api.host.path("/proxy/heap/x"), headers=api.host.headers("alice"))
    assert problem(used) == (404, "not_connected")


def test_connections_are_listed_by_user_connector_and_status(api: KeyHolder) -> None:
    alices = api.host.connect("alice")
    bobs = api.host.connect("bob", GLOBEX)
    api.delete(f"/connections/{bobs.id}")

    def ids(**query: str) -> list[str]:
        return [one["id"] for one in api.get("/connections", **query).json["items"]]

    assert ids() == [alices.id, bobs.id]
    assert ids(user="alice") == [alices.id]
    assert ids(status="disconnected") == [bobs.id]
    assert ids(connector="nothing") == []
    assert ids(user="bob", status="connected") == []


def test_a_connect_link_leads_to_the_page_that_connects(
    api: KeyHolder, client: FlaskClient
) -> None:
    answer = api.post(
        "/connect-links", user="alice", connector="heap", return_url=f"{HOST_ORIGIN}/settings"
    )
    assert answer.status_code == 201
    assert answer.json["expires_at"].endswith("+00:00")
    public_url = api.host.runtime.settings.public_url
    assert answer.json["url"].startswith(f"{public_url}/connect/link/")
    page = client.get(answer.json["url"].removeprefix(public_url))
    assert page.status_code == 200
    assert "Acme Notes" in page.text


def test_a_connect_link_may_be_for_one_connection_of_that_user(api: KeyHolder) -> None:
    connection = api.host.connect("alice")
    wanted = {"connector": "heap", "connection_id": connection.id}
    assert api.post("/connect-links", user="alice", **wanted).status_code == 201
    assert problem(api.post("/connect-links", user="bob", **wanted)) == (404, "not_found")


def test_a_foreign_connection_cannot_be_renewed(api: KeyHolder, other_host: Host) -> None:
    foreign = other_host.connect("alice")
    for connection_id in (foreign.id, "no-such"):
        answer = api.post(
            "/connect-links", user="alice", connector="heap", connection_id=connection_id
        )
        assert problem(answer) == (404, "not_found")


@pytest.mark.parametrize(
    "return_url",
    [
        "https://evil.example/",
        "//evil.example/",
        "/settings",
        "javascript:alert(1)",
        f"{HOST_ORIGIN}@evil.example/",
        f"{HOST_ORIGIN}\\@evil.example/",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:5999.evil.example/",
    ],
)
def test_a_connect_link_leads_back_to_the_projects_own_origins_alone(
    api: KeyHolder, return_url: str
) -> None:
    answer = api.post("/connect-links", user="alice", connector="heap", return_url=return_url)
    assert problem(answer) == (400, "connect_return_not_allowed")


def test_a_connect_link_for_an_unknown_connector_is_refused(api: KeyHolder) -> None:
    answer = api.post("/connect-links", user="alice", connector="nothing")
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), ["/connector"])
