"""Who the user is, what the product says of them and what they have connected."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, jsonify, request

from connector import sdk_protocol as protocol
from connector.errors import FieldInvalid
from connector.models import User
from connector.web.guards import json_object, project_or_404, runtime, user_claims
from connector.web.sdk.blueprint import (
    blueprint,
    caller,
    check_size,
    configurations_of,
    connections_of,
    offers_to,
)


@blueprint.get("/me")
def me(project_id: str) -> Response:
    """Return who the user is and what they have connected."""
    user = caller(project_id)
    legacy = request.headers.get("X-Paragon-User-Metadata")
    if legacy:
        user = _save_meta(project_id, user.external_id, _parsed_meta(legacy))
    return jsonify(_told(project_id, user))


@blueprint.patch("/me")
def update_me(project_id: str) -> Response:
    """Replace what the host product says of the user."""
    claims = user_claims(project_id)
    meta = json_object().get("meta")
    if not isinstance(meta, dict):
        raise FieldInvalid("meta must be an object.", pointer="/meta")
    return jsonify(_told(project_id, _save_meta(project_id, claims.user_id, meta)))


def _told(project_id: str, user: User) -> dict[str, Any]:
    project = project_or_404(project_id)
    connections = connections_of(project_id, user)
    with runtime().database.reading() as tx:
        known = configurations_of(tx, project_id, connections)
    offers = offers_to(project_id, user)
    return protocol.me(project, user, runtime().connectors, connections, known, offers)


def _parsed_meta(text: str) -> dict[str, Any]:
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise FieldInvalid("X-Paragon-User-Metadata must be JSON.") from error
    if not isinstance(meta, dict):
        raise FieldInvalid("X-Paragon-User-Metadata must be a JSON object.")
    return meta


def _save_meta(project_id: str, user: str, meta: dict[str, Any]) -> User:
    check_size(meta, "/meta")
    return runtime().connections.set_meta(project_id, user, meta)
