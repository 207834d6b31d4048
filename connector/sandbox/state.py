"""Everything one running sandbox holds, built once and handed to its views."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from flask import current_app

from connector.sandbox.clock import Clock
from connector.sandbox.database import Database
from connector.sandbox.deletion import carry_out_due
from connector.sandbox.environments import add_demo_environments
from connector.sandbox.faults import FaultQueue
from connector.sandbox.limits import Limiter
from connector.sandbox.partner_apps import set_development_app
from connector.sandbox.request_log import RequestLog
from connector.sandbox.schema import ARRIVALS, CREDENTIALS
from connector.sandbox.settings import Settings
from connector.sandbox.token_endpoint import TokenEndpoint

EXTENSION = "heap_sandbox"


class Sandbox:
    """The parts of one sandbox."""

    def __init__(
        self, settings: Settings, data: Path | None = None, redirect_uris: Sequence[str] = ()
    ) -> None:
        """Open the data and write the demo environments and development keys."""
        self.initial_settings = settings
        self.settings = settings
        self.clock = Clock()
        self.database = Database(data)
        self.faults = FaultQueue()
        self.limiter = Limiter()
        self.requests = RequestLog(self.database, self.clock)
        self.token_endpoint = TokenEndpoint(self.database, self.clock)
        #: Tells one start of the sandbox from another.
        self.started = self.clock.now_ms()
        #: Rises when data was removed or moved, so that a page that shows it starts afresh.
        self.epoch = 0
        self._settings_lock = threading.Lock()
        self._redirect_uris = redirect_uris
        self._stopped = threading.Event()
        with self.database.writing() as connection:
            add_demo_environments(connection)
            set_development_app(connection, redirect_uris)

    def change_settings(self, changes: Mapping[str, object]) -> Settings:
        """Change some settings and return them all.

        Raises InvalidSettingError.
        """
        with self._settings_lock:
            self.settings = self.settings.changed(changes)
            return self.settings

    def carry_out_deletions(self) -> None:
        """Carry out the user deletions whose time has come."""
        if carry_out_due(self.database, self.clock):
            self.epoch += 1

    def clear(self) -> None:
        """Forget what arrived, and keep what is connected, set and registered."""
        self.database.empty(*ARRIVALS)
        self.limiter.forget()
        self.epoch += 1

    def reset(self) -> None:
        """Return to the state of the first start."""
        self.settings = self.initial_settings
        self.faults.clear()
        self.clock.restore()
        self.clear()
        self.database.empty(*CREDENTIALS)
        self.token_endpoint.forget()
        with self.database.writing() as connection:
            set_development_app(connection, self._redirect_uris)

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the sandbox runs."""
        if seconds > 0:
            self._stopped.wait(seconds)

    def close(self) -> None:
        """Wake whoever sleeps and close the data."""
        self._stopped.set()
        self.database.close()


def current_sandbox() -> Sandbox:
    """Return the sandbox that the current request is for."""
    return cast("Sandbox", current_app.extensions[EXTENSION])
