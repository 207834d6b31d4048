"""The `heapline` command and what belongs to it."""

from __future__ import annotations

import click

from connector import __version__
from connector.cli import serving
from connector.cli.grammar import Root


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heapline")
def main() -> None:
    """Connect your users' accounts and call the provider for them.

    Settings come from the environment; `heapline settings` lists them all. When something does
    not work, `heapline doctor` says what is wrong and how to mend it.
    """


main.add_command(serving.serve)
main.add_command(serving.sandbox)
