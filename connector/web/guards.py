"""What every view needs of the request: the runtime, who calls, from which origin and browser."""

from __future__ import annotations

import hashlib
from typing import Any, cast

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import UnicodeConverter, ValidationError

from connector import plain_json
from connector.errors import (
    BodyInvalid,
    HeaplineError,
    NotFound,
    OriginNotAllowed,
    RequestTooLarge,
    TokenMissing,
)
from connector.models import ApiKey, Project
from connector.runtime import Runtime
from connector.store import projects as project_store
from connector.tokens import UserClaims

EXTENSION = "heapline"
_SDK_HEADERS = (
    "authorization, content-type, accept, x-paragon-sdk-version, x-paragon-credential, "
    "x-paragon-configuration-id, x-paragon-user-metadata, x-paragon-proxy-url, "
    "x-paragon-use-raw-response, x-heapline-timeout, x-request-id, idempotency-key"
)
_SDK_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = (
    "x-request-id, x-heapline-attempts, x-heapline-upstream-ms, x-heapline-total-ms, retry-after"
)
_BINDING_COOKIE = "heapline-connect-"
_BINDING_SECONDS = 3600
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action {forms}; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)


class Segment(UnicodeConverter):
    """A segment of a path; none with a null character, which no database could look up."""

    def to_python(self, value: str) -> str:
        """Match the segment, or have the next route tried."""
        if "\0" in value:
            raise ValidationError
        return value


def runtime() -> Runtime:
    """Return the runtime of the app."""
    return cast(Runtime, current_app.extensions[EXTENSION])


def project_or_404(project_id: str) -> Project:
    """Return a project by id.

    Raises
    ------
    NotFound
        If there is none.

    """
    with runtime().database.reading() as tx:
        project = project_store.find(tx, project_id)
    if project is None:
        raise NotFound
    return project


def bearer() -> str:
    """Return the token of the Authorization header.

    Raises
    ------
    TokenMissing
        If there is none.

    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenMissing
    return token.strip()


def user_claims(project_id: str, token: str | None = None) -> UserClaims:
    """Verify the caller's user token; see ``Access.claims`` for what is raised."""
    return runtime().access.claims(project_id, token if token is not None else bearer())


def api_key() -> ApiKey:
    """Verify the caller's API key; see ``Access.api_key`` for what is raised."""
    return runtime().access.api_key(bearer())


def raw_body() -> bytes:
    """Return the body as it was sent.

    Raises
    ------
    RequestTooLarge
        If it is longer than this server accepts.

    """
    raw = request.get_data()
    if request.content_length is None and len(raw) == request.max_content_length:
        raise RequestTooLarge  # werkzeug cuts a chunked body off at the limit and goes on
    return raw


def json_object() -> dict[str, Any]:
    """Return the body as a JSON object whatever its media type says; blank counts as ``{}``.

    Raises
    ------
    BodyInvalid
        If it is anything else.
    RequestTooLarge
        If it is longer than this server accepts.

    """
    raw = raw_body()
    if not raw.strip():
        return {}
    try:
        data = plain_json.parsed(raw)
    except ValueError as error:
        raise BodyInvalid(f"The body is no JSON: {error}.") from error
    if not isinstance(data, dict):
        raise BodyInvalid("The body must be a JSON object.")
    return data


def allow_origins(app: Flask) -> None:
    """Answer preflights of the SDK's routes and name the project's own origins as allowed."""

    @app.before_request
    def preflight() -> ResponseReturnValue | None:
        if request.method != "OPTIONS" or not _is_sdk_route():
            return None
        if _allowed_origin() is None:
            raise OriginNotAllowed(
                f"The origin {request.headers.get('Origin', '')!r} is not among the project's "
                "allowed origins. Add it on the project's SDK page."
            )
        asked = request.headers.get("Access-Control-Request-Headers", "")
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = _SDK_METHODS
        response.headers["Access-Control-Allow-Headers"] = ", ".join(
            filter(None, (_SDK_HEADERS, asked))
        )
        response.headers["Access-Control-Max-Age"] = "600"
        return response

    @app.after_request
    def name_origin(response: Response) -> Response:
        if _is_sdk_route():
            response.headers.add("Vary", "Origin")
            origin = _allowed_origin_or_none()
            if origin is not None:
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response


def secure_headers(
    response: Response, *, ancestors: str = "'none'", forms: str = "'self'"
) -> Response:
    """Put the headers of a strict page on a response, unless it has its own.

    ``ancestors`` are the origins that may embed it. ``forms`` are those a form may lead to:
    Chromium applies the rule to redirects after a form was sent as well.
    """
    if "Content-Security-Policy" not in response.headers:
        policy = _CSP.format(ancestors=ancestors, forms=forms)
        response.headers["Content-Security-Policy"] = policy
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "unsafe-none")
    if runtime().settings.secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def bindings() -> dict[str, str]:
    """Return the binding cookies of this browser by their short session key."""
    prefix = _cookie_prefix()
    return {
        name.removeprefix(prefix): value
        for name, value in request.cookies.items()
        if name.startswith(prefix)
    }


def binding_for(project_id: str, user_id: str) -> str | None:
    """Return this browser's binding to a project's user, if it holds one made here."""
    session_key = _session_key(project_id, user_id)
    value = bindings().get(_short(session_key))
    if value and runtime().bindings.holds(value, session_key):
        return value
    return None


def bind(response: Response, project_id: str, user_id: str, binding: str) -> None:
    """Set the cookie that binds this browser to a project's user."""
    settings = runtime().settings
    response.set_cookie(
        _cookie_prefix() + _short(_session_key(project_id, user_id)),
        binding,
        max_age=_BINDING_SECONDS,
        secure=settings.secure,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def new_binding(project_id: str, user_id: str) -> str:
    """Make a binding to a project's user."""
    return runtime().bindings.new(_session_key(project_id, user_id))


def _is_sdk_route() -> bool:
    return request.path.startswith(("/projects/", "/v2/projects/"))


def _allowed_origin_or_none() -> str | None:
    """Return the allowed origin while an answer is finished, which may tell of a database away."""
    try:
        return _allowed_origin()
    except HeaplineError:
        return None


def _allowed_origin() -> str | None:
    origin = request.headers.get("Origin")
    if not origin:
        return None
    parts = request.path.split("/")
    project_id = parts[3 if parts[1] == "v2" else 2]
    if "\0" in project_id:
        return None
    with runtime().database.reading() as tx:
        project = project_store.find(tx, project_id)
    known = {*(project.origins if project else ()), runtime().settings.public_url}
    return origin if origin in known else None


def _session_key(project_id: str, user_id: str) -> str:
    return f"{project_id}/{user_id}"


def _short(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:16]


def _cookie_prefix() -> str:
    # The __Host- prefix (RFC 6265bis) pins a cookie to host and path, but needs TLS.
    return ("__Host-" if runtime().settings.secure else "") + _BINDING_COOKIE
