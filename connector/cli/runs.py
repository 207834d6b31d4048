"""Runs of workflows: list them, look into one."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import show_json, show_record, show_rows
from connector.cli.run_filters import filter_options, read_filters
from connector.cli.run_records import duration, record, row
from connector.cli.steering import cancel, replay, retry

if TYPE_CHECKING:
    from connector.runtime import Runtime
    from workflow.models import Run

_PAGE = 200
_DOCUMENTS = ("trigger_data", "detail", "response", "output")
_COLOURS = {"succeeded": "green", "failed": "red", "started": "yellow", "interrupted": "yellow"}


class _Runs(Group):
    """Lists when no command is named: `heapline workflow runs` alone, or with options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` before options, but for the one that asks for help."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Runs)
def runs() -> None:
    """List runs, look into one, steer them. Without a command: list."""


for _command in (cancel, retry, replay):
    runs.add_command(_command)


@runs.command(
    "list",
    examples=[
        "heapline workflow runs list",
        "heapline workflow runs list --workflow welcome --state failed --since 2h",
        "heapline workflow runs list --user alice --limit 5 --json",
    ],
)
@project_option
@filter_options
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most.")
@json_option
def list_runs(project: str | None, limit: int, as_json: bool, **chosen: str | None) -> None:
    """List a project's runs, newest first."""
    with opened() as runtime:
        found = find_project(runtime, project)
        filters = read_filters(runtime, found.id, chosen)
        names = {one.id: one.name for one in runtime.engine.catalogue.workflows(found.id)}
        rows = [row(one, names) for one in _newest(runtime, found.id, filters, limit)]
    show_rows(rows, as_json=as_json, empty="There is no such run.")


@runs.command("show", examples=["heapline workflow runs show RUN_ID"])
@click.argument("run_id", required=False)
@project_option
@json_option
def show(run_id: str | None, project: str | None, as_json: bool) -> None:
    """Show a run, and what each step was given and gave.

    Without an id: the newest.
    """
    from workflow.errors import RunUnknown

    with opened() as runtime:
        found = find_project(runtime, project)
        if run_id is None:
            newest = runtime.engine.control.runs(found.id, limit=1)
            if not newest:
                raise RunUnknown("The project has no runs yet.")
            run_id = newest[0].id
        told = record(runtime, runtime.engine.control.run(found.id, run_id))
    if as_json:
        show_json(told)
        return
    apart = {*_DOCUMENTS, "attempts", "seconds"}
    short = {name: value for name, value in told.items() if name not in apart}
    took = duration(told["seconds"])
    show_record(short | {"took": took}, as_json=False)
    _show_documents(told, _DOCUMENTS)
    for attempt in told["attempts"]:
        _show_attempt(attempt)


def _newest(runtime: Runtime, project_id: str, filters: Mapping[str, Any], limit: int) -> list[Run]:
    found: list[Run] = []
    while len(found) < limit:
        size = min(_PAGE, limit - len(found))
        before = found[-1].id if found else None
        page = runtime.engine.control.runs(project_id, filters, before=before, limit=size)
        found += page
        if len(page) < size:
            break
    return found


def _show_attempt(attempt: Mapping[str, Any]) -> None:
    again = f" (attempt {attempt['attempt']})" if attempt["attempt"] > 1 else ""
    parts = [attempt["type"], attempt["status"], attempt["state"], duration(attempt["seconds"])]
    words = "  ".join(str(part) for part in parts if part not in (None, ""))
    colour = _COLOURS.get(attempt["state"], "cyan")
    note = "  maybe executed" if attempt["state"] in {"started", "interrupted"} else ""
    click.echo()
    click.secho(f"{attempt['step']}{again}  {words}{note}", fg=colour, bold=True)
    _show_documents(attempt, ("input", "output", "error"))


def _show_documents(record: Mapping[str, Any], names: Sequence[str]) -> None:
    """Print what a record holds as JSON, each under its name."""
    for name in names:
        if record[name] is not None:
            text = json.dumps(record[name], indent=2, ensure_ascii=False)
            click.secho(f"  {name.replace('_', ' ')}", dim=True)
            click.echo(textwrap.indent(text, "    "))
