"""The Flask application: blueprints, errors, headers. Holds no logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response, request, send_from_directory
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from connector import assets, logs
from connector.runtime import Runtime
from connector.turnstile import Turnstile
from connector.web import (
    api,
    connect,
    connect_sdk,
    console,
    guards,
    health,
    portal,
    problems,
    proxy,
    sdk,
    triggers,
)

LARGEST_BODY = 1024 * 1024
_TOKEN_PATHS = ("/projects/", "/v2/projects/", "/api/", "/hooks/", "/triggers/")
_API_BLUEPRINTS = (
    proxy.blueprint,
    sdk.blueprint,
    connect_sdk.blueprint,
    triggers.blueprint,
    health.blueprint,
)
_PAGE_BLUEPRINTS = (connect.blueprint, portal.blueprint, console.blueprint)


class _App(Flask):
    """Flask without its search for coroutines: there are none, and it is made for each call."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(runtime: Runtime) -> Flask:
    """Build the application around a runtime."""
    app = _App(__name__, static_folder=None, template_folder=str(assets.template_folder()))
    app.static_folder = str(assets.STATIC_FOLDER)
    app.add_url_rule("/static/<path:filename>", "static", _static)
    settings = runtime.settings
    app.config.update(
        SECRET_KEY=runtime.session_key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_NAME="__Host-heapline" if settings.secure else "heapline",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    # Addresses within the proxy's paths must arrive as they were sent.
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = guards.Segment
    app.session_interface = _PageSessions()
    app.extensions[guards.EXTENSION] = runtime
    app.jinja_env.globals["asset"] = assets.asset
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    _install(app)
    app.wsgi_app = Turnstile(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _install(app: Flask) -> None:
    app.before_request(_bind_log)
    problems.install(app)
    guards.allow_origins(app)
    console.session.install(app)
    csrf = CSRFProtect(app)
    for blueprint in _API_BLUEPRINTS:
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    api.install(app, csrf)
    for blueprint in _PAGE_BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.after_request(_finish)


class _PageSessions(SecureCookieSessionInterface):
    """Cookies for pages alone: callers of the SDK's routes and of the API show tokens."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a page's request, an empty one for any other."""
        if request.path.startswith(_TOKEN_PATHS):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie of a page's session."""
        if not request.path.startswith(_TOKEN_PATHS):
            super().save_session(app, session, response)


def _static(filename: str) -> Response:
    """Serve a built file; one asked for with its content's hash never changes."""
    max_age = assets.HASHED_MAX_AGE if "v" in request.args else 0
    return send_from_directory(assets.STATIC_FOLDER, filename, max_age=max_age)


def _bind_log() -> None:
    # The route, not the path: connect links and polling keys are secrets within paths.
    route = request.url_rule.rule if request.url_rule else None
    logs.request.set((problems.request_id(), route))


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = problems.request_id()
    return guards.secure_headers(response)
