"""Workflows that a request starts and answers, and the events that users' products send."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from workflow.models import RunState
from workflow.tables import runs

from ..conftest import eventually, make_app
from ..people import GLOBEX, make_host
from ..upstream import Exchange
from .sdk_caller import Sdk, refusal
from .workshop import JSON_TYPE, Document, Workshop

REQUEST: Document = {"type": "request"}


@pytest.fixture
def client(workshop: Workshop) -> FlaskClient:
    return make_app(workshop.host.runtime).test_client()


@pytest.fixture
def sdk(client: FlaskClient, workshop: Workshop) -> Sdk:
    return Sdk(client, workshop.host)


def respond(body: Any = "<<trigger.body>>", **more: Any) -> Document:
    return {"id": "answer", "type": "response", "body": body, **more}


def served(workshop: Workshop, *steps: Document, **more: Any) -> str:
    """Deploy a workflow that a request starts; return the path that it is called by."""
    trigger = {**REQUEST, **more.pop("trigger", {})}
    return f"/triggers/{workshop.deploy(workshop.write(list(steps), trigger=trigger, **more))}"


def test_the_response_step_answers_the_caller(sdk: Sdk, workshop: Workshop) -> None:
    path = served(workshop, respond({"hello": "<<trigger.body.name>>"}, status=201))
    answer = sdk("POST", path, {"name": "Ann"})
    assert (answer.status_code, answer.json) == (201, {"hello": "Ann"})
    assert answer.headers["Content-Type"] == "application/json"


def test_a_workflow_is_called_by_its_id_too(sdk: Sdk, workshop: Workshop) -> None:
    name = served(workshop, respond()).rpartition("/")[2]
    workflow_id = workshop.engine.catalogue.workflow(workshop.project, name).id
    assert sdk("POST", f"/triggers/{workflow_id}", {"a": 1}).json == {"a": 1}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_run_finds_the_request_without_credentials(
    sdk: Sdk, workshop: Workshop, method: str
) -> None:
    path = served(workshop, respond("<<trigger>>"))
    answer = sdk(
        method,
        f"{path}?a=1&b=2&b=3",
        {"x": [1, None]},
        Content_Type="auto",
        X_Team="red",
        X_Api_Key="hidden",
        Cookie="a=b",
        X_Paragon_Credential="",
    )
    found = answer.json
    assert (found["method"], found["query"]) == (method, {"a": "1", "b": ["2", "3"]})
    assert found["body"] == {"x": [1, None]}
    assert found["headers"]["x-team"] == "red"
    assert set(found["headers"]) <= {"x-team", "user-agent", "content-type"}
    assert workshop.host.token("alice") not in answer.text


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"", None),
        (b" ", None),
        (b"plain", "plain"),
        (b'"text"', "text"),
        (b"{", "{"),
        (b'{"a": 1e999}', '{"a": 1e999}'),
        (b'["a\\ud800"]', ["a?"]),
        (b'["\\u00e4"]', ["ä"]),
        (b"[" * 5000, "[" * 5000),
        (b"[" * 80 + b"]" * 80, "[" * 80 + "]" * 80),
    ],
)
def test_a_body_that_is_no_json_is_a_text(
    sdk: Sdk, workshop: Workshop, raw: bytes, body: Any
) -> None:
    path = served(workshop, respond({"body": "<<trigger.body>>"}))
    headers = workshop.host.headers("alice")
    answer = sdk.client.post(workshop.host.path(path), data=raw, headers=headers)
    assert answer.json == {"body": body}


def test_bytes_that_are_no_text_and_bodies_that_are_too_large_start_nothing(
    sdk: Sdk, workshop: Workshop
) -> None:
    path, headers = workshop.host.path(served(workshop, respond())), workshop.host.headers("alice")
    binary = sdk.client.post(path, data=b"\xff\xfe", headers=headers)
    assert refusal(binary) == (400, "body_invalid")
    large = sdk.client.post(path, data=b"x" * 1_100_000, headers=headers)
    assert refusal(large) == (413, "request_too_large")
    assert workshop.engine.control.runs(workshop.project) == []


def test_a_body_that_does_not_fit_the_schema_is_refused(sdk: Sdk, workshop: Workshop) -> None:
    schema = {"type": "object", "required": ["email"]}
    path = served(workshop, respond(), trigger={"schema": schema})
    assert refusal(sdk("POST", path, {})) == (400, "trigger_refused")
    assert sdk("POST", path, {"email": "a@b.c"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "accept", "content", "media_type"),
    [
        ({"a": 1}, {}, "*/*", b'{"a":1}', "application/json"),
        ([1], {"Content-Type": "application/hal+json"}, "*/*", b"[1]", "application/hal+json"),
        ("Grüße", {}, "*/*", "Grüße".encode(), "text/plain; charset=utf-8"),
        ("<b>", {"content-type": "text/html"}, "*/*", b"<b>", "text/html"),
        ("Ann", {}, "application/json", b'"Ann"', "application/json"),
        (None, {}, "*/*", b"", "text/plain; charset=utf-8"),
        (False, {}, "*/*", b"false", "application/json"),
    ],
)
def test_what_a_response_is_sent_as(
    sdk: Sdk,
    workshop: Workshop,
    body: Any,
    headers: dict[str, str],
    accept: str,
    content: bytes,
    media_type: str,
) -> None:
    path = served(workshop, respond(body, headers=headers))
    answer = sdk("POST", path, {}, Accept=accept)
    assert (answer.data, answer.headers["Content-Type"]) == (content, media_type)


def test_a_workflow_cannot_speak_for_the_console(sdk: Sdk, workshop: Workshop) -> None:
    said = {
        "Set-Cookie": "heapline=stolen",
        "Content-Security-Policy": "default-src *",
        "Access-Control-Allow-Origin": "*",
        "Transfer-Encoding": "chunked",
        "Content-Length": "1",
        "Clear-Site-Data": "*",
        "Bad Name": "x",
        "X-Lines": "a\r\nSet-Cookie: b=c",
        "X-Arrow": "\u2192",
        "X-Kept": "yes",
        "Location": "/elsewhere",
    }
    path = served(workshop, respond("<script>", headers=said, status=302))
    answer = sdk("POST", path, {})
    assert answer.status_code == 302
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] != "*"
    assert (answer.headers["X-Kept"], answer.headers["Content-Length"]) == ("yes", "10")
    assert answer.headers["Location"] == "/elsewhere"
    for name in (
        "Set-Cookie",
        "Clear-Site-Data",
        "X-Lines",
        "X-Arrow",
        "Transfer-Encoding",
        "Bad Name",
    ):
        assert name not in answer.headers


@pytest.mark.parametrize(("status", "to_sdk"), [(401, 400), (403, 400), (404, 404), (500, 500)])
def test_no_workflow_signs_the_sdks_user_out(
    sdk: Sdk, workshop: Workshop, status: int, to_sdk: int
) -> None:
    path = served(workshop, respond({"why": "no"}, status=status))
    assert sdk("POST", path, {}).status_code == to_sdk
    plain = sdk.client.post(workshop.host.path(path), headers=workshop.host.headers("alice"))
    assert plain.status_code == status


def test_without_a_response_step_nobody_waits(sdk: Sdk, workshop: Workshop) -> None:
    delay: Document = {"id": "wait", "type": "delay", "seconds": 3600}
    path = served(workshop, delay)
    answer = sdk("POST", path, {})
    assert answer.status_code == 202
    run = workshop.look(answer.json["runId"])
    assert not run.state.is_final


def test_a_run_that_ends_without_its_response_says_so(sdk: Sdk, workshop: Workshop) -> None:
    condition: Document = {
        "id": "maybe",
        "type": "condition",
        "branches": [{"if": "<<trigger.body.go>>", "steps": [respond()]}],
    }
    path = served(workshop, condition)
    answer = sdk("POST", path, {"go": False})
    assert (answer.status_code, answer.json["state"]) == (200, "succeeded")
    assert sdk("POST", path, {"go": True}).json == {"go": True}


def test_a_run_that_fails_before_its_response_tells_the_caller_no_secrets(
    sdk: Sdk, workshop: Workshop
) -> None:
    fail: Document = {"id": "no", "type": "fail", "message": "the password is 12345"}
    answer = sdk("POST", served(workshop, fail, respond()), {})
    status, code = refusal(answer)
    assert (status >= 500, code) == (True, "run_failed")
    assert "12345" not in answer.text
    run = workshop.look(answer.json["meta"]["run_id"])
    assert run.state is RunState.FAILED


def test_steps_after_the_response_are_done_by_a_worker(sdk: Sdk, workshop: Workshop) -> None:
    released = threading.Event()

    def slowly(exchange: Exchange) -> None:
        released.wait(20)
        exchange.answer(200, b"{}", JSON_TYPE)

    url = workshop.at("/slow", slowly)
    after: Document = {"id": "after", "type": "http", "method": "GET", "url": url}
    answer = sdk("POST", served(workshop, respond({"ok": True}), after), {})
    assert answer.json == {"ok": True}
    [run] = workshop.engine.control.runs(workshop.project)
    assert not run.state.is_final
    released.set()
    ended = workshop.ended(run.id)
    assert (ended.state, ended.response) == (
        RunState.SUCCEEDED,
        {"status": 200, "headers": {}, "body": {"ok": True}},
    )
    assert workshop.states(run.id, "after") == ["succeeded"]


def test_a_run_that_waits_before_its_response_is_answered_when_it_has_gone_on(
    sdk: Sdk, workshop: Workshop
) -> None:
    delay: Document = {"id": "wait", "type": "delay", "seconds": 0.3}
    answer = sdk("POST", served(workshop, delay, respond({"late": True})), {})
    assert (answer.status_code, answer.json) == (200, {"late": True})


def test_a_caller_waits_no_longer_than_the_workflow_says(sdk: Sdk, workshop: Workshop) -> None:
    delay: Document = {"id": "wait", "type": "delay", "seconds": 3600}
    path = served(workshop, delay, respond(), trigger={"answer_within": 1})
    began = time.monotonic()
    answer = sdk("POST", path, {})
    assert 0.9 < time.monotonic() - began < 5
    assert (answer.status_code, answer.json["state"]) == (202, "accepted")
    assert workshop.look(answer.json["runId"]).state is RunState.WAITING


def test_a_step_that_takes_long_is_finished_and_the_rest_is_left_to_a_worker(
    sdk: Sdk, workshop: Workshop
) -> None:
    def slowly(exchange: Exchange) -> None:
        exchange.gone(1.3)
        exchange.answer(200, b'{"n": 1}', JSON_TYPE)

    url = workshop.at("/slow", slowly)
    slow: Document = {"id": "slow", "type": "http", "method": "GET", "url": url}
    path = served(workshop, slow, respond("<<steps.slow.body>>"), trigger={"answer_within": 1})
    answer = sdk("POST", path, {})
    assert answer.status_code == 202
    run = workshop.ended(answer.json["runId"])
    assert run.response == {"status": 200, "headers": {}, "body": {"n": 1}}
    assert len(workshop.asked("/slow")) == 1


def test_the_same_call_made_twice_is_one_run(sdk: Sdk, workshop: Workshop) -> None:
    path = served(workshop, respond({"id": "<<run.id>>"}))
    first, second = (sdk("POST", path, {}, Idempotency_Key="k1").json for _ in range(2))
    assert first == second
    assert sdk("POST", path, {}, Idempotency_Key="k2").json != first
    assert sdk("POST", path, {}, Idempotency_Key="x" * 300).status_code == 400
    bob = Sdk(sdk.client, sdk.host, "bob")
    assert bob("POST", path, {}, Idempotency_Key="k1").json != first


def test_calls_made_at_once_with_one_key_are_one_run(sdk: Sdk, workshop: Workshop) -> None:
    path = served(workshop, respond({"id": "<<run.id>>"}))
    app, found = sdk.client.application, []

    def call() -> None:
        caller = Sdk(app.test_client(), sdk.host)
        found.append(caller("POST", path, {}, Idempotency_Key="k").json["id"])

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(found), len(set(found))) == (20, 1)
    assert len(workshop.engine.control.runs(workshop.project)) == 1


def test_calls_of_one_order_come_one_after_another(sdk: Sdk, workshop: Workshop) -> None:
    seen: list[str] = []

    def slowly(exchange: Exchange) -> None:
        seen.append("in")
        exchange.gone(0.1)
        seen.append("out")
        exchange.answer(200, b"{}", JSON_TYPE)

    url = workshop.at("/slow", *[slowly] * 3)
    slow: Document = {"id": "slow", "type": "http", "method": "GET", "url": url}
    path = served(workshop, slow, respond(), limits={"in_order_of": "<<trigger.body.k>>"})
    app, answers = sdk.client.application, []

    def call() -> None:
        answers.append(Sdk(app.test_client(), sdk.host)("POST", path, {"k": 1}).status_code)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (answers, seen) == ([200] * 3, ["in", "out"] * 3)


def test_a_limit_that_is_used_up_has_callers_wait_in_the_queue(
    sdk: Sdk, workshop: Workshop
) -> None:
    limits = workshop.host.runtime.settings
    path = served(workshop, respond({"n": 1}))
    workflow = workshop.engine.catalogue.workflow(workshop.project, path.rpartition("/")[2])
    with workshop.host.runtime.database.transaction() as tx:
        for number in range(limits.runs_per_project):
            tx.execute(runs.insert().values(**_busy(workshop, workflow.id, number)))
    answers: list[int] = []
    app = sdk.client.application

    def call() -> None:
        answers.append(Sdk(app.test_client(), sdk.host)("POST", path, {}).status_code)

    thread = threading.Thread(target=call)
    thread.start()
    queued = eventually(lambda: workshop.engine.control.runs(workshop.project, {"state": "queued"}))
    assert (len(queued), answers) == (1, [])
    with workshop.host.runtime.database.transaction() as tx:
        tx.execute(runs.delete().where(runs.c.id.like("busy%")))
    thread.join(30)
    assert answers == [200]


def _busy(workshop: Workshop, workflow_id: str, number: int) -> dict[str, Any]:
    worker = workshop.engine.worker
    assert worker is not None
    return {
        "id": f"busy{number}{workshop.project}"[:64],
        "project_id": workshop.project,
        "workflow_id": workflow_id,
        "version": "x",
        "user": "",
        "connection_id": "",
        "trigger_type": "request",
        "trigger": "null",
        "context": "{}",
        "state": "running",
        "ready": True,
        "created_at": 0.0,
        "claim": 1,
        "worker_id": worker.id,
        "interruptions": 0,
        "round": 0,
        "cancel_requested": False,
        "depth": 0,
        "is_test": False,
        "size": 0,
    }


def test_a_process_that_runs_nothing_answers_what_another_one_did(workshop: Workshop) -> None:
    name = served(workshop, respond({"n": 1})).rpartition("/")[2]
    worker, workshop.engine.worker = workshop.engine.worker, None
    try:
        answer = workshop.engine.answer(workshop.project, name, {"body": None})
    finally:
        workshop.engine.worker = worker
    assert answer.response == {"status": 200, "headers": {}, "body": {"n": 1}}


@pytest.mark.parametrize(
    ("trigger", "status", "code"),
    [
        ({"type": "manual"}, 400, "trigger_refused"),
        ({"type": "webhook", "verify": {"scheme": "none"}}, 400, "trigger_refused"),
        (None, 404, "workflow_unknown"),
    ],
)
def test_only_a_request_trigger_takes_requests(
    sdk: Sdk, workshop: Workshop, trigger: Any, status: int, code: str
) -> None:
    name = "nothing"
    if trigger is not None:
        name = workshop.deploy(workshop.write([respond()], trigger=trigger))
    assert refusal(sdk("POST", f"/triggers/{name}", {})) == (status, code)


def test_nobody_calls_a_workflow_of_another_project_or_without_a_token(
    sdk: Sdk, workshop: Workshop
) -> None:
    path = served(workshop, respond())
    workflow_id = workshop.engine.catalogue.workflow(workshop.project, path.rpartition("/")[2]).id
    stranger = Sdk(sdk.client, make_host(workshop.host.runtime, "Other Product"))
    for named in (path, f"/triggers/{workflow_id}"):
        assert refusal(stranger("POST", named, {})) == (404, "workflow_unknown")
    foreign = sdk("POST", path, {}, **stranger.host.headers("alice"))
    assert foreign.status_code in {401, 404}
    none = sdk.client.post(workshop.host.path(path))
    assert refusal(none) == (401, "token_missing")


def test_a_workflow_that_is_off_for_a_user_leaves_them_signed_in(
    sdk: Sdk, workshop: Workshop
) -> None:
    path = served(workshop, respond({"me": "<<user.id>>"}), connector="heap")
    assert sdk("POST", path, {}).json == {"me": "alice"}
    bob = Sdk(sdk.client, sdk.host, "bob")
    assert refusal(bob("POST", path, {})) == (400, "trigger_refused")


def test_the_account_that_the_caller_chose_is_used(sdk: Sdk, workshop: Workshop) -> None:
    path = served(workshop, respond("<<connection.id>>"), connector="heap")
    first = workshop.host.connect("alice")
    second = workshop.host.connect("alice", GLOBEX, external_id="eu")
    foreign = workshop.host.connect("bob")
    assert sdk("POST", path, {}).json == first.id
    for selector in (second.id, "eu", "ext:eu"):
        assert sdk("POST", path, {}, X_Paragon_Credential=selector).json == second.id
    answer = sdk("POST", path, {}, X_Paragon_Credential=foreign.id)
    assert refusal(answer) == (404, "not_found")
    workshop.host.runtime.connections.disconnect(workshop.project, second.id, "Enough.")
    answer = sdk("POST", path, {}, X_Paragon_Credential=second.id)
    assert refusal(answer) == (404, "not_connected")
    assert sdk("POST", path, {}).json == first.id


def listening(workshop: Workshop, event: str, *users: str, **more: Any) -> str:
    """Deploy a workflow that waits for an event."""
    step: Document = {"id": "s", "type": "set", "values": {"who": "<<user.id>>"}}
    trigger = {"type": "event", "event": event, **more.pop("trigger", {})}
    return workshop.deploy(workshop.write([step], trigger=trigger, **more), *users)


@pytest.mark.parametrize("version", ["", "/v2"])
def test_an_event_starts_every_workflow_that_waits_for_it(
    sdk: Sdk, workshop: Workshop, version: str
) -> None:
    listening(workshop, "paid", connector="heap")
    listening(workshop, "paid")
    listening(workshop, "paid", "bob", connector="heap")
    listening(workshop, "other")
    path = version + workshop.host.path("/events/trigger")
    answer = sdk.at(path, {"name": "paid", "payload": {"sum": 3}})
    assert answer.status_code == 202
    assert len(answer.json["runs"]) == 2
    for run_id in answer.json["runs"]:
        run = workshop.ended(run_id)
        assert (run.state, run.trigger, run.user) == (RunState.SUCCEEDED, {"sum": 3}, "alice")


def test_an_event_that_nobody_waits_for_is_no_error(sdk: Sdk) -> None:
    answer = sdk("POST", "/events/trigger", {"name": "nothing"})
    assert (answer.status_code, answer.json) == (202, {"runs": []})


def test_an_event_sent_twice_with_one_key_starts_one_run(sdk: Sdk, workshop: Workshop) -> None:
    listening(workshop, "paid")
    body = {"name": "paid", "payload": {"sum": 3}}
    first, second = (
        sdk("POST", "/events/trigger", body, Idempotency_Key="k").json for _ in range(2)
    )
    assert first == second
    bob = Sdk(sdk.client, sdk.host, "bob")
    assert bob("POST", "/events/trigger", body, Idempotency_Key="k").json != first


@pytest.mark.parametrize("name", [None, "", 5, "x" * 256, ["paid"]])
def test_an_event_has_a_name(sdk: Sdk, name: Any) -> None:
    assert refusal(sdk("POST", "/events/trigger", {"name": name})) == (400, "field_invalid")


def test_an_event_that_does_not_fit_one_workflow_starts_none(sdk: Sdk, workshop: Workshop) -> None:
    listening(workshop, "paid")
    listening(workshop, "paid", trigger={"schema": {"type": "object", "required": ["sum"]}})
    answer = sdk("POST", "/events/trigger", {"name": "paid", "payload": {}})
    assert refusal(answer) == (400, "trigger_refused")
    assert workshop.engine.control.runs(workshop.project) == []


def test_an_event_for_an_account_is_run_with_it(sdk: Sdk, workshop: Workshop) -> None:
    listening(workshop, "paid", connector="heap")
    workshop.host.connect("alice")
    second = workshop.host.connect("alice", GLOBEX, external_id="eu")
    body = {"name": "paid", "payload": {}}
    [run_id] = sdk("POST", "/events/trigger", body, X_Paragon_Credential="ext:eu").json["runs"]
    assert workshop.ended(run_id).connection_id == second.id
    unknown = sdk("POST", "/events/trigger", body, X_Paragon_Credential="nothing")
    assert refusal(unknown) == (404, "not_found")
