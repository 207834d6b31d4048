"""Our own API: workflows and steps that are tried with sample data."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import eventually, make_app
from ..key_holder import KeyHolder, problem
from .workshop import Workshop, http, setting, told


@pytest.fixture
def api(workshop: Workshop) -> KeyHolder:
    """An API key of the workshop's project."""
    return KeyHolder(make_app(workshop.host.runtime).test_client(), workshop.host)


def drafted(api: KeyHolder, definition: dict[str, Any]) -> str:
    """Push a definition and leave it out of service; return the workflow's name."""
    answer = api.post("/workflows", definition=definition)
    assert answer.status_code == 200, answer.text
    return str(definition["name"])


def test_a_draft_is_tried_with_its_example_and_nothing_is_sent(
    api: KeyHolder, workshop: Workshop
) -> None:
    steps = [
        http("ask", workshop.at("/ask", told({}))),
        http("tell", workshop.at("/tell", told({})), query={"q": "<<steps.ask.body.n>>"}),
        setting("sum", text="<<trigger.who>> <<settings.plan>>"),
    ]
    trigger = {"type": "manual", "example": {"who": "Ann"}}
    plan = {"id": "plan", "title": "Plan", "type": "text"}
    name = drafted(api, workshop.write(steps, trigger=trigger, settings=[plan]))
    answer = api.post(
        f"/workflows/{name}/trials",
        samples={"ask": {"status": 200, "headers": {}, "body": {"n": 7}}},
        settings={"plan": "pro"},
    )
    assert (answer.status_code, answer.json["is_test"]) == (202, True)
    path = f"/runs/{answer.json['id']}"
    eventually(lambda: api.get(path).json["state"] == "succeeded")
    attempts = {one["step"]: one["output"] for one in api.get(f"{path}/attempts").json["items"]}
    assert attempts["tell"]["not_sent"]["query"] == {"q": 7}
    assert attempts["sum"] == {"text": "Ann pro"}
    assert workshop.asked("/ask") == workshop.asked("/tell") == []


def test_a_trial_with_settings_of_the_wrong_type_is_refused(
    api: KeyHolder, workshop: Workshop
) -> None:
    plan = {"id": "plan", "title": "Plan", "type": "text"}
    name = drafted(api, workshop.write([setting("a", b=1)], settings=[plan]))
    answer = api.post(f"/workflows/{name}/trials", settings={"plan": 1})
    assert problem(answer) == (400, "settings_invalid")


def test_one_step_shows_what_it_would_send_and_sends_it_when_asked_to(
    api: KeyHolder, workshop: Workshop
) -> None:
    url = workshop.at("/ask", told({"password": "hunter2", "n": 1}))
    name = drafted(api, workshop.write([http("ask", url, query={"q": "<<trigger.q>>"})]))
    path, data = f"/workflows/{name}/steps/ask/trials", {"trigger": {"q": "x"}}
    shown = api.post(path, data=data).json
    assert (set(shown), shown["input"]["query"]) == ({"input"}, {"q": "x"})
    assert workshop.asked("/ask") == []
    done = api.post(path, data=data, live=True).json
    assert done["output"]["body"] == {"password": "[redacted]", "n": 1}
    assert [one.target for one in workshop.asked("/ask")] == ["/ask?q=x"]


def test_one_step_shows_why_it_fails(api: KeyHolder, workshop: Workshop) -> None:
    code = "return input.missing.name"
    steps = [{"id": "js", "type": "function", "code": code, "input": "<<trigger>>"}]
    name = drafted(api, workshop.write(steps))
    path = f"/workflows/{name}/steps/js/trials"
    assert api.post(path, data={"trigger": {}}).json["error"]["code"] == "function_failed"
    assert api.post(path).json["error"]["code"] == "value_missing"


def test_a_step_that_is_not_there_cannot_be_tried(api: KeyHolder, workshop: Workshop) -> None:
    name = drafted(api, workshop.write([setting("a", b=1)]))
    assert problem(api.post(f"/workflows/{name}/steps/b/trials")) == (400, "definition_invalid")
    answer = api.post(f"/workflows/{name}/steps/a/trials", version="deployed")
    assert problem(answer) == (404, "version_unknown")


def test_a_failed_request_of_a_step_that_is_tried_keeps_its_code(
    api: KeyHolder, workshop: Workshop
) -> None:
    name = drafted(api, workshop.write([http("ask", "http://127.0.0.1:1/")]))
    outcome = api.post(f"/workflows/{name}/steps/ask/trials", live=True).json
    assert outcome["error"]["code"] == "destination_refused"
