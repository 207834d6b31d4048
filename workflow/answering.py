"""Answer who starts a run by a request.

The run is accepted as one that this process holds already, and done on the caller's own thread as
far as its response: nothing of it waits in the queue. Where that cannot be, because a limit is used
up, an earlier run of its order is unfinished or no worker is at work here, it is queued like any
other, and its row is looked at until it has a response.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workflow import accepting
from workflow.database import Database, Transaction
from workflow.definition import Definition
from workflow.dispatch import Limits
from workflow.errors import ClaimLost, RunUnknown
from workflow.execution import Executor
from workflow.models import Run, RunState
from workflow.starting import Starter
from workflow.store import queue, responses
from workflow.store import runs as run_store
from workflow.store.queue import Lane
from workflow.worker import Worker

#: Seconds that a caller waits for a response, unless the workflow says otherwise.
ANSWER_WITHIN = 30.0
_FIRST_LOOK_SECONDS = 0.01
_LONGEST_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is to tell a caller for now."""

    run_id: str
    state: RunState
    #: Status, headers and body; nothing yet, or the run ended without.
    response: Mapping[str, Any] | None


class Answerer:
    """Starts runs for callers who wait for a response. Safe among threads."""

    def __init__(
        self,
        database: Database,
        starter: Starter,
        executor: Executor,
        limits: Limits,
        worker: Callable[[], Worker | None],
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._starter = starter
        self._executor = executor
        self._limits = limits
        self._worker = worker
        self._pause = pause
        self._clock = clock

    def answer(
        self,
        project_id: str,
        name: str,
        trigger: Any,
        *,
        seconds: float | None = None,
        **more: Any,
    ) -> Answer:
        """Accept a run of a workflow with a request trigger; return its response when it has one.

        A workflow without a response step is not waited for. ``seconds``: wait so long, not as long
        as the workflow says. Takes what ``Starter.prepare`` takes, and raises what it raises.

        Raises
        ------
        RunUnknown
            If the run was deleted meanwhile.

        """
        prepared = self._starter.prepare(project_id, name, trigger, kinds=("request",), **more)
        run, definition = prepared
        if not any(step.type == "response" for step in definition.walk()):
            stored = self._accept(run, None)
            self._wake()
            return Answer(stored.id, stored.state, stored.response)
        given = definition.trigger.get("answer_within", ANSWER_WITHIN)
        until = time.monotonic() + (given if seconds is None else seconds)
        worker = self._worker()
        stored = self._accept(run, worker)
        if worker is not None and stored.id == run.id and stored.worker_id == worker.id:
            response = self._advance(stored, definition, worker, until)
            if response is not None:
                return Answer(stored.id, RunState.RUNNING, response)
        else:
            self._wake()
        return self._look(stored.id, until)

    def _accept(self, run: Run, worker: Worker | None) -> Run:
        """Store a run, held by the worker if there is room; return it, or the one of its key."""
        with self._database.transaction() as tx:
            if worker is not None and self._has_room(tx, run):
                run = replace(
                    run,
                    state=RunState.RUNNING,
                    claim=1,
                    worker_id=worker.id,
                    started_at=self._clock(),
                )
            accepted = accepting.accept(tx, run)
            if accepted == run.id and run.order_key is None:
                return run
            stored = run_store.load(tx, accepted)
        if stored is None:  # pragma: no cover - deleted in between
            raise RunUnknown
        return stored

    def _has_room(self, tx: Transaction, run: Run) -> bool:
        """Say whether the limits let it run now; those that are queued are not waited for."""
        running = queue.running(tx)
        of_project = sum(
            number for lane, number in running.items() if lane.project_id == run.project_id
        )
        if of_project >= self._limits.project:
            return False
        lane = Lane(run.project_id, run.connection_id)
        return not run.connection_id or running.get(lane, 0) < self._limits.connection

    def _advance(
        self, run: Run, definition: Definition, worker: Worker, until: float
    ) -> Mapping[str, Any] | None:
        try:
            return self._executor.advance(
                run, answered=True, overdue=lambda: time.monotonic() > until
            )
        except ClaimLost:
            return None  # this process was taken for dead: another one goes on with the run
        except Exception:
            worker.strand(run.id)
            raise
        finally:
            if run.order_key is not None or definition.steps[-1].type != "response":
                self._wake()

    def _look(self, run_id: str, until: float) -> Answer:
        """Return what there is once there is a response, the run has ended or time is up."""
        pause = _FIRST_LOOK_SECONDS
        while True:
            with self._database.reading() as tx:
                found = responses.standing(tx, run_id)
            if found is None:
                raise RunUnknown
            left = until - time.monotonic()
            if found.response is not None or found.state.is_final or left <= 0:
                return Answer(run_id, found.state, found.response)
            self._pause(min(pause, left))
            pause = min(1.5 * pause, _LONGEST_PAUSE_SECONDS)

    def _wake(self) -> None:
        worker = self._worker()
        if worker is not None:
            worker.wake()
