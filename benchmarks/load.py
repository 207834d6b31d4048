"""Put load on a server with wrk and read what it measured."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_SCRIPT = """
local counter = 0
local seed = {seed}
function setup(thread) thread:set("id", seed); seed = seed + 1 end
request = function()
  counter = counter + 1
  local body = string.gsub({body}, "N", id .. "-" .. counter)
  return wrk.format("{method}", "{path}", {{
    ["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/json"}}, body)
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent; every N in the body becomes a number of its own."""

    method: str
    path: str
    body: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk saw."""

    per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    errors: int


def put(
    load: Load, url: str, *, connections: int, seconds: float, seed: int, timeout: int = 10
) -> Measured:
    """Send a load over so many connections for so many seconds.

    ``seed`` keeps the numbers in the bodies of one round apart from those of the others.
    """
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: install Debian's package wrk.")
    script = _SCRIPT.format(
        seed=seed,
        method=load.method,
        path=load.path,
        token=load.token,
        body="[[" + load.body + "]]",
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                *("wrk", "--latency", "-t", "1", "-c", str(connections)),
                *("-d", f"{seconds:g}s", "--timeout", f"{timeout}s", "-s", file.name, url),
            ],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(file.name).parent,
        )
    return _read(done.stdout)


def _read(text: str) -> Measured:
    def number(pattern: str) -> float:
        found = re.search(pattern, text)
        return float(found.group(1)) if found else 0.0

    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    return Measured(
        number(r"Requests/sec:\s+([\d.]+)"),
        _milliseconds(text, "50%"),
        _milliseconds(text, "99%"),
        int(number(r"(\d+) requests in")),
        errors + int(number(r"Non-2xx or 3xx responses: (\d+)")),
    )


def _milliseconds(text: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s|m)", text)
    return float(found.group(1)) * _UNITS[found.group(2)] if found else 0.0
