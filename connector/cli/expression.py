"""Try an expression."""

from __future__ import annotations

import json
from typing import IO, Any

import click

from connector.cli.grammar import Command, json_option
from connector.cli.output import show_json
from connector.errors import BodyInvalid, InputError


@click.command(
    cls=Command,
    examples=[
        """heapline expression 'Hi <<trigger.name | title>>' --data data.json""",
        """echo '{"trigger": {"qty": [1, 2]}}' | heapline expression '<<trigger.qty | sum>>'""",
    ],
)
@click.argument("text")
@click.option(
    "--data", type=click.File(encoding="utf-8"), default="-", help="JSON file; - reads input."
)
@json_option
def expression(text: str, data: IO[str], as_json: bool) -> None:
    """Show what a text with <<expressions>> comes to.

    DATA is a JSON object: what the expressions refer to. An error says what is wrong and what was
    probably meant.
    """
    from workflow.errors import WorkflowError
    from workflow.expressions import parse
    from workflow.values import as_json as compact
    from workflow.values import kind

    given = _object(data)
    try:
        value = parse(text).resolve(given)
    except WorkflowError as error:
        raise InputError(error.message) from error
    if as_json:
        show_json({"value": value, "type": kind(value)})
        return
    click.echo(value if isinstance(value, str) else compact(value))
    click.secho(kind(value), dim=True, err=True)


def _object(data: IO[str]) -> dict[str, Any]:
    try:
        found = json.load(data)
    except (ValueError, RecursionError) as error:
        raise BodyInvalid(f"The data are no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise BodyInvalid("The data must be a JSON object.")
    return found
