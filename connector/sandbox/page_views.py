"""The live page: what arrived, what keys there are, which faults wait."""

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from connector.sandbox.environments import list_environments
from connector.sandbox.faults import KINDS
from connector.sandbox.partner_apps import list_partner_apps
from connector.sandbox.reports import latest_marks, newest, totals
from connector.sandbox.state import current_sandbox

blueprint = Blueprint("page", __name__)

SHOWN = 50


@blueprint.get("/")
@blueprint.get("/sandbox")
def home() -> AnyResponse:
    """Lead to the live page."""
    return redirect("/sandbox/")


@blueprint.get("/sandbox/")
def live_page() -> AnyResponse:
    """Show the live page; its script fetches what arrived."""
    with current_sandbox().database.reading() as connection:
        page = render_template(
            "live.html",
            environments=list_environments(connection),
            apps=list_partner_apps(connection),
            kinds=KINDS,
            origin=request.host_url.rstrip("/"),
        )
    return make_response(page)


@blueprint.get("/sandbox/api/live")
def live() -> AnyResponse:
    """Return what the live page shows, from the given marks on."""
    sandbox = current_sandbox()
    sandbox.carry_out_deletions()
    with sandbox.database.reading() as connection:
        event_mark, revision_mark = latest_marks(connection)
        waiting = [(fault.id, fault.times) for fault in sandbox.faults.waiting()]
        tag = (
            f"{sandbox.started}-{sandbox.epoch}-{event_mark}-{revision_mark}-{hash(tuple(waiting))}"
        )
        if request.if_none_match.contains(tag):
            response = Response(status=304)
        else:
            response = jsonify(_news(connection, event_mark, revision_mark))
    response.set_etag(tag)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _news(connection: Any, event_mark: int, revision_mark: int) -> dict[str, Any]:
    sandbox = current_sandbox()
    same = request.args.get("epoch") == f"{sandbox.started}-{sandbox.epoch}"
    events_after = request.args.get("events_after", 0, int) if same else 0
    revision_after = request.args.get("revision_after", 0, int) if same else 0
    return {
        "epoch": f"{sandbox.started}-{sandbox.epoch}",
        "event_mark": event_mark,
        "revision_mark": revision_mark,
        "totals": totals(connection),
        "events": newest(connection, "events", "id", events_after, SHOWN),
        "users": newest(connection, "users", "revision", revision_after, SHOWN),
        "accounts": newest(connection, "accounts", "revision", revision_after, SHOWN),
        "faults": [
            {"id": f.id, "kind": f.kind, "method": f.method, "path": f.path, "times": f.times}
            for f in sandbox.faults.waiting()
        ],
    }
