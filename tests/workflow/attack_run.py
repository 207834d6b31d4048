"""Runs the whole corpus of attacks in a process of its own and reports what it did, as JSON.

``python -m tests.workflow.attack_run``. An audit hook sees every file, import, process, socket and
piece of code that Python opens meanwhile; the kernel says how far memory rose.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.workflow.attacks import BOMBS, DATA, FLOODS, HARMLESS, REFUSED, large
from workflow.errors import WorkflowError
from workflow.expressions import parse

_STATUS = Path("/proc/self/status")
#: A number with a point is read by Python's own parser, which counts as compiling.
_NUMBER = re.compile(r"[\d.eE+-]+")


class Watch:
    """Notes what the interpreter is asked for while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and not (event == "compile" and _is_number(arguments[0])):
            self.seen.append(f"{event} {str(arguments)[:100]}")


def _is_number(source: Any) -> bool:
    text = source if isinstance(source, str) else bytes(source or b"").decode()
    return _NUMBER.fullmatch(text) is not None


def cases() -> Iterator[tuple[str, Any, Any]]:
    """Yield texts, the data for them, and what they come to; a pattern is what an error says."""
    for sources in REFUSED.values():
        yield from ((f"<<{source}>>", DATA, re.compile("")) for source in sources)
    yield from ((text, DATA, value) for text, value in HARMLESS)
    data = large()
    yield from ((f"<<{source}>>", data, wanted) for source, wanted in BOMBS)
    yield from ((text, data, wanted) for text, wanted in FLOODS)


def outcome(text: str, data: Any, watch: Watch) -> Any:
    """Return what a text comes to: a value, an error of ours, or any other."""
    watch.on = True
    try:
        return parse(text).resolve(data)
    except Exception as error:  # whatever it is, it is reported
        return error
    finally:
        watch.on = False


def as_wanted(found: Any, wanted: Any) -> bool:
    """Say whether an outcome is the one in the table."""
    if isinstance(wanted, re.Pattern):
        return isinstance(found, WorkflowError) and bool(wanted.search(found.message))
    return type(found) is type(wanted) and bool(found == wanted)


def memory_mb(name: str) -> float:
    """Return a figure of the kernel's about this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


def warm_up() -> None:
    """Do what a process does once: a codec is loaded, the files of time zones are read."""
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        parse(f"<<0 | iso('{zone}')>>").resolve({})


def main() -> None:
    """Run all and print the report."""
    table = list(cases())
    before = json.dumps(DATA)
    warm_up()
    watch, wrong, slowest = Watch(), [], (0.0, "")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    resident = memory_mb("VmRSS")
    for text, data, wanted in table:
        began = time.process_time()
        found = outcome(text, data, watch)
        slowest = max(slowest, (time.process_time() - began, text[:100]))
        if not as_wanted(found, wanted):
            wrong.append(f"{text[:100]!a} -> {found!a:.200}")
        del found
    report = {
        "count": len({text for text, _, _ in table}),
        "wrong": wrong,
        "slowest": slowest,
        "grown_mb": memory_mb("VmHWM") - resident,
        "events": watch.seen,
        "data_changed": json.dumps(DATA) != before,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
