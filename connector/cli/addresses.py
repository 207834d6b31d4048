"""Show where a workflow is started by a request or a webhook."""

from __future__ import annotations

import click

from connector.cli.grammar import Command
from connector.cli.opening import find_project, opened, project_option


@click.command(
    cls=Command,
    examples=["heapline workflow address orders", "heapline workflow address orders --user alice"],
)
@click.argument("name")
@project_option
@click.option("--user", default="", help="For a webhook of this user's own.")
def address(name: str, project: str | None, user: str) -> None:
    """Show the address at which a workflow takes requests or webhooks.

    A webhook's cannot be guessed. Give it to its sender alone.
    """
    with opened() as runtime:
        found = find_project(runtime, project)
        path = runtime.webhooks.starting_path(found.id, name, user)
        click.echo(runtime.settings.public_url + path)
