"""The Python client for servers, against a real server on a socket."""

from __future__ import annotations

import dataclasses
import doctest
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from connector import client as package
from connector.access import SCOPES
from connector.client import (
    Heapline,
    HeaplineApiError,
    ProviderError,
    Response,
    answers,
    heapline,
)
from connector.models import LoggedRequest
from connector.store import connections as connection_store
from connector.store import requests as request_store

from ..conftest import SandboxClient, eventually
from ..people import ACME, GLOBEX, HOST_ORIGIN, Host
from ..serving import serving

EVENT = {"event": "Signed up", "identity": "alice@example.com"}


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    """The address of a server that runs the application."""
    with serving(app) as address:
        yield address


@pytest.fixture
def api_key(host: Host) -> str:
    return host.runtime.access.new_api_key(host.project.id, "tests", tuple(SCOPES))[1]


@pytest.fixture
def acme(url: str, host: Host, api_key: str) -> Iterator[Heapline]:
    """The client as the host product would make it."""
    with Heapline(url, host.project.id, private_key=host.private_pem, api_key=api_key) as connected:
        yield connected


def test_the_examples_in_the_docstrings_hold() -> None:
    for module in (answers, heapline):
        outcome = doctest.testmod(module)
        assert outcome.attempted > 0
        assert outcome.failed == 0


def test_a_request_is_passed_on_and_the_providers_answer_comes_back(
    acme: Heapline, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    answer = acme.request("heap", "/track", user="alice", method="POST", json=EVENT)
    assert answer.raise_for_status().json() == {}
    assert answer.headers["x-heapline-attempts"] == "1"
    assert [one["event"] for one in sandbox.items("events")] == ["Signed up"]


def test_an_error_of_the_provider_is_an_answer_and_no_error_of_ours(
    acme: Heapline, host: Host
) -> None:
    host.connect("alice")
    answer = acme.request("heap", "/track", user="alice", method="POST", json={"event": "x" * 2000})
    assert answer.status == 400
    with pytest.raises(ProviderError, match="400") as caught:
        answer.raise_for_status()
    assert caught.value.response is answer


def test_an_error_of_ours_is_raised_with_its_code(acme: Heapline) -> None:
    with pytest.raises(HeaplineApiError) as caught:
        acme.request("heap", "/track", user="alice", method="POST", json=EVENT)
    error = caught.value
    assert (error.status, error.code, error.retryable) == (404, "not_connected", False)
    assert error.message == "Integration not enabled for user."
    assert error.meta["requestId"]


def test_what_may_succeed_later_is_told_apart(
    acme: Heapline, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    sandbox.fault(kind="drop", path="/api/track", times=9)
    with pytest.raises(HeaplineApiError) as caught:
        acme.request("heap", "/track", user="alice", method="POST", json=EVENT)
    assert (caught.value.status, caught.value.retryable) == (502, True)


@pytest.mark.parametrize("as_file", [False, True])
def test_a_binary_body_arrives_byte_for_byte(
    url: str, host: Host, acme: Heapline, tmp_path: Path, as_file: bool
) -> None:
    host.connect("alice")
    body = bytes(range(256)) * 4096
    file = tmp_path / "body"
    file.write_bytes(body)
    with file.open("rb") as opened:
        answer = acme.request(
            "heap",
            "/anything",
            user="alice",
            method="PUT",
            data=opened if as_file else body,
            headers={"Content-Type": "application/octet-stream"},
        )
    assert answer.status == 404
    (entry,) = eventually(lambda: _logged(host))
    assert (entry.method, entry.request_bytes) == ("PUT", len(body))


def test_a_chosen_connection_is_used(acme: Heapline, host: Host, sandbox: SandboxClient) -> None:
    host.connect("alice", ACME)
    second = host.connect("alice", GLOBEX, external_id="globex-1")
    for chosen in (second.id, "ext:globex-1"):
        acme.request("heap", "/track", user="alice", method="POST", json=EVENT, connection=chosen)
    assert {one["app_id"] for one in sandbox.items("events")} == {GLOBEX["app_id"]}


def test_an_absolute_address_on_an_allowed_host_is_passed_on(
    acme: Heapline, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    address = "https://heapanalytics.com/api/track"
    answer = acme.request("heap", address, user="alice", method="POST", json=EVENT)
    assert answer.status == 200
    with pytest.raises(HeaplineApiError) as caught:
        acme.request("heap", "https://evil.example/track", user="alice")
    assert caught.value.code == "destination_refused"


def test_a_path_cannot_climb_to_another_route_of_the_server(acme: Heapline, host: Host) -> None:
    host.connect("alice")
    with pytest.raises(HeaplineApiError) as caught:
        acme.request("heap", "/../../me", user="alice")
    assert caught.value.code == "path_invalid"


def test_connections_are_listed_over_every_page(acme: Heapline, host: Host) -> None:
    connection = host.connect("alice")
    host.connect("bob")
    copies = [
        dataclasses.replace(connection, id=f"copy-{number}", account_key=str(number))
        for number in range(205)
    ]
    with host.runtime.database.transaction() as tx:
        for copy in copies:
            connection_store.save(tx, copy)
    found = [one.id for one in acme.connections("alice")]
    assert sorted(found) == sorted([connection.id, *(copy.id for copy in copies)])
    assert [one.user for one in acme.connections("bob", connector="heap")] == ["bob"]
    assert list(acme.connections("bob", status="disconnected")) == []


def test_a_connection_is_typed(acme: Heapline, host: Host) -> None:
    made = host.connect("alice", external_id="acme-1")
    found = acme.connection(made.id)
    assert (found.user, found.status, found.external_id) == ("alice", "connected", "acme-1")
    assert found.account == {"app_id": ACME["app_id"]}
    assert found.scopes == ()
    assert found.created_at.utcoffset() == datetime.now(UTC).utcoffset()
    assert abs(found.created_at.timestamp() - made.created_at) < 0.001


def test_an_account_is_disconnected_and_a_user_deleted(acme: Heapline, host: Host) -> None:
    connection = host.connect("a/b c@é")
    assert acme.disconnect(connection.id).status == "disconnected"
    acme.delete_user("a/b c@é")
    with pytest.raises(HeaplineApiError) as caught:
        acme.connection(connection.id)
    assert caught.value.code == "not_found"


def test_a_connect_link_is_made(acme: Heapline, host: Host) -> None:
    link = acme.connect_link("alice", "heap", f"{HOST_ORIGIN}/settings")
    assert link.startswith(f"{host.runtime.settings.public_url}/connect/link/")
    connection = host.connect("alice")
    assert acme.connect_link("alice", "heap", connection_id=connection.id) != link
    with pytest.raises(HeaplineApiError, match="return address"):
        acme.connect_link("alice", "heap", "https://evil.example/")


def test_threads_share_a_client(acme: Heapline, host: Host, sandbox: SandboxClient) -> None:
    users = [f"user-{number}" for number in range(8)]
    for user in users:
        host.connect(user)

    def track(number: int) -> int:
        event = {"event": f"Event {number}", "identity": f"{number}@example.com"}
        user = users[number % len(users)]
        return acme.request("heap", "/track", user=user, method="POST", json=event).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(track, range(64))) == {200}
    assert len({one["event"] for one in sandbox.items("events", limit=200)}) == 64


def test_a_client_shows_no_secret_of_its_own() -> None:
    shown = repr(Heapline("http://127.0.0.1:1", "p1", private_key="PEM", api_key="hlk_key"))
    assert shown == "Heapline('http://127.0.0.1:1', 'p1')"


def test_the_client_needs_nothing_of_the_server() -> None:
    code = "import sys, connector.client; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert {name for name in loaded if name.split(".")[0] == "connector"} == {
        "connector",
        "connector.client",
        "connector.client.answers",
        "connector.client.calls",
        "connector.client.heapline",
        "connector.client.runs",
        "connector.client.transport",
        "connector.client.workflows",
        "connector.errors",
        "connector.tokens",
    }
    assert not loaded & {"flask", "sqlalchemy", "alembic", "marshmallow", "structlog"}


def test_the_package_names_what_it_offers() -> None:
    assert sorted(package.__all__) == package.__all__
    assert all(hasattr(package, name) for name in package.__all__)
    assert Response(200, {}, b"\xff").text == "\N{REPLACEMENT CHARACTER}"


def _logged(host: Host) -> list[LoggedRequest]:
    with host.runtime.database.reading() as tx:
        return request_store.page(tx, host.project.id)
