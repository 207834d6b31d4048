"""Kill -9 at random moments: every accepted run finishes, and Heap has each event exactly once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from connector.config import Settings
from connector.runtime import Runtime, build
from workflow.store import workers as store

from .. import postgres
from ..conftest import SandboxClient, eventually
from ..people import make_host
from ..postgres import PostgresServer
from .chaos import SHAPES, Chaos, Toll, WorkerProcess
from .server import ServerProcess, free_port

#: `make test-chaos` sets it to 20: with five shapes and two databases that makes 200.
KILLS = int(os.environ.get("CHAOS_KILLS", "4"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def runtime(database_url: str, make_settings: Callable[..., Settings]) -> Iterator[Runtime]:
    built = build(make_settings(database_url=database_url, workflow_slots=0))
    yield built
    built.close()


@pytest.mark.parametrize("shape", list(SHAPES))
def test_no_run_is_lost_and_no_event_is_doubled(
    runtime: Runtime, sandbox: SandboxClient, database_url: str, shape: str
) -> None:
    if shape == "retries":
        sandbox.fault(kind="status", path="/api/track", status=503, times=60)
    workers = start_workers(runtime, database_url, 3 if database_url else 2)
    chaos = make_chaos(runtime, sandbox, shape)
    try:
        toll = chaos.run(lambda dice: kill_one(workers, dice), KILLS, seed=len(shape))
    finally:
        end(workers)
    check(toll)


def test_a_server_that_is_killed_has_accepted_each_event_once_or_not_at_all(
    make_settings: Callable[..., Settings], sandbox: SandboxClient
) -> None:
    runtime = build(make_settings(workflow_slots=0))
    host = make_host(runtime, "Chaos")
    host.connect("alice")
    sandbox.fault(kind="latency", path="/api/track", seconds=0.02, times=None)
    chaos = Chaos(runtime, host.project.id, "alice", sandbox, "straight")
    environ = {
        "HEAPLINE_DATA_DIR": str(runtime.settings.data_dir),
        "HEAPLINE_DEVELOPMENT_ORIGIN": runtime.settings.development_origin,
        "HEAPLINE_PORT": str(free_port()),
    }
    servers = [ServerProcess(environ)]
    url = servers[0].url + host.path("/events/trigger")
    headers = host.headers("alice")

    def send(key: str) -> str | None:
        """Send an event; nothing if it was not accepted, so that it is sent again."""
        try:
            answer = requests.post(
                url,
                json={"name": "go", "payload": {"key": key}},
                headers={**headers, "Idempotency-Key": key},
                timeout=10,
            )
        except requests.RequestException:
            return None
        if answer.status_code >= 500:
            return None
        assert answer.status_code == 202, answer.text
        [run_id] = answer.json()["runs"]
        return str(run_id)

    def kill(dice: random.Random) -> None:
        time.sleep(dice.uniform(0.3, 1.5))
        servers.pop().discard()
        servers.append(ServerProcess(environ))

    try:
        toll = chaos.run(kill, KILLS, seed=7, send=send)
    finally:
        servers.pop().discard()
        runtime.close()
    check(toll)


@pytest.mark.postgres
def test_a_database_that_restarts_loses_and_doubles_nothing(
    make_settings: Callable[..., Settings], sandbox: SandboxClient
) -> None:
    with postgres.running() as server:
        url = server.new_database()
        runtime = build(make_settings(database_url=url, workflow_slots=0))
        workers = start_workers(runtime, url, 2)
        chaos = make_chaos(runtime, sandbox, "straight")

        def restart(_dice: random.Random) -> None:
            time.sleep(2)
            server.restart()

        try:
            toll = chaos.run(restart, 2, seed=1)
        finally:
            end(workers)
            runtime.close()
    check(toll)


@pytest.mark.postgres
def test_a_worker_that_freezes_is_replaced_and_writes_nothing_when_it_wakes(
    make_settings: Callable[..., Settings], sandbox: SandboxClient, postgres_server: PostgresServer
) -> None:
    url = postgres_server.new_database()
    runtime = build(make_settings(database_url=url, workflow_slots=0))
    workers = start_workers(runtime, url, 2)
    chaos = make_chaos(runtime, sandbox, "straight")

    def freeze(_dice: random.Random) -> None:
        time.sleep(2)
        frozen = workers[0].process
        frozen.send_signal(signal.SIGSTOP)
        # Its share of the slots is away for so long; then the other one takes its runs.
        eventually(lambda: alive(runtime) == 1, 40)
        frozen.send_signal(signal.SIGCONT)
        eventually(lambda: alive(runtime) == 2, 40)

    try:
        toll = chaos.run(freeze, 1, seed=1)
    finally:
        end(workers)
        runtime.close()
    check(toll)


def alive(runtime: Runtime) -> int:
    """Count the workers that are not taken for dead."""
    with runtime.database.reading() as tx:
        return len(store.all_ids(tx))


def start_workers(runtime: Runtime, database_url: str, number: int) -> list[WorkerProcess]:
    """Start processes that run runs."""
    environ = {
        "HEAPLINE_DATA_DIR": str(runtime.settings.data_dir),
        "DATABASE_URL": database_url,
        "HEAPLINE_DEVELOPMENT_ORIGIN": runtime.settings.development_origin,
        "HEAPLINE_LOG_LEVEL": "ERROR",
    }
    return [WorkerProcess(environ) for _ in range(number)]


def kill_one(workers: list[WorkerProcess], dice: random.Random) -> None:
    """Kill a worker at a random moment; it takes about a second to begin."""
    victim = dice.choice(workers)
    time.sleep(dice.uniform(0.2, 2.2))
    victim.kill()
    victim.start()


def end(workers: list[WorkerProcess]) -> None:
    """End what is left."""
    for worker in workers:
        worker.kill()


def make_chaos(runtime: Runtime, sandbox: SandboxClient, shape: str) -> Chaos:
    """Return a project with alice connected and a workflow of that shape in service."""
    host = make_host(runtime, "Chaos")
    host.connect("alice")
    # Answers take a while, so that steps are in flight when their worker dies.
    sandbox.fault(kind="latency", path="/api/track", seconds=0.05, times=None)
    return Chaos(runtime, host.project.id, "alice", sandbox, shape)


def check(toll: Toll) -> None:
    """Make sure that every accepted run ended well, and that each event is there once."""
    print(toll)
    assert toll.accepted >= 10
    assert not toll.lost
    assert set(toll.states) == {"succeeded"}, toll
    assert not toll.missing
    assert not toll.doubled
    assert not toll.repeated
