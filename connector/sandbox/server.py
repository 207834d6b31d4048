"""Starting and stopping a sandbox."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from connector.sandbox.app import create_app
from connector.sandbox.http_server import Server
from connector.sandbox.settings import Settings
from connector.sandbox.state import Sandbox


@dataclass(frozen=True)
class Options:
    """Where a sandbox listens, where it keeps its data and how it behaves at first."""

    host: str = "127.0.0.1"
    #: 0 takes a free port.
    port: int = 0
    #: The SQLite file; None means a temporary one that is removed at the end.
    data: Path | None = None
    #: Where the development keys may redirect to, besides loopback addresses.
    redirect_uris: Sequence[str] = ()
    verbose: bool = False
    settings: Settings = field(default_factory=Settings)


class RunningSandbox:
    """A sandbox that serves in a thread until it is stopped."""

    def __init__(self, sandbox: Sandbox, server: Server) -> None:
        """Take over a started server."""
        self._sandbox = sandbox
        self._server = server
        #: The origin that it answers on, such as http://127.0.0.1:8701
        self.url = server.url

    def stop(self) -> None:
        """Stop serving, cut open connections and remove temporary data."""
        self._server.stop()
        self._sandbox.close()

    def __enter__(self) -> Self:
        """Return the running sandbox."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()


def start(options: Options | None = None) -> RunningSandbox:
    """Start a sandbox in a thread of this process.

    Raises OSError when the address is taken or the file cannot be opened.
    """
    options = options or Options()
    sandbox = Sandbox(options.settings, options.data, options.redirect_uris)
    try:
        server = Server(options.host, options.port, create_app(sandbox), verbose=options.verbose)
    except OSError:
        sandbox.close()
        raise
    server.start()
    return RunningSandbox(sandbox, server)
