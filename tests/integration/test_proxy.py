"""The proxy for a connected user, against the sandbox."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from connector.store import requests as request_store

from ..conftest import SandboxClient, eventually
from ..people import Host


def test_an_event_of_a_connected_user_arrives(
    client: FlaskClient, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    answer = client.post(
        host.path("/proxy/heap/track"),
        headers=host.headers("alice"),
        json={"event": "Signed up", "identity": "alice@example.com"},
    )
    assert (answer.status_code, answer.get_json()) == (200, {})
    events = sandbox.items("events")
    assert [(one["app_id"], one["event"]) for one in events] == [("2544353", "Signed up")]


def test_the_request_log_tells_of_it(client: FlaskClient, host: Host) -> None:
    host.connect("alice")
    client.get(host.path("/proxy/heap/anything?api_key=abcdefghij"), headers=host.headers("alice"))

    def logged() -> list[object]:
        with host.runtime.database.reading() as tx:
            return list(request_store.page(tx, host.project.id))

    (entry,) = eventually(logged)
    assert "abcdefghij" not in repr(entry)


@pytest.mark.parametrize(
    ("region", "ingestion"), [("us", "heapanalytics.com"), ("eu", "c.eu.heap-api.com")]
)
def test_each_region_has_its_own_place_for_what_is_sent_to_heap(
    client: FlaskClient, host: Host, sandbox: SandboxClient, region: str, ingestion: str
) -> None:
    """Heap's European data centre takes events at a host of its own; all else is at the usual."""
    host.runtime.apps.save(
        host.project.id,
        "heap",
        client_id="",
        client_secret=None,
        scopes=(),
        region=region,
        without_app=False,
    )
    host.connect("alice")
    for method, path, body in (
        ("POST", "/track", {"event": "Signed up", "identity": "alice@example.com"}),
        ("POST", "/add_user_properties", {"identity": "a", "properties": {"plan": "pro"}}),
        ("GET", "/anything_else", None),
    ):
        client.open(
            host.path(f"/proxy/heap{path}"),
            method=method,
            headers=host.headers("alice"),
            **({"json": body} if body else {}),
        )
    assert [one["event"] for one in sandbox.items("events")] == ["Signed up"]
    host.runtime.request_log.flush()
    with host.runtime.database.reading() as tx:
        targets = {entry.target for entry in request_store.page(tx, host.project.id)}
    assert targets == {
        f"https://{ingestion}/api/track",
        f"https://{ingestion}/api/add_user_properties",
        "https://heapanalytics.com/api/anything_else",
    }
