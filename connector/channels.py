"""Connections to providers: opened through the guard, kept open for the next request.

Names are resolved here, and the connection goes to the very address that was checked.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import certifi

from connector.errors import UpstreamBroken, UpstreamUnreachable
from connector.guard import Guard
from connector.turnstile import Waiting
from connector.wire import Head, Wire, read_body, read_head

CONNECT_SECONDS = 10.0
#: Providers and what stands between close idle connections, not always in a way that is noticed.
IDLE_SECONDS = 50.0
#: A head and a body up to this size leave in one packet's worth of system calls.
_SENT_TOGETHER = 64 * 1024


class Channel:
    """One connection: a request goes out, its answer comes in, and so on."""

    def __init__(self, origin: str, sock: socket.socket) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self._sock = sock
        self._asked = False
        self._wire: Wire | None = None
        self._reader: io.BufferedReader[Wire] | None = None

    def ask(self, head: bytes, body: bytes | Iterable[bytes] | None, seconds: float) -> None:
        """Send a request; each piece of it may take ``seconds``.

        One that is not taken to its end may have been answered early: read the answer all the same.
        """
        self._asked = False
        self._sock.settimeout(seconds)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if body is None or isinstance(body, bytes):
                self._send_whole(head, body or b"")
            else:
                with Waiting():
                    self._send_pieces(head, body)
            self._asked = True

    def answer(self, method: str, seconds: float) -> tuple[Head, Iterator[bytes]]:
        """Return status and headers once they are here, and the body still to be read."""
        self._wire = wire = Wire(self._sock)
        self._reader = reader = io.BufferedReader(wire)
        wire.expect_head(seconds)
        head = read_head(reader, method)
        wire.expect_body()
        return head, read_body(reader, head.framing)

    def await_body(self, seconds: float) -> bool:
        """Wait so long for the beginning of the body, or its end; say whether it is here."""
        if self._wire is None or self._reader is None:
            return False
        self._wire.expect_head(seconds)
        try:
            self._reader.peek(1)  # takes nothing out
        except TimeoutError:
            return False
        finally:
            self._wire.expect_body()
        return True

    def expect_end(self, seconds: float) -> None:
        """Let the rest of the answer take so long in all."""
        if self._wire is not None:
            self._wire.expect_head(seconds)

    def clean(self) -> bool:
        """Say whether the request went out whole and nothing came beyond its answer."""
        if not self._asked or self._wire is None or self._reader is None:
            return False
        self._wire.expect_nothing()
        return not self._reader.peek(1)

    def alive(self, now: float) -> bool:
        """Say whether it may serve again: not idle for long, not closed, nothing unasked in it."""
        if now - self.idle_since > IDLE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Break the connection off."""
        self._sock.close()

    def _send_whole(self, head: bytes, body: bytes) -> None:
        if len(body) <= _SENT_TOGETHER:
            self._sock.sendall(head + body)
        else:
            with Waiting():
                self._send_pieces(head, (body,))

    def _send_pieces(self, head: bytes, body: Iterable[bytes]) -> None:
        self._sock.sendall(head)
        for piece in body:
            self._sock.sendall(piece)


class Channels:
    """Idle connections by origin, the one used last taken first. Safe among threads."""

    def __init__(self, guard: Guard, most_idle: int) -> None:
        self._guard = guard
        self._most_idle = most_idle
        self._idle: dict[str, list[Channel]] = {}
        self._lock = threading.Lock()
        self._tls = ssl.create_default_context()
        self._tls.load_verify_locations(certifi.where())

    def take(self, origin: str, seconds: float) -> Channel:
        """Return a connection to an origin, an idle one if there is any.

        Raises
        ------
        UpstreamUnreachable
            If none could be made.
        UpstreamBroken
            If the provider's certificate could not be verified.
        DestinationRefused
            If the guard does not let the address through.

        """
        now = time.monotonic()
        while channel := self._pop(origin):
            if channel.alive(now):
                return channel
            channel.close()
        with Waiting():
            return Channel(origin, self._connect(origin, min(CONNECT_SECONDS, seconds)))

    def give_back(self, channel: Channel) -> None:
        """Keep a connection whose answer was read to its end."""
        channel.idle_since = time.monotonic()
        with self._lock:
            idle = self._idle.setdefault(channel.origin, [])
            if len(idle) < self._most_idle:
                idle.append(channel)
                return
        channel.close()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for channel in (one for found in idle.values() for one in found):
            channel.close()

    def _pop(self, origin: str) -> Channel | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None

    def _connect(self, origin: str, seconds: float) -> socket.socket:
        parts = urlsplit(origin)
        host, secure = parts.hostname or "", parts.scheme == "https"
        deadline = time.monotonic() + seconds
        sock = _open(self._addresses(host, parts.port or (443 if secure else 80)), deadline)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not secure:
            return sock
        try:
            sock.settimeout(max(0.01, deadline - time.monotonic()))
            return self._tls.wrap_socket(sock, server_hostname=host)
        except OSError as error:
            sock.close()
            raise _tls_failure(error) from error

    def _addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        try:
            return [(address, port) for address in self._guard.addresses(host, port)]
        except (OSError, UnicodeError) as error:
            raise UpstreamUnreachable("The provider's host name does not resolve.") from error


def _open(addresses: list[tuple[str, int]], deadline: float) -> socket.socket:
    last: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection(address, max(0.01, deadline - time.monotonic()))
        except OSError as error:
            last = error
    if isinstance(last, TimeoutError):
        raise UpstreamUnreachable("The provider did not accept a connection in time.") from last
    raise UpstreamUnreachable("The provider does not accept connections.") from last


def _tls_failure(error: OSError) -> UpstreamUnreachable | UpstreamBroken:
    match error:
        case ssl.SSLCertVerificationError():
            return UpstreamBroken("The provider's TLS certificate could not be verified.")
        case TimeoutError():
            return UpstreamUnreachable("The provider did not accept a connection in time.")
        case _:
            return UpstreamUnreachable("No TLS connection to the provider could be made.")
