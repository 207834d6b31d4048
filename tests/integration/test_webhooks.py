"""Webhooks from their address to the run that they start, once."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from connector.webhook_keys import WebhookKeys
from connector.webhook_schemes import DEFAULT_SECONDS, SCHEMES, Delivery
from connector.webhooks import Webhooks
from workflow.errors import DefinitionInvalid
from workflow.models import Run, RunState
from workflow.schema import definition_schema
from workflow.store import workflows as workflow_store

from ..conftest import make_app
from ..key_holder import KeyHolder
from ..senders import SECRET, SENDERS, Sender
from .sdk_caller import Sdk, refusal
from .workshop import Document, Workshop

SEEN: Document = {"id": "seen", "type": "set", "values": {"who": "<<run.id>>"}}
FORM = "application/x-www-form-urlencoded"
BODY = {"text": "Grüße", "number": 5}


@pytest.fixture
def client(workshop: Workshop) -> FlaskClient:
    return make_app(workshop.host.runtime).test_client()


def hooked(workshop: Workshop, scheme: str = "none", **more: Any) -> str:
    """Deploy a workflow with a webhook trigger; return its name."""
    verify = {"scheme": scheme, **more.pop("verify", {})}
    if scheme != "none":
        verify.setdefault("secret", "hook")
    trigger = {"type": "webhook", "verify": verify, **more.pop("trigger", {})}
    return workshop.deploy(workshop.write([SEEN], trigger=trigger, **more))


def address(workshop: Workshop, name: str, user: str = "") -> str:
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    return "/hooks/" + workshop.host.runtime.webhooks.key(workflow.id, user)


def send(client: FlaskClient, path: str, body: Any = None, **headers: str) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body)
    return client.post(path, data=data, headers=headers)


def started(workshop: Workshop) -> list[Run]:
    return workshop.engine.control.runs(workshop.project)


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
def test_a_delivery_starts_a_run_and_forged_ones_start_none(
    client: FlaskClient, workshop: Workshop, sender: Sender
) -> None:
    workshop.host.runtime.secrets.set(workshop.project, "hook", sender.secret)
    path = address(workshop, hooked(workshop, sender.scheme))
    body, now = json.dumps(BODY).encode(), int(time.time())
    headers = sender.sign(sender.secret, body, now, "d1")
    forged = {
        "nothing": client.post(path, data=body),
        "altered": client.post(
            path, data=body, headers={**headers, sender.header: headers[sender.header][:-2]}
        ),
    }
    if sender.signs_body:
        forged["another body"] = client.post(path, data=body + b" ", headers=headers)
    if sender.timed:
        old = sender.sign(sender.secret, body, now - 400, "d1")
        forged["old"] = client.post(path, data=body, headers=old)
    for name, answer in forged.items():
        assert refusal(answer) == (403, "webhook_refused"), name
        assert headers[sender.header][-20:] not in answer.text
    assert started(workshop) == []
    answer = client.post(path, data=body, headers=headers)
    assert answer.status_code == 200
    run = workshop.ended(answer.json["runId"])
    assert (run.state, run.trigger_type) == (RunState.SUCCEEDED, "webhook")
    assert run.trigger["body"] == BODY
    assert sender.header.lower() not in run.trigger["headers"]
    assert sender.secret not in json.dumps(run.trigger)
    again = client.post(path, data=body, headers=headers)
    assert again.json == answer.json
    assert len(started(workshop)) == 1


def test_a_secret_is_changed_without_a_delivery_lost(
    client: FlaskClient, workshop: Workshop
) -> None:
    secrets, sender = workshop.host.runtime.secrets, SENDERS["hmac_hex"]
    path = address(workshop, hooked(workshop, "hmac_sha256"))

    def taken(secret: str, body: bytes) -> bool:
        headers = sender.sign(secret, body, 0, "")
        return client.post(path, data=body, headers=headers).status_code == 200

    secrets.set(workshop.project, "hook", "the-old-secret")
    assert taken("the-old-secret", b"1 and more")
    secrets.set(workshop.project, "hook_previous", "the-old-secret")
    secrets.set(workshop.project, "hook", "the-new-secret")
    assert taken("the-old-secret", b"2 and more")
    assert taken("the-new-secret", b"3 and more")
    secrets.delete(workshop.project, "hook_previous")
    assert not taken("the-old-secret", b"4 and more")


def test_without_its_secret_a_webhook_takes_nothing(
    client: FlaskClient, workshop: Workshop
) -> None:
    workshop.host.runtime.secrets.set(workshop.project, "other", SECRET)
    body = json.dumps(BODY).encode()
    for scheme in ("hmac_sha256", "shared_secret"):
        path = address(workshop, hooked(workshop, scheme))
        for secret in ("", "hook", SECRET):
            headers = SENDERS["hmac_hex"].sign(secret, body, 0, "")
            answer = client.post(path, data=body, headers={**headers, "X-Webhook-Secret": secret})
            assert refusal(answer) == (403, "webhook_refused")
    assert started(workshop) == []


def test_a_scheme_that_this_version_does_not_know_takes_nothing(
    client: FlaskClient, workshop: Workshop
) -> None:
    """Such as one of a newer version, before it was rolled back."""
    name = hooked(workshop)
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    trigger = {"type": "webhook", "verify": {"scheme": "newer"}}
    with workshop.host.runtime.database.transaction() as tx:
        document = workshop.write([SEEN], trigger=trigger, name=name)
        workflow_store.add_version(tx, workflow.id, "newer", document, None, 0.0)
        workflow_store.deploy(tx, workflow.id, "newer", "tests", 0.0)
    answer = send(client, address(workshop, name))
    assert refusal(answer) == (403, "webhook_refused")


@pytest.mark.parametrize("verify", [{"scheme": "guess"}, {"scheme": "github"}, {"secret": "hook"}])
def test_a_webhook_that_could_take_nothing_is_not_pushed(
    workshop: Workshop, verify: dict[str, str]
) -> None:
    definition = workshop.write([SEEN], trigger={"type": "webhook", "verify": verify})
    with pytest.raises(DefinitionInvalid, match="/trigger/verify"):
        workshop.deploy(definition)


def test_the_schemes_that_definitions_may_name_are_those_that_there_are() -> None:
    verify = definition_schema()["$defs"]["webhook_trigger"]["properties"]["verify"]
    assert set(verify["properties"]["scheme"]["enum"]) == set(SCHEMES)
    assert verify["properties"]["seconds"]["default"] == DEFAULT_SECONDS


def test_operators_are_told_the_address(client: FlaskClient, workshop: Workshop) -> None:
    holder = KeyHolder(client, workshop.host)
    public_url = workshop.host.runtime.settings.public_url

    def told(name: str, **query: str) -> Any:
        answer = holder.get(f"/workflows/{name}/address", **query)
        return answer.json.get("address") or (answer.status_code, answer.json["code"])

    plain, own = hooked(workshop), hooked(workshop, connector="heap")
    assert told(plain) == public_url + address(workshop, plain)
    assert told(own, user="alice") == public_url + address(workshop, own, "alice")
    assert told(own) == (400, "trigger_refused")
    by_body = hooked(workshop, connector="heap", trigger={"user": "<<trigger.body.user>>"})
    assert told(by_body) == public_url + address(workshop, by_body)
    request = workshop.deploy(workshop.write([SEEN], trigger={"type": "request"}))
    assert told(request) == public_url + workshop.host.path(f"/triggers/{request}")
    assert told(request, user="alice") == (400, "trigger_refused")
    assert told(workshop.deploy(workshop.write([SEEN]))) == (400, "trigger_refused")
    reader = KeyHolder(client, workshop.host, "workflows:read")
    assert reader.get(f"/workflows/{plain}/address").status_code == 403


def test_an_address_cannot_be_guessed_or_altered(client: FlaskClient, workshop: Workshop) -> None:
    name = hooked(workshop)
    path = address(workshop, name)
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    key = path.removeprefix("/hooks/")
    named, _, signature = key.partition(".")
    for wrong in (
        workflow.id,
        name,
        named,
        f"{named}.",
        f"{named}.{signature[:-1]}",
        f"{named}A.{signature}",
        f"{named[:-2]}.{signature}",
        f"{named}.{signature}.x",
        f"{key}%20",
        "%C3%A4.x",
        ".",
        key.swapcase(),
    ):
        assert refusal(send(client, f"/hooks/{wrong}")) == (404, "not_found"), wrong
    assert send(client, path).status_code == 200
    assert len(started(workshop)) == 1
    assert client.get(path).status_code == 405


def test_an_address_leads_nowhere_while_its_workflow_is_out_of_service(
    client: FlaskClient, workshop: Workshop
) -> None:
    name = hooked(workshop)
    path = address(workshop, name)
    catalogue = workshop.engine.catalogue
    catalogue.withdraw(workshop.project, name, by="tests")
    assert refusal(send(client, path)) == (404, "not_found")
    catalogue.deploy(workshop.project, name, by="tests")
    assert send(client, path).status_code == 200
    manual = workshop.deploy(workshop.write([SEEN]))
    assert refusal(send(client, address(workshop, manual))) == (404, "not_found")
    catalogue.delete(workshop.project, name)
    assert refusal(send(client, path)) == (404, "not_found")


def test_keys_of_another_installation_fit_no_address(
    client: FlaskClient, workshop: Workshop
) -> None:
    workflow = workshop.engine.catalogue.workflow(workshop.project, hooked(workshop))
    foreign = WebhookKeys("another secret").of(workflow.id)
    assert refusal(send(client, f"/hooks/{foreign}")) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "media_type", "expected"),
    [
        (b'{"a": [1]}', "application/json", {"a": [1]}),
        (b'{"a": 1}', "text/plain", {"a": 1}),
        (b"a=1&b=2&b=3&c=", FORM, {"a": "1", "b": ["2", "3"], "c": ""}),
        (b"plain text", "text/plain", "plain text"),
        (b"{", "application/json", "{"),
        (b"", "", None),
        ("ä".encode(), "", "ä"),
    ],
)
def test_what_a_run_finds_of_the_body(
    client: FlaskClient, workshop: Workshop, body: bytes, media_type: str, expected: Any
) -> None:
    path = address(workshop, hooked(workshop))
    answer = client.post(f"{path}?a=1", data=body, content_type=media_type, headers={"X-Kind": "k"})
    run = workshop.look(answer.json["runId"])
    assert run.trigger["body"] == expected
    assert run.trigger["query"] == {"a": "1"}
    assert run.trigger["headers"]["x-kind"] == "k"


def test_bodies_that_are_too_large_or_no_text_start_nothing(
    client: FlaskClient, workshop: Workshop
) -> None:
    path = address(workshop, hooked(workshop))
    assert refusal(send(client, path, b"x" * 1_100_000)) == (413, "request_too_large")
    assert refusal(send(client, path, b"\xff\xfe")) == (400, "trigger_refused")
    half = send(client, path, b"x" * 1_010_000)
    assert refusal(half) == (400, "trigger_refused")
    assert started(workshop) == []


def test_fifty_deliveries_at_once_are_one_run(client: FlaskClient, workshop: Workshop) -> None:
    path = address(workshop, hooked(workshop))
    ready, found = threading.Barrier(50), []

    def deliver() -> None:
        own = client.application.test_client()
        ready.wait(20)
        found.append(send(own, path).json["runId"])

    threads = [threading.Thread(target=deliver) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(found), len(set(found)), len(started(workshop))) == (50, 1, 1)


def test_deliveries_are_told_apart_by_what_is_in_them(
    client: FlaskClient, workshop: Workshop
) -> None:
    path = address(workshop, hooked(workshop))
    for body in ({"n": 1}, {"n": 2}, {"n": 1}):
        assert send(client, path, body).status_code == 200
    assert send(client, f"{path}?n=1", {"n": 1}).status_code == 200
    assert len(started(workshop)) == 3


def test_deliveries_with_nothing_in_them_are_never_taken_for_one_another(
    client: FlaskClient, workshop: Workshop
) -> None:
    path = address(workshop, hooked(workshop))
    for body in (b"", b"", b"{}", b"{}"):
        assert send(client, path, body).status_code == 200
    assert len(started(workshop)) == 4


def test_what_is_alike_is_another_delivery_later(client: FlaskClient, workshop: Workshop) -> None:
    now = [1_800_000_000.0 + 599]
    runtime, keys = workshop.host.runtime, WebhookKeys("x")
    engine = runtime.engine
    hooks = Webhooks(
        runtime.database,
        engine.catalogue,
        engine.starter,
        runtime.secrets,
        keys,
        clock=lambda: now[0],
    )
    workflow = workshop.engine.catalogue.workflow(workshop.project, hooked(workshop))

    def deliver() -> str | None:
        return hooks.receive(keys.of(workflow.id), Delivery({}, {}, b"the same")).run_id

    first = deliver()
    now[0] += 300  # over a period's end
    assert deliver() == first
    now[0] += 900
    assert deliver() != first


def test_the_workflow_says_what_a_delivery_is_known_by(
    client: FlaskClient, workshop: Workshop
) -> None:
    trigger = {"deduplicate": "<<trigger.body.order>>"}
    path = address(workshop, hooked(workshop, trigger=trigger))
    runs_of = [
        send(client, path, {"order": order, "try": number}).json["runId"]
        for order, number in ((1, 1), (1, 2), (2, 1))
    ]
    assert (runs_of[0] == runs_of[1], len(set(runs_of))) == (True, 2)
    for body in ({}, {"order": None}, {"order": ""}, {"order": [1]}, "text"):
        assert refusal(send(client, path, body)) == (400, "trigger_refused")


def test_whom_a_delivery_is_for_stands_in_the_address_or_the_body(
    client: FlaskClient, workshop: Workshop
) -> None:
    workshop.host.connect("alice")
    name = hooked(workshop, connector="heap")
    assert refusal(send(client, address(workshop, name))) == (400, "trigger_refused")
    own = send(client, address(workshop, name, "alice"))
    assert workshop.look(own.json["runId"]).user == "alice"
    assert refusal(send(client, address(workshop, name, "bob"))) == (400, "trigger_refused")
    trigger = {"user": "<<trigger.body.user>>"}
    path = address(workshop, hooked(workshop, connector="heap", trigger=trigger))
    told = send(client, path, {"user": "alice"})
    assert workshop.look(told.json["runId"]).user == "alice"
    for body in ({}, {"user": None}, {"user": {}}, {"user": "bob"}, {"user": "\ud800"}):
        assert send(client, path, body).status_code == 400, body


def test_the_address_that_the_sdk_puts_together_is_the_users_own(
    client: FlaskClient, workshop: Workshop
) -> None:
    connection = workshop.host.connect("alice")
    name = hooked(workshop, connector="heap")
    [integration] = Sdk(client, workshop.host).json("GET", "/integrations")
    [listed] = integration["workflows"]
    assert listed["id"] == name
    path = (
        f"/triggers/connect/{workshop.project}/{integration['id']}/custom-triggers/"
        f"{listed['customWebhookTriggerId']}?id={connection.id}"
    )
    run = workshop.look(send(client, path).json["runId"])
    assert (run.user, run.connection_id) == ("alice", connection.id)


def test_slack_makes_sure_of_the_address(client: FlaskClient, workshop: Workshop) -> None:
    sender = SENDERS["slack"]
    workshop.host.runtime.secrets.set(workshop.project, "hook", sender.secret)
    path = address(workshop, hooked(workshop, "slack"))
    body = json.dumps({"type": "url_verification", "challenge": "c1"}).encode()
    assert client.post(path, data=body).status_code == 403
    headers = sender.sign(sender.secret, body, int(time.time()), "")
    assert client.post(path, data=body, headers=headers).json == {"challenge": "c1"}
    assert started(workshop) == []


def test_a_run_that_cannot_be_stored_is_no_success(client: FlaskClient, workshop: Workshop) -> None:
    """The sender hears of an error and sends again; nothing of the first try is left."""
    path = address(workshop, hooked(workshop))
    database = workshop.host.runtime.database
    with database.transaction() as tx:
        tx.exec_driver_sql(
            "CREATE TRIGGER no_room BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    try:
        assert send(client, path).status_code >= 500
    finally:
        with database.transaction() as tx:
            tx.exec_driver_sql("DROP TRIGGER no_room")
    assert started(workshop) == []
    assert send(client, path).status_code == 200
    assert len(started(workshop)) == 1
