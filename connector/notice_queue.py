"""Work that is done soon, in the background, and tried again when it fails.

It is kept in memory alone: what waits when the process is killed is lost.
"""

from __future__ import annotations

import bisect
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from connector.errors import HeaplineError

log = structlog.get_logger(__name__)

#: How long to wait before the second and the third try.
PAUSES = (5.0, 30.0)
#: One who keeps a connection waiting does not hold up the others.
_THREADS = 3
_WAITING = 10_000
_CLOSE_SECONDS = 5.0


@dataclass(order=True, slots=True)
class _Task:
    due: float
    number: int
    work: Callable[[], None] = field(compare=False)
    #: What the log may tell of it.
    words: dict[str, str] = field(compare=False)
    tries: int = field(compare=False, default=0)


class NoticeQueue:
    """Does work from threads of its own. Safe among threads; make one a process."""

    def __init__(self, pauses: tuple[float, ...] = PAUSES) -> None:
        self._pauses = pauses
        self._tasks: list[_Task] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []

    def put(self, work: Callable[[], None], **words: str) -> bool:
        """Have work done soon; say whether it will be. What will not is logged as lost."""
        task = _Task(time.monotonic(), next(self._numbers), work, words)
        with self._changed:
            if len(self._tasks) < _WAITING and self._is_open():
                self._start()
                self._add(task)
                return True
        log.warning("notice_lost", reason="too many wait, or the process ends", **words)
        return False

    def close(self) -> None:
        """Try what waits once more, now, and end the threads."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _is_open(self) -> bool:
        """Say whether the caller's work will be done: in the end only what work itself adds."""
        return not self._closing or threading.current_thread() in self._threads

    def _start(self) -> None:
        # Not in __init__: a process that forks later must start the threads in the child.
        while not self._closing and len(self._threads) < _THREADS:
            name = f"notices-{len(self._threads)}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _add(self, task: _Task) -> None:
        bisect.insort(self._tasks, task)
        self._changed.notify_all()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            self._try(task)

    def _next(self) -> _Task | None:
        """Wait for the next task that is due; there is none once all is done and closed."""
        with self._changed:
            while True:
                wait = self._tasks[0].due - time.monotonic() if self._tasks else None
                if self._tasks and (self._closing or (wait is not None and wait <= 0)):
                    return self._tasks.pop(0)
                if self._closing:
                    return None
                self._changed.wait(wait)

    def _try(self, task: _Task) -> None:
        try:
            task.work()
        except HeaplineError as error:
            self._again(task, error.message, helps=error.retryable)
        except Exception as error:
            log.exception("notice_crashed", **task.words)
            self._again(task, type(error).__name__)

    def _again(self, task: _Task, reason: str, *, helps: bool = True) -> None:
        """Try once more later if that can help and there is a later."""
        task.tries += 1
        is_last = not helps or self._closing or task.tries > len(self._pauses)
        event = "notice_lost" if is_last else "notice_delayed"
        log.warning(event, reason=reason, tries=task.tries, **task.words)
        if not is_last:
            task.due = time.monotonic() + self._pauses[task.tries - 1]
            with self._changed:
                self._add(task)
