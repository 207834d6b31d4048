"""Child processes that live and end together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_POLL_SECONDS = 0.1
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_LAST_LINES = 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildEndedError(Exception):
    """A child process ended though nobody asked it to."""

    def __init__(self, name: str, status: int, last_lines: str) -> None:
        super().__init__(f"The {name} ended unexpectedly with status {status}.")
        self.last_lines = last_lines


class ChildSilentError(Exception):
    """A child process does not answer."""

    def __init__(self, name: str, last_lines: str) -> None:
        super().__init__(f"The {name} did not answer within {_START_SECONDS:g} seconds.")
        self.last_lines = last_lines


@dataclass(frozen=True, slots=True)
class Child:
    """A running child process, with the file that takes all it prints."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_lines(self) -> str:
        """Return the end of what it printed."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:])

    def require_alive(self) -> None:
        """Raise if it has ended.

        Raises
        ------
        ChildEndedError
            With its status and the last lines that it printed.

        """
        status = self.process.poll()
        if status is not None:
            raise ChildEndedError(self.name, status, self.last_lines())


class Family:
    """Starts children, watches them, and ends all of them when it is left."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stop = threading.Event()
        self._handlers_before = {
            number: signal.signal(number, lambda *_: self._stop.set()) for number in _SIGNALS
        }

    @property
    def stopping(self) -> bool:
        """Say whether someone asked for the end."""
        return self._stop.is_set()

    def start(
        self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> Child:
        """Start a child in a process group of its own, away from the terminal's signals."""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def wait_for(self, child: Child, url: str) -> None:
        """Wait until a child answers, or someone asks for the end.

        Raises
        ------
        ChildEndedError, ChildSilentError
            If it does not.

        """
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(url):
            child.require_alive()
            if time.monotonic() > deadline:
                raise ChildSilentError(child.name, child.last_lines())
            if self._stop.wait(_POLL_SECONDS):
                return

    def watch(self) -> None:
        """Wait until someone asks for the end.

        Raises
        ------
        ChildEndedError
            If a child ends before.

        """
        while not self._stop.wait(_POLL_SECONDS):
            for child in self._children:
                child.require_alive()

    def __enter__(self) -> Self:
        """Return the family."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every child: politely first, then by force."""
        for child in reversed(self._children):
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)


def _signal(child: Child, number: int) -> None:
    if child.process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
