"""How our commands look: examples in their help, and one red line for every error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from connector.errors import HeaplineError, SetupError
from workflow.errors import WorkflowError


class Command(click.Command):
    """A command whose help ends with examples; ``{connector}`` in one is the built-in's name."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{_filled(example)}\n")


class Group(click.Group):
    """A group of our commands."""

    command_class = Command
    group_class = type


class Root(Group):
    """The outermost group: turns our errors into one line and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises
        ------
        Failure
            In place of every error of ours.

        """
        try:
            return super().invoke(ctx)
        except (HeaplineError, WorkflowError) as error:
            raise Failure(error) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename or "The system"
            raise Failure(SetupError(f"{where}: {error.strerror or error}.")) from error


class Failure(click.ClickException):
    """An error of ours on its way out of the program."""

    def __init__(self, error: HeaplineError | WorkflowError) -> None:
        super().__init__(error.message)
        self.error = error

    def show(self, file: Any = None) -> None:
        """Print what went wrong, where, and what to do: one line, in red."""
        where = str(self.error.meta.get("pointer", "")).strip("/")
        text = f"{where}: {self.message}" if where else self.message
        line = re.sub(r"\s*\n\s*", " ", text)
        click.secho(f"Error: {line}", fg="red", err=True, file=file)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json to a command whose output is data."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def _filled(example: str) -> str:
    if "{connector}" not in example:
        return example
    from connector.runtime import builtin_manifest

    name = json.loads(builtin_manifest().read_text(encoding="utf-8"))["name"]
    return example.replace("{connector}", name)
