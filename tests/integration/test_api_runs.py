"""Our own API: runs started, looked at and steered, with the engine at work."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from ..conftest import eventually, make_app
from ..key_holder import PREFIX, KeyHolder, pointers, problem
from .workshop import Workshop, http, setting, told

DELAY = {"id": "wait", "type": "delay", "seconds": 3600}


@pytest.fixture
def api(workshop: Workshop) -> KeyHolder:
    """An API key of the workshop's project."""
    return KeyHolder(make_app(workshop.host.runtime).test_client(), workshop.host)


def pushed(api: KeyHolder, definition: dict[str, Any]) -> str:
    """Put a definition into service; return the workflow's name."""
    answer = api.post("/workflows", definition=definition, deploy=True)
    assert answer.status_code == 200, answer.text
    return str(definition["name"])


def ended(api: KeyHolder, run_id: str) -> dict[str, Any]:
    """Ask for a run until it has ended."""

    def look() -> dict[str, Any] | None:
        run: dict[str, Any] = api.get(f"/runs/{run_id}").json
        return run if run["finished_at"] else None

    found: dict[str, Any] = eventually(look)
    return found


def with_header(api: KeyHolder, path: str, header: str, **body: object) -> TestResponse:
    headers = {"Authorization": f"Bearer {api.text}", "Idempotency-Key": header}
    return api.client.post(PREFIX + path, json=body, headers=headers)


def test_a_run_shows_what_started_it_and_what_its_steps_were_given_and_gave(
    api: KeyHolder, workshop: Workshop
) -> None:
    url = workshop.at("/people", told({"name": "Ann"}))
    steps = [
        http("look_up", url, query={"id": "<<trigger.id>>"}),
        setting("made", text="Hello <<steps.look_up.body.name>>"),
    ]
    name = pushed(api, workshop.write(steps))
    answer = api.post(f"/workflows/{name}/runs", data={"id": "7"}, user="alice")
    assert answer.status_code == 202
    run = ended(api, answer.json["id"])
    assert (run["workflow"], run["user"], run["state"]) == (name, "alice", "succeeded")
    assert (run["trigger"], run["trigger_type"]) == ({"id": "7"}, "manual")
    assert run["context"]["user"]["id"] == "alice"
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    looked_up, made = api.get(f"/runs/{run['id']}/attempts").json["items"]
    assert (looked_up["step"], looked_up["type"], looked_up["status"]) == ("look_up", "http", 200)
    assert looked_up["input"]["query"] == {"id": "7"}
    assert looked_up["output"]["body"] == {"name": "Ann"}
    assert made["output"] == {"text": "Hello Ann"}


def test_a_run_that_failed_shows_step_and_code(api: KeyHolder, workshop: Workshop) -> None:
    url = workshop.at("/broken", told({"error": "no"}, 400))
    name = pushed(api, workshop.write([http("ask", url)]))
    run = ended(api, api.post(f"/workflows/{name}/runs").json["id"])
    assert (run["state"], run["reason"], run["detail"]["step"]) == ("failed", "step_failed", "ask")
    [attempt] = api.get(f"/runs/{run['id']}/attempts").json["items"]
    assert (attempt["state"], attempt["status"]) == ("failed", 400)
    assert attempt["error"]["code"] == run["detail"]["error"]["code"] != "[redacted]"
    assert attempt["error"]["body"] == {"error": "no"}


def test_a_workflow_started_by_request_gets_the_data_as_its_body(
    api: KeyHolder, workshop: Workshop
) -> None:
    steps = [{"id": "answer", "type": "response", "body": "Hello <<trigger.body.who>>"}]
    name = pushed(api, workshop.write(steps, trigger={"type": "request"}))
    run = ended(api, api.post(f"/workflows/{name}/runs", data={"who": "Ann"}).json["id"])
    assert run["response"]["body"] == "Hello Ann"


@pytest.mark.parametrize(
    ("trigger", "body", "words"),
    [
        ({"type": "event", "event": "x"}, {}, "started by event"),
        ({"type": "schedule", "every_seconds": 60}, {}, "started by schedule"),
        (
            {"type": "manual", "schema": {"required": ["id"], "type": "object"}},
            {"data": {}},
            "'id' is a required property",
        ),
        (
            {"type": "request", "schema": {"properties": {"id": {"type": "string"}}}},
            {"data": {"id": 1}},
            "At /id",
        ),
    ],
)
def test_what_does_not_fit_the_trigger_starts_nothing(
    api: KeyHolder,
    workshop: Workshop,
    trigger: dict[str, Any],
    body: dict[str, Any],
    words: str,
) -> None:
    name = pushed(api, workshop.write([setting("a", b=1)], trigger=trigger))
    answer = api.post(f"/workflows/{name}/runs", **body)
    assert problem(answer) == (400, "trigger_refused")
    assert words in answer.json["message"]
    assert api.get("/runs").json["items"] == []


def test_a_workflow_that_the_user_has_not_switched_on_is_not_started(
    api: KeyHolder, workshop: Workshop
) -> None:
    name = pushed(api, workshop.write([setting("a", b=1)], connector="heap"))
    for body in ({"user": "alice"}, {}):
        answer = api.post(f"/workflows/{name}/runs", **body)
        assert problem(answer) == (400, "trigger_refused")
    api.put(f"/workflows/{name}/users/alice", enabled=True)
    assert api.post(f"/workflows/{name}/runs", user="alice").status_code == 202


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"data": "\\ud800"}', ["/data"]),
        (b'{"data": {"\\udfff": 1}}', ["/data"]),
        (b'{"user": 1}', ["/user"]),
        (b'{"user": ""}', ["/user"]),
        (b'{"key": ""}', ["/key"]),
        (b'{"colour": "red"}', ["/colour"]),
    ],
)
def test_data_that_could_not_be_kept_are_refused(
    api: KeyHolder, workshop: Workshop, body: bytes, where: list[str]
) -> None:
    name = pushed(api, workshop.write([setting("a", b=1)]))
    answer = api.call("POST", f"/workflows/{name}/runs", data=body)
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), where)


@pytest.mark.parametrize("data", [None, [], "", 0, 1.5, True, "a\x00b", {"": [{"é": "😀"}]}])
def test_any_json_value_may_start_a_run(api: KeyHolder, workshop: Workshop, data: Any) -> None:
    name = pushed(api, workshop.write([setting("a", b="<<trigger>>")]))
    run_id = api.post(f"/workflows/{name}/runs", data=data).json["id"]
    assert ended(api, run_id)["trigger"] == data
    [attempt] = api.get(f"/runs/{run_id}/attempts").json["items"]
    assert attempt["output"] == {"b": data}


def test_the_same_key_starts_one_run_whether_in_the_body_or_in_the_header(
    api: KeyHolder, workshop: Workshop
) -> None:
    path = f"/workflows/{pushed(api, workshop.write([setting('a', b=1)]))}/runs"
    first = api.post(path, key="k1").json["id"]
    assert with_header(api, path, "k1").json["id"] == first
    assert with_header(api, path, "k1", key="k1").json["id"] == first
    assert with_header(api, path, "k2").json["id"] != first
    refused = with_header(api, path, "k2", key="k1")
    assert (problem(refused), pointers(refused)) == ((400, "field_invalid"), ["/key"])
    assert len(api.get("/runs").json["items"]) == 2


def test_an_event_starts_every_workflow_that_waits_for_it_once_a_key(
    api: KeyHolder, workshop: Workshop
) -> None:
    for event in ("signed_up", "signed_up", "left"):
        trigger = {"type": "event", "event": event}
        pushed(api, workshop.write([setting("a", b="<<trigger.n>>")], trigger=trigger))
    first = api.post("/events", event="signed_up", user="alice", data={"n": 1}, key="k1")
    assert first.status_code == 202
    assert len(set(first.json["runs"])) == 2
    again = with_header(api, "/events", "k1", event="signed_up", user="alice", data={"n": 1})
    assert again.json == first.json
    assert {ended(api, one)["trigger"]["n"] for one in first.json["runs"]} == {1}
    assert len(api.get("/runs").json["items"]) == 2


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"user": "alice"}, ["/event"]),
        ({"event": "x"}, ["/user"]),
        ({"event": ""}, ["/event", "/user"]),
    ],
)
def test_an_event_without_name_or_user_is_refused(
    api: KeyHolder, body: dict[str, Any], where: list[str]
) -> None:
    answer = api.post("/events", **body)
    assert (problem(answer), sorted(pointers(answer))) == ((400, "field_invalid"), where)


def test_a_run_that_waits_is_counted_and_can_be_cancelled_once(
    api: KeyHolder, workshop: Workshop
) -> None:
    name = pushed(api, workshop.write([DELAY]))
    run_id = api.post(f"/workflows/{name}/runs").json["id"]
    workshop.waits(run_id, "delay")
    assert api.get("/run-counts").json == {"queued": 0, "running": 0, "waiting": 1}
    waiting = api.get(f"/runs/{run_id}").json
    due = datetime.fromisoformat(waiting["due_at"]) - datetime.now(UTC)
    assert 3500 < due.total_seconds() <= 3600
    cancelled = api.call("POST", f"/runs/{run_id}/cancel")
    assert (cancelled.status_code, cancelled.json["state"]) == (202, "cancelled")
    again = api.call("POST", f"/runs/{run_id}/cancel")
    assert problem(again) == (409, "run_state_unfit")
    assert again.json["meta"]["state"] == "cancelled"


def test_a_failed_run_goes_on_from_the_step_that_failed(api: KeyHolder, workshop: Workshop) -> None:
    first = workshop.at("/first", told({}))
    second = workshop.at("/second", told({}, 400), told({}))
    name = pushed(api, workshop.write([http("one", first), http("two", second)]))
    run_id = api.post(f"/workflows/{name}/runs").json["id"]
    assert ended(api, run_id)["state"] == "failed"
    answer = api.call("POST", f"/runs/{run_id}/retry")
    assert (answer.status_code, answer.json["round"]) == (202, 1)
    eventually(lambda: api.get(f"/runs/{run_id}").json["state"] == "succeeded")
    assert (len(workshop.asked("/first")), len(workshop.asked("/second"))) == (1, 2)
    assert problem(api.call("POST", f"/runs/{run_id}/retry")) == (409, "run_state_unfit")


def test_a_run_does_not_go_on_with_a_version_in_which_its_steps_are_others(
    api: KeyHolder, workshop: Workshop
) -> None:
    first = workshop.at("/first", told({}))
    second = workshop.at("/second", told({}, 400), told({}))
    definition = workshop.write([http("one", first), http("two", second)])
    name = pushed(api, definition)
    run_id = api.post(f"/workflows/{name}/runs").json["id"]
    assert ended(api, run_id)["state"] == "failed"
    pushed(api, {**definition, "steps": [http("uno", first), http("two", second)]})
    refused = api.post(f"/runs/{run_id}/retry", newest=True)
    assert problem(refused) == (409, "version_unfit")
    assert refused.json["meta"]["differences"] == ["one is not there"]
    assert api.get(f"/runs/{run_id}").json["state"] == "failed"


def test_a_run_is_replayed_with_the_same_data_or_others(api: KeyHolder, workshop: Workshop) -> None:
    name = pushed(api, workshop.write([setting("a", b="<<trigger.n>>")]))
    run_id = api.post(f"/workflows/{name}/runs", data={"n": 1}).json["id"]
    ended(api, run_id)
    same = api.call("POST", f"/runs/{run_id}/replay").json
    other = api.post(f"/runs/{run_id}/replay", trigger={"n": 2}).json
    for replay, n in ((same, 1), (other, 2)):
        run = ended(api, replay["id"])
        assert (run["replay_of"], run["trigger"], run["state"]) == (run_id, {"n": n}, "succeeded")
    api.call("POST", f"/workflows/{name}/withdraw")
    assert problem(api.call("POST", f"/runs/{run_id}/replay")) == (409, "version_unfit")


def test_many_runs_are_steered_at_once_after_a_look_at_which(
    api: KeyHolder, workshop: Workshop
) -> None:
    name = pushed(api, workshop.write([DELAY]))
    other = pushed(api, workshop.write([DELAY]))
    runs = [
        api.post(f"/workflows/{one}/runs", user=user).json["id"]
        for one, user in ((name, "alice"), (name, "alice"), (name, "bob"), (other, "alice"))
    ]
    for run_id in runs:
        workshop.waits(run_id, "delay")
    wanted = {"action": "cancel", "filters": {"workflow": name, "user": "alice"}}
    look = api.post("/runs/bulk", dry_run=True, **wanted).json
    assert look == {"runs": [runs[1], runs[0]], "dry_run": True}
    assert api.get("/run-counts").json["waiting"] == 4
    assert api.post("/runs/bulk", limit=1, **wanted).json["runs"] == [runs[1]]
    assert api.post("/runs/bulk", **wanted).json == {"runs": [runs[0]], "dry_run": False}
    cancelled = api.get("/runs", state="cancelled", reason="cancelled").json["items"]
    assert [one["id"] for one in cancelled] == [runs[1], runs[0]]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["/action"]),
        ({"action": "delete"}, ["/action"]),
        ({"action": "cancel", "limit": 0}, ["/limit"]),
        ({"action": "cancel", "limit": 1001}, ["/limit"]),
        ({"action": "cancel", "limit": "10"}, ["/limit"]),
        ({"action": "cancel", "filters": {"state": "x"}}, ["/filters/state"]),
        ({"action": "cancel", "filters": {"after": 5}}, ["/filters/after"]),
        ({"action": "cancel", "filters": {"colour": "red"}}, ["/filters/colour"]),
    ],
)
def test_a_wrong_order_for_many_runs_is_refused(
    api: KeyHolder, body: dict[str, Any], where: list[str]
) -> None:
    answer = api.post("/runs/bulk", **body)
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), where)


def test_runs_are_listed_by_when_they_were_accepted(api: KeyHolder, workshop: Workshop) -> None:
    name = pushed(api, workshop.write([setting("a", b=1)]))
    run = api.post(f"/workflows/{name}/runs").json
    later = datetime.fromtimestamp(time.time() + 60, UTC).isoformat()
    assert [one["id"] for one in api.get("/runs", until=later).json["items"]] == [run["id"]]
    assert api.get("/runs", after=later).json["items"] == []
    by_clock_elsewhere = run["created_at"].replace("+00:00", "-00:30")
    assert api.get("/runs", after=by_clock_elsewhere).json["items"] == []


@pytest.fixture
def canary(api: KeyHolder) -> str:
    """A secret of the project that workflows may use."""
    value = "canary-tok/en=+value-1234567890"
    api.put("/secrets/crm_token", value=value)
    return value


def test_a_secret_that_a_step_uses_is_shown_nowhere(
    api: KeyHolder, workshop: Workshop, canary: str
) -> None:
    """The other side sends it back, in an answer and in an error, and it is fed to later steps."""
    echo = told({"you_sent": canary, "again": [f"x{canary}y"]})
    steps = [
        http(
            "ask",
            workshop.at("/echo", echo) + "?key=<<secrets.crm_token>>",
            headers={"X-Api-Key": "<<secrets.crm_token>>"},
        ),
        setting("kept", text="<<steps.ask.body>>", own="<<secrets.crm_token>>"),
        {"id": "answer", "type": "response", "body": "<<steps.kept>>"},
        http("fail", workshop.at("/fail", told({"bad": canary}, 400))),
    ]
    definition = workshop.write(steps, trigger={"type": "request"})
    name = pushed(api, definition)
    run_id = api.post(f"/workflows/{name}/runs", data={"password": canary}).json["id"]
    run = ended(api, run_id)
    assert (run["state"], run["detail"]["step"]) == ("failed", "fail")
    [asked] = workshop.asked("/echo")
    assert asked.values("X-Api-Key") == [canary]
    paths = [
        f"/runs/{run_id}",
        f"/runs/{run_id}/attempts",
        "/runs",
        f"/workflows/{name}/versions/1",
        "/secrets",
    ]
    texts = {path: api.get(path).text for path in paths}
    assert "[redacted]" in texts[f"/runs/{run_id}"]
    assert "[redacted]" in texts[f"/runs/{run_id}/attempts"]
    assert [path for path, text in texts.items() if "canary" in text] == []
    assert "canary" not in repr(workshop.attempts(run_id)), "what is kept is masked as well"


def test_what_is_secret_by_its_name_is_shown_masked_but_used_as_it_is(
    api: KeyHolder, workshop: Workshop
) -> None:
    url = workshop.at("/sign-in", told({"access_token": "abc-123", "state": "CA"}))
    use = http(
        "use", workshop.at("/use", told({})), query={"t": "<<steps.sign_in.body.access_token>>"}
    )
    name = pushed(api, workshop.write([http("sign_in", url), use]))
    run = ended(api, api.post(f"/workflows/{name}/runs", data={"password": "hunter2"}).json["id"])
    assert (run["state"], run["trigger"]) == ("succeeded", {"password": "[redacted]"})
    signed_in, _ = api.get(f"/runs/{run['id']}/attempts").json["items"]
    assert signed_in["output"]["body"] == {"access_token": "[redacted]", "state": "[redacted]"}
    [asked] = workshop.asked("/use")
    assert asked.target == "/use?t=abc-123"


def test_runs_are_kept_alike_on_both_kinds_of_storage(stored_workshop: Workshop) -> None:
    """Texts that one of them is known to mind: null characters, and all of Unicode."""
    api = KeyHolder(make_app(stored_workshop.host.runtime).test_client(), stored_workshop.host)
    name = pushed(api, stored_workshop.write([setting("a", b="<<trigger>>")]))
    data = {"a\x00b": "\u2028 😀", "n": 10**30, "f": 0.1, "none": None}
    run_id = api.post(f"/workflows/{name}/runs", user="é/ü", data=data, key="k").json["id"]
    run = ended(api, run_id)
    assert (run["trigger"], run["user"], run["state"]) == (data, "é/ü", "succeeded")
    [attempt] = api.get(f"/runs/{run_id}/attempts").json["items"]
    assert attempt["output"] == {"b": data}
    query = {"workflow": name, "user": "é/ü", "state": "succeeded", "after": run["created_at"]}
    assert [one["id"] for one in api.get("/runs", **query).json["items"]] == [run_id]
    assert api.post(f"/workflows/{name}/runs", user="é/ü", key="k").json["id"] == run_id
    assert api.post("/runs/bulk", action="replay", limit=1).json["runs"] == [run_id]
    assert api.delete(f"/workflows/{name}").status_code == 204
    assert problem(api.get(f"/runs/{run_id}")) == (404, "run_unknown")
