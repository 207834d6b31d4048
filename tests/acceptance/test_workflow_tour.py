"""The workflow of the README's tour, byte for byte, with the commands that the README gives."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from connector.config import load
from connector.connect_sessions import Wish
from connector.runtime import build
from connector.store import projects as project_store

from ..people import ACME
from ..readme import README
from .demo import DemoProcess
from .server import clean_environment

_ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def tour() -> tuple[str, list[str]]:
    """Return the workflow and the commands of the tour."""
    text = README.read_text(encoding="utf-8")
    step = text.partition("8. Let a workflow do it.")[2].partition("\n9. ")[0]
    blocks = re.findall(r"```(\w+)\n(.*?)   ```", step, re.DOTALL)
    plain = {name: re.sub(r"^   ", "", code, flags=re.MULTILINE) for name, code in blocks}
    return plain["yaml"], plain["sh"].strip().splitlines()


def connect_alice(environ: dict[str, str]) -> None:
    """Connect the demo's alice by keys, as the portal does by a click."""
    runtime = build(load(environ))
    with runtime.database.reading() as tx:
        (project,) = project_store.all_projects(tx)
    session, _ = runtime.connect_sessions.start(project, "alice", Wish(connector="heap"))
    runtime.connecting.connect_with_keys(session, "app_keys", ACME)
    runtime.close()


def test_the_tour_s_workflow_runs_as_the_readme_says(tmp_path: Path) -> None:
    definition, commands = tour()
    with DemoProcess(tmp_path) as demo:
        environ = {
            "HEAPLINE_DATA_DIR": str(demo.data_dir),
            "HEAPLINE_DEVELOPMENT_ORIGIN": demo.sandbox_url,
        }
        connect_alice(environ)
        # The ports of a test are its own.
        definition = definition.replace("http://127.0.0.1:8701", demo.sandbox_url)
        (tmp_path / "welcome.yaml").write_text(definition, encoding="utf-8")
        printed = ""
        for command in commands:
            program, *arguments = shlex.split(command)
            assert program == ".venv/bin/heapline"
            done = subprocess.run(
                [sys.executable, "-m", "connector.cli", *arguments],
                env=clean_environment() | environ | {"PYTHONPATH": str(_ROOT), "COLUMNS": "200"},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            printed = done.stdout
        events = requests.get(
            f"{demo.sandbox_url}/sandbox/api/events",
            params={"identity": "ann@example.com"},
            timeout=10,
        ).json()["items"]
    for told in ("known", "person", "send", "ann@example.com", "succeeded"):
        assert told in printed
    assert [event["event"] for event in events] == ["Signed Up"]
    assert events[0]["properties"] == {"plan": "pro", "is_new": "true"}
