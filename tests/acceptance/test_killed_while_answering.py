"""A server that is killed while it answers a request: the run goes on elsewhere, and once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from connector.config import Settings
from connector.runtime import Runtime, build
from workflow.models import Run, RunState

from ..conftest import eventually
from ..people import Host, make_host
from ..upstream import Exchange, Upstream
from .server import ServerProcess, free_port

RESPONSE = {"id": "answer", "type": "response", "body": {"done": True}}
_JSON = [("Content-Type", "application/json")]


class Held:
    """An answer of the upstream that comes when the test says so."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._released = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.asked.set()
        self._released.wait(60)
        exchange.answer(200, b'{"n": 1}', _JSON)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def runtime(make_settings: Callable[..., Settings]) -> Iterator[Runtime]:
    built = build(make_settings(workflow_slots=0))
    yield built
    built.close()


@pytest.fixture
def host(runtime: Runtime) -> Host:
    return make_host(runtime, "Acme Notes")


@pytest.fixture
def start(runtime: Runtime, upstream: Upstream) -> Iterator[Callable[[], ServerProcess]]:
    """Start a server on the runtime's storage; each is ended after the test."""
    servers: list[ServerProcess] = []
    environ = {
        "HEAPLINE_DATA_DIR": str(runtime.settings.data_dir),
        "HEAPLINE_DEVELOPMENT_ORIGIN": runtime.settings.development_origin,
        "HEAPLINE_OUTBOUND_ALLOW": f"127.0.0.1:{upstream.port}",
        "HEAPLINE_PORT": str(free_port()),
        "HEAPLINE_WORKERS": "1",
    }

    def started() -> ServerProcess:
        servers.append(ServerProcess(environ))
        return servers[-1]

    yield started
    for server in servers:
        server.kill()


def deploy(host: Host, *steps: Any) -> str:
    """Put a workflow into service that a request starts; return its path."""
    definition = {"name": "served", "trigger": {"type": "request"}, "steps": list(steps)}
    catalogue = host.runtime.engine.catalogue
    catalogue.push(host.project.id, json.dumps(definition))
    catalogue.deploy(host.project.id, "served", by="tests")
    return host.path("/triggers/served")


def ended(host: Host) -> Run:
    """Wait until the project's one run has ended."""
    control = host.runtime.engine.control

    def look() -> Run | None:
        [run] = control.runs(host.project.id)
        return control.run(host.project.id, run.id) if run.state.is_final else None

    found: Run = eventually(look, 30)
    return found


def call(server: ServerProcess, host: Host, path: str) -> requests.Response:
    return requests.post(server.url + path, json={}, headers=host.headers("alice"), timeout=60)


def keys(upstream: Upstream, path: str) -> list[list[str]]:
    return [one.values("Idempotency-Key") for one in upstream.requests(path)]


def test_a_run_whose_server_is_killed_before_the_response_is_finished_by_the_next(
    host: Host, upstream: Upstream, start: Callable[[], ServerProcess]
) -> None:
    held = Held()
    upstream.on("/step", held)
    path = deploy(
        host, {"id": "s", "type": "http", "method": "POST", "url": f"{upstream.url}/step"}, RESPONSE
    )
    server = start()
    with ThreadPoolExecutor(1) as pool:
        caller: Future[requests.Response] = pool.submit(call, server, host, path)
        assert held.asked.wait(20)
        server.kill()
        with pytest.raises(requests.ConnectionError):
            caller.result(30)
    held.release()
    start()
    run = ended(host)
    assert (run.state, run.interruptions) == (RunState.SUCCEEDED, 1)
    assert run.response == {"status": 200, "headers": {}, "body": {"done": True}}
    first, second = keys(upstream, "/step")
    assert first == second
    states = [
        str(one.state)
        for one in host.runtime.engine.control.attempts(host.project.id, run.id)
        if one.path == "s"
    ]
    assert states == ["interrupted", "succeeded"]


def test_what_is_left_after_the_response_is_done_though_the_server_is_killed(
    host: Host, upstream: Upstream, start: Callable[[], ServerProcess]
) -> None:
    held = Held()
    upstream.on("/before", lambda exchange: exchange.answer(200, b"{}", _JSON))
    upstream.on("/after", held)
    path = deploy(
        host,
        {"id": "b", "type": "http", "method": "POST", "url": f"{upstream.url}/before"},
        RESPONSE,
        {"id": "a", "type": "http", "method": "POST", "url": f"{upstream.url}/after"},
    )
    server = start()
    answer = call(server, host, path)
    assert (answer.status_code, answer.json()) == (200, {"done": True})
    assert held.asked.wait(20)
    server.kill()
    held.release()
    start()
    assert ended(host).state is RunState.SUCCEEDED
    assert len(upstream.requests("/before")) == 1
    first, second = keys(upstream, "/after")
    assert first == second
