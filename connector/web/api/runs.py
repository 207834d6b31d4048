"""Runs: look at them."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.web.api.fields import Shape
from connector.web.api.paging import Cursor, PageQuery, page
from connector.web.api.resource import Resource
from connector.web.api.run_schemas import (
    RunFiltersSchema,
    RunListSchema,
    StepAttemptListSchema,
    WholeRunSchema,
    attempt_form,
    run_form,
    whole_run_form,
)
from connector.web.guards import runtime
from workflow.models import Run

resource = Resource("Runs", __name__, "What became of workflows that were started.")


class RunQuerySchema(PageQuery, RunFiltersSchema):
    """Which runs to list."""

    cursor = Cursor(str)


class AttemptQuerySchema(PageQuery):
    """Which attempts to list."""

    cursor = Cursor(int)


class RunCountsSchema(Shape):
    """How many runs are on their way."""

    queued = fields.Integer(required=True)
    running = fields.Integer(required=True)
    waiting = fields.Integer(required=True)


@resource.route(
    "GET",
    "/runs",
    scope="runs:read",
    query=RunQuerySchema,
    answer=RunListSchema,
    fails=(404,),
)
def list_runs(key: ApiKey, query: dict[str, Any]) -> dict[str, Any]:
    """List runs."""
    runs = runtime().engine.control.runs(
        key.project_id,
        filters(key.project_id, query),
        before=query.get("cursor", [None])[0],
        limit=query["limit"] + 1,
    )
    names = _names(key.project_id)
    return page(
        runs,
        query["limit"],
        lambda run: run_form(run, names.get(run.workflow_id, "")),
        lambda run: (run.id,),
    )


@resource.route("GET", "/run-counts", scope="runs:read", answer=RunCountsSchema)
def count_runs(key: ApiKey) -> dict[str, int]:
    """Count the runs that have not ended.

    By state. Those that have ended are many, and not counted.
    """
    return runtime().engine.control.counts(key.project_id)


@resource.route(
    "GET",
    "/runs/<id:run_id>",
    scope="runs:read",
    answer=WholeRunSchema,
    fails=(404,),
)
def get_run(key: ApiKey, run_id: str) -> dict[str, Any]:
    """Get a run.

    With what started it, what it knew of user, connection and settings, and what it answered.
    """
    return whole_form(runtime().engine.control.run(key.project_id, run_id))


@resource.route(
    "GET",
    "/runs/<id:run_id>/attempts",
    scope="runs:read",
    query=AttemptQuerySchema,
    answer=StepAttemptListSchema,
    fails=(404,),
)
def list_attempts(key: ApiKey, query: dict[str, Any], run_id: str) -> dict[str, Any]:
    """List the attempts at a run's steps.

    What each step was given and gave, with secrets masked.
    """
    skip = query.get("cursor", [0])[0]
    rows = runtime().engine.control.attempts(
        key.project_id, run_id, skip=skip, limit=query["limit"] + 1
    )
    following = skip + query["limit"]
    return page(rows, query["limit"], attempt_form, lambda _: (following,))


def filters(project_id: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return filters as the engine takes them.

    Raises
    ------
    WorkflowUnknown
        If they name a workflow that is not there.

    """
    found = {name: wanted[name] for name in RunFiltersSchema._declared_fields if name in wanted}
    if "workflow" in found:
        workflow = runtime().engine.catalogue.workflow(project_id, found.pop("workflow"))
        found["workflow_id"] = workflow.id
    return found


def whole_form(run: Run) -> dict[str, Any]:
    """Return a run with its documents and its workflow's name."""
    return whole_run_form(run, _names(run.project_id).get(run.workflow_id, ""))


def _names(project_id: str) -> dict[str, str]:
    return {one.id: one.name for one in runtime().engine.catalogue.workflows(project_id)}
