"""The README's tables that the code itself can write: `python -m tests.readme` puts them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import click

from connector.cli import main
from connector.config import Settings
from workflow.conditions import operators
from workflow.filters import FILTERS, TESTS, Function
from workflow.schema import definition_schema

README = Path(__file__).parents[1] / "README.md"
WORKFLOWS = README.parent / "docs" / "workflows.md"


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


def functions_table(title: str, functions: Mapping[str, Function]) -> str:
    rows = [f"| {title} | What it gives |", "|---|---|"]
    for function in functions.values():
        rows.append(f"| `{_cell(function.usage)}` | {_cell(function.summary)} |")
    return "\n".join(rows)


def operators_table() -> str:
    rows = ["| Operator | Holds if the value | Takes |", "|---|---|---|"]
    for one in operators():
        rows.append(f"| `{one.name}` | {one.title} | {one.takes} |")
    return "\n".join(rows)


def kinds_table(family: str) -> str:
    """Steps or triggers, as the schema describes them."""
    definitions = definition_schema()["$defs"]
    rows = ["| Type | What it does | Its fields |", "|---|---|---|"]
    for name in definitions[family]["properties"]["type"]["enum"]:
        one = definitions[f"{name}_{family}"]
        required = one.get("required", [])
        fields_ = [f"**{key}**" if key in required else key for key in one["properties"]]
        rows.append(f"| `{name}` | {one['description']} | {', '.join(fields_)} |")
    return "\n".join(rows)


TABLES: dict[Path, dict[str, Callable[[], str]]] = {
    README: {"settings": settings_table, "commands": commands_table},
    WORKFLOWS: {
        "filters": lambda: functions_table("Filter", FILTERS),
        "tests": lambda: functions_table("Test", TESTS),
        "operators": operators_table,
        "steps": lambda: kinds_table("step"),
        "triggers": lambda: kinds_table("trigger"),
    },
}


def with_tables(file: Path) -> str:
    """Return a document with its generated tables as they should be now."""
    text = file.read_text(encoding="utf-8")
    for name, table in TABLES[file].items():
        text = _replaced(text, name, table())
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _replaced(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: written by python -m tests.readme -->\n", f"\n<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise LookupError(f"there is no place for the table of {name}")
    return before + begin + table + end + after


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        default = ", ".join(map(str, default))
    return f"`{default}`" if str(default) else ""


if __name__ == "__main__":
    for document in TABLES:
        document.write_text(with_tables(document), encoding="utf-8")
