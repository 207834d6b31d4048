"""The README's tables that the code itself can write: `python -m tests.readme` puts them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from connector.cli import main
from connector.config import Settings

README = Path(__file__).parents[1] / "README.md"


def settings_table() -> str:
    rows = ["| Setting | Default | What it does |", "|---|---|---|"]
    for item in fields(Settings):
        default = _shown(item.default)
        rows.append(f"| `{item.metadata['name']}` | {default} | {item.metadata['help']} |")
    return "\n".join(rows)


def commands_table() -> str:
    rows = ["| Command | What it does |", "|---|---|"]
    for path, command in commands(main):
        words = command.short_help or (command.help or "").partition("\n")[0]
        rows.append(f"| `heapline {path}` | {words} |")
    return "\n".join(rows)


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is no group, by its words."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


TABLES = {"settings": settings_table, "commands": commands_table}


def with_tables(text: str) -> str:
    """Return the README with its generated tables as they should be now."""
    for name, table in TABLES.items():
        text = _replaced(text, name, table())
    return text


def _replaced(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: written by python -m tests.readme -->\n", f"\n<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise LookupError(f"README.md has no place for the table of {name}")
    return before + begin + table + end + after


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        default = ", ".join(map(str, default))
    return f"`{default}`" if str(default) else ""


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
