"""Callers who send or take nothing: they hold a thread for a while, never for good."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from connector import server as serving

from ..conftest import eventually
from .server import ServerProcess

HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two threads in all: two callers can hold both."""
    settings = {
        "HEAPLINE_DATA_DIR": str(tmp_path_factory.mktemp("slow")),
        "HEAPLINE_WORKERS": "1",
        "HEAPLINE_THREADS": "2",
    }
    with ServerProcess(settings) as running:
        yield running


def silent(_sock: socket.socket) -> None:
    """Send no more."""


def trickling(sock: socket.socket) -> None:
    """Send a header that never ends, a letter at a time."""
    sock.sendall(b"a")


@pytest.mark.slow
@pytest.mark.parametrize("goes_on", [silent, trickling])
def test_a_head_that_never_ends_frees_its_thread_in_time(
    server: ServerProcess, goes_on: Callable[[socket.socket], None]
) -> None:
    callers = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(2)]
    for sock in callers:
        sock.sendall(HEAD + b"X-A: ")
    began = time.monotonic()

    def answers() -> bool:
        for sock in callers:
            with contextlib.suppress(OSError):  # the server has broken off
                goes_on(sock)
        try:
            return requests.get(f"{server.url}/health", timeout=0.5).ok
        except requests.RequestException:
            return False

    eventually(answers, seconds=serving._HEAD_SECONDS + 20)
    # Not at once: the callers did hold both threads.
    assert time.monotonic() - began > serving._HEAD_SECONDS / 2
    for sock in callers:
        sock.close()
    assert "Traceback" not in server.output()


def test_a_head_in_pieces_is_served(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        for piece in (HEAD[:10], HEAD[10:], b"\r\n"):
            sock.sendall(piece)
            time.sleep(0.05)
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")
