"""A caller that puts a request on the wire byte by byte and reads the answer strictly."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

Headers = Iterable[tuple[str, str]]


class Caller:
    """One connection to a server."""

    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self.sock = socket.create_connection((parts.hostname or "", parts.port or 80), timeout)

    def begin(self, method: str, target: str | bytes, headers: Headers = ()) -> None:
        """Send request line and headers; Host is added."""
        raw = target.encode("ascii") if isinstance(target, str) else target
        lines = [method.encode() + b" " + raw + b" HTTP/1.1", b"Host: " + self._host.encode()]
        lines += [f"{name}: {value}".encode("latin-1") for name, value in headers]
        self.sock.sendall(b"\r\n".join(lines) + b"\r\n\r\n")

    def send(self, data: bytes) -> None:
        """Send bytes of the body."""
        self.sock.sendall(data)

    def response(self, method: str = "GET") -> http.client.HTTPResponse:
        """Return the answer once its headers are here."""
        response = http.client.HTTPResponse(self.sock, method=method)
        response.begin()
        return response

    def __enter__(self) -> Caller:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sock.close()


@dataclass
class Answer:
    """A whole answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)

    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of an error of ours; none for what the upstream answered."""
        if self.header("X-Heapline-Attempts") is not None:
            return None
        return str(self.json()["code"])


def call(
    url: str,
    method: str,
    target: str | bytes,
    headers: Headers = (),
    body: bytes | None = None,
    *,
    timeout: float = 30.0,
) -> Answer:
    """Send a request with its length and read the whole answer.

    Raises
    ------
    http.client.HTTPException, OSError
        If the answer is not whole.

    """
    with Caller(url, timeout=timeout) as caller:
        length = [] if body is None else [("Content-Length", str(len(body)))]
        caller.begin(method, target, [*headers, *length])
        if body:
            caller.send(body)
        response = caller.response(method)
        return Answer(response.status, response.getheaders(), response.read())
