"""Connecting an account the way it is meant: by window, by link, by keys, by code."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from connector.connect_sessions import Wish
from connector.errors import ConnectKeysRefused, FieldInvalid, NotFound
from connector.models import Connection, Status
from connector.store import connections as connection_store
from connector.tables import metadata

from ..conftest import SandboxClient
from ..people import ACME, GLOBEX, HOST_ORIGIN, Host
from ..visitor import Visitor, argument


@pytest.fixture
def visitor(app: Flask, host: Host) -> Callable[[str], Visitor]:
    return lambda user: Visitor(app, host, user)


def connections(host: Host) -> list[Connection]:
    with host.runtime.database.reading() as tx:
        return [one for one, _ in connection_store.page(tx, host.project.id)]


def test_a_window_connects_an_account(
    visitor: Callable[[str], Visitor], host: Host, sandbox: SandboxClient
) -> None:
    alice = visitor("alice")
    authorize = alice.begin()
    asked = {name: argument(authorize, name) for name in ("client_id", "response_type", "scope")}
    apps = [one["client_id"] for one in sandbox.items("partner-apps")]
    assert asked == {"client_id": apps[0], "response_type": "code", "scope": "segment"}
    assert alice.poll() == {}
    page = alice.come_back(alice.consent(authorize))
    assert (page.status_code, "Heap is connected" in page.text) == (200, True)
    (connection,) = connections(host)
    assert alice.poll() == {"connectCredentialId": connection.id}
    assert connection.status is Status.CONNECTED
    assert connection.auth_mode == "oauth"
    assert connection.account["app_id"] == ACME["app_id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", connection.account_key)
    assert (connection.scopes, connection.client_id) == (("segment",), apps[0])
    assert connection.development is True


def test_the_connected_account_can_be_used_at_once(
    visitor: Callable[[str], Visitor], client: FlaskClient, host: Host, sandbox: SandboxClient
) -> None:
    visitor("alice").connect()
    event = {"event": "Signed up", "identity": "alice@example.com"}
    path = host.path("/proxy/heap/track")
    answer = client.post(path, json=event, headers=host.headers("alice"))
    assert answer.status_code == 200
    assert [one["app_id"] for one in sandbox.items("events")] == [ACME["app_id"]]


def test_older_packages_open_the_provider_without_the_first_page(
    visitor: Callable[[str], Visitor], host: Host
) -> None:
    alice = visitor("alice")
    query = {
        "integrationId": "heap",
        "originForPostMessage": HOST_ORIGIN,
        "userToken": host.token("alice"),
        "sessionId": "old-key",
    }
    first = alice.client.get(host.path("/actions/build-oauth"), query_string=query)
    assert first.status_code == 302
    onward = alice.client.get(first.headers["Location"])
    page = alice.come_back(alice.consent(onward.headers["Location"]))
    assert page.status_code == 200
    assert alice.poll("old-key") == {"connectCredentialId": connections(host)[0].id}


def test_a_link_connects_an_account_and_leads_back_to_the_product(
    app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    wish = Wish(connector="heap", return_url=HOST_ORIGIN + "/settings")
    _, link = host.runtime.connect_sessions.start(host.project, "alice", wish)
    browser = app.test_client()
    start = browser.get(f"/connect/link/{link}")
    assert "Acme Notes wants to connect to your Heap account" in start.text
    form = csrf_fields(start.text)
    onward = browser.post(f"/connect/link/{link}?mode=oauth", data=form)
    assert onward.status_code == 302
    back = requests.get(onward.headers["Location"], allow_redirects=False, timeout=20)
    page = browser.get(back.headers["Location"].removeprefix("http://127.0.0.1:8700"))
    assert f'href="{HOST_ORIGIN}/settings"' in page.text
    assert [one.auth_mode for one in connections(host)] == ["oauth"]
    assert browser.get(f"/connect/link/{link}").status_code == 410


def csrf_fields(page: str) -> dict[str, str]:
    """Return the hidden field of a page's forms."""
    match = re.search(r'name="((?:\w+-)?csrf_token)"[^>]*value="([^"]+)"', page)
    assert match, page
    return {match.group(1): match.group(2)}


def test_a_link_cannot_be_posted_to_from_a_stranger_s_page(app: Flask, host: Host) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    _, link = host.runtime.connect_sessions.start(host.project, "alice", Wish(connector="heap"))
    answer = app.test_client().post(f"/connect/link/{link}?mode=oauth")
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert (
        "Set-Cookie" not in answer.headers
        or "heapline-connect" not in (answer.headers["Set-Cookie"])
    )


def test_the_same_account_keeps_its_connection(visitor: Callable[[str], Visitor]) -> None:
    alice = visitor("alice")
    first = alice.connect(key="one")
    assert alice.connect(key="two") == first
    assert alice.connect(key="three", selectedCredentialId=first) == first
    assert alice.connect(key="four", allowMultipleCredentials=True) == first


def test_another_account_takes_the_place_of_the_first_unless_several_are_allowed(
    visitor: Callable[[str], Visitor], host: Host, sandbox: SandboxClient
) -> None:
    alice = visitor("alice")
    first = alice.connect(key="one")
    sandbox.set(consent_app_id=GLOBEX["app_id"])
    second = alice.connect(key="two", allowMultipleCredentials=True, externalId="second")
    assert {one.id: one.status for one in connections(host)} == {
        first: Status.CONNECTED,
        second: Status.CONNECTED,
    }
    sandbox.set(consent_app_id=ACME["app_id"])
    assert alice.connect(key="three") == first
    found = {one.id: (one.status, one.status_reason) for one in connections(host)}
    assert found[second] == (
        Status.DISCONNECTED,
        "Another account was connected in its place.",
    )


def test_a_disconnected_account_comes_back_under_its_id_with_its_new_secret(
    host: Host, client: FlaskClient, sandbox: SandboxClient
) -> None:
    """The server still holds what it opened before: it must not take the new one for that."""

    def delete_bob() -> int:
        return client.post(
            host.path("/proxy/heap/public/v0/user_deletion"),
            json={"users": [{"identity": "bob"}]},
            headers=host.headers("alice"),
        ).status_code

    connection = host.connect("alice")
    assert delete_bob() == 201
    host.runtime.connections.disconnect(host.project.id, connection.id, "Test.")
    assert delete_bob() == 404
    sandbox.post("access-tokens/revoke")
    assert host.connect("alice").id == connection.id
    calls = len(sandbox.items("requests", path="/api/public/v0/auth_token"))
    assert delete_bob() == 201
    assert len(sandbox.items("requests", path="/api/public/v0/auth_token")) == calls


def test_keys_are_checked_with_the_provider_before_they_are_stored(host: Host) -> None:
    wrong = {**ACME, "api_key": GLOBEX["api_key"]}
    with pytest.raises(ConnectKeysRefused, match="Heap did not accept these keys"):
        host.connect("alice", wrong)
    assert connections(host) == []
    assert host.connect("alice").account == {"app_id": ACME["app_id"]}


@pytest.mark.parametrize(
    ("keys", "pointer", "words"),
    [
        ({"app_id": "", "api_key": "x" * 20}, "/app_id", "App ID is required."),
        ({"app_id": "11"}, "/api_key", "API key is required."),
        ({"app_id": "eleven", "api_key": "x" * 20}, "/app_id", "App ID does not look right."),
        ({"app_id": "1\n2", "api_key": "x" * 20}, "/app_id", "App ID does not look right."),
        ({"app_id": "11", "api_key": "short"}, "/api_key", "API key does not look right."),
    ],
)
def test_keys_of_a_wrong_form_are_told_by_field(
    host: Host, keys: dict[str, str], pointer: str, words: str
) -> None:
    with pytest.raises(FieldInvalid, match=re.escape(words)) as caught:
        host.connect("alice", keys)
    assert caught.value.meta["pointer"] == pointer
    assert "short" not in caught.value.message


@pytest.mark.parametrize("mode", ["oauth", "nothing", ""])
def test_only_a_mode_of_keys_takes_keys(host: Host, mode: str) -> None:
    with pytest.raises(NotFound):
        host.connect("alice", ACME, mode=mode)


@pytest.mark.parametrize("user", ["", "x" * 256, "a\x00b", "\ud800"])
def test_a_user_that_cannot_be_stored_is_told(host: Host, user: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        host.connect(user)
    assert caught.value.meta["pointer"] == "/user"


def test_a_code_that_the_product_was_sent_back_with_connects_an_account(
    visitor: Callable[[str], Visitor], client: FlaskClient, host: Host
) -> None:
    alice = visitor("alice")
    redirect_url = HOST_ORIGIN + "/callback"
    own_page = alice.begin().replace(
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A8700%2Fconnect%2Fheap%2Fcallback",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A5999%2Fcallback",
    )
    body: dict[str, Any] = {
        "integrationId": "heap",
        "code": argument(alice.consent(own_page), "code"),
        "redirectUrl": redirect_url,
        "integrationOptions": {"externalId": "mine"},
    }
    answer = client.post(host.path("/credentials"), json=body, headers=host.headers("alice"))
    assert answer.status_code == 200, answer.text
    assert (answer.json["status"], answer.json["externalId"]) == ("VALID", "mine")
    again = client.post(host.path("/credentials"), json=body, headers=host.headers("alice"))
    assert (again.status_code, again.json["code"]) == (502, "connect_provider_error")


def test_a_deleted_user_leaves_no_row_behind(
    visitor: Callable[[str], Visitor], host: Host, client: FlaskClient
) -> None:
    def rows() -> dict[str, int]:
        with host.runtime.database.reading() as tx:
            return {
                name: len(tx.execute(table.select()).all())
                for name, table in metadata.tables.items()
                if name not in {"system_secrets", "data_keys", "rate_windows"}
            }

    before = rows()
    alice = visitor("alice")
    alice.connect()
    alice.begin(key="unfinished")
    client.get(host.path("/proxy/heap/nothing"), headers=host.headers("alice"))
    host.runtime.request_log.flush()
    assert rows() != before
    host.runtime.connections.delete_user(host.project.id, "alice")
    assert rows() == before


def test_what_has_expired_is_swept_away(visitor: Callable[[str], Visitor], host: Host) -> None:
    alice = visitor("alice")
    alice.begin()
    with host.runtime.database.transaction() as tx:
        for name in ("connect_sessions", "connect_attempts"):
            table = metadata.tables[name]
            tx.execute(table.update().values(expires_at=1.0))
    host.runtime.connect_sessions.sweep()
    with host.runtime.database.reading() as tx:
        assert tx.execute(metadata.tables["connect_sessions"].select()).all() == []
        assert tx.execute(metadata.tables["connect_attempts"].select()).all() == []


def test_new_app_credentials_outdate_what_was_connected_with_the_old(
    visitor: Callable[[str], Visitor], host: Host
) -> None:
    connection_id = visitor("alice").connect()
    host.connect("bob", mode="app_id")
    host.runtime.apps.save(
        host.project.id,
        "heap",
        client_id="own-client",
        client_secret="own-secret",
        scopes=("segment",),
        region="us",
        without_app=False,
    )
    found = {one.id: one for one in connections(host)}
    assert found[connection_id].status is Status.NEEDS_REAUTHORISATION
    assert "app credentials of the project were changed" in found[connection_id].status_reason
