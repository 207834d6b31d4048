"""Many runs: waiting ones cost nothing, a flood holds nobody else up, lists stay quick."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from sqlalchemy import func, select, text

from connector.runtime import Runtime
from workflow.engine import Engine
from workflow.models import RunState, new_id
from workflow.prepared import Prepared
from workflow.store import queue
from workflow.tables import runs

from ..conftest import eventually
from ..people import Host

PAUSE = """
name: pause
trigger: {type: manual}
steps:
  - {id: pause, type: delay, seconds: 3600}
"""
QUICK = """
name: quick
trigger: {type: manual}
steps:
  - {id: hold, type: function, code: "return 1"}
"""
#: Columns of runs with what a copy has instead.
_COPIED = {
    "id": "'02' || printf('%030x', n)",
    "dedupe_key": "NULL",
}


@pytest.fixture
def engine(host: Host) -> Iterator[Engine]:
    yield host.runtime.engine
    host.runtime.engine.stop()


def deploy(engine: Engine, host: Host, definition: str) -> str:
    version = engine.catalogue.push(host.project.id, definition)
    name = str(version.document["name"])
    engine.catalogue.deploy(host.project.id, name, by="tests")
    return name


def multiply(runtime: Runtime, run_id: str, copies: int, **changed: str) -> None:
    """Copy a run within the database, so many times."""
    instead = {**_COPIED, **changed}
    names = [column.name for column in runs.c]
    quoted = ", ".join(f'"{name}"' for name in names)
    picked = ", ".join(instead.get(name, f'r."{name}"') for name in names)
    with runtime.database.transaction(durable=False) as tx:
        tx.execute(
            text(
                f"INSERT INTO runs ({quoted}) WITH RECURSIVE k(n) AS "
                f"(SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < {copies}) "
                f"SELECT {picked} FROM k, runs r WHERE r.id = '{run_id}'"
            )
        )


@pytest.mark.slow
def test_ten_thousand_waiting_runs_cost_no_threads_and_little_memory(
    engine: Engine, host: Host
) -> None:
    name = deploy(engine, host, PAUSE)
    engine.start()
    first = engine.starter.start(host.project.id, name, {})
    eventually(lambda: engine.control.run(host.project.id, first.id).state is RunState.WAITING)
    process = psutil.Process()
    threads, memory = process.num_threads(), process.memory_info().rss
    multiply(host.runtime, first.id, 9_499)
    for _ in range(500):
        engine.starter.start(host.project.id, name, {})
    waiting = select(func.count()).where(runs.c.state == RunState.WAITING)

    def all_wait() -> bool:
        with host.runtime.database.reading() as tx:
            return tx.scalar(waiting) == 10_000

    eventually(all_wait, 100)
    # The pool may have come to its full size meanwhile: that is for slots, not for runs.
    assert process.num_threads() <= threads + 16
    assert process.memory_info().rss - memory < 100 * 1024 * 1024


def test_a_flood_of_one_project_holds_no_other_up(
    engine: Engine, host: Host, other_host: Host
) -> None:
    name = deploy(engine, host, QUICK)
    deploy(engine, other_host, QUICK)
    flooding = engine.starter.start(host.project.id, name, {})
    multiply(host.runtime, flooding.id, 100_000)
    engine.start()
    eventually(lambda: engine.control.runs(host.project.id, {"state": "succeeded"}))
    waits = []
    for _ in range(10):
        began = time.monotonic()
        run = engine.starter.start(other_host.project.id, "quick", {})
        eventually(lambda run=run: engine.control.run(other_host.project.id, run.id).state.is_final)
        waits.append(time.monotonic() - began)
    assert engine.control.runs(host.project.id, {"state": "queued"})
    assert max(waits) < 1.0, waits


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (queue._NEXT_PROJECT, "ix_runs_queued"),
        (queue._NEXT_LANE, "ix_runs_queued"),
        (queue._OLDEST, "ix_runs_queued"),
        (queue._RUNNING, "ix_runs_running"),
        (queue._NEXT_DUE, "ix_runs_waiting"),
    ],
    ids=["project", "lane", "oldest", "running", "due"],
)
def test_what_the_queue_asks_is_answered_by_a_partial_index(
    host: Host, statement: Prepared, index: str
) -> None:
    with host.runtime.database.reading() as tx:
        plan = statement.plan(tx)
        values = [plan.constants.get(name, "") for name in plan.order or []]
        told = tx.connection.cursor().execute(f"EXPLAIN QUERY PLAN {plan.text}", values).fetchall()
    assert any(f"INDEX {index}" in row[3] for row in told), told


@pytest.mark.slow
def test_a_page_of_a_million_runs_comes_at_once(engine: Engine, host: Host) -> None:
    name = deploy(engine, host, QUICK)
    run = engine.starter.start(host.project.id, name, {"some": "data" * 50})
    multiply(host.runtime, run.id, 1_000_000, state="'succeeded'", finished_at="r.created_at")
    control = engine.control
    pages = {
        "newest": lambda: control.runs(host.project.id),
        "of a state": lambda: control.runs(host.project.id, {"state": "failed"}),
        "of a user": lambda: control.runs(host.project.id, {"user": "alice"}),
        "older": lambda: control.runs(host.project.id, before=new_id()),
    }
    for kind, page in pages.items():
        times = []
        for _ in range(5):
            began = time.perf_counter()
            page()
            times.append(time.perf_counter() - began)
        assert sorted(times)[2] < 0.05, (kind, times)


def test_threads_of_many_starters_accept_every_run_once(engine: Engine, host: Host) -> None:
    name = deploy(engine, host, QUICK)
    found: list[str] = []

    def start() -> None:
        found.append(engine.starter.start(host.project.id, name, {}, key="delivery-1").id)

    threads = [threading.Thread(target=start) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 50
    assert len(set(found)) == 1
