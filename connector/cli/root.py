"""The `heapline` command and all that belongs to it."""

from __future__ import annotations

import click

from connector import __version__
from connector.cli.api_keys import api_keys
from connector.cli.connections import connections
from connector.cli.database import database
from connector.cli.demo import demo
from connector.cli.doctor import doctor
from connector.cli.expression import expression
from connector.cli.grammar import Root
from connector.cli.keys import keys
from connector.cli.manifest import manifest
from connector.cli.notices import notices
from connector.cli.operators import operators
from connector.cli.projects import projects
from connector.cli.request import request
from connector.cli.secrets import secrets
from connector.cli.serving import sandbox, serve
from connector.cli.settings import settings
from connector.cli.signing_keys import signing_keys
from connector.cli.starting import event
from connector.cli.token import token
from connector.cli.worker import worker
from connector.cli.workflow import workflow


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heapline")
def main() -> None:
    """Connect your users' accounts and call the provider for them.

    Begin with `heapline demo`. Settings come from the environment; `heapline settings` lists them.
    When something does not work, `heapline doctor` says what is wrong and how to mend it.
    """


for command in (
    api_keys,
    connections,
    database,
    demo,
    doctor,
    event,
    expression,
    keys,
    manifest,
    notices,
    operators,
    projects,
    request,
    sandbox,
    secrets,
    serve,
    settings,
    signing_keys,
    token,
    worker,
    workflow,
):
    main.add_command(command)
