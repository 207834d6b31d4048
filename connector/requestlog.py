"""Write the request log in batches, off the path of the requests it tells of.

What was answered less than a flush ago is lost when the process is killed; the provider has acted
on it all the same. The log is for people who look into a problem, not a book of record.
"""

from __future__ import annotations

import queue
import threading
import time

import structlog

from connector.database import Database
from connector.models import LoggedRequest
from connector.store import requests as store

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 0.5
#: So few that nobody who wants to write waits long for their transaction.
_BATCH = 100
_WAITING = 20_000
_PRUNE_BATCH = 5_000


class RequestLog:
    """Takes entries at once and stores them soon, from one background thread."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days
        self._queue: queue.Queue[LoggedRequest] = queue.Queue(_WAITING)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self.dropped = 0

    def add(self, entry: LoggedRequest) -> None:
        """Take an entry; one that finds the queue full is counted and dropped."""
        if self._days == 0:
            return
        if self._thread is None:
            self._start()
        try:
            self._queue.put_nowait(entry)
        except queue.Full:
            if self.dropped % _WAITING == 0:
                log.warning("request_log_full", waiting=_WAITING, dropped_before=self.dropped)
            self.dropped += 1

    def close(self) -> None:
        """Store what is waiting and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.flush()

    def prune(self) -> None:
        """Delete entries older than the setting says, a batch a transaction."""
        before = time.time() - self._days * 86_400
        while True:
            with self._database.transaction(durable=False) as tx:
                if store.prune(tx, before, _PRUNE_BATCH) < _PRUNE_BATCH:
                    return

    def flush(self) -> None:
        """Store what is waiting now."""
        while batch := self._batch():
            try:
                with self._database.transaction(durable=False) as tx:
                    store.append(tx, batch)
            except Exception:
                # A user or project deleted meanwhile, or a full disk: no request fails for its log.
                self.dropped += len(batch)
                log.exception("request_log_lost", entries=len(batch))

    def _start(self) -> None:
        # Not in __init__: a process that forks later must start the thread in the child.
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()

    def _batch(self) -> list[LoggedRequest]:
        entries: list[LoggedRequest] = []
        while len(entries) < _BATCH:
            try:
                entries.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return entries
