"""Where a workflow is started, as the command line tells it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..command_line import Run, command_line

STEPS = "steps: [{id: a, type: set, values: {x: 1}}]\n"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs commands on a data folder with one project."""
    with command_line({"HEAPLINE_DATA_DIR": str(tmp_path / "data")}) as found:
        found("projects", "create", "Acme Notes")
        yield found


def push(run: Run, folder: Path, name: str, head: str) -> None:
    file = folder / f"{name}.yaml"
    file.write_text(f"name: {name}\n{head}\n{STEPS}")
    run("workflow", "push", str(file), "--deploy")


def test_requests_and_webhooks_have_addresses(run: Run, tmp_path: Path) -> None:
    push(run, tmp_path, "asked", "trigger: {type: request}")
    push(run, tmp_path, "hooked", "trigger: {type: webhook, verify: {scheme: none}}")
    asked = run("workflow", "address", "asked").output.strip()
    assert asked.startswith("http://127.0.0.1:8700/projects/")
    assert asked.endswith("/sdk/triggers/asked")
    first, again = (run("workflow", "address", "hooked").output.strip() for _ in range(2))
    assert first == again
    assert first.startswith("http://127.0.0.1:8700/hooks/")
    assert run("workflow", "address", "hooked", "--user", "alice").output.strip() != first


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("trigger: {type: manual}", "is started by manual"),
        ("connector: heap\ntrigger: {type: webhook, verify: {scheme: none}}", "say whose"),
    ],
)
def test_what_has_no_address_is_said_in_words(
    run: Run, tmp_path: Path, head: str, words: str
) -> None:
    push(run, tmp_path, "other", head)
    assert words in run("workflow", "address", "other", status=1).output
    assert "no workflow 'nothing'" in run("workflow", "address", "nothing", status=1).output
