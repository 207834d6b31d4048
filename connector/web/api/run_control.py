"""Runs: steer them, one or many at a time."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from connector.models import ApiKey
from connector.web.api.fields import Flag, Json, Shape
from connector.web.api.resource import Resource
from connector.web.api.run_schemas import RunFiltersSchema, WholeRunSchema
from connector.web.api.runs import filters, whole_form
from connector.web.guards import runtime

resource = Resource("Steering runs", __name__, "Cancel runs, go on with them, do them anew.")
_MOST_AT_ONCE = 1000


class RetrySchema(Shape):
    """How to go on."""

    newest = Flag(
        load_default=False,
        metadata={"description": "On the version in service; else on the run's own."},
    )


class ReplaySchema(Shape):
    """What the new run is started by."""

    trigger = Json(
        metadata={"description": "Other data than the run's; left out or null: its own."}
    )


class BulkSchema(Shape):
    """What to do with which runs."""

    action = fields.String(required=True, validate=validate.OneOf(["cancel", "retry", "replay"]))
    filters = fields.Nested(RunFiltersSchema, load_default=dict)
    limit = fields.Integer(strict=True, load_default=100, validate=validate.Range(1, _MOST_AT_ONCE))
    dry_run = Flag(load_default=False, metadata={"description": "Only say which runs it would be."})


class BulkAnswerSchema(Shape):
    """Which runs it was, newest first."""

    runs = fields.List(fields.String(), required=True)
    dry_run = fields.Boolean(required=True)


@resource.route(
    "POST",
    "/runs/<id:run_id>/cancel",
    scope="runs:write",
    answer=WholeRunSchema,
    status=202,
    fails=(404, 409),
)
def cancel_run(key: ApiKey, run_id: str) -> dict[str, Any]:
    """Cancel a run.

    One that is running ends after the step that it is at.
    """
    return whole_form(runtime().engine.control.cancel(key.project_id, run_id))


@resource.route(
    "POST",
    "/runs/<id:run_id>/retry",
    scope="runs:write",
    body=RetrySchema,
    answer=WholeRunSchema,
    status=202,
    fails=(400, 404, 409),
)
def retry_run(key: ApiKey, wanted: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Retry a run.

    Goes on with a run that failed or was cancelled, from the step where it ended. `version_unfit`:
    steps that it has done are different in the version in service; `meta.differences` says which.
    """
    control = runtime().engine.control
    return whole_form(control.retry(key.project_id, run_id, newest=wanted["newest"]))


@resource.route(
    "POST",
    "/runs/<id:run_id>/replay",
    scope="runs:write",
    body=ReplaySchema,
    answer=WholeRunSchema,
    status=202,
    fails=(400, 404, 409),
)
def replay_run(key: ApiKey, wanted: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Replay a run.

    Starts a new run on the version in service, from the beginning.
    """
    control = runtime().engine.control
    return whole_form(control.replay(key.project_id, run_id, trigger=wanted.get("trigger")))


@resource.route(
    "POST",
    "/runs/bulk",
    scope="runs:write",
    body=BulkSchema,
    answer=BulkAnswerSchema,
    fails=(400, 404, 409),
)
def steer_runs(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:
    """Cancel, retry or replay many runs.

    The newest of those that match and that it can be done with, up to the limit.
    """
    chosen = runtime().engine.control.in_bulk(
        key.project_id,
        wanted["action"],
        filters(key.project_id, wanted["filters"]),
        limit=wanted["limit"],
        dry=wanted["dry_run"],
    )
    return {"runs": chosen, "dry_run": wanted["dry_run"]}
