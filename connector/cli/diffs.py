"""Show how two definitions of a workflow differ, step by step."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.cli.definition_files import FaultyFile, load_file, show_faults
from connector.cli.grammar import Command, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import console, show_json

if TYPE_CHECKING:
    from rich.text import Text

    from workflow.catalogue import Catalogue
    from workflow.diffs import Change, Difference

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_MARKS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "moved": (">", "cyan"),
    "changed": ("~", "yellow"),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two definitions, with what people call it."""

    words: str
    document: Mapping[str, Any]


@click.command(
    cls=Command,
    examples=[
        "heapline workflow diff welcome.yaml",
        "heapline workflow diff welcome.yaml deployed --exit-code",
        "heapline workflow diff welcome",
        "heapline workflow diff welcome 2 3",
    ],
)
@click.argument("what", metavar="FILE|NAME")
@click.argument("versions", nargs=-1, metavar="[VERSION]...")
@project_option
@click.option("--exit-code", is_flag=True, help="End with status 1 when they differ.")
@json_option
def diff(
    what: str, versions: tuple[str, ...], project: str | None, exit_code: bool, as_json: bool
) -> None:
    """Show how definitions differ, step by step.

    FILE is compared with what is stored: the draft, or the VERSION named. NAME compares two stored
    versions: what is in service and the draft, unless others are named. A VERSION is draft,
    deployed, a number or a hash.
    """
    from workflow.diffs import differences

    is_file = Path(what).is_file() or not _NAME.fullmatch(what)
    if len(versions) > (1 if is_file else 2):
        raise click.UsageError("Too many versions: a file takes one, a name two.")
    with opened() as runtime:
        found, catalogue = find_project(runtime, project), runtime.engine.catalogue
        if is_file:
            old, new = _with_file(catalogue, found.id, Path(what), *versions)
        else:
            old, new = _with_stored(catalogue, found.id, what, *versions)
    told = differences(old.document, new.document)
    if as_json:
        show_json([one.told() for one in told])
    else:
        _show(old, new, told)
    if exit_code and told:
        raise click.exceptions.Exit(1)


def _with_file(
    catalogue: Catalogue, project_id: str, path: Path, version: str = "draft"
) -> tuple[_Side, _Side]:
    file = load_file(path)
    if isinstance(file, FaultyFile):
        show_faults(file)
        raise click.exceptions.Exit(1)
    definition = file.definition
    stored = _stored(catalogue, project_id, definition.name, version)
    return stored, _Side(str(path), definition.document)


def _with_stored(
    catalogue: Catalogue, project_id: str, name: str, old: str = "deployed", new: str = "draft"
) -> tuple[_Side, _Side]:
    return tuple(_stored(catalogue, project_id, name, one) for one in (old, new))  # type: ignore[return-value]


def _stored(catalogue: Catalogue, project_id: str, name: str, version: str) -> _Side:
    found = catalogue.version(project_id, name, version)
    return _Side(f"{name} v{found.number}", found.document)


def _show(old: _Side, new: _Side, told: Sequence[Difference]) -> None:
    if not told:
        click.echo(f"{old.words} and {new.words} are the same.")
        return
    screen = console()
    screen.print(f"{old.words} → {new.words}", style="bold", markup=False)
    for one in told:
        for line in _lines(one):
            screen.print(line)


def _lines(one: Difference) -> Iterator[Text]:
    from rich.text import Text

    mark, colour = _MARKS[one.what]
    subject = f"{one.step} ({one.step_type})" if one.step else "workflow"
    yield Text(f"{mark} {subject}{_places(one)}", style=colour)
    for change in one.changes:
        yield from _change(change)


def _places(one: Difference) -> str:
    if one.old_place and one.new_place:
        return f", {one.old_place.words()} → {one.new_place.words()}"
    return f", {one.new_place.words()}" if one.new_place else ""


def _change(change: Change) -> Iterator[Text]:
    from rich.text import Text

    if change.pointer:
        yield Text(f"    {change.pointer}")
    indent = " " * (6 if change.pointer else 4)
    for line in difflib.ndiff(_text(change.old), _text(change.new)):
        mark = line[0]
        if mark != "?":
            style = {"-": "red", "+": "green"}.get(mark, "dim")
            yield Text(f"{indent}{line}", style=style)


def _text(value: Any) -> list[str]:
    """Return a value on lines: texts as they are, objects and lists as YAML."""
    from workflow.diffs import ABSENT
    from workflow.documents import write_yaml
    from workflow.values import as_json

    if value is ABSENT:
        return []
    if isinstance(value, str) and "\n" in value:
        return value.splitlines()
    if isinstance(value, dict | list) and value:
        return write_yaml(value).splitlines()
    return [as_json(value)]
