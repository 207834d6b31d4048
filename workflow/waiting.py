"""Steps that wait: a delay, and a workflow started by another. Nothing of them stays in memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from workflow.dates import timestamp
from workflow.definition import Step
from workflow.errors import ExpressionFailed, TriggerRefused, WorkflowError
from workflow.journal import Journal
from workflow.models import Attempt, AttemptState, Reason, Run, RunState
from workflow.outside import Failure, StepFailed
from workflow.recording import Recorder
from workflow.signals import Suspended
from workflow.values import is_number

LONGEST_DELAY = 366 * 86_400.0
#: A parent that was not woken looks by itself after so long.
_CHILD_LOOK_SECONDS = 60.0


_NOT_FOR_OTHERS = (
    "A secret cannot be given to another workflow, which would keep it with its run. That workflow "
    "can use <<secrets…>> itself."
)
Resolve = Callable[[], Mapping[str, Any]]


class Children(Protocol):
    """Starts workflows for runs and tells how they ended."""

    def start_child(self, parent: Run, key: str, workflow: str, trigger: Any) -> str:
        """Start a workflow for a run, once for each key; return the run's id."""

    def child(self, parent: Run, run_id: str) -> Run | None:
        """Return a run that was started so."""


class Waiter:
    """Makes one run's steps wait."""

    def __init__(
        self,
        journal: Journal,
        recorder: Recorder,
        children: Children,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._recorder = recorder
        self._children = children
        self._clock = clock

    def delay(self, step: Step, path: str, resolve: Resolve, *, guarded: bool = False) -> Any:
        """Return when a delay is over; ``guarded`` as for what is recorded.

        Raises
        ------
        Suspended
            Until it is.
        StepFailed
            If its length or moment is none.

        """
        attempt = self._latest(path, guarded=guarded)
        if attempt is not None and attempt.state is AttemptState.SUCCEEDED:
            return attempt.output
        if attempt is None or attempt.state is not AttemptState.WAITING:
            fields = self._resolved(step, path, resolve)
            until = self._until(step, path, fields)
            attempt = self._begin(step, path, dict(fields), {"until": until})
        until = float(attempt.output["until"])
        if self._clock() < until:
            raise Suspended(Reason.DELAY, until, {"step": path})
        return self._journal.end(attempt, AttemptState.SUCCEEDED, output=attempt.output).output

    def workflow(self, step: Step, path: str, resolve: Resolve, *, guarded: bool = False) -> Any:
        """Return what another workflow gave; raises as :meth:`delay` does."""
        attempt = self._latest(path, guarded=guarded)
        if attempt is not None and attempt.state is AttemptState.SUCCEEDED:
            return attempt.output
        if attempt is None or attempt.state is not AttemptState.WAITING:
            fields = self._resolved(step, path, resolve)
            run_id = self._start(step, path, fields)
            attempt = self._begin(step, path, dict(fields), {"run_id": run_id})
        run_id = attempt.output["run_id"]
        if not step.fields.get("wait", True):
            return self._journal.end(attempt, AttemptState.SUCCEEDED, output=attempt.output).output
        return self._ended_child(attempt, run_id)

    def _ended_child(self, attempt: Attempt, run_id: str) -> Any:
        child = self._children.child(self._journal.run, run_id)
        if child is not None and not child.state.is_final:
            raise Suspended(
                Reason.CHILD,
                self._clock() + _CHILD_LOOK_SECONDS,
                {"step": attempt.path, "run_id": run_id},
            )
        if child is not None and child.state is RunState.SUCCEEDED:
            output = {"run_id": run_id, "status": "succeeded", "output": child.output}
            return self._journal.end(attempt, AttemptState.SUCCEEDED, output=output).output
        state = "gone" if child is None else str(child.state)
        detail = {} if child is None else {"run_id": run_id, "reason": child.reason}
        failure = Failure(
            kind="workflow",
            code="workflow_failed",
            message=f"The workflow that was started {state}: run {run_id}.",
            detail=detail,
        )
        self._journal.end(attempt, AttemptState.FAILED, error=failure.told())
        raise StepFailed(failure)

    def _start(self, step: Step, path: str, fields: Mapping[str, Any]) -> str:
        run = self._journal.run
        try:
            if self._recorder.holds_secrets(fields):
                raise TriggerRefused(_NOT_FOR_OTHERS)
            return self._children.start_child(
                run, f"{path}#{run.round}", fields["workflow"], fields.get("input", {})
            )
        except WorkflowError as error:
            failure = Failure(kind="invalid", code=error.code, message=error.message)
            self._fail(step, path, failure)
            raise StepFailed(failure) from error

    def _latest(self, path: str, *, guarded: bool) -> Attempt | None:
        history = self._journal.history(path)
        if not history:
            return None
        last = history[-1]
        this_round = guarded or last.round == self._journal.run.round
        if last.state is AttemptState.FAILED and this_round:
            raise StepFailed(Failure.from_told(last.error or {}))
        return last

    def _resolved(self, step: Step, path: str, resolve: Resolve) -> Mapping[str, Any]:
        try:
            return resolve()
        except WorkflowError as error:
            failure = self._recorder.masked_failure(error)
            self._fail(step, path, failure)
            raise StepFailed(failure) from error

    def _until(self, step: Step, path: str, fields: Mapping[str, Any]) -> float:
        now = self._clock()
        try:
            if "seconds" in fields:
                seconds = fields["seconds"]
                if not is_number(seconds) or seconds < 0:
                    raise ExpressionFailed(f"A delay is a number of seconds, not {seconds!r}.")
                until = now + min(seconds, 2 * LONGEST_DELAY)
            else:
                until = float(timestamp(fields["until"]))
            if until - now > LONGEST_DELAY:
                raise ExpressionFailed("A delay is 366 days at most.")
        except WorkflowError as error:
            failure = self._recorder.masked_failure(error)
            self._fail(step, path, failure)
            raise StepFailed(failure) from error
        return float(until)

    def _begin(self, step: Step, path: str, given: Any, output: Any) -> Attempt:
        attempt = self._new(step, path, AttemptState.WAITING)
        attempt = replace(attempt, input=self._recorder.shown(given), output=output)
        self._journal.put(attempt, durable=True)
        return attempt

    def _fail(self, step: Step, path: str, failure: Failure) -> None:
        attempt = self._new(step, path, AttemptState.FAILED)
        self._journal.put(
            replace(attempt, error=failure.told(), finished_at=attempt.started_at), durable=True
        )

    def _new(self, step: Step, path: str, state: AttemptState) -> Attempt:
        run = self._journal.run
        return Attempt(
            path=path,
            number=len(self._journal.history(path)) + 1,
            round=run.round,
            claim=run.claim,
            step_type=step.type,
            state=state,
            started_at=self._clock(),
        )
