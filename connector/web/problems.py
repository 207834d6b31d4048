"""Errors as HTTP answers: one envelope for every API, and the status of every code."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from connector import errors as e
from connector.redaction import redact, redact_values
from workflow import errors as w

log = structlog.get_logger(__name__)

#: What is answered in the envelope: errors of the product, and those of its workflows.
Problem = e.HeaplineError | w.WorkflowError

#: Every class of the error tree, or a parent of it, has its status here.
STATUS: dict[type[e.HeaplineError], int] = {
    e.HeaplineError: 500,
    e.InputError: 400,
    e.RequestTooLarge: 413,
    e.UrlTooLong: 414,
    e.HeadersTooLarge: 431,
    e.MethodNotAllowed: 405,
    e.AccessError: 403,
    e.TokenMissing: 401,
    e.TokenInvalid: 401,
    e.TokenExpired: 401,
    e.ApiKeyInvalid: 401,
    e.SignInFailed: 401,
    e.NotFound: 404,
    e.ConnectError: 400,
    e.ConnectExpired: 410,
    e.ConnectForeignBrowser: 403,
    e.ConnectProviderError: 502,
    # 404 and 403 suit the npm SDK: the first leaves its user signed in, the second has it read the
    # connection's status anew (docs.useparagon.com, "Handling errors").
    e.NotConnected: 404,
    e.NeedsReauthorisation: 403,
    e.ConnectionStateError: 409,
    e.LimitError: 429,
    e.Overloaded: 503,
    e.UpstreamError: 502,
    e.UpstreamTimeout: 504,
    e.DestinationRefused: 400,
    e.CredentialRefreshFailed: 503,
    e.SetupError: 500,
    e.DatabaseUnusable: 503,
    e.InternalError: 500,
}

#: The same for the errors of workflows; the root alone is a fault of ours.
WORKFLOW_STATUS: dict[type[w.WorkflowError], int] = {
    w.WorkflowError: 500,
    w.ExpressionInvalid: 400,
    w.ExpressionFailed: 400,
    w.DefinitionInvalid: 400,
    w.ConditionInvalid: 400,
    w.RetryPolicyInvalid: 400,
    w.ScheduleInvalid: 400,
    w.FunctionInvalid: 400,
    w.FunctionFailed: 400,
    w.TriggerRefused: 400,
    w.SettingsInvalid: 400,
    w.WorkflowUnknown: 404,
    w.VersionUnknown: 404,
    w.RunUnknown: 404,
    w.RunStateUnfit: 409,
    w.VersionUnfit: 409,
    w.ClaimLost: 409,
    w.RunFailed: 502,
}
_STATUS: dict[type, int] = {**STATUS, **WORKFLOW_STATUS}

Class = TypeVar("Class")


def every_error(root: type[e.HeaplineError] = e.HeaplineError) -> Iterator[type[e.HeaplineError]]:
    """Yield every class of the product's tree, the root first."""
    yield from _tree(root)


def every_workflow_error() -> Iterator[type[w.WorkflowError]]:
    """Yield every class of the workflows' tree, the root first."""
    yield from _tree(w.WorkflowError)


def _tree(root: type[Class]) -> Iterator[type[Class]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def status_of(error: type[Problem]) -> int:
    """Return the HTTP status of an error class: its own, else its nearest parent's."""
    return next(_STATUS[parent] for parent in error.__mro__ if parent in _STATUS)


def envelope(error: Problem, request_id: str) -> dict[str, Any]:
    """Return the body of an error answer: message, code, status, meta.

    What is wrong with the installation is for its operators alone: it stands in the log.
    """
    if isinstance(error, e.SetupError):
        error = type(error)()
    return {
        "message": error.message,
        "code": error.code,
        "status": status_of(type(error)),
        "meta": {"requestId": request_id, **_meta(error)},
    }


def _meta(error: Problem) -> dict[str, Any]:
    if isinstance(error, e.HeaplineError):
        return {"retryable": error.retryable, **redact(error.meta)}
    # Here a name such as ``state`` is a run's, and hides nothing.
    return {"retryable": isinstance(error, w.ClaimLost), **redact_values(error.meta)}


def answer(error: Problem) -> Response:
    """Return an error as a JSON answer."""
    response = jsonify(envelope(error, request_id()))
    response.status_code = status_of(type(error))
    retry_after = error.meta.get("retry_after")
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(float(retry_after))))
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="heapline"'
    return response


def raw_answer(error: e.HeaplineError, request_id: str) -> bytes:
    """Return an error as the bytes of an HTTP answer, for a request that no application saw."""
    status = HTTPStatus(status_of(type(error)))
    body = json.dumps(envelope(error, request_id)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def request_id() -> str:
    """Return the id of the request being answered; the caller's own when it is well formed."""
    known: str | None = g.get("request_id")
    if known is None:
        given = request.headers.get("X-Request-Id", "")
        well_formed = 8 <= len(given) <= 64 and given.replace("-", "").isalnum()
        known = g.request_id = given if well_formed and given.isascii() else uuid.uuid4().hex
    return known


def from_http(error: HTTPException) -> e.HeaplineError:
    """Return our error for one of the framework's own."""
    match error.code:
        case 404:
            return e.NotFound()
        case 405:
            return e.MethodNotAllowed()
        case 413:
            return e.RequestTooLarge()
        case 415:
            return e.BodyInvalid("The body must be JSON.")
        case code if code is not None and 400 <= code < 500:
            return e.InputError(str(error.description or e.InputError.__doc__))
        case _:
            return e.InternalError()


def install(app: Flask) -> None:
    """Answer every error of an API in the envelope; pages render their own."""
    app.register_error_handler(e.HeaplineError, _known)
    app.register_error_handler(w.WorkflowError, _known)
    app.register_error_handler(HTTPException, answer_framework)
    app.register_error_handler(Exception, _unknown)


def _known(error: Problem) -> Response:
    if status_of(type(error)) >= 500:
        log.warning("request_failed", error=error.code, message=error.message)
    else:
        log.info("request_refused", error=error.code)
    return answer(error)


def answer_framework(error: HTTPException) -> Response:
    """Return one of the framework's own errors as a JSON answer."""
    response = answer(from_http(error))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unknown(error: Exception) -> Response:
    log.error("request_crashed", request_id=request_id(), exc_info=error)
    return answer(e.InternalError())
