"""The record of one run: what its steps gave, written before and after each effect.

Every write is made under the run's claim. Who lost it, because the worker was taken for dead, can
write nothing more, so nothing is recorded twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from workflow.database import Database, Transaction
from workflow.errors import ClaimLost
from workflow.models import Attempt, AttemptState, Reason, Run, RunState
from workflow.store import attempts as store
from workflow.store import orders, parents
from workflow.store import runs as run_store

#: Steps without an effect of their own are written with the next that has one, or so many at once.
_MOST_NOTES = 200


class Cancelled(Exception):
    """Somebody asked to cancel the run."""


class Journal:
    """Attempts of a run that is held. Safe among the threads of a loop."""

    def __init__(
        self, database: Database, run: Run, *, resumed: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self.run = run
        self.size = run.size
        self._database = database
        self._clock = clock
        self._notes: list[Attempt] = []
        self._ended: list[Attempt] = []
        #: Steps are under way at the same time.
        self.is_shared = False
        self._lock = threading.Lock()
        self._history: dict[str, list[Attempt]] = {}
        if resumed:
            with database.reading() as tx:
                self._history = store.history(tx, run.id)

    def history(self, path: str) -> list[Attempt]:
        """Return the attempts at a step, the first one first."""
        return self._history.get(path, [])

    def put(self, attempt: Attempt, *, durable: bool = False) -> None:
        """Write an attempt.

        Raises
        ------
        ClaimLost
            If another worker has the run now.
        Cancelled
            If the run is to be cancelled.

        """
        with self._database.transaction(durable=durable or bool(self._ended)) as tx:
            if self._hold(tx):
                raise Cancelled
            self._write_kept(tx)
            store.put(tx, self.run.id, attempt)
        self._remember(attempt)

    def end(
        self,
        attempt: Attempt,
        state: AttemptState,
        *,
        output: Any = None,
        error: Mapping[str, Any] | None = None,
        status: int | None = None,
    ) -> Attempt:
        """Keep how an attempt ended; it is written with what comes next.

        What comes next is the beginning of another step, the end of the run or its waiting: only
        computing lies between. Where other steps may be under way meanwhile, it is written at once.

        Raises
        ------
        ClaimLost
            If another worker has the run now.

        """
        now = self._clock()
        ended = replace(
            attempt,
            round=self.run.round,
            state=state,
            output=output,
            error=error,
            status=status,
            finished_at=now,
        )
        with self._lock:
            self._ended.append(ended)
        self._remember(ended)
        if self.is_shared:
            self.flush()
        return ended

    def note(self, path: str, step_type: str, given: Any, output: Any) -> None:
        """Keep what a step without an effect gave, for people to see; it is computed anew."""
        history = self.history(path)
        if history and history[-1].state is AttemptState.SUCCEEDED:
            return
        attempt = replace(self._noted(path, step_type), input=given, output=output)
        with self._lock:
            self._notes.append(attempt)
            full = len(self._notes) >= _MOST_NOTES
        self._remember(attempt)
        if full:
            self.flush()

    def note_failure(self, path: str, step_type: str, error: Mapping[str, Any]) -> None:
        """Keep why a step without an effect failed."""
        history = self.history(path)
        if history and history[-1].round == self.run.round:
            return
        self.put(replace(self._noted(path, step_type), state=AttemptState.FAILED, error=error))

    def _noted(self, path: str, step_type: str) -> Attempt:
        now = self._clock()
        return Attempt(
            path=path,
            number=len(self.history(path)) + 1,
            round=self.run.round,
            claim=self.run.claim,
            step_type=step_type,
            state=AttemptState.SUCCEEDED,
            started_at=now,
            finished_at=now,
        )

    def flush(self) -> None:
        """Write what is kept."""
        with self._database.transaction(durable=bool(self._ended)) as tx:
            self._hold(tx)
            self._write_kept(tx)

    def finish(self, state: RunState, reason: str | None, **told: Any) -> None:
        """End the run, with what was noted, in one transaction.

        Raises
        ------
        ClaimLost
            If another worker has the run now.

        """
        with self._database.transaction() as tx:
            self._write_kept(tx)
            now = self._clock()
            if not run_store.finish(
                tx, self.run, state, now=now, reason=reason, size=self.size, **told
            ):
                raise ClaimLost
            orders.release_next(tx, self.run.project_id, self.run.order_key)
            if self.run.parent_id is not None:
                parents.wake_parent(tx, self.run.parent_id, now)

    def suspend(self, state: RunState, reason: str | None, **told: Any) -> None:
        """Let the run wait, or queue it again; raises as :meth:`finish` does."""
        with self._database.transaction() as tx:
            if not self._hold(tx):
                self._write_kept(tx)
                run_store.suspend(tx, self.run, state, reason=reason, size=self.size, **told)
                if parents.any_ended(tx, self._children()):
                    parents.wake_parent(tx, self.run.id, self._clock())
                return
        self.finish(RunState.CANCELLED, Reason.CANCELLED, response=told.get("response"))

    def _children(self) -> list[str]:
        """Return the runs that steps wait for."""
        last = [attempts[-1] for attempts in self._history.values()]
        return [
            one.output["run_id"]
            for one in last
            if one.step_type == "workflow" and one.state is AttemptState.WAITING
        ]

    @contextmanager
    def shared(self, shared: bool) -> Iterator[None]:
        """Say, if so, that steps within are under way at the same time."""
        before, self.is_shared = self.is_shared, self.is_shared or shared
        try:
            yield
        finally:
            self.is_shared = before

    def _hold(self, tx: Transaction) -> bool:
        """Make sure of the claim; say whether the run is to be cancelled."""
        cancel = run_store.held(tx, self.run.id, self.run.claim)
        if cancel is None:
            raise ClaimLost
        return cancel

    def _write_kept(self, tx: Transaction) -> None:
        with self._lock:
            notes, self._notes = self._notes, []
            ended, self._ended = self._ended, []
        try:
            for note in notes:
                store.put(tx, self.run.id, note)
            for attempt in ended:
                store.end(tx, self.run.id, attempt)
        except BaseException:
            with self._lock:
                self._notes, self._ended = notes + self._notes, ended + self._ended
            raise

    def _remember(self, attempt: Attempt) -> None:
        with self._lock:
            known = self._history.setdefault(attempt.path, [])
            if known and known[-1].number == attempt.number:
                known[-1] = attempt
            else:
                known.append(attempt)
