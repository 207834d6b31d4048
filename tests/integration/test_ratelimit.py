"""Rate limits shared by processes: never more than the amount in any window, whoever asks."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from connector.database import Database
from connector.ratelimit import Allowance, RateLimiter
from connector.tables import rate_windows

KEYS = itertools.count()
STEPS = st.lists(
    st.tuples(
        st.floats(0, 7, allow_nan=False),  # seconds that pass first
        st.integers(0, 1),  # which limiter is asked
        st.integers(1, 6),  # cost
    ),
    max_size=40,
)


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FailingClock(Clock):
    """A clock that breaks once, while a transaction is open: not when it is first looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = itertools.count()

    def __call__(self) -> float:
        if next(self.looks) == 8:
            raise ZeroDivisionError
        return self.now


def allowance(amount: int = 5, per_seconds: float = 10, cost: int = 1) -> Allowance:
    return Allowance("tries", f"key-{next(KEYS)}", amount, per_seconds, cost)


def costing(one: Allowance, cost: int) -> Allowance:
    return Allowance(one.name, one.key, one.amount, one.per_seconds, cost)


def most_in_a_window(uses: list[tuple[float, int]], seconds: float) -> int:
    """Return the most that was used within so many seconds, both ends included."""
    window: deque[tuple[float, int]] = deque()
    most = total = 0
    for moment, cost in uses:
        window.append((moment, cost))
        total += cost
        while window[0][0] < moment - seconds:
            total -= window.popleft()[1]
        most = max(most, total)
    return most


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(
    steps=STEPS,
    amount=st.sampled_from([1, 3, 10, 500]),
    per_seconds=st.sampled_from([0.5, 1, 10, 30]),
    start=st.floats(1e9, 2e9),
)
def test_no_window_ever_holds_more_than_the_amount(
    database: Database,
    steps: list[tuple[float, int, int]],
    amount: int,
    per_seconds: float,
    start: float,
) -> None:
    clock = Clock(start)
    limiters = [RateLimiter(database, clock), RateLimiter(database, clock)]
    one, uses = allowance(amount, per_seconds), []
    for passed, which, cost in steps:
        clock.now += passed
        asked = min(cost, amount)
        wait = limiters[which].take(costing(one, asked))
        assert 0 <= wait <= per_seconds * 1.2
        if wait == 0:
            uses.append((clock.now, asked))
    assert most_in_a_window(uses, per_seconds) <= amount


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(steps=STEPS, amount=st.sampled_from([1, 3, 10]))
def test_whoever_waits_as_long_as_was_said_may_go_on(
    database: Database, steps: list[tuple[float, int, int]], amount: int
) -> None:
    clock, one = Clock(), allowance(amount)
    limiter = RateLimiter(database, clock)
    for passed, _, cost in steps:
        clock.now += passed
        wait = limiter.take(costing(one, min(cost, amount)))
        if wait:
            clock.now += wait
            assert limiter.take(costing(one, min(cost, amount))) == 0


def test_the_whole_amount_can_be_used_at_once(database: Database) -> None:
    clock, one = Clock(), allowance(5, 10)
    limiter = RateLimiter(database, clock)
    assert [limiter.take(one) for _ in range(5)] == [0.0] * 5
    assert 10 <= limiter.take(one) <= 11
    clock.now += 11
    assert limiter.take(one) == 0


def test_a_cost_above_the_whole_amount_passes_alone(database: Database) -> None:
    clock, one = Clock(), allowance(5, 10)
    limiter = RateLimiter(database, clock)
    assert limiter.take(costing(one, 50)) == 0
    assert limiter.take(one) > 0
    clock.now += 11
    assert limiter.take(one) == 0
    assert limiter.take(costing(one, 50)) > 0


def test_keys_and_names_do_not_share_an_allowance(database: Database) -> None:
    limiter = RateLimiter(database, Clock())
    ones = [Allowance(name, key, 1, 10) for name in ("a", "b") for key in ("x", "y", "")]
    assert [limiter.take(one) for one in ones] == [0.0] * 6
    assert all(limiter.take(one) > 0 for one in ones)


def test_a_bundle_is_shared_out_within_one_slice_only(database: Database) -> None:
    clock, one = Clock(), allowance(1000, 10)
    limiter, other = RateLimiter(database, clock), RateLimiter(database, clock)
    assert [limiter.take(one) for _ in range(300)] == [0.0] * 300
    taken = 0
    while other.take(one) == 0:
        taken += 1
    assert 690 <= taken <= 700  # what the first one took ahead and did not use is lost


def test_threads_that_ask_at_once_waste_nothing(database: Database) -> None:
    one, limiter = allowance(1000, 3600), RateLimiter(database)
    start = threading.Barrier(20)

    def ask(_: int) -> float:
        start.wait()
        return sum(limiter.take(one) for _ in range(50))

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(ask, range(20))) == 0
    assert limiter.take(one) > 0


@pytest.mark.parametrize("limiters", [1, 4])
def test_threads_together_get_exactly_the_amount(database: Database, limiters: int) -> None:
    one = allowance(20, 3600)
    every = [RateLimiter(database) for _ in range(limiters)]
    start = threading.Barrier(8)

    def ask(number: int) -> int:
        start.wait()
        return sum(every[number % limiters].take(one) == 0 for _ in range(10))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 20


def test_waiting_for_the_row_does_not_date_a_use_back(database: Database) -> None:
    one, clock = allowance(1, 10), Clock()
    first, second = RateLimiter(database, clock), RateLimiter(database, clock)
    entered, waits = threading.Event(), []

    def wait_in_line() -> None:
        entered.set()
        waits.append(second.take(one))

    with database.transaction() as tx:
        # Hold what the other must wait for: the one writer of SQLite, the key's lock of PostgreSQL.
        if database.dialect == "postgresql":
            tx.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (one.row_key(),)
            )
        thread = threading.Thread(target=wait_in_line)
        thread.start()
        entered.wait()
        thread.join(0.2)
        clock.now += 30
    thread.join()
    assert waits == [0.0]
    clock.now += 5
    assert first.take(one) > 0


def test_an_asker_who_fails_takes_nobody_else_down(database: Database) -> None:
    clock = FailingClock()
    limiter = RateLimiter(database, clock)
    ones = [allowance(5) for _ in range(8)]
    start = threading.Barrier(len(ones))

    def ask(one: Allowance) -> float | None:
        start.wait()
        try:
            return limiter.take(one)
        except ZeroDivisionError:
            return None

    with ThreadPoolExecutor(len(ones)) as pool:
        waits = list(pool.map(ask, ones))
    assert waits.count(None) == 1
    assert waits.count(0.0) == 7
    assert all(limiter.take(one) == 0 for one in ones)


def test_a_block_holds_for_everyone_until_its_time(database: Database) -> None:
    clock, one = Clock(), allowance(1000, 10)
    limiter, other = RateLimiter(database, clock), RateLimiter(database, clock)
    assert [limiter.take(one), other.take(one)] == [0.0, 0.0]
    limiter.block(one, 30)
    assert limiter.take(one) == 30
    clock.now += 29.5
    assert limiter.take(one) == 0.5
    clock.now += 0.5
    assert [limiter.take(one), other.take(one)] == [0.0, 0.0]


def test_a_shorter_block_does_not_shorten_a_longer_one(database: Database) -> None:
    clock, one = Clock(), allowance()
    limiter = RateLimiter(database, clock)
    limiter.block(one, 30)
    limiter.block(one, 5)
    assert limiter.take(one) == 30


def test_a_block_never_outlasts_an_hour(database: Database) -> None:
    clock, one = Clock(), allowance()
    limiter = RateLimiter(database, clock)
    limiter.block(one, float("inf"))
    assert limiter.take(one) == 3600


def test_what_is_over_is_swept_away(database: Database) -> None:
    clock = Clock()
    limiter = RateLimiter(database, clock)
    old, new = allowance(5, 10), allowance(5, 10)
    limiter.take(old)
    clock.now += 60
    limiter.take(new)
    limiter.sweep()
    with database.reading() as tx:
        assert tx.execute(select(rate_windows.c.key)).scalars().all() == [new.row_key()]
        assert tx.execute(select(func.count()).select_from(rate_windows)).scalar() == 1


def test_a_key_with_someones_identity_is_not_readable_in_the_database(database: Database) -> None:
    RateLimiter(database).take(Allowance("per_user", "alice@example.com", 5, 10))
    with database.reading() as tx:
        assert "alice" not in repr(tx.execute(select(rate_windows)).all())


def test_the_real_clock_lets_go_after_the_window(database: Database) -> None:
    one, limiter = allowance(3, 0.4), RateLimiter(database)
    uses: list[tuple[float, int]] = []
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        if limiter.take(one) == 0:
            uses.append((time.monotonic(), 1))
    assert len(uses) >= 6
    assert most_in_a_window(uses, 0.39) <= 3
