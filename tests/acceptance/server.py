"""A real server process: `python -m connector.cli serve` on a free port."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import requests

START_SECONDS = 30.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_ROOT = Path(__file__).parents[2]


class ServerProcess:
    """Started when made, answering when the constructor returns; use it as a context manager.

    ``settings`` are environment variables. Host, port and public URL are filled in when they are
    not among them; a data folder must be.
    """

    def __init__(self, settings: Mapping[str, str], *, cwd: Path | None = None) -> None:
        self.port = int(settings.get("HEAPLINE_PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.NamedTemporaryFile(prefix="heapline-server-", suffix=".log")  # noqa: SIM115
        environ = clean_environment() | {
            "HEAPLINE_PORT": str(self.port),
            "HEAPLINE_PUBLIC_URL": self.url,
            **settings,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "connector.cli", "serve"],
            env=environ | {"PYTHONPATH": str(_ROOT)},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            self._log.close()
            raise

    @property
    def pid(self) -> int:
        """The process that was started: the parent of the workers."""
        return self._process.pid

    def worker_pids(self) -> list[int]:
        """The processes that answer requests."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def output(self) -> str:
        """All that the process has written so far, to either stream."""
        return Path(self._log.name).read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int:
        """Ask the process to end, as an operator's supervisor does; return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop:\n{self.output()}") from None

    def kill(self) -> None:
        """End the process and its workers at once, with nothing tidied up."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def discard(self) -> None:
        """End the process at once, and forget what it wrote."""
        self.kill()
        self._log.close()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self._log.close()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(
                    f"the server ended with status {self._process.returncode}:\n{self.output()}"
                )
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"the server did not answer in {START_SECONDS} s:\n{self.output()}")


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment() -> dict[str, str]:
    """Return the environment without settings of whoever runs the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEAPLINE_") and name not in {"DATABASE_URL", "DATABASE_URL_FILE"}
    }
