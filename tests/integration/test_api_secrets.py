"""Our own API: secrets, and where notices go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from connector.config import Settings

from ..key_holder import KeyHolder, pointers, problem
from ..mail_server import MailServer
from ..people import Host
from ..upstream import Upstream, answering

VALUE = "a-value-that-nobody-sees"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def settings(
    make_settings: Callable[..., Settings], upstream: Upstream, mail: MailServer
) -> Settings:
    return make_settings(
        outbound_allow=(f"127.0.0.1:{upstream.port}",), smtp_url=f"smtp://{mail.place}"
    )


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    return KeyHolder(client, host)


def test_a_secret_is_set_listed_replaced_and_deleted(api: KeyHolder) -> None:
    assert api.get("/secrets").json == {"items": [], "next_cursor": None}
    made = api.put("/secrets/crm_token", value=VALUE)
    assert (made.status_code, set(made.json)) == (200, {"name", "created_at", "updated_at"})
    assert api.get("/secrets").json["items"] == [made.json]
    again = api.put("/secrets/crm_token", value="another" + VALUE)
    assert again.json["created_at"] == made.json["created_at"]
    assert VALUE not in made.text + again.text + api.get("/secrets").text
    opened = api.host.runtime.secrets.open_all(api.host.project.id)
    assert opened == {"crm_token": "another" + VALUE}
    assert api.delete("/secrets/crm_token").status_code == 204
    assert problem(api.delete("/secrets/crm_token")) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("Token", {"value": "x"}, "/name"),
        ("a.b", {"value": "x"}, "/name"),
        ("a", {}, "/value"),
        ("a", {"value": ""}, "/value"),
        ("a", {"value": "x" * 8193}, "/value"),
        ("a", {"value": 1}, "/value"),
        ("a", {"value": "\ud800"}, "/value"),
        ("a", {"value": VALUE, "name": "b"}, "/name"),
    ],
)
def test_a_wrong_secret_is_refused_with_a_pointer(
    api: KeyHolder, name: str, body: dict[str, object], pointer: str
) -> None:
    answer = api.put(f"/secrets/{name}", **body)
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), [pointer])
    assert VALUE not in answer.text
    assert api.get("/secrets").json["items"] == []


def test_secrets_of_one_name_in_two_projects_are_two_secrets(
    api: KeyHolder, client: FlaskClient, other_host: Host
) -> None:
    charlie = KeyHolder(client, other_host)
    api.put("/secrets/crm_token", value=VALUE)
    assert charlie.get("/secrets").json["items"] == []
    assert problem(charlie.delete("/secrets/crm_token")) == (404, "not_found")
    charlie.put("/secrets/crm_token", value="theirs")
    assert api.host.runtime.secrets.open_all(api.host.project.id) == {"crm_token": VALUE}


def test_notices_go_nowhere_at_first(api: KeyHolder) -> None:
    nowhere = {"webhook_url": None, "emails": [], "can_mail": True, "updated_at": None}
    assert api.get("/notices").json == nowhere
    assert api.post("/notices/test").json == {"items": []}


def test_the_webhook_s_secret_is_shown_once(api: KeyHolder, upstream: Upstream) -> None:
    url = f"{upstream.url}/notices"
    saved = api.put("/notices", webhook_url=url, emails=["ops@acme.example"]).json
    secret = saved.pop("webhook_secret")
    assert secret.startswith("hln_")
    assert (saved["webhook_url"], saved["emails"]) == (url, ["ops@acme.example"])
    assert api.get("/notices").json == saved
    assert api.put("/notices", webhook_url=url, emails=[]).json["webhook_secret"] is None
    renewed = api.put("/notices", webhook_url=url, emails=[], new_secret=True).json
    assert renewed["webhook_secret"] not in {None, secret}
    assert renewed["emails"] == []


def test_a_test_notice_tells_who_took_it(
    api: KeyHolder, upstream: Upstream, mail: MailServer
) -> None:
    upstream.on("/notices", answering(500))
    api.put("/notices", webhook_url=f"{upstream.url}/notices", emails=["ops@acme.example"])
    failed, taken = api.post("/notices/test").json["items"]
    assert failed == {
        "channel": "webhook",
        "target": upstream.url,
        "problem": "The webhook answered with status 500.",
    }
    assert taken == {"channel": "email", "target": "ops@acme.example", "problem": None}
    assert mail.mails[0].message["Subject"] == "[Acme Notes] Test of notices"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"webhook_url": "http://ops.acme.example/"}, "/webhook_url"),
        ({"webhook_url": "nonsense"}, "/webhook_url"),
        ({"webhook_url": 1}, "/webhook_url"),
        ({"emails": ["ops@acme.example", "ops"]}, "/emails/1"),
        ({"emails": ["ops@acme.example"] * 21}, "/emails"),
        ({"new_secret": True}, "/new_secret"),
        ({"webhook_secret": "mine"}, "/webhook_secret"),
    ],
)
def test_wrong_notice_settings_are_refused_with_a_pointer(
    api: KeyHolder, body: dict[str, object], pointer: str
) -> None:
    answer = api.put("/notices", **{"webhook_url": None, "emails": [], **body})
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), [pointer])
    assert api.get("/notices").json["updated_at"] is None


@pytest.mark.parametrize("left_out", ["webhook_url", "emails"])
def test_notice_settings_are_set_as_a_whole(api: KeyHolder, left_out: str) -> None:
    body = {"webhook_url": None, "emails": []}
    del body[left_out]
    assert pointers(api.put("/notices", **body)) == [f"/{left_out}"]


def test_notice_settings_are_each_project_s_own(
    api: KeyHolder, client: FlaskClient, other_host: Host
) -> None:
    api.put("/notices", webhook_url=None, emails=["ops@acme.example"])
    charlie = KeyHolder(client, other_host)
    assert charlie.get("/notices").json["emails"] == []
    assert charlie.post("/notices/test").json == {"items": []}
