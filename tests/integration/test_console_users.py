"""Connected users in the console: found, looked at, disconnected, connected by link, deleted."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from connector.models import Status
from connector.store import connections as connection_store
from connector.store import requests as request_store
from connector.store import users as user_store

from ..conftest import SandboxClient, eventually
from ..operators import Console, Page
from ..people import ACME, GLOBEX, Host

#: Who is found by what, when alice is connected and bob is disconnected.
FILTERS: dict[str, set[str]] = {
    "": {"alice", "bob"},
    "?search=ALI": {"alice"},
    "?search=3207896401": {"bob"},
    "?search=%25": set(),
    "?status=connected": {"alice"},
    "?status=disconnected": {"bob"},
    "?status=needs_reauthorisation": set(),
    "?status=nonsense": {"alice", "bob"},
    "?search=ali&status=disconnected": set(),
}
LINK = re.compile(r"http://127\.0\.0\.1:8700(/connect/link/[\w-]{43})")


def _mark(host: Host, connection_id: str, reason: str) -> None:
    with host.runtime.database.transaction() as tx:
        connection_store.set_status(
            tx, host.project.id, connection_id, Status.NEEDS_REAUTHORISATION, reason
        )


def _link(page: Page) -> str:
    found = LINK.search(page.html)
    assert found, page.text
    return found.group(1)


def _connect_by(app: Flask, link: str, keys: dict[str, str]) -> str:
    """Do what the person does who opens a connect link; return what they see."""
    person = app.test_client()
    page = person.get(link).text
    token = re.search(r'name="app_keys-csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    fields = {f"app_keys-{name}": value for name, value in keys.items()}
    form = {**fields, "app_keys-csrf_token": token.group(1)}
    return str(person.post(f"{link}?mode=app_keys", data=form).text)


def test_the_list_shows_every_account_with_status_and_reason(console: Console, host: Host) -> None:
    alice = host.connect("alice")
    host.connect("alice", GLOBEX)
    _mark(host, alice.id, "The provider refused to renew the token.")
    page = console.get(console.path("/users"))
    assert "1 user of Acme Notes" in page.text
    assert "Needs re-authorisation Heap, 2544353 The provider refused to renew the token" in (
        page.text
    )
    assert "Connected Heap, 3207896401" in page.text


def test_users_are_found_by_id_account_and_status(console: Console, host: Host) -> None:
    host.connect("alice")
    bob = host.connect("bob", GLOBEX)
    host.runtime.connections.disconnect(host.project.id, bob.id, "Disconnected by the user.")
    for query, expected in FILTERS.items():
        page = console.get(console.path(f"/users{query}"))
        found = {name for name in ("alice", "bob") if f">{name}</a>" in page.html}
        assert found == expected, query
        assert ("Nobody matches" in page.text) is not bool(expected)


def test_search_and_status_stay_in_the_form(console: Console, host: Host) -> None:
    page = console.get(console.path("/users?search=nobody&status=connected"))
    assert page.value("search") == "nobody"
    assert 'value="connected" selected' in page.html


def test_pages_of_fifty_hold_every_user_once(console: Console, host: Host) -> None:
    with host.runtime.database.transaction() as tx:
        for number in range(120):
            user_store.ensure(tx, host.project.id, f"user-{number:03}")
    seen: list[str] = []
    path: str | None = console.path("/users")
    lengths = []
    while path:
        page = console.get(path)
        names = re.findall(r">(user-\d{3})</a>", page.html)
        lengths.append(len(names))
        seen += names
        path = next((link for link in page.links if "after=" in link), None)
    assert lengths == [50, 50, 20]
    assert seen == [f"user-{number:03}" for number in range(120)]


def test_the_page_of_a_user_tells_all_of_an_account_but_its_secret(
    console: Console, host: Host
) -> None:
    connection = host.connect("alice", external_id="crm-7")
    page = console.get(console.path(f"/users/{connection.user_id}"))
    expected = (
        "App ID and API key",
        "United States",
        "The sandbox (development keys)",
        connection.id,
        "crm-7",
        "2544353",
    )
    assert [text for text in expected if text not in page.text] == []
    assert ACME["api_key"] not in page.html


def test_the_page_of_a_user_shows_their_last_requests(
    console: Console, app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    connection = host.connect("alice")
    app.test_client().post(
        host.path("/proxy/heap/track"),
        headers=host.headers("alice"),
        json={"event": "Signed up", "identity": "alice@example.com"},
    )
    path = console.path(f"/users/{connection.user_id}")
    page = eventually(lambda: _holding(console.get(path), "/api/track"))
    assert any(link.endswith("/requests?user=alice") for link in page.links)


def _holding(page: Page, text: str) -> Page | None:
    return page if text in page.text else None


def test_disconnecting_forgets_the_credential(console: Console, host: Host) -> None:
    connection = host.connect("alice")
    path = console.path(f"/users/{connection.user_id}/connections/{connection.id}/disconnect")
    page = console.post(path, follow=True)
    assert "The account 2544353 is disconnected." in page.text
    assert "Disconnected by an operator" in page.text
    found = host.runtime.connections.get(host.project.id, connection.id)
    assert found.status is Status.DISCONNECTED
    with host.runtime.database.reading() as tx:
        assert connection_store.credential(tx, host.project.id, connection.id) is None


def test_a_link_connects_an_account_of_a_new_user(console: Console, app: Flask, host: Host) -> None:
    page = console.post(console.path("/connect-links/new"), user=" dora ", connector="heap")
    assert page.status == 200
    assert "Link for dora" in page.text
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert "Heap is connected" in _connect_by(app, _link(page), ACME)
    _, (connection,) = host.runtime.connections.of_user(host.project.id, "dora")
    assert connection.status is Status.CONNECTED


def test_a_link_adds_an_account_and_ends_none(console: Console, app: Flask, host: Host) -> None:
    host.connect("alice")
    page = console.post(console.path("/connect-links/new"), user="alice", connector="heap")
    _connect_by(app, _link(page), GLOBEX)
    _, connections = host.runtime.connections.of_user(host.project.id, "alice")
    assert [one.status for one in connections] == [Status.CONNECTED, Status.CONNECTED]


def test_the_form_of_a_link_is_filled_in_for_a_known_user(console: Console) -> None:
    assert console.get(console.path("/connect-links/new?user=alice")).value("user") == "alice"


@pytest.mark.parametrize(
    ("user", "connector", "field", "why"),
    [
        ("", "heap", "user", "Fill in the user's id."),
        ("x" * 256, "heap", "user", "1 to 255 characters"),
        ("a\x00b", "heap", "user", "none of them a control character"),
        ("alice", "nothing", "connector", "Not a valid choice"),
    ],
)
def test_what_makes_no_link_is_told_at_the_field(
    console: Console, host: Host, user: str, connector: str, field: str, why: str
) -> None:
    page = console.post(console.path("/connect-links/new"), user=user, connector=connector)
    assert page.status == 400
    assert why in page.at(f"{field}-error")
    assert page.value("user") == user
    with host.runtime.database.reading() as tx:
        assert user_store.count(tx, host.project.id) == 0


def test_a_re_authorisation_link_brings_the_same_connection_back(
    console: Console, app: Flask, host: Host
) -> None:
    connection = host.connect("alice")
    _mark(host, connection.id, "The provider refused to renew the token.")
    path = console.path(f"/users/{connection.user_id}/connections/{connection.id}/link")
    page = console.post(path)
    assert "Re-authorisation link" in page.text
    link = _link(page)
    assert "Heap is connected" in _connect_by(app, link, ACME)
    found = host.runtime.connections.get(host.project.id, connection.id)
    assert found.status is Status.CONNECTED
    assert app.test_client().get(link).status_code == 410


def test_a_re_authorisation_link_leaves_other_accounts_alone(
    console: Console, app: Flask, host: Host
) -> None:
    connection, other = host.connect("alice"), host.connect("alice", GLOBEX)
    path = console.path(f"/users/{connection.user_id}/connections/{connection.id}/link")
    _connect_by(app, _link(console.post(path)), ACME)
    found = host.runtime.connections.get(host.project.id, other.id)
    assert found.status is Status.CONNECTED


def test_a_user_is_deleted_with_everything_once_their_id_was_typed(
    console: Console, app: Flask, host: Host
) -> None:
    connection = host.connect("alice")
    bob = host.connect("bob")
    app.test_client().get(host.path("/proxy/heap/anything"), headers=host.headers("alice"))
    eventually(lambda: _requests(host))
    path = console.path(f"/users/{connection.user_id}/delete")
    page = console.post(path, confirmation="alice", follow=True)
    assert "alice and everything of theirs is deleted." in page.text
    assert console.get(console.path(f"/users/{connection.user_id}")).status == 404
    assert _requests(host) == []
    assert host.runtime.connections.get(host.project.id, bob.id).status is Status.CONNECTED
    with host.runtime.database.reading() as tx:
        assert connection_store.find(tx, host.project.id, connection.id) is None
        assert connection_store.credential(tx, host.project.id, connection.id) is None


@pytest.mark.parametrize("typed", ["", "bob", "Alice", "alice@"])
def test_another_id_deletes_nobody(console: Console, host: Host, typed: str) -> None:
    connection = host.connect("alice")
    page = console.post(console.path(f"/users/{connection.user_id}/delete"), confirmation=typed)
    assert page.status == 400
    assert page.at("confirmation-error")
    assert page.value("confirmation") == typed
    assert host.runtime.connections.get(host.project.id, connection.id)


def _requests(host: Host) -> list[object]:
    with host.runtime.database.reading() as tx:
        return list(request_store.page(tx, host.project.id, user="alice"))
