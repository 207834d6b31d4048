"""A project at a glance: how many of what, the last requests, what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from flask import url_for
from flask.typing import ResponseReturnValue

from connector.models import Status
from connector.store import connections as connection_store
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.store import requests as request_store
from connector.store import users as user_store
from connector.web.console.blueprint import PROJECT, blueprint, page, this_project
from connector.web.guards import runtime

_LAST_REQUESTS = 8


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do before a project is ready."""

    title: str
    text: str
    link: str
    done: bool


@blueprint.get(PROJECT)
def overview() -> ResponseReturnValue:
    """Show the project at a glance."""
    project = this_project()
    with runtime().database.reading() as tx:
        users = user_store.count(tx, project.id)
        counts = connection_store.count_by_status(tx, project.id)
        requests = request_store.page(tx, project.id, limit=_LAST_REQUESTS)
        has_key = bool(key_store.signing_keys_of(tx, project.id, active=True))
        has_app = any(
            project_store.app_credentials_of(tx, project.id, name) for name in runtime().connectors
        )
    tasks = _tasks(
        has_key=has_key, has_app=has_app, connected=bool(counts), requested=bool(requests)
    )
    return page(
        "overview.html",
        users=users,
        counts=[(status, counts.get(status.value, 0)) for status in Status],
        requests=requests,
        tasks=tasks,
        left=[task for task in tasks if not task.done],
    )


def _tasks(*, has_key: bool, has_app: bool, connected: bool, requested: bool) -> list[Task]:
    return [
        Task(
            "Make a signing key",
            "Your server signs with it who a user is.",
            url_for("console.sdk", _anchor="signing-keys"),
            has_key,
        ),
        Task(
            "Allow the origin of your product",
            "Only pages of allowed origins may use the SDK.",
            url_for("console.project_settings"),
            bool(this_project().origins),
        ),
        Task(
            "Set your app credentials",
            "Until then the development keys are used, and requests go to the sandbox.",
            url_for("console.integrations"),
            has_app,
        ),
        Task(
            "Connect a first account",
            "From your product, or by a connect link that you make here.",
            url_for("console.new_connect_link"),
            connected,
        ),
        Task(
            "Send a first request",
            "Through the SDK in the browser or the client on your server.",
            url_for("console.sdk", _anchor="snippets"),
            requested,
        ),
    ]
