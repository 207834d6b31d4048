"""Operators: the people who sign in to the console."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import add_member, find_project, opened, require_found
from connector.cli.output import moment, show_rows
from connector.errors import FieldInvalid, InputError

if TYPE_CHECKING:
    from connector.models import Project
    from connector.runtime import Runtime

_password_file = click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="File that holds the password; - is standard input. Without it you are asked.",
)


@click.group(cls=Group)
def operators() -> None:
    """Make operators and set their passwords."""


@operators.command("list", examples=["heapline operators list"])
@json_option
def list_operators(as_json: bool) -> None:
    """List all operators with their projects."""
    from connector.store import projects as store

    with opened() as runtime, runtime.database.reading() as tx:
        rows = [
            {
                "email": operator.email,
                "projects": [one.name for one in store.of_operator(tx, operator.id)],
                "created_at": moment(operator.created_at),
            }
            for operator in store.all_operators(tx)
        ]
    show_rows(rows, as_json=as_json, empty="There is no operator yet: heapline operators add EMAIL")


@operators.command(
    "add",
    examples=[
        "heapline operators add you@acme.example",
        'heapline operators add you@acme.example --project "Acme Notes" --password-file pw.txt',
    ],
)
@click.argument("email")
@click.option(
    "--project",
    "names",
    multiple=True,
    metavar="PROJECT",
    help="Project they see. Repeatable. Not needed while there is only one.",
)
@_password_file
def add(email: str, names: tuple[str, ...], password_file: Path | None) -> None:
    """Make an operator, or let one that is there see more projects."""
    with opened() as runtime:
        wanted = [find_project(runtime, name) for name in names] or _only_project(runtime)
        if not _exists(runtime, email):
            runtime.access.new_operator(email, _password(password_file))
        with runtime.database.transaction() as tx:
            for project in wanted:
                add_member(tx, project.id, email)
    seen = ", ".join(project.name for project in wanted) or "no project yet"
    click.echo(f"{email} can sign in at {runtime.settings.public_url} and sees: {seen}.")


@operators.command("password", examples=["heapline operators password you@acme.example"])
@click.argument("email")
@_password_file
def password(email: str, password_file: Path | None) -> None:
    """Set an operator's password and end their sessions."""
    with opened() as runtime:
        require_found(_exists(runtime, email), f"There is no operator {email!r}.")
        runtime.access.new_operator(email, _password(password_file))
    click.echo(f"{email} has a new password; every session of theirs has ended.")


def _exists(runtime: Runtime, email: str) -> bool:
    from connector.access import normal_email
    from connector.store import projects as store

    with runtime.database.reading() as tx:
        return store.find_operator(tx, normal_email(email)) is not None


def _only_project(runtime: Runtime) -> list[Project]:
    from connector.store import projects as store

    with runtime.database.reading() as tx:
        known = store.all_projects(tx)
    if len(known) > 1:
        names = ", ".join(repr(project.name) for project in known[:10])
        raise InputError(f"Say which projects they see with --project: {names}.")
    return known


def _password(file: Path | None) -> str:
    if file is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    found = text.rstrip("\r\n")
    if not found:
        raise FieldInvalid("The password file is empty.")
    return found
