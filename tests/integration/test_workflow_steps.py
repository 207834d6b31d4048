"""Every type of step, run for real: what it sends, what it gives, what it refuses."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest

from workflow.models import Run, RunState

from ..people import ACME, GLOBEX
from ..upstream import answering
from .workshop import Document, Workshop, http, setting, told

IN_HEAP = {"connector": "heap"}


def request(step_id: str, method: str, path: str, **more: Any) -> Document:
    return {"id": step_id, "type": "request", "method": method, "path": path, **more}


def track(step_id: str, event: str, **more: Any) -> Document:
    body = {"event": event, "identity": "ann@example.com"}
    return request(step_id, "POST", "/track", body=body, **more)


def error_of(run: Run) -> dict[str, Any]:
    assert run.state is RunState.FAILED, run
    assert run.detail is not None
    found: dict[str, Any] = run.detail["error"]
    return found


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


# set


def test_set_keeps_types_and_later_steps_see_them(workshop: Workshop) -> None:
    values = {
        "n": 1,
        "f": 1.5,
        "t": "x",
        "none": None,
        "yes": True,
        "list": [1, [2]],
        "o": {"a": {}},
    }
    first = setting("first", **{name: f"<<trigger.{name}>>" for name in values})
    second = setting("second", all="<<steps.first>>")
    assert workshop.give([first, second], "<<steps.second.all>>", values) == values


# condition


def branching(*branches: tuple[Any, str], otherwise: str | None = None) -> Document:
    step: Document = {
        "id": "choose",
        "type": "condition",
        "branches": [
            {"if": condition, "steps": [setting(f"in_{name}", at=name)]}
            for condition, name in branches
        ],
    }
    if otherwise is not None:
        step["else"] = [setting(f"in_{otherwise}", at=otherwise)]
    return step


def at_least(number: int) -> Document:
    return {"value": "<<trigger.n>>", "is": "at_least", "to": number}


CHOICES: list[tuple[int, Any]] = [(25, 0), (15, 1), (5, 2), (-1, "else")]


@pytest.mark.parametrize(("n", "branch"), CHOICES)
def test_the_first_branch_that_holds_is_taken(workshop: Workshop, n: int, branch: Any) -> None:
    step = branching((at_least(20), "a"), (at_least(10), "b"), (at_least(0), "c"), otherwise="d")
    wanted = {"branch": "<<steps.choose.branch>>", "did": "<<steps | keys | sort>>"}
    given = workshop.give([step], wanted, {"n": n})
    letter = "d" if branch == "else" else "abc"[branch]
    assert given == {"branch": branch, "did": ["choose", f"in_{letter}"]}


def test_nothing_is_done_where_nothing_matches(workshop: Workshop) -> None:
    step = branching((at_least(20), "a"))
    given = workshop.give([step, setting("seen", all="<<steps>>")], "<<steps.seen.all>>", {"n": 1})
    assert given == {"choose": {"branch": "else"}}


@pytest.mark.parametrize(
    ("trigger", "taken"),
    [
        ({"n": 5, "plan": "pro", "off": False}, True),
        ({"n": 0, "plan": "team", "off": False}, True),
        ({"n": 0, "plan": "free", "off": False}, False),
        ({"n": 5, "plan": "pro", "off": True}, False),
    ],
)
def test_groups_stand_within_groups(
    workshop: Workshop, trigger: dict[str, Any], taken: bool
) -> None:
    condition = {
        "all": [
            {"any": [at_least(3), {"value": "<<trigger.plan>>", "is": "one_of", "to": ["team"]}]},
            {"not": "<<trigger.off>>"},
        ]
    }
    given = workshop.give([branching((condition, "a"))], "<<steps.choose.branch>>", trigger)
    assert given == (0 if taken else "else")


def test_conditions_stand_within_branches(workshop: Workshop) -> None:
    inner = {
        "id": "inner",
        "type": "condition",
        "branches": [{"if": at_least(5), "steps": [setting("deep", x="<<trigger.n>>")]}],
    }
    outer = {
        "id": "outer",
        "type": "condition",
        "branches": [{"if": at_least(1), "steps": [inner]}],
    }
    assert workshop.give([outer], "<<steps.deep.x>>", {"n": 7}) == 7


def test_a_condition_without_a_value_fails_and_names_its_branch(workshop: Workshop) -> None:
    run = workshop.run([branching((at_least(1), "a"))], {})
    error = error_of(run)
    assert error["kind"] == "expression"
    assert "Branch 1" in error["message"]


# for_each


def each(items: Any, steps: list[Document], **more: Any) -> Document:
    return {"id": "each", "type": "for_each", "in": items, "steps": steps, **more}


@pytest.mark.parametrize("at_once", [1, 4])
def test_for_each_does_its_steps_for_every_item(workshop: Workshop, at_once: int) -> None:
    url = workshop.at("/item", told({"ok": 1}))
    step = each(
        "<<trigger.items>>",
        [
            http("call", url, query={"n": "<<item.n>>"}),
            setting("sum", both="<<item.n + index>>"),
        ],
        at_once=at_once,
    )
    items = [{"n": n} for n in range(12)]
    given = workshop.give([step], "<<steps.each>>", {"items": items})
    assert given == {"items": [{"both": 2 * n} for n in range(12)], "errors": [], "count": 12}
    asked = [one.target.partition("=")[2] for one in workshop.asked("/item")]
    assert sorted(asked, key=int) == [str(n) for n in range(12)]
    assert at_once > 1 or asked == [str(n) for n in range(12)]


def test_for_each_collects_what_result_says(workshop: Workshop) -> None:
    step = each([1, 2], [setting("a", x="<<item * 10>>")], result="<<steps.a.x + index>>")
    assert workshop.give([step], "<<steps.each.items>>") == [10, 21]


@pytest.mark.parametrize("at_once", [1, 3])
def test_for_each_keeps_failed_items_apart(workshop: Workshop, at_once: int) -> None:
    fine, broken = workshop.at("/fine", told(1)), workshop.at("/broken", told({}, 404))
    step = each(
        "<<trigger>>",
        [http("call", "<<item>>", retry={"attempts": 1})],
        on_item_error="collect",
        result="<<steps.call.status>>",
        at_once=at_once,
    )
    given = workshop.give([step], "<<steps.each>>", [fine, broken, fine])
    assert (given["items"], given["count"]) == ([200, 200], 3)
    [error] = given["errors"]
    assert (error["index"], error["item"], error["error"]["status"]) == (1, broken, 404)


def test_a_result_without_a_value_is_the_items_error(workshop: Workshop) -> None:
    step = each([{"a": 1}, {}], [], result="<<item.a>>", on_item_error="collect")
    given = workshop.give([step], "<<steps.each>>")
    assert given["items"] == [1]
    assert [(one["index"], one["error"]["kind"]) for one in given["errors"]] == [(1, "expression")]


def test_a_failed_item_fails_the_step_and_the_rest_is_not_done(workshop: Workshop) -> None:
    fine, broken = workshop.at("/fine", told(1)), workshop.at("/broken", told({}, 404))
    run = workshop.run([each("<<trigger>>", [http("call", "<<item>>")])], [fine, broken, fine])
    assert run.detail is not None
    assert run.detail["step"] == "each[1].call"
    assert len(workshop.asked("/fine")) == 1


def test_a_failed_item_fails_the_run_though_another_waits(workshop: Workshop) -> None:
    steps = [
        {
            "id": "choose",
            "type": "condition",
            "branches": [
                {"if": "<<item == 0>>", "steps": [{"id": "wait", "type": "delay", "seconds": 3600}]}
            ],
            "else": [{"id": "no", "type": "fail", "message": "no"}],
        }
    ]
    run = workshop.run([each([0, 1], steps, at_once=2)])
    assert run.detail is not None
    assert run.detail["step"] == "each[1].no"


def test_loops_stand_within_loops(workshop: Workshop) -> None:
    inner = {
        "id": "inner",
        "type": "for_each",
        "in": "<<item.list>>",
        "steps": [setting("a", v="<<steps.name.x ~ item ~ index>>")],
        "result": "<<steps.a.v>>",
    }
    step = each(
        "<<trigger>>", [setting("name", x="<<item.name>>"), inner], result="<<steps.inner.items>>"
    )
    trigger = [{"name": "p", "list": [1, 2]}, {"name": "q", "list": []}]
    assert workshop.give([step], "<<steps.each.items>>", trigger) == [["p10", "p21"], []]


def test_what_a_round_does_is_not_seen_outside(workshop: Workshop) -> None:
    steps = [each([1], [setting("inside", a=1)]), setting("after", seen="<<steps | keys>>")]
    assert workshop.give(steps, "<<steps.after.seen>>") == ["each"]


NO_LISTS: list[Any] = ["text", 5, None, {"a": 1}, True]


@pytest.mark.parametrize("value", NO_LISTS)
def test_for_each_refuses_what_is_no_list(workshop: Workshop, value: Any) -> None:
    error = error_of(workshop.run([each("<<trigger.v>>", [setting("a", x=1)])], {"v": value}))
    assert error["kind"] == "expression"
    assert "takes a list" in error["message"]


def test_for_each_takes_10_000_items_at_most(workshop: Workshop) -> None:
    error = error_of(workshop.run([each("<<trigger>>", [])], [0] * 10_001))
    assert "10,000" in error["message"]


def test_an_empty_list_does_nothing(workshop: Workshop) -> None:
    given = workshop.give([each("<<trigger>>", [setting("a", x=1)])], "<<steps.each>>", [])
    assert given == {"items": [], "errors": [], "count": 0}


def test_a_thousand_items_are_done_in_their_order(workshop: Workshop) -> None:
    step = each("<<trigger>>", [setting("a", x="<<item>>")], at_once=8, result="<<steps.a.x>>")
    items = list(range(1000))
    assert workshop.give([step], "<<steps.each.items>>", items) == items


def test_items_one_after_another_wait_for_each_other(workshop: Workshop) -> None:
    """The second item is not begun while the first one waits: that is how people slow down."""
    url = workshop.at("/slowly", told(1))
    steps = [http("call", url), {"id": "pause", "type": "delay", "seconds": 0.3}]
    workshop.run([each([1, 2, 3], steps)])
    [run] = workshop.engine.control.runs(workshop.project)
    begun = {one.path: one for one in workshop.attempts(run.id)}
    for place in (1, 2):
        before, after = begun[f"each[{place - 1}].pause"], begun[f"each[{place}].call"]
        assert before.finished_at is not None
        assert after.started_at >= before.finished_at


def test_no_more_items_are_under_way_at_once_than_said_even_if_they_wait(
    workshop: Workshop,
) -> None:
    url = workshop.at("/many", told(1))
    steps = [http("call", url), {"id": "pause", "type": "delay", "seconds": 3600}]
    name = workshop.deploy(workshop.write([each(list(range(20)), steps, at_once=4)]))
    workshop.waits(workshop.start(name), "delay")
    assert len(workshop.asked("/many")) == 4


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_stop_in_a_loop_ends_the_run_and_no_more_items_are_begun(
    workshop: Workshop, at_once: int
) -> None:
    url = workshop.at("/begun", told(1))
    steps = [http("call", url), {"id": "enough", "type": "stop", "reason": "enough"}]
    run = workshop.run([each(list(range(50)), steps, at_once=at_once)])
    assert (run.state, run.reason) == (RunState.SUCCEEDED, "stop_step")
    assert len(workshop.asked("/begun")) <= at_once


# delay


def test_a_delay_waits_in_the_database_and_goes_on(workshop: Workshop) -> None:
    steps = [{"id": "wait", "type": "delay", "seconds": "<<trigger.s>>"}, setting("after", x=1)]
    name = workshop.deploy(workshop.write(steps))
    begun = time.time()
    run_id = workshop.start(name, {"s": 0.6})
    run = workshop.waits(run_id, "delay")
    assert run.due_at == pytest.approx(begun + 0.6, abs=0.5)
    assert run.worker_id is None
    ended = workshop.ended(run_id)
    assert ended.state is RunState.SUCCEEDED
    assert ended.finished_at is not None
    assert ended.finished_at >= begun + 0.6


@pytest.mark.parametrize(
    "moment", ["2020-01-01T00:00:00Z", 1577836800, "2020-01-01T01:00:00+01:00"]
)
def test_a_moment_that_has_passed_is_no_delay(workshop: Workshop, moment: Any) -> None:
    step = {"id": "wait", "type": "delay", "until": "<<trigger.m>>"}
    assert workshop.give([step], "<<steps.wait.until>>", {"m": moment}) == 1577836800


def test_a_delay_until_a_moment_is_due_then(workshop: Workshop) -> None:
    name = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "until": "<<trigger.m>>"}]))
    moment = time.time() + 3600
    run = workshop.waits(workshop.start(name, {"m": moment}), "delay")
    assert run.due_at == pytest.approx(moment, abs=1)


def test_no_time_is_no_delay(workshop: Workshop) -> None:
    run = workshop.run([{"id": "wait", "type": "delay", "seconds": 0}])
    assert run.state is RunState.SUCCEEDED


NO_DELAYS: list[tuple[str, Any]] = [
    ("seconds", -1),
    ("seconds", "5"),
    ("seconds", None),
    ("seconds", True),
    ("seconds", [1]),
    ("seconds", 366 * 86_400 + 1),
    ("seconds", 10**300),
    ("seconds", 10**400),
    ("until", "tomorrow"),
    ("until", ""),
    ("until", None),
    ("until", "2999-01-01T00:00:00Z"),
    ("until", {"a": 1}),
]


@pytest.mark.parametrize(("field", "value"), NO_DELAYS)
def test_what_is_no_delay_fails_the_step(workshop: Workshop, field: str, value: Any) -> None:
    step = {"id": "wait", "type": "delay", field: "<<trigger.v>>"}
    run = workshop.run([step], {"v": value})
    assert run.reason == "step_failed", run.detail
    assert error_of(run)["kind"] == "expression"


# function


def test_a_function_computes_with_its_input(workshop: Workshop) -> None:
    step = {
        "id": "f",
        "type": "function",
        "input": {"n": "<<trigger.n>>"},
        "code": "return {twice: input.n * 2, text: `<<${input.n}>>`}",
    }
    assert workshop.give([step], "<<steps.f>>", {"n": 21}) == {"twice": 42, "text": "<<21>>"}


BAD_FUNCTIONS = [
    ("throw new TypeError('no')", "function_failed"),
    ("return input.a.b", "function_failed"),
    ("while (true) {}", "function_timeout"),
    ("return undefinedName", "function_failed"),
    ("return new Array(1e9).fill('x')", "function_out_of_memory"),
    ("return 'x'.repeat(1200000)", "function_failed"),
]


@pytest.mark.parametrize(("code", "error"), BAD_FUNCTIONS)
def test_a_function_that_fails_fails_the_step(workshop: Workshop, code: str, error: str) -> None:
    step = {"id": "f", "type": "function", "input": {}, "code": code, "timeout": 0.3}
    assert error_of(workshop.run([step]))["code"] == error


# workflow


def calling(name: str, **more: Any) -> Document:
    return {
        "id": "call",
        "type": "workflow",
        "workflow": name,
        "input": {"n": "<<trigger.n>>"},
        **more,
    }


def test_a_workflow_waits_for_another_and_takes_its_result(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([setting("twice", x="<<trigger.n * 2>>")]))
    given = workshop.give([calling(child)], "<<steps.call>>", {"n": 4})
    assert (given["status"], given["output"]) == ("succeeded", {"x": 8})
    run = workshop.look(given["run_id"])
    assert (run.parent_id is not None, run.depth, run.trigger) == (True, 1, {"n": 4})


def test_a_childs_response_is_its_result(workshop: Workshop) -> None:
    child = workshop.deploy(
        workshop.write([{"id": "a", "type": "response", "body": "hi"}, setting("b", x=1)])
    )
    assert workshop.give([calling(child)], "<<steps.call.output>>", {"n": 4}) == "hi"


def test_a_workflow_may_go_on_without_the_other(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "seconds": 3600}]))
    given = workshop.give([calling(child, wait=False)], "<<steps.call>>", {"n": 1})
    assert workshop.waits(given["run_id"], "delay").parent_id is not None
    assert list(given) == ["run_id"]


def test_a_child_that_waits_lets_its_parent_wait(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "seconds": 0.5}]))
    name = workshop.deploy(workshop.write([calling(child)]))
    run_id = workshop.start(name, {"n": 1})
    workshop.waits(run_id, "workflow")
    assert workshop.ended(run_id).state is RunState.SUCCEEDED


def test_a_failing_child_fails_the_step(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "no", "type": "fail", "message": "no"}]))
    run = workshop.run([calling(child)], {"n": 1})
    error = error_of(run)
    assert (error["kind"], error["code"]) == ("workflow", "workflow_failed")
    assert error["detail"]["reason"] == "step_failed"
    assert workshop.look(error["detail"]["run_id"]).state is RunState.FAILED


def test_an_unknown_child_fails_the_step(workshop: Workshop) -> None:
    assert error_of(workshop.run([calling("nowhere")], {"n": 1}))["code"] == "workflow_unknown"


def test_a_child_that_refuses_its_input_fails_the_step(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "string"}}}
    child = workshop.deploy(
        workshop.write([setting("a", x=1)], trigger={"type": "manual", "schema": schema})
    )
    assert error_of(workshop.run([calling(child)], {"n": 1}))["code"] == "trigger_refused"


def test_workflows_that_go_round_are_stopped(workshop: Workshop) -> None:
    definition = workshop.write([])
    definition["steps"] = [calling(definition["name"])]
    run = workshop.ended(workshop.start(workshop.deploy(definition), {"n": 1}), seconds=40)
    assert error_of(run)["kind"] == "workflow"
    runs = workshop.engine.control.runs(workshop.project)
    assert max(one.depth for one in runs) == 10
    assert {one.state for one in runs} == {RunState.FAILED}
    assert len(runs) == 11


def test_many_children_of_one_loop_all_wake_their_parent(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([setting("a", x="<<trigger.n>>")]))
    step = each(
        "<<trigger>>",
        [calling(child) | {"input": {"n": "<<item>>"}}],
        at_once=5,
        result="<<steps.call.output.x>>",
    )
    assert workshop.give([step], "<<steps.each.items>>", list(range(25))) == list(range(25))


# response, stop, fail


def test_a_response_says_status_headers_and_body(workshop: Workshop) -> None:
    step = {
        "id": "a",
        "type": "response",
        "status": "<<trigger.s>>",
        "headers": {"X-A": "<<trigger.s>>", "X-B": "b"},
        "body": {"s": "<<trigger.s>>"},
    }
    run = workshop.run([step], {"s": 201})
    assert run.response == {
        "status": 201,
        "headers": {"X-A": "201", "X-B": "b"},
        "body": {"s": 201},
    }


def test_the_first_response_counts(workshop: Workshop) -> None:
    steps = [{"id": f"r{n}", "type": "response", "body": n} for n in (1, 2)]
    run = workshop.run(steps)
    assert run.response is not None
    assert run.response["body"] == 1


@pytest.mark.parametrize("status", [99, 600, "200", None, True, 200.5])
def test_a_response_with_no_status_fails(workshop: Workshop, status: Any) -> None:
    step = {"id": "a", "type": "response", "status": "<<trigger.s>>"}
    assert error_of(workshop.run([step], {"s": status}))["kind"] == "expression"


def test_stop_ends_the_run_well(workshop: Workshop) -> None:
    url = workshop.at("/never", told(1))
    run = workshop.run(
        [{"id": "s", "type": "stop", "reason": "n is <<trigger.n>>"}, http("x", url)], {"n": 1}
    )
    assert (run.state, run.reason, run.detail) == (
        RunState.SUCCEEDED,
        "stop_step",
        {"message": "n is 1"},
    )
    assert workshop.asked("/never") == []


@pytest.mark.parametrize("more", [{}, {"error": "no_stock"}])
def test_fail_ends_the_run_with_its_message(workshop: Workshop, more: dict[str, str]) -> None:
    run = workshop.run(
        [{"id": "f", "type": "fail", "message": "<<trigger.m>>", **more}], {"m": "No"}
    )
    error = error_of(run)
    code = more.get("error", "failed_by_step")
    assert (error["kind"], error["message"], error["code"]) == ("fail_step", "No", code)


def test_what_is_no_text_is_written_as_json(workshop: Workshop) -> None:
    run = workshop.run(
        [{"id": "f", "type": "fail", "message": "<<trigger.m>>"}], {"m": {"a": None}}
    )
    assert error_of(run)["message"] == '{"a":null}'


def test_a_child_that_gives_too_much_fails(workshop: Workshop) -> None:
    url = workshop.at("/big", answering(200, b"x" * 600_000))
    child = workshop.deploy(
        workshop.write([http("a", url), setting("b", x="<<steps.a>>", y="<<steps.a>>")])
    )
    error = error_of(workshop.run([calling(child)], {"n": 1}))
    assert error["code"] == "workflow_failed"
