"""The proxy for a connected user, against the sandbox."""

from __future__ import annotations

from flask.testing import FlaskClient

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
    from connector.store import requests as request_store

    def logged() -> list[object]:
        with host.runtime.database.reading() as tx:
            return list(request_store.page(tx, host.project.id))

    (entry,) = eventually(logged)
    assert "abcdefghij" not in repr(entry)
