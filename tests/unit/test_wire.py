"""Reading answers off the wire: whole or refused, whatever a provider sends."""

from __future__ import annotations

import io
import socket
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.wire import Head, HeadTooLarge, Wire, WireError, read_body, read_head

NAMES = st.sampled_from(["X-One", "x-two", "ETag", "Link", "Vary"])
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=12).map(
    lambda text: text.strip(" \t")
)
PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


def reader(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


def read(data: bytes, method: str = "GET") -> tuple[Head, bytes]:
    """Read a whole answer."""
    source = reader(data)
    head = read_head(source, method)  # type: ignore[arg-type]
    return head, b"".join(read_body(source, head.framing))  # type: ignore[arg-type]


def chunked(pieces: list[bytes]) -> bytes:
    return b"".join(b"%X;x=1\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


def message(headers: list[tuple[str, str]], framing: str, pieces: list[bytes]) -> bytes:
    body = b"".join(pieces)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if framing == "chunked":
        lines, body = lines + "Transfer-Encoding: chunked\r\n", chunked(pieces)
    else:
        lines += f"Content-Length: {len(body)}\r\n"
    return b"HTTP/1.1 200 OK\r\n" + lines.encode("latin-1") + b"\r\n" + body


MESSAGES = st.builds(
    message,
    st.lists(st.tuples(NAMES, VALUES), max_size=4),
    st.sampled_from(["length", "chunked"]),
    PIECES,
)


@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=5), pieces=PIECES)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_answer_is_read_as_it_was_written(
    framing: str, headers: list[tuple[str, str]], pieces: list[bytes]
) -> None:
    head, body = read(message(headers, framing, pieces))
    assert (head.status, body, head.persistent) == (200, b"".join(pieces), True)
    rest = [one for one in head.headers if one[0] not in {"Content-Length", "Transfer-Encoding"}]
    assert rest == headers


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
@pytest.mark.parametrize("lines", ["Content-Length: 5\r\n" * 2, "Content-Length: 5, 5\r\n"])
def test_a_length_said_twice_is_passed_on_once_even_without_a_body(
    method: str, status: int, lines: str
) -> None:
    head, body = read(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode(), method)
    assert (head.headers, head.framing, body) == ([("Content-Length", "5")], 0, b"")


@given(data=MESSAGES, part=st.floats(0, 1, exclude_max=True))
@example(data=message([], "chunked", [b"abc"]), part=0.999)
def test_what_was_cut_short_never_looks_whole(data: bytes, part: float) -> None:
    with pytest.raises(WireError):
        read(data[: int(len(data) * part)])


@given(data=MESSAGES, extra=st.binary(min_size=1, max_size=9))
def test_nothing_beyond_the_answer_is_taken_for_a_part_of_it(data: bytes, extra: bytes) -> None:
    assert read(data + extra)[1] == read(data)[1]


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda b: b"HTTP/1.1 200 OK\r\n" + b))
def test_whatever_bytes_come_they_are_an_answer_or_a_wire_error(data: bytes) -> None:
    try:
        head, _ = read(data)
    except WireError:
        return
    assert 200 <= head.status <= 999


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"200 OK", b"HTTP/2 200 OK", b"HTTP/1.2 200 OK", b"HTTP/1.1", b"HTTP/1.1 20 OK"),
        *(b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK"),
        *(b" HTTP/1.1 200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 \xb2\xb2\xb2 OK", b"GET / HTTP/1.1"),
        *(b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 100 Continue"),
    ],
)
def test_a_line_that_is_no_final_status_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        read(line + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.0 200 \xe9"]
)
def test_the_reason_may_be_anything_or_nothing(line: bytes) -> None:
    assert read(line + b"\r\nContent-Length: 0\r\n\r\n")[0].status == 200


@pytest.mark.parametrize(
    "line", [b"No colon", b"A name: 1", b": 1", b"\xe9: 1", b"A : 1", b"(a): 1"]
)
def test_a_malformed_header_line_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        read(b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Length: 0\r\n\r\n")


def test_a_folded_line_goes_on_with_the_one_before() -> None:
    head, _ = read(b"HTTP/1.1 200 OK\r\nX-A: one\r\n  two\r\n\tthree\r\nContent-Length: 0\r\n\r\n")
    assert head.headers[0] == ("X-A", "one two three")


def test_a_first_line_that_is_folded_is_refused() -> None:
    with pytest.raises(WireError):
        read(b"HTTP/1.1 200 OK\r\n folded: 1\r\nContent-Length: 0\r\n\r\n")


def test_lines_may_end_without_a_carriage_return() -> None:
    assert read(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")[1] == b"ok"


@pytest.mark.parametrize("headers", [b"X-Big: " + b"b" * 70_000 + b"\r\n", b"X-Many: 1\r\n" * 200])
def test_headers_that_are_too_large_say_so(headers: bytes) -> None:
    with pytest.raises(HeadTooLarge):
        read(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")


@pytest.mark.parametrize(
    ("method", "status", "headers", "framing"),
    [
        ("GET", 200, [("Content-Length", "5")], 5),
        ("GET", 200, [("Content-Length", "5"), ("content-length", "5")], 5),
        ("GET", 200, [("Content-Length", "5,5, 5")], 5),
        ("GET", 200, [], "until_end"),
        ("GET", 200, [("Transfer-Encoding", "Chunked")], "chunked"),
        ("GET", 200, [("Transfer-Encoding", "chunked"), ("Content-Length", "5")], "chunked"),
        ("GET", 200, [("Transfer-Encoding", "identity"), ("Content-Length", "5")], 5),
        ("HEAD", 200, [("Content-Length", "5")], 0),
        ("HEAD", 200, [("Transfer-Encoding", "chunked")], 0),
        ("GET", 204, [], 0),
        ("GET", 304, [("Content-Length", "5")], 0),
    ],
)
def test_the_framing_follows_rfc_9112(
    method: str, status: int, headers: list[tuple[str, str]], framing: int | str
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = read_head(reader(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode()), method)  # type: ignore[arg-type]
    assert head.framing == framing


@pytest.mark.parametrize(
    "headers",
    [
        *(b"Content-Length: x", b"Content-Length:", b"Content-Length: -1", b"Content-Length: 5, 6"),
        *(b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: +5", b"Content-Length: 5.0"),
        *(b"Content-Length: 0x5", b"Content-Length: " + b"9" * 30, b"Content-Length: 5,"),
        *(b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked"),
        *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: xchunked"),
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    ],
)
def test_framing_that_contradicts_itself_is_refused(headers: bytes) -> None:
    with pytest.raises(WireError):
        read(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"5\r\nhelloXX0\r\n\r\n"),
        *(b"x\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"\r\n\r\n"),
        *(b"5 5\r\nhello\r\n0\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n", b"f" * 20 + b"\r\nx"),
    ],
)
def test_chunks_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(WireError):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("start", "persistent"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: X, Close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_a_connection_is_kept_only_when_both_sides_keep_it(start: bytes, persistent: bool) -> None:
    assert read(start + b"Content-Length: 0\r\n\r\n")[0].persistent is persistent


def test_reads_of_the_head_together_keep_one_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire = Wire(ours)
        source = io.BufferedReader(wire)
        theirs.sendall(b"HTTP/1.1 200 OK\r\nX-A")
        wire.expect_head(0.2)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            read_head(source, "GET")
        with pytest.raises(TimeoutError):
            wire.readinto(memoryview(bytearray(1)))
        assert time.monotonic() - began < 1
