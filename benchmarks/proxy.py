"""The proxy against bare Flask and requests: ratios taken back to back in one run.

    python -m benchmarks.proxy [--quick] [--seconds N] [--json FILE]

P1  whole path (token verified, connection found, credential put on, limits, log) against baseline
    P (benchmarks/baseline.py), 1, 16 and 64 connections; alternating pairs, medians.
P2  1,000 requests in flight to a provider that answers after one second.
P3  bodies of 100 MB up and down: how much the server's memory grows.

The load generator (wrk), the provider and the server share the machine's cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import load as wrk
from benchmarks.processes import cpu_seconds, free_port, memory_mb, running
from connector import tokens
from connector.config import load as load_settings
from connector.connections import NewAccount
from connector.runtime import build
from connector.secret import Secret
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.store import users as user_store

CONNECTIONS = (1, 16, 64)
PAIRS = 5
LARGE = 100 * 1024 * 1024
TRACK = '{"event":"Benchmark","identity":"N@example.com","properties":{"plan":"pro"}}'


@dataclass
class Round:
    """One measurement of one server."""

    server: str
    work: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float


@dataclass
class Site:
    """A project with a connected user, and the settings of the server that serves it."""

    environ: dict[str, str]
    url: str
    port: int
    project_id: str
    token: str

    def path(self, rest: str) -> str:
        return f"/projects/{self.project_id}/sdk/proxy/heap{rest}"


def make_site(folder: Path, upstream: str, **environ: str) -> Site:
    """Make a data folder with one connected user whose provider is ``upstream``."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    known = {
        "HEAPLINE_DATA_DIR": str(folder),
        "HEAPLINE_PORT": str(port),
        "HEAPLINE_PUBLIC_URL": url,
        "HEAPLINE_DEVELOPMENT_ORIGIN": upstream,
        "HEAPLINE_LOG_LEVEL": "WARNING",
        **environ,
    }
    runtime = build(load_settings(known))
    private, public = tokens.new_signing_key()
    with runtime.database.transaction() as tx:
        project = project_store.create(tx, "Benchmark", [])
        key_store.add_signing_key(tx, project.id, "benchmark", public)
        user = user_store.ensure(tx, project.id, "alice")
        account = NewAccount(
            connector="heap",
            auth_mode="oauth",
            region="us",
            account_key="benchmark",
            account={"app_id": "2544353"},
            development=True,
            client_id="benchmark",
            scopes=(),
            secret=Secret("benchmark-access-token", None, {}, time.time()),
            expires_at=None,
        )
        runtime.connections.save(tx, project.id, user.id, account)
    runtime.close()
    token = tokens.sign(private, project.id, "alice", 36_000)
    return Site(known, url, port, project.id, token)


@contextmanager
def provider(seconds: float) -> Iterator[str]:
    """Run a provider that answers after so many seconds."""
    port = free_port()
    with running(["-m", "benchmarks.upstream", str(port), str(seconds)], port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def baseline(upstream: str) -> Iterator[tuple[str, int]]:
    """Run baseline P."""
    port = free_port()
    command = ["-m", "gunicorn", "benchmarks.baseline:app", "-b", f"127.0.0.1:{port}"]
    command += ["-w", "2", "--threads", "16", "-k", "gthread", "--keep-alive", "75"]
    with running(command, port, {"BASELINE_UPSTREAM": upstream}) as pid:
        yield f"http://127.0.0.1:{port}", pid


def measure(
    name: str, work: str, load: wrk.Load, url: str, pid: int, connections: int, seconds: float
) -> Round:
    """Put load on one server and note what it cost."""
    before = cpu_seconds(pid)
    seen = wrk.put(
        load, url, connections=connections, seconds=seconds, seed=time.time_ns() % 10**12
    )
    spent = cpu_seconds(pid) - before
    return Round(
        name,
        work,
        connections,
        seen.per_second,
        seen.p50_ms,
        seen.p99_ms,
        seen.errors,
        1000 * spent / max(1, seen.requests),
    )


def throughput(folder: Path, seconds: float, pairs: int, progress: Progress) -> list[Round]:
    """P1: alternate both servers, pair after pair."""
    rounds: list[Round] = []
    works = ("POST /track", "GET with bearer token")
    task = progress.add_task("P1 throughput", total=len(works) * len(CONNECTIONS) * pairs * 2)
    with provider(0) as upstream:
        site = make_site(folder, upstream)
        with (
            baseline(upstream) as (plain_url, plain_pid),
            running(["-m", "connector.cli", "serve"], site.port, site.environ) as pid,
        ):
            loads = {
                works[0]: (
                    wrk.Load("POST", "/api/track", TRACK),
                    wrk.Load("POST", site.path("/track"), TRACK, site.token),
                ),
                works[1]: (
                    wrk.Load("GET", "/api/anything"),
                    wrk.Load("GET", site.path("/anything"), "", site.token),
                ),
            }
            for work, (plain, ours) in loads.items():
                for connections in CONNECTIONS:
                    for _ in range(pairs):
                        for name, load, url, server in (
                            ("baseline P", plain, plain_url, plain_pid),
                            ("heapline", ours, site.url, pid),
                        ):
                            rounds.append(
                                measure(name, work, load, url, server, connections, seconds)
                            )
                            progress.advance(task)
    return rounds


def in_flight(folder: Path, seconds: float, progress: Progress) -> dict[str, Any]:
    """P2: a thousand requests in flight to a provider that takes a second."""
    task = progress.add_task("P2 1,000 in flight", total=None)
    with provider(1.0) as upstream:
        site = make_site(folder, upstream, HEAPLINE_THREADS="640", HEAPLINE_WORKERS="2")
        with running(["-m", "connector.cli", "serve"], site.port, site.environ) as pid:
            load = wrk.Load("GET", site.path("/anything"), "", site.token)
            wrk.put(load, site.url, connections=1000, seconds=4, seed=1, timeout=20)
            seen = wrk.put(load, site.url, connections=1000, seconds=seconds, seed=2, timeout=20)
            result = {**asdict(seen), "memory_mb": round(memory_mb(pid), 1)}
    progress.update(task, total=1, completed=1)
    return result


def large_bodies(folder: Path, progress: Progress) -> dict[str, float]:
    """P3: growth of the server's memory while 100 MB pass in either direction."""
    task = progress.add_task("P3 100 MB bodies", total=4)
    grown: dict[str, float] = {}
    with provider(0) as upstream:
        site = make_site(folder, upstream)
        with running(["-m", "connector.cli", "serve"], site.port, site.environ) as pid:
            for work in (_small, _upload, _download):
                before = memory_mb(pid)
                for _ in range(2):
                    work(site)
                if work is not _small:  # the first only warms up
                    grown[work.__name__.strip("_")] = round(memory_mb(pid) - before, 1)
                progress.advance(task)
    progress.update(task, completed=4)
    return grown


def _small(site: Site) -> None:
    _call(site, "POST", "/anything", b"{}")


def _upload(site: Site) -> None:
    pieces = (b"x" * 65536 for _ in range(LARGE // 65536))
    _call(site, "POST", "/anything", pieces, LARGE)


def _download(site: Site) -> None:
    read = _call(site, "GET", "/download", None)
    if read != LARGE:
        raise RuntimeError(f"{read} bytes came of {LARGE}")


def _call(site: Site, method: str, rest: str, body: Any, length: int | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    headers = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/octet-stream"}
    if length is not None:
        headers["Content-Length"] = str(length)
    connection.request(method, site.path(rest), body, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(answer.read(500).decode())
    total = 0
    while chunk := answer.read(65536):
        total += len(chunk)
    connection.close()
    return total


def show(console: Console, rounds: list[Round]) -> list[dict[str, Any]]:
    """Print medians and ratios; return them."""
    table = Table(title="P1: whole proxy path against baseline P (medians; ratios by pair)")
    for column in ("work", "conn.", "server", "req/s", "p50 ms", "p99 ms", "CPU ms", "errors"):
        table.add_column(column, justify="left" if column in {"work", "server"} else "right")
    table.add_column("ratio (goal >= 1.0)", justify="right")
    rows: list[dict[str, Any]] = []
    for work in dict.fromkeys(one.work for one in rounds):
        for connections in CONNECTIONS:
            both = {
                name: _median(
                    [
                        one
                        for one in rounds
                        if (one.server, one.work, one.connections) == (name, work, connections)
                    ]
                )
                for name in ("baseline P", "heapline")
            }
            ratio = _ratio(rounds, work, connections, "per_second")
            latency = _ratio(rounds, work, connections, "p50_ms")
            for name, one in both.items():
                table.add_row(
                    *(work, str(connections), name, f"{one.per_second:,.0f}"),
                    *(f"{one.p50_ms:.2f}", f"{one.p99_ms:.1f}", f"{one.cpu_ms:.2f}"),
                    str(one.errors),
                    f"{ratio:.2f} x, p50 {latency:.2f} x" if name == "heapline" else "",
                )
                rows.append({**asdict(one), "ratio": ratio, "p50_ratio": latency})
    console.print(table)
    return rows


def _ratio(rounds: list[Round], work: str, connections: int, name: str) -> float:
    """Return the median of the ratios within each pair: the machine's own pace cancels out."""
    plain, ours = (
        [
            getattr(one, name)
            for one in rounds
            if (one.server, one.work, one.connections) == (server, work, connections)
        ]
        for server in ("baseline P", "heapline")
    )
    return statistics.median(our / its for our, its in zip(ours, plain, strict=True))


def _median(rounds: list[Round]) -> Round:
    first = rounds[0]

    def middle(name: str) -> float:
        return statistics.median(getattr(one, name) for one in rounds)

    return Round(
        *(first.server, first.work, first.connections),
        *(middle("per_second"), middle("p50_ms"), middle("p99_ms")),
        sum(one.errors for one in rounds),
        middle("cpu_ms"),
    )


def main() -> None:
    """Run every part and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round")
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    seconds, pairs = (2.0, 1) if arguments.quick else (arguments.seconds, PAIRS)
    console = Console()
    facts = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("gunicorn", "flask", "urllib3", "requests")},
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
        "durability": "SQLite WAL, flushed before it is acknowledged; limits and log are not",
        "left out": "TLS on either side, PostgreSQL, several machines",
    }
    console.print(facts)
    with tempfile.TemporaryDirectory() as name, Progress(console=console) as progress:
        folder = Path(name)
        rounds = throughput(folder / "p1", seconds, pairs, progress)
        flight = in_flight(folder / "p2", 2.0 if arguments.quick else 20.0, progress)
        grown = large_bodies(folder / "p3", progress)
    rows = show(console, rounds)
    console.print("P2 (goal: p99 <= 2 s, no error, <= 300 MB):", flight)
    console.print("P3 memory growth in MB (goal: < 20):", grown)
    if arguments.json:
        figures = {"facts": facts, "P1": rows, "P2": flight, "P3": grown}
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
