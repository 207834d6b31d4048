"""A host product's web site: pages on an origin of their own that load the npm SDK."""

from __future__ import annotations

import json
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SDK_PACKAGE = ROOT / "frontend" / "node_modules" / "@useparagon" / "connect"
#: The package's two entry points: the class alone, and the class with a ready singleton.
SDK_CLASS = SDK_PACKAGE / "dist" / "src" / "ConnectSDK.js"
SDK_SINGLETON = SDK_PACKAGE / "dist" / "src" / "index.js"
DATA = ROOT / "tests" / "data"
_FILES = {
    "/sdk/class.js": SDK_CLASS,
    "/sdk/singleton.js": SDK_SINGLETON,
    "/module.js": ROOT / "frontend" / "public" / "demo" / "module.js",
    "/host.js": DATA / "host_page.js",
    "/integration_page.js": DATA / "integration_page.js",
}
#: Every address that the SDK knows, by the name of its environment key.
ENVIRONMENT_KEYS = (
    "ZEUS_PUBLIC_URL",
    "HERMES_PUBLIC_URL",
    "WORKER_PROXY_PUBLIC_URL",
    "CONNECT_PUBLIC_URL",
    "PASSPORT_PUBLIC_URL",
    "PASSPORT_PRODUCTION_URL",
    "DASHBOARD_PUBLIC_URL",
    "CDN_PUBLIC_URL",
    "API_TRIGGER_KIT_PUBLIC_URL",
)
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Acme Notes</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<script src="/module.js"></script><script src="{sdk}"></script></head>
<body><main><h1>Acme Notes</h1><p id="who">Signing in</p>
<button id="connect">Connect Heap</button> <button id="go">Go</button></main>
<script type="application/json" id="config">{config}</script>
<script src="/host.js"></script></body></html>
"""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src {server}; frame-src {server}; base-uri 'none'; form-action 'none'"
)


def require_sdk() -> None:
    """Fail in words when the npm packages of the front end are not installed."""
    if not SDK_CLASS.is_file():
        pytest.fail("The npm packages are missing: run `npm ci` in the folder frontend.")


class HostSite:
    """Serves pages from a thread; each page is published with what its script needs to know."""

    def __init__(self, server_url: str) -> None:
        require_sdk()
        self._server_url = server_url
        self._pages: dict[str, tuple[str, str]] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        Thread(target=self._http.serve_forever, name="host-site", daemon=True).start()

    def origin(self, name: str) -> str:
        """Return the site's origin under a name; browsers lead all names below localhost here."""
        return f"http://{name}.localhost:{self._http.server_port}"

    def publish(self, name: str, *, way: str = "class", **config: Any) -> str:
        """Publish a page under a name of the site and return its address.

        ``way`` is how the page points the SDK at the server: ``class`` or ``singleton``.
        """
        environments = dict.fromkeys(ENVIRONMENT_KEYS, self._server_url)
        known = {"way": way, "environments": environments, **config}
        text = json.dumps(known).replace("<", "\\u003c")
        policy = _POLICY.format(server=self._server_url)
        path = f"/page/{uuid.uuid4().hex}"
        self._pages[path] = _PAGE.format(sdk=f"/sdk/{way}.js", config=text), policy
        return self.origin(name) + path

    def __enter__(self) -> HostSite:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path in site._pages:
                    page, policy = site._pages[path]
                    self._send("text/html; charset=utf-8", page.encode(), policy)
                elif path in _FILES:
                    self._send("text/javascript; charset=utf-8", _FILES[path].read_bytes())
                else:
                    self.send_error(404)

            def _send(self, media_type: str, body: bytes, policy: str = "") -> None:
                self.send_response(200)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: Any = "-", size: Any = "-") -> None:
                pass

        return Handler
