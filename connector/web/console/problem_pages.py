"""Errors of the console as pages in the console's own look."""

from __future__ import annotations

import structlog
from flask import render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from connector import errors as e
from connector.web import problems
from connector.web.console.blueprint import blueprint

log = structlog.get_logger(__name__)

_STALE = (
    "This page was open for too long, or was sent from somewhere else. Nothing was changed. "
    "Go back, load the page anew and send it again."
)


@blueprint.route("/console/<path:rest>", methods=["GET", "POST"])
def unknown(rest: str) -> ResponseReturnValue:  # noqa: ARG001
    """Answer addresses that lead nowhere with a page as well."""
    raise e.NotFound


@blueprint.errorhandler(e.HeaplineError)
def _known(error: e.HeaplineError) -> ResponseReturnValue:
    status = problems.status_of(type(error))
    if status >= 500:
        log.warning("request_failed", error=error.code, message=error.message)
    return _page(error, status)


@blueprint.errorhandler(HTTPException)
def _framework(error: HTTPException) -> ResponseReturnValue:
    if isinstance(error, CSRFError):
        return _page(e.InputError(_STALE), 400)
    known = problems.from_http(error)
    return _page(known, problems.status_of(type(known)))


@blueprint.errorhandler(Exception)
def _unknown(error: Exception) -> ResponseReturnValue:
    log.error("request_crashed", request_id=problems.request_id(), exc_info=error)
    return _page(e.InternalError(), 500)


def _page(error: e.HeaplineError, status: int) -> ResponseReturnValue:
    # Nothing here may ask the database: it may be the very thing that failed.
    text = render_template(
        "console/problem.html",
        title=_title(status),
        message=_message(error),
        request_id=problems.request_id(),
    )
    return text, status


def _message(error: e.HeaplineError) -> str:
    # What is wrong with the installation is for its log: it may name paths and hosts.
    if isinstance(error, e.SetupError):
        return f"{type(error).__doc__} The server's log says why."
    return error.message


def _title(status: int) -> str:
    match status:
        case 404:
            return "Nothing found here"
        case 429:
            return "Too much at once"
        case status if status >= 500:
            return "Something went wrong"
        case _:
            return "This did not work"
