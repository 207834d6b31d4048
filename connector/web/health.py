"""Whether the server is up, and whether it can work."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy import text

from connector import __version__
from connector.web.guards import runtime

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
def health() -> Response:
    """Say that the process answers."""
    return jsonify({"status": "ok", "version": __version__})


@blueprint.get("/ready")
def ready() -> Response:
    """Say whether the database answers, too."""
    with runtime().database.reading() as tx:
        tx.execute(text("SELECT 1"))
    return jsonify({"status": "ok"})
