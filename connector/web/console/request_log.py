"""The request log: what connected users' requests came to, attempt by attempt."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from connector.store import requests as request_store
from connector.store import users as user_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.guards import runtime


@blueprint.get(PROJECT + "/requests")
def request_log() -> ResponseReturnValue:
    """List requests, newest first."""
    user = request.args.get("user", "").strip()
    failed = "failed" in request.args
    before = request.args.get("before", type=int)
    with runtime().database.reading() as tx:
        found = request_store.page(
            tx,
            this_project().id,
            user=user or None,
            failed=failed,
            before=before,
            limit=request_store.PAGE + 1,
        )
        known = user_store.find(tx, this_project().id, user) if user else None
    shown = found[: request_store.PAGE]
    return page(
        "request_log.html",
        requests=shown,
        next_before=shown[-1].id if len(found) > len(shown) else None,
        before=before,
        user=user,
        known_user=known,
        failed=failed,
        days=runtime().settings.request_log_days,
    )
