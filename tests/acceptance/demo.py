"""A real `heapline demo`: three processes and the one that looks after them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .server import clean_environment, free_port

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_ROOT = Path(__file__).parents[2]


class DemoProcess:
    """Started when made; its pages answer when the constructor returns."""

    def __init__(self, folder: Path, program: Sequence[str] | None = None) -> None:
        self.port, self.sandbox_port, self.product_port = (free_port() for _ in range(3))
        self.data_dir = folder / "data"
        self._log = folder / "demo-output.txt"
        environ = clean_environment() | {"HEAPLINE_DATA_DIR": str(self.data_dir), "COLUMNS": "120"}
        if program is None:
            environ["PYTHONPATH"] = str(_ROOT)
        with self._log.open("wb") as stream:
            self.process = subprocess.Popen(
                [*(program or (sys.executable, "-m", "connector.cli")), "demo", *self._options()],
                env=environ,
                cwd=folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_for_the_panel()
        except BaseException:
            self.stop()
            raise

    @property
    def server_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def product_url(self) -> str:
        return f"http://127.0.0.1:{self.product_port}"

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def children(self) -> list[int]:
        file = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in file.read_text().split()]

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """End it if it has not ended by itself."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(STOP_SECONDS)

    def __enter__(self) -> DemoProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _options(self) -> list[str]:
        return [
            *("--port", str(self.port)),
            *("--sandbox-port", str(self.sandbox_port)),
            *("--product-port", str(self.product_port)),
        ]

    def _wait_for_the_panel(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops it" not in self.output():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the demo did not start:\n{self.output()}")
            time.sleep(0.05)
