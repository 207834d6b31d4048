"""The processes in which functions run: started when needed, lent to one caller at a time."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("javascript.py")
_LENGTH_BYTES = 4
#: Functions compute and wait for nothing, so more at once than processors is of no use.
MOST_PROCESSES = max(2, os.cpu_count() or 1)


class ProcessLostError(Exception):
    """The process hung up, or did not answer in time."""


class _Process:
    """A running program that answers one request after the other."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-S", str(_PROGRAM)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # Nothing of our environment, where the secrets are: only where libraries are found.
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TZ": "UTC"},
                start_new_session=True,
            )

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """Return the answer to a request."""
        body = json.dumps(request).encode()
        self._socket.settimeout(seconds)
        try:
            self._socket.sendall(len(body).to_bytes(_LENGTH_BYTES) + body)
            return json.loads(self._read(int.from_bytes(self._read(_LENGTH_BYTES))))
        except OSError as error:
            raise ProcessLostError from error

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            part = self._socket.recv(size)
            if not part:
                raise ProcessLostError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def forget(self) -> None:
        """Close our end alone: the process is that of the program that we were forked from."""
        self._socket.close()
        self._process.returncode = 0


class FunctionProcesses:
    """As many processes as may run at once, kept for the next caller."""

    def __init__(self, most: int = MOST_PROCESSES) -> None:
        self._most = most
        self._slots = threading.BoundedSemaphore(most)
        self._idle: list[_Process] = []

    def ask(self, request: dict[str, Any], seconds: float) -> Any:
        """Return a process's answer to a request.

        Raises
        ------
        ProcessLostError
            If the process ended or did not answer within so many seconds, waiting for a free one
            not counted.

        """
        with self._slots, self._lent() as process:
            return process.ask(request, seconds)

    @contextlib.contextmanager
    def _lent(self) -> Iterator[_Process]:
        try:
            process = self._idle.pop()
        except IndexError:
            process = _Process()
        try:
            yield process
        except BaseException:
            process.end()
            raise
        self._idle.append(process)

    def end(self) -> None:
        """End those that are idle."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """Begin anew in a forked process, which must not talk to the processes of its parent."""
        while self._idle:
            self._idle.pop().forget()
        self._slots = threading.BoundedSemaphore(self._most)


processes = FunctionProcesses()
atexit.register(processes.end)
os.register_at_fork(after_in_child=processes.forget)
