"""One request of a process runs at a time, however many wait for networks.

Python runs one thread at a time in any case; but hundreds that ask for its lock, each anew every
few milliseconds, spend more of the processor on asking than on running. Threads that serve
requests therefore queue here, and give their turn up while they wait for something else: with
1,000 requests in flight this makes the difference between 370 and 930 a second.

A turn is a courtesy, not a lock: who does not get one in time goes on without.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Far longer than any turn lasts: somebody must wait for a thing without saying so.
_PATIENCE_SECONDS = 1.0
#: A body up to this size is read before a turn is taken.
_READ_AHEAD = 64 * 1024
_turn = threading.Lock()
_here = threading.local()


class Waiting:
    """Give up the thread's turn, if it has one, for the length of a block that waits."""

    __slots__ = ("_had_turn",)

    def __enter__(self) -> None:
        self._had_turn = getattr(_here, "has_turn", False)
        if self._had_turn:
            _leave()

    def __exit__(self, *_error: object) -> None:
        if self._had_turn:
            _enter()


class Turnstile:
    """WSGI middleware: the application takes its turn; its answer is sent without one."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Call the application when it is this thread's turn."""
        environ["wsgi.input"] = _input(environ)
        _enter()
        try:
            return self._app(environ, start_response)
        finally:
            if _here.has_turn:
                _leave()


def _input(environ: WSGIEnvironment) -> BinaryIO:
    """Return the body in such a form that who sends it slowly holds nobody else up."""
    stream: BinaryIO = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH") or "0"
    if environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
        return cast(BinaryIO, _Input(stream))
    if length.isdigit() and int(length) <= _READ_AHEAD:
        try:
            return io.BytesIO(stream.read(int(length)))
        except OSError:  # the sender went away or fell silent: the application finds too little
            return io.BytesIO()
    return cast(BinaryIO, _Input(stream))


class _Input:
    """A body that is read while others take their turns."""

    __slots__ = ("_stream",)

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        with Waiting():
            return self._stream.read(size)

    def readline(self, size: int = -1) -> bytes:
        with Waiting():
            return self._stream.readline(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def acquire(lock: threading.Lock, seconds: float = -1) -> bool:
    """Acquire a lock; give up the turn only if it is taken. Say whether it was free in time."""
    if lock.acquire(blocking=False):
        return True
    with Waiting():
        return lock.acquire(timeout=seconds)


def pause(seconds: float) -> None:
    """Sleep without a turn."""
    with Waiting():
        time.sleep(seconds)


def _enter() -> None:
    _here.has_turn = _turn.acquire(timeout=_PATIENCE_SECONDS)


def _leave() -> None:
    _here.has_turn = False
    _turn.release()
