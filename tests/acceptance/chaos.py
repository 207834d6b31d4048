"""Kill workers at random while runs are accepted, and count what came of every run."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from connector.errors import DatabaseUnusable, Overloaded
from connector.runtime import Runtime
from workflow.models import AttemptState, RunState
from workflow.tables import attempts, runs

from ..conftest import SandboxClient
from .server import clean_environment

_ROOT = Path(__file__).parents[2]


def _send(step: str, name: str, indent: int = 2) -> str:
    pad = " " * indent
    return f"""
{pad}- id: {step}
{pad}  type: request
{pad}  method: POST
{pad}  path: /track
{pad}  retry: {{attempts: 20, wait: 0.1, factor: 1, on: [network, timeout, unavailable]}}
{pad}  body:
{pad}    event: "{name}"
{pad}    identity: "<<trigger.key>>-{name}"
"""


def _workflow(name: str, steps: str, trigger: str = "event, event: go") -> str:
    return f"name: {name}\nconnector: heap\ntrigger: {{type: {trigger}}}\nsteps:{steps}"


SHAPES: dict[str, tuple[list[str], list[str]]] = {
    "straight": (
        [_workflow("straight", "".join(_send(f"s{n}", f"e{n}") for n in range(5)))],
        [f"e{n}" for n in range(5)],
    ),
    "fan-out": (
        [
            _workflow(
                "fan-out",
                """
  - id: each
    type: for_each
    in: "<<['a', 'b', 'c', 'd', 'e', 'f']>>"
    at_once: 3
    steps:"""
                + _send("one", "<<item>>1", 6)
                + _send("two", "<<item>>2", 6)
                + _send("last", "end"),
            )
        ],
        [f"{item}{n}" for item in "abcdef" for n in (1, 2)] + ["end"],
    ),
    "delays": (
        [
            _workflow(
                "delays",
                _send("s0", "e0")
                + "  - {id: d1, type: delay, seconds: 0.3}\n"
                + _send("s1", "e1")
                + "  - {id: d2, type: delay, seconds: 1.2}\n"
                + _send("s2", "e2"),
            )
        ],
        ["e0", "e1", "e2"],
    ),
    "retries": (
        [_workflow("retries", "".join(_send(f"s{n}", f"e{n}") for n in range(3)))],
        ["e0", "e1", "e2"],
    ),
    "sub-workflow": (
        [
            _workflow("inner", _send("s1", "inner1") + _send("s2", "inner2"), "manual"),
            _workflow(
                "sub-workflow",
                _send("s0", "e0")
                + """
  - id: child
    type: workflow
    workflow: inner
    input: {key: <<trigger.key>>}
"""
                + _send("s3", "e3"),
            ),
        ],
        ["e0", "inner1", "inner2", "e3"],
    ),
}


@dataclass
class WorkerProcess:
    """A process that runs runs and nothing else."""

    environ: Mapping[str, str]
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "connector.cli", "worker"],
            env=clean_environment() | {"PYTHONPATH": str(_ROOT), **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@dataclass
class Toll:
    """What was counted when all was over."""

    kills: int
    accepted: int
    seconds_to_end: float
    lost: list[str]
    states: Counter[str]
    missing: list[str]
    doubled: list[str]
    repeated: list[Any]
    maybe_executed: int


class Chaos:
    """Accepts runs of one shape while workers die."""

    def __init__(
        self, runtime: Runtime, project_id: str, user: str, sandbox: SandboxClient, shape: str
    ) -> None:
        self.runtime = runtime
        self.project_id = project_id
        self.user = user
        self.sandbox = sandbox
        self.shape = shape
        self.accepted: dict[str, str] = {}
        self._stop = threading.Event()
        documents, self.events = SHAPES[shape]
        catalogue = runtime.engine.catalogue
        for text in documents:
            version = catalogue.push(project_id, text)
            name = str(version.document["name"])
            catalogue.deploy(project_id, name, by="chaos")
            catalogue.enable(project_id, name, user, enabled=True)

    def run(
        self,
        strike: Callable[[random.Random], None],
        kills: int,
        seed: int,
        send: Callable[[str], str | None] | None = None,
    ) -> Toll:
        """Strike so often, wait for the end of every accepted run, and count."""
        dice = random.Random(seed)
        thread = threading.Thread(target=self._accept, args=[send or self._start], daemon=True)
        thread.start()
        for _ in range(kills):
            strike(dice)
        self._stop.set()
        thread.join(30)
        began = time.monotonic()
        self._wait_for_the_end(began + 90)
        return self._count(kills, time.monotonic() - began)

    def _accept(self, send: Callable[[str], str | None]) -> None:
        """Offer one event after another; one that is not accepted again, under the same key."""
        number = 0
        while not self._stop.is_set():
            key = f"{self.shape}-{number}"
            run_id = send(key)
            if run_id is not None:
                self.accepted[key] = run_id
                number += 1
            time.sleep(0.04)

    def _start(self, key: str) -> str | None:
        try:
            [run_id] = self.runtime.engine.starter.event(
                self.project_id, "go", {"key": key}, user=self.user, key=key
            )
        except (Overloaded, DatabaseUnusable):
            return None
        return run_id

    def _wait_for_the_end(self, deadline: float) -> None:
        unfinished = select(func.count()).where(
            runs.c.state.in_([RunState.QUEUED, RunState.RUNNING, RunState.WAITING])
        )
        while time.monotonic() < deadline:
            with self.runtime.database.reading() as tx:
                if tx.scalar(unfinished) == 0:
                    return
            time.sleep(0.1)

    def _count(self, kills: int, seconds: float) -> Toll:
        with self.runtime.database.reading() as tx:
            states = {row.id: row.state for row in tx.execute(select(runs.c.id, runs.c.state))}
            done = attempts.c.state == AttemptState.SUCCEEDED
            repeated = tx.execute(
                select(attempts.c.run_id, attempts.c.path, func.count())
                .where(done)
                .group_by(attempts.c.run_id, attempts.c.path)
                .having(func.count() > 1)
            ).all()
            cut_off = attempts.c.state == AttemptState.INTERRUPTED
            maybe = tx.scalar(select(func.count()).select_from(attempts).where(cut_off))
        seen = Counter(event["identity"] for event in self._events())
        wanted = {f"{key}-{name}" for key in self.accepted for name in self.events}
        return Toll(
            kills=kills,
            accepted=len(self.accepted),
            seconds_to_end=round(seconds, 1),
            lost=[run for run in self.accepted.values() if run not in states],
            states=Counter(states.values()),
            missing=sorted(wanted - set(seen)),
            doubled=sorted(name for name, number in seen.items() if number > 1),
            repeated=list(repeated),
            maybe_executed=maybe or 0,
        )

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.sandbox.get("events", limit=1000, after=after)
            found += page["items"]
            after = page["next_after"]
        return found
