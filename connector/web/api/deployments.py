"""Versions of workflows, and which of them is in service."""

from __future__ import annotations

from typing import Any

from connector.models import ApiKey
from connector.web.api.fields import Shape, Text
from connector.web.api.paging import Cursor, PageQuery, page, whole
from connector.web.api.resource import Resource
from connector.web.api.workflow_schemas import (
    DeploymentListSchema,
    PushedSchema,
    VersionListSchema,
    WholeVersionSchema,
    WorkflowSchema,
    deployer,
    pushed_form,
    version_form,
)
from connector.web.guards import runtime
from workflow.store.workflows import Workflow

resource = Resource(
    "Versions", __name__, "What a workflow was at each time, and which version is in service."
)
_NAMES = "`draft`, `deployed`, its number, or how its hash begins"


class VersionQuerySchema(PageQuery):
    """Which versions to list."""

    cursor = Cursor(int)


class DeploySchema(Shape):
    """Which version to put into service."""

    version = Text(
        longest=64, load_default="draft", metadata={"description": f"Which one: {_NAMES}."}
    )


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/versions",
    scope="workflows:read",
    query=VersionQuerySchema,
    answer=VersionListSchema,
    fails=(404,),
)
def list_versions(key: ApiKey, query: dict[str, Any], workflow_name: str) -> dict[str, Any]:
    """List a workflow's versions."""
    catalogue = runtime().engine.catalogue
    workflow = catalogue.workflow(key.project_id, workflow_name)
    before = query.get("cursor", [float("inf")])[0]
    rows = [one for one in catalogue.versions(key.project_id, workflow.id) if one.number < before]
    return page(
        rows[: query["limit"] + 1],
        query["limit"],
        lambda row: version_form(row, workflow),
        lambda row: (row.number,),
    )


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/versions/<id:version>",
    scope="workflows:read",
    answer=WholeVersionSchema,
    fails=(404,),
)
def get_version(key: ApiKey, workflow_name: str, version: str) -> dict[str, Any]:
    """Get a version.

    By `draft`, `deployed`, its number, or how its hash begins (six characters or more).
    """
    catalogue = runtime().engine.catalogue
    found = catalogue.version(key.project_id, workflow_name, version)
    return {
        **version_form(found, catalogue.workflow(key.project_id, found.workflow_id)),
        "definition": found.document,
        "text": catalogue.pull(key.project_id, found.workflow_id, found.hash),
    }


@resource.route(
    "POST",
    "/workflows/<id:workflow_name>/deploy",
    scope="workflows:write",
    body=DeploySchema,
    answer=PushedSchema,
    fails=(400, 404),
)
def deploy_workflow(key: ApiKey, wanted: dict[str, Any], workflow_name: str) -> dict[str, Any]:
    """Deploy a workflow.

    Puts a version into service: the draft unless told otherwise. An earlier one rolls back. Runs
    that there are keep the version that they began with.
    """
    catalogue = runtime().engine.catalogue
    found = catalogue.deploy(
        key.project_id, workflow_name, version=wanted["version"], by=deployer(key)
    )
    return pushed_form(found, catalogue.workflow(key.project_id, found.workflow_id))


@resource.route(
    "POST",
    "/workflows/<id:workflow_name>/withdraw",
    scope="workflows:write",
    answer=WorkflowSchema,
    fails=(404,),
)
def withdraw_workflow(key: ApiKey, workflow_name: str) -> Workflow:
    """Withdraw a workflow.

    Takes it out of service: nothing starts it any more. Runs that there are go on.
    """
    catalogue = runtime().engine.catalogue
    catalogue.withdraw(key.project_id, workflow_name, by=deployer(key))
    return catalogue.workflow(key.project_id, workflow_name)


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/deployments",
    scope="workflows:read",
    answer=DeploymentListSchema,
    fails=(404,),
)
def list_deployments(key: ApiKey, workflow_name: str) -> dict[str, Any]:
    """List a workflow's deployments.

    What was put into service when and by whom.
    """
    return whole(runtime().engine.catalogue.deployments(key.project_id, workflow_name))
