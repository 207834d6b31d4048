"""A run's response as an answer to the caller who waits for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request

from workflow.answering import Answer
from workflow.errors import RunFailed
from workflow.models import RunState

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: What no header can hold (RFC 9110, section 5.5).
_UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
#: What is between the server and its callers, or would let a workflow speak for the console, which
#: has the same origin.
_KEPT_FROM_WORKFLOWS = frozenset(
    {
        "clear-site-data",
        "connection",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "keep-alive",
        "refresh",
        "service-worker-allowed",
        "set-cookie",
        "strict-transport-security",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-content-type-options",
        "x-request-id",
    }
)
_KEPT_PREFIXES = ("access-control-", "cross-origin-", "proxy-")
#: The SDK takes these for the end of its user's session, whoever says so.
_ENDS_SESSIONS = frozenset({401, 403})


def answer_caller(answer: Answer) -> Response:
    """Return the workflow's response, or that there is none yet.

    Raises
    ------
    RunFailed
        If the run ended badly before it had one. Why is for the operators: the run says it.

    """
    if answer.response is not None:
        return _response(answer.response)
    if answer.state in {RunState.FAILED, RunState.CANCELLED}:
        raise RunFailed(run_id=answer.run_id, state=str(answer.state))
    ended = answer.state.is_final
    told = jsonify({"runId": answer.run_id, "state": "succeeded" if ended else "accepted"})
    told.status_code = 200 if ended else 202
    return told


def _response(said: Mapping[str, Any]) -> Response:
    headers = {name: value for name, value in said["headers"].items() if _may_say(name, value)}
    named = {name.lower(): value for name, value in headers.items()}
    content, media_type = _content(said["body"], named.get("content-type"))
    # A function may have made halves of characters, which no text on the wire can hold.
    response = Response(content.encode("utf-8", "replace"), status=_status(int(said["status"])))
    for name, value in headers.items():
        response.headers[name] = value
    response.headers["Content-Type"] = media_type
    # What a workflow says may hold what strangers sent: it must never run as a page of ours.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _status(status: int) -> int:
    from_sdk = "X-Paragon-SDK-Version" in request.headers
    return 400 if from_sdk and status in _ENDS_SESSIONS else status


def _content(body: Any, media_type: str | None) -> tuple[str, str]:
    """Return the body as it is sent; a text is JSON only for who takes nothing else."""
    if isinstance(body, str):
        wanted = request.accept_mimetypes.best_match(["text/plain", _JSON], default="text/plain")
        if media_type is not None or wanted != _JSON:
            return body, media_type or _TEXT
    if body is None:
        return "", media_type or _TEXT
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")), media_type or _JSON


def _may_say(name: str, value: str) -> bool:
    small = name.lower()
    return (
        _TOKEN.fullmatch(name) is not None
        and _UNFIT.search(value) is None
        and small not in _KEPT_FROM_WORKFLOWS
        and not small.startswith(_KEPT_PREFIXES)
    )
