"""A small threaded HTTP/1.1 server that keeps connections alive.

Werkzeug's own server closes the connection after every answer; a client's connection pool could
never be tried against it. This one reads each body whole, so the next request starts where the
last one ended.
"""

import contextlib
import io
import socket
import socketserver
import sys
import threading
from collections.abc import Iterable
from http.client import responses
from typing import TYPE_CHECKING, Any

from werkzeug.http import http_date
from werkzeug.serving import WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

MAX_BODY_BYTES = 64 * 1024 * 1024
SERVER_NAME = "heap-sandbox"


class RefusedBodyError(Exception):
    """A request's body cannot be read, so the connection ends after the answer."""

    def __init__(self, status: str) -> None:
        """Keep the status line."""
        super().__init__(status)
        self.status = status


class CutConnectionError(ConnectionAbortedError):
    """The application wants the connection to end without an answer."""

    def __init__(self, last_words: bytes = b"") -> None:
        """Keep the bytes to send before the end."""
        super().__init__("the application cut the connection")
        self.last_words = last_words


class RequestHandler(WSGIRequestHandler):
    """Serve the requests of one connection, one after the other."""

    server: "Server"  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet where they fit, and never wait for each other.
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        """Remember the connection so that it can be cut."""
        super().setup()
        self.server.open_sockets.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.open_sockets.discard(self.connection)
        super().finish()

    def handle_expect_100(self) -> bool:
        """Invite the body at once, past the buffer."""
        invited = super().handle_expect_100()
        self.wfile.flush()
        return invited

    def run_wsgi(self) -> None:
        """Answer one request, or end the connection when the application or the client does."""
        try:
            self.environ = environ = self._buffered_environ()
        except RefusedBodyError as refused:
            self.close_connection = True
            self._send(refused.status, [("Content-Type", "text/plain")], [refused.status.encode()])
            return
        try:
            status, headers, body = self._call(environ)
            self._send(status, headers, body)
        except CutConnectionError as cut:
            self.close_connection = True
            self.wfile.write(cut.last_words)
        except OSError:
            self.close_connection = True

    def _buffered_environ(self) -> "WSGIEnvironment":
        environ = self.make_environ()
        body = self._read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["sandbox.body"] = body
        return environ

    def _read_body(self, environ: "WSGIEnvironment") -> bytes:
        if environ.get("wsgi.input_terminated"):
            body = _read_chunks(environ["wsgi.input"])
        else:
            body = self.rfile.read(_content_length(environ.get("CONTENT_LENGTH") or "0"))
        return body

    def _call(
        self, environ: "WSGIEnvironment"
    ) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            started[:] = [status, headers]

        body = self.server.application(environ, start_response)
        return started[0], started[1], body

    def _send(self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        names = {name.lower() for name, _ in headers}
        code = int(status[:3])
        if "content-length" not in names and code not in (204, 304):
            self.close_connection = True
        lines = [f"{self.protocol_version} {code} {_reason(code)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Server: {SERVER_NAME}", f"Date: {http_date()}"]
        if self.close_connection:
            lines.append("Connection: close")
        elif self.request_version == "HTTP/1.0":
            lines.append("Connection: keep-alive")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            for part in body:
                self.wfile.write(part)
        finally:
            getattr(body, "close", _nothing)()
        self.wfile.flush()
        self.log_request(code)

    def log_request(self, code: int | str = "-", _: int | str = "-") -> None:
        """Write one line when the server is verbose."""
        if self.server.verbose:
            path = getattr(self, "path", "-").split("?")[0]
            sys.stderr.write(f"{self.command} {ascii(path)[1:-1]} {code}\n")

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay quiet: a broken request is often what a test wants."""


def _reason(code: int) -> str:
    return responses.get(code, "Unknown")


def _nothing() -> None:
    """Close nothing."""


def _content_length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise RefusedBodyError("400 Bad Request")
    if int(text[:12]) > MAX_BODY_BYTES:
        raise RefusedBodyError("413 Content Too Large")
    return int(text)


def _read_chunks(stream: io.RawIOBase) -> bytes:
    body = bytearray()
    try:
        while part := stream.read(65536):
            body += part
            if len(body) > MAX_BODY_BYTES:
                raise RefusedBodyError("413 Content Too Large")
    except OSError as error:
        raise RefusedBodyError("400 Bad Request") from error
    return bytes(body)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accept connections, each with a thread of its own."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256
    # What werkzeug's request handler asks of its server.
    multithread = True
    multiprocess = False
    ssl_context = None
    passthrough_errors = False
    _server_version = SERVER_NAME

    def __init__(
        self, host: str, port: int, application: "WSGIApplication", *, verbose: bool = False
    ) -> None:
        """Bind the address; port 0 takes a free one."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.application = application
        self.verbose = verbose
        self.open_sockets: set[socket.socket] = set()
        super().__init__((host, port), RequestHandler)
        self._thread = threading.Thread(target=self._serve, name="heap-sandbox", daemon=True)

    @property
    def url(self) -> str:
        """Return the origin that this server answers on."""
        host, port = self.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, cut every open connection and free the port."""
        self.shutdown()
        self._thread.join()
        for connection in list(self.open_sockets):
            # It may be gone already.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def _serve(self) -> None:
        self.serve_forever(poll_interval=0.05)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep errors of single connections quiet unless verbose."""
        if self.verbose:
            super().handle_error(request, client_address)
