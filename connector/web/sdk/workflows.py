"""Users switch workflows on and off."""

from __future__ import annotations

from flask import Response, jsonify, request

from connector import sdk_workflows
from connector.errors import NotConnected
from connector.models import Status, User
from connector.selector import choose
from connector.web.guards import runtime
from connector.web.sdk.blueprint import blueprint, caller, connections_of, offers_to
from workflow.errors import WorkflowUnknown
from workflow.offers import Offer


@blueprint.post("/workflows/<workflow>")
def enable(project_id: str, workflow: str) -> Response:
    """Switch a workflow on for the user, who has an account that it can use."""
    user = caller(project_id)
    offer = _offer(project_id, user, workflow)
    _check_connected(project_id, user, offer)
    return _switched(project_id, user, offer, enabled=True)


@blueprint.delete("/workflows/<workflow>")
def disable(project_id: str, workflow: str) -> Response:
    """Switch a workflow off for the user; runs that have begun go on."""
    user = caller(project_id)
    return _switched(project_id, user, _offer(project_id, user, workflow), enabled=False)


def _offer(project_id: str, user: User, name: str) -> Offer:
    offer = sdk_workflows.named(offers_to(project_id, user), name)
    if offer is None:
        raise WorkflowUnknown(f"There is no workflow {name!r} to switch on.", workflow=name)
    return offer


def _check_connected(project_id: str, user: User, offer: Offer) -> None:
    connections = connections_of(project_id, user, offer.definition.connector)
    selector = request.headers.get("X-Paragon-Credential")
    chosen = [choose(connections, selector)] if selector else connections
    if not [one for one in chosen if one.status is not Status.DISCONNECTED]:
        raise NotConnected


def _switched(project_id: str, user: User, offer: Offer, *, enabled: bool) -> Response:
    if offer.enabled is not enabled:
        runtime().engine.catalogue.enable(
            project_id, offer.workflow.id, user.external_id, enabled=enabled
        )
    states = sdk_workflows.states([offer])
    states[offer.workflow.name]["enabled"] = enabled
    return jsonify({"success": True, "workflowSettings": states})
