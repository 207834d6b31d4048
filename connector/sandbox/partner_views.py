"""Heap's partner OAuth: the consent page, the token endpoint and the metadata of a grant."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from connector.sandbox.authorization import (
    AuthorizationRequest,
    RefusedRequestError,
    UnanswerableRequestError,
    origin_of,
    read_authorization_request,
)
from connector.sandbox.environments import Environment, find_environment, list_environments
from connector.sandbox.grants import find_live_grant, issue_code
from connector.sandbox.partner_apps import PartnerApp, find_partner_app
from connector.sandbox.state import Sandbox, current_sandbox
from connector.sandbox.token_endpoint import TokenRefusedError

blueprint = Blueprint("partner", __name__)


@blueprint.get("/api/partner/oauth/authorize")
def authorize() -> AnyResponse:
    """Ask the person whether an app may have access, unless the settings answer for them."""
    sandbox = current_sandbox()
    query = request.query_string.decode("latin-1")
    asked = _read_query(sandbox, query)
    settings = sandbox.settings
    if settings.consent == "deny":
        return redirect(asked.refused())
    if settings.consent == "allow":
        return _allow(sandbox, asked, settings.consent_app_id)
    with sandbox.database.reading() as connection:
        environments = list_environments(connection)
    page = render_template(
        "consent.html",
        app=asked.app,
        query=query,
        scopes=asked.scopes,
        environments=environments,
        destination=origin_of(asked.redirect_uri),
    )
    return make_response(page)


@blueprint.post("/sandbox/consent")
def consent() -> AnyResponse:
    """Take the person's answer from the consent page."""
    sandbox = current_sandbox()
    asked = _read_query(sandbox, request.form.get("query", ""))
    if request.form.get("decision") != "allow":
        return redirect(asked.refused())
    return _allow(sandbox, asked, request.form.get("app_id", ""))


def _read_query(sandbox: Sandbox, query: str) -> AuthorizationRequest:
    def find(client_id: str) -> PartnerApp | None:
        with sandbox.database.reading() as connection:
            return find_partner_app(connection, client_id)

    try:
        parameters = parse_qs(query, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise UnanswerableRequestError("Unreadable link", "The link has too many parts.") from error
    return read_authorization_request(parameters, find)


def _allow(sandbox: Sandbox, asked: AuthorizationRequest, app_id: str) -> AnyResponse:
    expires_at = sandbox.clock.now() + sandbox.settings.code_seconds
    with sandbox.database.writing() as connection:
        environment = find_environment(connection, app_id)
        if environment is None:
            raise UnanswerableRequestError("Unknown environment", "Choose one of the environments.")
        code = issue_code(connection, asked, environment.app_id, expires_at)
    return redirect(asked.granted(code))


@blueprint.post("/api/partner/oauth/token")
def token() -> Response:
    """Exchange a code or a refresh token; the answer is JSON whatever the request was."""
    sandbox = current_sandbox()
    with sandbox.token_endpoint.counted():
        sandbox.sleep(sandbox.settings.token_latency_seconds)
        answer = sandbox.token_endpoint.exchange(
            request.mimetype,
            request.get_data(cache=False),
            request.headers.get("Authorization"),
            sandbox.settings,
        )
    return _not_stored(jsonify(answer))


@blueprint.get("/api/partner/v1/metadata/<id_token>")
def metadata(id_token: str) -> Response:
    """Describe the grant that an access token belongs to."""
    sandbox = current_sandbox()
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    with sandbox.database.reading() as connection:
        grant = find_live_grant(connection, bearer.strip(), sandbox.clock.now())
        environment = find_environment(connection, grant["app_id"]) if grant else None
    if grant is None or environment is None or scheme.lower() != "bearer":
        return _invalid_token()
    if grant["id_token"] != id_token:
        return _problem({"error": "not_found"}, 404)
    return jsonify(
        _describe(environment, grant["partner_app_id"], grant["scope"], grant["authorized_at"])
    )


def _describe(
    environment: Environment, partner_app_id: int, scope: str, authorized_at: float
) -> dict[str, str]:
    moment = datetime.fromtimestamp(authorized_at, UTC)
    return {
        "env_id": environment.app_id,
        "partner_app_id": str(partner_app_id),
        "authorized_by": environment.authorized_by,
        "authorized_scope": scope,
        "authorized_at_utc": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


def _invalid_token() -> Response:
    response = _problem({"error": "invalid_token"}, 401)
    response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


@blueprint.errorhandler(TokenRefusedError)
def _token_refused(refused: TokenRefusedError) -> Response:
    answer = {"error": refused.error, "error_description": refused.description}
    response = _not_stored(_problem(answer, refused.status))
    if refused.status == 401 and request.authorization:
        response.headers["WWW-Authenticate"] = 'Basic realm="Heap sandbox"'
    return response


@blueprint.errorhandler(RefusedRequestError)
def _request_refused(refused: RefusedRequestError) -> AnyResponse:
    return redirect(refused.location)


@blueprint.errorhandler(UnanswerableRequestError)
def _request_unanswerable(problem: UnanswerableRequestError) -> AnyResponse:
    return make_response(render_template("problem.html", problem=problem), 400)


def _problem(body: dict[str, str], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response


def _not_stored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response
