"""The database's schema."""

from __future__ import annotations

import os

import click

from connector.cli.grammar import Group, json_option
from connector.cli.output import show_record


@click.group(cls=Group)
def database() -> None:
    """Bring the database up to date."""


@database.command("upgrade", examples=["heapline database upgrade"])
def upgrade() -> None:
    """Bring the schema to the newest revision. `heapline serve` does so by itself."""
    from connector.config import load
    from connector.database import Database
    from connector.logs import configure

    configure("WARNING")
    opened = Database(load(os.environ).storage_url())
    try:
        opened.upgrade()
        current, _ = opened.revisions()
    finally:
        opened.close()
    click.echo(f"The database is at revision {current}.")


@database.command("revisions", examples=["heapline database revisions --json"])
@json_option
def revisions(as_json: bool) -> None:
    """Show the revision that is there and the one wanted."""
    from connector.config import load
    from connector.database import Database
    from connector.logs import configure

    configure("WARNING")
    opened = Database(load(os.environ).storage_url())
    try:
        current, wanted = opened.revisions()
    finally:
        opened.close()
    record = {"current": current, "wanted": wanted, "up_to_date": current == wanted}
    show_record(record, as_json=as_json)
