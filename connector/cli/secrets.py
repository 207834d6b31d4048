"""Secrets that workflows use by name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import moment, show_rows
from connector.errors import NotFound

if TYPE_CHECKING:
    from connector.models import ProjectSecret


@click.group(cls=Group)
def secrets() -> None:
    """Keep secrets that workflows use by name."""


@secrets.command(
    "set",
    examples=[
        "heapline secrets set crm_token",
        "heapline secrets set crm_token < token.txt",
    ],
)
@click.argument("name")
@project_option
def set_secret(name: str, project: str | None) -> None:
    """Set a secret. You are asked for its value, or it is read from standard input.

    Workflows use it as <<secrets.NAME>>. It is sealed and never shown again. Line breaks at its
    end do not count.
    """
    from connector.secrets import check_name

    check_name(name)
    with opened() as runtime:
        found = find_project(runtime, project)
        runtime.secrets.set(found.id, name, _value())
    click.echo(f"Set. Workflows of {found.name} use it as <<secrets.{name}>>.")


@secrets.command("list", examples=["heapline secrets list", "heapline secrets list --json"])
@project_option
@json_option
def list_secrets(project: str | None, as_json: bool) -> None:
    """List the names of a project's secrets."""
    with opened() as runtime:
        found = find_project(runtime, project)
        rows = [_row(one) for one in runtime.secrets.names(found.id)]
    show_rows(rows, as_json=as_json, empty="There is no secret yet: heapline secrets set NAME")


@secrets.command("delete", examples=["heapline secrets delete crm_token"])
@click.argument("name")
@project_option
def delete(name: str, project: str | None) -> None:
    """Delete a secret. Workflows that use it fail from now on."""
    with opened() as runtime:
        found = find_project(runtime, project)
        try:
            runtime.secrets.delete(found.id, name)
        except NotFound:
            raise NotFound(f"{found.name} has no secret {name!r}.") from None
    click.echo(f"Deleted {name}.")


def _value() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Value", hide_input=True, confirmation_prompt=True))
    return sys.stdin.read().rstrip("\r\n")


def _row(one: ProjectSecret) -> dict[str, Any]:
    return {
        "name": one.name,
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
    }
