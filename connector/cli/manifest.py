"""Connector manifests."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.grammar import Group, json_option
from connector.cli.output import show_json
from connector.errors import ManifestInvalid


@click.group(cls=Group)
def manifest() -> None:
    """Look after connector manifests."""


@manifest.command(
    "check",
    examples=["heapline manifest check my-connector.json", "heapline manifest check *.json --json"],
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Point at every fault of manifest files.

    Each is named by JSON pointer, with what was expected. Ends with status 1 when there is any.
    """
    results = [_check(file) for file in files]
    if as_json:
        show_json(results)
    else:
        for result in results:
            _show(result)
    if any(result["faults"] for result in results):
        raise click.exceptions.Exit(1)


Result = dict[str, str | list[dict[str, str]]]


def _check(file: Path) -> Result:
    from connector.manifest_schema import load_manifest

    try:
        found = load_manifest(file)
    except ManifestInvalid as error:
        unreadable = [{"pointer": "", "problem": error.message}]
        return {"file": str(file), "faults": list(error.meta.get("faults", unreadable))}
    summary = f"{found.title}: {len(found.auth_modes)} auth modes, {len(found.actions)} actions"
    return {"file": str(file), "faults": [], "connector": found.name, "summary": summary}


def _show(result: Result) -> None:
    faults = result["faults"]
    if not faults:
        click.secho(f"✓ {result['file']}: {result['summary']}", fg="green")
        return
    click.secho(f"✗ {result['file']}: {len(faults)} fault{'s' * (len(faults) != 1)}", fg="red")
    for fault in faults:
        if isinstance(fault, dict):
            click.echo(f"    {fault['pointer'] or '/'}: {fault['problem']}")
