"""Requests to workflows while the database cannot be written: an error, and no run left behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from connector.config import Settings
from connector.runtime import Runtime, build
from workflow.models import Run, RunState

from ..conftest import eventually, make_app
from ..people import Host, make_host
from .sdk_caller import Sdk, refusal

#: Far more than the room that is left, so that the end of the run cannot be written.
LARGE = "x" * 90_000
ROOM_PAGES = 60


@pytest.fixture
def host(make_settings: Callable[..., Settings]) -> Iterator[Host]:
    runtime = build(make_settings())
    runtime.engine.start()
    yield make_host(runtime, "Acme Notes")
    runtime.close()


@contextmanager
def full_disk(runtime: Runtime) -> Iterator[None]:
    """Leave the database room for a run, but not for what it comes to."""

    def limit(pages: int) -> None:
        with runtime.database.transaction() as tx:
            tx.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with runtime.database.reading() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit(pages + ROOM_PAGES)
    try:
        yield
    finally:
        limit(2**30)


def test_a_run_whose_end_cannot_be_written_is_finished_once_it_can(host: Host) -> None:
    steps = [
        {
            "id": "large",
            "type": "set",
            "values": dict.fromkeys("abcdefgh", "<<trigger.body.text>>"),
        },
        {"id": "answer", "type": "response", "body": {"n": "<<trigger.body.n>>"}},
    ]
    definition = {"name": "w", "trigger": {"type": "request"}, "steps": steps}
    engine, project = host.runtime.engine, host.project.id
    engine.catalogue.push(project, json.dumps(definition))
    engine.catalogue.deploy(project, "w", by="tests")
    sdk = Sdk(make_app(host.runtime).test_client(), host)
    with full_disk(host.runtime):
        refused = sdk("POST", "/triggers/w", {"n": 1, "text": LARGE}, Idempotency_Key="k")
        assert refusal(refused) == (503, "database_unusable")
    [left] = engine.control.runs(project)
    assert not left.state.is_final

    def ended() -> Run | None:
        run = engine.control.run(project, left.id)
        return run if run.state.is_final else None

    run: Run = eventually(ended, 30)
    assert run.state is RunState.SUCCEEDED
    again = sdk("POST", "/triggers/w", {"n": 1, "text": LARGE}, Idempotency_Key="k")
    assert (again.status_code, again.json) == (200, {"n": 1})
    assert len(engine.control.runs(project)) == 1
