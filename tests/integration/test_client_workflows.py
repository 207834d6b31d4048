"""The Python client's calls for workflows, against a real server on a socket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connector.access import SCOPES
from connector.client import Heapline, HeaplineApiError, RunNotEnded

from ..conftest import SandboxClient, eventually, make_app
from ..serving import serving
from .workshop import Workshop, http, told

GREET = """\
name: greet
trigger: {type: manual}
steps:
  - {id: greet, type: set, values: {text: "Hello <<trigger.who>>"}}
"""
SIGNED_UP = """\
name: signed-up
connector: heap
trigger: {type: event, event: signed_up}
settings: [{id: plan, title: Plan, type: text, default: free}]
steps:
  - id: send
    type: request
    method: POST
    path: /track
    body: {event: Signed Up, identity: <<trigger.email>>, properties: {plan: <<settings.plan>>}}
"""
WAIT = """\
name: wait
trigger: {type: manual}
steps: [{id: wait, type: delay, seconds: 3600}]
"""


@pytest.fixture
def acme(workshop: Workshop) -> Iterator[Heapline]:
    """The client as the host product would make it."""
    host = workshop.host
    key = host.runtime.access.new_api_key(host.project.id, "tests", tuple(SCOPES))[1]
    with (
        serving(make_app(host.runtime)) as url,
        Heapline(url, host.project.id, api_key=key) as client,
    ):
        yield client


def test_a_workflow_is_pushed_deployed_and_run_to_its_end(acme: Heapline) -> None:
    pushed = acme.push_workflow(GREET)
    assert (pushed.name, pushed.deployed) == ("greet", None)
    assert acme.deploy("greet").deployed == pushed.draft
    run = acme.wait_for(acme.run_workflow("greet", data={"who": "Ann"}).id)
    assert (run.workflow, run.state, run.has_ended, run.user) == ("greet", "succeeded", True, None)
    assert run.trigger == {"who": "Ann"}
    assert run.finished_at is not None
    assert abs(run.finished_at - datetime.now(UTC)) < timedelta(minutes=1)
    [attempt] = acme.attempts(run.id)
    assert (attempt.step, attempt.output) == ("greet", {"text": "Hello Ann"})
    assert [one.name for one in acme.workflows()] == ["greet"]


def test_an_event_reaches_the_provider_for_the_user_with_their_settings(
    acme: Heapline, workshop: Workshop, sandbox: SandboxClient
) -> None:
    workshop.host.connect("alice")
    acme.push_workflow(SIGNED_UP, deploy=True)
    acme.enable_workflow("signed-up", user="alice", settings={"plan": "pro"})
    data = {"email": "ann@example.com"}
    runs = acme.event("signed_up", user="alice", data=data, key="order-1")
    assert acme.event("signed_up", user="alice", data=data, key="order-1") == runs
    [run] = [acme.wait_for(one) for one in runs]
    assert (run.state, run.user, run.trigger_type) == ("succeeded", "alice", "event")
    [event] = sandbox.items("events")
    assert (event["identity"], event["properties"]) == ("ann@example.com", {"plan": "pro"})
    acme.disable_workflow("signed-up", user="alice")
    assert acme.event("signed_up", user="alice", data=data) == []


def test_waiting_for_a_run_ends_with_the_time_that_is_given_for_it(
    acme: Heapline, workshop: Workshop
) -> None:
    acme.push_workflow(WAIT, deploy=True)
    run_id = acme.run_workflow("wait").id
    workshop.waits(run_id, "delay")
    with pytest.raises(RunNotEnded, match="waiting") as caught:
        acme.wait_for(run_id, seconds=0.1)
    assert (caught.value.run.id, caught.value.run.reason) == (run_id, "delay")


def test_waiting_for_a_run_sees_it_fail(acme: Heapline, workshop: Workshop) -> None:
    url = workshop.at("/broken", told({"error": "no"}, 400))
    name = workshop.deploy(workshop.write([http("ask", url)]))
    run = acme.wait_for(acme.run_workflow(name).id)
    assert (run.state, run.reason, run.detail["step"]) == ("failed", "step_failed", "ask")
    [attempt] = acme.attempts(run.id)
    assert attempt.error is not None
    assert (attempt.state, attempt.status, attempt.error["kind"]) == ("failed", 400, "client_error")


def test_runs_are_listed_over_every_page_and_filtered(acme: Heapline) -> None:
    acme.push_workflow(GREET, deploy=True)
    started = [acme.run_workflow("greet", user="alice", data={"who": n}).id for n in range(3)]
    last = acme.run_workflow("greet", user="bob").id
    assert acme.wait_for(last).state == "failed"
    eventually(lambda: sum(run.has_ended for run in acme.runs()) == 4)
    assert [run.id for run in acme.runs(workflow="greet", user="alice")] == started[::-1]
    assert [run.id for run in acme.runs(state="failed", reason="step_failed")] == [last]
    now = datetime.now(UTC)
    assert last in [run.id for run in acme.runs(until=now, after=now - timedelta(hours=1))]
    assert list(acme.runs(after=now + timedelta(minutes=1))) == []


def test_more_runs_than_a_page_holds_come_all(acme: Heapline) -> None:
    acme.push_workflow(WAIT, deploy=True)
    ids = [acme.run_workflow("wait").id for _ in range(205)]
    assert [run.id for run in acme.runs()] == ids[::-1]


def test_the_same_key_gives_the_same_run(acme: Heapline) -> None:
    acme.push_workflow(GREET, deploy=True)
    ids = {acme.run_workflow("greet", data={"who": "a"}, key="k").id for _ in range(3)}
    assert len(ids) == 1


def test_errors_come_with_code_and_faults(acme: Heapline) -> None:
    with pytest.raises(HeaplineApiError) as caught:
        acme.push_workflow(GREET.replace("trigger.who", "steps.x"))
    [fault] = caught.value.meta["faults"]
    assert (caught.value.code, fault["line"]) == ("definition_invalid", 4)
    with pytest.raises(HeaplineApiError) as caught:
        acme.run_workflow("nothing")
    assert (caught.value.status, caught.value.code) == (404, "workflow_unknown")
    with pytest.raises(HeaplineApiError) as caught:
        acme.run("no/such run")
    assert caught.value.status == 404


def test_calls_for_workflows_need_an_api_key() -> None:
    with pytest.raises(ValueError, match="api_key"):
        Heapline("http://127.0.0.1:1", "p1").workflows()
