"""However many threads of however many processes ask, a credential is renewed once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.app import create_app
from connector.config import load
from connector.models import Connection, CredentialRow, Status
from connector.runtime import Runtime, build
from connector.store import connections as connection_store
from connector.tables import credentials as table

from ..conftest import BufferedClient, SandboxClient, eventually
from ..people import Host, make_host
from ..refresher import TASK
from ..visitor import Visitor
from .server import clean_environment

PROCESSES = 4
ROOT = Path(__file__).parents[2]


@dataclass
class Race:
    """A connection whose token has expired, and processes that all want it."""

    runtime: Runtime
    host: Host
    environ: dict[str, str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def row(self, connection: Connection) -> CredentialRow:
        with self.runtime.database.reading() as tx:
            row = connection_store.credential(tx, connection.project_id, connection.id)
        assert row is not None
        return row

    def expire(self, connection: Connection) -> CredentialRow:
        with self.runtime.database.transaction() as tx:
            tx.execute(
                update(table)
                .where(table.c.connection_id == connection.id)
                .values(expires_at=time.time() - 1)
            )
        return self.row(connection)

    def by_oauth(self) -> Connection:
        app = create_app(self.runtime)
        app.test_client_class = BufferedClient
        connection_id = Visitor(app, self.host, "alice").connect()
        return self.runtime.connections.get(self.host.project.id, connection_id)

    def process(
        self, connection: Connection, threads: int, *, lease_seconds: float = 30.0
    ) -> subprocess.Popen[str]:
        """Start a process and wait until all of its threads stand ready."""
        task = {
            "project_id": connection.project_id,
            "connection_id": connection.id,
            "threads": threads,
            "seconds": 25.0,
            "lease_seconds": lease_seconds,
        }
        started = subprocess.Popen(
            [sys.executable, "-m", "tests.refresher"],
            env=clean_environment() | self.environ | {TASK: json.dumps(task)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started.append(started)
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
        return started

    def close(self) -> None:
        for one in self.started:
            one.kill()
            one.communicate()
        self.runtime.close()


def _race(folder: Path, url: str, sandbox: SandboxClient) -> Race:
    environ = {
        "HEAPLINE_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": url,
        "HEAPLINE_DEVELOPMENT_ORIGIN": sandbox.url,
    }
    runtime = build(load(environ))
    return Race(runtime, make_host(runtime, "Acme Notes"), environ)


@pytest.fixture
def race(tmp_path: Path, sandbox: SandboxClient) -> Iterator[Race]:
    """A race on SQLite."""
    made = _race(tmp_path, "", sandbox)
    yield made
    made.close()


@pytest.fixture
def race_on_either(storage_url: str, tmp_path: Path, sandbox: SandboxClient) -> Iterator[Race]:
    """A race on SQLite, and one on PostgreSQL."""
    made = _race(tmp_path, storage_url, sandbox)
    yield made
    made.close()


def go(processes: list[subprocess.Popen[str]]) -> None:
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()


def results(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    found = []
    for one in processes:
        written, _ = one.communicate(timeout=60)
        assert one.returncode == 0
        found += [json.loads(line) for line in written.splitlines()]
    return found


def _leased(row: CredentialRow) -> CredentialRow | None:
    return row if row.lease_owner else None


def renewals(sandbox: SandboxClient) -> dict[str, int]:
    """Return how many refresh tokens were presented, by outcome."""
    found: dict[str, int] = sandbox.get("token-endpoint")["by_grant_type"].get("refresh_token", {})
    return found


@pytest.mark.slow
def test_fifty_threads_in_four_processes_renew_a_rotating_token_once(
    race_on_either: Race, sandbox: SandboxClient
) -> None:
    race = race_on_either
    sandbox.set(refresh_tokens="rotating", access_token_seconds=3600)
    connection = race.by_oauth()
    before = race.expire(connection)
    sandbox.set(token_latency_seconds=2)
    processes = [race.process(connection, threads) for threads in (13, 13, 12, 12)]
    go(processes)
    found = results(processes)
    assert len(found) == 50
    assert {one.get("error") for one in found} == {None}
    assert {one["version"] for one in found} == {before.version + 1}
    assert len({one["token"] for one in found}) == 1
    assert renewals(sandbox) == {"issued": 1}
    assert sandbox.get("token-endpoint")["most_at_once"] == 1
    after = race.row(connection)
    assert (after.version, after.lease_owner, after.failures) == (before.version + 1, None, 0)
    # Everybody waited for the one answer and not for the lease to run out.
    assert max(one["seconds"] for one in found) < 12


@pytest.mark.slow
def test_keys_are_exchanged_once_however_many_ask(race: Race, sandbox: SandboxClient) -> None:
    connection = race.host.connect("alice")
    before = race.expire(connection)
    path = "/api/public/v0/auth_token"
    calls = len(sandbox.items("requests", path=path))
    sandbox.fault(kind="latency", path=path, seconds=1.5, times=None)
    processes = [race.process(connection, 12) for _ in range(PROCESSES)]
    go(processes)
    found = results(processes)
    assert {one.get("version") for one in found} == {before.version + 1}
    assert len(found) == 48
    assert len({one["token"] for one in found}) == 1
    assert len(sandbox.items("requests", path=path)) == calls + 1


@pytest.mark.slow
def test_a_killed_refresher_delays_the_others_by_no_more_than_its_lease(
    race: Race, sandbox: SandboxClient
) -> None:
    lease_seconds = 3.0
    sandbox.set(refresh_tokens="rotating", access_token_seconds=3600)
    connection = race.by_oauth()
    before = race.expire(connection)
    # The first request hangs and is then dropped unheard, as when the killed process had not
    # got it out yet: a provider that rotates would otherwise have spent the refresh token.
    sandbox.fault(kind="drop", path="/api/partner/oauth/token", seconds=20)
    victim = race.process(connection, 1, lease_seconds=lease_seconds)
    others = [race.process(connection, 10, lease_seconds=lease_seconds) for _ in range(2)]
    go([victim])
    leased = eventually(lambda: _leased(race.row(connection)))
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(10)
    killed_at = time.time()
    assert leased.lease_until - killed_at > 1
    go(others)
    found = results(others)
    assert {one.get("version") for one in found} == {before.version + 1}
    assert renewals(sandbox) == {"issued": 1}
    waited = max(one["seconds"] for one in found)
    assert waited < (leased.lease_until - killed_at) + 4.0
    assert min(one["seconds"] for one in found) > 0.5
    status = race.runtime.connections.get(connection.project_id, connection.id).status
    assert status is Status.CONNECTED
