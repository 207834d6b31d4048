"""The command that runs a sandbox until it is interrupted."""

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from connector.sandbox.environments import DEMO_ENVIRONMENTS
from connector.sandbox.partner_apps import DEVELOPMENT_APP
from connector.sandbox.server import Options, start
from connector.sandbox.settings import InvalidSettingError, Settings

DEFAULT_PORT = 8701


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="SQLite file to keep events and users in. Without it they are gone when you stop.",
)
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    help="Where the development keys may redirect to, besides http loopback addresses. Repeatable.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a setting, such as refresh_tokens=rotating. Repeatable.",
)
@click.option("--verbose", is_flag=True, help="Print a line for every request.")
def sandbox_command(
    *,
    host: str,
    port: int,
    data: Path | None,
    redirect_uris: tuple[str, ...],
    changes: tuple[str, ...],
    verbose: bool,
) -> None:
    """Run a local imitation of Heap, to connect to and send to without a Heap account."""
    settings = _read_settings(changes)
    options = Options(host, port, data, redirect_uris, verbose, settings)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        running = start(options)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error
    with running:
        click.echo(_greeting(running.url))
        stopped.wait()


def _read_settings(changes: Sequence[str]) -> Settings:
    given = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise click.BadParameter(f"{change}: expected NAME=VALUE", param_hint="--set")
        given[name] = _read_value(value)
    try:
        return Settings().changed(given)
    except InvalidSettingError as error:
        raise click.BadParameter(str(error), param_hint="--set") from error


def _read_value(text: str) -> object:
    if text == "null":
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _greeting(url: str) -> str:
    environment = DEMO_ENVIRONMENTS[0]
    return "\n".join(
        [
            f"Heap sandbox: {url}/sandbox/",
            f"  App ID         {environment.app_id}",
            f"  API key        {environment.api_key}",
            f"  client id      {DEVELOPMENT_APP.client_id}",
            f"  client secret  {DEVELOPMENT_APP.client_secret}",
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command with these arguments, or with those of the process."""
    sandbox_command(args=sys.argv[1:] if argv is None else list(argv), prog_name="heap-sandbox")
