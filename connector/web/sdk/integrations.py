"""The project's connectors as integrations, and the end of a user's use of one."""

from __future__ import annotations

from flask import Response, jsonify, request

from connector import sdk_protocol as protocol
from connector import sdk_workflows
from connector.models import Status, User
from connector.selector import choose
from connector.store import connections as connection_store
from connector.web.guards import project_or_404, runtime, user_claims
from connector.web.sdk.blueprint import (
    blueprint,
    caller,
    connections_of,
    connector_named,
    offers_to,
)


@blueprint.get("/integrations")
def integrations(project_id: str) -> Response:
    """Return the project's connectors with their portal, auth modes and workflows."""
    user = caller(project_id)
    project = project_or_404(project_id)
    runtime_ = runtime()
    apps = runtime_.apps
    with runtime_.database.reading() as tx:
        connections = connection_store.of_user(tx, project_id, user.id)
        settings = {name: apps.settings(tx, project_id, name) for name in runtime_.connectors}
    offers = offers_to(project_id, user)
    return jsonify(
        [
            protocol.integration(
                project,
                manifest,
                [one for one in connections if one.connector == name],
                settings[name],
                apps.modes(settings[name]),
                sdk_workflows.of_connector(offers, name),
                public_url=runtime_.settings.public_url,
                webhook_key=lambda one: runtime_.webhooks.key(one.workflow.id, user.external_id),
            )
            for name, manifest in runtime_.connectors.items()
        ]
    )


@blueprint.delete("/integrations/<integration>")
def uninstall(project_id: str, integration: str) -> Response:
    """Disconnect the user's chosen account of a connector, or all of them.

    With the last one, the connector's workflows are switched off.
    """
    user = caller(project_id)
    name = connector_named(project_id, integration)
    connections = connections_of(project_id, user, name)
    selector = request.headers.get("X-Paragon-Credential")
    live = [one for one in connections if one.status is not Status.DISCONNECTED]
    chosen = [choose(connections, selector)] if selector else live
    for connection in chosen:
        runtime().connections.disconnect(project_id, connection.id, "Disconnected by the user.")
    if not [one for one in live if one not in chosen]:
        _switch_off(project_id, user, name)
    return jsonify({"success": True})


@blueprint.get("/metadata")
def metadata(project_id: str) -> Response:
    """Return name, colour and icon of the project's connectors."""
    user_claims(project_id)
    public_url = runtime().settings.public_url
    connectors = runtime().connectors.values()
    return jsonify([protocol.metadata(one, public_url=public_url) for one in connectors])


def _switch_off(project_id: str, user: User, connector: str) -> None:
    """Switch a connector's workflows off for a user; what they filled in stays."""
    for offer in sdk_workflows.of_connector(offers_to(project_id, user), connector):
        if offer.enabled:
            runtime().engine.catalogue.enable(
                project_id, offer.workflow.id, user.external_id, enabled=False
            )
