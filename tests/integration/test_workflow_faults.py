"""What goes wrong around runs: each has a clear state and reason, and other runs go on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, update

from connector.errors import DatabaseUnusable
from connector.runtime import Runtime, build
from workflow.engine import Engine
from workflow.execution import MOST_INTERRUPTIONS
from workflow.models import Run, RunState
from workflow.store import queue
from workflow.tables import workflow_versions

from ..conftest import eventually
from ..people import Host

STEADY = """
name: steady
trigger: {type: manual}
steps:
  - {id: one, type: function, code: "return input.n + 1", input: {n: <<trigger.n>>}}
  - {id: two, type: function, code: "return input.n + 1", input: {n: <<steps.one>>}}
"""


@pytest.fixture
def engine(host: Host) -> Iterator[Engine]:
    version = host.runtime.engine.catalogue.push(host.project.id, STEADY)
    host.runtime.engine.catalogue.deploy(host.project.id, str(version.document["name"]), by="tests")
    yield host.runtime.engine
    host.runtime.engine.stop()


def ended(engine: Engine, host: Host, run_id: str, seconds: float = 20) -> Run:
    def look() -> Run | None:
        run = engine.control.run(host.project.id, run_id)
        return run if run.state.is_final else None

    run: Run = eventually(look, seconds)
    return run


def start(engine: Engine, host: Host) -> Run:
    return engine.starter.start(host.project.id, "steady", {"n": 1})


def test_a_run_that_its_workers_die_of_ends_with_a_reason_and_others_go_on(
    engine: Engine, host: Host
) -> None:
    run, other = start(engine, host), start(engine, host)
    database = host.runtime.database
    for _ in range(MOST_INTERRUPTIONS):
        with database.transaction() as tx:
            assert queue.take(tx, run.id, "a worker", 1.0)
        with database.transaction() as tx:
            queue.give_back(tx, "a worker", counted=True, now=1.0)
    engine.start()
    lost = ended(engine, host, run.id)
    assert (lost.state, lost.reason) == (RunState.FAILED, "workers_lost")
    assert lost.detail is not None
    assert "retry the run" in lost.detail["message"]
    assert ended(engine, host, other.id).state is RunState.SUCCEEDED
    # Once its cause is mended, it can be retried from where it was.
    engine.control.retry(host.project.id, run.id)
    assert ended(engine, host, run.id).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    "document",
    [
        {"name": "steady"},
        {"name": "steady", "trigger": {}, "steps": [{"id": "x", "type": "no_such_type"}]},
        [],
    ],
    ids=["without steps", "with an unknown step", "no object"],
)
def test_a_definition_that_cannot_be_used_fails_its_own_runs_alone(
    engine: Engine, host: Host, document: Any
) -> None:
    other = engine.catalogue.push(host.project.id, STEADY.replace("steady", "other"))
    engine.catalogue.deploy(host.project.id, "other", by="tests")
    run = start(engine, host)
    with host.runtime.database.transaction() as tx:
        tx.execute(
            update(workflow_versions)
            .where(workflow_versions.c.hash == run.version)
            .values(document=json.dumps(document))
        )
    # Another process: this one has the definition at hand.
    fresh = build(host.runtime.settings)
    engine = fresh.engine
    engine.start()
    lost = ended(engine, host, run.id)
    assert lost.state is RunState.FAILED
    assert lost.reason in {"definition_unusable", "internal_error"}
    assert lost.detail is not None
    assert lost.detail["message"]
    fine = engine.starter.start(host.project.id, "other", {"n": 1})
    assert ended(engine, host, fine.id).state is RunState.SUCCEEDED
    assert other.number == 1
    fresh.close()


def limit(runtime: Runtime, pragma: str) -> Callable[[], None]:
    """Have every connection of the database run a pragma; return what ends that."""

    def prepare(connection: Any, _record: Any) -> None:
        connection.execute(pragma)

    event.listen(runtime.database.engine, "connect", prepare)
    runtime.database.close()

    def lift() -> None:
        event.remove(runtime.database.engine, "connect", prepare)
        runtime.database.close()

    return lift


NAP = """
name: nap
trigger: {type: manual}
steps:
  - {id: nap, type: delay, seconds: 0.5}
  - {id: grow, type: function, code: "return 'x'.repeat(300000)"}
"""


@pytest.mark.parametrize(
    "pragma", ["PRAGMA query_only=ON", "PRAGMA max_page_count=1"], ids=["read-only", "full"]
)
def test_runs_go_on_by_themselves_once_the_database_can_be_written_again(
    engine: Engine, host: Host, pragma: str
) -> None:
    engine.catalogue.push(host.project.id, NAP)
    engine.catalogue.deploy(host.project.id, "nap", by="tests")
    engine.start()
    found = [engine.starter.start(host.project.id, "nap", {}) for _ in range(3)]
    waiting = eventually(lambda: _waiting(engine, host, found[-1]))
    lift = limit(host.runtime, pragma)
    try:
        with pytest.raises(DatabaseUnusable, match=r"cannot be used"):
            engine.starter.start(host.project.id, "nap", {"pad": "x" * 300_000})
        eventually(lambda: time.time() > (waiting.due_at or 0) + 1)
        assert not any(engine.control.run(host.project.id, run.id).state.is_final for run in found)
    finally:
        lift()
    for run in found:
        assert ended(engine, host, run.id, 40).state is RunState.SUCCEEDED


def _waiting(engine: Engine, host: Host, run: Run) -> Run | None:
    found = engine.control.run(host.project.id, run.id)
    return found if found.state is RunState.WAITING else None
