"""Watch a run step by step, and work on it here while nobody else does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from connector.cli.output import moment
from connector.cli.run_records import attempts_of, duration, failure_words
from connector.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from connector.runtime import Runtime
    from workflow.models import Attempt, Run

_SHOW = "heapline workflow runs show"
_LOOK_SECONDS = 0.1
_WORKER_LOOK_SECONDS = 3.0
_MARKS = {
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "interrupted": ("?", "yellow"),
    "deferred": ("…", "yellow"),
    "skipped": ("-", "dim"),
}


def run_until_ended(runtime: Runtime, run: Run) -> Run:
    """Show a run's steps until it ends, or waits for its user; return it as it is then.

    A worker is started in this process while there is none.

    Raises
    ------
    InputError
        If there is no worker, and this process may be none.

    """
    from rich.console import Console

    screen = Console(stderr=True, highlight=False)
    screen.print(f"Run {run.id}", style="dim")
    try:
        with screen.status("") as status:
            watch = _Watch(runtime, run, screen)
            while not watch.look():
                status.update(watch.words())
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        click.echo(f"The run is left to servers and workers: {_SHOW} {run.id}", err=True)
        raise
    return watch.run


def show_end(run: Run) -> None:
    """Print what a run gave, or why it gave nothing."""
    from workflow.models import RunState

    if run.state is RunState.WAITING:
        click.secho(f"The run is {failure_words(run)}", fg="yellow", err=True)
        link = f"heapline connections link --user {run.user} --renew {run.connection_id}"
        click.echo(f"It goes on when the user connects the account again: {link}", err=True)
        return
    if run.state is not RunState.SUCCEEDED:
        click.secho(f"The run has {failure_words(run)}", fg="red", err=True)
        return
    took = duration((run.finished_at or 0) - (run.started_at or 0))
    status = f" and answered {run.response['status']}" if run.response else ""
    click.secho(f"The run has succeeded in {took}{status}.", fg="green", err=True)
    output = run.response["body"] if run.response else run.output
    if output is not None:
        text = json.dumps(output, indent=2, ensure_ascii=False)
        click.echo(output if isinstance(output, str) else text)


class _Watch:
    """What was seen of a run so far."""

    def __init__(self, runtime: Runtime, run: Run, screen: Console) -> None:
        self.run = run
        self._runtime = runtime
        self._screen = screen
        self._seen: set[tuple[str, int, str]] = set()
        self._worker_looked_at = 0.0

    def look(self) -> bool:
        """Print what is new; say whether nothing more will come by itself."""
        self._ensure_worker()
        control = self._runtime.engine.control
        # In this order: what an ended run did is all there.
        self.run = control.run(self.run.project_id, self.run.id)
        for attempt in attempts_of(self._runtime, self.run):
            known = (attempt.path, attempt.number, attempt.state)
            if attempt.state in _MARKS and known not in self._seen:
                self._seen.add(known)
                self._screen.print(_line(attempt), soft_wrap=True)
        return self.run.state.is_final or self._waits_for_user()

    def words(self) -> str:
        """Return what the run does now."""
        due = f" until {moment(self.run.due_at)}" if self.run.due_at else ""
        return f"{self.run.state}{f': {self.run.reason}{due}' if self.run.reason else ''}"

    def _waits_for_user(self) -> bool:
        from workflow.models import Reason, RunState

        return self.run.state is RunState.WAITING and self.run.reason == Reason.REAUTHORISATION

    def _ensure_worker(self) -> None:
        from workflow.worker import anybody_works

        engine, now = self._runtime.engine, time.time()
        if engine.worker is not None or now < self._worker_looked_at + _WORKER_LOOK_SECONDS:
            return
        self._worker_looked_at = now
        if anybody_works(self._runtime.database, now):
            return
        if self._runtime.settings.workflow_slots == 0:
            raise InputError(
                "Neither server nor worker runs, and HEAPLINE_WORKFLOW_SLOTS is 0 here. Start one: "
                "heapline worker --slots 16"
            )
        self._screen.print("Neither server nor worker runs; the steps are done here.", style="dim")
        engine.start()


def _line(attempt: Attempt) -> object:
    from rich.text import Text

    mark, colour = _MARKS[attempt.state]
    again = f" (attempt {attempt.number})" if attempt.number > 1 else ""
    parts = [f"{attempt.path}{again}", attempt.step_type]
    if attempt.status is not None:
        parts.append(str(attempt.status))
    parts.append(str(attempt.state))
    if attempt.finished_at is not None:
        parts.append(duration(attempt.finished_at - attempt.started_at))
    return Text.assemble((f"{mark} ", colour), "  ".join(parts))
