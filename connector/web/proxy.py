"""The proxy's route: raw requests of connected users, streamed both ways."""

from __future__ import annotations

import os
import socket
import string
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast
from urllib.parse import quote

from flask import Blueprint, Response, request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from connector.errors import HeaderInvalid, UpstreamError
from connector.proxy.call import ProxyRequest
from connector.web.guards import bearer, runtime
from connector.web.problems import request_id

blueprint = Blueprint("proxy", __name__)

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_LONGEST_SECONDS = 300.0
#: Segments of /projects/<id>/sdk/proxy/<connector>/ before the target, with the leading slash's.
_PREFIX_SEGMENTS = 6


class _Rest(BaseConverter):
    """All the rest of a path, also when it is empty or begins with a slash."""

    regex = ".*"
    part_isolating = False


@blueprint.record_once
def _add_converter(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["rest"] = _Rest


@blueprint.route("/projects/<project_id>/sdk/proxy/<connector>", methods=_METHODS)
@blueprint.route("/projects/<project_id>/sdk/proxy/<connector>/<rest:_rest>", methods=_METHODS)
def forward(project_id: str, connector: str, _rest: str = "") -> Response:
    """Forward a request for the user whose token came with it."""
    runtime_ = runtime()
    claims = runtime_.access.claims(project_id, bearer(), key_checked_later=True)
    request.max_content_length = sys.maxsize  # the proxy has a cap of its own
    target, query = _raw_target()
    answer = runtime_.proxy.forward(
        claims,
        ProxyRequest(
            request_id=request_id(),
            connector=connector,
            method=request.method,
            target=target,
            query=query,
            headers=list(request.headers.items()),
            body=cast(BinaryIO, request.stream),
            body_length=request.content_length,
            selector=request.headers.get("X-Paragon-Credential"),
            seconds=_seconds(runtime_.settings.proxy_timeout),
        ),
    )
    chunks = _reset_when_broken(answer.chunks) if _framed_by_its_end() else answer.chunks
    response = Response(chunks, status=answer.status, headers=answer.headers)
    if not any(name.lower() == "content-type" for name, _ in answer.headers):
        del response.headers["Content-Type"]
    # What a provider sends must never run as a page of ours.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.call_on_close(answer.close)
    return response


def _framed_by_its_end() -> bool:
    """Say whether the caller cannot tell the end of a body from a connection that broke."""
    return bool(request.environ["SERVER_PROTOCOL"] == "HTTP/1.0")


def _reset_when_broken(chunks: Iterator[bytes]) -> Iterator[bytes]:
    sock: socket.socket | None = request.environ.get("gunicorn.socket")

    def watched() -> Iterator[bytes]:
        try:
            yield from chunks
        except UpstreamError:
            if sock is not None:
                _reset(sock)
            raise

    return watched()


def _reset(sock: socket.socket) -> None:
    """Reset a connection at once; the server goes on to close what now stands in its place."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with socket.socket() as stand_in:
        os.dup2(stand_in.fileno(), sock.fileno(), inheritable=False)


def _raw_target() -> tuple[str, str]:
    """Return the target as the caller encoded it, and the query when it is not part of that.

    WSGI's PATH_INFO is decoded, so ``%2F`` could not be told from a slash; servers give the
    request line beside it.
    """
    given = request.headers.get("X-Paragon-Proxy-Url")
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.full_path
    if given:
        return _ascii(given), str(raw).partition("?")[2]
    path, mark, query = str(raw).partition("?")
    if "://" in path and not path.startswith("/"):
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    return "/".join(path.split("/")[_PREFIX_SEGMENTS:]) + mark + query, ""


def _ascii(text: str) -> str:
    """Percent-encode what is not ASCII; WSGI reads bytes as Latin-1."""
    return text if text.isascii() else quote(text.encode("latin-1"), safe=string.printable)


def _seconds(default: int) -> float:
    text = request.headers.get("X-Heapline-Timeout")
    if text is None:
        return float(default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= _LONGEST_SECONDS:
        raise HeaderInvalid(
            f"X-Heapline-Timeout must be seconds from 0.1 to {_LONGEST_SECONDS:g}.",
            header="X-Heapline-Timeout",
        )
    return seconds
