"""The pages a person sees while connecting: link, provider and back, outcome, problem."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.exceptions import HTTPException
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired

from connector.connecting import Callback
from connector.errors import (
    ConnectError,
    ConnectExpired,
    ConnectForeignBrowser,
    ConnectRefused,
    FieldInvalid,
    HeaplineError,
    UpstreamError,
)
from connector.manifest import AuthMode, AuthorizationCode, KeyMode, Manifest, origin_of
from connector.models import Connection, ConnectSession, Project, User
from connector.outbound import rerouted
from connector.sdk_protocol import account_label, integration_id
from connector.web import problems
from connector.web.guards import (
    bind,
    binding_for,
    bindings,
    new_binding,
    project_or_404,
    runtime,
    secure_headers,
)

blueprint = Blueprint("connect", __name__, url_prefix="/connect")

_TITLES: dict[type[HeaplineError], str] = {
    ConnectRefused: "Nothing was connected",
    ConnectForeignBrowser: "This was started in another browser",
}


@blueprint.get("/go/<link>")
def go(link: str) -> Response:
    """Send the SDK's popup to the provider; its browser was bound by the page before."""
    session, _, _ = runtime().connect_sessions.by_link(link)
    binding = binding_for(session.project_id, session.user_id)
    if binding is None:
        raise ConnectForeignBrowser
    return _to_provider(session, binding)


@blueprint.get("/link/<link>")
def start(link: str) -> Response:
    """Show who wants to connect to what, and the ways to do so."""
    session, project, user = _opened(link)
    return _start_page(link, session, project, user, {})


@blueprint.post("/link/<link>")
def choose(link: str) -> Response:
    """Begin at the provider, or connect by the keys that were filled in."""
    session, project, user = _opened(link)
    manifest = runtime().apps.connector(session.connector)
    mode = manifest.auth_modes.get(request.args.get("mode", ""))
    if mode is None:
        return _start_page(link, session, project, user, {})
    form = _form(mode)
    if not form.validate_on_submit():
        return _start_page(link, session, project, user, {mode.name: form})
    if isinstance(mode, AuthorizationCode):
        binding = binding_for(session.project_id, session.user_id)
        binding = binding or new_binding(session.project_id, session.user_id)
        return _to_provider(session, binding)
    try:
        connection = runtime().connecting.connect_with_keys(session, mode.name, form.data)
    except (FieldInvalid, ConnectError, UpstreamError) as error:
        _put_error(form, mode, error, _explanation(error, session.connector))
        return _start_page(link, session, project, user, {mode.name: form})
    return _done(session, connection)


@blueprint.get("/<connector>/callback")
def callback(connector: str) -> Response:
    """Take the person back from the provider."""
    session, connection = runtime().connecting.complete(
        connector,
        Callback(
            state=request.args.get("state", ""),
            code=request.args.get("code", ""),
            error=request.args.get("error", ""),
            error_description=request.args.get("error_description", ""),
            issuer=request.args.get("iss", ""),
        ),
        bindings(),
    )
    return _done(session, connection)


@blueprint.get("/again/<project_id>/<session_id>")
def again(project_id: str, session_id: str) -> Response:
    """Start over after a problem, in the browser that had it."""
    session = runtime().connect_sessions.unfinished(project_id, session_id)
    if binding_for(project_id, session.user_id) is None:
        raise ConnectExpired  # as for a session that does not exist
    link = runtime().connect_sessions.reopen(session)
    endpoint = "connect.go" if session.opener_origin else "connect.start"
    return _private(make_response(redirect(url_for(endpoint, link=link))))


@blueprint.errorhandler(HeaplineError)
def problem(error: HeaplineError) -> Response:
    """Explain what went wrong and show the way back."""
    session_id, project_id = error.meta.get("session_id"), error.meta.get("project_id")
    name = error.meta.get("connector") or (request.view_args or {}).get("connector", "")
    retry_url = None
    if session_id and project_id:
        retry_url = url_for("connect.again", project_id=project_id, session_id=session_id)
    page = make_response(
        render_template(
            "connect/problem.html",
            connector=runtime().connectors.get(name),
            retry_url=retry_url,
            return_url=error.meta.get("return_url"),
            popup=error.meta.get("popup", False),
            post_origin=error.meta.get("post_origin"),
            integration_id=project_id and integration_id(project_id, name),
            problem={
                "title": _TITLES.get(type(error), "The account was not connected"),
                "explanation": _explanation(error, name),
                "provider_text": error.meta.get("provider_text"),
                "code": error.code,
            },
        )
    )
    page.status_code = problems.status_of(type(error))
    return _private(page)


@blueprint.errorhandler(HTTPException)
def refused(error: HTTPException) -> Response:
    """Show the framework's own refusals, such as a form without its token, as a page as well."""
    return problem(problems.from_http(error))


def _opened(link: str) -> tuple[ConnectSession, Project, User]:
    """Return what a link starts.

    A link that an operator made may be opened anywhere. One that the SDK asked for is good in the
    browser bound to its user alone: anybody with a user token could send it to someone else.
    """
    session, project, user = runtime().connect_sessions.by_link(link)
    if session.opener_origin and binding_for(session.project_id, session.user_id) is None:
        raise ConnectForeignBrowser
    return session, project, user


def _explanation(error: HeaplineError, connector: str) -> str:
    """Return words for a person: what our other errors say is meant for the operator."""
    match error:
        case ConnectError() | FieldInvalid():
            return error.message
        case UpstreamError():
            manifest = runtime().connectors.get(connector)
            name = manifest.title if manifest else "The other side"
            return f"{name} could not be reached, or is in trouble. Please try again in a while."
        case _:
            return str(HeaplineError.__doc__)


def _to_provider(session: ConnectSession, binding: str) -> Response:
    page = make_response(redirect(runtime().connecting.begin(session, binding)))
    bind(page, session.project_id, session.user_id, binding)
    return _private(page)


def _start_page(
    link: str,
    session: ConnectSession,
    project: Project,
    user: User,
    forms: dict[str, FlaskForm],
) -> Response:
    manifest = runtime().apps.connector(session.connector)
    with runtime().database.reading() as tx:
        settings = runtime().apps.settings(tx, session.project_id, session.connector)
    offer = request.args.getlist("offer")
    modes = runtime().apps.modes(settings)
    page = make_response(
        render_template(
            "connect/start.html",
            connector=_shown(manifest),
            project_name=project.name,
            user=user.external_id,
            modes=[
                {
                    "title": mode.title,
                    "description": mode.description,
                    "scheme": "oauth" if isinstance(mode, AuthorizationCode) else "keys",
                    "action": url_for("connect.choose", link=link, mode=mode.name, offer=offer),
                    "form": forms.get(mode.name) or _form(mode),
                }
                for mode in [one for one in modes if one.name in offer] or modes
            ],
            scopes=[one for one in manifest.scopes.available if one.name in settings.scopes],
            return_url=session.return_url,
        )
    )
    if any(form.errors for form in forms.values()):
        page.status_code = 400
    return _private(page, forms=_provider_origin(session))


def _done(session: ConnectSession, connection: Connection) -> Response:
    project = project_or_404(session.project_id)
    manifest = runtime().apps.connector(session.connector)
    page = make_response(
        render_template(
            "connect/done.html",
            connector=_shown(manifest),
            project_name=project.name,
            return_url=session.return_url,
            account_label=account_label(connection),
            popup=session.opener_origin is not None,
        )
    )
    return _private(page)


def _shown(manifest: Manifest) -> dict[str, str]:
    return {
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "icon_url": f"/integrations/{manifest.name}.svg",
    }


def _form(mode: AuthMode) -> FlaskForm:
    """Return a form with the fields of an auth mode."""
    members: dict[str, Any] = {}
    for one in getattr(mode, "fields", ()):
        kind = PasswordField if one.secret else StringField
        members[one.id] = kind(
            one.title,
            description=one.help,
            validators=[DataRequired(f"{one.title} is required.")],
            render_kw={"placeholder": one.example} if one.example else {},
        )
    # The prefix keeps ids apart on a page with several modes that ask for the same.
    form: FlaskForm = type("ModeForm", (FlaskForm,), members)(prefix=mode.name)
    return form


def _put_error(form: FlaskForm, mode: KeyMode, error: HeaplineError, words: str) -> None:
    name = str(error.meta.get("pointer", "")).lstrip("/")
    known = {one.id for one in mode.fields}
    if name in known:
        form[name].errors = [words]
    else:
        form.form_errors = [words]


def _provider_origin(session: ConnectSession) -> str:
    """Return where the form of the start page may lead to by a redirect."""
    manifest = runtime().apps.connector(session.connector)
    mode = manifest.authorization_mode()
    if mode is None:
        return ""
    with runtime().database.reading() as tx:
        app = runtime().apps.app(tx, session.project_id, session.connector)
    return origin_of(rerouted(mode.authorize_url, app.route))


def _private(page: Response, *, forms: str = "") -> Response:
    page.headers["Cache-Control"] = "no-store"
    page.headers["Referrer-Policy"] = "no-referrer"
    return secure_headers(page, forms=f"'self' {forms}".strip())
