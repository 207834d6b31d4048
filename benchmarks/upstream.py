"""A provider that answers at once, or after a given time, and costs as little as Python can."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_DOWNLOAD = b"GET /api/download"
_CHUNK = b"x" * 65536
_LARGE = 100 * 1024 * 1024


class Provider(asyncio.Protocol):
    """Reads requests by their Content-Length and answers each with ``{}``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = bytearray()
        self._body_left = 0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._body_left:
            taken = min(len(data), self._body_left)
            self._body_left -= taken
            data = data[taken:]
            if self._body_left:
                return
            self._answer(b"")
        self._buffer += data
        while (end := self._buffer.find(_HEAD_END)) >= 0:
            head = bytes(self._buffer[:end])
            rest = self._buffer[end + 4 :]
            length = _length(head)
            if len(rest) < length:
                self._body_left = length - len(rest)
                self._buffer = bytearray()
                return
            self._buffer = rest[length:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(_DOWNLOAD):
            asyncio.ensure_future(self._download())  # noqa: RUF006 - the connection holds it
        elif self._seconds:
            asyncio.get_running_loop().call_later(self._seconds, self._write)
        else:
            self._write()

    def _write(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)

    async def _download(self) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _LARGE)
        for _ in range(_LARGE // len(_CHUNK)):
            self._transport.write(_CHUNK)
            while self._transport.get_write_buffer_size() > 4 * len(_CHUNK):
                await asyncio.sleep(0.001)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.find(_LENGTH)
    return int(lower[start + len(_LENGTH) :].split(b"\r\n", 1)[0]) if start >= 0 else 0


async def _serve(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Provider(seconds), "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
