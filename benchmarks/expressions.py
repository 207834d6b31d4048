"""Expressions against Jinja2's own compiled templates: ratios taken back to back in one run.

    python -m benchmarks.expressions [--quick] [--seconds N] [--json FILE]

E1  resolutions per second and core, compiled, three references each, against baseline J (the same
    text compiled by jinja2's NativeEnvironment, which generates Python code); alternating pairs,
    medians. Goal: at least 200,000.
    Compiling is measured beside it: a text that was not seen before, by either.

Time is processor time of one thread. Before it is measured, both must come to the same value.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2.nativetypes import NativeEnvironment
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from workflow.expressions import parse

GOAL = 200_000
PAIRS = 5
DATA: dict[str, Any] = {
    "trigger": {"body": {"email": "Ann@Example.com", "total": 129.5, "tags": ["new", "vip"]}},
    "steps": {"look_up": {"status": 200, "body": {"id": 501, "plan": "pro"}}},
    "user": {"id": "u-9"},
}
#: Three references each, in the shapes that fields of steps have.
TEXTS = {
    "text": "<<trigger.body.email>> is on <<steps.look_up.body.plan>> (<<user.id>>)",
    "joined": "<<trigger.body.email ~ '/' ~ steps.look_up.body.plan ~ '/' ~ user.id>>",
    "object": "<<{'m': trigger.body.email, 'p': steps.look_up.body.plan, 'u': user.id}>>",
    "condition": "<<steps.look_up.status == 200 and trigger.body.total > 100 and 'u' in user.id>>",
    "filters": "<<[trigger.body.email | lower, steps.look_up.body.plan | upper, user.id]>>",
    "items": "<<[trigger.body.tags[0], trigger.body.tags[-1], steps.look_up.body.id]>>",
}
JINJA = NativeEnvironment(variable_start_string="<<", variable_end_string=">>")
Work = Callable[[], Any]


@dataclass
class Round:
    """One measurement of one of the two."""

    engine: str
    work: str
    per_second: float


def resolving(text: str) -> tuple[Work, Work]:
    """Return what resolves a compiled text: by jinja2, and by us."""
    template, ours = JINJA.from_string(text), parse(text)

    def baseline() -> Any:
        return template.render(DATA)

    def resolve() -> Any:
        return ours.resolve(DATA)

    if baseline() != resolve():
        raise RuntimeError(f"{text} comes to {baseline()!r} and {resolve()!r}")
    return baseline, resolve


def compiling(text: str) -> tuple[Work, Work]:
    """Return what compiles a text that was not seen before."""
    number = itertools.count()

    def baseline() -> Any:
        return JINJA.from_string(f"{text}{next(number)}")

    def compile_() -> Any:
        return parse(f"{text}{next(number)}")

    return baseline, compile_


def measure(engine: str, work: str, call: Work, seconds: float) -> Round:
    """Call for about so many seconds of processor time."""
    done, batch, began = 0, 100, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in itertools.repeat(None, batch):
            call()
        done += batch
        batch = min(batch * 2, 20_000)
    return Round(engine, work, done / spent)


def throughput(seconds: float, pairs: int, progress: Progress) -> list[Round]:
    """Measure every work in alternating pairs."""
    works = {name: resolving(text) for name, text in TEXTS.items()}
    works["compiling the text"] = compiling(TEXTS["text"])
    task = progress.add_task("E1 expressions", total=len(works) * pairs)
    rounds: list[Round] = []
    for name, (baseline, ours) in works.items():
        for _ in range(pairs):
            rounds.append(measure("baseline J", name, baseline, seconds))
            rounds.append(measure("heapline", name, ours, seconds))
            progress.advance(task)
    return rounds


def show(console: Console, rounds: list[Round]) -> list[dict[str, Any]]:
    """Print medians and ratios; return them."""
    table = Table(title="E1: expressions against baseline J (medians; ratios by pair)")
    for column in ("work", "engine", "per second and core", "µs each", "ratio"):
        table.add_column(column, justify="left" if column in {"work", "engine"} else "right")
    table.add_column(f"goal >= {GOAL:,}")
    rows = []
    for work in dict.fromkeys(one.work for one in rounds):
        speeds = {
            engine: [one.per_second for one in rounds if (one.engine, one.work) == (engine, work)]
            for engine in ("baseline J", "heapline")
        }
        ratio = statistics.median(
            ours / its for ours, its in zip(speeds["heapline"], speeds["baseline J"], strict=True)
        )
        for engine, measured in speeds.items():
            one = Round(engine, work, statistics.median(measured))
            ours = engine == "heapline"
            judged = ours and work in TEXTS
            table.add_row(
                *(work, engine, f"{one.per_second:,.0f}", f"{1e6 / one.per_second:.2f}"),
                f"{ratio:.2f} x" if ours else "",
                ("met" if one.per_second >= GOAL else "missed") if judged else "",
            )
            rows.append({**asdict(one), "ratio": round(ratio, 3)})
    console.print(table)
    return rows


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a round")
    parser.add_argument("--quick", action="store_true", help="one short pair of each")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    seconds, pairs = (0.2, 1) if arguments.quick else (arguments.seconds, PAIRS)
    console = Console()
    facts = {
        "python": platform.python_version(),
        "jinja2": version("jinja2"),
        "cores": os.cpu_count(),
        "left out": "several threads, which share one interpreter; large data",
    }
    console.print(facts)
    with Progress(console=console) as progress:
        rounds = throughput(seconds, pairs, progress)
    rows = show(console, rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps({"facts": facts, "E1": rows}, indent=2))


if __name__ == "__main__":
    main()
