"""The server beneath: keep-alive, chunked bodies, limits, stopping, and its own command."""

import ast
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from connector import sandbox as package
from connector.sandbox import Options, RunningSandbox, Settings, start

from .conftest import ACME, Heap

EVENT = b'{"app_id": "1", "event": "x", "identity": "a"}'


def raw(sandbox: RunningSandbox) -> socket.socket:
    parts = urlsplit(sandbox.url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)


def until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def exchange(sandbox: RunningSandbox, request: bytes) -> bytes:
    """Send bytes, close the sending side and return all that comes back."""
    with raw(sandbox) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_one_connection_serves_many_requests(sandbox: RunningSandbox, heap: Heap) -> None:
    parts = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.connect()
    used = connection.sock
    for body in (EVENT, b"no json", EVENT):
        connection.request("POST", "/api/track", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.request("GET", "/nowhere")
        assert connection.getresponse().read() == b"Not Found"
        assert connection.sock is used
    connection.close()


def test_requests_can_be_sent_before_the_answers_are_read(
    sandbox: RunningSandbox, heap: Heap
) -> None:
    head = b"POST /api/track HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    one = head + b"Content-Length: %d\r\n\r\n" % len(EVENT) + EVENT
    assert exchange(sandbox, one * 3).count(b"HTTP/1.1 200 OK") == 3
    assert len(heap.listed("events")) == 3


def test_a_chunked_body_is_read(sandbox: RunningSandbox, heap: Heap) -> None:
    head = b"POST /api/track HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, EVENT[:10], len(EVENT) - 10, EVENT[10:])
    request = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    assert exchange(sandbox, request * 2).count(b"HTTP/1.1 200 OK") == 2


def test_expect_continue_is_answered(sandbox: RunningSandbox, heap: Heap) -> None:
    head = b"POST /api/track HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with raw(sandbox) as connection:
        connection.sendall(head + b"Expect: 100-continue\r\nContent-Length: 46\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(EVENT)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("length", "status"),
    [("-1", "400 Bad Request"), ("x", "400 Bad Request"), ("99999999999", "413 ")],
)
def test_a_length_it_cannot_take_ends_the_connection(
    sandbox: RunningSandbox, length: str, status: str
) -> None:
    answer = exchange(
        sandbox, f"POST /api/track HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    assert answer.startswith(f"HTTP/1.1 {status}".encode())
    assert b"Connection: close" in answer


def test_a_broken_chunk_ends_the_connection(sandbox: RunningSandbox) -> None:
    head = b"POST /api/track HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert exchange(sandbox, head + b"zz\r\n").startswith(b"HTTP/1.1 400 Bad Request")


def test_an_old_client_gets_its_connection_closed(sandbox: RunningSandbox) -> None:
    answer = exchange(sandbox, b"GET /nowhere HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in answer
    assert answer.endswith(b"Not Found")


def test_a_head_request_has_no_body(sandbox: RunningSandbox) -> None:
    answer = exchange(sandbox, b"HEAD /sandbox/ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", ["/", "/sandbox"])
def test_the_front_door_leads_to_the_live_page(heap: Heap, path: str) -> None:
    answer = heap.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sandbox/")


def test_stopping_cuts_connections_and_wakes_those_who_wait() -> None:
    running = start(Options(settings=Settings(token_latency_seconds=600)))
    before = set(threading.enumerate())
    heap = Heap(running.url)
    heap.track()
    idle = raw(running)
    with idle, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(Heap(running.url).token)
        until(lambda: heap.get("/sandbox/api/token-endpoint").json()["most_at_once"] == 1)
        running.stop()
        with pytest.raises(requests.ConnectionError):
            waiting.result(timeout=10)
        assert idle.recv(1) == b""
    until(lambda: not set(threading.enumerate()) - before)
    with pytest.raises(requests.ConnectionError):
        heap.track()


def hammer(heap: Heap) -> int:
    served = 0
    with contextlib.suppress(requests.ConnectionError):
        while heap.track(identity=f"user {served}").status_code == 200:
            served += 1
            heap.listed("events", limit=1)
    return served


def test_stopping_under_load_ends_cleanly(capfd: pytest.CaptureFixture[str]) -> None:
    running = start()
    with ThreadPoolExecutor(8) as threads:
        served = [threads.submit(hammer, Heap(running.url)) for _ in range(8)]
        until(lambda: Heap(running.url).get("/sandbox/api/counts").json()["events"] > 40)
        running.stop()
    assert sum(call.result() for call in served) > 30
    assert capfd.readouterr().err == ""


def test_a_sandbox_can_keep_its_data(tmp_path: Path) -> None:
    data = tmp_path / "sandbox.db"
    with start(Options(data=data)) as first:
        heap = Heap(first.url)
        tokens = heap.connect()
        heap.track()
    with start(Options(data=data)) as second:
        heap = Heap(second.url)
        assert len(heap.listed("events")) == 1
        assert heap.metadata(tokens).status_code == 200
        heap.track(event="later")
        assert [event["id"] for event in heap.listed("events")] == [1, 2]


def test_a_taken_port_is_reported(sandbox: RunningSandbox) -> None:
    with pytest.raises(OSError, match="in use"):
        start(Options(port=urlsplit(sandbox.url).port or 0))


def test_given_redirect_addresses_are_registered() -> None:
    uri = "https://app.example/callback"
    with start(Options(redirect_uris=[uri], settings=Settings(consent="allow"))) as running:
        answer = Heap(running.url).authorize(redirect_uri=uri)
        assert answer.headers["Location"].startswith(uri + "?code=")
        refused = Heap(running.url).authorize(redirect_uri=uri + "/")
        assert refused.status_code == 400


def test_the_command_runs_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "connector.sandbox", "--port", "0", "--set", "consent=allow"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Heap sandbox: ").strip()
        heap = Heap(url.removesuffix("/sandbox/"))
        assert heap.track().status_code == 200
        assert heap.connect()["token_type"] == "bearer"
        process.send_signal(signal.SIGTERM)
        assert ACME in process.stdout.read()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--set", "consent"], "consent: expected NAME=VALUE"),
        (["--set", "consent=maybe"], "consent: expected one of ask, allow, deny"),
        (["--port", "99999"], "99999 is not in the range"),
    ],
)
def test_the_command_explains_mistakes(arguments: list[str], text: str) -> None:
    command = [sys.executable, "-m", "connector.sandbox", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert text in ended.stderr


def test_the_sandbox_imports_nothing_of_the_product() -> None:
    folder = Path(package.__file__).parent
    imported = set()
    for module in folder.glob("**/*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add(node.module or "")
    ours = {name for name in imported if name.split(".")[0] in ("connector", "workflow")}
    assert ours
    assert not [name for name in ours if not f"{name}.".startswith("connector.sandbox.")]
