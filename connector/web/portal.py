"""The connect portal: the page that the SDK embeds, and the connectors' icons."""

from __future__ import annotations

import html
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, render_template, request

from connector.errors import NotFound
from connector.store import projects as project_store
from connector.web.guards import runtime, secure_headers

blueprint = Blueprint("portal", __name__)


@blueprint.get("/ui")
def ui() -> Response:
    """Serve the portal's frame to the pages of the project's origins.

    The SDK loads it before it knows its project; it is then open to the origins of all projects,
    and shows nothing until a page of the project's own origins asks it to.
    """
    origins = _origins(request.args.get("projectId"))
    page = make_response(render_template("portal.html", allowed_origins=origins))
    return secure_headers(page, ancestors=" ".join(origins), forms="'none'")


@blueprint.get("/integrations/<connector>.svg")
def icon(connector: str) -> Response:
    """Serve a connector's icon: its own file, else its first letter on its colour."""
    manifest = runtime().connectors.get(connector)
    if manifest is None:
        raise NotFound
    file = Path(current_app.static_folder or "") / "dist" / "connectors" / f"{manifest.name}.svg"
    drawing = (
        file.read_text(encoding="utf-8")
        if file.is_file()
        else _letter(manifest.title, manifest.brand_color)
    )
    response = Response(drawing, mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "public, max-age=3600"
    return secure_headers(response)


def _origins(project_id: str | None) -> list[str]:
    with runtime().database.reading() as tx:
        if project_id is not None:
            project = project_store.find(tx, project_id)
            found = [project] if project else []
        else:
            found = project_store.all_projects(tx)
    own = runtime().settings.public_url
    return sorted({own, *(origin for project in found for origin in project.origins)})


def _letter(title: str, colour: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" role="img">'
        f'<rect width="64" height="64" rx="14" fill="{colour}"/>'
        '<text x="32" y="44" font-family="system-ui,sans-serif" font-size="34" font-weight="700" '
        f'text-anchor="middle" fill="#fff">{html.escape(title[:1].upper())}</text></svg>'
    )
