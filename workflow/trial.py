"""Try a workflow, or one step of it, with sample data before it is in service.

Nothing is sent unless asked for: a step that would act on something outside gives its sample, or
an empty answer with the request that it would have sent. There are no retries, delays are over at
once, nobody is told of failures, and no other run waits for the one that is tried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow import accepting
from workflow.database import Database
from workflow.definition import Definition, Step
from workflow.errors import DefinitionInvalid, WorkflowError
from workflow.fields import resolved
from workflow.functions import run_function
from workflow.models import Run
from workflow.outside import Call, Deferred, Failure, Outside, StepFailed
from workflow.recording import expression_failure, idempotency_key
from workflow.store import runs as run_store
from workflow.store.workflows import Workflow

_STEP_SECONDS = 30.0
_SENT = frozenset({"request", "action", "http"})


@dataclass(frozen=True, slots=True)
class Trial:
    """How a run is tried; kept in its context."""

    #: Requests are sent.
    live: bool
    #: What steps give instead, by id.
    samples: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run) -> Trial | None:
        """Return how a run is tried; nothing if it is meant."""
        told = run.context.get("trial") if run.is_test else None
        return cls(told["live"], told["samples"]) if told else None

    def output(self, step: Step, shown: Any) -> Any:
        """Return what a step gives without being sent."""
        if step.id in self.samples:
            return self.samples[step.id]
        return {"status": 200, "headers": {}, "body": None, "not_sent": shown}


class Trials:
    """Use cases of trying."""

    def __init__(
        self,
        database: Database,
        outside: Outside,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outside = outside
        self._wake = wake
        self._clock = clock

    def start(
        self,
        workflow: Workflow,
        definition: Definition,
        *,
        user: str,
        trigger: Any = None,
        settings: Mapping[str, Any] | None = None,
        samples: Mapping[str, Any] | None = None,
        live: bool = False,
    ) -> Run:
        """Accept a run of any version; without a trigger it has the trigger's example.

        Raises
        ------
        TriggerRefused
            If the trigger's data do not fit.

        """
        person = self._outside.person(workflow.project_id, user, definition.connector)
        run = accepting.new_run(
            definition,
            project_id=workflow.project_id,
            workflow_id=workflow.id,
            user=user,
            person=person,
            settings=settings or {},
            trigger=definition.trigger.get("example", {}) if trigger is None else trigger,
            clock=self._clock,
            is_test=True,
            trial={"live": live, "samples": dict(samples or {})},
        )
        with self._database.transaction() as tx:
            run_store.accept(tx, run)
        self._wake()
        return run

    def step(
        self,
        project_id: str,
        definition: Definition,
        step_id: str,
        data: Mapping[str, Any],
        *,
        user: str,
        live: bool = False,
    ) -> dict[str, Any]:
        """Do one step with given data; return its input, and its output or error.

        ``data`` holds what its expressions refer to, by root.

        Raises
        ------
        DefinitionInvalid
            If there is no such step, or it is of a kind that does nothing by itself.

        """
        step = definition.step(step_id)
        if step is None or step.type not in {*_SENT, "function", "set"}:
            raise DefinitionInvalid(f"There is no step {step_id!r} that can be tried alone.")
        try:
            fields = self._fields(project_id, definition, step, data)
        except WorkflowError as error:
            return {"error": expression_failure(error).told()}
        told = {"input": self._outside.presentable(fields)}
        if step.type in _SENT and not live:
            return told
        try:
            output = self._done(project_id, definition, step, fields, user)
        except StepFailed as failed:
            return told | {"error": self._shown(failed.failure)}
        except Deferred as deferred:
            return told | {"error": {"code": deferred.reason, "message": deferred.message}}
        except WorkflowError as error:
            return told | {"error": expression_failure(error).told()}
        return told | {"output": self._outside.presentable(output)}

    def _shown(self, failure: Failure) -> dict[str, Any]:
        """Return a failure as people may see it; its own code is no secret, for all its name."""
        return {**self._outside.presentable(failure.told()), "code": failure.code}

    def _fields(
        self, project_id: str, definition: Definition, step: Step, data: Mapping[str, Any]
    ) -> dict[str, Any]:
        roots = {
            "steps": {},
            "settings": definition.setting_defaults(),
            "run": {"id": "trial", "created_at": self._clock(), "is_test": True},
            **data,
            "secrets": self._outside.secrets(project_id),
        }
        return resolved(step, roots)

    def _done(
        self, project_id: str, definition: Definition, step: Step, fields: Any, user: str
    ) -> Any:
        if step.type == "set":
            return fields["values"]
        if step.type == "function":
            return run_function(fields["code"], fields.get("input"))
        connector = step.fields.get("connector") or definition.connector
        person = self._outside.person(project_id, user, connector)
        reply = self._outside.send(
            Call(
                kind=step.type,
                project_id=project_id,
                user=user,
                connection_id=person.connection_id,
                connector=connector,
                fields=fields,
                idempotency_key=idempotency_key(f"trial:{self._clock()}", step.id),
                seconds=step.timeout or _STEP_SECONDS,
            )
        )
        return {"status": reply.status, "headers": dict(reply.headers), "body": reply.body}
