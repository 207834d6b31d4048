"""Start runs: of one workflow, or of all that wait for an event."""

from __future__ import annotations

from typing import Any

import marshmallow
from marshmallow import fields

from connector.errors import FieldInvalid
from connector.models import ApiKey
from connector.web.api.fields import Json, Shape, Text
from connector.web.api.resource import Resource
from connector.web.api.run_schemas import WholeRunSchema
from connector.web.api.runs import whole_form
from connector.web.api.schemas import external_id_field
from connector.web.guards import runtime

resource = Resource("Starting runs", __name__, "Start a workflow, or tell of an event.")
_KEY = "The same key again for the same user starts nothing and answers with what it started."


class StartSchema(Shape):
    """What starts a run."""

    user = external_id_field(
        "The id that the host product gave the user; left out: the run is the project's own."
    )
    data = Json(load_default=dict, metadata={"description": "What `<<trigger>>` stands for."})
    key = Text(longest=255, metadata={"description": _KEY})


class EventSchema(Shape):
    """Something that happened to a user."""

    event = Text(longest=255, required=True, metadata={"description": "Its name."})
    user = external_id_field("The id that the host product gave the user.", required=True)
    data = Json(load_default=dict, metadata={"description": "What `<<trigger>>` stands for."})
    key = Text(longest=255, metadata={"description": _KEY})


class KeyHeaderSchema(marshmallow.Schema):
    """The header that may stand for the field ``key``."""

    class Meta:
        """Other headers are not ours to judge."""

        unknown = marshmallow.EXCLUDE

    key = Text(
        longest=255, data_key="Idempotency-Key", metadata={"description": "As the field `key`."}
    )


class StartedSchema(Shape):
    """What was started."""

    runs = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Ids: one of each workflow that waits for the event."},
    )


@resource.route(
    "POST",
    "/workflows/<id:workflow_name>/runs",
    scope="runs:write",
    body=StartSchema,
    headers=KeyHeaderSchema,
    answer=WholeRunSchema,
    status=202,
    fails=(400, 404),
)
def start_run(
    key: ApiKey, wanted: dict[str, Any], headers: dict[str, Any], workflow_name: str
) -> dict[str, Any]:
    """Start a workflow.

    One that is started by hand or by request. For the latter, `data` is the body of the request.
    The answer does not wait for the run to end; ask for the run to see what became of it.
    """
    engine, user = runtime().engine, wanted.get("user", "")
    definition = engine.catalogue.definition(key.project_id, workflow_name, "deployed")
    run = engine.starter.start(
        key.project_id,
        workflow_name,
        _trigger(definition.trigger["type"], wanted["data"]),
        user=user,
        kinds=("manual", "request"),
        key=_key(wanted, headers, user),
    )
    return whole_form(run)


@resource.route(
    "POST",
    "/events",
    scope="runs:write",
    body=EventSchema,
    headers=KeyHeaderSchema,
    answer=StartedSchema,
    status=202,
    fails=(400,),
)
def send_event(key: ApiKey, wanted: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    """Send an event.

    Starts every workflow that waits for it and is switched on for the user: all of them or none.
    """
    runs = runtime().engine.starter.event(
        key.project_id,
        wanted["event"],
        wanted["data"],
        user=wanted["user"],
        key=_key(wanted, headers, wanted["user"]),
    )
    return {"runs": runs}


def _trigger(kind: str, data: Any) -> Any:
    """Return what the run finds as its trigger: a request, if it is started by one."""
    if kind != "request":
        return data
    return {"method": "POST", "headers": {}, "query": {}, "body": data}


def _key(wanted: dict[str, Any], headers: dict[str, Any], user: str) -> str | None:
    """Return the deduplication key, apart from those of other users and of the engine itself."""
    given = {found["key"] for found in (wanted, headers) if "key" in found}
    if len(given) > 1:
        raise FieldInvalid("The header Idempotency-Key says otherwise.", pointer="/key")
    return f"api:{user}\0{given.pop()}" if given else None
