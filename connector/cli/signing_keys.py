"""Signing keys: their private halves sign user tokens, their public halves are kept here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option, require_found
from connector.cli.output import moment, show_record, show_rows
from connector.errors import InputError

if TYPE_CHECKING:
    from connector.models import SigningKeyRecord

_name = click.option("--name", default="command line", show_default=True, help="To tell it by.")


@click.group("signing-keys", cls=Group)
def signing_keys() -> None:
    """Make and revoke keys that sign user tokens."""


@signing_keys.command(
    "new",
    examples=[
        "heapline signing-keys new --out private.pem",
        'heapline signing-keys new --project "Acme Notes" --name "web server" > private.pem',
    ],
)
@project_option
@_name
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File for the private key, which only you can read. Without it, it is printed.",
)
def new(project: str | None, name: str, out: Path | None) -> None:
    """Make a key pair. The private key is shown once and not kept here."""
    from connector import tokens
    from connector.store import keys as store

    private, public = tokens.new_signing_key()
    with opened() as runtime:
        found = find_project(runtime, project)
        if out is not None:
            _write_private(out, private)
        with runtime.database.transaction() as tx:
            key = store.add_signing_key(tx, found.id, name, public)
    if out is None:
        click.echo(private, nl=False)
    click.echo(f"Registered as {key.id} with {found.name}.", err=True)


@signing_keys.command(
    "add",
    examples=[
        "openssl rsa -in private.pem -pubout -out public.pem",
        "heapline signing-keys add public.pem",
    ],
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@project_option
@_name
@json_option
def add(file: Path, project: str | None, name: str, as_json: bool) -> None:
    """Register the public half of a key of your own.

    It must be RSA with 2048 bits or more.
    """
    from connector import tokens
    from connector.store import keys as store

    public = tokens.read_public_key(file.read_text(encoding="utf-8", errors="replace"))
    with opened() as runtime:
        found = find_project(runtime, project)
        with runtime.database.transaction() as tx:
            key = store.add_signing_key(tx, found.id, name, public)
    show_record(_row(key), as_json=as_json)


@signing_keys.command("list", examples=["heapline signing-keys list"])
@project_option
@json_option
def list_keys(project: str | None, as_json: bool) -> None:
    """List a project's signing keys, newest first."""
    from connector.store import keys as store

    with opened() as runtime:
        found = find_project(runtime, project)
        with runtime.database.reading() as tx:
            rows = [_row(key) for key in store.signing_keys_of(tx, found.id)]
    show_rows(rows, as_json=as_json, empty="There is no signing key yet: heapline signing-keys new")


@signing_keys.command("revoke", examples=["heapline signing-keys revoke KEY_ID"])
@click.argument("key_id")
@project_option
def revoke(key_id: str, project: str | None) -> None:
    """Revoke a signing key. Tokens signed with it stop working at once."""
    from connector.store import keys as store

    with opened() as runtime:
        found = find_project(runtime, project)
        with runtime.database.transaction() as tx:
            done = store.revoke_signing_key(tx, found.id, key_id)
    require_found(done, f"{found.name} has no active signing key {key_id}.")
    click.echo(f"Revoked {key_id}.")


def _write_private(file: Path, private: str) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}. Name a file that is not there yet."
        ) from error
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(private)


def _row(key: SigningKeyRecord) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "active": key.revoked_at is None,
        "created_at": moment(key.created_at),
        "revoked_at": moment(key.revoked_at),
    }
