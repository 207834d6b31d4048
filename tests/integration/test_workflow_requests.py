"""Steps that send requests: what goes out, what comes back, what is refused, what is kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from workflow.models import RunState

from ..people import ACME, GLOBEX
from ..upstream import answering
from .workshop import Document, Workshop, error_of, http, setting, told

IN_HEAP = {"connector": "heap"}


def request(step_id: str, method: str, path: str, **more: Any) -> Document:
    return {"id": step_id, "type": "request", "method": method, "path": path, **more}


def track(step_id: str, event: str, **more: Any) -> Document:
    body = {"event": event, "identity": "ann@example.com"}
    return request(step_id, "POST", "/track", body=body, **more)


# request


def test_a_request_is_sent_with_templates_in_path_query_headers_and_body(
    workshop: Workshop,
) -> None:
    workshop.host.connect("alice")
    step = request(
        "send",
        "POST",
        "/<<trigger.end>>",
        query={"n": "<<trigger.n>>", "flag": True, "left": None},
        headers={"X-Name": "<<trigger.name>>", "X-Count": "<<trigger.n>>"},
        body={"event": "E <<trigger.n>>", "identity": "ann", "properties": {"n": "<<trigger.n>>"}},
    )
    trigger = {"end": "track", "n": 3, "name": "Ann"}
    run = workshop.run([step], trigger, **IN_HEAP)
    assert run.state is RunState.SUCCEEDED, run.detail
    [event] = workshop.sandbox.items("events")
    assert (event["event"], event["properties"]) == ("E 3", {"n": 3})
    [sent] = [one for one in workshop.sandbox.items("requests") if one["path"] == "/api/track"]
    assert sent["query"] == "n=3&flag=true"
    headers = {name.lower(): value for name, value in dict(sent["headers"]).items()}
    assert (headers["x-name"], headers["x-count"]) == ("Ann", "3")


def test_app_id_and_idempotency_key_are_supplied(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    workshop.run([track("one", "E"), track("two", "E")], **IN_HEAP)
    sent = [one for one in workshop.sandbox.items("requests") if one["path"] == "/api/track"]
    bodies = [json.loads(one["body"]) for one in sent]
    assert {body["app_id"] for body in bodies} == {ACME["app_id"]}
    keys = {body["idempotency_key"] for body in bodies}
    assert len(keys) == 2
    assert all(keys)


def test_a_request_may_name_a_whole_address_on_an_allowed_host(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = track("send", "E") | {"path": "https://heapanalytics.com/api/track"}
    assert workshop.run([step], **IN_HEAP).state is RunState.SUCCEEDED
    assert len(workshop.sandbox.items("events")) == 1


def test_a_request_to_another_host_is_refused(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = request("send", "GET", "<<trigger.url>>")
    run = workshop.run([step], {"url": f"{workshop.upstream.url}/steal"}, **IN_HEAP)
    assert error_of(run)["kind"] == "invalid"
    assert workshop.asked("/steal") == []


def test_a_request_takes_the_connection_that_it_names(workshop: Workshop) -> None:
    workshop.host.connect("alice", ACME, external_id="first")
    second = workshop.host.connect("alice", GLOBEX, external_id="second")
    for named in ("second", second.id):
        workshop.sandbox.post("reset")
        run = workshop.run(
            [track("send", "E", connection="<<trigger.which>>")], {"which": named}, **IN_HEAP
        )
        assert run.state is RunState.SUCCEEDED, run.detail
        [event] = workshop.sandbox.items("events")
        assert event["app_id"] == GLOBEX["app_id"]


def test_a_connection_that_is_not_there_fails_the_step(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    run = workshop.run([track("send", "E", connection="nobody")], **IN_HEAP)
    assert error_of(run)["code"] == "not_found"


def test_what_heap_refuses_is_the_steps_error_with_status_and_body(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    run = workshop.run([request("send", "POST", "/track", body={"identity": "ann"})], **IN_HEAP)
    error = error_of(run)
    assert (error["kind"], error["status"]) == ("client_error", 400)
    assert error["body"]
    assert run.detail is not None
    assert run.detail["step"] == "send"


def test_a_request_of_a_run_without_a_user_fails_at_once(workshop: Workshop) -> None:
    run = workshop.run([request("send", "POST", "/track", body={}, connector="heap")])
    assert error_of(run)["code"] == "user_missing"


def test_a_request_of_an_unknown_connector_fails(workshop: Workshop) -> None:
    run = workshop.run([request("send", "GET", "/x", connector="nothing")])
    assert error_of(run)["code"] == "connector_unknown"


def test_a_workflow_without_a_connector_can_use_one_for_the_user_it_runs_for(
    workshop: Workshop,
) -> None:
    workshop.host.connect("alice")
    name = workshop.deploy(workshop.write([track("send", "E", connector="heap")]))
    assert workshop.ended(workshop.start(name, user="alice")).state is RunState.SUCCEEDED


# action


def test_an_action_is_checked_before_anything_is_sent(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = {"id": "do", "type": "action", "action": "track", "input": {"identity": "ann"}}
    run = workshop.run([step], **IN_HEAP)
    assert error_of(run)["code"] == "input_invalid"
    assert "'event' is a required property" in error_of(run)["message"]
    assert [one for one in workshop.sandbox.items("requests") if "track" in one["path"]] == []


def test_an_action_sends_its_input_as_the_body(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = {
        "id": "do",
        "type": "action",
        "action": "track",
        "input": {"event": "<<trigger.what>>", "identity": "ann"},
    }
    assert workshop.run([step], {"what": "Paid"}, **IN_HEAP).state is RunState.SUCCEEDED
    assert [one["event"] for one in workshop.sandbox.items("events")] == ["Paid"]


def test_an_actions_path_parameter_is_taken_from_its_input(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    delete = {
        "id": "delete",
        "type": "action",
        "action": "delete_users",
        "input": {"users": [{"identity": "ann"}]},
    }
    look = {
        "id": "look",
        "type": "action",
        "action": "deletion_status",
        "input": {"deletion_request_id": "<<steps.delete.body.deletion_request_id>>"},
    }
    status = workshop.give([delete, look], "<<steps.look.status>>", **IN_HEAP)
    assert status == 200


def test_a_path_parameter_cannot_leave_its_place(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = {
        "id": "look",
        "type": "action",
        "action": "deletion_status",
        "input": {"deletion_request_id": "../../../steal?x=1"},
    }
    run = workshop.run([step], **IN_HEAP)
    assert error_of(run)["kind"] in {"client_error", "invalid"}
    assert [
        one
        for one in workshop.sandbox.items("requests")
        if "steal" in one["path"]
        and "%2F" not in one["path"].upper()
        and "deletion_status" not in one["path"]
    ] == []


def test_an_unknown_action_is_told_with_those_there_are(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    step = {"id": "do", "type": "action", "action": "trak", "input": {}}
    error = error_of(workshop.run([step], **IN_HEAP))
    assert error["code"] == "action_unknown"
    assert "bulk_track" in error["message"]


# http


def test_http_sends_query_headers_and_json(workshop: Workshop) -> None:
    step = {
        "id": "call",
        "type": "http",
        "method": "POST",
        "url": workshop.at("/in", told({"answer": 42})) + "?a=1",
        "query": {"b": "<<trigger.b>>", "gone": None},
        "headers": {"X-One": "<<trigger.b>>", "X-Gone": None},
        "body": {"list": "<<trigger.list>>", "text": "é"},
    }
    given = workshop.give([step], "<<steps.call.body.answer>>", {"b": "x y&z", "list": [1, None]})
    assert given == 42
    [received] = workshop.asked("/in")
    assert received.target == "/in?a=1&b=x%20y%26z"
    assert received.values("X-One") == ["x y&z"]
    assert "x-gone" not in received.names()
    assert received.values("Content-Type") == ["application/json"]
    assert json.loads(received.body) == {"list": [1, None], "text": "é"}
    assert received.values("Idempotency-Key")


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [({}, "text/plain"), ({"content-type": "text/csv"}, "text/csv")],
)
def test_http_sends_a_text_as_it_is(
    workshop: Workshop, headers: dict[str, str], wanted: str
) -> None:
    url = workshop.at("/text", told({}))
    step = {"id": "call", "type": "http", "method": "PUT", "url": url, "headers": headers}
    workshop.run([{**step, "body": "a;b\n1;<<trigger.n>>"}], {"n": 2})
    [received] = workshop.asked("/text")
    assert received.body == b"a;b\n1;2"
    assert received.values("Content-Type") == [wanted]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_http_uses_every_method(workshop: Workshop, method: str) -> None:
    url = workshop.at("/method", told({"a": 1}))
    step = {"id": "call", "type": "http", "method": method, "url": url}
    wanted = None if method == "HEAD" else {"a": 1}
    assert workshop.give([step], {"body": "<<steps.call.body>>"}) == {"body": wanted}
    assert [one.method for one in workshop.asked("/method")] == [method]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 301, 302, 304, 399])
def test_an_answer_that_is_no_error_is_the_steps_output(workshop: Workshop, status: int) -> None:
    url = workshop.at("/status", answering(status, b"", [("Location", "/elsewhere")]))
    wanted = ["<<steps.call.status>>", "<<steps.call.headers.location>>"]
    assert workshop.give([http("call", url)], wanted) == [status, "/elsewhere"]


ADDRESSES = [
    ("/a b", "/a%20b"),
    ("/é?ü=ß", "/%C3%A9?%C3%BC=%C3%9F"),
    ("/a%20b?c=%2F&d[]=1", "/a%20b?c=%2F&d[]=1"),
    ("/a?b=c d#part", "/a?b=c%20d"),
    ('/"<>^`{|}\\', "/%22%3C%3E%5E%60%7B%7C%7D%5C"),
    ("", "/"),
    ("?a=1", "/?a=1"),
]


@pytest.mark.parametrize(("written", "sent"), ADDRESSES)
def test_an_address_is_sent_as_addresses_are_written(
    workshop: Workshop, written: str, sent: str
) -> None:
    run = workshop.run([http("call", "<<trigger.url>>")], {"url": workshop.upstream.url + written})
    assert run.state is RunState.SUCCEEDED, run.detail
    assert [one.target for one in workshop.upstream.received] == [sent]


ANSWERS: list[tuple[str, bytes, str, Any]] = [
    ("application/json", b'{"a": [1, 2.5, null]}', "json", {"a": [1, 2.5, None]}),
    ("application/vnd.api+json", b"[]", "json of another name", []),
    ("text/plain", b"hello", "text", "hello"),
    ("text/plain", b'{"a": 1}', "json without its type", {"a": 1}),
    ("application/json", b"{broken", "broken json", "{broken"),
    ("image/png", b"\x89PNG\xff", "binary", {"base64": base64.b64encode(b"\x89PNG\xff").decode()}),
    ("application/json", b"", "nothing", None),
    ("application/json", b'"half \\ud800"', "half of a character", "half \ufffd"),
    ("application/json", b"[" * 100_000, "brackets without end", "[" * 100_000),
    ("application/json", b"NaN", "no number", "NaN"),
    ("application/json", b'{"n": 1e999}', "too large a number", '{"n": 1e999}'),
]


@pytest.mark.parametrize(
    ("media_type", "sent", "expected"),
    [(one[0], one[1], one[3]) for one in ANSWERS],
    ids=[one[2] for one in ANSWERS],
)
def test_http_reads_every_kind_of_answer(
    workshop: Workshop, media_type: str, sent: bytes, expected: Any
) -> None:
    url = workshop.at("/out", answering(200, sent, [("Content-Type", media_type)]))
    assert workshop.give([http("call", url)], {"body": "<<steps.call.body>>"}) == {"body": expected}


def test_an_answer_that_is_too_large_fails_the_step(workshop: Workshop) -> None:
    url = workshop.at("/large", answering(200, b"x" * 1_100_000))
    assert error_of(workshop.run([http("call", url)]))["kind"] == "limit"


UNSENDABLE = [
    ("ftp://example.com/x", {}, "another scheme"),
    ("no address", {}, "no address"),
    ("http://user:word@127.0.0.1/", {}, "a user name in it"),
    ("http://[::1", {}, "broken brackets"),
    ("http://127.0.0.1:99999/", {}, "no port"),
    ("http://a..b/", {}, "no host"),
    ("http://a b/", {}, "a blank in the host"),
    ("{api}/ok?\ud800", {}, "half of a character in the address"),
    ("", {}, "nothing"),
    ("{api}/ok", {"headers": {"X-A": "a\r\nX-B: b"}}, "a header of two lines"),
    ("{api}/ok", {"headers": {"X-A": "\u2603"}}, "a header of other letters"),
    ("{api}/ok", {"headers": {"X A": "a"}}, "a header with a blank in its name"),
    ("{api}/ok", {"headers": {"Content-Length": "0"}}, "a length of its own"),
    ("{api}/ok", {"headers": {"Host": "example.com"}}, "another host"),
    ("{api}/ok", {"body": "\ud800"}, "half of a character"),
    ("{api}/ok", {"body": {"a": "\ud800"}}, "half of a character in json"),
    ("{api}/ok", {"query": {"a": "\ud800"}}, "half of a character in the query"),
]


@pytest.mark.parametrize(
    ("url", "more"), [one[:2] for one in UNSENDABLE], ids=[one[2] for one in UNSENDABLE]
)
def test_what_cannot_be_sent_fails_the_step_and_not_the_engine(
    workshop: Workshop, url: str, more: Document
) -> None:
    resolved = {"url": url.replace("{api}", workshop.upstream.url), **more}
    fields = {
        name: {key: f"<<trigger.{name}['{key}']>>" for key in value}
        if isinstance(value, dict)
        else f"<<trigger.{name}>>"
        for name, value in resolved.items()
    }
    run = workshop.run([{"id": "call", "type": "http", "method": "POST", **fields}], resolved)
    assert run.reason == "step_failed", (run.reason, run.detail)
    assert error_of(run)["kind"] == "invalid", error_of(run)
    assert workshop.asked("/ok") == []


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/x", "http://localhost:1/", "http://169.254.169.254/meta", "http://[::1]/"],
)
def test_http_refuses_private_hosts(workshop: Workshop, url: str) -> None:
    error = error_of(workshop.run([http("call", url)]))
    assert (error["kind"], error["code"]) == ("invalid", "destination_refused")


def test_secrets_reach_the_api_and_are_masked_in_the_history(workshop: Workshop) -> None:
    secret = "k3y-of-the-other-api"
    workshop.host.runtime.secrets.set(workshop.project, "other", secret)
    url = workshop.at("/secret", told({"echo": secret, "ok": True}))
    steps = [
        setting("kept", word="<<secrets.other>>"),
        http(
            "call",
            url,
            headers={"X-Word": "w <<steps.kept.word>>"},
            query={"q": "<<secrets.other>>"},
        ),
        {
            "id": "compute",
            "type": "function",
            "input": "<<secrets.other>>",
            "code": "throw new Error(input)",
            "on_error": "continue",
        },
        {
            "id": "wrong",
            "type": "set",
            "values": {"x": "<<secrets.other | number>>"},
            "on_error": "continue",
        },
        {"id": "end", "type": "stop", "reason": "<<secrets.other>>"},
    ]
    run = workshop.run(steps)
    assert run.state is RunState.SUCCEEDED, run.detail
    [received] = workshop.asked("/secret")
    assert received.values("X-Word") == [f"w {secret}"]
    assert "q=" + secret in received.target
    seen = repr(workshop.attempts(run.id)) + repr(workshop.look(run.id).detail)
    assert secret not in seen
    assert "[redacted]" in seen


@pytest.mark.parametrize("ending", ["response", "fail", "workflow", "delay"])
def test_no_step_writes_a_secret_into_the_history(workshop: Workshop, ending: str) -> None:
    secret = "an0ther-secret-word"
    workshop.host.runtime.secrets.set(workshop.project, "other", secret)
    child = workshop.deploy(workshop.write([setting("x", y="<<trigger>>")]))
    step: Document = {
        "response": {"type": "response", "body": {"a": "<<secrets.other>>"}},
        "fail": {"type": "fail", "message": "no <<secrets.other>>"},
        "workflow": {"type": "workflow", "workflow": child, "input": {"a": "<<secrets.other>>"}},
        "delay": {"type": "delay", "until": "<<secrets.other>>"},
    }[ending]
    workshop.run([{"id": "last", **step}])
    with workshop.host.runtime.database.reading() as tx:
        kept = [
            repr(tx.exec_driver_sql(f"SELECT * FROM {table}").fetchall())
            for table in ("runs", "attempts")
        ]
    assert secret not in "".join(kept)
