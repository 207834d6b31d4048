"""Run the whole product at once, with something in it to look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from connector.cli.grammar import Command
from connector.cli.ports import require_free_port

if TYPE_CHECKING:
    from connector.config import Settings
    from connector.demo.family import Child, Family
    from connector.demo.memory import Memory
    from connector.demo.seeding import Sample, Seeded

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class _Ports:
    server: int
    sandbox: int
    product: int

    @property
    def product_url(self) -> str:
        return f"http://{_HOST}:{self.product}"

    def require_free(self) -> None:
        for option, port in (
            ("--port", self.server),
            ("--sandbox-port", self.sandbox),
            ("--product-port", self.product),
        ):
            require_free_port(
                _HOST,
                port,
                f"Stop the program that uses it, or choose another port with {option}.",
            )


@click.command(
    cls=Command,
    examples=[
        "heapline demo",
        "heapline demo --port 9000 --sandbox-port 9001 --product-port 9002",
    ],
)
@click.option("--port", default=8700, show_default=True, help="Port of the server.")
@click.option("--sandbox-port", default=8701, show_default=True, help="Port of the sandbox.")
@click.option("--product-port", default=8702, show_default=True, help="Port of the demo product.")
def demo(port: int, sandbox_port: int, product_port: int) -> None:
    """Run everything at once, ready to click through.

    That is the server, the sandbox, and a demo product whose users connect accounts. No account
    with the provider is needed. Everything is kept in the data folder, so the next start finds it
    again. Ctrl-C stops all three.
    """
    from connector.config import load
    from connector.demo.family import ChildEndedError, ChildSilentError, Family
    from connector.logs import configure

    ports = _Ports(port, sandbox_port, product_port)
    ports.require_free()
    environ = _environment(ports)
    settings = load(environ)
    configure("WARNING")
    click.echo("Starting server, sandbox and demo product…")
    try:
        with Family() as family:
            _Demo(family, settings, environ, ports).run()
    except (ChildEndedError, ChildSilentError) as error:
        click.echo(error.last_lines, err=True)
        raise click.ClickException(f"{error} Its last lines are above.") from error
    click.echo("Stopped. Start again with the same command; everything was kept.")


@dataclass(frozen=True, slots=True)
class _Demo:
    """Three processes and what they share."""

    family: Family
    settings: Settings
    environ: Mapping[str, str]
    ports: _Ports

    def run(self) -> None:
        from connector.demo.memory import recall
        from connector.demo.seeding import read_sample, send

        sample = read_sample()
        memory = recall(self.settings.data_dir, sample.operator)
        seeded = self._put_in_place(memory, sample)
        for child, url in self._start_all(memory):
            self.family.wait_for(child, url)
        if self.family.stopping:
            return
        if seeded.development:
            send(self.settings.public_url, memory, sample)
        password = memory.password if seeded.password_holds else "the one you chose"
        self._show(memory.email, password)
        self.family.watch()

    def _put_in_place(self, memory: Memory, sample: Sample) -> Seeded:
        from connector.demo.seeding import put_in_place
        from connector.runtime import build

        runtime = build(self.settings)
        try:
            return put_in_place(runtime, memory, sample, self.ports.product_url)
        finally:
            runtime.close()

    def _start_all(self, memory: Memory) -> list[tuple[Child, str]]:
        settings, ports = self.settings, self.ports
        data = str(settings.data_dir / "sandbox.db")
        sandbox = ["connector.cli", "sandbox", "--port", str(ports.sandbox), "--data", data]
        product = [
            *("connector.demo", "--data-dir", str(settings.data_dir), "--email", memory.email),
            *("--port", str(ports.product), "--server-url", settings.public_url),
            *("--sandbox-url", f"{settings.development_origin}/sandbox/"),
        ]
        return [
            (self._start("sandbox", *sandbox), f"{settings.development_origin}/sandbox/"),
            (self._start("server", "connector.cli", "serve"), f"{settings.public_url}/health"),
            (self._start("demo product", *product), f"{ports.product_url}/"),
        ]

    def _start(self, name: str, *module_and_arguments: str) -> Child:
        log = self.settings.data_dir / f"demo-{name.rsplit(maxsplit=1)[-1]}.log"
        command = [sys.executable, "-m", *module_and_arguments]
        return self.family.start(name, command, self.environ, log)

    def _show(self, email: str, password: str) -> None:
        from rich.console import Console
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        settings = self.settings
        rows = Table.grid(padding=(0, 2))
        for name, value in (
            ("Demo product", f"{self.ports.product_url}  (start here)"),
            ("Console", settings.public_url),
            ("  e-mail", email),
            ("  password", password),
            ("Sandbox", f"{settings.development_origin}/sandbox/"),
            ("Data and logs", str(settings.data_dir.resolve())),
        ):
            rows.add_row(Text(name), Text(value, overflow="fold"))
        Console().print(Panel(rows, title="Heapline demo", subtitle="Ctrl-C stops it"))


def _environment(ports: _Ports) -> dict[str, str]:
    """Return the environment of the children: the caller's, but for where they listen."""
    fixed = {
        "HEAPLINE_HOST": _HOST,
        "HEAPLINE_PORT": str(ports.server),
        "HEAPLINE_PUBLIC_URL": f"http://{_HOST}:{ports.server}",
        "HEAPLINE_DEVELOPMENT_ORIGIN": f"http://{_HOST}:{ports.sandbox}",
    }
    files = {f"{name}_FILE" for name in fixed}
    return {name: value for name, value in os.environ.items() if name not in files} | fixed
