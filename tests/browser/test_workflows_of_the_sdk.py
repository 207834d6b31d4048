"""Workflows through the npm SDK: events, calls, switches and settings, in node and in Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from workflow.models import Run, RunState

from ..conftest import eventually
from ..people import GLOBEX
from .chromium import Visit
from .node_sdk import NodeError, NodeSdk
from .portal_steps import run, sign_in
from .product import Acme

pytestmark = pytest.mark.browser

SETTINGS = [
    {"id": "plan", "title": "Plan", "type": "text", "required": True},
    {"id": "seats", "title": "Seats", "type": "number", "default": 3},
]
TRACK: dict[str, Any] = {
    "id": "send",
    "type": "request",
    "method": "POST",
    "path": "/track",
    "body": {
        "event": "Signed Up",
        "identity": "<<trigger.email | lower>>",
        "properties": {"plan": "<<settings.plan>>", "product": "<<user.metadata.plan>>"},
    },
}
WELCOME = {
    "name": "welcome",
    "title": "Welcome",
    "connector": "heap",
    "trigger": {"type": "event", "event": "signed_up"},
    "settings": SETTINGS,
    "steps": [TRACK],
}
GREET = {
    "name": "greet",
    "connector": "heap",
    "trigger": {"type": "request"},
    "steps": [
        {
            "id": "answer",
            "type": "response",
            "status": "<<trigger.body.status | default(200)>>",
            "body": {
                "hello": "<<trigger.body.name>>",
                "times": "<<trigger.query.times>>",
                "team": "<<trigger.headers['x-team']>>",
                "account": "<<connection.account.app_id>>",
            },
        }
    ],
}
CALL = {"body": {"name": "Ann"}, "query": {"times": "3"}, "headers": {"X-Team": "red"}}


@pytest.fixture
def sdk(acme: Acme) -> Iterator[NodeSdk]:
    with NodeSdk(acme.origin, acme.environments) as running:
        yield running


def deploy(acme: Acme, *definitions: Any, **settings: Any) -> None:
    """Put workflows into service; with settings, switch them on for alice."""
    catalogue = acme.platform.runtime.engine.catalogue
    for definition in definitions:
        catalogue.push(acme.project.id, json.dumps(definition))
        catalogue.deploy(acme.project.id, definition["name"], by="tests")
        if settings:
            name = definition["name"]
            catalogue.enable(acme.project.id, name, "alice", enabled=True, settings=settings)


def signed_in(sdk: NodeSdk, acme: Acme) -> NodeSdk:
    """Sign alice in; what is in service is read at that moment."""
    sdk.call("authenticate", acme.project.id, acme.host.token("alice"))
    return sdk


def runs(acme: Acme) -> list[Run]:
    return acme.platform.runtime.engine.control.runs(acme.project.id)


def settings_of(sdk: NodeSdk) -> Any:
    return sdk.call("getUser")["integrations"]["heap"]["workflowSettings"]


def test_an_event_runs_a_workflow_and_heap_gets_what_it_resolved(sdk: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    deploy(acme, WELCOME, plan="pro")
    signed_in(sdk, acme).call("setUserMetadata", {"plan": "notes"})
    assert sdk.call("event", "signed_up", {"email": "Ann@Example.com"}) is None
    [event] = eventually(lambda: acme.sandbox.items("events"))
    assert (event["event"], event["identity"]) == ("Signed Up", "ann@example.com")
    assert event["properties"] == {"plan": "pro", "product": "notes"}
    [one] = eventually(lambda: [one for one in runs(acme) if one.state.is_final])
    assert (one.state, one.user) == (RunState.SUCCEEDED, "alice")
    sdk.call("event", "nobody waits for this", {})
    assert sdk.complaints() == ""


def test_an_event_is_run_with_the_account_that_was_chosen(sdk: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    acme.host.connect("alice", GLOBEX, external_id="eu")
    deploy(acme, WELCOME, plan="pro")
    signed_in(sdk, acme).call("setUserMetadata", {"plan": "notes"})
    chosen = {"selectedCredentialId": "ext:eu"}
    sdk.call("event", "signed_up", {"email": "a@b.c"}, chosen)
    [event] = eventually(lambda: acme.sandbox.items("events"))
    assert event["app_id"] == GLOBEX["app_id"]


def test_a_call_gets_the_body_of_the_response(sdk: NodeSdk, acme: Acme) -> None:
    connection = acme.host.connect("alice")
    deploy(acme, GREET)
    acme.platform.runtime.engine.catalogue.enable(acme.project.id, "greet", "alice", enabled=True)
    signed_in(sdk, acme)
    said = {"hello": "Ann", "times": "3", "team": "red", "account": connection.account["app_id"]}
    for chosen in ({}, {"selectedCredentialId": connection.id}):
        assert sdk.call("workflow", "greet", {**CALL, **chosen}) == said


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_response_that_refuses_is_thrown_and_leaves_the_user_signed_in(
    sdk: NodeSdk, acme: Acme, status: int
) -> None:
    acme.host.connect("alice")
    deploy(acme, GREET, ignored=True)
    signed_in(sdk, acme)
    with pytest.raises(NodeError, match="Ann"):
        sdk.call("workflow", "greet", {**CALL, "body": {"name": "Ann", "status": status}})
    with pytest.raises(NodeError, match="run_failed"):
        sdk.call("workflow", "greet", {})
    assert sdk.call("getUser")["authenticated"] is True


def test_workflows_are_offered_filled_in_and_switched_on_and_off(sdk: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    deploy(acme, WELCOME, GREET)
    signed_in(sdk, acme)
    config = sdk.call("getIntegrationConfig", "heap")
    offered = {one["id"]: one for one in config["availableWorkflows"]}
    assert (set(offered), config["hiddenWorkflows"]) == ({"welcome", "greet"}, [])
    assert offered["welcome"]["description"] == "Welcome"
    assert [one["id"] for one in offered["welcome"]["inputs"]] == ["plan", "seats"]
    with pytest.raises(NodeError, match="settings_invalid"):
        sdk.call("enableWorkflow", "welcome")
    answer = sdk.call("updateWorkflowUserSettings", "heap", "welcome", {"plan": "pro", "seats": 5})
    assert answer["errors"] == []
    sdk.call("enableWorkflow", "welcome")
    wanted = {"enabled": True, "settings": {"plan": "pro", "seats": 5}}
    assert settings_of(sdk)["welcome"] == wanted
    with pytest.raises(NodeError, match="settings_invalid"):
        sdk.call("updateWorkflowUserSettings", "heap", "welcome", {"seats": "many"})
    signed_in(sdk, acme)  # the server says the same
    assert settings_of(sdk) == {"welcome": wanted, "greet": {"enabled": False, "settings": {}}}
    changed = sdk.call("updateWorkflowState", {"welcome": False, "greet": True})
    assert changed["errors"] == []
    signed_in(sdk, acme)
    assert {name: one["enabled"] for name, one in settings_of(sdk).items()} == {
        "welcome": False,
        "greet": True,
    }
    sdk.call("disableWorkflow", "greet")
    with pytest.raises(NodeError, match="trigger_refused"):
        sdk.call("workflow", "greet", CALL)
    assert sdk.call("getUser")["authenticated"] is True


def test_disconnecting_switches_workflows_off(sdk: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    deploy(acme, WELCOME, plan="pro")
    signed_in(sdk, acme).call("uninstallIntegration", "heap")
    sdk.call("event", "signed_up", {"email": "a@b.c"})
    assert runs(acme) == []


def test_the_address_that_a_user_gives_another_service_starts_their_workflow(
    sdk: NodeSdk, acme: Acme
) -> None:
    connection = acme.host.connect("alice")
    verify = {"type": "webhook", "verify": {"scheme": "none"}}
    step = {"id": "seen", "type": "set", "values": {"x": "<<trigger.body.x>>"}}
    hooked = {"name": "hooked", "connector": "heap", "trigger": verify, "steps": [step]}
    deploy(acme, hooked, ignored=True)
    address = signed_in(sdk, acme).call("getCustomWebhookUserManualUrl", "hooked")
    assert requests.post(address, json={"x": 1}, timeout=10).status_code == 200
    [one] = eventually(lambda: [one for one in runs(acme) if one.state.is_final])
    assert (one.user, one.connection_id) == ("alice", connection.id)
    assert requests.post(address.replace("?", "x?"), json={}, timeout=10).status_code == 404


def test_a_page_of_another_origin_sends_events_and_calls_workflows(
    visit: Visit, acme: Acme
) -> None:
    connection = acme.host.connect("alice")
    deploy(acme, WELCOME, GREET, plan="pro")
    sign_in(visit, acme.page())
    run(visit, 'paragon.setUserMetadata({plan: "notes"})')
    run(visit, 'paragon.event("signed_up", {email: "Ann@Example.com"})')
    [event] = eventually(lambda: acme.sandbox.items("events"))
    assert event["identity"] == "ann@example.com"
    said = run(visit, f'paragon.workflow("greet", {json.dumps(CALL)})')
    assert said == {
        "hello": "Ann",
        "times": "3",
        "team": "red",
        "account": connection.account["app_id"],
    }
    run(visit, 'paragon.disableWorkflow("welcome")')
    run(visit, 'paragon.updateWorkflowUserSettings("heap", "welcome", {seats: 7})')
    run(visit, 'paragon.enableWorkflow("welcome")')
    found = acme.platform.runtime.engine.offers.of_user(acme.project.id, "alice")
    [welcome] = [one for one in found if one.workflow.name == "welcome"]
    assert (welcome.enabled, welcome.settings) == (True, {"plan": "pro", "seats": 7})
