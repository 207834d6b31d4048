"""Switch a workflow on or off for a user."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Command
from connector.cli.opening import find_deployed, find_project, opened, project_option
from connector.errors import FieldInvalid, InputError

if TYPE_CHECKING:
    from connector.runtime import Runtime
    from workflow.definition import Definition

user_option = click.option("--user", help="Your product's id of the user.")


@click.command(
    cls=Command,
    examples=[
        "heapline workflow enable welcome --user alice",
        "heapline workflow enable welcome --user alice --set plan=pro --set limit=10",
    ],
)
@click.argument("name")
@project_option
@user_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A setting. Repeatable.")
def enable(name: str, project: str | None, user: str | None, pairs: tuple[str, ...]) -> None:
    """Switch a workflow on for a user, with their settings.

    Settings that are not named keep their values. A workflow without a connector runs for the
    project itself and takes no --user.
    """
    _switch(name, project, user, pairs, enabled=True)


@click.command(cls=Command, examples=["heapline workflow disable welcome --user alice"])
@click.argument("name")
@project_option
@user_option
def disable(name: str, project: str | None, user: str | None) -> None:
    """Switch a workflow off for a user. Their settings stay."""
    _switch(name, project, user, (), enabled=False)


def _switch(
    name: str, project: str | None, user: str | None, pairs: tuple[str, ...], *, enabled: bool
) -> None:
    with opened() as runtime:
        found = find_project(runtime, project)
        definition = find_deployed(runtime, found.id, name)
        owner = _owner(definition, user)
        settings = _settings(definition, pairs)
        _warn_of_stranger(runtime, found.id, owner)
        runtime.engine.catalogue.enable(found.id, name, owner, enabled=enabled, settings=settings)
    whom = f"for {owner}" if owner else f"for {found.name} itself"
    click.echo(f"{definition.name} is switched {'on' if enabled else 'off'} {whom}.")


def _owner(definition: Definition, user: str | None) -> str:
    if definition.connector is None and user is not None:
        raise InputError(
            f"{definition.name} has no connector, so it runs for the project itself: leave out "
            "--user."
        )
    if definition.connector is not None and not user:
        raise InputError(f"{definition.name} runs for users: say for whom with --user.")
    return user or ""


def _warn_of_stranger(runtime: Runtime, project_id: str, user: str) -> None:
    from connector.store import users as store

    with runtime.database.reading() as tx:
        known = not user or store.find(tx, project_id, user) is not None
    if not known:
        click.secho(
            f"Warning: there is no user {user!r} yet. Users are made when they connect an account.",
            fg="yellow",
            err=True,
        )


def _settings(definition: Definition, pairs: tuple[str, ...]) -> dict[str, Any]:
    known = {str(one["id"]): one for one in definition.settings}
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise FieldInvalid(f"The setting {pair!r} must be written as key=value.")
        if name not in known:
            raise FieldInvalid(f"{definition.name} has no setting {name!r}{_hint(name, known)}")
        settings[name] = _value(known[name], text)
    return settings


def _hint(name: str, known: Mapping[str, Any]) -> str:
    nearest = difflib.get_close_matches(name, known, 1, 0.5)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f". There are: {', '.join(known)}." if known else "; it has none."


def _value(setting: Mapping[str, Any], text: str) -> Any:
    """Return a setting's value in its type; the catalogue checks whether it fits."""
    if setting["type"] in {"text", "choice"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
