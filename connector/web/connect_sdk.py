"""The SDK's popup protocol: nonce page, address to go to, polling for the outcome."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)

from connector import sdk_protocol as protocol
from connector.connect_sessions import Wish
from connector.errors import (
    FieldInvalid,
    HeaplineError,
    NotFound,
    OriginNotAllowed,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from connector.manifest import AuthorizationCode, origin_of
from connector.models import ConnectSession, Project, SessionStatus
from connector.store import users as user_store
from connector.web import problems
from connector.web.guards import (
    bind,
    binding_for,
    new_binding,
    project_or_404,
    runtime,
    secure_headers,
    user_claims,
)

blueprint = Blueprint("connect_sdk", __name__)

_SIGN_IN_AGAIN = "Close this window, reload the page that you came from and try again."


def _in_window(view: Callable[[str], Response]) -> Callable[[str], Response]:
    """Have a view that a person sees in a window explain its errors on a page."""

    @functools.wraps(view)
    def explained(project_id: str) -> Response:
        try:
            return view(project_id)
        except HeaplineError as error:
            return _problem_page(error)

    return explained


@blueprint.get("/projects/<project_id>/sdk/actions/oauth-nonce")
@_in_window
def nonce(project_id: str) -> Response:
    """Bind the popup's browser to the user and tell the opening page that the popup is here."""
    claims = user_claims(project_id, request.args.get("userToken", ""))
    project = project_or_404(project_id)
    origin = _opener_origin(project)
    page = make_response(
        render_template(
            "connect/nonce.html",
            connector=runtime().connectors.get(request.args.get("action", "")),
            project_name=project.name,
            post_origin=origin,
        )
    )
    return _bound(page, project_id, _user_id(project_id, claims.user_id))


@blueprint.get("/v2/projects/<project_id>/sdk/actions/build-oauth")
def build_oauth(project_id: str) -> Response:
    """Open a connect session and return the address that the popup goes to."""
    user, project = user_claims(project_id).user_id, project_or_404(project_id)
    _opener_origin(project)
    session, link = runtime().connect_sessions.start(project, user, _wish(project_id))
    return jsonify({"redirectUrl": runtime().settings.public_url + _first_page(session, link)})


@blueprint.get("/projects/<project_id>/sdk/actions/build-oauth")
@_in_window
def build_oauth_directly(project_id: str) -> Response:
    """Serve older packages, whose popup comes here without the nonce page before."""
    user = user_claims(project_id, request.args.get("userToken", "")).user_id
    project = project_or_404(project_id)
    _opener_origin(project)
    session, link = runtime().connect_sessions.start(project, user, _wish(project_id))
    page = make_response(redirect(_first_page(session, link)))
    return _bound(page, project_id, session.user_id)


@blueprint.get("/projects/<project_id>/sdk/actions/session-id/<key>")
def outcome(project_id: str, key: str) -> Response:
    """Tell how a connect session ended; an empty object while it has not.

    The SDK may ask before its other call has opened the session, and would take any error for the
    end of its user's sign-in or write it to the console: to it, an unknown session is a pending
    one. It goes on asking after a failure, and so learns of a second try that succeeds.
    """
    user = user_claims(project_id).user_id
    try:
        session = runtime().connect_sessions.poll(project_id, user, key)
    except NotFound:
        return jsonify({})
    match session.status:
        case SessionStatus.COMPLETE:
            return jsonify({"connectCredentialId": session.connection_id})
        case SessionStatus.FAILED:
            return jsonify({"error": session.error})
        case _:
            return jsonify({})


@blueprint.delete("/projects/<project_id>/sdk/actions/session-id/<key>")
def forget(project_id: str, key: str) -> Response:
    """Forget a connect session that was polled to its end."""
    runtime().connect_sessions.forget(project_id, user_claims(project_id).user_id, key)
    return jsonify({"success": True})


def _problem_page(error: HeaplineError) -> Response:
    ended = isinstance(error, TokenMissing | TokenInvalid | TokenExpired)
    page = make_response(
        render_template(
            "connect/problem.html",
            connector=runtime().connectors.get(request.args.get("action", "")),
            popup=True,
            problem={
                "title": "Your session has ended" if ended else "This window cannot be used",
                "explanation": _SIGN_IN_AGAIN if ended else error.message,
                "code": error.code,
            },
        )
    )
    page.status_code = problems.status_of(type(error))
    return _private(page)


def _first_page(session: ConnectSession, link: str) -> str:
    """Return where the window goes first: to the provider, or to the form of a key mode."""
    with runtime().database.reading() as tx:
        settings = runtime().apps.settings(tx, session.project_id, session.connector)
    modes = runtime().apps.modes(settings)
    wanted = _json_argument("installOptions").get("accountType")
    names = wanted if isinstance(wanted, list) else [wanted]
    offered = [mode for mode in modes if mode.name in names] or modes
    if any(isinstance(mode, AuthorizationCode) for mode in offered):
        return url_for("connect.go", link=link)
    return url_for("connect.start", link=link, offer=[mode.name for mode in offered])


def _wish(project_id: str) -> Wish:
    names = list(runtime().connectors)
    asked = request.args.get("integrationId") or request.args.get("action", "")
    connector = protocol.connector_of(project_id, asked, names)
    if connector is None:
        raise NotFound
    return dataclasses.replace(
        protocol.wish(connector, _json_argument("installOptions")),
        poll_key=request.args.get("oauthMetaKeyId") or request.args.get("sessionId"),
        opener_origin=request.args.get("originForPostMessage") or None,
    )


def _json_argument(name: str) -> dict[str, Any]:
    text = request.args.get(name) or "{}"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FieldInvalid(f"{name} must be JSON.", pointer=f"/{name}") from error
    return value if isinstance(value, dict) else {}


def _opener_origin(project: Project) -> str:
    """Return the origin of the page that opened the popup, which must be one of the project's.

    A link on a stranger's page must not bind a browser: the page that leads here is checked too.
    """
    known = {*project.origins, runtime().settings.public_url}
    origin = request.args.get("originForPostMessage", "")
    leading_here = _origin_of_referer()
    for one in (origin, origin if leading_here is None else leading_here):
        if one not in known:
            raise OriginNotAllowed(
                f"The origin {one!r} is not among the project's allowed origins. Add it on the "
                "project's SDK page."
            )
    return origin


def _origin_of_referer() -> str | None:
    referer = request.headers.get("Referer")
    try:
        return origin_of(referer) if referer else None
    except ValueError:
        return referer


def _user_id(project_id: str, external_id: str) -> str:
    with runtime().database.transaction() as tx:
        return user_store.ensure(tx, project_id, external_id).id


def _bound(page: Response, project_id: str, user_id: str) -> Response:
    binding = binding_for(project_id, user_id) or new_binding(project_id, user_id)
    bind(page, project_id, user_id, binding)
    return _private(page)


def _private(page: Response) -> Response:
    page.headers["Cache-Control"] = "no-store"
    page.headers["Referrer-Policy"] = "no-referrer"
    return secure_headers(page)
