"""Runs of workflows from acceptance to end, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from workflow.engine import Engine
from workflow.models import Run, RunState

from ..conftest import SandboxClient, eventually
from ..people import Host

WELCOME = """
name: welcome
connector: heap
trigger: {type: event, event: signed_up}
settings:
  - {id: plan, title: Plan, type: text, default: free}
steps:
  - id: person
    type: set
    values:
      email: <<trigger.email | lower>>
      plan: <<settings.plan>>
  - id: send
    type: request
    method: POST
    path: /track
    body:
      event: Signed Up
      identity: <<steps.person.email>>
      properties: {plan: <<steps.person.plan>>, count: <<trigger.count>>}
"""


@pytest.fixture
def engine(host: Host) -> Iterator[Engine]:
    """The engine of the runtime, at work."""
    host.runtime.engine.start()
    yield host.runtime.engine
    host.runtime.engine.stop()


@pytest.fixture
def deploy(engine: Engine, host: Host) -> Callable[..., str]:
    """Push a workflow, put it into service and switch it on for alice."""

    def deployed(text: str, **settings: Any) -> str:
        version = engine.catalogue.push(host.project.id, text)
        name = str(version.document["name"])
        engine.catalogue.deploy(host.project.id, name, by="tests")
        if "connector" in version.document:
            engine.catalogue.enable(host.project.id, name, "alice", enabled=True, settings=settings)
        return name

    return deployed


def ended(engine: Engine, host: Host, run_id: str) -> Run:
    """Wait until a run has ended."""

    def look() -> Run | None:
        run = engine.control.run(host.project.id, run_id)
        return run if run.state.is_final else None

    run: Run = eventually(look)
    return run


def test_an_event_runs_a_workflow_and_heap_gets_what_it_resolved(
    engine: Engine, host: Host, sandbox: SandboxClient, deploy: Callable[..., str]
) -> None:
    connection = host.connect("alice")
    deploy(WELCOME, plan="pro")
    [run_id] = engine.starter.event(
        host.project.id,
        "signed_up",
        {"email": "Ann@Example.com", "count": 3},
        user="alice",
        key=None,
    )
    run = ended(engine, host, run_id)
    assert run.state is RunState.SUCCEEDED, run.detail
    assert run.connection_id == connection.id
    [event] = sandbox.items("events")
    assert event["identity"] == "ann@example.com"
    assert event["properties"] == {"plan": "pro", "count": 3}
    steps = engine.control.attempts(host.project.id, run_id)
    assert [(one.path, str(one.state), one.status) for one in steps] == [
        ("person", "succeeded", None),
        ("send", "succeeded", 200),
    ]
    assert steps[1].input["body"]["identity"] == "ann@example.com"
