"""All keys are rotated by the command while a real server answers: no request fails."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select, update

from connector import vault
from connector.config import load
from connector.runtime import Runtime, build
from connector.sealing import CREDENTIALS
from connector.tables import credentials, data_keys

from ..conftest import SandboxClient
from ..people import ACME, GLOBEX, Host, make_host
from .server import ServerProcess, clean_environment

ROOT = Path(__file__).parents[2]
PROJECTS = 20


@dataclass
class House:
    """An installation with many projects, its server, and commands run beside it."""

    environ: dict[str, str]
    runtime: Runtime
    hosts: list[Host] = field(default_factory=list)

    @property
    def key_file(self) -> Path:
        return self.runtime.settings.data_dir / "master-keys"

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "connector.cli", "keys", *arguments],
            env=clean_environment() | self.environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def keys(self, *arguments: str, status: int = 0) -> str:
        """Run ``heapline keys`` to its end and return what it wrote."""
        process = self.command(*arguments)
        written, _ = process.communicate(timeout=90)
        assert process.returncode == status, written
        return written

    def master_keys(self) -> list[str]:
        return [key.id for key in vault.read_key_file(self.key_file)]

    def resealed(self, before: set[str]) -> int:
        """Return how many credentials are sealed with another data key than before."""
        with self.runtime.database.reading() as tx:
            sealed = tx.execute(select(credentials.c.sealed)).scalars().all()
        return sum(one.split(".")[1] not in before for one in sealed)

    def data_keys(self) -> set[str]:
        with self.runtime.database.reading() as tx:
            return set(tx.execute(select(data_keys.c.id)).scalars())

    def wrapped_by(self) -> set[str]:
        with self.runtime.database.reading() as tx:
            return set(tx.execute(select(data_keys.c.master_key_id).distinct()).scalars())


@pytest.fixture
def house(tmp_path: Path, sandbox: SandboxClient) -> Iterator[House]:
    environ = {
        "HEAPLINE_DATA_DIR": str(tmp_path / "data"),
        "HEAPLINE_DEVELOPMENT_ORIGIN": sandbox.url,
        "HEAPLINE_WORKERS": "2",
        "HEAPLINE_THREADS": "16",
    }
    runtime = build(load(environ))
    made = House(environ, runtime)
    for number in range(PROJECTS):
        host = make_host(runtime, f"Project {number}")
        host.connect("alice")
        host.connect("alice", {"app_id": "11"}, mode="app_id")
        made.hosts.append(host)
    yield made
    runtime.close()


@dataclass
class Traffic:
    """What callers met meanwhile."""

    answers: list[tuple[str, int]] = field(default_factory=list)

    @property
    def failures(self) -> list[tuple[str, int]]:
        wanted = {"use": 404, "connect": 200}  # the provider knows no such deletion
        return [one for one in self.answers if one[1] != wanted[one[0]]]

    def count(self, kind: str) -> int:
        return sum(one[0] == kind for one in self.answers)


@contextmanager
def traffic(house: House, server: ServerProcess) -> Iterator[Traffic]:
    """Use, renew and connect accounts from several threads until the block ends."""
    met, stop = Traffic(), threading.Event()

    def use(hosts: list[Host]) -> None:
        with requests.Session() as session:
            for host in itertools.cycle(hosts):
                if stop.is_set():
                    return
                path = host.path("/proxy/heap/public/v0/deletion_status/nothing")
                answer = session.get(server.url + path, headers=host.headers("alice"), timeout=60)
                met.answers.append(("use", answer.status_code))

    def connect(host: Host) -> None:
        for number in itertools.count():
            if stop.is_set():
                return
            answer = requests.post(
                server.url + host.path("/credentials"),
                headers=host.headers(f"user {number}"),
                json={"integrationId": "heap", "payload": GLOBEX},
                timeout=60,
            )
            met.answers.append(("connect", answer.status_code))

    def expire() -> None:
        """Have tokens renewed, and so sealed anew, all the time."""
        while not stop.wait(0.2):
            with house.runtime.database.transaction() as tx:
                refreshable = credentials.c.refreshable
                tx.execute(update(credentials).where(refreshable).values(expires_at=time.time()))

    with ThreadPoolExecutor(6) as pool:
        running = [
            pool.submit(use, house.hosts[::3]),
            pool.submit(use, house.hosts[1::3]),
            pool.submit(use, house.hosts[2::3]),
            pool.submit(connect, house.hosts[0]),
            pool.submit(expire),
        ]
        try:
            yield met
        finally:
            stop.set()
            for one in running:
                one.result(60)


@pytest.mark.slow
def test_keys_are_rotated_under_traffic_even_when_the_command_is_killed(house: House) -> None:
    first = house.master_keys()[0]
    with ServerProcess(house.environ) as server:
        with traffic(house, server) as met:
            house.keys("rotate")
            second = house.master_keys()[0]
            before = house.data_keys()
            cut_off = house.command("rotate")
            while cut_off.poll() is None and house.resealed(before) < PROJECTS // 3:
                time.sleep(0.002)
            os.kill(cut_off.pid, signal.SIGKILL)
            cut_off.communicate()
            assert cut_off.returncode == -signal.SIGKILL, "it was done before it was killed"
            assert len(house.wrapped_by()) > 1
            refused = house.keys("retire", second, status=1)
            assert f"The master key {second!r} is still in use." in refused
            house.keys("rotate", "--no-new-master-key")
            for old in (first, second):
                house.keys("retire", old)
            used_before = met.count("use")
            last = make_host(house.runtime, "Made after all that")
            house.hosts.append(last)
            connected = requests.post(
                server.url + last.path("/credentials"),
                headers=last.headers("alice"),
                json={"integrationId": "heap", "payload": ACME},
                timeout=60,
            )
            assert connected.status_code == 200
        assert met.failures == []
        assert used_before > 50
        assert met.count("connect") > 5
        assert "error" not in re.findall(r'"level": "(\w+)"', server.output())
    third = house.master_keys()
    assert len(third) == 1
    assert third[0] not in {first, second}
    assert house.wrapped_by() == set(third)
    assert "Every sealed value opens." in house.keys("verify")
    with ServerProcess(house.environ) as server, traffic(house, server) as met:
        while met.count("use") < 30:
            time.sleep(0.05)
    assert met.failures == []


@pytest.mark.slow
def test_a_server_with_the_wrong_master_key_says_so_and_does_not_start(house: House) -> None:
    good = house.key_file.read_text()
    (key,) = vault.read_key_file(house.key_file)
    wrong = {
        "another key of the same name": (
            vault.MasterKey(key.id, b"w" * 32),
            f"The master key '{key.id}' does not open stored secrets",
        ),
        "another key": (
            vault.new_master_key(),
            f"The master key '{key.id}' is needed to open stored secrets but is not set.",
        ),
    }
    for written, words in wrong.values():
        house.key_file.write_text(vault.format_master_key(written))
        with pytest.raises(AssertionError, match="the server ended with status 1") as caught:
            ServerProcess(house.environ)
        said = " ".join(str(caught.value).split())
        assert words in said
        assert "Traceback" not in said
        assert vault.format_master_key(written).partition(":")[2] not in said
    house.key_file.write_text(good)
    with house.runtime.database.reading() as tx:
        sealed = tx.execute(select(func.count()).select_from(CREDENTIALS.table)).scalar()
    assert sealed == 2 * PROJECTS
    with ServerProcess(house.environ):
        assert "Every sealed value opens." in house.keys("verify")
