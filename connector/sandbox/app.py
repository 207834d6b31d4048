"""The sandbox's WSGI application."""

from typing import TYPE_CHECKING

from flask import Flask, Response, abort, jsonify, request
from werkzeug.exceptions import HTTPException

from connector.sandbox import (
    admin_views,
    deletion_views,
    ingestion_views,
    page_views,
    partner_views,
)
from connector.sandbox.database import StoppedError
from connector.sandbox.http_server import MAX_BODY_BYTES
from connector.sandbox.layers import FaultLayer, RequestLogLayer, is_ours
from connector.sandbox.state import EXTENSION, Sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_BLUEPRINTS = (
    ingestion_views.blueprint,
    partner_views.blueprint,
    deletion_views.blueprint,
    admin_views.blueprint,
    page_views.blueprint,
)

# There is no form-action here: Chromium holds it against every redirect that follows a form, and
# the consent form leads to the app's own address and on from there.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(sandbox: Sandbox) -> "WSGIApplication":
    """Build the application of one sandbox, with its request log and faults around it."""
    flask = Flask(__name__, static_url_path="/sandbox/static")
    flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    flask.json.sort_keys = False  # type: ignore[attr-defined]
    flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    flask.extensions[EXTENSION] = sandbox
    for blueprint in _BLUEPRINTS:
        flask.register_blueprint(blueprint)
    flask.register_error_handler(HTTPException, _http_problem)
    flask.register_error_handler(StoppedError, _stopped)
    flask.before_request(_refuse_foreign_pages)
    flask.after_request(_harden)
    return RequestLogLayer(FaultLayer(flask, sandbox), sandbox)


def _refuse_foreign_pages() -> None:
    """Let no page of another site steer the sandbox or give consent."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method != "GET" and is_ours(request.path) and site not in ("none", "same-origin"):
        abort(403, "This request came from a page of another site.")


def _http_problem(problem: HTTPException) -> Response:
    if request.path.startswith("/sandbox/api/"):
        response = jsonify(error=problem.description or problem.name)
    else:
        response = Response(problem.name, content_type="text/plain; charset=utf-8")
    response.status_code = problem.code or 500
    for name, value in problem.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _stopped(_: StoppedError) -> Response:
    return Response("The sandbox is stopping", 503, content_type="text/plain; charset=utf-8")


def _harden(response: Response) -> Response:
    if response.mimetype == "text/html" or is_ours(request.path):
        response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
    return response
