"""The command line as tests use it: a command at a time, in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import structlog
from click.testing import CliRunner, Result

from connector.cli import main

Run = Callable[..., Result]


@contextmanager
def command_line(environ: Mapping[str, str]) -> Iterator[Run]:
    """Give what runs a command and insists on its exit status."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run_command(*arguments: str, status: int = 0, stdin: str = "", **more: str) -> Result:
        result = CliRunner().invoke(main, arguments, input=stdin, env={**environ, **more})
        assert result.exit_code == status, result.output
        return result

    yield run_command
    # Each command sends logging to its own standard error, which is gone by now.
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
