"""Kill -9 at random moments: every accepted run finishes, and Heap has each event exactly once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from connector.config import Settings
from connector.runtime import Runtime, build

from ..conftest import SandboxClient
from ..people import make_host
from ..postgres import PostgresServer
from .chaos import SHAPES, Chaos, WorkerProcess

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
def runtime(
    database_url: str, make_settings: Callable[..., Settings]
) -> Iterator[Runtime]:
    built = build(make_settings(database_url=database_url, workflow_slots=0))
    yield built
    built.close()


@pytest.mark.parametrize("shape", list(SHAPES))
def test_no_run_is_lost_and_no_event_is_doubled(
    runtime: Runtime, sandbox: SandboxClient, database_url: str, shape: str
) -> None:
    host = make_host(runtime, "Chaos")
    host.connect("alice")
    # Answers take a while, so that steps are in flight when their worker dies.
    sandbox.fault(kind="latency", path="/api/track", seconds=0.05, times=None)
    if shape == "retries":
        sandbox.fault(kind="status", path="/api/track", status=503, times=60)
    settings = runtime.settings
    environ = {
        "HEAPLINE_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": database_url,
        "HEAPLINE_DEVELOPMENT_ORIGIN": settings.development_origin,
        "HEAPLINE_LOG_LEVEL": "ERROR",
    }
    workers = [WorkerProcess(environ) for _ in range(3 if database_url else 2)]
    try:
        toll = Chaos(runtime, host.project.id, "alice", sandbox, shape).run(
            workers, KILLS, seed=len(shape)
        )
    finally:
        for worker in workers:
            worker.kill()
    print(toll)
    assert toll.accepted >= 10
    assert not toll.lost
    assert set(toll.states) == {"succeeded"}, toll
    assert not toll.missing
    assert not toll.doubled
    assert not toll.repeated
