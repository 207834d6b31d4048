"""What the proxy does when the upstream, the caller or the network fails."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from email.utils import formatdate

import pytest
from sqlalchemy import update

from connector.tables import credentials

from ..caller import Answer
from ..conftest import eventually
from ..upstream import Exchange, Script, answering, chunked, head, sending
from .gateway import Gateway, attempts_of, token_answer

MIB = 1024 * 1024
LENGTH = ("Content-Length", "1000")
CHUNKED = ("Transfer-Encoding", "chunked")


def silent(exchange: Exchange) -> None:
    """Read the request and say nothing until the other side gives up."""
    exchange.read_body()
    exchange.gone(20)
    exchange.end()


def breaking(*parts: bytes | str) -> list[Script]:
    """Return scripts that stop after these bytes, in good order and by a reset."""
    return [sending(*parts), sending(*parts, then="reset")]


# Timeouts


def test_an_answer_within_the_callers_timeout_passes(gateway: Gateway) -> None:
    def slow(exchange: Exchange) -> None:
        exchange.gone(0.4)
        exchange.answer(200, b"late but here")

    gateway.upstream.on("/v2/slow", slow)
    answer = gateway.call("POST", "/slow", [("X-Heapline-Timeout", "5")], b"{}")
    assert (answer.status, answer.body) == (200, b"late but here")


def test_an_answer_beyond_the_callers_timeout_is_an_error_in_time(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/slow", silent)
    began = time.monotonic()
    answer = gateway.call("POST", "/slow", [("X-Heapline-Timeout", "0.5")], b"{}")
    assert (answer.status, answer.code) == (504, "upstream_timeout")
    assert time.monotonic() - began < 2
    (entry,) = gateway.logged("/slow")
    assert (entry.status, entry.error_code) == (None, "upstream_timeout")
    assert attempts_of(entry) == ["upstream_timeout"]


def test_headers_that_trickle_in_do_not_stretch_the_timeout(gateway: Gateway) -> None:
    def trickle(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.send("HTTP/1.1 200 OK\r\n")
        while not exchange.gone(0.1):
            exchange.send("X-More: 1\r\n")
        exchange.end()

    gateway.upstream.on("/v2/trickle", trickle)
    began = time.monotonic()
    answer = gateway.call("POST", "/trickle", [("X-Heapline-Timeout", "1")], b"{}")
    assert (answer.status, answer.code) == (504, "upstream_timeout")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("ending", [LENGTH, CHUNKED, ("Connection", "close")])
def test_a_body_may_take_longer_than_the_timeout_once_it_has_begun(
    gateway: Gateway, ending: tuple[str, str]
) -> None:
    def slow(exchange: Exchange) -> None:
        half = b"x" * 500
        exchange.send(head(200, [ending]))
        for _ in range(2):
            exchange.gone(0.6)
            exchange.send(chunked(half) if ending == CHUNKED else half)
        exchange.send(b"0\r\n\r\n" if ending == CHUNKED else b"")
        exchange.end()

    gateway.upstream.on("/v2/slow-body", slow)
    answer = gateway.call("GET", "/slow-body", [("X-Heapline-Timeout", "0.5")])
    assert answer.body == b"x" * 1000


@pytest.mark.parametrize("ending", [LENGTH, CHUNKED, ("Connection", "close")])
def test_headers_are_passed_on_in_time_when_no_body_follows_them(
    gateway: Gateway, ending: tuple[str, str]
) -> None:
    """The answer has begun, so the caller learns of it; its body may come later."""

    seen = threading.Event()

    def silent(exchange: Exchange) -> None:
        exchange.send(head(200, [ending]))
        seen.wait(20)
        exchange.end()

    gateway.upstream.on("/v2/silent-body", silent)
    began = time.monotonic()
    with gateway.caller() as caller:
        timeout = [*gateway.headers(), ("X-Heapline-Timeout", "0.5")]
        caller.begin("GET", gateway.path("/silent-body"), timeout)
        assert caller.response().status == 200
        assert time.monotonic() - began < 5
        seen.set()


@pytest.mark.parametrize("text", ["0", "-1", "301", "soon", "nan", "inf", "1e9", "5s"])
def test_a_timeout_that_makes_no_sense_is_refused(gateway: Gateway, text: str) -> None:
    answer = gateway.call("GET", "/never", [("X-Heapline-Timeout", text)])
    assert (answer.status, answer.code) == (400, "header_invalid")
    assert answer.json()["meta"]["header"] == "X-Heapline-Timeout"
    assert gateway.upstream.received == []


# An upstream that breaks off


@pytest.mark.parametrize("script", breaking(), ids=["end", "reset"])
def test_an_upstream_that_closes_before_its_headers_is_an_error(
    gateway: Gateway, script: Script
) -> None:
    gateway.upstream.on("/v2/before", script)
    answer = gateway.call("POST", "/before", body=b"{}")
    assert (answer.status, answer.code) == (502, "upstream_broken")
    assert len(gateway.upstream.requests("/v2/before")) == 1


@pytest.mark.parametrize(
    "script",
    [
        *breaking("HTTP/1.1 200 OK\r\nX-First: 1\r\nX-Sec"),
        *breaking("HTTP/1.1 200 OK\r\nX-First: 1\r\n"),
        *breaking("HTTP/1.1 20"),
    ],
)
def test_an_upstream_that_closes_in_mid_headers_is_an_error(
    gateway: Gateway, script: Script
) -> None:
    gateway.upstream.on("/v2/mid", script)
    answer = gateway.call("POST", "/mid", body=b"{}")
    assert (answer.status, answer.code) == (502, "upstream_broken")


@pytest.mark.parametrize(
    "script",
    [
        *breaking(head(200, [LENGTH])),
        *breaking(head(200, [CHUNKED])),
        *breaking(head(200, [CHUNKED]), b"3e8"),
        *breaking(head(200, [CHUNKED]), b"not a size\r\nxxx\r\n0\r\n\r\n"),
        *breaking(head(200, [CHUNKED]), b"-3\r\nxxx\r\n0\r\n\r\n"),
    ],
)
def test_an_upstream_that_closes_before_its_body_is_an_error(
    gateway: Gateway, script: Script
) -> None:
    gateway.upstream.on("/v2/headed", script)
    answer = gateway.call("POST", "/headed", body=b"{}")
    assert (answer.status, answer.code) == (502, "upstream_broken")


def cut(start: bytes, reset: bool, seen: list[bytes]) -> Script:
    """Return a script that breaks off once the caller has seen something of the body."""

    def script(exchange: Exchange) -> None:
        seen.clear()
        exchange.read_body()
        exchange.send(start)
        eventually(lambda: seen)
        (exchange.reset if reset else exchange.end)()

    return script


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
@pytest.mark.parametrize(
    ("framing", "start"),
    [
        (LENGTH, b"x" * 999),
        (CHUNKED, chunked(b"x" * 999)),
        (CHUNKED, chunked(b"x" * 999) + b"3"),
        (CHUNKED, chunked(b"x" * 999) + b"3e8\r\nxxx"),
        (CHUNKED, chunked(b"x" * 999) + b"0\r\n"),
    ],
    ids=["length", "between chunks", "in a size", "in a chunk", "before the end"],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_upstream_that_closes_in_mid_body_never_looks_complete(
    gateway: Gateway, framing: tuple[str, str], start: bytes, reset: bool, version: str
) -> None:
    seen: list[bytes] = []
    gateway.upstream.on("/v2/cut", cut(head(200, [framing]).encode() + start, reset, seen))
    token = gateway.tokens["alice"]
    line = f"GET {gateway.path('/cut')} HTTP/{version}\r\nHost: x\r\n"
    with gateway.caller() as caller:
        caller.send(f"{line}Authorization: Bearer {token}\r\n\r\n".encode())
        response = caller.response()
        seen.append(response.read1(1))
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()


def test_a_body_that_broke_off_is_logged_with_both_status_and_error(gateway: Gateway) -> None:
    seen: list[bytes] = []
    start = head(200, [LENGTH]).encode() + b"x" * 999
    gateway.upstream.on("/v2/cut", cut(start, False, seen))
    with gateway.caller() as caller:
        caller.begin("GET", gateway.path("/cut"), gateway.headers())
        seen.append(caller.response().read1(1))
        (entry,) = gateway.logged("/cut")
    assert (entry.status, entry.error_code) == (200, "upstream_broken")
    assert entry.response_bytes == 999


@pytest.mark.parametrize(
    "script",
    [
        sending("no http at all\r\n\r\n"),
        sending("HTTP/1.1 abc Words\r\n\r\n"),
        sending("HTTP/1.1 99 Too low\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\n", "X-Big: ", b"b" * 70_000, "\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\n", *(f"X-{n}: 1\r\n" for n in range(200)), "\r\n"),
        sending(b"\x16\x03\x01\x00\r\n" * 3),
        sending(head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade")])),
        sending("HTTP/1.1 200 OK\r\nNo colon\r\nContent-Length: 0\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\nA name: 1\r\nContent-Length: 0\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\nX-\xe9: 1\r\nContent-Length: 0\r\n\r\n"),
        sending("HTTP/1.1 200 OK\r\nX(1): 1\r\nContent-Length: 0\r\n\r\n"),
        sending(head(200, [("Content-Length", "x")]), b"hello"),
        sending(head(200, [("Content-Length", "-1")]), b"hello"),
        sending(head(200, [("Content-Length", "")]), b"hello"),
        sending(head(200, [("Content-Length", "5, 6")]), b"hello!"),
        sending(head(200, [("Content-Length", "5"), ("Content-Length", "6")]), b"hello!"),
        sending(head(200, [("Content-Length", "9" * 30)]), b"hello"),
        sending(head(200, [("Transfer-Encoding", "gzip, chunked")]), chunked(b"hello")),
        sending(head(200, [("Transfer-Encoding", "deflate")]), b"hello"),
    ],
    ids=[
        *("words", "status", "low status", "big header", "many headers", "bytes", "upgrade"),
        *("no colon", "space in name", "no name", "foreign name", "brackets in name"),
        *("length no number", "length negative", "no length", "two lengths", "lengths differ"),
        *("length without end", "coding unknown", "coding without chunks"),
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(gateway: Gateway, script: Script) -> None:
    gateway.upstream.on("/v2/garbage", script)
    answer = gateway.call("POST", "/garbage", body=b"{}")
    assert (answer.status, answer.code) == (502, "upstream_broken")


@pytest.mark.parametrize(
    ("sent", "passed"),
    [("a\x00b", "a b"), ("\x07", ""), ("a\x7fb", "a b"), ("a\r\n  b", "a b"), ("a\tb", "a\tb")],
)
def test_what_may_not_stand_in_a_header_becomes_a_space(
    gateway: Gateway, sent: str, passed: str
) -> None:
    gateway.upstream.on("/v2/odd", answering(200, b"ok", [("X-Odd", sent)]))
    answer = gateway.call("POST", "/odd", body=b"{}")
    assert (answer.status, answer.body, answer.header("X-Odd")) == (200, b"ok", passed)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([("Content-Length", "5"), ("Content-Length", "5")], b"hello"),
        ([("Content-Length", "5, 5")], b"hello"),
        ([("Content-Length", "005")], b"hello"),
        ([("Transfer-Encoding", "identity"), ("Content-Length", "5")], b"hello"),
    ],
)
def test_a_length_said_more_than_once_comes_down_once(
    gateway: Gateway, headers: list[tuple[str, str]], body: bytes
) -> None:
    gateway.upstream.on("/v2/twice", sending(head(200, headers), body))
    answer = gateway.call("GET", "/twice")
    assert (answer.body, answer.values("Content-Length")) == (b"hello", ["5"])


def test_a_length_beside_chunks_does_not_come_down(gateway: Gateway) -> None:
    sent = sending(head(200, [LENGTH, CHUNKED]), chunked(b"hello"), b"0\r\n\r\n")
    gateway.upstream.on("/v2/both", sent)
    answer = gateway.call("GET", "/both")
    assert (answer.body, answer.values("Content-Length")) == (b"hello", [])


def test_bytes_beyond_an_answer_are_never_taken_for_the_next_one(gateway: Gateway) -> None:
    mine = head(200, [("Content-Length", "4")]).encode() + b"mine"
    forged = head(200, [("Content-Length", "6")]).encode() + b"forged"

    def smuggling(exchange: Exchange) -> None:
        exchange.send(mine + forged)

    gateway.upstream.on("/v2/first", smuggling)
    for _ in range(20):
        assert gateway.call("GET", "/first").body == b"mine"
        assert gateway.call("GET", "/second").body == b'{"ok": true}'


def test_an_early_answer_to_a_long_request_comes_down(gateway: Gateway) -> None:
    def early(exchange: Exchange) -> None:
        exchange.send(head(413, [("Content-Length", "8"), ("Connection", "close")]), b"too long")
        exchange.end()

    gateway.upstream.on("/v2/early", early)
    with gateway.caller() as caller:
        headers = [*gateway.headers(), ("Content-Length", str(20 * MIB))]
        caller.begin("PUT", gateway.path("/early"), headers)
        with contextlib.suppress(ConnectionError):
            caller.send(b"x" * 20 * MIB)
        response = caller.response()
        assert (response.status, response.read()) == (413, b"too long")


# Callers that break off


def test_a_caller_that_leaves_frees_the_upstreams_connection_and_is_logged(
    gateway: Gateway,
) -> None:
    ended: list[bool] = []

    def endless(exchange: Exchange) -> None:
        exchange.send(head(200, [CHUNKED]))
        try:
            while True:
                exchange.send(chunked(b"x" * 64 * 1024))
        except OSError:
            ended.append(True)
            raise

    gateway.upstream.on("/v2/endless", endless)
    with gateway.caller() as caller:
        caller.begin("GET", gateway.path("/endless"), gateway.headers())
        assert len(caller.response().read(MIB)) == MIB
    assert eventually(lambda: ended)
    (entry,) = gateway.logged("/endless")
    assert entry.status == 200
    assert entry.response_bytes >= MIB


@pytest.mark.parametrize(
    "begun",
    [
        (("Content-Length", "100"), b"only some"),
        (("Content-Length", str(9 * MIB)), b"x" * 5 * MIB),
        (CHUNKED, chunked(b"only some")),
        (CHUNKED, chunked(b"x" * 5 * MIB)),
    ],
    ids=["short", "long", "short chunked", "long chunked"],
)
def test_a_caller_that_leaves_in_mid_body_leaves_no_request_behind(
    gateway: Gateway, begun: tuple[tuple[str, str], bytes]
) -> None:
    framing, sent = begun
    with gateway.caller() as caller:
        caller.begin("POST", gateway.path("/left"), [*gateway.headers(), framing])
        caller.send(sent)
    (entry,) = gateway.logged("/left")
    assert (entry.status, entry.error_code) == (None, "body_invalid")
    whole = [one for one in gateway.upstream.requests("/v2/left") if one.digest]
    assert whole == []


@pytest.mark.parametrize(
    "body",
    [b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n", b"-1\r\nx\r\n0\r\n\r\n"],
)
def test_a_chunked_body_that_cannot_be_read_is_refused(gateway: Gateway, body: bytes) -> None:
    with gateway.caller() as caller:
        caller.begin("POST", gateway.path("/chunks"), [*gateway.headers(), CHUNKED])
        caller.send(body)
        response = caller.response()
        assert response.status == 400
    assert gateway.upstream.received == []


# Retries


def statuses(*found: int | tuple[int, str]) -> list[Script]:
    """Return a script for each status, some with a Retry-After."""
    scripts = []
    for one in found:
        status, after = one if isinstance(one, tuple) else (one, None)
        headers = [("Retry-After", after)] if after is not None else []
        scripts.append(answering(status, f"answer {status}".encode(), headers))
    return scripts


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_tried_again_after_a_passing_failure(
    gateway: Gateway, method: str, status: int
) -> None:
    gateway.upstream.on("/v2/again", *statuses(status, status, 200))
    answer = gateway.call(method, "/again")
    assert (answer.status, answer.header("X-Heapline-Attempts")) == (200, "3")


def test_the_log_tells_what_each_attempt_came_to_and_took(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/tells", *statuses(503, 500, 200))
    gateway.call("GET", "/tells")
    (entry,) = gateway.logged("/tells")
    assert attempts_of(entry) == [503, 500, 200]
    assert all(0 < one["ms"] < 5000 for one in entry.attempts)
    assert entry.duration_ms >= sum(one["ms"] for one in entry.attempts)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_writing_is_not_tried_again_of_its_own_accord(
    gateway: Gateway, method: str, status: int
) -> None:
    gateway.upstream.on("/v2/once", *statuses(status, 200))
    answer = gateway.call(method, "/once", body=b"{}")
    assert (answer.status, answer.body) == (status, f"answer {status}".encode())
    assert len(gateway.upstream.requests("/v2/once")) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_writing_is_tried_again_when_the_upstream_says_when(
    gateway: Gateway, status: int, form: str
) -> None:
    # A date has whole seconds: one that was just reached counts as now.
    after = "0" if form == "seconds" else formatdate(time.time(), usegmt=True)
    gateway.upstream.on("/v2/told", *statuses((status, after), 200))
    answer = gateway.call("POST", "/told", body=b'{"n": 1}')
    assert (answer.status, answer.header("X-Heapline-Attempts")) == (200, "2")
    bodies = [one.body for one in gateway.upstream.requests("/v2/told")]
    assert bodies == [b'{"n": 1}', b'{"n": 1}']


def test_a_retry_after_is_waited_for(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/wait", *statuses((503, "1"), 200))
    began = time.monotonic()
    assert gateway.call("GET", "/wait").status == 200
    assert 1.0 <= time.monotonic() - began < 3


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_retry_after_on_any_other_failure_does_not_make_writing_safe(
    gateway: Gateway, status: int
) -> None:
    gateway.upstream.on("/v2/once", *statuses((status, "0"), 200))
    assert gateway.call("POST", "/once", body=b"{}").status == status


@pytest.mark.parametrize("after", ["soon", "-5", "1.5", "", "Sat, 99 Foo 2099 00:00:00 GMT"])
def test_a_retry_after_that_cannot_be_read_counts_as_none(gateway: Gateway, after: str) -> None:
    gateway.upstream.on("/v2/once", *statuses((503, after), 200))
    assert gateway.call("POST", "/once", body=b"{}").status == 503


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/parcels", [], b'{"idempotency_key": "p-1"}'),
        ("/parcels", [("Idempotency-Key", "p-1")], b"{}"),
        ("/anything", [("Idempotency-Key", "p-1")], b"{}"),
        ("/labels", [], b"{}"),
    ],
    ids=["key in the body", "key in a header", "no action", "repeatable action"],
)
def test_writing_that_may_be_repeated_is_tried_again(
    gateway: Gateway, path: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    gateway.upstream.on("/v2" + path, *statuses(500, 502, 200))
    answer = gateway.call("POST", path, headers, body)
    assert (answer.status, answer.header("X-Heapline-Attempts")) == (200, "3")
    assert len({one.body for one in gateway.upstream.requests("/v2" + path)}) == 1


def test_an_idempotent_action_without_its_key_is_not_tried_again(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/parcels", *statuses(500, 200))
    assert gateway.call("POST", "/parcels", body=b"{}").status == 500


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_reading_is_tried_again_when_the_connection_breaks(gateway: Gateway, method: str) -> None:
    gateway.upstream.on("/v2/again", sending(then="reset"), sending(), *statuses(200))
    answer = gateway.call(method, "/again")
    assert (answer.status, answer.header("X-Heapline-Attempts")) == (200, "3")


def test_a_body_too_long_to_hold_is_sent_once(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/long", *statuses((503, "0"), 200))
    answer = gateway.call("PUT", "/long", [("Idempotency-Key", "p-1")], b"x" * 5 * MIB)
    assert (answer.status, answer.header("X-Heapline-Attempts")) == (503, "1")


def test_the_last_answer_is_passed_on_as_it_is(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/down", *statuses(500, 502, (503, "0"), 200))
    answer = gateway.call("GET", "/down")
    assert (answer.status, answer.body) == (503, b"answer 503")
    assert answer.header("X-Heapline-Attempts") == "3"


def test_a_wait_beyond_the_deadline_is_not_begun(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/later", *statuses((429, "60"), 200))
    began = time.monotonic()
    answer = gateway.call("GET", "/later", [("X-Heapline-Timeout", "2")])
    assert (answer.status, answer.header("Retry-After")) == (429, "60")
    assert time.monotonic() - began < 1.5


def test_all_attempts_together_keep_the_deadline(gateway: Gateway) -> None:
    def late(exchange: Exchange) -> None:
        exchange.gone(0.4)
        exchange.answer(503, b"late", [("Retry-After", "0")])

    gateway.upstream.on("/v2/late", late, late, silent)
    began = time.monotonic()
    answer = gateway.call("GET", "/late", [("X-Heapline-Timeout", "1")])
    assert (answer.status, answer.code) == (504, "upstream_timeout")
    assert time.monotonic() - began < 2.5


# Credentials that the upstream no longer takes


def test_a_rejected_token_is_renewed_once_and_the_request_sent_again(gateway: Gateway) -> None:
    json_type = [("Content-Type", "application/json")]
    gateway.upstream.on("/token", answering(200, token_answer("token-2"), json_type))
    gateway.upstream.on("/v2/mine", answering(401, b"who?"), answering(200, b"you"))
    answer = gateway.call("POST", "/mine", body=b"{}", user="bob")
    assert (answer.status, answer.body) == (200, b"you")
    first, second = gateway.upstream.requests("/v2/mine")
    assert second.values("Authorization") == ["Bearer token-2"] != first.values("Authorization")
    assert len(gateway.upstream.requests("/token")) == 1
    (entry,) = gateway.logged("/mine")
    assert attempts_of(entry) == [401, 200]


def test_a_token_rejected_right_after_it_was_renewed_is_renewed_once_more(
    gateway: Gateway,
) -> None:
    json_type = [("Content-Type", "application/json")]
    with gateway.runtime.database.transaction() as tx:
        connection = credentials.c.connection_id == gateway.connections["bob"][0].id
        tx.execute(update(credentials).where(connection).values(expires_at=1.0))
    gateway.upstream.on(
        "/token",
        answering(200, token_answer("token-5"), json_type),
        answering(200, token_answer("token-6"), json_type),
    )
    gateway.upstream.on("/v2/mine", answering(401, b"who?"), answering(200, b"you"))
    answer = gateway.call("POST", "/mine", body=b"{}", user="bob")
    assert (answer.status, answer.body) == (200, b"you")
    sent = [one.values("Authorization") for one in gateway.upstream.requests("/v2/mine")]
    assert sent == [["Bearer token-5"], ["Bearer token-6"]]


def test_a_token_rejected_again_after_renewal_is_the_callers_to_see(gateway: Gateway) -> None:
    json_type = [("Content-Type", "application/json")]
    gateway.upstream.on("/token", answering(200, token_answer("token-3"), json_type))
    gateway.upstream.on("/v2/still", answering(401, b"still no"))
    answer = gateway.call("POST", "/still", body=b"{}", user="bob")
    assert (answer.status, answer.body) == (401, b"still no")
    assert len(gateway.upstream.requests("/v2/still")) == 2
    assert len(gateway.upstream.requests("/token")) == 1


def test_no_secret_is_in_the_log_or_in_the_servers_output(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/secret", *statuses(500, 502, 503))
    rest = "/secret?access_token=canary-of-the-caller&plain=1"
    for user in ("alice", "dora"):
        gateway.call("GET", rest, user=user)
    entries = gateway.logged("/secret", 2)
    assert all("plain=1" in entry.target for entry in entries)
    told = repr(entries) + gateway.server.output()
    for secret in ("canary-of-the-caller", "dora+key", "dora%2Bkey", *gateway.tokens.values()):
        assert secret not in told


# Limits


def test_a_limit_of_the_manifest_that_is_used_up_is_an_error_of_ours(gateway: Gateway) -> None:
    answers = [
        gateway.call("GET", "/weight", [("X-Heapline-Timeout", "2")], user="dora") for _ in range(4)
    ]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].code == "rate_limited"
    assert 1 <= int(answers[3].header("Retry-After") or 0) <= 67
    assert len(gateway.upstream.requests("/v2/weight")) == 3


def test_a_wait_that_the_upstream_asked_for_holds_for_the_next_request(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/count", *statuses((429, "30"), 200))
    short = [("X-Heapline-Timeout", "1")]
    first, second = (gateway.call("GET", "/count", short, user="dora") for _ in range(2))
    assert (first.status, first.code) == (429, None)
    assert (second.status, second.code) == (429, "rate_limited")
    assert len(gateway.upstream.requests("/v2/count")) == 1


# Caps


def oversized_up(gateway: Gateway) -> Answer:
    with gateway.caller() as caller:
        length = ("Content-Length", str(5 * MIB + 1))
        caller.begin("PUT", gateway.path("/cap"), [*gateway.headers(), length])
        response = caller.response()
        return Answer(response.status, response.getheaders(), response.read())


def oversized_up_chunked(gateway: Gateway) -> Answer:
    with gateway.caller() as caller:
        caller.begin("PUT", gateway.path("/cap"), [*gateway.headers(), CHUNKED])
        caller.send(chunked(*[b"x" * MIB] * 5, b"x") + b"0\r\n\r\n")
        response = caller.response()
        return Answer(response.status, response.getheaders(), response.read())


@pytest.mark.parametrize("send", [oversized_up, oversized_up_chunked])
def test_a_request_body_above_the_cap_is_refused(
    small_gateway: Gateway, send: Callable[[Gateway], Answer]
) -> None:
    answer = send(small_gateway)
    assert (answer.status, answer.code) == (413, "request_too_large")
    assert [one for one in small_gateway.upstream.received if one.digest] == []
    (entry,) = small_gateway.logged("/cap")
    assert (entry.status, entry.error_code) == (None, "request_too_large")


def test_a_request_body_of_exactly_the_cap_passes(small_gateway: Gateway) -> None:
    assert small_gateway.call("PUT", "/cap", body=b"x" * 5 * MIB).status == 200


def test_an_answer_known_to_be_above_the_cap_is_an_error(small_gateway: Gateway) -> None:
    small_gateway.upstream.on("/v2/cap", answering(200, b"x" * (3 * MIB + 1)))
    answer = small_gateway.call("GET", "/cap")
    assert (answer.status, answer.code) == (502, "response_too_large")


def test_an_answer_that_turns_out_above_the_cap_breaks_off(small_gateway: Gateway) -> None:
    body = chunked(*[b"x" * MIB] * 4) + b"0\r\n\r\n"
    small_gateway.upstream.on("/v2/cap", sending(head(200, [CHUNKED]), body))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        small_gateway.call("GET", "/cap")
    (entry,) = small_gateway.logged("/cap")
    assert (entry.status, entry.error_code) == (200, "response_too_large")


def test_a_head_answer_may_tell_of_any_length(small_gateway: Gateway) -> None:
    small_gateway.upstream.on("/v2/cap", sending(head(200, [("Content-Length", str(10 * MIB))])))
    assert small_gateway.call("HEAD", "/cap").status == 200
