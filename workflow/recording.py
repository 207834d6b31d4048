"""Steps that act on something outside: attempted, recorded, tried again, never done twice.

An attempt is written before its effect and after it. One that has a beginning and no end was cut
off: maybe it was executed. It is made again with the same idempotency key, unless the step says
that it cannot bear that.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workflow.definition import Step
from workflow.errors import WorkflowError
from workflow.journal import Journal
from workflow.models import Attempt, AttemptState, Reason
from workflow.outside import Deferred, Failure, Outside, StepFailed
from workflow.signals import Suspended

#: Characters of JSON that one step may give.
LARGEST_OUTPUT = 1_000_000
LARGEST_INPUT_SHOWN = 200_000
_REASONS = {"rate_limit": Reason.RATE_LIMIT}

#: Does the step once, with its fields and idempotency key; gives output and status.
Perform = Callable[[Any, str], tuple[Any, int | None]]


class Recorder:
    """Makes the attempts of one run's steps."""

    def __init__(
        self, journal: Journal, outside: Outside, clock: Callable[[], float] = time.time
    ) -> None:
        self._journal = journal
        self._outside = outside
        self._clock = clock

    def output(
        self,
        step: Step,
        path: str,
        resolve: Callable[[], Any],
        perform: Perform,
        *,
        guarded: bool = False,
    ) -> Any:
        """Return what a step gave, now or before.

        ``guarded``: the run goes on when it fails, so that a retry of the run is not one of it.

        Raises
        ------
        StepFailed
            If its attempts are used up, or more would not mend it.
        Suspended
            If the next attempt is due later.

        """
        while True:
            history = self._journal.history(path)
            last = history[-1] if history else None
            if last is not None and last.state is AttemptState.SUCCEEDED:
                return last.output
            if last is not None and last.state is AttemptState.STARTED:
                self._cut_off(step, last)
                continue
            if last is not None and last.state is AttemptState.FAILED:
                self._wait_or_fail(step, path, history, guarded=guarded)
            number = 1 + sum(one.state is not AttemptState.DEFERRED for one in history)
            self._attempt(step, path, number, resolve, perform)

    def _cut_off(self, step: Step, attempt: Attempt) -> None:
        """Say of an attempt without an end that it may have been executed."""
        if step.on_interrupt == "repeat":
            self._journal.end(attempt, AttemptState.INTERRUPTED)
            return
        failure = Failure(
            kind="interrupted",
            code="step_interrupted",
            message="The worker ended while the step ran. It may have been executed.",
        )
        self._journal.end(attempt, AttemptState.FAILED, error=failure.told())

    def _wait_or_fail(
        self, step: Step, path: str, history: list[Attempt], *, guarded: bool
    ) -> None:
        """Return when another attempt is due."""
        last = history[-1]
        if last.round < self._journal.run.round and not guarded:
            return  # somebody asked for another try
        failure = Failure.from_told(last.error or {})
        number = sum(
            one.state is AttemptState.FAILED and (guarded or one.round == last.round)
            for one in history
        )
        if self._journal.run.is_test or not step.retry.retries(failure, number):
            raise StepFailed(failure)
        wait = step.retry.wait(number, failure.retry_after, f"{self._journal.run.id}:{path}")
        due_at = (last.finished_at or last.started_at) + wait
        if due_at > self._clock():
            reason = _REASONS.get(failure.kind, Reason.RETRY)
            raise Suspended(reason, due_at, {"step": path, "attempt": number + 1})

    def _attempt(
        self, step: Step, path: str, number: int, resolve: Callable[[], Any], perform: Perform
    ) -> None:
        attempt = self._new(step, path, number)
        try:
            fields = resolve()
        except WorkflowError as error:
            told, now = self.masked_failure(error).told(), self._clock()
            failed_attempt = replace(attempt, state=AttemptState.FAILED, error=told)
            self._journal.put(replace(failed_attempt, finished_at=now))
            return
        self._journal.put(replace(attempt, input=self.shown(fields)))
        try:
            output, status = perform(fields, idempotency_key(self._journal.run.id, path))
            output = self.plain(output)
        except StepFailed as failed:
            told = self._outside.without_secrets(failed.failure.told())
            self._journal.end(
                attempt, AttemptState.FAILED, error=told, status=failed.failure.status
            )
        except Deferred as deferred:
            self._defer(attempt, deferred)
        except Suspended as suspended:
            self._journal.end(attempt, AttemptState.WAITING, output=suspended.detail)
            raise
        else:
            self._journal.end(attempt, AttemptState.SUCCEEDED, output=output, status=status)

    def _new(self, step: Step, path: str, number: int) -> Attempt:
        run = self._journal.run
        return Attempt(
            path=path,
            number=number,
            round=run.round,
            claim=run.claim,
            step_type=step.type,
            state=AttemptState.STARTED,
            started_at=self._clock(),
        )

    def _defer(self, attempt: Attempt, deferred: Deferred) -> None:
        self._journal.end(
            attempt,
            AttemptState.DEFERRED,
            error={"code": deferred.reason, "message": deferred.message},
        )
        until = None if deferred.seconds is None else self._clock() + deferred.seconds
        raise Suspended(deferred.reason, until, {"step": attempt.path, "message": deferred.message})

    def masked_failure(self, error: WorkflowError) -> Failure:
        """Return what a step fails with whose fields have no value; secrets are masked."""
        failure = expression_failure(error)
        return Failure.from_told(self._outside.without_secrets(failure.told()))

    def holds_secrets(self, value: Any) -> bool:
        """Say whether JSON data hold the value of a secret."""
        return bool(self._outside.without_secrets(value) != value)

    def shown(self, fields: Any) -> Any:
        """Return what a step was given as people may see it, cut off if it is long."""
        presentable = self._outside.presentable(fields)
        text = json.dumps(presentable, ensure_ascii=False)
        self._journal.size += min(len(text), LARGEST_INPUT_SHOWN)
        if len(text) <= LARGEST_INPUT_SHOWN:
            return presentable
        return {"cut_off": text[:LARGEST_INPUT_SHOWN], "characters": len(text)}

    def plain(self, output: Any) -> Any:
        """Return a step's output as it will be read back: plain JSON, secrets masked.

        Raises
        ------
        StepFailed
            If it is too large or no JSON.

        """
        masked = self._outside.without_secrets(output)
        try:
            text = json.dumps(masked, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (ValueError, TypeError) as error:
            raise StepFailed(
                Failure(kind="invalid", code="output_invalid", message=f"No JSON: {error}.")
            ) from error
        if len(text) > LARGEST_OUTPUT:
            raise StepFailed(
                Failure(
                    kind="limit",
                    code="output_too_large",
                    message=f"The output has {len(text):,} characters; kept are at most "
                    f"{LARGEST_OUTPUT:,}. Ask for less, page by page.",
                )
            )
        self._journal.size += len(text)
        return json.loads(text)


def idempotency_key(run_id: str, path: str) -> str:
    """Return the key that marks every attempt at a step of a run as the same request."""
    return hashlib.sha256(f"{run_id}\0{path}".encode()).hexdigest()[:40]


def expression_failure(error: WorkflowError) -> Failure:
    """Return what a step fails with whose fields have no value."""
    return Failure(
        kind="expression", code=error.code, message=error.message, detail=dict(error.meta)
    )
