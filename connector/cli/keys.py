"""Master keys: what all secrets are sealed with in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import opened
from connector.cli.output import show_rows
from connector.errors import InputError

if TYPE_CHECKING:
    from connector.sealing import Progress
    from connector.vault import KeyRing


@click.group(cls=Group)
def keys() -> None:
    """Rotate the master keys that seal secrets."""


@keys.command("list", examples=["heapline keys list"])
@json_option
def list_keys(as_json: bool) -> None:
    """List the master keys, and how much is under each.

    The first one is primary: new data is sealed under it.
    """
    from connector.store import keys as store

    with opened() as runtime:
        with runtime.database.reading() as tx:
            used = store.master_keys_in_use(tx)
        ring = runtime.sealer.ring
        rows = [
            {
                "id": key_id,
                "primary": key_id == ring.primary.id,
                "data_keys": used.get(key_id, 0),
                "from": str(ring.file or "HEAPLINE_MASTER_KEYS"),
            }
            for key_id in ring.ids()
        ]
    show_rows(rows, as_json=as_json, empty="There is no master key.")


@keys.command(
    "new", examples=["heapline keys new", "export HEAPLINE_MASTER_KEYS=$(heapline keys new)"]
)
def new() -> None:
    """Print a new master key, for HEAPLINE_MASTER_KEYS. Nothing is stored."""
    from connector.vault import format_master_key, new_master_key

    click.echo(format_master_key(new_master_key()))


@keys.command(
    "rotate", examples=["heapline keys rotate", "heapline keys rotate --no-new-master-key"]
)
@click.option(
    "--no-new-master-key",
    "keep_master_key",
    is_flag=True,
    help="Make new data keys under the primary master key that is there.",
)
def rotate(keep_master_key: bool) -> None:
    """Seal everything anew under a new master key.

    Servers go on working meanwhile. Cut off, it goes on where it stopped when you run it again
    with --no-new-master-key.
    """
    from connector import sealing

    with opened() as runtime:
        ring = runtime.sealer.ring
        if not keep_master_key:
            _add_master_key(ring)
        _follow(sealing.rotate(runtime.database, runtime.sealer))
        old = [key_id for key_id in ring.ids() if key_id != ring.primary.id]
    click.echo(f"Everything is sealed under {ring.primary.id}.")
    for key_id in old:
        click.echo(f"No longer needed once every server runs with the new one: {key_id}")
    if old:
        click.echo("Take an old one away with: heapline keys retire KEY_ID")


@keys.command("verify", examples=["heapline keys verify"])
def verify() -> None:
    """Open every sealed value, to see that all of them do."""
    from connector import sealing

    with opened() as runtime:
        _follow(sealing.verify(runtime.database, runtime.sealer))
    click.echo("Every sealed value opens.")


@keys.command("retire", examples=["heapline keys retire KEY_ID"])
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Take a master key away that nothing is sealed under any more."""
    from connector import sealing

    with opened() as runtime:
        ring = runtime.sealer.ring
        if key_id not in ring.ids():
            raise InputError(f"There is no master key {key_id!r}: {', '.join(ring.ids())}.")
        sealing.retire_master_key(runtime.database, ring, key_id)
    if ring.file is None:
        click.echo(f"Nothing needs {key_id}: take it out of HEAPLINE_MASTER_KEYS.")
    else:
        click.echo(f"Took {key_id} out of {ring.file}. Backups from before still need it.")


def _add_master_key(ring: KeyRing) -> None:
    from connector import vault

    if ring.file is None:
        raise InputError(
            "The master keys come from HEAPLINE_MASTER_KEYS, which only you can change. Put a new "
            "one (heapline keys new) first in it, keep the old one after it, restart every server, "
            "then run: heapline keys rotate --no-new-master-key"
        )
    kept = vault.read_key_file(ring.file)
    vault.write_key_file(ring.file, [vault.new_master_key(), *kept])
    ring.reload()


def _follow(steps: Iterator[Progress]) -> None:
    """Run through the steps and show how far they are."""
    from rich import progress
    from rich.console import Console

    with progress.Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, progress.TaskID] = {}
        for step in steps:
            if step.step not in tasks:
                tasks[step.step] = bars.add_task(step.step)
            bars.update(tasks[step.step], completed=step.done, total=step.total)
