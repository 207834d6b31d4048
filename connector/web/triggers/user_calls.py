"""What connected users start with their token: workflows with a request trigger, and app events."""

from __future__ import annotations

from flask import Response, jsonify, request

from connector.errors import FieldInvalid, HeaderInvalid, NotConnected
from connector.models import Status
from connector.selector import choose
from connector.store import connections as connection_store
from connector.store import users as user_store
from connector.web.guards import json_object, runtime, user_claims
from connector.web.triggers.answers import answer_caller
from connector.web.triggers.blueprint import blueprint
from connector.web.triggers.reading import request_data

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LONGEST_EVENT = 255
_LONGEST_KEY = 255


@blueprint.route("/projects/<project_id>/sdk/triggers/<workflow>", methods=_METHODS)
def call_workflow(project_id: str, workflow: str) -> Response:
    """Start a workflow, by its name or id, and answer what its response step says."""
    user = user_claims(project_id).user_id
    answer = runtime().engine.answer(
        project_id,
        workflow,
        request_data(),
        user=user,
        key=_key("request", user),
        connection=_connection(project_id, user),
    )
    return answer_caller(answer)


@blueprint.post("/v2/projects/<project_id>/sdk/events/trigger")
@blueprint.post("/projects/<project_id>/sdk/events/trigger")
def send_event(project_id: str) -> Response:
    """Start every workflow that waits for an event of the user's."""
    user = user_claims(project_id).user_id
    body = json_object()
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_EVENT:
        raise FieldInvalid(
            f"name must be text of 1 to {_LONGEST_EVENT} characters.", pointer="/name"
        )
    runs = runtime().engine.starter.event(
        project_id,
        name,
        body.get("payload", {}),
        user=user,
        key=_key("event", user),
        connection=_connection(project_id, user),
    )
    accepted = jsonify({"runs": runs})
    accepted.status_code = 202
    return accepted


def _key(kind: str, user: str) -> str | None:
    """Return what a repetition of the call has in common with it: a key of this user's own."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    if not 1 <= len(given) <= _LONGEST_KEY:
        raise HeaderInvalid(
            f"Idempotency-Key must have 1 to {_LONGEST_KEY} characters.", header="Idempotency-Key"
        )
    return f"{kind}:{len(user)}:{user}:{given}"


def _connection(project_id: str, user: str) -> str:
    """Return the connection that the caller chose; blank if the choice is ours."""
    selector = request.headers.get("X-Paragon-Credential")
    if not selector:
        return ""
    with runtime().database.reading() as tx:
        known = user_store.find(tx, project_id, user)
        connections = connection_store.of_user(tx, project_id, known.id) if known else []
    chosen = choose(connections, selector)
    if chosen.status is Status.DISCONNECTED:
        raise NotConnected
    return chosen.id
