"""The pages of the demo product. It signs user tokens as your own server would."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask, Response, render_template, request, send_from_directory

from connector import assets, tokens

USER = "alice"
#: Every address that the npm SDK may call; one origin serves them all.
SDK_ADDRESSES = (
    "API_TRIGGER_KIT_PUBLIC_URL",
    "CDN_PUBLIC_URL",
    "CONNECT_PUBLIC_URL",
    "DASHBOARD_PUBLIC_URL",
    "HERMES_PUBLIC_URL",
    "PASSPORT_PRODUCTION_URL",
    "PASSPORT_PUBLIC_URL",
    "WORKER_PROXY_PUBLIC_URL",
    "ZEUS_PUBLIC_URL",
)
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: {server}; "
    "connect-src {server}; frame-src {server}; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What the demo product knows: its project, its private key, and where the servers are."""

    project_id: str
    private_pem: str = field(repr=False)
    server_url: str
    sandbox_url: str | None


def create_app(product: Product) -> Flask:
    """Build the demo product around what it knows."""
    app = Flask(__name__, static_folder=None, template_folder=str(assets.template_folder()))
    app.jinja_env.globals["asset"] = assets.asset

    @app.get("/")
    def page() -> str:
        return render_template("demo/product.html", demo_config=page_config(product))

    @app.get("/static/dist/<path:filename>")
    def built(filename: str) -> Response:
        max_age = assets.HASHED_MAX_AGE if "v" in request.args else 0
        return send_from_directory(assets.STATIC_FOLDER / "dist", filename, max_age=max_age)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _CSP.format(server=product.server_url)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        if request.endpoint == "page":
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


def page_config(product: Product) -> dict[str, object]:
    """Return what the page needs, with a user token signed just now."""
    return {
        "projectId": product.project_id,
        "userToken": tokens.sign(product.private_pem, product.project_id, USER),
        "environments": dict.fromkeys(SDK_ADDRESSES, product.server_url),
        "sandboxUrl": product.sandbox_url,
        "consoleUrl": product.server_url,
    }
