"""Bodies through the proxy, either way: every size, every framing, never changed, never held."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import socket
import time
from collections.abc import Iterator

import pytest

from ..caller import Caller
from ..conftest import eventually
from ..upstream import Exchange, answering, chunked, head, sending
from .gateway import Gateway

MIB = 1024 * 1024
LARGE = 100 * MIB
PIECE = os.urandom(MIB)
SIZES = [0, 1, 64 * 1024, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 5 * MIB]
MOST_GROWTH = 20 * MIB


def pieces(size: int) -> Iterator[bytes]:
    for start in range(0, size, MIB):
        yield PIECE[: min(MIB, size - start)]


def digest_of(size: int) -> str:
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_passes_with_its_body(gateway: Gateway, method: str) -> None:
    answer = gateway.call(method, "/method", body=b"the body")
    assert answer.status == 200
    (request,) = gateway.upstream.requests("/v2/method")
    assert (request.method, request.body) == (method, b"the body")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "BREW"])
def test_other_methods_are_refused(gateway: Gateway, method: str) -> None:
    answer = gateway.call(method, "/method")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert gateway.upstream.received == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_request_without_a_body_goes_up_without_one(gateway: Gateway, method: str) -> None:
    gateway.call(method, "/bodiless")
    (request,) = gateway.upstream.requests("/v2/bodiless")
    assert not request.names() & {"content-length", "transfer-encoding", "content-type"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_empty_body_goes_up_with_its_length(gateway: Gateway, method: str) -> None:
    gateway.call(method, "/empty", body=b"")
    (request,) = gateway.upstream.requests("/v2/empty")
    assert request.values("Content-Length") == ["0"]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_known_length_goes_up_unchanged(gateway: Gateway, size: int) -> None:
    with gateway.caller() as caller:
        headers = [*gateway.headers(), ("Content-Length", str(size))]
        caller.begin("PUT", gateway.path("/sized"), headers)
        for piece in pieces(size):
            caller.send(piece)
        assert caller.response().status == 200
    (request,) = gateway.upstream.requests("/v2/sized")
    assert (request.length, request.digest) == (size, digest_of(size))
    assert request.values("Content-Length") == [str(size)]


@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_body_goes_up_unchanged(gateway: Gateway, size: int) -> None:
    with gateway.caller() as caller:
        headers = [*gateway.headers(), ("Transfer-Encoding", "chunked")]
        caller.begin("PUT", gateway.path("/chunked"), headers)
        for piece in pieces(size):
            caller.send(chunked(piece))
        caller.send(b"0\r\n\r\n")
        assert caller.response().status == 200
    (request,) = gateway.upstream.requests("/v2/chunked")
    assert (request.length, request.digest) == (size, digest_of(size))


@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_known_length_comes_down_unchanged(gateway: Gateway, size: int) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [("Content-Length", str(size))]))
        for piece in pieces(size):
            exchange.send(piece)

    gateway.upstream.on("/v2/sized", script)
    answer = gateway.call("GET", "/sized")
    assert hashlib.sha256(answer.body).hexdigest() == digest_of(size)
    assert answer.values("Content-Length") == [str(size)]
    assert "transfer-encoding" not in answer.names()


@pytest.mark.parametrize("size", SIZES)
def test_a_chunked_body_comes_down_unchanged(gateway: Gateway, size: int) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")]))
        for piece in pieces(size):
            exchange.send(chunked(piece))
        exchange.send("0\r\nX-Sum: 1\r\n\r\n")

    gateway.upstream.on("/v2/chunked", script)
    answer = gateway.call("GET", "/chunked")
    assert hashlib.sha256(answer.body).hexdigest() == digest_of(size)
    assert "content-length" not in answer.names()


def test_a_body_that_ends_with_the_connection_comes_down_unchanged(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/until-close", sending(head(200), b"all of it"))
    assert gateway.call("GET", "/until-close").body == b"all of it"


def test_a_compressed_body_passes_either_way_untouched(gateway: Gateway) -> None:
    packed = gzip.compress(b'{"a": 1}' * 1000)
    headers = [("Content-Encoding", "gzip"), ("Content-Type", "application/json")]
    gateway.upstream.on("/v2/packed", answering(200, packed, headers))
    answer = gateway.call("POST", "/packed", [*headers, ("Accept-Encoding", "gzip")], packed)
    (request,) = gateway.upstream.requests("/v2/packed")
    assert request.body == packed
    assert request.values("Content-Encoding") == ["gzip"]
    assert request.values("Accept-Encoding") == ["gzip"]
    assert answer.body == packed
    assert answer.values("Content-Encoding") == ["gzip"]


def test_every_byte_value_passes_either_way(gateway: Gateway) -> None:
    every = bytes(range(256)) * 3
    gateway.upstream.on("/v2/binary", answering(200, every))
    assert gateway.call("POST", "/binary", body=every).body == every
    (request,) = gateway.upstream.requests("/v2/binary")
    assert request.body == every


def test_pieces_of_an_answer_come_down_as_they_arrive(gateway: Gateway) -> None:
    seen: list[bytes] = []

    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [("Transfer-Encoding", "chunked")]), chunked(b"first"))
        eventually(lambda: seen)
        exchange.send(chunked(b"second"), b"0\r\n\r\n")

    gateway.upstream.on("/v2/live", script)
    with gateway.caller() as caller:
        caller.begin("GET", gateway.path("/live"), gateway.headers())
        response = caller.response()
        seen.append(response.read1(100))
        assert seen == [b"first"]
        assert response.read() == b"second"


def test_pieces_of_a_long_request_go_up_before_it_is_complete(gateway: Gateway) -> None:
    with gateway.caller() as caller:
        headers = [*gateway.headers(), ("Content-Length", str(6 * MIB))]
        caller.begin("PUT", gateway.path("/early"), headers)
        for piece in pieces(5 * MIB):
            caller.send(piece)
        eventually(lambda: gateway.upstream.requests("/v2/early"))
        caller.send(PIECE)
        assert caller.response().status == 200
    (request,) = gateway.upstream.requests("/v2/early")
    assert request.digest == digest_of(6 * MIB)


def test_a_caller_that_asks_first_is_told_to_go_on(gateway: Gateway) -> None:
    with gateway.caller() as caller:
        headers = [("Content-Length", "5"), ("Expect", "100-continue")]
        caller.begin("POST", gateway.path("/expect"), [*gateway.headers(), *headers])
        assert caller.sock.recv(100).startswith(b"HTTP/1.1 100 ")
        caller.send(b"hello")
        assert caller.response().status == 200
    (request,) = gateway.upstream.requests("/v2/expect")
    assert request.body == b"hello"
    assert "expect" not in request.names()


@pytest.mark.parametrize(
    ("status", "headers"),
    [(204, []), (304, [("ETag", '"abc"'), ("Cache-Control", "max-age=5")]), (205, [])],
)
def test_an_answer_that_has_no_body_comes_down_without_one(
    gateway: Gateway, status: int, headers: list[tuple[str, str]]
) -> None:
    gateway.upstream.on("/v2/none", sending(head(status, headers)))
    answer = gateway.call("GET", "/none")
    assert (answer.status, answer.body) == (status, b"")
    assert [(name, answer.header(name)) for name, _ in headers] == headers
    assert gateway.upstream.received != []


def test_a_head_answer_keeps_the_length_of_what_get_would_bring(gateway: Gateway) -> None:
    gateway.upstream.on(
        "/v2/head", sending(head(200, [("Content-Length", "12345"), ("ETag", '"x"')]))
    )
    answer = gateway.call("HEAD", "/head")
    assert (answer.status, answer.body) == (200, b"")
    assert (answer.header("Content-Length"), answer.header("ETag")) == ("12345", '"x"')


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_answers_are_skipped(gateway: Gateway, interim: str) -> None:
    hint = f"HTTP/1.1 {interim}\r\nLink: </a.css>; rel=preload\r\n\r\n"
    gateway.upstream.on(
        "/v2/interim", sending(hint, hint, head(200, [("Content-Length", "4")]), b"done")
    )
    answer = gateway.call("GET", "/interim")
    assert (answer.status, answer.body) == (200, b"done")
    assert "link" not in answer.names()


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_100_megabytes_flow_up_in_flat_memory(
    gateway: Gateway, framing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    warm_up(gateway)
    before = peak = gateway.memory()
    with gateway.caller() as caller:
        caller.begin("PUT", gateway.path("/large"), [*gateway.headers(), framed(framing)])
        for number, piece in enumerate(pieces(LARGE)):
            caller.send(chunked(piece) if framing == "chunked" else piece)
            if number % 10 == 0:
                peak = max(peak, gateway.memory())
        caller.send(b"0\r\n\r\n" if framing == "chunked" else b"")
        assert caller.response().status == 200
    peak = max(peak, gateway.memory())
    (request,) = gateway.upstream.requests("/v2/large")
    assert (request.length, request.digest) == (LARGE, digest_of(LARGE))
    show(capsys, f"up, {framing}", before, peak)
    assert peak - before < MOST_GROWTH


@pytest.mark.parametrize("framing", ["Content-Length", "chunked"])
def test_100_megabytes_flow_down_in_flat_memory(
    gateway: Gateway, framing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send(head(200, [framed(framing)]))
        for piece in pieces(LARGE):
            exchange.send(chunked(piece) if framing == "chunked" else piece)
        exchange.send(b"0\r\n\r\n" if framing == "chunked" else b"")

    gateway.upstream.on("/v2/large", script)
    warm_up(gateway)
    before = peak = gateway.memory()
    digest, count = hashlib.sha256(), 0
    with gateway.caller() as caller:
        caller.begin("GET", gateway.path("/large"), gateway.headers())
        response = caller.response()
        while piece := response.read(MIB):
            digest.update(piece)
            count += 1
            if count % 10 == 0:
                peak = max(peak, gateway.memory())
    peak = max(peak, gateway.memory())
    assert digest.hexdigest() == digest_of(LARGE)
    show(capsys, f"down, {framing}", before, peak)
    assert peak - before < MOST_GROWTH


def test_a_slow_reader_holds_the_upstream_back_instead_of_filling_memory(gateway: Gateway) -> None:
    sent = 0

    def script(exchange: Exchange) -> None:
        nonlocal sent
        exchange.send(head(200, [("Content-Length", str(LARGE))]))
        for piece in pieces(LARGE):
            exchange.send(piece)
            sent += len(piece)

    gateway.upstream.on("/v2/unread", script)
    with gateway.caller() as caller:
        caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        caller.begin("GET", gateway.path("/unread"), gateway.headers())
        assert caller.response().status == 200
        still = steady(lambda: sent)
        assert 0 < still < LARGE / 2


def steady(value: object) -> int:
    """Return a number once it has not changed for many looks."""
    seen: list[int] = []

    def unchanged() -> bool:
        seen.append(value())  # type: ignore[operator]
        return len(seen) > 25 and len(set(seen[-25:])) == 1

    eventually(unchanged)
    return seen[-1]


def framed(framing: str) -> tuple[str, str]:
    """Return the header that says how a large body is framed."""
    if framing == "chunked":
        return "Transfer-Encoding", "chunked"
    return "Content-Length", str(LARGE)


def warm_up(gateway: Gateway) -> None:
    """Have every process do what it does once: pools, caches, first statements."""
    for _ in range(20):
        assert gateway.call("PUT", "/warm", body=b"{}").status == 200


def show(capsys: pytest.CaptureFixture[str], way: str, before: int, peak: int) -> None:
    with capsys.disabled():
        grown = (peak - before) / MIB
        print(f"\n100 MiB {way}: {before / MIB:.1f} MiB before, grew by {grown:.1f} MiB")


def test_a_caller_may_use_its_connection_again_after_a_long_body(gateway: Gateway) -> None:
    with gateway.caller() as caller:
        two_in_a_row(gateway, caller)
    assert len(gateway.upstream.requests("/v2/again")) == 2


def two_in_a_row(gateway: Gateway, caller: Caller) -> None:
    for _ in range(2):
        headers = [*gateway.headers(), ("Content-Length", str(5 * MIB))]
        caller.begin("PUT", gateway.path("/again"), headers)
        for piece in pieces(5 * MIB):
            caller.send(piece)
        response = caller.response()
        assert response.status == 200
        response.read()


def test_callers_who_stay_connected_do_not_keep_others_waiting(gateway: Gateway) -> None:
    with contextlib.ExitStack() as stack:
        # More than the server has threads, each quiet after one request.
        for _ in range(60):
            ask(gateway, stack.enter_context(gateway.caller()))
        for _ in range(20):
            began = time.monotonic()
            assert gateway.call("GET", "/prompt").status == 200
            assert time.monotonic() - began < 2


def test_requests_sent_without_waiting_are_answered_in_order(gateway: Gateway) -> None:
    with gateway.caller() as caller:
        for number in range(5):
            gateway.upstream.on(f"/v2/{number}", answering(200, str(number).encode()))
            caller.begin("GET", gateway.path(f"/{number}"), gateway.headers())
        reader = caller.sock.makefile("rb")
        bodies = []
        while len(bodies) < 5:
            head_ = b"".join(iter(reader.readline, b"\r\n"))
            assert head_.startswith(b"HTTP/1.1 200 ")
            bodies.append(reader.read(1))
        assert bodies == [b"0", b"1", b"2", b"3", b"4"]


def ask(gateway: Gateway, caller: Caller) -> None:
    caller.begin("GET", gateway.path("/quiet"), gateway.headers())
    response = caller.response()
    assert response.status == 200
    response.read()
