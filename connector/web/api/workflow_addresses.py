"""Where a workflow is started by a request or a webhook."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from connector.models import ApiKey
from connector.tokens import LONGEST_USER_ID
from connector.web.api.fields import Shape, Text
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource("Addresses", __name__, "Where requests and webhooks start a workflow.")


class AddressQuerySchema(Shape):
    """Whose address is wanted."""

    user = Text(
        longest=LONGEST_USER_ID,
        load_default="",
        metadata={"description": "A user's own address, of a webhook."},
    )


class AddressSchema(Shape):
    """An address."""

    address = fields.String(
        required=True,
        metadata={"description": "That of a webhook cannot be guessed: keep it to its sender."},
    )


@resource.route(
    "GET",
    "/workflows/<id:workflow_name>/address",
    scope="workflows:write",
    query=AddressQuerySchema,
    answer=AddressSchema,
    fails=(400, 404),
)
def get_workflow_address(key: ApiKey, query: dict[str, Any], workflow_name: str) -> dict[str, Any]:
    """Get the address at which a workflow is started.

    Of a workflow with a request or a webhook trigger. Who knows a webhook's address may send to
    it as far as its scheme lets them, so the key needs the scope to change workflows.
    """
    path = runtime().webhooks.starting_path(key.project_id, workflow_name, query["user"])
    return {"address": runtime().settings.public_url + path}
