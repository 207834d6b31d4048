"""A process that runs runs of workflows and does nothing else."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
from types import FrameType

import click

from connector.cli.grammar import Command
from connector.cli.serving import warn_of_unknown_settings
from connector.errors import SettingInvalid

_STOP_SECONDS = 20.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(
    cls=Command,
    examples=[
        "heapline worker",
        "DATABASE_URL=postgresql://heapline@db.example/heapline heapline worker --slots 32",
    ],
)
@click.option("--slots", type=click.IntRange(1), help="Runs at once, for HEAPLINE_WORKFLOW_SLOTS.")
def worker(slots: int | None) -> None:
    """Run workflows until it is interrupted.

    Servers do so too. Any number of workers share one PostgreSQL database; what one leaves undone
    the others finish. The first interrupt lets steps come to their end, the second does not.
    """
    from connector.config import load
    from connector.logs import configure
    from connector.runtime import build

    given = {} if slots is None else {"HEAPLINE_WORKFLOW_SLOTS": str(slots)}
    settings = load({**os.environ, **given})
    configure(settings.log_level)
    warn_of_unknown_settings()
    if settings.workflow_slots == 0:
        raise SettingInvalid("HEAPLINE_WORKFLOW_SLOTS is 0, so nothing would run: give --slots.")
    interrupts = _interrupts()
    runtime = build(settings)
    runtime.start_sweeping()
    runtime.engine.start()
    click.echo(f"The worker is ready: {settings.workflow_slots} runs at once. Stop it with Ctrl-C.")
    _wait(interrupts)
    runtime.engine.stop(_STOP_SECONDS)
    runtime.close()
    sys.stdout.flush()
    # A step that does not come back must not hold the process: its run goes on elsewhere.
    os._exit(0)


def _wait(interrupts: queue.SimpleQueue[int]) -> None:
    """Wait for an interrupt; look up now and then, since it may have come to another thread."""
    while True:
        with contextlib.suppress(queue.Empty):
            interrupts.get(timeout=0.5)
            return


def _interrupts() -> queue.SimpleQueue[int]:
    """Return where the first interrupt arrives; a second one ends the process at once."""
    # Of all that threads wait on, this alone may be used within a signal handler.
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        arrived.put(number)

    for one in _SIGNALS:
        signal.signal(one, stop)
    return arrived
