"""One request at a time: real threads, no application but a function."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector import turnstile
from connector.turnstile import Turnstile, Waiting, acquire

from ..conftest import eventually


def call(app: Callable[[dict[str, Any]], Any], stream: Any = None, **environ: Any) -> Any:
    """Call an application behind the turnstile."""
    whole = {"wsgi.input": stream or io.BytesIO(), **environ}
    return Turnstile(lambda env, _start: app(env))(whole, lambda *_: lambda _: None)


@pytest.fixture(autouse=True)
def _free_again() -> Iterator[None]:
    yield
    assert turnstile._turn.acquire(blocking=False), "a turn was kept"
    turnstile._turn.release()


def test_one_runs_at_a_time() -> None:
    running, most = [], []

    def app(_environ: Any) -> list[bytes]:
        running.append(1)
        most.append(len(running))
        time.sleep(0.002)
        running.pop()
        return []

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: call(app), range(64)))
    assert max(most) == 1
    assert len(most) == 64


def test_those_who_wait_let_others_in_and_take_a_turn_again() -> None:
    """Twenty wait at once for something that happens only when all of them do."""
    together, inside, most = threading.Barrier(20), [], []

    def app(_environ: Any) -> list[bytes]:
        with Waiting():
            together.wait(10)
        inside.append(1)
        most.append(len(inside))
        inside.pop()
        return []

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: call(app), range(20)))
    assert (len(most), max(most)) == (20, 1)


def test_a_wait_within_a_wait_keeps_the_turn_away_until_the_outer_one_ends() -> None:
    def app(_environ: Any) -> list[bytes]:
        with Waiting():
            with Waiting():
                pass
            assert turnstile._turn.acquire(timeout=1)
            turnstile._turn.release()
        assert not turnstile._turn.acquire(blocking=False)
        return []

    call(app)


def test_a_thread_that_serves_no_request_waits_freely() -> None:
    with Waiting():
        pass
    assert not turnstile._turn.locked()


def test_an_error_ends_the_turn() -> None:
    def crash(_environ: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(crash)
    with pytest.raises(ZeroDivisionError), Waiting():
        raise ZeroDivisionError


def test_the_answer_is_sent_without_a_turn() -> None:
    def app(_environ: Any) -> Iterator[bytes]:
        yield b"free" if not turnstile._turn.locked() else b"held"

    assert list(call(app)) == [b"free"]


def test_who_waits_without_saying_so_holds_nobody_up_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turnstile, "_PATIENCE_SECONDS", 0.1)
    holds, ends = threading.Event(), threading.Event()

    def stuck(_environ: Any) -> list[bytes]:
        holds.set()
        assert ends.wait(10)
        return []

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(call, stuck)
        assert holds.wait(10)
        began = time.monotonic()
        assert call(lambda _environ: [b"served"]) == [b"served"]
        assert time.monotonic() - began < 5
        ends.set()
        assert other.result(10) == []


class Trickle(io.RawIOBase):
    """A body whose sender takes their time."""

    def __init__(self) -> None:
        self.comes = threading.Event()
        self.awaited = threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.awaited.set()
        assert self.comes.wait(10)
        return b"{}"

    readline = read


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "2"},
        {"CONTENT_LENGTH": str(10**9)},
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True},
    ],
    ids=["short", "long", "chunked"],
)
@pytest.mark.parametrize("read", ["read", "readline"])
def test_a_slow_sender_holds_nobody_up(environ: dict[str, Any], read: str) -> None:
    stream = Trickle()

    def app(env: Any) -> Any:
        return getattr(env["wsgi.input"], read)(2)

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(call, app, stream, **environ)
        assert stream.awaited.wait(10)
        assert not turnstile._turn.locked()
        stream.comes.set()
        assert slow.result(10) == b"{}"


@pytest.mark.parametrize(
    ("length", "ahead"),
    [("0", True), ("", True), ("65536", True), ("65537", False), ("no number", False)],
)
def test_only_short_bodies_are_read_ahead(length: str, ahead: bool) -> None:
    stream = io.BytesIO(b"x" * 70_000)
    call(lambda _environ: [], stream, CONTENT_LENGTH=length)
    assert stream.tell() == (int(length or 0) if ahead else 0)


def test_a_lock_that_is_free_is_taken_without_giving_up_the_turn() -> None:
    lock = threading.Lock()

    def app(_environ: Any) -> list[bytes]:
        assert acquire(lock)
        assert turnstile._turn.locked()
        return []

    call(app)


def test_who_waits_for_a_lock_lets_others_in() -> None:
    lock = threading.Lock()
    lock.acquire()

    def app(_environ: Any) -> list[bytes]:
        assert acquire(lock, 10)
        return [b"got it"]

    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(call, app)
        eventually(lambda: call(lambda _environ: True))
        lock.release()
        assert waits.result(10) == [b"got it"]
    assert not acquire(lock, 0.01)
