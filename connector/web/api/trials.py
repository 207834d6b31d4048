"""Try a workflow, or one step of it, with sample data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.web.api.fields import Flag, Json, Shape, Text
from connector.web.api.resource import Resource
from connector.web.api.run_schemas import WholeRunSchema
from connector.web.api.runs import whole_form
from connector.web.api.schemas import external_id_field
from connector.web.guards import runtime
from workflow.catalogue import check_settings

resource = Resource(
    "Trials",
    __name__,
    "Try workflows before they are in service. Nothing is sent unless asked for.",
)
_LIVE = "Send requests; else a step that would send one says which."


class StepTrialSchema(Shape):
    """What one step is tried with."""

    version = Text(longest=64, load_default="draft")
    user = external_id_field("The user whose connection is used, if it is live.")
    data = fields.Dict(
        keys=Text(longest=64),
        values=Json(),
        load_default=dict,
        metadata={"description": "What expressions refer to, by root, such as `trigger`, `steps`."},
    )
    live = Flag(load_default=False, metadata={"description": _LIVE})


class TrialSchema(Shape):
    """What a workflow is tried with."""

    version = Text(longest=64, load_default="draft")
    user = external_id_field("The user for whom it runs; left out: the project.")
    data = Json(
        metadata={"description": "What `<<trigger>>` stands for; left out: the trigger's example."}
    )
    settings = fields.Dict(keys=Text(longest=64), values=Json(), load_default=dict)
    samples = fields.Dict(
        keys=Text(longest=64),
        values=Json(),
        load_default=dict,
        metadata={"description": "What steps give instead of sending, by their ids."},
    )
    live = Flag(load_default=False, metadata={"description": _LIVE})


class StepOutcomeSchema(Shape):
    """What came of a step, secrets masked."""

    input = fields.Raw(metadata={"description": "What its fields came to."})
    output = fields.Raw(allow_none=True)
    error = fields.Dict()


@resource.route(
    "POST",
    "/workflows/<id:workflow_name>/trials",
    scope="runs:write",
    body=TrialSchema,
    answer=WholeRunSchema,
    status=202,
    fails=(400, 404),
)
def try_workflow(key: ApiKey, wanted: dict[str, Any], workflow_name: str) -> dict[str, Any]:
    """Try a workflow.

    Runs a version, the draft unless told otherwise, as a test: no retries, no waiting, no notices.
    Look at the run and its attempts as at any other.
    """
    engine = runtime().engine
    definition = engine.catalogue.definition(key.project_id, workflow_name, wanted["version"])
    run = engine.trials.start(
        engine.catalogue.workflow(key.project_id, workflow_name),
        definition,
        user=wanted.get("user", ""),
        trigger=wanted.get("data"),
        settings=check_settings(definition, wanted["settings"], complete=False),
        samples=wanted["samples"],
        live=wanted["live"],
    )
    return whole_form(run)


@resource.route(
    "POST",
    "/workflows/<id:workflow_name>/steps/<id:step_id>/trials",
    scope="runs:write",
    body=StepTrialSchema,
    answer=StepOutcomeSchema,
    fails=(400, 404),
)
def try_step(
    key: ApiKey, wanted: dict[str, Any], workflow_name: str, step_id: str
) -> Mapping[str, Any]:
    """Try a step.

    Does one step with the given data: what its fields come to, and its output or error. A request
    that is not live has neither.
    """
    engine = runtime().engine
    return engine.trials.step(
        key.project_id,
        engine.catalogue.definition(key.project_id, workflow_name, wanted["version"]),
        step_id,
        wanted["data"],
        user=wanted.get("user", ""),
        live=wanted["live"],
    )
