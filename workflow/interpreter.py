"""Walk through the steps of a definition for one run.

What has no effect outside is computed anew each time a run goes on; what has one is recorded and
read back. Both depend on the version, the trigger and the records alone, so a run comes to the
same place again wherever it was cut off.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from workflow.conditions import holds
from workflow.definition import Definition, Step
from workflow.errors import ExpressionFailed, WorkflowError
from workflow.expressions import resolve
from workflow.functions import run_function
from workflow.journal import Journal
from workflow.outside import Call, Failure, Outside, StepFailed
from workflow.recording import Recorder, expression_failure
from workflow.scope import Scope, opening
from workflow.signals import HandedOn, Stopped, Suspended, earliest
from workflow.trial import Trial
from workflow.values import kind
from workflow.waiting import Children, Waiter

MOST_ITEMS = 10_000
DEFAULT_TIMEOUT = 60.0
_FUNCTION_SECONDS = 5.0


@dataclass(slots=True)
class Outcome:
    """What a run came to when all its steps were done."""

    output: Any
    stopped: str | None = None


class Interpreter:
    """Takes one run as far as it goes."""

    def __init__(
        self,
        definition: Definition,
        journal: Journal,
        outside: Outside,
        children: Children,
        *,
        clock: Callable[[], float] = time.time,
        answered: bool = False,
        overdue: Callable[[], bool] = lambda: False,
    ) -> None:
        self._definition = definition
        self._journal = journal
        self._outside = outside
        self._recorder = Recorder(journal, outside, clock)
        self._waiter = Waiter(journal, children, clock)
        #: Somebody waits for the answer: the rest is done without them.
        self._answered = answered
        self._trial = Trial.of(journal.run)
        #: They have waited long enough.
        self._overdue = overdue
        self.response: Mapping[str, Any] | None = journal.run.response

    def run(self) -> Outcome:
        """Do the steps that are not done.

        Raises
        ------
        StepFailed
            If a step failed and the run with it.
        Suspended
            If it goes on later.
        HandedOn
            If somebody got the answer they wait for, or waits no longer, and steps remain.
        ClaimLost, Cancelled
            If it is no longer ours to run.

        """
        run = self._journal.run
        secrets = self._outside.secrets(run.project_id) if self._definition.uses_secrets else {}
        scope = opening(run, secrets)
        try:
            self._steps(self._definition.steps, scope)
        except Stopped as stopped:
            return Outcome(self._result(scope), stopped.reason or "")
        return Outcome(self._result(scope))

    def _result(self, scope: Scope) -> Any:
        if self.response is not None:
            return self.response.get("body")
        return scope.last if self._journal.run.parent_id is not None else None

    def _steps(self, steps: tuple[Step, ...], scope: Scope) -> None:
        for step in steps:
            if self._answered and steps is self._definition.steps and self._overdue():
                raise HandedOn
            self._step(step, scope)

    def _step(self, step: Step, scope: Scope) -> None:
        try:
            output = _TYPES[step.type](self, step, scope)
        except StepFailed as failed:
            if step.on_error == "fail":
                failed.path = failed.path or scope.path(step.id)
                raise
            scope.put(step.id, {"error": failed.failure.told()})
            self._steps(step.error_steps, scope)
        else:
            scope.put(step.id, output)

    def _fields(self, step: Step, scope: Scope) -> Callable[[], Any]:
        return lambda: {
            name: value if name in {"code", "connector"} else resolve(value, scope.data)
            for name, value in step.fields.items()
        }

    def _pure(self, step: Step, scope: Scope, compute: Callable[[], Any]) -> Any:
        """Compute what a step without effect gives; note it, or why it failed."""
        path = scope.path(step.id)
        try:
            return compute()
        except WorkflowError as error:
            failure = expression_failure(error)
            self._journal.note_failure(path, step.type, failure.told())
            raise StepFailed(failure) from error

    def _request(self, step: Step, scope: Scope) -> Any:
        run = self._journal.run

        def perform(fields: Any, key: str) -> tuple[Any, int | None]:
            if self._trial is not None and not self._trial.live:
                return self._trial.output(step, self._outside.presentable(fields)), None
            reply = self._outside.send(
                Call(
                    kind=step.type,
                    project_id=run.project_id,
                    user=run.user,
                    connection_id=run.connection_id,
                    connector=fields.get("connector") or self._definition.connector,
                    fields=fields,
                    idempotency_key=key,
                    seconds=step.timeout or DEFAULT_TIMEOUT,
                )
            )
            output = {"status": reply.status, "headers": dict(reply.headers), "body": reply.body}
            return output, reply.status

        return self._recorder.output(step, scope.path(step.id), self._fields(step, scope), perform)

    def _function(self, step: Step, scope: Scope) -> Any:
        def perform(fields: Any, _key: str) -> tuple[Any, int | None]:
            seconds = min(step.timeout or 1.0, _FUNCTION_SECONDS)
            try:
                return run_function(fields["code"], fields.get("input"), seconds=seconds), None
            except WorkflowError as error:
                failure = Failure(
                    kind="function",
                    code=error.code,
                    message=error.message,
                    detail=dict(error.meta),
                )
                raise StepFailed(failure) from error

        return self._recorder.output(step, scope.path(step.id), self._fields(step, scope), perform)

    def _delay(self, step: Step, scope: Scope) -> Any:
        if self._trial is not None:
            return self._pure(step, scope, self._fields(step, scope))
        return self._waiter.delay(step, scope.path(step.id), self._fields(step, scope))

    def _workflow(self, step: Step, scope: Scope) -> Any:
        if self._trial is not None and not self._trial.live:
            fields = self._pure(step, scope, self._fields(step, scope))
            return self._trial.output(step, self._outside.presentable(fields))
        return self._waiter.workflow(step, scope.path(step.id), self._fields(step, scope))

    def _set(self, step: Step, scope: Scope) -> Any:
        values = self._pure(step, scope, lambda: resolve(step.fields["values"], scope.data))
        shown = self._outside.presentable(values)
        self._journal.note(scope.path(step.id), step.type, None, shown)
        return values

    def _condition(self, step: Step, scope: Scope) -> Any:
        def chosen() -> int | None:
            for place, branch in enumerate(step.branches):
                try:
                    if holds(branch.condition, scope.data):
                        return place
                except WorkflowError as error:
                    message = f"Branch {place + 1}: {error.message}"
                    raise type(error)(message, **error.meta) from error
            return None

        place = self._pure(step, scope, chosen)
        output = {"branch": "else" if place is None else place}
        self._journal.note(scope.path(step.id), step.type, None, output)
        scope.put(step.id, output)
        self._steps(step.else_steps if place is None else step.branches[place].steps, scope)
        return output

    def _response(self, step: Step, scope: Scope) -> Any:
        if self.response is not None:
            return {"sent": True}
        fields = self._pure(step, scope, self._fields(step, scope))
        self.response = self._pure(step, scope, lambda: _checked_response(fields))
        self._journal.note(
            scope.path(step.id), step.type, self._outside.presentable(fields), {"sent": True}
        )
        if self._answered and step is not self._definition.steps[-1]:
            raise HandedOn
        return {"sent": True}

    def _stop(self, step: Step, scope: Scope) -> Any:
        fields = self._pure(step, scope, self._fields(step, scope))
        self._journal.note(scope.path(step.id), step.type, fields, None)
        raise Stopped(str(fields.get("reason", "")))

    def _fail(self, step: Step, scope: Scope) -> Any:
        fields = self._pure(step, scope, self._fields(step, scope))
        failure = Failure(
            kind="invalid",
            code=str(fields.get("error", "failed_by_step")),
            message=str(fields["message"]),
        )
        self._journal.note_failure(scope.path(step.id), step.type, failure.told())
        raise StepFailed(failure)

    def _for_each(self, step: Step, scope: Scope) -> Any:
        items = self._pure(step, scope, lambda: _items(resolve(step.fields["in"], scope.data)))
        rounds = [scope.item(step.id, index, item) for index, item in enumerate(items)]
        outcomes = self._rounds(step, rounds)
        suspended = [one for one in outcomes if isinstance(one, Suspended)]
        if suspended:
            raise earliest(suspended)
        collects = step.fields.get("on_item_error") == "collect"
        errors = [
            {"index": index, "item": items[index], "error": one.failure.told()}
            for index, one in enumerate(outcomes)
            if isinstance(one, StepFailed)
        ]
        if errors and not collects:
            raise next(one for one in outcomes if isinstance(one, StepFailed))
        results = [
            self._pure(step, inner, lambda inner=inner: _collected(step, inner))  # type: ignore[misc]
            for inner, one in zip(rounds, outcomes, strict=True)
            if not isinstance(one, StepFailed)
        ]
        output = {"items": results, "errors": errors, "count": len(items)}
        shown = {"count": len(items), "succeeded": len(results), "failed": len(errors)}
        self._journal.note(scope.path(step.id), step.type, None, shown)
        return output

    def _rounds(self, step: Step, rounds: list[Scope]) -> list[Exception | None]:
        """Do the steps for every item, some at once; after a failure that counts, no more."""
        stops = step.fields.get("on_item_error") != "collect"
        failed = False

        def one(inner: Scope) -> Exception | None:
            nonlocal failed
            if failed:
                return None
            try:
                self._steps(step.body, inner)
            except (StepFailed, Suspended) as error:
                failed = failed or (stops and isinstance(error, StepFailed))
                return error
            return None

        at_once = step.fields.get("at_once", 1)
        if at_once == 1 or len(rounds) < 2:
            return [one(inner) for inner in rounds]
        shared, self._journal.is_shared = self._journal.is_shared, True
        try:
            with ThreadPoolExecutor(min(at_once, len(rounds)), "item") as pool:
                return list(pool.map(one, rounds))
        finally:
            self._journal.is_shared = shared


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionFailed(f"for_each takes a list, not {kind(value)}.")
    if len(value) > MOST_ITEMS:
        raise ExpressionFailed(f"for_each takes {MOST_ITEMS:,} items at most, not {len(value):,}.")
    return value


def _collected(step: Step, inner: Scope) -> Any:
    if "result" in step.fields:
        return resolve(step.fields["result"], inner.data)
    return inner.last


def _checked_response(fields: Mapping[str, Any]) -> dict[str, Any]:
    status = fields.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise ExpressionFailed(f"A response's status is from 200 to 599, not {status!r:.40}.")
    headers = {
        str(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in fields.get("headers", {}).items()
    }
    return {"status": status, "headers": headers, "body": fields.get("body")}


_TYPES: dict[str, Callable[[Interpreter, Step, Scope], Any]] = {
    "request": Interpreter._request,
    "action": Interpreter._request,
    "http": Interpreter._request,
    "function": Interpreter._function,
    "delay": Interpreter._delay,
    "workflow": Interpreter._workflow,
    "set": Interpreter._set,
    "condition": Interpreter._condition,
    "for_each": Interpreter._for_each,
    "response": Interpreter._response,
    "stop": Interpreter._stop,
    "fail": Interpreter._fail,
}
