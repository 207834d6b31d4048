"""What runs and the attempts at their steps look like in our API, secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from connector.redaction import redact, redact_text
from connector.web.api.fields import Json, Moment, Shape, Text, Time
from connector.web.api.paging import next_cursor_field
from connector.web.api.schemas import external_id_field
from workflow.models import Attempt, AttemptState, Reason, Run, RunState

STATES = [state.value for state in RunState]


class RunFiltersSchema(Shape):
    """Which runs are meant: those that all of it is true of."""

    workflow = Text(longest=64, metadata={"description": "Name or id of a workflow."})
    user = external_id_field("The id that the host product gave the user.")
    state = fields.String(validate=validate.OneOf(STATES))
    reason = fields.String(validate=validate.OneOf([reason.value for reason in Reason]))
    after = Moment(metadata={"description": "Those accepted at this time or later."})
    until = Moment(metadata={"description": "Those accepted before this time."})


class RunSchema(Shape):
    """One execution of a version of a workflow."""

    id = fields.String(required=True)
    workflow = fields.String(required=True, metadata={"description": "The workflow's name."})
    workflow_id = fields.String(required=True)
    version = fields.String(required=True, metadata={"description": "Hash of the version."})
    user = fields.String(
        required=True, allow_none=True, metadata={"description": "Null: it runs for the project."}
    )
    connection_id = fields.String(required=True, allow_none=True)
    trigger_type = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Why it waits, or ended as it did."},
    )
    detail = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "More on the reason, such as the step and its error."},
    )
    cancel_requested = fields.Boolean(required=True)
    is_test = fields.Boolean(required=True)
    round = fields.Integer(
        required=True, metadata={"description": "How often it was retried by hand."}
    )
    interruptions = fields.Integer(
        required=True, metadata={"description": "How often its worker was lost."}
    )
    replay_of = fields.String(
        required=True, allow_none=True, metadata={"description": "The run that it replays."}
    )
    parent_id = fields.String(
        required=True, allow_none=True, metadata={"description": "The run that started it."}
    )
    due_at = Time(
        required=True, allow_none=True, metadata={"description": "When a wait is over at last."}
    )
    created_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class RunListSchema(Shape):
    """A page of runs, newest first."""

    items = fields.List(fields.Nested(RunSchema), required=True)
    next_cursor = next_cursor_field()


class WholeRunSchema(RunSchema):
    """A run with what it was given and gave."""

    trigger = Json(required=True, metadata={"description": "What started it."})
    context = fields.Dict(
        required=True,
        metadata={"description": "User, connection and settings when it was accepted."},
    )
    response = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "What its response step answered: status, headers, body."},
    )
    output = fields.Raw(required=True, allow_none=True)


class StepAttemptSchema(Shape):
    """One try of a step of a run."""

    step = fields.String(
        required=True,
        metadata={"description": "Ids of steps from the outside in, such as `each[3].send`."},
    )
    number = fields.Integer(required=True)
    round = fields.Integer(
        required=True, metadata={"description": "The run's, when the attempt was made."}
    )
    type = fields.String(required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf([state.value for state in AttemptState]),
        metadata={"description": "`interrupted`: its worker was lost; maybe executed."},
    )
    input = fields.Raw(required=True, allow_none=True)
    output = fields.Raw(required=True, allow_none=True)
    error = fields.Dict(required=True, allow_none=True)
    status = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "The HTTP status of a request, if it was answered."},
    )
    started_at = Time(required=True)
    finished_at = Time(required=True, allow_none=True)


class StepAttemptListSchema(Shape):
    """A page of attempts, in the order in which they began."""

    items = fields.List(fields.Nested(StepAttemptSchema), required=True)
    next_cursor = next_cursor_field()


def run_form(run: Run, workflow: str) -> dict[str, Any]:
    """Return a run without its documents."""
    values = {name: getattr(run, name) for name in RunSchema._declared_fields if name != "workflow"}
    return {
        **values,
        "workflow": workflow,
        "user": run.user or None,
        "connection_id": run.connection_id or None,
        "state": run.state.value,
        "reason": None if run.reason is None else str(run.reason),
        "detail": None if run.detail is None else shown_failure(run.detail),
    }


def whole_run_form(run: Run, workflow: str) -> dict[str, Any]:
    """Return a run with its documents, secrets masked."""
    return {
        **run_form(run, workflow),
        "trigger": redact(run.trigger),
        "context": redact(run.context),
        "response": redact(run.response),
        "output": redact(run.output),
    }


def attempt_form(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt, secrets masked."""
    return {
        "step": attempt.path,
        "number": attempt.number,
        "round": attempt.round,
        "type": attempt.step_type,
        "state": attempt.state.value,
        "input": redact(attempt.input),
        "output": redact(attempt.output),
        "error": None if attempt.error is None else shown_failure(attempt.error),
        "status": attempt.status,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
    }


def shown_failure(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what went wrong with secrets masked; its own code is none, for all its name."""
    shown: dict[str, Any] = redact(told)
    if isinstance(told.get("code"), str):
        shown["code"] = redact_text(told["code"])
    if isinstance(told.get("error"), Mapping):
        shown["error"] = shown_failure(told["error"])
    return shown
