"""The console's blueprint: who may see a page, of which project, and how it is rendered.

Every route but the open ones needs an operator, and every route with a project in its address
needs one that the operator is a member of. Both are settled here, before any view runs.
"""

from __future__ import annotations

from typing import Any, cast

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from connector.models import Operator, Project
from connector.store import projects as project_store
from connector.web.console import session
from connector.web.guards import runtime

blueprint = Blueprint("console", __name__)

#: Where the pages of one project are.
PROJECT = "/console/projects/<project_id>"
_OPEN = {"console.sign_in", "console.sign_in_form"}


@blueprint.url_value_preprocessor
def _take_project_id(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.project_id = values.pop("project_id", None) if values else None


@blueprint.url_defaults
def _put_project_id(endpoint: str, values: dict[str, Any]) -> None:
    project_id = g.get("project_id")
    if project_id and current_app.url_map.is_endpoint_expecting(endpoint, "project_id"):
        values.setdefault("project_id", project_id)


@blueprint.before_request
def _admit() -> ResponseReturnValue | None:
    if request.endpoint in _OPEN:
        return None
    found = session.operator()
    if found is None:
        return redirect(url_for("console.sign_in", next=_way_back()), 303)
    if g.project_id is not None:
        g.project = runtime().access.project_of_operator(found, g.project_id)
    return None


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return response


def this_operator() -> Operator:
    """Return who is signed in, for views that are not open."""
    return cast(Operator, session.operator())


def this_project() -> Project:
    """Return the project in the address, which the operator is a member of."""
    return cast(Project, g.project)


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a page of the signed-in operator."""
    operator = this_operator()
    with runtime().database.reading() as tx:
        projects = project_store.of_operator(tx, operator.id)
    text = render_template(
        f"console/{template}",
        operator=operator,
        project=g.get("project"),
        projects=projects,
        **values,
    )
    return make_response(text, status)


def _way_back() -> str | None:
    if request.method != "GET" or request.path == "/":
        return None
    return request.full_path.removesuffix("?")
