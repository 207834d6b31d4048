"""The workflow engine: durable runs by request, step costs, idle costs, recovery after kill -9.

    python -m benchmarks.workflow [--quick] [--seconds N] [--json FILE]
                                  [--provider-port N --against URL [--against-ten URL]]

W1  a workflow of four (request trigger, set, Heap Request, response) at 1, 16 and 64 connections.
W2  a workflow with ten Heap Requests.
W3  cost of a step as a run grows from 10 to 1,000 steps, and of a run as the history grows.
W4  idle: memory and CPU of server and worker in one process, and the time to its first answer.
W5  kill -9 of the worker under load: until every accepted run has ended.

Baseline P is bare Flask with one `requests.Session` a process that only forwards one request and
keeps nothing (benchmarks/baseline.py). With ``--against`` the same load goes in turn to a webhook
of any other tool, whose workflow must call http://127.0.0.1:<provider-port>/api/track.

Every run is durable as shipped: SQLite in WAL mode; what is accepted, the end of each step and of
the run are flushed to the disk before anything follows from them. Load generator, provider and
servers share the machine's cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import load as wrk
from benchmarks.processes import ROOT, cpu_seconds, free_port, memory_mb, running
from benchmarks.proxy import Site, baseline, make_site
from connector.config import load as load_settings
from connector.runtime import Runtime, build
from workflow.models import RunState

CONNECTIONS = (1, 16, 64)
PAIRS = 3
BODY = '{"name":"N@example.com","plan":"pro"}'
PLAIN = '{"event":"Benchmark","identity":"N@example.com","properties":{"plan":"pro"}}'
#: One user makes all the load.
LIMITS = {"HEAPLINE_RUNS_PER_CONNECTION": "10000", "HEAPLINE_RUNS_PER_PROJECT": "10000"}
FOUR = """
name: four
connector: heap
trigger: {type: request}
steps:
  - {id: fields, type: set, values: {name: "<<trigger.body.name>>", plan: "<<trigger.body.plan>>"}}
  - id: send
    type: request
    method: POST
    path: /track
    body:
      event: Four
      identity: <<steps.fields.name>>
      properties: {plan: <<steps.fields.plan>>}
  - {id: answer, type: response, body: {status: "<<steps.send.status>>"}}
"""


def ten() -> str:
    """Return the workflow with ten requests."""
    return _requests("ten", 10, "{type: request}")


def _requests(name: str, number: int, trigger: str) -> str:
    steps = "".join(
        f"  - {{id: s{place}, type: request, method: POST, path: /track, body: "
        f'{{event: Ten, identity: "<<trigger.body.name>>-{place}"}}}}\n'
        for place in range(number)
    )
    answer = "  - {id: answer, type: response, body: {status: done}}\n"
    return f"name: {name}\nconnector: heap\ntrigger: {trigger}\nsteps:\n{steps}{answer}"


@dataclass
class Round:
    """One measurement of one server."""

    work: str
    server: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float


@contextmanager
def provider(port: int | None) -> Iterator[str]:
    """Run a provider that answers at once."""
    port = port or free_port()
    with running(["-m", "benchmarks.upstream", str(port), "0"], port):
        yield f"http://127.0.0.1:{port}"


def deploy(site: Site, *definitions: str) -> dict[str, str]:
    """Put workflows into service for the site's user; return the paths of their triggers."""
    paths = {}
    runtime = build(load_settings(site.environ))
    for text in definitions:
        found = runtime.engine.catalogue.push(site.project_id, text)
        name = str(found.document["name"])
        runtime.engine.catalogue.deploy(site.project_id, name, by="benchmark")
        runtime.engine.catalogue.enable(site.project_id, name, "alice", enabled=True)
        paths[name] = f"/projects/{site.project_id}/sdk/triggers/{name}"
    runtime.close()
    return paths


def throughput(
    folder: Path, arguments: argparse.Namespace, seconds: float, pairs: int, progress: Progress
) -> list[Round]:
    """W1 and W2: alternate the servers, pair after pair."""
    rounds: list[Round] = []
    task = progress.add_task("W1, W2 runs by request", total=len(CONNECTIONS) * 2 * pairs)
    with provider(arguments.provider_port) as upstream:
        site = make_site(folder, upstream, **LIMITS)
        paths = deploy(site, FOUR, ten())
        with (
            baseline(upstream) as (plain_url, plain_pid),
            running(["-m", "connector.cli", "serve"], site.port, site.environ) as pid,
        ):
            for work, other in (("four", arguments.against), ("ten", arguments.against_ten)):
                loads = {
                    "baseline P": (wrk.Load("POST", "/api/track", PLAIN), plain_url, plain_pid),
                    "heapline": (
                        wrk.Load("POST", paths[work], BODY, site.token),
                        site.url,
                        pid,
                    ),
                }
                if other:
                    loads["other"] = (wrk.Load("POST", _path(other), BODY), _origin(other), 0)
                for connections in CONNECTIONS:
                    for _ in range(pairs):
                        for server, (load, url, server_pid) in loads.items():
                            measured = _measure(load, url, server_pid, connections, seconds)
                            rounds.append(Round(work, server, connections, *measured))
                        progress.advance(task)
    return rounds


def _measure(
    load: wrk.Load, url: str, pid: int, connections: int, seconds: float
) -> tuple[float, float, float, int, float]:
    before = cpu_seconds(pid) if pid else 0.0
    seed = time.time_ns() % 10**12
    seen = wrk.put(load, url, connections=connections, seconds=seconds, seed=seed)
    spent = cpu_seconds(pid) - before if pid else 0.0
    cpu_ms = 1000 * spent / max(1, seen.requests)
    return seen.per_second, seen.p50_ms, seen.p99_ms, seen.errors, cpu_ms


def growth(folder: Path, progress: Progress, *, quick: bool) -> dict[str, Any]:
    """W3: milliseconds for a step of a short and of a long run, and for a run as history grows."""
    task = progress.add_task("W3 growth", total=None)
    most = 200 if quick else 1000
    with provider(None) as upstream:
        site = make_site(folder, upstream, **LIMITS)
        runtime = build(load_settings(site.environ))
        steps = {}
        for number in (10, most):
            text = _looping(number)
            steps[number] = _per_step(runtime, site, text, number, 3 if quick else 5)
        history = _as_history_grows(runtime, site, 20_000 if quick else 1_000_000)
        runtime.close()
    progress.update(task, total=1, completed=1)
    return {
        "ms_per_step": {str(number): round(ms, 3) for number, ms in steps.items()},
        "steps_ratio": round(steps[most] / steps[10], 2),
        **history,
    }


def _looping(number: int) -> str:
    return (
        f"name: loop-{number}\nconnector: heap\ntrigger: {{type: manual}}\nsteps:\n"
        f"  - id: each\n    type: for_each\n    in: {list(range(number))}\n    steps:\n"
        "      - {id: send, type: request, method: POST, path: /track, body: "
        '{event: Loop, identity: "<<item>>-<<run.id>>"}}\n'
    )


def _per_step(runtime: Runtime, site: Site, text: str, number: int, times: int) -> float:
    name = str(runtime.engine.catalogue.push(site.project_id, text).document["name"])
    runtime.engine.catalogue.deploy(site.project_id, name, by="benchmark")
    runtime.engine.catalogue.enable(site.project_id, name, "alice", enabled=True)
    runtime.engine.start()
    found = []
    for _ in range(times * (1 if number > 100 else 10)):
        run = runtime.engine.starter.start(site.project_id, name, {}, user="alice")
        found.append(_seconds(runtime, site, run.id) * 1000 / number)
    runtime.engine.stop()
    return statistics.median(found)


def _seconds(runtime: Runtime, site: Site, run_id: str) -> float:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run = runtime.engine.control.run(site.project_id, run_id)
        if run.state.is_final:
            if run.state is not RunState.SUCCEEDED:
                raise RuntimeError(f"the run failed: {run.detail}")
            return (run.finished_at or 0) - (run.started_at or 0)
        time.sleep(0.005)
    raise RuntimeError("the run did not end")


def _as_history_grows(runtime: Runtime, site: Site, copies: int) -> dict[str, Any]:
    text = _looping(10)
    empty = _per_step(runtime, site, text, 10, 5)
    [run] = runtime.engine.control.runs(site.project_id, limit=1)
    with runtime.database.transaction(durable=False) as tx:
        columns = [row[1] for row in tx.exec_driver_sql("PRAGMA table_info(runs)")]
        instead = {"id": "'02' || printf('%030x', n)", "dedupe_key": "NULL"}
        chosen = ", ".join(instead.get(name, f'r."{name}"') for name in columns)
        tx.exec_driver_sql(
            "INSERT INTO runs WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k "
            f"WHERE n < {copies}) SELECT {chosen} FROM k, runs r WHERE r.id = '{run.id}'"
        )
    full = _per_step(runtime, site, text, 10, 5)
    pages = []
    for _ in range(9):
        began = time.perf_counter()
        runtime.engine.control.runs(site.project_id)
        pages.append((time.perf_counter() - began) * 1000)
    return {
        "runs_in_history": copies,
        "ms_per_step_without_history": round(empty, 3),
        "ms_per_step_with_history": round(full, 3),
        "history_ratio": round(full / empty, 2),
        "ms_for_a_page_of_runs": round(statistics.median(pages), 2),
    }


def idle(folder: Path, seconds: float, progress: Progress) -> dict[str, float]:
    """W4: one process that serves and works, doing nothing."""
    task = progress.add_task("W4 idle", total=None)
    with provider(None) as upstream:
        site = make_site(folder, upstream, HEAPLINE_WORKERS="1")
        began = time.monotonic()
        with running(["-m", "connector.cli", "serve"], site.port, site.environ) as pid:
            _wait_for_health(site)
            start = time.monotonic() - began
            time.sleep(3)
            before, since = cpu_seconds(pid), time.monotonic()
            time.sleep(seconds)
            share = (cpu_seconds(pid) - before) / (time.monotonic() - since)
            memory = memory_mb(pid)
    progress.update(task, total=1, completed=1)
    return {
        "seconds_to_first_answer": round(start, 2),
        "memory_mb": round(memory, 1),
        "cpu_percent": round(100 * share, 2),
    }


def _wait_for_health(site: Site) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{site.url}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server does not answer")


def recovery(folder: Path, progress: Progress, times: int) -> dict[str, Any]:
    """W5: kill the worker while it has many runs, start another, wait for their end."""
    task = progress.add_task("W5 kill -9", total=times)
    found = []
    with provider(None) as upstream:
        site = make_site(folder, upstream, **LIMITS)
        deploy(site, _requests("five", 5, "{type: manual}"))
        runtime = build(load_settings(site.environ | {"HEAPLINE_WORKFLOW_SLOTS": "0"}))
        for _ in range(times):
            found.append(_killed_once(runtime, site))
            progress.advance(task)
        runtime.close()
    return {"accepted": [one[1] for one in found], "seconds": [one[0] for one in found]}


def _killed_once(runtime: Runtime, site: Site) -> tuple[float, int]:
    worker = _start_worker(site.environ)
    started = [
        runtime.engine.starter.start(
            site.project_id, "five", {"body": {"name": uuid.uuid4().hex}}, user="alice"
        ).id
        for _ in range(200)
    ]
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    began = time.monotonic()
    worker = _start_worker(site.environ)
    try:
        for run_id in started:
            _seconds(runtime, site, run_id)
        return round(time.monotonic() - began, 2), len(started)
    finally:
        worker.terminate()
        worker.wait(20)


def _start_worker(environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "connector.cli", "worker"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _path(url: str) -> str:
    return "/" + url.split("://", 1)[1].partition("/")[2]


def _origin(url: str) -> str:
    return url.removesuffix(_path(url))


def show(console: Console, rounds: list[Round]) -> list[dict[str, Any]]:
    """Print medians, and ratios within each pair; return them."""
    table = Table(title="W1, W2: durable runs by request (medians; ratios by pair)")
    for column in ("workflow", "conn.", "server", "per s", "p50 ms", "p99 ms", "CPU ms", "errors"):
        table.add_column(column, justify="left" if column in {"workflow", "server"} else "right")
    table.add_column("heapline, times its", justify="right")
    rows = []
    for work in dict.fromkeys(one.work for one in rounds):
        for connections in CONNECTIONS:
            here = [one for one in rounds if (one.work, one.connections) == (work, connections)]
            ours = [one for one in here if one.server == "heapline"]
            for server in dict.fromkeys(one.server for one in here):
                theirs = [one for one in here if one.server == server]
                row = _medians(theirs)
                row["ratio"] = _ratio(ours, theirs, "per_second")
                row["p50_ratio"] = _ratio(ours, theirs, "p50_ms")
                rows.append(row)
                table.add_row(
                    *(work, str(connections), server, f"{row['per_second']:,.0f}"),
                    *(f"{row['p50_ms']:.1f}", f"{row['p99_ms']:.1f}", f"{row['cpu_ms']:.2f}"),
                    str(row["errors"]),
                    ""
                    if server == "heapline"
                    else f"{row['ratio']:.2f} x, p50 {row['p50_ratio']:.2f} x",
                )
    console.print(table)
    return rows


def _medians(rounds: list[Round]) -> dict[str, Any]:
    first = rounds[0]
    names = ("per_second", "p50_ms", "p99_ms", "cpu_ms")
    return {
        "work": first.work,
        "server": first.server,
        "connections": first.connections,
        "errors": sum(one.errors for one in rounds),
        **{name: statistics.median(getattr(one, name) for one in rounds) for name in names},
    }


def _ratio(ours: list[Round], theirs: list[Round], name: str) -> float:
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(
        getattr(one, name) / max(getattr(other, name), 1e-9) for one, other in pairs
    )


def main() -> None:
    """Run every part and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round")
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--provider-port", type=int, help="where the provider listens")
    parser.add_argument("--against", help="webhook of another tool's workflow of four")
    parser.add_argument("--against-ten", help="webhook of another tool's workflow of ten requests")
    parser.add_argument("--only", choices=["runs", "growth", "idle", "recovery"])
    arguments = parser.parse_args()
    seconds, pairs = (2.0, 1) if arguments.quick else (arguments.seconds, PAIRS)
    console = Console()
    facts = {
        "python": platform.python_version(),
        **{name: version(name) for name in ("gunicorn", "flask", "sqlalchemy", "jinja2")},
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
        "durability": "SQLite WAL; what is accepted, steps' ends and runs' ends are flushed",
        "left out": "TLS, PostgreSQL, several machines",
    }
    console.print(facts)
    figures: dict[str, Any] = {"facts": facts}
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory() as name, Progress(console=console) as progress:
        folder, only = Path(name), arguments.only
        if only in (None, "runs"):
            rounds = throughput(folder / "runs", arguments, seconds, pairs, progress)
        if only in (None, "growth"):
            figures["W3"] = growth(folder / "growth", progress, quick=arguments.quick)
        if only in (None, "idle"):
            figures["W4"] = idle(folder / "idle", 5 if arguments.quick else 20, progress)
        if only in (None, "recovery"):
            figures["W5"] = recovery(folder / "recovery", progress, 1 if arguments.quick else 5)
    if rounds:
        figures["W1, W2"] = show(console, rounds)
    for part in ("W3", "W4", "W5"):
        if part in figures:
            console.print(part, figures[part])
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
