"""The start page, signing in and out."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from connector.errors import SignInFailed, SignInThrottled
from connector.store import projects as project_store
from connector.web import problems
from connector.web.console import session
from connector.web.console.blueprint import blueprint, this_operator
from connector.web.console.forms import Form, plain, stripped
from connector.web.guards import runtime

log = structlog.get_logger(__name__)


class SignInForm(Form):
    """E-mail address and password."""

    email = StringField(
        "E-mail address",
        filters=[stripped],
        validators=[DataRequired("Fill in your e-mail address."), Length(max=320), plain],
    )
    password = PasswordField(
        "Password", validators=[DataRequired("Fill in your password."), Length(max=1000)]
    )
    next = HiddenField()


@blueprint.get("/")
@blueprint.get("/console/")
def start() -> ResponseReturnValue:
    """Lead to the operator's first project, or to making one."""
    with runtime().database.reading() as tx:
        projects = project_store.of_operator(tx, this_operator().id)
    if not projects:
        return redirect(url_for("console.new_project"))
    return redirect(url_for("console.overview", project_id=projects[0].id))


@blueprint.get("/console/sign-in")
def sign_in() -> ResponseReturnValue:
    """Show the form, or how to make the first operator."""
    way_on = local_path(request.args.get("next", ""))
    if session.operator() is not None:
        return redirect(way_on)
    return _page(SignInForm(formdata=None, data={"next": way_on}))


@blueprint.post("/console/sign-in")
def sign_in_form() -> ResponseReturnValue:
    """Sign in and go on to where the person wanted to be."""
    form = SignInForm()
    if not form.sent():
        return _page(form, 400)
    try:
        found = runtime().access.sign_in(
            form.email.data, form.password.data, request.remote_addr or ""
        )
    except (SignInFailed, SignInThrottled) as error:
        log.warning("sign_in_refused", error=error.code, client=request.remote_addr)
        form.put(error)
        return _page(form, problems.status_of(type(error)))
    session.begin(found)
    log.info("signed_in", operator=found.id, client=request.remote_addr)
    return redirect(local_path(form.next.data or ""), 303)


@blueprint.post("/console/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out."""
    session.end()
    return redirect(url_for("console.sign_in"), 303)


def local_path(text: str) -> str:
    """Return a path of this server, or the start page for anything else.

    Browsers take a backslash for a slash and drop control characters, so neither may be in it.
    """
    if not text.startswith("/") or "\\" in text or not text.isprintable():
        return "/"
    parts = urlsplit(text)
    return "/" if parts.scheme or parts.netloc or text.startswith("//") else text


def _page(form: SignInForm, status: int = 200) -> Response:
    with runtime().database.reading() as tx:
        ready = project_store.any_operator(tx)
    name = "sign_in.html" if ready else "first_run.html"
    return make_response(render_template(f"console/{name}", form=form), status)
