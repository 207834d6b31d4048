"""A worker: takes runs, says that it is alive, and takes over from workers that are not.

Any number of them work on one database. One that is killed is noticed by the others, or by the next
one on its machine, and its runs go on from their last record.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from workflow.database import Database, Transaction
from workflow.dispatch import Dispatcher, Limits
from workflow.errors import ClaimLost
from workflow.execution import Executor
from workflow.models import Run
from workflow.store import queue
from workflow.store import workers as store

log = structlog.get_logger(__name__)

BEAT_SECONDS = 2.0
#: A worker that was silent for so long is taken for dead.
SILENT_SECONDS = 8.0
_POLL_SECONDS = 0.5
_WAKE_BATCH = 500
_AGAIN_SECONDS = 5.0


class Worker:
    """Runs runs in threads of its own, one a slot."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        *,
        slots: int,
        limits: Limits,
        chores: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = uuid.uuid4().hex
        self._database = database
        self._executor = executor
        self._slots = slots
        self._clock = clock
        #: Done at every beat: schedules, retention.
        self._chores = chores
        self._dispatcher = Dispatcher(database, self.id, slots, limits, clock)
        self._pool = ThreadPoolExecutor(max(slots, 1), "run")
        self._here: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        #: Runs whose state could not be written, and since when.
        self._stranded: dict[str, float] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work; returns at once."""
        with self._database.transaction() as tx:
            self._enter(tx)
        for name, target in (("beat", self._beat_loop), ("dispatch", self._dispatch_loop)):
            thread = threading.Thread(target=target, name=f"worker-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wake(self) -> None:
        """Look for runs now: one was queued."""
        self._woken.set()

    def strand(self, run_id: str) -> None:
        """Give a run back that is held here, once that can be written."""
        with self._lock:
            self._stranded[run_id] = self._clock()

    def stop(self, seconds: float = 10.0) -> None:
        """Take no more runs, wait for those that run, and give back the rest."""
        self._stopping.set()
        self._woken.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        while self._here.total() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._pool.shutdown(wait=False, cancel_futures=True)
        with suppress(Exception), self._database.transaction() as tx:
            queue.give_back(tx, self.id, counted=False, now=self._clock())
            store.leave(tx, self.id)

    def _enter(self, tx: Transaction) -> None:
        store.enter(
            tx,
            self.id,
            host=socket.gethostname()[:255],
            pid=os.getpid(),
            slots=self._slots,
            now=self._clock(),
        )

    def _dispatch_loop(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            self._woken.wait(pause)
            self._woken.clear()
            try:
                pause = self._dispatch()
            except Exception:
                log.exception("dispatch_failed")
                pause = _AGAIN_SECONDS

    def _dispatch(self) -> float:
        """Start what may start; return the seconds until there may be more."""
        if self._stopping.is_set():
            return 0.0
        pause = self._wake_due()
        with self._lock:
            free, here = self._slots - self._here.total(), dict(self._here)
        for run in self._dispatcher.take(free, here):
            with self._lock:
                self._here[run.project_id] += 1
            self._pool.submit(self._work, run)
        return pause

    def _wake_due(self) -> float:
        with self._database.reading() as tx:
            due_at = queue.next_due(tx)
        if due_at is None:
            return _POLL_SECONDS
        now = self._clock()
        if due_at > now:
            return min(_POLL_SECONDS, due_at - now)
        with self._database.transaction(durable=False) as tx:
            full = queue.wake_due(tx, now, _WAKE_BATCH) == _WAKE_BATCH
        return 0.0 if full else _POLL_SECONDS

    def _work(self, run: Run) -> None:
        try:
            self._executor.advance(run)
        except ClaimLost:
            log.info("run_taken_over", run=run.id)
        except Exception:
            # Most likely the database cannot be written: say so again when it can.
            log.exception("run_stranded", run=run.id)
            self.strand(run.id)
        finally:
            with self._lock:
                self._here[run.project_id] -= 1
                self._here += Counter()
            self._woken.set()

    def _beat_loop(self) -> None:
        while True:
            try:
                self._beat()
            except Exception:
                log.exception("beat_failed")
            if self._stopping.wait(BEAT_SECONDS):
                return

    def _beat(self) -> None:
        now = self._clock()
        with self._database.transaction(durable=False) as tx:
            if not store.beat(tx, self.id, now):
                self._enter(tx)
            gone = [*store.bury(tx, now - SILENT_SECONDS), *self._dead_here(tx)]
            lost = sum(queue.give_back(tx, one, counted=True, now=now) for one in gone)
            lost += queue.give_back_orphans(tx, now)
        if gone or lost:
            log.warning("workers_lost", workers=len(gone), runs=lost)
            self._woken.set()
        self._give_back_stranded(now)
        self._chores()

    def _dead_here(self, tx: Transaction) -> list[str]:
        """Bury workers of this machine whose process is gone."""
        found = store.of_host(tx, socket.gethostname()[:255])
        dead = [one for one, pid in found if one != self.id and not _is_alive(pid)]
        for one in dead:
            store.leave(tx, one)
        return dead

    def _give_back_stranded(self, now: float) -> None:
        with self._lock:
            due = [run for run, since in self._stranded.items() if since + _AGAIN_SECONDS <= now]
        for run_id in due:
            with self._database.transaction() as tx:
                queue.give_back_one(tx, run_id, self.id, now)
            with self._lock:
                self._stranded.pop(run_id, None)
            self._woken.set()


def anybody_works(database: Database, now: float) -> bool:
    """Say whether there is a worker, in whatever process, that takes runs."""
    with database.reading() as tx:
        found = store.alive(tx, now - SILENT_SECONDS)
    here = socket.gethostname()[:255]
    return any(host != here or _is_alive(pid) for host, pid in found)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
