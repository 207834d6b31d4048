"""Walk through the steps of a definition for one run.

What has no effect outside is computed anew each time a run goes on; what has one is recorded and
read back. Both depend on the version, the trigger and the records alone, so a run comes to the
same place again wherever it was cut off.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow.conditions import holds
from workflow.definition import Definition, Step
from workflow.errors import ExpressionFailed, WorkflowError
from workflow.expressions import resolve
from workflow.fields import resolved
from workflow.functions import run_function
from workflow.journal import Journal
from workflow.loops import Rounds
from workflow.outside import Call, Failure, Outside, StepFailed
from workflow.recording import Perform, Recorder
from workflow.scope import Scope, opening
from workflow.signals import HandedOn, Stopped
from workflow.trial import Trial
from workflow.values import as_text, kind
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
        self._waiter = Waiter(journal, self._recorder, children, clock)
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
        if self._journal.run.parent_id is None:
            return None
        return self._recorder.plain(scope.last)

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
        return lambda: resolved(step, scope.data)

    def _pure(
        self, step: Step, scope: Scope, compute: Callable[[], Any], path: str | None = None
    ) -> Any:
        """Compute what has no effect outside; if it fails, note why."""
        try:
            return compute()
        except WorkflowError as error:
            failure = self._recorder.masked_failure(error)
            raise self._noted(path or scope.path(step.id), step, failure) from error

    def _noted(self, path: str, step: Step, failure: Failure) -> StepFailed:
        self._journal.note_failure(path, step.type, failure.told())
        failed = StepFailed(failure)
        failed.path = path
        return failed

    def _request(self, step: Step, scope: Scope) -> Any:
        run = self._journal.run
        own = self._definition.connector

        def perform(fields: Any, key: str) -> tuple[Any, int | None]:
            connector = fields.get("connector") or own
            if self._trial is not None and not self._trial.live:
                return self._trial.output(step, self._outside.presentable(fields)), None
            reply = self._outside.send(
                Call(
                    kind=step.type,
                    project_id=run.project_id,
                    user=run.user,
                    connection_id=run.connection_id if connector == own else "",
                    connector=connector,
                    fields=fields,
                    idempotency_key=key,
                    seconds=step.timeout or DEFAULT_TIMEOUT,
                )
            )
            output = {"status": reply.status, "headers": dict(reply.headers), "body": reply.body}
            return output, reply.status

        return self._recorded(step, scope, perform)

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

        return self._recorded(step, scope, perform)

    def _recorded(self, step: Step, scope: Scope, perform: Perform) -> Any:
        fields = self._fields(step, scope)
        return self._recorder.output(
            step, scope.path(step.id), fields, perform, guarded=scope.guards(step)
        )

    def _delay(self, step: Step, scope: Scope) -> Any:
        if self._trial is not None:
            return self._pure(step, scope, self._fields(step, scope))
        fields = self._fields(step, scope)
        return self._waiter.delay(step, scope.path(step.id), fields, guarded=scope.guards(step))

    def _workflow(self, step: Step, scope: Scope) -> Any:
        if self._trial is not None and not self._trial.live:
            fields = self._pure(step, scope, self._fields(step, scope))
            return self._trial.output(step, self._outside.presentable(fields))
        fields = self._fields(step, scope)
        return self._waiter.workflow(step, scope.path(step.id), fields, guarded=scope.guards(step))

    def _set(self, step: Step, scope: Scope) -> Any:
        values = self._pure(
            step, scope, lambda: resolve(step.fields["values"], scope.data, step=step.id)
        )
        shown = self._recorder.shown(values)
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
        steps = step.else_steps if place is None else step.branches[place].steps
        self._steps(steps, scope.within(step))
        return output

    def _response(self, step: Step, scope: Scope) -> Any:
        if self.response is not None:
            return {"sent": True}
        fields = self._pure(step, scope, self._fields(step, scope))
        # It is kept with the run, where nothing secret is.
        checked = self._pure(step, scope, lambda: _checked_response(fields))
        self.response = self._outside.without_secrets(checked)
        self._journal.note(
            scope.path(step.id), step.type, self._recorder.shown(fields), {"sent": True}
        )
        if self._answered and step is not self._definition.steps[-1]:
            raise HandedOn
        return {"sent": True}

    def _stop(self, step: Step, scope: Scope) -> Any:
        fields = self._pure(step, scope, self._fields(step, scope))
        reason = self._outside.without_secrets(as_text(fields.get("reason", "")))
        self._journal.note(scope.path(step.id), step.type, {"reason": reason}, None)
        raise Stopped(reason)

    def _fail(self, step: Step, scope: Scope) -> Any:
        fields = self._pure(step, scope, self._fields(step, scope))
        failure = Failure(
            kind="fail_step",
            code=as_text(fields.get("error", "failed_by_step")),
            message=self._outside.without_secrets(as_text(fields["message"])),
        )
        raise self._noted(scope.path(step.id), step, failure)

    def _for_each(self, step: Step, scope: Scope) -> Any:
        items = self._pure(step, scope, lambda: _items(resolve(step.fields["in"], scope.data)))
        collects = step.fields.get("on_item_error") == "collect"
        guarded = scope.guards(step) or collects

        def do(place: int) -> Any:
            inner = scope.item(step.id, place, items[place], guarded=guarded)
            self._steps(step.body, inner)
            if "result" not in step.fields:
                return inner.last
            path = inner.prefix.removesuffix(".")
            return self._pure(
                step,
                inner,
                lambda: resolve(step.fields["result"], inner.data, step=step.id),
                path=path,
            )

        with self._journal.shared(step.fields.get("at_once", 1) > 1):
            rounds = Rounds(do, len(items), collects=collects)
            results, failed = rounds.run(step.fields.get("at_once", 1))
        errors = [
            {"index": place, "item": items[place], "error": one.failure.told()}
            for place, one in failed.items()
        ]
        shown = {"count": len(items), "succeeded": len(results), "failed": len(errors)}
        self._journal.note(scope.path(step.id), step.type, None, shown)
        return {"items": results, "errors": errors, "count": len(items)}


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionFailed(f"for_each takes a list, not {kind(value)}.")
    if len(value) > MOST_ITEMS:
        raise ExpressionFailed(f"for_each takes {MOST_ITEMS:,} items at most, not {len(value):,}.")
    return value


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
