"""The SDK's routes about users, integrations, credentials and configurations."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from flask import Blueprint, Response, jsonify, request

from connector import sdk_protocol as protocol
from connector.errors import BodyInvalid, FieldInvalid, InputError, NotFound
from connector.manifest import AuthorizationCode
from connector.models import Connection, Project, Status, User
from connector.selector import choose
from connector.store import configurations as configuration_store
from connector.store import connections as connection_store
from connector.store import users as user_store
from connector.tokens import LONGEST_USER_ID, is_user_id
from connector.web.guards import json_object, project_or_404, runtime, user_claims

blueprint = Blueprint("sdk", __name__, url_prefix="/projects/<project_id>/sdk")

_LARGEST_META = 16 * 1024
_LARGEST_SETTINGS = 64 * 1024
_MOST_CONFIGURATIONS = 100


@blueprint.get("/me")
def me(project_id: str) -> Response:
    """Return who the user is and what they have connected."""
    user = _user(project_id)
    legacy = request.headers.get("X-Paragon-User-Metadata")
    if legacy:
        user = _save_meta(project_id, user.external_id, _parsed_meta(legacy))
    return jsonify(_me(project_or_404(project_id), user))


@blueprint.patch("/me")
def update_me(project_id: str) -> Response:
    """Replace what the host product says of the user."""
    claims = user_claims(project_id)
    meta = json_object().get("meta")
    if not isinstance(meta, dict):
        raise FieldInvalid("meta must be an object.", pointer="/meta")
    user = _save_meta(project_id, claims.user_id, meta)
    return jsonify(_me(project_or_404(project_id), user))


@blueprint.get("/integrations")
def integrations(project_id: str) -> Response:
    """Return the project's connectors with their portal and auth modes."""
    user = _user(project_id)
    project = project_or_404(project_id)
    runtime_ = runtime()
    apps = runtime_.apps
    with runtime_.database.reading() as tx:
        connections = connection_store.of_user(tx, project_id, user.id)
        settings = {name: apps.settings(tx, project_id, name) for name in runtime_.connectors}
    return jsonify(
        [
            protocol.integration(
                project,
                manifest,
                [one for one in connections if one.connector == name],
                settings[name],
                apps.modes(settings[name]),
                public_url=runtime_.settings.public_url,
            )
            for name, manifest in runtime_.connectors.items()
        ]
    )


@blueprint.delete("/integrations/<integration>")
def uninstall(project_id: str, integration: str) -> Response:
    """Disconnect the user's chosen account of a connector, or all of them."""
    user = _user(project_id)
    name = _connector(project_id, integration)
    with runtime().database.reading() as tx:
        connections = connection_store.of_user(tx, project_id, user.id, name)
    selector = request.headers.get("X-Paragon-Credential")
    live = [one for one in connections if one.status is not Status.DISCONNECTED]
    chosen = [choose(connections, selector)] if selector else live
    for connection in chosen:
        runtime().connections.disconnect(project_id, connection.id, "Disconnected by the user.")
    return jsonify({"success": True})


@blueprint.get("/metadata")
def metadata(project_id: str) -> Response:
    """Return name, colour and icon of the project's connectors."""
    user_claims(project_id)
    public_url = runtime().settings.public_url
    connectors = runtime().connectors.values()
    return jsonify([protocol.metadata(one, public_url=public_url) for one in connectors])


@blueprint.get("/credentials")
def credentials(project_id: str) -> Response:
    """Return the user's credentials, those of one connector when it is named."""
    user = _user(project_id)
    wanted = request.args.get("integration")
    name = _connector(project_id, wanted) if wanted else None
    with runtime().database.reading() as tx:
        every = connection_store.of_user(tx, project_id, user.id, name)
        connections = [one for one in every if one.status is not Status.DISCONNECTED]
        known = _configurations(tx, project_id, connections)
    return jsonify([protocol.credential(one, known[one.id]) for one in connections])


@blueprint.post("/credentials")
def create_credential(project_id: str) -> Response:
    """Connect an account by keys, or by a code that the host product was redirected with."""
    user = _user(project_id)
    body = json_object()
    name = _connector(project_id, str(body.get("integrationId") or ""))
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
    return _credential(project_id, connection)


@blueprint.get("/credentials/<credential>")
def credential(project_id: str, credential: str) -> Response:
    """Return one credential of the user."""
    return _credential(project_id, _own(project_id, credential))


@blueprint.post("/credentials/<credential>/complete-setup")
def complete_setup(project_id: str, credential: str) -> Response:
    """Return the credential: no connector asks for anything after connecting."""
    return _credential(project_id, _own(project_id, credential))


@blueprint.patch("/credentials/<credential>")
def update_credential(project_id: str, credential: str) -> Response:
    """Merge the user's settings into the chosen configuration."""
    connection = _own(project_id, credential)
    config = json_object().get("config")
    if not isinstance(config, dict):
        raise FieldInvalid("config must be an object.", pointer="/config")
    chosen = request.headers.get("X-Paragon-Configuration-Id")
    with runtime().database.transaction() as tx:
        known = configuration_store.of_connections(tx, project_id, [connection.id])[connection.id]
        target = next(
            (one for one in known if one.id == chosen or (not chosen and one.is_default)), None
        )
        if target is None:
            raise NotFound
        configuration_store.change(
            tx,
            project_id,
            connection.id,
            target.id,
            shared_settings=_merged(target.shared_settings, config, "sharedSettings"),
            workflow_settings=_merged(target.workflow_settings, config, "workflowSettings"),
        )
    return _credential(project_id, connection)


@blueprint.post("/credentials/<credential>/configurations")
def create_configuration(project_id: str, credential: str) -> Response:
    """Add a configuration to a credential."""
    connection = _own(project_id, credential)
    external_id = json_object().get("externalId")
    if external_id is not None and not is_user_id(external_id):
        raise FieldInvalid(
            f"externalId must be text of 1 to {LONGEST_USER_ID} characters.", pointer="/externalId"
        )
    with runtime().database.transaction() as tx:
        known = configuration_store.of_connections(tx, project_id, [connection.id])
        if len(known[connection.id]) >= _MOST_CONFIGURATIONS:
            raise InputError(f"A credential has at most {_MOST_CONFIGURATIONS} configurations.")
        configuration_store.create(tx, project_id, connection.id, external_id=external_id)
    return _credential(project_id, connection)


@blueprint.patch("/credentials/<credential>/configurations")
def update_configuration(project_id: str, credential: str) -> Response:
    """Replace the chosen configuration's metadata."""
    connection = _own(project_id, credential)
    meta = json_object().get("meta")
    if not isinstance(meta, dict):
        raise FieldInvalid("meta must be an object.", pointer="/meta")
    _check_size(meta, "/meta")
    chosen = request.headers.get("X-Paragon-Configuration-Id", "")
    with runtime().database.transaction() as tx:
        if not configuration_store.change(tx, project_id, connection.id, chosen, meta=meta):
            raise NotFound
    return _credential(project_id, connection)


@blueprint.delete("/credentials/<credential>/configurations")
def delete_configuration(project_id: str, credential: str) -> Response:
    """Delete the chosen configuration; the default one stays."""
    connection = _own(project_id, credential)
    chosen = request.headers.get("X-Paragon-Configuration-Id", "")
    with runtime().database.transaction() as tx:
        if not configuration_store.remove(tx, project_id, connection.id, chosen):
            raise NotFound
    return _credential(project_id, connection)


def _user(project_id: str) -> User:
    """Return the caller, made at their first call."""
    claims = user_claims(project_id)
    with runtime().database.reading() as tx:
        found = user_store.find(tx, project_id, claims.user_id)
    if found is not None:
        return found
    with runtime().database.transaction() as tx:
        return user_store.ensure(tx, project_id, claims.user_id)


def _me(project: Project, user: User) -> dict[str, Any]:
    with runtime().database.reading() as tx:
        connections = connection_store.of_user(tx, project.id, user.id)
        known = _configurations(tx, project.id, connections)
    return protocol.me(project, user, runtime().connectors, connections, known)


def _configurations(tx: Any, project_id: str, connections: list[Connection]) -> Any:
    ids = [one.id for one in connections]
    return configuration_store.of_connections(tx, project_id, ids)


def _own(project_id: str, selector: str) -> Connection:
    user = _user(project_id)
    with runtime().database.reading() as tx:
        connections = connection_store.of_user(tx, project_id, user.id)
    return choose(connections, selector)


def _credential(project_id: str, connection: Connection) -> Response:
    with runtime().database.reading() as tx:
        known = _configurations(tx, project_id, [connection])
    return jsonify(protocol.credential(connection, known[connection.id]))


def _connector(project_id: str, integration: str) -> str:
    name = protocol.connector_of(project_id, integration, list(runtime().connectors))
    if name is None:
        raise NotFound
    return name


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


def _merged(before: Any, config: dict[str, Any], name: str) -> dict[str, Any]:
    added = config.get(name, {})
    if not isinstance(added, dict):
        raise FieldInvalid(f"{name} must be an object.", pointer=f"/config/{name}")
    merged = {**before, **added}
    _check_size(merged, f"/config/{name}", _LARGEST_SETTINGS)
    return merged


def _check_size(data: dict[str, Any], pointer: str, most: int = _LARGEST_META) -> None:
    if len(json.dumps(data)) > most:
        name = pointer.rpartition("/")[2]
        raise FieldInvalid(f"{name} must be shorter than {most} bytes.", pointer=pointer)


def _parsed_meta(text: str) -> dict[str, Any]:
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise FieldInvalid("X-Paragon-User-Metadata must be JSON.") from error
    if not isinstance(meta, dict):
        raise FieldInvalid("X-Paragon-User-Metadata must be a JSON object.")
    return meta


def _save_meta(project_id: str, user: str, meta: dict[str, Any]) -> User:
    _check_size(meta, "/meta")
    return runtime().connections.set_meta(project_id, user, meta)
