"""Configurations: several sets of settings for one account."""

from __future__ import annotations

from flask import Response, request

from connector.errors import FieldInvalid, InputError, NotFound
from connector.store import configurations as configuration_store
from connector.tokens import LONGEST_USER_ID, is_user_id
from connector.web.guards import json_object, runtime
from connector.web.sdk.blueprint import (
    blueprint,
    caller,
    check_size,
    configurations_of,
    credential_answer,
    own_connection,
)

_MOST_CONFIGURATIONS = 100


@blueprint.post("/credentials/<credential>/configurations")
def create_configuration(project_id: str, credential: str) -> Response:
    """Add a configuration to a credential."""
    user = caller(project_id)
    connection = own_connection(project_id, user, credential)
    external_id = json_object().get("externalId")
    if external_id is not None and not is_user_id(external_id):
        raise FieldInvalid(
            f"externalId must be text of 1 to {LONGEST_USER_ID} characters.", pointer="/externalId"
        )
    with runtime().database.transaction() as tx:
        known = configurations_of(tx, project_id, [connection])
        if len(known[connection.id]) >= _MOST_CONFIGURATIONS:
            raise InputError(f"A credential has at most {_MOST_CONFIGURATIONS} configurations.")
        configuration_store.create(tx, project_id, connection.id, external_id=external_id)
    return credential_answer(project_id, user, connection)


@blueprint.patch("/credentials/<credential>/configurations")
def update_configuration(project_id: str, credential: str) -> Response:
    """Replace the chosen configuration's metadata."""
    user = caller(project_id)
    connection = own_connection(project_id, user, credential)
    meta = json_object().get("meta")
    if not isinstance(meta, dict):
        raise FieldInvalid("meta must be an object.", pointer="/meta")
    check_size(meta, "/meta")
    chosen = request.headers.get("X-Paragon-Configuration-Id", "")
    with runtime().database.transaction() as tx:
        if not configuration_store.change(tx, project_id, connection.id, chosen, meta=meta):
            raise NotFound
    return credential_answer(project_id, user, connection)


@blueprint.delete("/credentials/<credential>/configurations")
def delete_configuration(project_id: str, credential: str) -> Response:
    """Delete the chosen configuration; the default one stays."""
    user = caller(project_id)
    connection = own_connection(project_id, user, credential)
    chosen = request.headers.get("X-Paragon-Configuration-Id", "")
    with runtime().database.transaction() as tx:
        if not configuration_store.remove(tx, project_id, connection.id, chosen):
            raise NotFound
    return credential_answer(project_id, user, connection)
