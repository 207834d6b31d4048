"""API keys: how your servers call /api/v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option, require_found
from connector.cli.output import moment, show_rows
from connector.errors import InputError

if TYPE_CHECKING:
    from connector.models import ApiKey


@click.group("api-keys", cls=Group)
def api_keys() -> None:
    """Make, list and revoke the keys of your servers."""


@api_keys.command(
    "new",
    examples=[
        "heapline api-keys new --name backend --scope connections:read",
        "heapline api-keys new --name scripts --all-scopes",
    ],
)
@project_option
@click.option("--name", required=True, help="To tell it by.")
@click.option("--scope", "scopes", multiple=True, help="What it may do. Repeatable.")
@click.option("--all-scopes", is_flag=True, help="It may do everything.")
def new(project: str | None, name: str, scopes: tuple[str, ...], all_scopes: bool) -> None:
    """Make an API key. It is shown once and not kept here."""
    from connector.access import SCOPES

    chosen = tuple(SCOPES) if all_scopes else scopes
    if not chosen:
        raise InputError(f"Say what it may do with --scope: {', '.join(SCOPES)}; or --all-scopes.")
    with opened() as runtime:
        found = find_project(runtime, project)
        key, text = runtime.access.new_api_key(found.id, name, chosen)
    click.echo(text)
    click.echo(f"Made as {key.id} for {found.name}.", err=True)


@api_keys.command("list", examples=["heapline api-keys list"])
@project_option
@json_option
def list_keys(project: str | None, as_json: bool) -> None:
    """List a project's API keys, newest first."""
    from connector.store import keys as store

    with opened() as runtime:
        found = find_project(runtime, project)
        with runtime.database.reading() as tx:
            rows = [_row(key) for key in store.api_keys_of(tx, found.id)]
    show_rows(rows, as_json=as_json, empty="There is no API key yet: heapline api-keys new")


@api_keys.command("revoke", examples=["heapline api-keys revoke KEY_ID"])
@click.argument("key_id")
@project_option
def revoke(key_id: str, project: str | None) -> None:
    """Revoke an API key. It stops working at once."""
    from connector.store import keys as store

    with opened() as runtime:
        found = find_project(runtime, project)
        with runtime.database.transaction() as tx:
            done = store.revoke_api_key(tx, found.id, key_id)
    require_found(done, f"{found.name} has no active API key {key_id}.")
    click.echo(f"Revoked {key_id}.")


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "active": key.revoked_at is None,
        "created_at": moment(key.created_at),
        "last_used_at": moment(key.last_used_at),
    }
