"""A real server in front of a scriptable upstream, with people who are connected to it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.config import load
from connector.models import Connection, LoggedRequest
from connector.runtime import Runtime, build
from connector.store import requests as request_store

from ..caller import Answer, Caller, Headers, call
from ..conftest import eventually
from ..people import Host, make_host
from ..upstream import Exchange, Upstream
from .server import ServerProcess

CONNECTOR = "courier"
KEY = "courier-canary-key-of-alice"
_MANIFEST = Path(__file__).parents[1] / "data" / "courier.json"


@dataclass
class Gateway:
    """The server process, a runtime on the same storage, and the upstream behind both."""

    server: ServerProcess
    runtime: Runtime
    host: Host
    upstream: Upstream
    tokens: dict[str, str]
    #: Each person's connections, oldest first.
    connections: dict[str, list[Connection]]
    #: When the test that uses it began.
    since: float = 0.0

    def path(self, rest: str, connector: str = CONNECTOR) -> str:
        return self.host.path(f"/proxy/{connector}{rest}")

    def headers(self, user: str = "alice") -> list[tuple[str, str]]:
        return [("Authorization", f"Bearer {self.tokens[user]}")]

    def call(
        self,
        method: str,
        rest: str,
        headers: Headers = (),
        body: bytes | None = None,
        *,
        user: str = "alice",
        connector: str = CONNECTOR,
    ) -> Answer:
        """Send a proxy request; ``rest`` is the path with its leading slash."""
        every = [*self.headers(user), *headers]
        return call(self.server.url, method, self.path(rest, connector), every, body)

    def caller(self) -> Caller:
        return Caller(self.server.url)

    def logged(self, path: str, count: int = 1) -> list[LoggedRequest]:
        """Return this test's log entries of a path, oldest first, once there are so many."""

        def entries() -> list[LoggedRequest]:
            with self.runtime.database.reading() as tx:
                page = request_store.page(tx, self.host.project.id, limit=200)
            recent = [one for one in reversed(page) if one.created_at >= self.since]
            found = [one for one in recent if one.target.partition("?")[0].endswith(path)]
            return found if len(found) >= count else []

        return list(eventually(entries))

    def memory(self) -> int:
        """Return the resident bytes of all processes of the server together."""
        return sum(_resident(pid) for pid in (self.server.pid, *self.server.worker_pids()))

    def close(self) -> None:
        self.runtime.close()
        with self.server:
            pass


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} is gone")


def open_gateway(
    folder: Path, upstream: Upstream, manifests: tuple[Path, ...] = (), **settings: str
) -> Gateway:
    """Start a server; alice, bob and dora are connected, each in another way."""
    courier = folder / "courier.json"
    shutil.copy(_MANIFEST, courier)
    environ = {
        "HEAPLINE_DATA_DIR": str(folder / "data"),
        "HEAPLINE_DEVELOPMENT_ORIGIN": upstream.url,
        "HEAPLINE_MANIFESTS": ",".join(str(file) for file in (courier, *manifests)),
        "HEAPLINE_THREADS": "16",
        **settings,
    }
    runtime = build(load(environ))
    host = make_host(runtime, "Acme Notes")
    upstream.on("/token", _issue_token)
    connections = _connect(host)
    tokens = {user: host.token(user) for user in (*connections, "nobody", "eve")}
    return Gateway(ServerProcess(environ), runtime, host, upstream, tokens, connections)


def _connect(host: Host) -> dict[str, list[Connection]]:
    def connect(
        user: str, account: str, key: str, mode: str, name: str | None = None
    ) -> Connection:
        keys = {"account": account, "api_key": key}
        return host.connect(user, keys, mode, connector=CONNECTOR, external_id=name)

    first = connect("alice", "acme", KEY, "key", "first")
    second = connect("alice", "globex", "k2", "key", "second")
    return {
        "alice": [first, second],
        "bob": [connect("bob", "bobs", "bobs-secret", "tokens")],
        "dora": [connect("dora", "doras", "dora+key&=1", "query_key")],
    }


def token_answer(name: str) -> bytes:
    """Return what a token endpoint says."""
    return f'{{"access_token": "{name}", "token_type": "bearer", "expires_in": 300}}'.encode()


def _issue_token(exchange: Exchange) -> None:
    exchange.answer(200, token_answer("token-1"), [("Content-Type", "application/json")])


def attempts_of(entry: LoggedRequest) -> list[Any]:
    """Return what each attempt of a logged request came to: a status or an error's code."""
    return [one.get("status") or one["error"] for one in entry.attempts]
