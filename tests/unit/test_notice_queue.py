"""Work in the background: tried again while that helps, in nobody's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from connector import notice_queue
from connector.errors import DestinationRefused, HeaplineError, NoticeNotTaken
from connector.notice_queue import NoticeQueue

from ..conftest import eventually

Make = Callable[..., NoticeQueue]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes queues that are closed in the end."""
    made: list[NoticeQueue] = []

    def build(*pauses: float) -> NoticeQueue:
        made.append(NoticeQueue(pauses))
        return made[-1]

    yield build
    for queue in made:
        queue.close()


def failing(calls: list[float], *errors: Exception) -> Callable[[], None]:
    """Return work that raises these errors one after another and then succeeds."""
    left = list(errors)

    def work() -> None:
        calls.append(time.monotonic())
        if left:
            raise left.pop(0)

    return work


def test_work_is_done_once_when_it_succeeds(make: Make) -> None:
    calls: list[float] = []
    queue = make(0.0, 0.0)
    assert queue.put(failing(calls))
    queue.close()
    assert len(calls) == 1


@pytest.mark.parametrize("error", [NoticeNotTaken(), KeyError("a fault of ours")])
def test_work_that_fails_is_tried_three_times_with_pauses_between(
    make: Make, error: Exception
) -> None:
    calls: list[float] = []
    make(0.05, 0.1).put(failing(calls, *[error] * 9))
    eventually(lambda: len(calls) == 3)
    first, second, third = calls
    assert second - first >= 0.05
    assert third - second >= 0.1
    after = threading.Event()
    make().put(after.set)
    assert after.wait(5)
    assert len(calls) == 3


def test_work_that_succeeds_later_is_not_tried_again(make: Make) -> None:
    calls: list[float] = []
    queue = make(0.0, 0.0)
    queue.put(failing(calls, NoticeNotTaken()))
    eventually(lambda: len(calls) == 2)
    queue.close()
    assert len(calls) == 2


def test_a_failure_that_would_only_repeat_is_not_tried_again(make: Make) -> None:
    calls: list[float] = []
    queue = make(0.0, 0.0)
    queue.put(failing(calls, DestinationRefused()))
    queue.close()
    assert len(calls) == 1


def test_who_hangs_or_waits_for_another_try_does_not_hold_up_others(make: Make) -> None:
    queue, release, done = make(60.0), threading.Event(), threading.Event()
    calls: list[float] = []
    queue.put(failing(calls, NoticeNotTaken()))
    queue.put(lambda: _hang(release))
    eventually(lambda: calls)
    queue.put(done.set)
    assert done.wait(5)
    release.set()


def _hang(release: threading.Event) -> None:
    release.wait(20)


def test_closing_tries_what_waits_once_more_at_once_with_what_it_adds(make: Make) -> None:
    queue = make(60.0, 60.0)
    calls: list[float] = []
    added: list[float] = []
    work = failing(calls, NoticeNotTaken())
    queue.put(lambda: (work(), queue.put(failing(added))))  # type: ignore[arg-type,func-returns-value]
    eventually(lambda: calls)
    queue.close()
    assert (len(calls), len(added)) == (2, 1)


def test_a_closed_queue_takes_nothing(make: Make) -> None:
    queue = make()
    queue.close()
    calls: list[float] = []
    assert not queue.put(failing(calls))
    assert calls == []


def test_a_queue_that_is_full_says_so_and_waits_for_nobody(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_queue, "_WAITING", 2)
    queue, release = make(), threading.Event()
    for _ in range(3):
        assert queue.put(lambda: _hang(release))
        eventually(lambda: not queue._tasks)
    assert [queue.put(release.set) for _ in range(3)] == [True, True, False]
    release.set()


def test_every_error_that_is_tried_again_says_it_may_help() -> None:
    assert NoticeNotTaken.retryable
    assert not DestinationRefused.retryable
    assert issubclass(NoticeNotTaken, HeaplineError)
