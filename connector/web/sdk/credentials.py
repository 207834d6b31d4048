"""A user's accounts as credentials: listed, connected by keys or a code, set up."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Response, jsonify, request

from connector import sdk_protocol as protocol
from connector.errors import BodyInvalid, FieldInvalid, NotFound
from connector.manifest import AuthorizationCode
from connector.models import Configuration, Status
from connector.store import configurations as configuration_store
from connector.web.guards import json_object, project_or_404, runtime
from connector.web.sdk import workflow_settings
from connector.web.sdk.blueprint import (
    blueprint,
    caller,
    check_size,
    configurations_of,
    connections_of,
    connector_named,
    credential_answer,
    offers_to,
    own_connection,
)

_LARGEST_SETTINGS = 64 * 1024


@blueprint.get("/credentials")
def credentials(project_id: str) -> Response:
    """Return the user's credentials, those of one connector when it is named."""
    user = caller(project_id)
    wanted = request.args.get("integration")
    name = connector_named(project_id, wanted) if wanted else None
    every = connections_of(project_id, user, name)
    live = [one for one in every if one.status is not Status.DISCONNECTED]
    with runtime().database.reading() as tx:
        known = configurations_of(tx, project_id, live)
    offers = offers_to(project_id, user)
    return jsonify([protocol.credential(one, known[one.id], offers) for one in live])


@blueprint.post("/credentials")
def create_credential(project_id: str) -> Response:
    """Connect an account by keys, or by a code that the host product was redirected with."""
    user = caller(project_id)
    body = json_object()
    name = connector_named(project_id, str(body.get("integrationId") or ""))
    options = _options(body)
    project = project_or_404(project_id)
    wish = protocol.wish(name, options)
    connecting = runtime().connecting
    if body.get("code"):
        redirect_url = str(body.get("redirectUrl") or "")
        wish = dataclasses.replace(wish, return_url=redirect_url)
        session, _ = runtime().connect_sessions.start(project, user.external_id, wish)
        connection = connecting.connect_with_code(session, str(body["code"]), redirect_url)
    else:
        payload = body.get("payload")
        if not isinstance(payload, dict):
            raise BodyInvalid("payload must be an object with the fields of an auth mode.")
        session, _ = runtime().connect_sessions.start(project, user.external_id, wish)
        mode = _key_mode(name, options.get("accountType"), payload)
        connection = connecting.connect_with_keys(session, mode, payload)
    return credential_answer(project_id, user, connection)


@blueprint.get("/credentials/<credential>")
def credential(project_id: str, credential: str) -> Response:
    """Return one credential of the user."""
    user = caller(project_id)
    return credential_answer(project_id, user, own_connection(project_id, user, credential))


@blueprint.post("/credentials/<credential>/complete-setup")
def complete_setup(project_id: str, credential: str) -> Response:
    """Return the credential: no connector asks for anything after connecting."""
    user = caller(project_id)
    return credential_answer(project_id, user, own_connection(project_id, user, credential))


@blueprint.patch("/credentials/<credential>")
def update_credential(project_id: str, credential: str) -> Response:
    """Merge settings: of the account into its chosen configuration, of workflows into the user's.

    Either all of them are taken or none.
    """
    user = caller(project_id)
    connection = own_connection(project_id, user, credential)
    config = json_object().get("config")
    if not isinstance(config, dict):
        raise FieldInvalid("config must be an object.", pointer="/config")
    changes = workflow_settings.changes(
        offers_to(project_id, user), connection.connector, _given(config, "workflowSettings")
    )
    with runtime().database.transaction() as tx:
        known = configurations_of(tx, project_id, [connection])[connection.id]
        target = _chosen(known)
        merged = {**target.shared_settings, **_given(config, "sharedSettings")}
        check_size(merged, "/config/sharedSettings", _LARGEST_SETTINGS)
        ids = (project_id, connection.id, target.id)
        configuration_store.change(tx, *ids, shared_settings=merged)
    for change in changes:
        runtime().engine.catalogue.enable(
            project_id,
            change.offer.workflow.id,
            user.external_id,
            enabled=change.enabled,
            settings=change.settings,
        )
    return credential_answer(project_id, user, connection)


def _chosen(known: list[Configuration]) -> Configuration:
    """Return the configuration that the caller chose, else the default one."""
    wanted = request.headers.get("X-Paragon-Configuration-Id")
    for one in known:
        if one.id == wanted or (not wanted and one.is_default):
            return one
    raise NotFound


def _given(config: dict[str, Any], name: str) -> dict[str, Any]:
    given = config.get(name, {})
    if not isinstance(given, dict):
        raise FieldInvalid(f"{name} must be an object.", pointer=f"/config/{name}")
    return given


def _options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("installOptions") or body.get("integrationOptions") or {}
    if not isinstance(options, dict):
        raise FieldInvalid("installOptions must be an object.", pointer="/installOptions")
    return options


def _key_mode(connector: str, account_type: object, payload: dict[str, Any]) -> str:
    """Return the key mode that was named, else the one with most of the fields that were sent."""
    modes = [
        mode
        for mode in runtime().apps.connector(connector).auth_modes.values()
        if not isinstance(mode, AuthorizationCode)
    ]
    named = next((mode for mode in modes if mode.name == account_type), None)
    if named is not None:
        return named.name
    fitting = [mode for mode in modes if {one.id for one in mode.fields} <= set(payload)]
    chosen = max(fitting or modes, key=lambda mode: len(mode.fields), default=None)
    if chosen is None:
        raise NotFound
    return chosen.name
