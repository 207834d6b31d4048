"""Open what a command works on: the runtime, a project, an operator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from connector.errors import InputError, NotFound

if TYPE_CHECKING:
    from connector.database import Transaction
    from connector.models import Project
    from connector.runtime import Runtime
    from workflow.definition import Definition


@contextmanager
def opened() -> Iterator[Runtime]:
    """Build the runtime of the settings in the environment; close it in the end.

    Raises
    ------
    SetupError
        If settings, master keys or database cannot be used.

    """
    from connector.config import load
    from connector.logs import configure
    from connector.runtime import build

    configure("WARNING")
    runtime = build(load(os.environ))
    try:
        yield runtime
    finally:
        runtime.close()


def project_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --project to a command."""
    return click.option(
        "--project",
        "project",
        metavar="PROJECT",
        help="Id or name of the project. Not needed while there is only one.",
    )(command)


def connector_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --connector to a command."""
    return click.option(
        "--connector",
        metavar="CONNECTOR",
        help="Name of the connector. Not needed while only one is loaded.",
    )(command)


def find_project(runtime: Runtime, wanted: str | None) -> Project:
    """Return a project by id or by name, or the only one there is.

    Raises
    ------
    InputError
        If it is not clear which one is meant.
    NotFound
        If there is none.

    """
    from connector.store import projects as store

    with runtime.database.reading() as tx:
        known = store.all_projects(tx)
    if not known:
        raise NotFound(
            f"There is no project yet in {where(runtime)}. Make one: "
            "heapline projects create NAME --origin https://your-app.example"
        )
    found = [one for one in known if wanted in (None, one.id)] or [
        one for one in known if one.name == wanted
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{one.id} ({one.name})" for one in known[:10])
    if wanted is None:
        raise InputError(f"Say which project with --project: {listed}.")
    trouble = "Several projects have that name" if found else f"There is no project {wanted!r}"
    raise (InputError if found else NotFound)(f"{trouble}. There are: {listed}.")


def find_connector(runtime: Runtime, wanted: str | None) -> str:
    """Return the name of a connector that is loaded, or of the only one.

    Raises
    ------
    InputError
        If it is not clear which one is meant.

    """
    names = list(runtime.connectors)
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted in names:
        return wanted
    trouble = "Say which connector is meant" if wanted is None else f"No connector {wanted!r}"
    raise InputError(f"{trouble}. Loaded are: {', '.join(names)}.")


def find_deployed(runtime: Runtime, project_id: str, name: str) -> Definition:
    """Return the definition of a workflow that is in service.

    Raises
    ------
    NotFound
        If the workflow is not in service.
    WorkflowUnknown
        If there is none.

    """
    from workflow.errors import VersionUnknown

    try:
        return runtime.engine.catalogue.definition(project_id, name, "deployed")
    except VersionUnknown:
        raise NotFound(f"{name} is not in service: heapline workflow deploy {name}") from None


def add_member(tx: Transaction, project_id: str, email: str) -> None:
    """Make an operator a member of a project.

    Raises
    ------
    NotFound
        If there is no such operator.

    """
    from connector.access import normal_email
    from connector.store import projects as store

    operator = store.find_operator(tx, normal_email(email))
    if operator is None:
        raise NotFound(f"There is no operator {email!r}. Make one: heapline operators add {email}")
    store.add_member(tx, project_id, operator.id)


def require_found(found: bool, message: str) -> None:
    """Raise when what a command was to change is not there.

    Raises
    ------
    NotFound
        With the message.

    """
    if not found:
        raise NotFound(message)


def where(runtime: Runtime) -> str:
    """Return the address of the database, without the password."""
    return runtime.database.engine.url.render_as_string(hide_password=True)
