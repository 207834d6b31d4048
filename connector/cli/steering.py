"""Cancel, retry and replay runs: those that are named, or all that match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from connector.cli.given import read_data
from connector.cli.grammar import Command, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import show_json
from connector.cli.run_filters import Chosen, filter_options, read_filters

if TYPE_CHECKING:
    from connector.runtime import Runtime
    from workflow.models import Run

#: Does something to a run of a project; gives the run as it is then, or the new one.
_Act = Callable[["Runtime", str, str], "Run"]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the three commands have in common."""
    for add in (
        json_option,
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only say which runs these are."),
        click.option("--limit", default=1000, show_default=True, type=click.IntRange(1)),
        filter_options,
        project_option,
        click.argument("run_ids", nargs=-1, metavar="[RUN_ID...]"),
    ):
        command = add(command)
    return command


@click.command(
    cls=Command,
    examples=[
        "heapline workflow runs cancel RUN_ID",
        "heapline workflow runs cancel --workflow welcome --state queued --dry-run",
    ],
)
@_options
def cancel(**given: Any) -> None:
    """Cancel runs that have not ended.

    One that is running ends after its step. Name runs, or choose them with options.
    """

    def act(runtime: Runtime, project_id: str, run_id: str) -> Run:
        return runtime.engine.control.cancel(project_id, run_id)

    _steer("cancel", act, **given)


@click.command(
    cls=Command,
    examples=[
        "heapline workflow runs retry RUN_ID",
        "heapline workflow runs retry RUN_ID --newest",
        "heapline workflow runs retry --workflow welcome --state failed --since 2h",
    ],
)
@click.option("--newest", is_flag=True, help="Go on with the version in service.")
@_options
def retry(newest: bool, **given: Any) -> None:
    """Go on with failed or cancelled runs from the failed step.

    What they have done is not done again. Name runs, or choose them with options.
    """

    def act(runtime: Runtime, project_id: str, run_id: str) -> Run:
        return runtime.engine.control.retry(project_id, run_id, newest=newest)

    _steer("retry", act, **given)


@click.command(
    cls=Command,
    examples=[
        "heapline workflow runs replay RUN_ID",
        """heapline workflow runs replay RUN_ID --data '{"email": "ann@example.com"}'""",
    ],
)
@click.option("--data", metavar="JSON|FILE", help="Begin with this instead of what began the run.")
@_options
def replay(data: str | None, **given: Any) -> None:
    """Start new runs like earlier ones, on the version in service.

    Everything is done again. Name runs, or choose them with options.
    """
    trigger = None if data is None else read_data(data)

    def act(runtime: Runtime, project_id: str, run_id: str) -> Run:
        return runtime.engine.control.replay(project_id, run_id, trigger=trigger)

    _steer("replay", act, **given)


def _steer(
    what: str,
    act: _Act,
    *,
    run_ids: tuple[str, ...],
    project: str | None,
    limit: int,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **chosen: str | None,
) -> None:
    filtered = any(value is not None for value in chosen.values())
    if bool(run_ids) == filtered:
        raise click.UsageError("Name runs, or choose them with options such as --state.")
    with opened() as runtime:
        found = find_project(runtime, project)
        ids = run_ids or _matching(runtime, found.id, what, chosen, limit)
        if filtered and ids and not (yes or dry_run):
            click.confirm(f"{what.capitalize()} {len(ids)} runs?", abort=True, err=True)
        rows = [{"id": one} for one in ids] if dry_run else _done(runtime, found.id, act, ids)
    _show(rows, dry_run=dry_run, as_json=as_json)
    if any("problem" in one for one in rows):
        raise click.exceptions.Exit(1)


def _matching(
    runtime: Runtime, project_id: str, what: str, chosen: Chosen, limit: int
) -> list[str]:
    filters = read_filters(runtime, project_id, chosen)
    return runtime.engine.control.in_bulk(project_id, what, filters, limit=limit, dry=True)


def _done(runtime: Runtime, project_id: str, act: _Act, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Act on each run; a run that does not allow it keeps none of the others from it."""
    from workflow.errors import WorkflowError

    rows: list[dict[str, Any]] = []
    for run_id in ids:
        try:
            run = act(runtime, project_id, run_id)
        except WorkflowError as error:
            rows.append({"id": run_id, "problem": error.message})
        else:
            rows.append({"id": run_id, "run": run.id, "state": str(run.state)})
    return rows


def _show(rows: Sequence[dict[str, Any]], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        show_json(rows)
        return
    for one in rows:
        if "problem" in one:
            click.secho(f"{one['id']}: {one['problem']}", fg="red", err=True)
        elif dry_run:
            click.echo(one["id"])
        else:
            replayed = f" → {one['run']}" if one["run"] != one["id"] else ""
            click.echo(f"{one['id']}{replayed}: {one['state']}")
    if not rows:
        click.echo("No run matches.", err=True)
