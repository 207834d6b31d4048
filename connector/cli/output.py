"""Print lists for people, or as JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
#: Wide enough for any row: a pipe has no width, and ids must stay whole.
_PIPE_WIDTH = 10_000


def show_rows(rows: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """Print rows as a table or as a JSON list; say ``empty`` when there are none."""
    if as_json:
        show_json(rows)
    elif not rows:
        click.echo(empty)
    else:
        console().print(_table(rows))


def show_record(record: Row, *, as_json: bool) -> None:
    """Print one thing, a field a line."""
    if as_json:
        show_json(record)
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for name, value in record.items():
        grid.add_row(Text(_title(name), style="dim"), Text(_words(value), overflow="fold"))
    console().print(grid)


def show_json(data: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def moment(seconds: float | None) -> str | None:
    """Return a time as ISO 8601 text."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def console() -> Console:
    """Return what tables are printed on; a pipe gets every row on one line."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)


def _table(rows: Sequence[Row]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in rows[0]:
        table.add_column(_title(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_words(value), overflow="fold") for value in row.values()))
    return table


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{key}={val}" for key, val in value.items())
        case _:
            return str(value)
