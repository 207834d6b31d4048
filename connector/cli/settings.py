"""Show the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Command, json_option
from connector.cli.output import show_rows

if TYPE_CHECKING:
    from connector.config import Settings


@click.command(
    cls=Command,
    examples=["heapline settings", "HEAPLINE_PORT=9000 heapline settings --json"],
)
@json_option
def settings(as_json: bool) -> None:
    """Show all settings and what they are now.

    Each is an environment variable. NAME_FILE in place of NAME names a file that holds the value.
    Secrets are not shown.
    """
    from connector.config import load

    show_rows(_rows(load(os.environ)), as_json=as_json, empty="")


def _rows(present: Settings) -> list[dict[str, Any]]:
    from dataclasses import fields

    return [
        {
            "setting": item.metadata["name"],
            "value": _shown(getattr(present, item.name), secret=item.metadata["secret"]),
            "set": _is_set(item.metadata["name"]),
            "meaning": item.metadata["help"],
        }
        for item in fields(present)
    ]


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _shown(value: Any, *, secret: bool) -> str:
    if secret and value:
        return "(hidden)"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
