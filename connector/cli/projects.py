"""Projects: who may use this server, and from which origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import add_member, find_project, opened, where
from connector.cli.output import moment, show_record, show_rows
from connector.errors import FieldInvalid

if TYPE_CHECKING:
    from connector.models import Project

_LONGEST_NAME = 200


@click.group(cls=Group)
def projects() -> None:
    """Make projects and set allowed origins."""


@projects.command("list", examples=["heapline projects list", "heapline projects list --json"])
@json_option
def list_projects(as_json: bool) -> None:
    """List all projects."""
    from connector.store import projects as store

    with opened() as runtime:
        with runtime.database.reading() as tx:
            rows = [_row(project) for project in store.all_projects(tx)]
        show_rows(rows, as_json=as_json, empty=f"There is no project yet in {where(runtime)}.")


@projects.command(
    "create",
    examples=[
        'heapline projects create "Acme Notes" --origin https://notes.acme.example',
        'heapline projects create "Acme Notes" --operator you@acme.example',
    ],
)
@click.argument("name")
@click.option("--origin", "origins", multiple=True, help="Origin of your app. Repeatable.")
@click.option(
    "--operator",
    "emails",
    multiple=True,
    metavar="EMAIL",
    help="Operator who sees it in the console. Repeatable.",
)
@json_option
def create(name: str, origins: tuple[str, ...], emails: tuple[str, ...], as_json: bool) -> None:
    """Make a project.

    Only pages of its allowed origins can use the SDK with it.
    """
    from connector.origins import read_origins
    from connector.store import projects as store

    if not 0 < len(name.strip()) <= _LONGEST_NAME:
        raise FieldInvalid(f"The name must have 1 to {_LONGEST_NAME} characters.")
    with opened() as runtime, runtime.database.transaction() as tx:
        project = store.create(tx, name.strip(), read_origins(origins))
        for email in emails:
            add_member(tx, project.id, email)
    show_record(_row(project), as_json=as_json)
    if not emails:
        click.echo(
            "No operator sees it in the console yet: "
            f"heapline operators add EMAIL --project {project.id}",
            err=True,
        )


@projects.command(
    "origins",
    examples=[
        'heapline projects origins "Acme Notes"',
        'heapline projects origins "Acme Notes" --add https://notes.acme.example',
        'heapline projects origins "Acme Notes" --remove http://localhost:3000',
    ],
)
@click.argument("project", required=False)
@click.option("--add", "added", multiple=True, metavar="ORIGIN", help="Allow it. Repeatable.")
@click.option("--remove", "removed", multiple=True, metavar="ORIGIN", help="No longer allow it.")
@json_option
def origins(
    project: str | None, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool
) -> None:
    """Show or change the allowed origins of a project."""
    from connector.origins import read_origins
    from connector.store import projects as store

    with opened() as runtime:
        found = find_project(runtime, project)
        gone = read_origins(removed)
        kept = read_origins([*(one for one in found.origins if one not in gone), *added])
        if kept != found.origins:
            with runtime.database.transaction() as tx:
                store.rename(tx, found.id, found.name, kept)
    show_rows([{"origin": one} for one in kept], as_json=as_json, empty="No origin is allowed.")


def _row(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "origins": list(project.origins),
        "created_at": moment(project.created_at),
    }
