"""Options that choose runs among all of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.given import read_since
from workflow.models import RunState

if TYPE_CHECKING:
    from connector.runtime import Runtime

Chosen = Mapping[str, str | None]


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --workflow, --user, --state and --since to a command."""
    states = [str(state) for state in RunState]
    for option in (
        click.option("--since", metavar="TIME", help="Only those since 2h, 3d, or a date."),
        click.option("--state", type=click.Choice(states), help="Only those in this state."),
        click.option("--user", help="Only those of this user."),
        click.option("--workflow", metavar="NAME", help="Only those of this workflow."),
    ):
        command = option(command)
    return command


def read_filters(runtime: Runtime, project_id: str, chosen: Chosen) -> dict[str, Any]:
    """Return what the engine filters by.

    Raises
    ------
    WorkflowUnknown
        If there is no such workflow.
    FieldInvalid
        If the time is none.

    """
    filters: dict[str, Any] = {"user": chosen["user"], "state": chosen["state"]}
    if chosen["workflow"] is not None:
        workflow = runtime.engine.catalogue.workflow(project_id, chosen["workflow"])
        filters["workflow_id"] = workflow.id
    if chosen["since"] is not None:
        filters["after"] = read_since(chosen["since"])
    return {name: value for name, value in filters.items() if value is not None}
