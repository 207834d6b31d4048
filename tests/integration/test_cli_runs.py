"""Runs through the command line: started, watched, listed, looked into, steered; the worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli.given import read_since
from connector.config import load
from connector.runtime import build

from ..acceptance.server import clean_environment
from ..command_line import Run, command_line
from ..conftest import SandboxClient, eventually
from ..people import ACME

WELCOME = """
name: welcome
connector: heap
trigger: {type: event, event: signed_up}
settings:
  - {id: plan, title: Plan, type: text, default: free}
steps:
  - {id: person, type: set, values: {email: <<trigger.email | lower>>}}
  - id: send
    type: request
    method: POST
    path: /track
    body:
      event: Signed Up
      identity: <<steps.person.email>>
      properties: {plan: <<settings.plan>>}
"""
SUM = """
name: sum
trigger: {type: request}
steps:
  - {id: both, type: set, values: {sum: <<trigger.body.a + trigger.body.b>>}}
  - {id: answer, type: response, status: 201, body: {sum: <<steps.both.sum>>}}
"""
PICKY = """
name: picky
trigger:
  type: manual
steps:
  - {id: first, type: set, values: {x: <<trigger.x>>}}
  - id: check
    type: condition
    branches:
      - {if: <<trigger.x > 3>>, steps: [{id: big, type: fail, message: Too big, error: too_big}]}
"""
SLOW = """
name: slow
trigger: {type: manual}
steps:
  - {id: pause, type: delay, seconds: 3600}
"""


@pytest.fixture
def environ(tmp_path: Path, sandbox: SandboxClient) -> dict[str, str]:
    return {
        "HEAPLINE_DATA_DIR": str(tmp_path / "data"),
        "HEAPLINE_DEVELOPMENT_ORIGIN": sandbox.url,
    }


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Iterator[Run]:
    """Runs commands on a data folder with a project and the four workflows in service."""
    with command_line(environ) as found:
        prepare(found, tmp_path)
        yield found


def prepare(run: Run, folder: Path) -> None:
    """Make a project and put the four workflows into service."""
    run("projects", "create", "Acme Notes")
    for name, text in {"welcome": WELCOME, "sum": SUM, "picky": PICKY, "slow": SLOW}.items():
        (folder / f"{name}.yaml").write_text(text)
    run("workflow", "push", str(folder), "--deploy")


@pytest.fixture
def alice(run: Run, environ: dict[str, str], tmp_path: Path) -> str:
    """Alice's account, connected; the workflow switched on for her."""
    run("signing-keys", "new", "--out", str(tmp_path / "private.pem"))
    link = run("connections", "link", "--user", "alice").stdout.strip()
    runtime = build(load(environ))
    session, _, _ = runtime.connect_sessions.by_link(link.rpartition("/")[2])
    runtime.connecting.connect_with_keys(session, "app_id", {"app_id": ACME["app_id"]})
    runtime.close()
    run("workflow", "enable", "welcome", "--user", "alice", "--set", "plan=pro")
    return "alice"


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        run("workflow", "runs", "list", "--json", *options).stdout
    )
    return rows


def test_a_run_is_watched_step_by_step_and_its_answer_printed(run: Run) -> None:
    result = run("workflow", "run", "sum", "--data", '{"a": 1, "b": 2}')
    assert json.loads(result.stdout) == {"sum": 3}
    begin, here, *steps, end = result.stderr.splitlines()
    assert begin.startswith("Run ")
    assert here == "Neither server nor worker runs; the steps are done here."
    assert [line.split("  ")[:3] for line in steps] == [
        ["✓ both", "set", "succeeded"],
        ["✓ answer", "response", "succeeded"],
    ]
    assert end.endswith("and answered 201.")


def test_a_workflow_is_run_for_a_user_and_an_event_does_the_same(
    run: Run, alice: str, sandbox: SandboxClient
) -> None:
    data = '{"email": "Ann@Example.com"}'
    shown = run("workflow", "run", "welcome", "--user", alice, "--data", data)
    assert "✓ send  request  200  succeeded" in shown.stderr
    run("event", "signed_up", "--user", alice, "--data", data, "--wait")
    identities = [event["identity"] for event in sandbox.items("events")]
    assert identities == ["ann@example.com"] * 2
    assert [one["state"] for one in listed(run, "--user", alice)] == ["succeeded"] * 2


def test_a_run_that_waits_for_its_user_is_left_with_a_hint(run: Run, alice: str) -> None:
    (connection,) = json.loads(run("connections", "list", "--json").stdout)
    run("connections", "disconnect", connection["id"])
    data = ["--user", alice, "--data", '{"email": "a"}']
    result = run("workflow", "run", "welcome", *data, status=1)
    waits, hint = result.stderr.splitlines()[-2:]
    assert waits.startswith("The run is waiting at send: ")
    assert "heapline connections link --user alice" in hint
    (row,) = listed(run)
    assert (row["state"], row["reason"]) == ("waiting", "needs_reauthorisation")


def test_an_event_starts_runs_once_for_each_key(run: Run, alice: str) -> None:
    event = ["event", "signed_up", "--user", alice, "--data", '{"email": "a"}']
    first = run(*event, "--key", "k1")
    assert "Neither server nor worker runs" in first.stderr
    assert run(*event, "--key", "k1").stdout == first.stdout
    assert run(*event, "--key", "k2").stdout != first.stdout
    assert len(listed(run)) == 2
    nobody = run("event", "signed_up", "--user", "bob", "--json")
    assert json.loads(nobody.stdout) == []
    assert "No workflow waits for 'signed_up' of 'bob'" in nobody.stderr


def test_a_run_that_fails_ends_with_status_1_and_says_where(run: Run) -> None:
    result = run("workflow", "run", "picky", "--data", '{"x": 5}', status=1)
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == "The run has failed at big: Too big"
    (shown,) = json.loads(
        run("workflow", "run", "picky", "--data", '{"y": 5}', "--json", status=1).stdout
    )
    assert shown["attempts"][0]["error"]["code"] == "value_missing"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "The project has no workflow 'nothing'"),
        (["welcome"], "welcome runs for users: say for whom with --user"),
        (["welcome", "--user", "bob"], "is not switched on for this user"),
        (["sum", "--data", "{a: 1"], "The data are no JSON"),
        (["sum", "--data", '{"a": NaN}'], "NaN is no JSON number"),
        (["sum", "--data", "gone.json"], "neither JSON nor a file that can be read"),
    ],
)
def test_a_run_that_cannot_begin_says_why(run: Run, arguments: list[str], words: str) -> None:
    assert words in run("workflow", "run", *arguments, status=1).stderr
    assert listed(run) == []


def test_data_come_from_a_file_or_from_standard_input(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"a": 3, "b": 4}', encoding="utf-8")
    assert json.loads(run("workflow", "run", "sum", "--data", str(file)).stdout) == {"sum": 7}
    shown = run("workflow", "run", "sum", "--data", "-", stdin='{"a": 5, "b": 6}')
    assert json.loads(shown.stdout) == {"sum": 11}
    file.write_text("{", encoding="utf-8")
    assert "are no JSON" in run("workflow", "run", "sum", "--data", str(file), status=1).stderr


def test_nothing_is_run_here_when_this_process_may_not(run: Run) -> None:
    none = {"HEAPLINE_WORKFLOW_SLOTS": "0"}
    result = run("workflow", "run", "sum", status=1, **none)
    assert "heapline worker --slots 16" in result.stderr
    assert "give --slots" in run("worker", status=1, **none).stderr


@pytest.fixture
def runs(run: Run) -> dict[str, str]:
    """A run that succeeded, two that failed, one that waits: by name, with their ids."""
    for x in (1, 5, 6):
        run("workflow", "run", "picky", "--data", json.dumps({"x": x}), status=int(x > 3))
    slow = run("workflow", "run", "slow", "--no-wait").stdout.strip()
    six, five, one = (row["id"] for row in listed(run, "--workflow", "picky"))
    return {"one": one, "five": five, "six": six, "slow": slow}


def test_runs_are_listed_by_workflow_state_and_time(run: Run, runs: dict[str, str]) -> None:
    def ids(*options: str) -> list[str]:
        return [row["id"] for row in listed(run, *options)]

    assert ids() == [runs["slow"], runs["six"], runs["five"], runs["one"]]
    assert ids("--limit", "1") == [runs["slow"]]
    assert ids("--workflow", "picky", "--state", "failed") == [runs["six"], runs["five"]]
    assert ids("--since", "1h", "--user", "alice") == []
    assert ids("--since", "2099-01-01") == []
    short = run("workflow", "runs", "--state", "queued").stdout
    assert (runs["slow"] in short, runs["one"] in short) == (True, False)
    assert runs["one"] in run("workflow", "runs").stdout
    assert "Commands:" in run("workflow", "runs", "--help").stdout
    wrong = run("workflow", "runs", "--since", "soon", status=1).stderr
    assert "neither a time such as 2h nor a date" in wrong
    assert "is not one of 'queued'" in run("workflow", "runs", "--state", "odd", status=2).stderr


@pytest.mark.parametrize(
    ("span", "seconds"), [("90s", 90), ("2m", 120), ("3h", 10_800), ("1d", 86_400)]
)
def test_a_time_may_be_so_long_ago(span: str, seconds: int) -> None:

    assert read_since(span) == pytest.approx(time.time() - seconds, abs=5)


def test_a_run_is_shown_with_what_each_step_was_given_and_gave(run: Run, alice: str) -> None:
    run("workflow", "run", "welcome", "--user", alice, "--data", '{"email": "A", "password": "p1"}')
    (row,) = listed(run)
    shown = json.loads(run("workflow", "runs", "show", row["id"], "--json").stdout)
    assert (shown["workflow"], shown["version"], shown["user"]) == ("welcome", 1, "alice")
    assert shown["trigger_data"] == {"email": "A", "password": "[redacted]"}
    send = shown["attempts"][1]
    assert (send["step"], send["status"], send["state"]) == ("send", 200, "succeeded")
    assert send["input"]["body"]["identity"] == "a"
    words = run("workflow", "runs", "show", row["id"]).stdout
    assert '"identity": "a"' in words
    assert "send  request  200  succeeded" in words
    assert "no such run" in run("workflow", "runs", "show", "nothing", status=1).stderr


def test_failed_runs_are_retried_and_replayed(run: Run, runs: dict[str, str]) -> None:
    retried = run("workflow", "runs", "retry", runs["five"], "--newest")
    assert retried.stdout == f"{runs['five']}: queued\n"
    refused = run("workflow", "runs", "retry", runs["one"], "x", status=1).stderr.splitlines()
    assert refused[0].startswith(f"{runs['one']}: Only a run that has failed")
    assert refused[1].startswith("x: The project has no such run")
    again = run("workflow", "runs", "replay", runs["six"], "--data", '{"x": 2}', "--json")
    (replayed,) = json.loads(again.stdout)
    assert replayed["run"] != runs["six"]
    shown = json.loads(run("workflow", "runs", "show", replayed["run"], "--json").stdout)
    assert (shown["replay_of"], shown["trigger_data"]) == (runs["six"], {"x": 2})


def test_many_runs_are_steered_at_once(run: Run, runs: dict[str, str]) -> None:
    failed = ["--workflow", "picky", "--state", "failed"]
    dry = run("workflow", "runs", "retry", *failed, "--dry-run").stdout.split()
    assert dry == [runs["six"], runs["five"]]
    refused = run("workflow", "runs", "retry", *failed, status=1, stdin="n\n")
    assert "Retry 2 runs?" in refused.stderr
    assert len(listed(run, *failed)) == 2
    run("workflow", "runs", "retry", *failed, "--limit", "1", "--yes")
    assert [row["id"] for row in listed(run, *failed)] == [runs["five"]]
    run("workflow", "runs", "cancel", "--since", "1h", "--yes")
    assert {row["state"] for row in listed(run)} == {"succeeded", "failed", "cancelled"}
    assert "No run matches" in run("workflow", "runs", "cancel", "--state", "queued").stderr


@pytest.mark.parametrize("arguments", [[], ["some-run", "--state", "failed"]])
def test_runs_are_either_named_or_chosen(run: Run, arguments: list[str]) -> None:
    result = run("workflow", "runs", "cancel", *arguments, status=2)
    assert "Name runs, or choose them" in result.stderr


class WorkerProcess:
    """`heapline worker` in a process of its own."""

    def __init__(self, environ: dict[str, str], *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "connector.cli", "worker", *options],
            env=clean_environment() | environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and what was logged."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def start_worker(environ: dict[str, str]) -> Iterator[Callable[..., WorkerProcess]]:
    started: list[WorkerProcess] = []

    def start(*options: str, **more: str) -> WorkerProcess:
        started.append(WorkerProcess(environ | more, *options))
        return started[-1]

    yield start
    for worker in started:
        worker.close()


def test_a_worker_runs_what_others_start(
    storage_url: str,
    environ: dict[str, str],
    tmp_path: Path,
    start_worker: Callable[..., WorkerProcess],
) -> None:
    with command_line(environ | {"DATABASE_URL": storage_url}) as run:
        prepare(run, tmp_path)
        worker = start_worker("--slots", "3", DATABASE_URL=storage_url)
        assert worker.ready == "The worker is ready: 3 runs at once. Stop it with Ctrl-C.\n"
        result = run("workflow", "run", "sum", "--data", '{"a": 1, "b": 1}')
        assert json.loads(result.stdout) == {"sum": 2}
        assert "the steps are done here" not in result.stderr
        assert run("workflow", "run", "slow", "--no-wait").stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_ends_a_worker_in_good_order(
    run: Run, start_worker: Callable[..., WorkerProcess], number: int
) -> None:
    worker = start_worker()
    status, errors = worker.stop(number)
    assert (status, errors) == (0, "")
    assert "Neither server" in run("workflow", "run", "slow", "--no-wait").stderr


def test_a_worker_that_was_killed_is_not_waited_for(
    run: Run, start_worker: Callable[..., WorkerProcess]
) -> None:
    start_worker().close()
    result = run("workflow", "run", "sum", "--data", '{"a": 1, "b": 1}')
    assert "the steps are done here" in result.stderr


def test_a_second_interrupt_ends_a_worker_at_once(
    run: Run, start_worker: Callable[..., WorkerProcess], tmp_path: Path, silent_api: str
) -> None:
    steps = f"steps: [{{id: call, type: http, method: GET, url: '{silent_api}'}}]\n"
    (tmp_path / "stuck.yaml").write_text(f"name: stuck\ntrigger: {{type: manual}}\n{steps}")
    run("workflow", "push", str(tmp_path / "stuck.yaml"), "--deploy")
    worker = start_worker(HEAPLINE_OUTBOUND_ALLOW=silent_api.removeprefix("http://"))
    stuck = run("workflow", "run", "stuck", "--no-wait").stdout.strip()
    eventually(lambda: listed(run)[0]["state"] == "running")
    os.kill(worker.process.pid, signal.SIGTERM)
    eventually(lambda: _handles_no_more(worker.process.pid, signal.SIGTERM))
    status, _ = worker.stop()
    assert status == -signal.SIGTERM
    assert listed(run)[0]["id"] == stuck


def _handles_no_more(pid: int, number: int) -> bool:
    """Say whether a process leaves a signal to the system, from what Linux tells of it."""
    text = Path(f"/proc/{pid}/status").read_text()
    caught = int(
        next(line for line in text.splitlines() if line.startswith("SigCgt")).split()[1], 16
    )
    return not caught & (1 << (number - 1))


@pytest.fixture
def silent_api() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
