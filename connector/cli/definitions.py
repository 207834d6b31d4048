"""Definitions of workflows as files: check them, push them, pull them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connector.cli.definition_files import (
    FaultyFile,
    SoundFile,
    definition_files,
    load_files,
    read_text,
    show_faults,
)
from connector.cli.grammar import Command, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import show_json
from connector.errors import InputError

if TYPE_CHECKING:
    from workflow.catalogue import Catalogue

BY = "command line"
_files = click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
_NOTES = {
    "created": "new",
    "new_version": "new version",
    "new_text": "same version, its text is new",
    "unchanged": "unchanged",
    "draft_again": "the draft again",
}


@click.command(
    cls=Command,
    examples=[
        "heapline workflow validate welcome.yaml",
        "heapline workflow validate workflows/ --json",
        "heapline workflow validate --schema > workflow.schema.json",
    ],
)
@_files
@click.option("--schema", is_flag=True, help="Print the JSON Schema of definitions instead.")
@json_option
def validate(files: tuple[Path, ...], schema: bool, as_json: bool) -> None:
    """Point at every fault of definitions.

    A FILE is JSON or YAML, or a folder of such files. Each fault is a line: file, line, JSON
    pointer, problem. Ends with status 1 when there is any. No database is needed.
    """
    if schema:
        from workflow.schema import definition_schema

        show_json(definition_schema())
        return
    loaded = load_files(_required(files))
    if as_json:
        show_json([_checked(file) for file in loaded])
    else:
        for file in loaded:
            _show_checked(file)
    if any(isinstance(file, FaultyFile) for file in loaded):
        raise click.exceptions.Exit(1)


@click.command(
    cls=Command,
    examples=[
        "heapline workflow push welcome.yaml",
        "heapline workflow push workflows/ --deploy",
        "heapline workflow push workflows/ --dry-run",
    ],
)
@_files
@project_option
@click.option("--deploy", is_flag=True, help="Put what is pushed into service.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@json_option
def push(
    files: tuple[Path, ...], project: str | None, deploy: bool, dry_run: bool, as_json: bool
) -> None:
    """Store definitions as drafts.

    A FILE is JSON or YAML, or a folder of such files. When one has a fault, none is stored. What
    is stored already makes no new version.
    """
    sound = _all_sound(load_files(_required(files)), as_json=as_json)
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        _warn_of_strangers(sound, runtime.connectors)
        rows = [_plan(catalogue, found.id, file, deploy=deploy) for file in sound]
        if not dry_run:
            for file, row in zip(sound, rows, strict=True):
                version = catalogue.push(found.id, file.text)
                if row["deployed"] == "now":
                    name = file.definition.name
                    catalogue.deploy(found.id, name, version=version.hash, by=BY)
    if as_json:
        show_json(rows)
        return
    for row in rows:
        click.echo(_pushed_words(row))
    if dry_run:
        click.echo("Nothing was stored: this was a dry run.", err=True)


@click.command(
    cls=Command,
    examples=[
        "heapline workflow pull welcome",
        "heapline workflow pull --to workflows/",
        "heapline workflow pull welcome --version deployed --to workflows/",
    ],
)
@click.argument("names", nargs=-1, metavar="[NAME...]")
@project_option
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files. Without it, one definition is printed.",
)
@click.option("--version", default="draft", show_default=True, help="draft, deployed, 3 or a hash.")
def pull(names: tuple[str, ...], project: str | None, folder: Path | None, version: str) -> None:
    """Print a definition, or write definitions to files.

    They are byte for byte as they were pushed. Without NAME all workflows are written. A file of
    the folder that defines a workflow already is written over.
    """
    if folder is None and len(names) != 1:
        raise click.UsageError("Name one workflow, or say with --to where files go.")
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        wanted = names or [one.name for one in catalogue.workflows(found.id)]
        texts = {name: catalogue.pull(found.id, name, version) for name in wanted}
    if folder is None:
        click.echo(texts[names[0]], nl=False)
    else:
        _write(folder, texts)


def _required(files: tuple[Path, ...]) -> tuple[Path, ...]:
    if not files:
        raise click.UsageError("Name a file or a folder.")
    return files


def _checked(file: SoundFile | FaultyFile) -> dict[str, Any]:
    if isinstance(file, FaultyFile):
        return {"file": str(file.path), "faults": list(file.faults)}
    definition = file.definition
    return {"file": str(file.path), "faults": [], "workflow": definition.name} | {
        "hash": definition.hash,
        "steps": sum(1 for _ in definition.walk()),
    }


def _show_checked(file: SoundFile | FaultyFile) -> None:
    if isinstance(file, FaultyFile):
        show_faults(file)
        return
    count = sum(1 for _ in file.definition.walk())
    steps = f"{count} step{'s' * (count != 1)}"
    click.secho(f"✓ {file.path}: {file.definition.name}, {steps}", fg="green")


def _all_sound(loaded: Sequence[SoundFile | FaultyFile], *, as_json: bool) -> list[SoundFile]:
    """Return the files, or show what is wrong with them and end."""
    faulty = [file for file in loaded if isinstance(file, FaultyFile)]
    if not faulty:
        return [file for file in loaded if isinstance(file, SoundFile)]
    if as_json:
        show_json([_checked(file) for file in faulty])
    else:
        for file in faulty:
            show_faults(file)
        click.secho("Nothing was stored.", fg="red", err=True)
    raise click.exceptions.Exit(1)


def _warn_of_strangers(files: Sequence[SoundFile], loaded: Collection[str]) -> None:
    """Tell of connectors that are not loaded here: runs would fail for want of them."""
    for file in files:
        steps = (step.fields.get("connector") for step in file.definition.walk())
        for name in {file.definition.connector, *steps} - {None, *loaded}:
            words = f"there is no connector {name!r} here. Loaded are: {', '.join(loaded)}."
            click.secho(f"Warning: {file.path}: {words}", fg="yellow", err=True)


def _plan(
    catalogue: Catalogue, project_id: str, file: SoundFile, *, deploy: bool
) -> dict[str, Any]:
    """Say what pushing a file will do."""
    from workflow.errors import WorkflowUnknown

    name, wanted = file.definition.name, file.definition.hash
    row = {"file": str(file.path), "workflow": name, "deployed": "now" if deploy else "no"}
    try:
        workflow = catalogue.workflow(project_id, name)
    except WorkflowUnknown:
        return {**row, "version": 1, "result": "created"}
    versions = {one.hash: one for one in catalogue.versions(project_id, name)}
    if workflow.deployed == wanted:
        row["deployed"] = "already"
    known = versions.get(wanted)
    if known is None:
        newest = max(one.number for one in versions.values())
        return {**row, "version": newest + 1, "result": "new_version"}
    result = "unchanged" if known.source == file.text else "new_text"
    if workflow.draft != wanted:
        result = "draft_again"
    return {**row, "version": known.number, "result": result}


def _pushed_words(row: dict[str, Any]) -> str:
    deployed = {"now": ", deployed", "already": ", deployed already", "no": ""}[row["deployed"]]
    what = f"{row['workflow']} v{row['version']}: {_NOTES[row['result']]}{deployed}"
    return f"{row['file']}: {what}"


def _write(folder: Path, texts: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    present = _files_by_name(folder)
    for name, text in texts.items():
        data, file = text.encode(), present.get(name)
        if file is None:
            file = folder / f"{name}{_suffix(text)}"
            if file.exists():
                raise InputError(f"{file} is there and does not define {name}. Move it away.")
        if file.is_file() and file.read_bytes() == data:
            click.echo(f"{file}: unchanged")
        else:
            file.write_bytes(data)
            click.echo(f"{file}: written")


def _files_by_name(folder: Path) -> dict[str, Path]:
    """Return a folder's files by the workflow that each defines, whatever else is wrong in it."""
    from workflow.documents import read
    from workflow.errors import DefinitionInvalid

    found: dict[str, Path] = {}
    for file in definition_files(folder):
        try:
            data = read(read_text(file)).data
        except (DefinitionInvalid, UnicodeDecodeError):
            continue
        if isinstance(data, dict) and isinstance(data.get("name"), str):
            found.setdefault(data["name"], file)
    return found


def _suffix(text: str) -> str:
    return ".json" if text.lstrip().startswith("{") else ".yaml"
