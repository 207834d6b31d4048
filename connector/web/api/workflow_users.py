"""Who has a workflow switched on, with which settings."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.store import users as user_store
from connector.web.api.fields import Flag, Json, Shape, Text, Time
from connector.web.api.resource import Resource
from connector.web.guards import runtime
from workflow.errors import SettingsInvalid

resource = Resource(
    "Switches", __name__, "For whom a workflow is switched on, and the settings that they chose."
)


class SwitchSchema(Shape):
    """Whether a workflow is switched on, and what was chosen."""

    enabled = fields.Boolean(required=True)
    settings = fields.Dict(required=True)
    updated_at = Time(required=True, allow_none=True, metadata={"description": "Null: never set."})


class NewSwitchSchema(Shape):
    """What a switch shall be."""

    enabled = Flag(required=True)
    settings = fields.Dict(
        keys=Text(longest=64),
        values=Json(),
        load_default=dict,
        metadata={"description": "Settings by id; those that are left out stay, null removes one."},
    )


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/users/<external_id:external_id>",
    scope="workflows:read",
    answer=SwitchSchema,
    fails=(404,),
)
def get_user_switch(key: ApiKey, workflow_name: str, external_id: str) -> dict[str, Any]:
    """Get whether a user has a workflow switched on.

    Percent-encode the user's id, slashes too. One who never switched it has it off.
    """
    return _switch(key, workflow_name, external_id)


@resource.route(
    "PUT",
    "/workflows/<id:workflow_name>/users/<external_id:external_id>",
    scope="workflows:write",
    body=NewSwitchSchema,
    answer=SwitchSchema,
    fails=(400, 404),
)
def set_user_switch(
    key: ApiKey, wanted: dict[str, Any], workflow_name: str, external_id: str
) -> dict[str, Any]:
    """Switch a workflow on or off for a user.

    The workflow must be in service and have a connector. A user who is not known yet becomes so.
    """
    _check(key, workflow_name, wanted, of_users=True)
    with runtime().database.transaction() as tx:
        user_store.ensure(tx, key.project_id, external_id)
    return _set(key, wanted, workflow_name, external_id)


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/settings",
    scope="workflows:read",
    answer=SwitchSchema,
    fails=(404,),
)
def get_project_switch(key: ApiKey, workflow_name: str) -> dict[str, Any]:
    """Get a workflow's settings for the project.

    Those of a workflow without a connector, which runs for no user.
    """
    return _switch(key, workflow_name, "")


@resource.route(
    "PUT",
    "/workflows/<id:workflow_name>/settings",
    scope="workflows:write",
    body=NewSwitchSchema,
    answer=SwitchSchema,
    fails=(400, 404),
)
def set_project_switch(key: ApiKey, wanted: dict[str, Any], workflow_name: str) -> dict[str, Any]:
    """Set a workflow's settings for the project.

    Those of a workflow without a connector. Deploying switches it on, unless a setting that it
    needs has no value yet.
    """
    _check(key, workflow_name, wanted, of_users=False)
    return _set(key, wanted, workflow_name, "")


def _switch(key: ApiKey, workflow_name: str, user: str) -> dict[str, Any]:
    catalogue = runtime().engine.catalogue
    workflow = catalogue.workflow(key.project_id, workflow_name)
    found = catalogue.enablements(key.project_id, user).get(workflow.id)
    if found is None:
        return {"enabled": False, "settings": {}, "updated_at": None}
    return {"enabled": found.enabled, "settings": found.settings, "updated_at": found.updated_at}


def _set(key: ApiKey, wanted: dict[str, Any], workflow_name: str, user: str) -> dict[str, Any]:
    runtime().engine.catalogue.enable(
        key.project_id,
        workflow_name,
        user,
        enabled=wanted["enabled"],
        settings=wanted["settings"],
    )
    return _switch(key, workflow_name, user)


def _check(key: ApiKey, workflow_name: str, wanted: dict[str, Any], *, of_users: bool) -> None:
    """Refuse what no run would ever look at."""
    definition = runtime().engine.catalogue.definition(key.project_id, workflow_name, "deployed")
    if of_users and definition.connector is None:
        raise SettingsInvalid(
            f"The workflow {definition.name} has no connector: it runs for the project, not for "
            "users. Set its settings at /settings."
        )
    if not of_users and definition.connector is not None:
        raise SettingsInvalid(
            f"The workflow {definition.name} runs for each user. Set theirs at /users."
        )
    known = {one["id"] for one in definition.settings}
    unknown = sorted(set(wanted["settings"]) - known)
    if unknown:
        raise SettingsInvalid(
            f"The workflow {definition.name} has no such settings: {', '.join(unknown)}.",
            faults=[{"pointer": f"/settings/{name}", "problem": "is unknown"} for name in unknown],
        )
