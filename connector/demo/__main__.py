"""Serve the demo product's page: `python -m connector.demo`, started by `heapline demo`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from connector.demo.app import Product, create_app
from connector.demo.memory import recall


class _QuietHandler(WSGIRequestHandler):
    """Answers without a line for every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


def main() -> None:
    """Serve until asked to end."""
    options = _options()
    memory = recall(options.data_dir, options.email)
    product = Product(
        project_id=memory.project_id,
        private_pem=memory.private_pem,
        server_url=options.server_url,
        sandbox_url=options.sandbox_url,
    )
    server = make_server(
        "127.0.0.1",
        options.port,
        create_app(product),
        threaded=True,
        request_handler=_QuietHandler,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m connector.demo", description=main.__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--email", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server-url", required=True)
    parser.add_argument("--sandbox-url")
    return parser.parse_args()


if __name__ == "__main__":
    main()
