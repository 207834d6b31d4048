"""Workflows: what there is, what is in service, and their runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from connector.cli.addresses import address
from connector.cli.definitions import BY, pull, push, validate
from connector.cli.diffs import diff
from connector.cli.grammar import Group, json_option
from connector.cli.opening import find_project, opened, project_option
from connector.cli.output import console, moment, show_json, show_record, show_rows
from connector.cli.runs import runs
from connector.cli.starting import run
from connector.cli.switching import disable, enable
from connector.errors import InputError

if TYPE_CHECKING:
    from workflow.catalogue import Catalogue
    from workflow.definition import Definition, Step
    from workflow.store.workflows import Version, Workflow

_SHORT_HASH = 12


@click.group(cls=Group)
def workflow() -> None:
    """Keep workflows as files, run them, look at their runs."""


for _command in (validate, push, pull, diff, enable, disable, address, run, runs):
    workflow.add_command(_command)


@workflow.command("list", examples=["heapline workflow list", "heapline workflow list --json"])
@project_option
@json_option
def list_workflows(project: str | None, as_json: bool) -> None:
    """List a project's workflows by name."""
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        rows = [_row(catalogue, one) for one in catalogue.workflows(found.id)]
    show_rows(rows, as_json=as_json, empty="There is no workflow yet: heapline workflow push FILE")


@workflow.command("show", examples=["heapline workflow show welcome"])
@click.argument("name")
@project_option
@json_option
def show(name: str, project: str | None, as_json: bool) -> None:
    """Show a workflow's draft: trigger, steps, versions."""
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        one = catalogue.workflow(found.id, name)
        definition = catalogue.definition(found.id, one.name)
        record = _row(catalogue, one) | {"title": definition.title}
        steps = list(_step_rows(definition.steps))
        versions = [_version_row(one, each) for each in catalogue.versions(found.id, one.name)]
    if as_json:
        trigger = dict(definition.trigger)
        show_json(record | {"trigger": trigger, "steps": steps, "versions": versions})
        return
    show_record(record, as_json=False)
    console().print()
    show_rows([_indented(step) for step in steps], as_json=False, empty="")
    console().print()
    short = [{**each, "hash": each["hash"][:_SHORT_HASH]} for each in versions]
    show_rows(short, as_json=False, empty="")


@workflow.command(
    "deploy",
    examples=[
        "heapline workflow deploy welcome",
        "heapline workflow deploy welcome --version 3",
    ],
)
@click.argument("name")
@project_option
@click.option("--version", default="draft", show_default=True, help="draft, 3 or a hash.")
def deploy(name: str, project: str | None, version: str) -> None:
    """Put a version into service. Runs that there are keep theirs."""
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        wanted = catalogue.version(found.id, name, version)
        if catalogue.workflow(found.id, name).deployed == wanted.hash:
            click.echo(f"{name} v{wanted.number} is in service already.")
            return
        catalogue.deploy(found.id, name, version=wanted.hash, by=BY)
    click.echo(f"{name} v{wanted.number} is in service.")


@workflow.command("rollback", examples=["heapline workflow rollback welcome"])
@click.argument("name")
@project_option
def rollback(name: str, project: str | None) -> None:
    """Put the version into service that was there before.

    Done twice, it comes back to where it was.
    """
    with opened() as runtime:
        found = find_project(runtime, project)
        catalogue = runtime.engine.catalogue
        present = catalogue.workflow(found.id, name).deployed
        log = [entry["hash"] for entry in catalogue.deployments(found.id, name)]
        earlier = next((one for one in log if one not in {None, present}), None)
        if earlier is None:
            raise InputError(f"No other version of {name} was in service before.")
        version = catalogue.deploy(found.id, name, version=earlier, by=BY)
    click.echo(f"{name} v{version.number} is in service again.")


@workflow.command("withdraw", examples=["heapline workflow withdraw welcome"])
@click.argument("name")
@project_option
def withdraw(name: str, project: str | None) -> None:
    """Take a workflow out of service. Its runs go on."""
    with opened() as runtime:
        found = find_project(runtime, project)
        runtime.engine.catalogue.withdraw(found.id, name, by=BY)
    click.echo(f"{name} is out of service.")


@workflow.command("delete", examples=["heapline workflow delete welcome --yes"])
@click.argument("name")
@project_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, project: str | None, yes: bool) -> None:
    """Delete a workflow with its versions and runs."""
    with opened() as runtime:
        found = find_project(runtime, project)
        one = runtime.engine.catalogue.workflow(found.id, name)
        if not yes:
            question = f"Delete {one.name} of {found.name} with all its versions and runs?"
            click.confirm(question, abort=True)
        runtime.engine.catalogue.delete(found.id, one.name)
    click.echo(f"Deleted {name}.")


def _row(catalogue: Catalogue, one: Workflow) -> dict[str, Any]:
    numbers = {each.hash: each.number for each in catalogue.versions(one.project_id, one.name)}
    definition = catalogue.definition(one.project_id, one.name)
    return {
        "name": one.name,
        "trigger": trigger_words(definition),
        "connector": definition.connector,
        "draft": numbers.get(one.draft or ""),
        "deployed": numbers.get(one.deployed or ""),
        "updated_at": moment(one.updated_at),
    }


def _version_row(one: Workflow, version: Version) -> dict[str, Any]:
    return {
        "version": version.number,
        "draft": version.hash == one.draft,
        "deployed": version.hash == one.deployed,
        "created_at": moment(version.created_at),
        "hash": version.hash,
    }


def trigger_words(definition: Definition) -> str:
    """Return what starts a workflow, on one line."""
    trigger = definition.trigger
    details = {
        "event": "{event}",
        "hook": "{hook}",
        "webhook": "{verify[scheme]}",
        "schedule": "{cron}" if "cron" in trigger else "every {every_seconds} s",
    }
    detail = details.get(trigger["type"], "").format_map(trigger)
    return " ".join(filter(None, (trigger["type"], detail, trigger.get("time_zone"))))


def _step_rows(steps: Sequence[Step], depth: int = 0) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield {"step": step.id, "type": step.type, "depth": depth} | {
            "does": _does(step.fields),
            "on_error": step.on_error,
        }
        for block in step.blocks():
            yield from _step_rows(block, depth + 1)


def _indented(row: dict[str, Any]) -> dict[str, Any]:
    step = f"{'  ' * row['depth']}{row['step']}"
    return {name: value for name, value in row.items() if name != "depth"} | {"step": step}


def _does(fields: Mapping[str, Any]) -> str:
    """Return what tells a step from others of its type."""
    names = ("method", "path", "url", "action", "workflow", "in", "seconds", "until", "message")
    return " ".join(str(fields[name]) for name in names if name in fields)
