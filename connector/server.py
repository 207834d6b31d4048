"""Serve the application with gunicorn's threads.

gunicorn was chosen over faster servers because it hands on the request line as it was sent (an
encoded slash stays one) and breaks the connection off when a streamed answer ends early, so that
the caller can tell; granian 2.8 does neither for WSGI.
"""

from __future__ import annotations

import gc
import logging
import select
import socket
import struct
import sys
import threading
import time
import uuid
from contextlib import suppress
from typing import Any

import gunicorn.glogging
import gunicorn.http.errors
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from connector import logs
from connector.app import create_app
from connector.config import Settings
from connector.errors import (
    HeadersTooLarge,
    HeaplineError,
    InternalError,
    RequestUnreadable,
    UrlTooLong,
)
from connector.runtime import build
from connector.web import problems

log = structlog.get_logger(__name__)

_KEEP_ALIVE_SECONDS = 75
_STOP_SECONDS = 30
_STAY_MILLISECONDS = 10
#: How long a request's head may take, and how long a caller may be silent within a body or take
#: nothing of an answer: whoever holds a thread for nothing keeps it from the others.
_HEAD_SECONDS = 10.0
_SILENCE_SECONDS = 60
_SILENCE = struct.pack("ll", _SILENCE_SECONDS, 0)


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn without its command line: every process builds a runtime of its own."""

    def __init__(self, settings: Settings, announce: str = "") -> None:
        self._settings = settings
        self._announce = announce
        super().__init__()

    def load_config(self) -> None:
        """Translate our settings into gunicorn's."""
        settings = self._settings
        values: dict[str, Any] = {
            "bind": f"{settings.host}:{settings.port}",
            "workers": settings.workers,
            "threads": settings.threads,
            "worker_class": "connector.server.Worker",
            "http_parser": "python",  # never another one because a package happens to be there
            "worker_connections": max(1000, 4 * settings.threads),
            "keepalive": _KEEP_ALIVE_SECONDS,
            "graceful_timeout": _STOP_SECONDS,
            "timeout": 120,
            "backlog": 2048,
            "reuse_port": True,
            "limit_request_line": 8190,
            "limit_request_field_size": 16_380,
            "forwarded_allow_ips": "*" if settings.trusted_proxies else "127.0.0.1,::1",
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "heapline",
            "post_worker_init": _after_worker_start,
            "worker_exit": _before_worker_exit,
            "when_ready": self._ready,
            "logger_class": "connector.server.Logger",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application, in the worker process."""
        logs.configure(self._settings.log_level, for_good=True)
        runtime = build(self._settings, upgrade=False)
        runtime.start_sweeping()
        runtime.engine.start()
        app = create_app(runtime)
        gc.freeze()
        return app

    def _ready(self, _arbiter: Arbiter) -> None:
        if self._announce:
            print(self._announce, flush=True)  # noqa: T201 - the command's own output


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's thread worker; a thread stays with its caller for a moment.

    Handing a connection back to the main thread and out again costs more than many a request.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        #: Connections whose request head is being read, and until when.
        self._heads: dict[Any, float] = {}

    def get_thread_pool(self) -> Any:
        """Return a pool whose threads run already: a rush of callers would wait for their start."""
        pool = super().get_thread_pool()
        started = threading.Barrier(self.cfg.threads + 1)
        for _ in range(self.cfg.threads):
            pool.submit(started.wait)
        started.wait()
        return pool

    def handle(self, conn: Any) -> Any:
        """Serve a connection's request, and those that follow at once while nobody waits."""
        if not conn.initialized:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, _SILENCE)
        again = self._handle_one(conn)
        while again is True and self.alive and self._next_comes(conn):
            again = self._handle_one(conn)
        return again

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a request whose head was read."""
        self._heads.pop(conn, None)
        return super().handle_request(req, conn)

    def notify(self) -> None:
        """Break off, once a second, with callers who do not come to the end of a head."""
        super().notify()
        now = time.monotonic()
        for conn, until in list(self._heads.items()):
            if until < now:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def _handle_one(self, conn: Any) -> Any:
        self._heads[conn] = time.monotonic() + _HEAD_SECONDS
        try:
            return super().handle(conn)
        finally:
            self._heads.pop(conn, None)

    def _next_comes(self, conn: Any) -> bool:
        if not self.tpool._work_queue.empty():
            return False
        if conn.parser.unreader.buf.getvalue():
            return True
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(_STAY_MILLISECONDS))

    def handle_error(self, _req: Any, client: Any, _addr: Any, exc: Exception) -> None:
        """Answer a request that never reached the application, in the envelope of all errors.

        Only the kind of fault is logged: its text repeats what the caller sent.
        """
        error, request_id = _unreadable(exc), uuid.uuid4().hex
        logs.request.set((request_id, None))
        if isinstance(error, InternalError):
            log.error("request_crashed", exc_info=exc)
        else:
            log.warning("request_unreadable", fault=type(exc).__name__)
        with suppress(OSError):
            client.sendall(problems.raw_answer(error, request_id))


def _unreadable(fault: Exception) -> HeaplineError:
    """Return our error for one of the HTTP parser's."""
    match fault:
        case gunicorn.http.errors.LimitRequestLine():
            return UrlTooLong()
        case gunicorn.http.errors.LimitRequestHeaders():
            return HeadersTooLarge()
        case (
            gunicorn.http.errors.InvalidResponseHeader()
            | gunicorn.http.errors.InvalidResponseHeaderName()
        ):
            return InternalError()
        case gunicorn.http.errors.ParseException():
            return RequestUnreadable(fault=type(fault).__name__)
        case _:
            return InternalError()


class Logger(gunicorn.glogging.Logger):  # type: ignore[misc]
    """gunicorn's own messages, through our formatter: redacted JSON like every other line."""

    def exception(self, msg: str, *args: Any, **options: Any) -> None:
        """Tell of an exception, but not of every caller who fell silent."""
        if not isinstance(sys.exc_info()[1], BlockingIOError):
            super().exception(msg, *args, **options)

    def _set_handler(self, log: logging.Logger, *_args: Any, **_kwargs: Any) -> None:
        log.handlers[:] = []
        log.propagate = True


def _after_worker_start(worker: Any) -> None:
    """Keep the runtime at hand for the end of the process."""
    worker.heapline_runtime = worker.app.wsgi().extensions["heapline"]


def _before_worker_exit(_arbiter: Arbiter, worker: Any) -> None:
    """Store what waits when a worker stops in good order."""
    runtime = getattr(worker, "heapline_runtime", None)
    if runtime is not None:
        runtime.close()


def prepare(settings: Settings) -> None:
    """Bring the database up to date, and fail with a clear error, before any worker starts.

    Raises
    ------
    SetupError
        If settings, master keys or database cannot be used.

    """
    build(settings).close()
    # What is here now stays. Each look through it would stop everybody for 0.2 s, and have every
    # worker copy the memory that it shares with the others.
    gc.collect()
    gc.freeze()
