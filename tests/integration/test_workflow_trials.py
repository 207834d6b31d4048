"""Trying a workflow before it is in service, and forgetting runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from workflow.engine import Engine
from workflow.errors import DefinitionInvalid
from workflow.models import Run, RunState
from workflow.retention import Retention, prune

from ..conftest import SandboxClient, eventually
from ..people import Host

NOTE = """
name: note
connector: heap
trigger:
  type: event
  event: noted
  example: {email: ann@example.com}
settings:
  - {id: plan, title: Plan, type: text, default: free}
steps:
  - {id: later, type: delay, seconds: 3600}
  - id: look_up
    type: request
    method: GET
    path: /track
    retry: {attempts: 5, wait: 1000}
  - id: send
    type: request
    method: POST
    path: /track
    body:
      event: Noted
      identity: <<trigger.email>>
      properties: {plan: <<settings.plan>>, name: <<steps.look_up.body.name>>}
"""


@pytest.fixture
def engine(host: Host) -> Iterator[Engine]:
    host.runtime.engine.start()
    yield host.runtime.engine
    host.runtime.engine.stop()


def tried(engine: Engine, host: Host, **options: Any) -> Run:
    """Try the workflow to its end."""
    engine.catalogue.push(host.project.id, NOTE)
    workflow = engine.catalogue.workflow(host.project.id, "note")
    definition = engine.catalogue.definition(host.project.id, "note")
    run = engine.trials.start(workflow, definition, user="alice", **options)

    def look() -> Run | None:
        found = engine.control.run(host.project.id, run.id)
        return found if found.state.is_final else None

    ended: Run = eventually(look)
    return ended


def test_a_trial_sends_nothing_and_shows_what_it_would_send(
    engine: Engine, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    run = tried(engine, host, samples={"look_up": {"status": 200, "body": {"name": "Ann"}}})
    assert run.state is RunState.SUCCEEDED, run.detail
    assert sandbox.items("events") == []
    last = engine.control.attempts(host.project.id, run.id)[-1]
    assert last.output["not_sent"]["body"] == {
        "event": "Noted",
        "identity": "ann@example.com",
        "properties": {"plan": "free", "name": "Ann"},
    }


def test_a_trial_is_not_among_the_runs(engine: Engine, host: Host) -> None:
    host.connect("alice")
    run = tried(engine, host, samples={"look_up": {"body": {"name": "Ann"}}})
    assert engine.control.runs(host.project.id) == []
    assert [one.id for one in engine.control.runs(host.project.id, {"tests": True})] == [run.id]


def test_a_live_trial_sends_and_does_not_retry(
    engine: Engine, host: Host, sandbox: SandboxClient
) -> None:
    host.connect("alice")
    sandbox.fault(kind="status", path="/api/track", status=503, times=1)
    run = tried(engine, host, live=True)
    assert run.state is RunState.FAILED
    assert run.detail is not None
    assert run.detail["step"] == "look_up"
    assert run.detail["error"]["status"] in (404, 405, 503)


def test_one_step_is_tried_alone(engine: Engine, host: Host, sandbox: SandboxClient) -> None:
    host.connect("alice")
    engine.catalogue.push(host.project.id, NOTE)
    definition = engine.catalogue.definition(host.project.id, "note")
    data = {
        "trigger": {"email": "bob@example.com"},
        "steps": {"look_up": {"body": {"name": "Bob"}}},
    }
    shown = engine.trials.step(host.project.id, definition, "send", data, user="alice")
    assert shown["input"]["body"]["identity"] == "bob@example.com"
    assert "output" not in shown
    assert sandbox.items("events") == []
    done = engine.trials.step(host.project.id, definition, "send", data, user="alice", live=True)
    assert done["output"]["status"] == 200
    assert [event["identity"] for event in sandbox.items("events")] == ["bob@example.com"]


def test_a_step_whose_data_are_missing_says_so(engine: Engine, host: Host) -> None:
    engine.catalogue.push(host.project.id, NOTE)
    definition = engine.catalogue.definition(host.project.id, "note")
    shown = engine.trials.step(
        host.project.id, definition, "send", {"trigger": {"e_mail": "x"}}, user="alice"
    )
    assert shown["error"]["code"] == "value_missing"
    assert "e_mail" in shown["error"]["message"]
    with pytest.raises(DefinitionInvalid, match="'sned'"):
        engine.trials.step(host.project.id, definition, "sned", {}, user="alice")


def test_runs_are_forgotten_by_age_and_by_size(engine: Engine, host: Host) -> None:
    host.connect("alice")
    sample = {"body": {"name": "A" * 1000}}
    found = [tried(engine, host, samples={"look_up": sample}) for _ in range(4)]
    database, now = host.runtime.database, found[-1].created_at
    assert prune(database, Retention(), now) == 0
    assert all(run.size > 1000 for run in found)
    room = found[0].size * 2 + 10
    assert prune(database, Retention(characters=room), now) == 2
    left = engine.control.runs(host.project.id, {"tests": True})
    assert [run.id for run in left] == [found[3].id, found[2].id]
    assert prune(database, Retention(days=1), now + 2 * 86_400) == 2
    assert engine.control.runs(host.project.id, {"tests": True}) == []
