"""Run the server, or the sandbox."""

from __future__ import annotations

import os

import click

from connector.cli.grammar import Command
from connector.cli.ports import require_free_port


@click.command(
    cls=Command,
    examples=[
        "heapline serve",
        "heapline serve --port 9000",
        "HEAPLINE_PUBLIC_URL=https://connect.example.com heapline serve --host 0.0.0.0",
    ],
)
@click.option("--host", help="Address to listen on, in place of HEAPLINE_HOST.")
@click.option("--port", help="Port to listen on, in place of HEAPLINE_PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Run the server until it is interrupted.

    It brings the database up to date first. All else is set by the environment: see
    `heapline settings`.
    """
    from connector.config import load
    from connector.logs import configure
    from connector.server import Server, prepare

    given = {"HEAPLINE_HOST": host, "HEAPLINE_PORT": port}
    settings = load({**os.environ, **{name: value for name, value in given.items() if value}})
    configure(settings.log_level)
    warn_of_unknown_settings()
    require_free_port(
        settings.host,
        settings.port,
        "Stop the program that uses it, or choose another port with --port or HEAPLINE_PORT.",
    )
    prepare(settings)
    Server(settings, f"Heapline is ready at {settings.public_url}. Stop it with Ctrl-C.").run()


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Run a local imitation of the provider.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run a local imitation of the provider; its own help says more."""
    from connector.sandbox import sandbox_command

    sandbox_command.main(args=list(arguments), prog_name="heapline sandbox")


def warn_of_unknown_settings() -> None:
    """Say which variables look like settings and are none."""
    from connector.config import unknown_settings

    for name, nearest in unknown_settings(os.environ).items():
        hint = f" Did you mean {nearest}?" if nearest else ""
        click.secho(f"Warning: {name} is no setting.{hint}", fg="yellow", err=True)
