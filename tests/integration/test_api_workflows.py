"""Our own API: workflows pushed, deployed, compared, switched on."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from workflow.schema import definition_schema

from ..key_holder import KeyHolder, pointers, problem
from ..people import Host

HELLO: dict[str, Any] = {
    "name": "hello",
    "trigger": {"type": "manual"},
    "steps": [{"id": "greet", "type": "set", "values": {"text": "Hello <<trigger.who>>"}}],
}
COMMENTED = """\
# What we say to everybody.
name: hello
trigger: {type: manual}
steps:
  - {id: greet, type: set, values: {text: "Hello <<trigger.who>>"}}
"""
FOR_USERS = """\
name: welcome
connector: heap
trigger: {type: manual}
settings:
  - {id: plan, title: Plan, type: choice, choices: [free, pro], default: free}
  - {id: list, title: List, type: text, required: true}
steps:
  - {id: greet, type: set, values: {plan: <<settings.plan>>}}
"""
ON = {"list": "news"}


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    return KeyHolder(client, host)


def changed(text: str) -> dict[str, Any]:
    """Return the definition with another text in it."""
    return {**HELLO, "steps": [{**HELLO["steps"][0], "values": {"text": text}}]}


def test_a_workflow_is_pushed_as_a_draft_and_can_be_read_back(api: KeyHolder) -> None:
    answer = api.post("/workflows", text=COMMENTED)
    assert answer.status_code == 200
    pushed, version = answer.json["workflow"], answer.json["version"]
    assert (pushed["name"], pushed["deployed"]) == ("hello", None)
    assert pushed["draft"] == version["hash"]
    assert (version["number"], version["is_draft"], version["is_deployed"]) == (1, True, False)
    whole = api.get("/workflows/hello/versions/draft").json
    assert (whole["text"], whole["definition"]) == (COMMENTED, HELLO)


def test_the_same_definition_makes_no_other_version_however_it_is_written(api: KeyHolder) -> None:
    by_text = api.post("/workflows", text=COMMENTED).json
    by_object = api.post("/workflows", definition=HELLO).json
    assert by_text["version"]["hash"] == by_object["version"]["hash"]
    assert len(api.get("/workflows/hello/versions").json["items"]) == 1


def test_pushing_can_deploy_as_well(api: KeyHolder) -> None:
    pushed = api.post("/workflows", definition=HELLO, deploy=True).json
    assert pushed["version"]["is_deployed"] is True
    assert api.get("/workflows/hello").json["deployed"] == pushed["version"]["hash"]


def test_workflows_are_found_by_name_and_by_id_and_listed_by_name(api: KeyHolder) -> None:
    found = api.post("/workflows", definition=HELLO).json["workflow"]
    api.post("/workflows", text=FOR_USERS)
    assert api.get("/workflows/hello").json == api.get(f"/workflows/{found['id']}").json == found
    assert [one["name"] for one in api.get("/workflows").json["items"]] == ["hello", "welcome"]


def test_faults_of_a_text_are_told_with_line_and_step(api: KeyHolder) -> None:
    text = COMMENTED.replace("trigger.who", "triger.who")
    answer = api.post("/workflows", text=text)
    assert problem(answer) == (400, "definition_invalid")
    [fault] = answer.json["meta"]["faults"]
    assert (fault["pointer"], fault["line"], fault["step"]) == ("/steps/0/values/text", 5, "greet")
    assert "did you mean trigger" in fault["problem"]
    assert api.get("/workflows").json["items"] == []


def test_faults_of_an_object_are_told_without_lines(api: KeyHolder) -> None:
    answer = api.post("/workflows", definition={**HELLO, "trigger": {"type": "manuel"}})
    assert (problem(answer), pointers(answer)) == ((400, "definition_invalid"), ["/trigger/type"])
    assert "line" not in answer.text


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({}, "body_invalid", [""]),
        ({"text": COMMENTED, "definition": HELLO}, "body_invalid", [""]),
        ({"text": ""}, "field_invalid", ["/text"]),
        ({"text": "x" * 300_001}, "field_invalid", ["/text"]),
        ({"text": "name: [", "deploy": "yes"}, "field_invalid", ["/deploy"]),
        ({"definition": []}, "field_invalid", ["/definition"]),
        ({"text": "a: &x 1\nb: *x"}, "definition_invalid", [""]),
        ({"text": "name: \ud800"}, "definition_invalid", [""]),
        ({"text": "[" * 200_000}, "definition_invalid", [""]),
        ({"text": "- " * 100_000}, "definition_invalid", [""]),
        ({"text": "[" + "1," * 140_000 + "]"}, "definition_invalid", [""]),
    ],
)
def test_what_is_no_definition_is_refused(
    api: KeyHolder, body: dict[str, Any], code: str, where: list[str]
) -> None:
    answer = api.post("/workflows", **body)
    assert (problem(answer), pointers(answer)) == ((400, code), where)


def test_an_object_that_is_nested_without_end_is_refused(api: KeyHolder) -> None:
    body = '{"definition": ' + '{"a":' * 900 + "1" + "}" * 900 + "}"
    answer = api.call("POST", "/workflows", data=body)
    assert problem(answer)[0] == 400


def test_validating_says_what_pushing_would_and_stores_nothing(api: KeyHolder) -> None:
    assert api.post("/workflows/validate", text=COMMENTED).json == {"valid": True, "faults": []}
    wrong = COMMENTED.replace("trigger.who", "steps.none.x")
    verdict = api.post("/workflows/validate", text=wrong).json
    assert verdict["valid"] is False
    assert verdict["faults"] == api.post("/workflows", text=wrong).json["meta"]["faults"]
    assert api.get("/workflows").json["items"] == []


def test_the_schema_of_definitions_is_published(api: KeyHolder) -> None:
    assert api.get("/workflow-schema").json == definition_schema()


def test_an_earlier_version_can_be_put_into_service_again(api: KeyHolder) -> None:
    first = api.post("/workflows", definition=changed("one"), deploy=True).json["version"]
    second = api.post("/workflows", definition=changed("two")).json["version"]
    assert api.post("/workflows/hello/deploy").json["version"]["number"] == 2
    back = api.post("/workflows/hello/deploy", version=first["hash"][:8]).json
    assert (back["workflow"]["deployed"], back["workflow"]["draft"]) == (
        first["hash"],
        second["hash"],
    )
    assert api.get("/workflows/hello/versions/deployed").json["number"] == 1
    log = api.get("/workflows/hello/deployments").json["items"]
    assert [one["hash"] for one in log] == [first["hash"], second["hash"], first["hash"]]
    assert {one["deployed_by"] for one in log} == {"API key tests"}


@pytest.mark.parametrize("version", ["2", "deployed", "0", "abcdef", "x"])
def test_a_version_that_is_not_there_is_answered_so(api: KeyHolder, version: str) -> None:
    api.post("/workflows", definition=HELLO)
    assert problem(api.get(f"/workflows/hello/versions/{version}")) == (404, "version_unknown")
    answer = api.post("/workflows/hello/deploy", version=version)
    assert problem(answer) == (404, "version_unknown")


def test_a_withdrawn_workflow_starts_no_more(api: KeyHolder) -> None:
    api.post("/workflows", definition=HELLO, deploy=True)
    assert api.call("POST", "/workflows/hello/withdraw").json["deployed"] is None
    answer = api.post("/workflows/hello/runs")
    assert problem(answer) == (404, "version_unknown")
    assert api.get("/workflows/hello/deployments").json["items"][0]["hash"] is None


def test_a_deleted_workflow_is_gone_with_its_runs(api: KeyHolder) -> None:
    api.post("/workflows", definition=HELLO, deploy=True)
    run = api.post("/workflows/hello/runs", data={"who": "ann"}).json
    assert api.delete("/workflows/hello").status_code == 204
    assert problem(api.get("/workflows/hello")) == (404, "workflow_unknown")
    assert problem(api.get(f"/runs/{run['id']}")) == (404, "run_unknown")


def test_a_workflow_is_switched_on_for_a_user_with_settings(api: KeyHolder) -> None:
    api.post("/workflows", text=FOR_USERS, deploy=True)
    path = "/workflows/welcome/users/a%2Fb%20c"
    assert api.get(path).json == {"enabled": False, "settings": {}, "updated_at": None}
    on = api.put(path, enabled=True, settings={"plan": "pro", **ON}).json
    assert (on["enabled"], on["settings"]) == (True, {"plan": "pro", "list": "news"})
    off = api.put(path, enabled=False, settings={"plan": None}).json
    assert (off["enabled"], off["settings"]) == (False, {"list": "news"})
    assert api.get(path).json == off
    assert api.get("/users/a%2Fb%20c").json["external_id"] == "a/b c"


@pytest.mark.parametrize(
    ("body", "status_and_code"),
    [
        ({"enabled": True}, (400, "settings_invalid")),
        ({"enabled": True, "settings": {**ON, "plan": "gold"}}, (400, "settings_invalid")),
        ({"enabled": True, "settings": {"list": 1}}, (400, "settings_invalid")),
        ({"enabled": True, "settings": {**ON, "colour": "red"}}, (400, "settings_invalid")),
        ({"enabled": "yes"}, (400, "field_invalid")),
        ({"settings": ON}, (400, "field_invalid")),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_a_pointer(
    api: KeyHolder, body: dict[str, Any], status_and_code: tuple[int, str]
) -> None:
    api.post("/workflows", text=FOR_USERS, deploy=True)
    answer = api.put("/workflows/welcome/users/alice", **body)
    assert problem(answer) == status_and_code
    assert pointers(answer)
    assert api.get("/workflows/welcome/users/alice").json["enabled"] is False


def test_a_workflow_out_of_service_cannot_be_switched_on(api: KeyHolder) -> None:
    api.post("/workflows", text=FOR_USERS)
    answer = api.put("/workflows/welcome/users/alice", enabled=True, settings=ON)
    assert problem(answer) == (404, "version_unknown")


def test_a_workflow_without_a_connector_has_settings_of_the_project_alone(api: KeyHolder) -> None:
    text = FOR_USERS.replace("connector: heap\n", "")
    api.post("/workflows", text=text, deploy=True)
    answer = api.put("/workflows/welcome/settings", enabled=True, settings=ON)
    assert answer.json["settings"] == {"list": "news"}
    assert api.get("/workflows/welcome/settings").json == answer.json
    refused = api.put("/workflows/welcome/users/alice", enabled=True, settings=ON)
    assert problem(refused) == (400, "settings_invalid")


def test_a_workflow_with_a_connector_has_settings_of_users_alone(api: KeyHolder) -> None:
    api.post("/workflows", text=FOR_USERS, deploy=True)
    answer = api.put("/workflows/welcome/settings", enabled=True, settings=ON)
    assert problem(answer) == (400, "settings_invalid")
