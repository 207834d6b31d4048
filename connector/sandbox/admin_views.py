"""The sandbox's own API under /sandbox/api/, for tests and for the live page.

`GET /sandbox/api/` lists every endpoint. Bodies and answers are JSON; a mistake is answered 400
with `{"error": "what to change"}`.

Look: `events`, `users`, `accounts`, `requests` are pages `{"items": [...], "next_after": id}`;
filters go into the query (`app_id`, `identity`, `event`, `path=/api/*`, `status` ...) beside
`after` and `limit`. `counts` and `token-endpoint` are numbers.

Steer: `settings` takes any of the fields of `connector.sandbox.settings.Settings`. `faults` takes
`{"kind": "latency" | "status" | "drop" | "drop_mid_body" | "garbage", "path": "/api/*",
"method": "POST", "times": 2, "seconds": 0.5, "status": 429, "retry_after": 3, "body": "...",
"processed": true}`, all but `kind` optional; each request meets the oldest fault that fits.
`access-tokens/revoke` and `access-tokens/expire` take `{"token": "..."}` or nothing for all;
`grants/revoke` takes `{"app_id": "..."}` or nothing. `clock` takes `{"advance_seconds": 300}`.
`clear` removes what arrived; `reset` returns everything to the first start.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request

from connector.sandbox.environments import list_environments
from connector.sandbox.faults import InvalidFaultError, read_fault
from connector.sandbox.partner_apps import add_partner_app, list_partner_apps
from connector.sandbox.reports import InvalidQueryError, list_rows, totals
from connector.sandbox.settings import InvalidSettingError
from connector.sandbox.state import Sandbox, current_sandbox
from connector.sandbox.token_control import (
    expire_access_tokens,
    revoke_access_tokens,
    revoke_grants,
)

blueprint = Blueprint("admin", __name__, url_prefix="/sandbox/api")

LISTED = ("events", "users", "accounts", "requests")


class InvalidBodyError(ValueError):
    """A body of this API cannot be understood."""


@blueprint.get("/")
def index() -> Response:
    """List the endpoints of this API."""
    endpoints = [
        {
            "method": method,
            "path": rule.rule.replace("<any(" + ", ".join(LISTED) + "):table>", "|".join(LISTED)),
            "does": (current_app.view_functions[rule.endpoint].__doc__ or "").split("\n")[0],
        }
        for rule in current_app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.rule.startswith("/sandbox/api/")
    ]
    return jsonify(endpoints=sorted(endpoints, key=lambda e: (e["path"], e["method"])))


@blueprint.get(f"/<any({', '.join(LISTED)}):table>")
def list_table(table: str) -> Response:
    """Return a page of what arrived, oldest first."""
    sandbox = current_sandbox()
    sandbox.carry_out_deletions()
    with sandbox.database.reading() as connection:
        return jsonify(list_rows(connection, table, request.args))


@blueprint.get("/counts")
def counts() -> Response:
    """Return how many events, users, accounts and requests there are."""
    sandbox = current_sandbox()
    sandbox.carry_out_deletions()
    with sandbox.database.reading() as connection:
        return jsonify(totals(connection))


@blueprint.get("/token-endpoint")
def token_endpoint() -> Response:
    """Return how often tokens were asked for, with what outcome, and how many asked at once."""
    return jsonify(current_sandbox().token_endpoint.statistics())


@blueprint.get("/environments")
def environments() -> Response:
    """Return the demo environments with their keys."""
    with current_sandbox().database.reading() as connection:
        return jsonify(items=[asdict(item) for item in list_environments(connection)])


@blueprint.get("/partner-apps")
def partner_apps() -> Response:
    """Return the registered partner apps."""
    with current_sandbox().database.reading() as connection:
        return jsonify(items=[asdict(item) for item in list_partner_apps(connection)])


@blueprint.post("/partner-apps")
def register_partner_app() -> Response:
    """Register a partner app, or change the one with the same client id."""
    body = _body("client_id", "client_secret", "name", "scopes", "redirect_uris")
    with current_sandbox().database.writing() as connection:
        app = add_partner_app(
            connection,
            client_id=_text(body, "client_id", str(uuid.uuid4())),
            client_secret=_text(body, "client_secret", secrets.token_urlsafe(32)),
            name=_text(body, "name", "Partner app"),
            scopes=_texts(body, "scopes", ["segment"]),
            redirect_uris=_texts(body, "redirect_uris", []),
        )
    return _created(asdict(app))


@blueprint.get("/settings")
def settings() -> Response:
    """Return the settings."""
    return jsonify(current_sandbox().settings.as_json())


@blueprint.patch("/settings")
def change_settings() -> Response:
    """Change some settings and return them all."""
    return jsonify(current_sandbox().change_settings(_any_body()).as_json())


@blueprint.get("/faults")
def faults() -> Response:
    """Return the faults that wait for a request."""
    return jsonify(items=[asdict(fault) for fault in current_sandbox().faults.waiting()])


@blueprint.post("/faults")
def add_fault() -> Response:
    """Let a fault wait for the next requests that fit."""
    return _created(asdict(current_sandbox().faults.add(read_fault(_any_body()))))


@blueprint.delete("/faults")
def clear_faults() -> Response:
    """Remove all faults."""
    current_sandbox().faults.clear()
    return jsonify(items=[])


@blueprint.delete("/faults/<int:fault_id>")
def remove_fault(fault_id: int) -> Response:
    """Remove one fault."""
    if not current_sandbox().faults.remove(fault_id):
        abort(404, "There is no such fault.")
    return faults()


@blueprint.post("/access-tokens/revoke")
def revoke_tokens() -> Response:
    """Revoke one access token or all; refresh tokens stay good."""
    return _end_tokens(revoke_access_tokens, "token")


@blueprint.post("/access-tokens/expire")
def expire_tokens() -> Response:
    """Let one access token or all expire now."""
    return _end_tokens(expire_access_tokens, "token")


@blueprint.post("/grants/revoke")
def end_grants() -> Response:
    """End the grants of one environment or of all, with their refresh tokens."""
    return _end_tokens(revoke_grants, "app_id")


@blueprint.post("/clock")
def move_clock() -> Response:
    """Move the sandbox's clock forward."""
    seconds = _body("advance_seconds").get("advance_seconds")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= 1e9:
        raise InvalidBodyError("advance_seconds: expected a number of seconds, 0 or more")
    return jsonify(offset_seconds=current_sandbox().clock.advance(seconds))


@blueprint.post("/clear")
def clear() -> Response:
    """Remove events, users, accounts and the log of requests."""
    current_sandbox().clear()
    return counts()


@blueprint.post("/reset")
def reset() -> Response:
    """Return everything to the first start."""
    current_sandbox().reset()
    return counts()


@blueprint.errorhandler(InvalidBodyError)
@blueprint.errorhandler(InvalidFaultError)
@blueprint.errorhandler(InvalidQueryError)
@blueprint.errorhandler(InvalidSettingError)
def _invalid(error: ValueError) -> Response:
    response = jsonify(error=str(error))
    response.status_code = 400
    return response


def _end_tokens(end: Callable[[Any, str | None, float], int], name: str) -> Response:
    sandbox: Sandbox = current_sandbox()
    given = _body(name).get(name)
    if given is not None and not isinstance(given, str):
        raise InvalidBodyError(f"{name}: expected text")
    with sandbox.database.writing() as connection:
        return jsonify(ended=end(connection, given, sandbox.clock.now()))


def _any_body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise InvalidBodyError("the body should be a JSON object, with that content type")
    return body


def _body(*names: str) -> dict[str, Any]:
    body = _any_body()
    for name in body:
        if name not in names:
            raise InvalidBodyError(f"{name}: no such field; there are {', '.join(names)}")
    return body


def _text(body: dict[str, Any], name: str, default: str) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or not value:
        raise InvalidBodyError(f"{name}: expected text")
    return value


def _texts(body: dict[str, Any], name: str, default: list[str]) -> list[str]:
    values = body.get(name, default)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidBodyError(f"{name}: expected a list of texts")
    return values


def _created(body: dict[str, Any]) -> Response:
    response = jsonify(body)
    response.status_code = 201
    return response
