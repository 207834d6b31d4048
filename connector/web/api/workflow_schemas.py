"""What workflows, their versions and deployments look like in our API."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.web.api.fields import Shape, Time
from connector.web.api.paging import next_cursor_field
from workflow.store.workflows import Version, Workflow


class WorkflowSchema(Shape):
    """A workflow, whatever its versions."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    draft = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Hash of the version that was pushed last."},
    )
    deployed = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Hash of the version in service; null if none is."},
    )
    created_at = Time(required=True)
    updated_at = Time(required=True)


class WorkflowListSchema(Shape):
    """Every workflow of the project, by name."""

    items = fields.List(fields.Nested(WorkflowSchema), required=True)
    next_cursor = next_cursor_field()


class VersionSchema(Shape):
    """A version of a workflow; it never changes."""

    number = fields.Integer(required=True)
    hash = fields.String(
        required=True, metadata={"description": "The same for the same definition."}
    )
    is_draft = fields.Boolean(required=True)
    is_deployed = fields.Boolean(required=True)
    created_at = Time(required=True)


class VersionListSchema(Shape):
    """A page of a workflow's versions, newest first."""

    items = fields.List(fields.Nested(VersionSchema), required=True)
    next_cursor = next_cursor_field()


class WholeVersionSchema(VersionSchema):
    """A version with what it says."""

    definition = fields.Dict(keys=fields.String(), required=True)
    text = fields.String(
        required=True, metadata={"description": "As it was pushed, comments and all."}
    )


class PushedSchema(Shape):
    """A workflow and the version that is its draft now."""

    workflow = fields.Nested(WorkflowSchema, required=True)
    version = fields.Nested(VersionSchema, required=True)


class DeploymentSchema(Shape):
    """A version that was put into service, or that the workflow was taken out of it."""

    hash = fields.String(
        required=True, allow_none=True, metadata={"description": "Null: taken out of service."}
    )
    deployed_by = fields.String(required=True)
    deployed_at = Time(required=True)


class DeploymentListSchema(Shape):
    """The latest 200 deployments, newest first."""

    items = fields.List(fields.Nested(DeploymentSchema), required=True)
    next_cursor = next_cursor_field()


def version_form(version: Version, workflow: Workflow) -> dict[str, Any]:
    """Return a version without what it says."""
    return {
        "number": version.number,
        "hash": version.hash,
        "is_draft": version.hash == workflow.draft,
        "is_deployed": version.hash == workflow.deployed,
        "created_at": version.created_at,
    }


def pushed_form(version: Version, workflow: Workflow) -> dict[str, Any]:
    """Return a workflow with one version of it."""
    return {
        "workflow": dataclasses.asdict(workflow),
        "version": version_form(version, workflow),
    }


def deployer(key: ApiKey) -> str:
    """Return who deploys, for the log of deployments."""
    return f"API key {key.name}"
