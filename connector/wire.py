"""Read a provider's answer off the wire (RFC 9112), strictly: what was cut short never looks whole.

The standard library's reader takes an end of file in the headers for their end, drops all headers
after a malformed one, and cannot bound the time that headers take; a proxy can afford none of that.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from connector.turnstile import Waiting

Headers = list[tuple[str, str]]

CHUNK = 64 * 1024
#: Longest silence within a body.
BODY_SECONDS = 60.0
_LONGEST_LINE = 64 * 1024
_MOST_HEADERS = 128
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?")


class WireError(Exception):
    """The answer cannot be read: it broke off, or is no HTTP."""


class HeadTooLarge(WireError):
    """The answer's headers are larger than is taken."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers; ``framing`` is the body's length, ``chunked`` or ``until_end``."""

    status: int
    headers: Headers
    framing: int | str
    #: The connection may serve another request after this answer.
    persistent: bool


class Wire(io.RawIOBase):
    """The bytes of a socket, the wait for them bounded: in all, or for each read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._deadline: float | None = None
        self._ended = False

    def expect_head(self, seconds: float) -> None:
        """Let all reads together take so long from now on."""
        self._deadline = time.monotonic() + seconds

    def expect_body(self) -> None:
        """Let every single read take ``BODY_SECONDS`` from now on."""
        self._deadline = None

    def expect_nothing(self) -> None:
        """Read no more from the socket: what is left is what was read ahead."""
        self._ended = True

    def readable(self) -> bool:
        """Say that this can be read, as a buffered reader asks."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        """Read what is there, waiting as long as was told."""
        if self._ended:
            return None
        self._sock.settimeout(self._seconds())
        with Waiting():
            return self._sock.recv_into(buffer)

    def _seconds(self) -> float:
        if self._deadline is None:
            return BODY_SECONDS
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def read_head(reader: io.BufferedReader[Wire], method: str) -> Head:
    """Read status and headers, interim answers (1xx) skipped.

    Raises
    ------
    WireError
        If they are no HTTP, break off, or contradict themselves.

    """
    while True:
        version, status = _status_line(reader)
        headers = _headers(reader)
        if status == 101:
            raise WireError("switched protocols unasked")
        if status >= 200:
            break
    framing = _framing(status, headers, method)
    if method == "HEAD" or status == 304:
        headers = _with_length(headers, _length(headers))
    elif isinstance(framing, int):
        headers = _with_length(headers, framing)
    elif framing == "chunked":
        headers = _with_length(headers, None)
    closes = "close" in _joined(headers, "connection").lower()
    return Head(status, headers, framing, version == b"1" and not closes)


def read_body(reader: io.BufferedReader[Wire], framing: int | str) -> Iterator[bytes]:
    """Yield a body in pieces as they arrive.

    Raises
    ------
    WireError
        If it breaks off.

    """
    match framing:
        case "chunked":
            return _chunked(reader)
        case "until_end":
            return _until_end(reader)
        case _:
            return _sized(reader, int(framing))


def _status_line(reader: io.BufferedReader[Wire]) -> tuple[bytes, int]:
    line = _line(reader)
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise WireError("no HTTP status line")
    return match.group(1), int(match.group(2))


def _headers(reader: io.BufferedReader[Wire]) -> Headers:
    headers: Headers = []
    while line := _line(reader):
        if line[0] in b" \t" and headers:  # a folded line goes on where the one before ended
            name, value = headers[-1]
            headers[-1] = name, f"{value} {_text(line)}"
            continue
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not _NAME.fullmatch(raw_name):
            raise WireError("a malformed header line")
        if len(headers) == _MOST_HEADERS:
            raise HeadTooLarge
        headers.append((raw_name.decode("ascii"), _text(raw_value)))
    return headers


def _text(raw: bytes) -> str:
    return raw.strip(b" \t").decode("latin-1")


def _line(reader: io.BufferedReader[Wire]) -> bytes:
    line = reader.readline(_LONGEST_LINE + 1)
    if not line.endswith(b"\n"):
        raise HeadTooLarge if len(line) > _LONGEST_LINE else WireError("broke off")
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _framing(status: int, headers: Headers, method: str) -> int | str:
    """Return how the body is framed (RFC 9112, section 6.3)."""
    coding, length = _joined(headers, "transfer-encoding"), _length(headers)
    if method == "HEAD" or status in {204, 304}:
        return 0
    if coding.lower() not in {"", "identity", "chunked"}:
        raise WireError("an unknown transfer coding")
    if coding.lower() == "chunked":
        return "chunked"
    return "until_end" if length is None else length


def _length(headers: Headers) -> int | None:
    text = _joined(headers, "content-length")
    if not text and not any(name.lower() == "content-length" for name, _ in headers):
        return None
    lengths = {part.strip() for part in text.split(",")}
    if len(lengths) != 1 or not _LENGTH.fullmatch(found := lengths.pop()):
        raise WireError("a Content-Length that is none")
    return int(found)


def _with_length(headers: Headers, length: int | None) -> Headers:
    """Have the one length that is true, or none, in place of what was said of it."""
    rest = [(name, value) for name, value in headers if name.lower() != "content-length"]
    stated = length is not None and len(rest) < len(headers)
    return [*rest, ("Content-Length", str(length))] if stated else rest


def _joined(headers: Headers, name: str) -> str:
    return ", ".join(value for key, value in headers if key.lower() == name)


def _sized(reader: io.BufferedReader[Wire], length: int) -> Iterator[bytes]:
    while length:
        piece = reader.read1(min(length, CHUNK))
        if not piece:
            raise WireError("broke off")
        length -= len(piece)
        yield piece


def _chunked(reader: io.BufferedReader[Wire]) -> Iterator[bytes]:
    while size := _chunk_size(reader):
        yield from _sized(reader, size)
        if _line(reader):
            raise WireError("a chunk longer than it says")
    while _line(reader):
        pass  # trailers are for this hop


def _chunk_size(reader: io.BufferedReader[Wire]) -> int:
    match = _CHUNK_SIZE.fullmatch(_line(reader))
    if match is None:
        raise WireError("a chunk without a size")
    return int(match.group(1), 16)


def _until_end(reader: io.BufferedReader[Wire]) -> Iterator[bytes]:
    while piece := reader.read1(CHUNK):
        yield piece
