"""Workflows: push them, look at them, delete them."""

from __future__ import annotations

from typing import Any

import flask
import marshmallow
from marshmallow import fields

from connector.models import ApiKey
from connector.web.api import definitions
from connector.web.api.definitions import DefinitionSchema
from connector.web.api.fields import Flag, Shape
from connector.web.api.paging import whole
from connector.web.api.resource import Resource
from connector.web.api.workflow_schemas import (
    PushedSchema,
    WorkflowListSchema,
    WorkflowSchema,
    deployer,
    pushed_form,
)
from connector.web.guards import runtime
from workflow import checks
from workflow.errors import DefinitionInvalid
from workflow.schema import definition_schema
from workflow.store.workflows import Workflow

resource = Resource("Workflows", __name__, "What shall be done when something happens, as data.")


class PushSchema(DefinitionSchema):
    """A definition to be stored."""

    deploy = Flag(
        load_default=False, metadata={"description": "Put it into service at once as well."}
    )


class DefinitionFaultSchema(Shape):
    """What is wrong at one place of a definition."""

    pointer = fields.String(required=True)
    problem = fields.String(required=True)
    line = fields.Integer(metadata={"description": "Of the text, from 1."})
    step = fields.String(metadata={"description": "Id of the step that it is in."})


class VerdictSchema(Shape):
    """Whether a definition could be stored."""

    valid = fields.Boolean(required=True)
    faults = fields.List(fields.Nested(DefinitionFaultSchema), required=True)


class JsonSchemaSchema(marshmallow.Schema):
    """A JSON Schema, draft 2020-12."""

    class Meta:
        """It says itself what is in it."""

        unknown = marshmallow.INCLUDE


@resource.route("GET", "/workflows", scope="workflows:read", answer=WorkflowListSchema)
def list_workflows(key: ApiKey) -> dict[str, Any]:
    """List workflows."""
    return whole(runtime().engine.catalogue.workflows(key.project_id))


@resource.route(
    "POST",
    "/workflows",
    scope="workflows:write",
    body=PushSchema,
    answer=PushedSchema,
    fails=(400,),
)
def push_workflow(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:
    """Push a workflow.

    Stores the definition as the draft of the workflow that it names, which is made if it is new. A
    definition that is a version already makes no other. For `definition_invalid`, `meta.faults`
    names each fault, with its line if a text was sent.
    """
    catalogue = runtime().engine.catalogue
    try:
        version = catalogue.push(key.project_id, definitions.text_of(wanted))
    except DefinitionInvalid as error:
        raise definitions.told(error, wanted) from error
    if wanted["deploy"]:
        catalogue.deploy(
            key.project_id, version.workflow_id, version=version.hash, by=deployer(key)
        )
    return pushed_form(version, catalogue.workflow(key.project_id, version.workflow_id))


@resource.route(
    "POST",
    "/workflows/validate",
    scope="workflows:read",
    body=DefinitionSchema,
    answer=VerdictSchema,
    fails=(400,),
)
def validate_workflow(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Validate a definition.

    Says what pushing it would find wrong, and stores nothing.
    """
    try:
        checks.load(definitions.text_of(wanted))
    except DefinitionInvalid as error:
        return {"valid": False, "faults": definitions.faults_of(error, wanted)}
    return {"valid": True, "faults": []}


@resource.route("GET", "/workflow-schema", scope="workflows:read", answer=JsonSchemaSchema)
def get_workflow_schema(key: ApiKey) -> flask.Response:  # noqa: ARG001
    """Get the JSON Schema of definitions.

    It says what a definition looks like; pushing checks more, such as what expressions refer to.
    """
    return flask.jsonify(definition_schema())


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>",
    scope="workflows:read",
    answer=WorkflowSchema,
    fails=(404,),
)
def get_workflow(key: ApiKey, workflow_name: str) -> Workflow:
    """Get a workflow.

    By its name or its id, here as in all addresses.
    """
    return runtime().engine.catalogue.workflow(key.project_id, workflow_name)


@resource.route(
    "DELETE", "/workflows/<id:workflow_name>", scope="workflows:write", status=204, fails=(404,)
)
def delete_workflow(key: ApiKey, workflow_name: str) -> None:
    """Delete a workflow.

    With all its versions and runs; those that have not ended stop where they are.
    """
    runtime().engine.catalogue.delete(key.project_id, workflow_name)
