"""Start runs of workflows by hand, or by an event of your product."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from connector.cli.given import read_data
from connector.cli.grammar import Command, json_option
from connector.cli.opening import find_deployed, find_project, opened, project_option
from connector.cli.output import show_json
from connector.cli.progress import run_until_ended, show_end
from connector.cli.run_records import record
from connector.errors import InputError

if TYPE_CHECKING:
    from connector.runtime import Runtime
    from workflow.definition import Definition
    from workflow.models import Run

_KINDS = ("manual", "request", "event", "webhook", "schedule", "connection", "hook")
_data_option = click.option(
    "--data",
    default="{}",
    metavar="JSON|FILE",
    help="What the run begins with: JSON, a file of it, or - for standard input.",
)


@click.command(
    cls=Command,
    examples=[
        "heapline workflow run nightly-export",
        """heapline workflow run welcome --user alice --data '{"email": "ann@example.com"}'""",
        "heapline workflow run welcome --user alice --data sign-up.json --no-wait",
    ],
)
@click.argument("name")
@project_option
@click.option("--user", default="", help="Your product's id of the user.")
@_data_option
@click.option("--wait/--no-wait", default=True, help="Show the steps until it ends, or do not.")
@json_option
def run(name: str, project: str | None, user: str, data: str, wait: bool, as_json: bool) -> None:
    """Run a workflow that is in service, whatever its trigger.

    DATA is what expressions find as <<trigger>>; of a request or webhook it is the body. While no
    server and no worker runs, this command does the steps itself. Ends with status 1 when the run
    does not succeed.
    """
    given = read_data(data)
    with opened() as runtime:
        found = find_project(runtime, project)
        definition = find_deployed(runtime, found.id, name)
        _require_user(definition, user)
        started = runtime.engine.starter.start(
            found.id, name, _trigger(definition, given), user=user, kinds=_KINDS
        )
        if wait:
            _see_through(runtime, [started], as_json=as_json)
        else:
            _show_started([started.id], runtime, as_json=as_json)


@click.command(
    cls=Command,
    examples=[
        """heapline event signed_up --user alice --data '{"email": "ann@example.com"}'""",
        "heapline event signed_up --user alice --data sign-up.json --wait",
    ],
)
@click.argument("name")
@project_option
@click.option("--user", required=True, help="Your product's id of the user.")
@_data_option
@click.option("--key", help="Sent again with the same key, an event starts nothing more.")
@click.option("--wait/--no-wait", default=False, help="Show the steps until the runs end.")
@json_option
def event(
    name: str,
    project: str | None,
    user: str,
    data: str,
    key: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Tell workflows of an event of your product.

    It starts each that is in service, waits for the event and is switched on for the user, and
    prints the ids of the runs.
    """
    given = read_data(data)
    with opened() as runtime:
        found = find_project(runtime, project)
        known = None if key is None else f"command line:{user}\0{key}"
        ids = runtime.engine.starter.event(found.id, name, given, user=user, key=known)
        if not ids:
            click.echo(f"No workflow waits for {name!r} of {user!r}.", err=True)
        if wait and ids:
            control = runtime.engine.control
            started = [control.run(found.id, run_id) for run_id in ids]
            _see_through(runtime, started, as_json=as_json)
        else:
            _show_started(ids, runtime, as_json=as_json)


def _require_user(definition: Definition, user: str) -> None:
    if definition.connector is not None and not user:
        raise InputError(f"{definition.name} runs for users: say for whom with --user.")


def _trigger(definition: Definition, data: Any) -> Any:
    """Return data in the form in which the workflow's trigger gives them."""
    sent = {"headers": {}, "query": {}, "body": data}
    if definition.trigger["type"] == "webhook":
        return sent
    if definition.trigger["type"] == "request":
        return {"method": "POST", **sent}
    if definition.trigger["type"] == "schedule" and data == {}:
        return {"due_at": time.time(), "next_at": None}
    return data


def _see_through(runtime: Runtime, started: list[Run], *, as_json: bool) -> None:
    """Show runs until all have ended; end with status 1 when one has not succeeded."""
    from workflow.models import RunState

    ended = []
    for one in started:
        ended.append(run_until_ended(runtime, one))
        if not as_json:
            show_end(ended[-1])
    if as_json:
        show_json([record(runtime, one) for one in ended])
    if any(one.state is not RunState.SUCCEEDED for one in ended):
        raise click.exceptions.Exit(1)


def _show_started(ids: list[str], runtime: Runtime, *, as_json: bool) -> None:
    from workflow.worker import anybody_works

    if as_json:
        show_json(ids)
    else:
        for run_id in ids:
            click.echo(run_id)
    if ids and not anybody_works(runtime.database, time.time()):
        click.echo("Neither server nor worker runs: it begins when one does.", err=True)
