"""The SDK's rows about workflows: what is offered, switched on and filled in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from connector.sdk_protocol import integration_id

from ..conftest import make_app
from ..people import GLOBEX, make_host
from .sdk_caller import Sdk, refusal
from .workshop import Workshop

STEPS = [{"id": "s", "type": "set", "values": {"user": "<<user.id>>"}}]
SETTINGS = [
    {"id": "plan", "title": "Plan", "type": "text", "required": True, "description": "Your plan."},
    {"id": "seats", "title": "Seats", "type": "number", "default": 3},
    {"id": "news", "title": "News", "type": "boolean"},
    {"id": "size", "title": "Size", "type": "choice", "choices": ["small", "large"]},
]


@pytest.fixture
def client(workshop: Workshop) -> FlaskClient:
    return make_app(workshop.host.runtime).test_client()


@pytest.fixture
def sdk(client: FlaskClient, workshop: Workshop) -> Sdk:
    return Sdk(client, workshop.host)


def offer(workshop: Workshop, **more: Any) -> str:
    """Put a workflow into service that a user may switch on."""
    trigger = {"type": "event", "event": "signed_up"}
    definition = workshop.write(STEPS, trigger=trigger, connector="heap", **more)
    workshop.engine.catalogue.push(workshop.project, json.dumps(definition))
    workshop.engine.catalogue.deploy(workshop.project, definition["name"], by="tests")
    return str(definition["name"])


def states(sdk: Sdk) -> Any:
    return sdk.json("GET", "/me")["integrations"]["heap"]["workflowSettings"]


def test_a_workflow_in_service_is_offered_with_what_it_asks_for(
    sdk: Sdk, workshop: Workshop
) -> None:
    name = offer(workshop, title="Welcome", description="Greets people.", settings=SETTINGS)
    [found] = sdk.json("GET", "/integrations")
    assert found["workflows"] == [
        {
            "id": name,
            "description": "Welcome",
            "integrationId": integration_id(workshop.project, "heap"),
        }
    ]
    meta = found["configs"][0]["values"]["workflowMeta"][name]
    assert (meta["id"], meta["infoText"], meta["hidden"]) == (name, "Greets people.", False)
    plan, seats, news, size = meta["inputs"]
    assert (plan["type"], plan["required"], plan["tooltip"]) == ("TEXT_NO_VARS", True, "Your plan.")
    assert (seats["type"], seats["defaultValue"]) == ("NUMBER", 3)
    assert news["type"] == "SWITCH"
    assert size["type"] == "CUSTOM_DROPDOWN"
    assert [one["value"] for one in size["customDropdownOptions"]] == ["small", "large"]


def test_only_workflows_that_use_the_connector_and_are_in_service_are_offered(
    sdk: Sdk, workshop: Workshop
) -> None:
    workshop.deploy(workshop.write([{"id": "x", "type": "stop"}]))
    draft = workshop.write(STEPS, connector="heap", settings=SETTINGS)
    workshop.engine.catalogue.push(workshop.project, json.dumps(draft))
    withdrawn = offer(workshop, settings=SETTINGS)
    workshop.engine.catalogue.withdraw(workshop.project, withdrawn, by="tests")
    assert sdk.json("GET", "/integrations")[0]["workflows"] == []


def test_a_user_switches_a_workflow_on_and_off(sdk: Sdk, workshop: Workshop) -> None:
    name = offer(workshop, settings=SETTINGS[1:])
    connection = workshop.host.connect("alice")
    assert states(sdk) == {name: {"enabled": False, "settings": {}}}
    chosen = {"X_Paragon_Credential": connection.id}
    for _ in range(2):
        assert sdk.json("POST", f"/workflows/{name}", **chosen)["success"] is True
        assert states(sdk)[name]["enabled"] is True
    assert sdk.json("GET", f"/credentials/{connection.id}")["configurations"][0][
        "workflowSettings"
    ] == states(sdk)
    for _ in range(2):
        assert sdk.json("DELETE", f"/workflows/{name}", **chosen)["success"] is True
        assert states(sdk)[name]["enabled"] is False


def test_one_users_switch_is_not_anothers(sdk: Sdk, workshop: Workshop, client: Any) -> None:
    name = offer(workshop, settings=SETTINGS[1:])
    workshop.host.connect("alice")
    workshop.host.connect("bob", GLOBEX)
    sdk.json("POST", f"/workflows/{name}")
    assert states(Sdk(client, workshop.host, "bob"))[name]["enabled"] is False


def test_without_an_account_nothing_is_switched_on(sdk: Sdk, workshop: Workshop) -> None:
    name = offer(workshop, settings=SETTINGS[1:])
    assert refusal(sdk("POST", f"/workflows/{name}")) == (404, "not_connected")
    workshop.host.connect("alice")
    foreign = workshop.host.connect("bob", GLOBEX)
    answer = sdk("POST", f"/workflows/{name}", X_Paragon_Credential=foreign.id)
    assert refusal(answer) == (404, "not_found")
    assert refusal(sdk("POST", "/workflows/nothing")) == (404, "workflow_unknown")


def test_what_is_required_is_filled_in_before_a_workflow_is_switched_on(
    sdk: Sdk, workshop: Workshop
) -> None:
    name = offer(workshop, settings=SETTINGS)
    own = workshop.host.connect("alice")
    assert refusal(sdk("POST", f"/workflows/{name}")) == (400, "settings_invalid")

    def fill(**settings: Any) -> Any:
        entry = {"enabled": False, "settings": settings}
        return sdk(
            "PATCH", f"/credentials/{own.id}", {"config": {"workflowSettings": {name: entry}}}
        )

    assert fill(plan="pro", seats=5).status_code == 200
    assert sdk.json("POST", f"/workflows/{name}")["success"] is True
    assert states(sdk)[name] == {"enabled": True, "settings": {"plan": "pro", "seats": 5}}


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"settings": {"seats": "many"}}, "settings_invalid"),
        ({"settings": {"size": "huge"}}, "settings_invalid"),
        ({"enabled": True, "settings": {}}, "settings_invalid"),
        ({"settings": [1]}, "field_invalid"),
        ({"enabled": "yes"}, "field_invalid"),
        ("on", "field_invalid"),
    ],
)
def test_settings_that_do_not_fit_change_nothing(
    sdk: Sdk, workshop: Workshop, entry: Any, code: str
) -> None:
    name, other = (offer(workshop, settings=SETTINGS) for _ in range(2))
    own = workshop.host.connect("alice")
    config = {
        "sharedSettings": {"a": 1},
        "workflowSettings": {other: {"settings": {"plan": "pro"}}, name: entry},
    }
    answer = sdk("PATCH", f"/credentials/{own.id}", {"config": config})
    assert refusal(answer) == (400, code)
    assert states(sdk)[other] == {"enabled": False, "settings": {}}
    assert sdk.json("GET", "/me")["integrations"]["heap"]["sharedSettings"] == {}


def test_a_map_of_settings_may_name_what_was_withdrawn_since(sdk: Sdk, workshop: Workshop) -> None:
    name = offer(workshop, settings=SETTINGS)
    own = workshop.host.connect("alice")
    wanted = {"gone": {"enabled": True, "settings": {"x": 1}}, name: {"settings": {"plan": "a"}}}
    sdk.json("PATCH", f"/credentials/{own.id}", {"config": {"workflowSettings": wanted}})
    assert states(sdk) == {name: {"enabled": False, "settings": {"plan": "a"}}}


def test_a_workflow_can_be_switched_off_whatever_a_newer_version_asks_for(
    sdk: Sdk, workshop: Workshop
) -> None:
    name = offer(workshop, settings=SETTINGS)
    workshop.host.connect("alice")
    catalogue = workshop.engine.catalogue
    catalogue.enable(workshop.project, name, "alice", enabled=True, settings={"plan": "pro"})
    newer = {**SETTINGS[0], "type": "number"}
    workshop.deploy({**_document(workshop, name), "settings": [newer]}, "bob", plan=1)
    assert sdk.json("DELETE", f"/workflows/{name}")["success"] is True
    assert states(sdk)[name] == {"enabled": False, "settings": {"plan": "pro"}}


def test_uninstalling_the_last_account_switches_its_workflows_off(
    sdk: Sdk, workshop: Workshop
) -> None:
    name = offer(workshop, settings=SETTINGS)
    first = workshop.host.connect("alice")
    second = workshop.host.connect("alice", GLOBEX)
    workshop.engine.catalogue.enable(
        workshop.project, name, "alice", enabled=True, settings={"plan": "pro"}
    )
    sdk.json("DELETE", "/integrations/heap", X_Paragon_Credential=first.id)
    assert states(sdk)[name]["enabled"] is True
    sdk.json("DELETE", "/integrations/heap", X_Paragon_Credential=second.id)
    workshop.host.connect("alice")
    assert states(sdk)[name] == {"enabled": False, "settings": {"plan": "pro"}}


def test_workflows_of_another_project_are_neither_offered_nor_switched_on(
    workshop: Workshop, client: FlaskClient
) -> None:
    name = offer(workshop, settings=SETTINGS[1:])
    workflow_id = workshop.engine.catalogue.workflow(workshop.project, name).id
    stranger = Sdk(client, make_host(workshop.host.runtime, "Other Product"))
    stranger.host.connect("alice")
    assert stranger.json("GET", "/integrations")[0]["workflows"] == []
    for named in (name, workflow_id):
        answer = stranger("POST", f"/workflows/{named}")
        assert refusal(answer) == (404, "workflow_unknown")


def _document(workshop: Workshop, name: str) -> dict[str, Any]:
    return dict(workshop.engine.catalogue.definition(workshop.project, name).document)
