"""Heap's user deletion endpoints."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from connector.sandbox.deletion import (
    UnacceptableDeletionError,
    account_of_token,
    deletion_status,
    issue_api_token,
    read_doomed,
    request_deletion,
)
from connector.sandbox.state import current_sandbox

blueprint = Blueprint("deletion", __name__, url_prefix="/api/public/v0")


class UnauthorizedError(Exception):
    """The API key or the token is missing, wrong, expired or of another environment."""


@blueprint.post("/auth_token")
def auth_token() -> Response:
    """Exchange App ID and API key, sent by HTTP Basic, for a short-lived token."""
    sandbox, given = current_sandbox(), request.authorization
    if given is None or given.type != "basic":
        raise UnauthorizedError
    expires_at = sandbox.clock.now() + sandbox.settings.api_token_seconds
    with sandbox.database.writing() as connection:
        token = issue_api_token(connection, given.username or "", given.password or "", expires_at)
    if token is None:
        raise UnauthorizedError
    response = jsonify(access_token=token)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/user_deletion")
def user_deletion() -> Response:
    """Take a request to delete up to 10,000 users."""
    sandbox, account = current_sandbox(), _account()
    doomed = read_doomed(request.get_json(silent=True))
    due_at = sandbox.clock.now() + sandbox.settings.deletion_seconds
    with sandbox.database.writing() as connection:
        deletion_id = request_deletion(connection, account, doomed, due_at)
    response = jsonify(
        deletion_request_location=f"{request.host_url}api/public/v0/deletion_status/{deletion_id}",
        deletion_request_id=deletion_id,
        status="pending",
    )
    response.status_code = 201
    return response


@blueprint.get("/deletion_status/<deletion_id>")
def status_of_deletion(deletion_id: str) -> Response:
    """Tell whether a deletion is pending or complete."""
    sandbox, account = current_sandbox(), _account()
    sandbox.carry_out_deletions()
    with sandbox.database.reading() as connection:
        status = deletion_status(connection, account, deletion_id)
    if status is None:
        return _problem("Not Found", "There is no such deletion request.", 404)
    return jsonify(deletion_request_id=deletion_id, status=status)


def _account() -> str:
    sandbox = current_sandbox()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    with sandbox.database.reading() as connection:
        account = account_of_token(connection, token.strip(), sandbox.clock.now())
    if account is None or scheme.lower() != "bearer":
        raise UnauthorizedError
    return account


@blueprint.errorhandler(UnauthorizedError)
def _unauthorized(_: UnauthorizedError) -> Response:
    return _problem("Unauthorized", "The credentials are missing, wrong or expired.", 401)


@blueprint.errorhandler(UnacceptableDeletionError)
def _unacceptable(error: UnacceptableDeletionError) -> Response:
    return _problem("Bad Request", str(error), 400)


def _problem(error: str, message: str, status: int) -> Response:
    # One of Heap's pages shows an `err` object, another `error` and `message` at the top.
    body: dict[str, Any] = {
        "err": {"error": error, "message": message, "status": status},
        "error": error,
        "message": message,
    }
    response = jsonify(body)
    response.status_code = status
    return response
