"""An upstream server that does what it is told: whole answers, broken ones, none at all.

It speaks HTTP/1.1 by hand, so that a script can send any bytes at any moment, and it keeps what
it received as it came over the wire.
"""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BufferedReader

Headers = list[tuple[str, str]]
_KEPT = 256 * 1024


@dataclass
class Received:
    """One request as it arrived; of a long body the beginning, its length and its digest."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""
    length: int = 0
    digest: str = ""
    chunked: bool = False

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}


class Exchange:
    """One request and the answer to it, in the hands of a script."""

    def __init__(self, sock: socket.socket, reader: BufferedReader, received: Received) -> None:
        self.sock = sock
        self.received = received
        self.ended = False
        self._reader = reader
        self._body_read = False

    def read_body(self) -> None:
        """Read the request's body to its end."""
        if self._body_read:
            return
        self._body_read = True
        digest = hashlib.sha256()
        for piece in self._pieces():
            self.received.length += len(piece)
            digest.update(piece)
            if len(self.received.body) < _KEPT:
                self.received.body += piece
        self.received.digest = digest.hexdigest()

    def send(self, *parts: bytes | str) -> None:
        """Send bytes as they are."""
        for part in parts:
            self.sock.sendall(part.encode("latin-1") if isinstance(part, str) else part)

    def answer(
        self, status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Send a whole answer with its length."""
        self.read_body()
        start = head(status, [*headers, ("Content-Length", str(len(body)))])
        self.send(start, b"" if self.received.method == "HEAD" else body)

    def end(self) -> None:
        """Close the connection in good order."""
        self.ended = True

    def reset(self) -> None:
        """Break the connection off."""
        linger = struct.pack("ii", 1, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.ended = True

    def gone(self, seconds: float) -> bool:
        """Wait until the other side closed the connection; say whether it did."""
        readable, _, _ = select.select([self.sock], [], [], seconds)
        with contextlib.suppress(OSError):
            return bool(readable) and self.sock.recv(1, socket.MSG_PEEK) == b""
        return True

    def _pieces(self) -> Iterable[bytes]:
        if self.received.chunked:
            while size := int(self._reader.readline().split(b";")[0], 16):
                yield _exactly(self._reader, size)
                self._reader.readline()
            while self._reader.readline().strip():
                pass
            return
        left = int((self.received.values("Content-Length") or ["0"])[0])
        while left > 0:
            piece = _exactly(self._reader, min(left, 64 * 1024))
            left -= len(piece)
            yield piece


Script = Callable[[Exchange], None]


def _exactly(reader: BufferedReader, size: int) -> bytes:
    piece = reader.read(size)
    if len(piece) < size:
        raise ConnectionError("the request ended early")
    return piece


def head(status: int, headers: Iterable[tuple[str, str]] = ()) -> str:
    """Return status line and headers."""
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines) + "\r\n\r\n"


def answering(
    status: int = 200, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
) -> Script:
    """Return a script that sends a whole answer."""
    return lambda exchange: exchange.answer(status, body, headers)


def sending(*parts: bytes | str, then: str = "end") -> Script:
    """Return a script that reads the request, sends bytes as they are, and ends or resets."""

    def script(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send(*parts)
        (exchange.reset if then == "reset" else exchange.end)()

    return script


def chunked(*pieces: bytes) -> bytes:
    """Return pieces in the chunked coding, without the last chunk that would end them."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


@dataclass
class Upstream:
    """The running server."""

    received: list[Received] = field(default_factory=list)
    #: Connections accepted since the last reset.
    accepted: int = 0

    def __post_init__(self) -> None:
        self._scripts: dict[str, list[Script]] = {}
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name="upstream", daemon=True).start()

    def on(self, path: str, *scripts: Script) -> None:
        """Answer a path (without query) by these scripts in turn; the last one stays."""
        with self._lock:
            self._scripts[path] = list(scripts)

    def reset(self) -> None:
        """Forget scripts and requests."""
        with self._lock:
            self._scripts.clear()
            self.received = []
            self.accepted = 0

    def requests(self, path: str) -> list[Received]:
        """Return the requests to a path (without query), in order."""
        with self._lock:
            return [one for one in self.received if one.target.partition("?")[0] == path]

    def open_connections(self) -> int:
        """Return how many connections are open now."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Stop listening and close every connection."""
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = sock.makefile("rb")
        with contextlib.suppress(OSError, ValueError):
            while self._one(sock, reader):
                pass
        reader.close()
        sock.close()
        with self._lock:
            self._open.discard(sock)

    def _one(self, sock: socket.socket, reader: BufferedReader) -> bool:
        received = _read_head(reader)
        if received is None:
            return False
        with self._lock:
            self.received.append(received)
            script = self._script(received.target.partition("?")[0])
        exchange = Exchange(sock, reader, received)
        script(exchange)
        if not exchange.ended:
            exchange.read_body()
        return not exchange.ended

    def _script(self, path: str) -> Script:
        scripts = self._scripts.get(path)
        if not scripts:
            return answering(200, b'{"ok": true}', [("Content-Type", "application/json")])
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


def _read_head(reader: BufferedReader) -> Received | None:
    line = reader.readline().decode("latin-1").rstrip("\r\n")
    if not line:
        return None
    method, target, _version = line.split(" ")
    headers: Headers = []
    while text := reader.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = text.partition(":")
        headers.append((name, value.strip()))
    received = Received(method, target, headers)
    received.chunked = "chunked" in "".join(received.values("Transfer-Encoding")).lower()
    return received
