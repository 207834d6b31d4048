"""The page behind a connect link, without a browser."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from connector.connect_sessions import Wish

from ..conftest import SandboxClient
from ..people import ACME, Host


def _link(host: Host, user: str = "alice", **wish: object) -> str:
    _, link = host.runtime.connect_sessions.start(
        host.project,
        user,
        Wish(connector="heap", **wish),  # type: ignore[arg-type]
    )
    return f"/connect/link/{link}"


def _token(page: str, mode: str) -> str:
    found = re.search(rf'name="{mode}-csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found.group(1)


def test_it_says_who_asks_and_for_whom(client: FlaskClient, host: Host) -> None:
    page = client.get(_link(host, "alice <b>")).text
    assert "Acme Notes wants to connect to your Heap account" in page
    assert "alice &lt;b&gt;" in page
    assert "alice <b>" not in page


def test_no_two_fields_share_an_id(client: FlaskClient, host: Host) -> None:
    ids = re.findall(r'<input[^>]* id="([^"]+)"', client.get(_link(host)).text)
    assert len(ids) == len(set(ids)) > 2


def test_keys_connect_the_account(client: FlaskClient, host: Host, sandbox: SandboxClient) -> None:
    link = _link(host)
    form = {
        "app_keys-app_id": ACME["app_id"],
        "app_keys-api_key": ACME["api_key"],
        "app_keys-csrf_token": _token(client.get(link).text, "app_keys"),
    }
    answer = client.post(f"{link}?mode=app_keys", data=form)
    assert (answer.status_code, "Heap is connected" in answer.text) == (200, True)
    _, (connection,) = host.runtime.connections.of_user(host.project.id, "alice")
    assert (connection.account_key, connection.auth_mode) == ("2544353", "app_keys")
    assert client.get(link).status_code == 410


def test_wrong_keys_are_told_and_nothing_is_connected(
    client: FlaskClient, host: Host, sandbox: SandboxClient
) -> None:
    link = _link(host)
    form = {
        "app_keys-app_id": ACME["app_id"],
        "app_keys-api_key": "not-the-right-key",
        "app_keys-csrf_token": _token(client.get(link).text, "app_keys"),
    }
    answer = client.post(f"{link}?mode=app_keys", data=form)
    assert answer.status_code == 400
    assert "Heap did not accept these keys. Check them and try again." in answer.text
    assert "not-the-right-key" not in answer.text
    _, connections = host.runtime.connections.of_user(host.project.id, "alice")
    assert connections == []


def test_a_field_of_the_wrong_form_is_told_at_the_field(client: FlaskClient, host: Host) -> None:
    link = _link(host)
    form = {
        "app_id-app_id": "eleven",
        "app_id-csrf_token": _token(client.get(link).text, "app_id"),
    }
    answer = client.post(f"{link}?mode=app_id", data=form)
    assert answer.status_code == 400
    assert "App ID does not look right." in answer.text


def test_a_form_without_its_token_changes_nothing(client: FlaskClient, host: Host) -> None:
    answer = client.post(f"{_link(host)}?mode=app_id", data={"app_id-app_id": "11"})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")
    _, connections = host.runtime.connections.of_user(host.project.id, "alice")
    assert connections == []
