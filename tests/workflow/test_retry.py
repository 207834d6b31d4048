"""Retry policies: what is tried again, how long they wait, and what a document may say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.errors import RetryPolicyInvalid
from workflow.retry import (
    LONGEST_RETRY_AFTER,
    NEVER_RETRIED,
    RETRIED_KINDS,
    STATUS_GROUPS,
    RetryPolicy,
)


@dataclass(frozen=True)
class Failed:
    kind: str
    status: int | None = None


def policy(**document: Any) -> RetryPolicy:
    return RetryPolicy.from_document(document)


# What is tried again: of each failure, the policies that do so, by the names below.

POLICIES: dict[str, list[str | int] | None] = {
    "default": None,
    "nothing": [],
    "timeout": ["timeout"],
    "interrupted": ["interrupted"],
    "client": ["client_error"],
    "conflict": [409],
    "4xx": ["4xx"],
    "5xx": ["5xx"],
    "mixed": ["network", 503, "4xx"],
    "all": [*RETRIED_KINDS, *STATUS_GROUPS],
}
RETRIED: list[tuple[str, int | None, str]] = [
    ("timeout", None, "default timeout all"),
    ("timeout", 408, "default timeout 4xx mixed all"),
    ("timeout", 504, "default timeout 5xx all"),
    ("network", None, "default mixed all"),
    ("rate_limit", None, "default all"),
    ("rate_limit", 429, "default 4xx mixed all"),
    ("unavailable", None, "default all"),
    ("unavailable", 503, "default 5xx mixed all"),
    ("server_error", 500, "default 5xx all"),
    ("server_error", 502, "default 5xx all"),
    ("server_error", 503, "default 5xx mixed all"),
    ("server_error", 599, "default 5xx all"),
    ("client_error", None, "client all"),
    ("client_error", 400, "client 4xx mixed all"),
    ("client_error", 404, "client 4xx mixed all"),
    ("client_error", 409, "client conflict 4xx mixed all"),
    ("client_error", 499, "client 4xx mixed all"),
    ("interrupted", None, "interrupted all"),
    ("function", None, "all"),
    ("unheard_of", None, ""),
    ("unheard_of", 302, ""),
    ("unheard_of", 409, "conflict 4xx mixed all"),
    ("5xx", None, "5xx all"),
    ("invalid", None, ""),
    ("invalid", 400, ""),
    ("invalid", 409, ""),
    ("invalid", 503, ""),
    ("expression", None, ""),
    ("expression", 500, ""),
    ("cancelled", None, ""),
    ("cancelled", 409, ""),
    ("limit", None, ""),
    ("limit", 429, ""),
]


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(("kind", "status", "retried_by"), RETRIED)
def test_a_failure_is_tried_again_as_the_matrix_says(
    kind: str, status: int | None, retried_by: str, name: str
) -> None:
    on = POLICIES[name]
    chosen = policy(attempts=3) if on is None else policy(attempts=3, on=on)
    failure = Failed(kind, status)
    assert chosen.allows(failure) is (name in retried_by.split())
    assert chosen.retries(failure, 2) is chosen.allows(failure)
    assert not chosen.retries(failure, 3)


def test_the_matrix_has_every_kind() -> None:
    assert {kind for kind, _, _ in RETRIED} >= {*RETRIED_KINDS, *NEVER_RETRIED}


@pytest.mark.parametrize("kind", sorted(NEVER_RETRIED))
def test_some_failures_are_never_retried_even_if_a_policy_names_them(kind: str) -> None:
    assert not RetryPolicy(attempts=20, on=(kind, 500, "5xx")).allows(Failed(kind, 500))


def test_without_a_policy_there_is_one_attempt() -> None:
    assert RetryPolicy.from_document({}) == RetryPolicy()
    assert not RetryPolicy().retries(Failed("timeout"), 1)


def test_a_policy_counts_the_first_attempt_too() -> None:
    retried = [policy(attempts=4).retries(Failed("network"), attempt) for attempt in range(1, 7)]
    assert retried == [True, True, True, False, False, False]


# Documents


def test_a_document_sets_all_of_a_policy() -> None:
    read = policy(attempts=5, wait=0.5, factor=3, longest_wait=60, jitter=0, on=["5xx", 409])
    assert read == RetryPolicy(
        attempts=5, first_wait=0.5, factor=3, longest_wait=60, jitter=0, on=("5xx", 409)
    )


def test_what_a_document_leaves_out_has_a_default() -> None:
    read = policy(attempts=2)
    assert (read.first_wait, read.factor, read.longest_wait, read.jitter) == (10, 2, 3600, 0.1)
    assert read.on == ("timeout", "network", "rate_limit", "unavailable", "server_error")


def test_whole_numbers_may_be_written_with_a_point() -> None:
    read = policy(attempts=3.0, on=[409.0])
    assert repr((read.attempts, read.on)) == "(3, (409,))"


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("attempts", 1, 20),
        ("wait", 0, 3_600),
        ("factor", 1, 10),
        ("longest_wait", 0, 86_400),
        ("jitter", 0, 1),
    ],
)
def test_numbers_are_within_bounds(name: str, least: int, most: int) -> None:
    for value in (least, most):
        assert policy(**{name: value})
    for value in (least - 1, most + 1, -math.inf, math.inf, math.nan, True, None, str(least), []):
        with pytest.raises(RetryPolicyInvalid, match=f"'{name}' is a .*number from {least} to"):
            policy(**{name: value})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"attempts": 1.5}, "'attempts' is a whole number from 1 to 20, not 1.5."),
        ({"wait": -0.1}, "'wait' is a number from 0 to 3600, not -0.1."),
        ({"atempts": 3}, "There is no 'atempts'. Did you mean 'attempts'?"),
        ({"waits": 3}, "There is no 'waits'. Did you mean 'wait'?"),
        ({"colour": 3}, "There is no 'colour'."),
        ({"on": "timeout"}, "'on' is a list of failures, not text."),
        ({"on": ["time_out"]}, "There is no failure 'time_out'. Did you mean 'timeout'?"),
        ({"on": ["network", "6xx"]}, "There is no failure '6xx'."),
        ({"on": ["500"]}, "There is no failure '500'."),
        ({"on": [600]}, "There is no failure 600."),
        ({"on": [99]}, "There is no failure 99."),
        ({"on": [409.5]}, "There is no failure 409.5."),
        ({"on": [True]}, "There is no failure True."),
        ({"on": [None]}, "There is no failure None."),
        ({"on": [["timeout"]]}, "There is no failure ['timeout']."),
        ({"on": ["invalid"]}, "A failure of the kind 'invalid' is never retried."),
        ({"on": ["timeout", "limit"]}, "A failure of the kind 'limit' is never retried."),
    ],
)
def test_a_document_with_a_fault_is_refused_in_words(
    document: dict[str, Any], message: str
) -> None:
    with pytest.raises(RetryPolicyInvalid) as caught:
        RetryPolicy.from_document(document)
    assert caught.value.message.startswith(message)


# Waits


@pytest.mark.parametrize(
    ("document", "waits"),
    [
        ({}, [10, 20, 40, 80, 160]),
        ({"wait": 1, "factor": 3}, [1, 3, 9, 27, 81]),
        ({"wait": 5, "factor": 1}, [5, 5, 5, 5, 5]),
        ({"wait": 0}, [0, 0, 0, 0, 0]),
        ({"wait": 0.25, "factor": 1.5}, [0.25, 0.375, 0.5625, 0.84375, 1.265625]),
        ({"wait": 10, "longest_wait": 35}, [10, 20, 35, 35, 35]),
        ({"wait": 10, "longest_wait": 0}, [0, 0, 0, 0, 0]),
        ({"wait": 3600, "factor": 10, "longest_wait": 86400}, [3600, 36000, 86400, 86400, 86400]),
    ],
)
def test_each_wait_is_so_many_times_the_one_before_up_to_the_longest(
    document: dict[str, Any], waits: list[float]
) -> None:
    chosen = policy(attempts=20, jitter=0, **document)
    assert [chosen.wait(attempt, None, "run") for attempt in range(1, 6)] == waits


VALID = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 20),
    first_wait=st.floats(0, 3_600),
    factor=st.floats(1, 10),
    longest_wait=st.floats(0, 86_400),
    jitter=st.floats(0, 1),
)
ATTEMPTS = st.integers(1, 20)
SEEDS = st.text(max_size=20)


@given(VALID, ATTEMPTS, SEEDS)
def test_a_wait_is_never_longer_than_without_chance_nor_shorter_by_more_than_its_part(
    chosen: RetryPolicy, attempt: int, seed: str
) -> None:
    whole = min(chosen.first_wait * chosen.factor ** (attempt - 1), chosen.longest_wait)
    wait = chosen.wait(attempt, None, seed)
    assert whole * (1 - chosen.jitter) <= wait <= whole <= chosen.longest_wait


@given(VALID, SEEDS)
def test_without_chance_no_wait_is_shorter_than_the_one_before(
    chosen: RetryPolicy, seed: str
) -> None:
    steady = RetryPolicy(
        first_wait=chosen.first_wait,
        factor=chosen.factor,
        longest_wait=chosen.longest_wait,
        jitter=0,
    )
    waits = [steady.wait(attempt, None, seed) for attempt in range(1, 21)]
    assert waits == sorted(waits)


@given(st.floats(0, 1), SEEDS)
def test_a_factor_larger_than_chance_keeps_waits_growing(jitter: float, seed: str) -> None:
    chosen = RetryPolicy(first_wait=1, factor=10, longest_wait=86_400, jitter=jitter * 0.9)
    waits = [chosen.wait(attempt, None, seed) for attempt in range(1, 5)]
    assert waits == sorted(waits)


def test_a_seed_gives_the_same_wait_in_every_process_and_release() -> None:
    chosen = RetryPolicy(first_wait=100, factor=1, jitter=1)
    waits = [chosen.wait(attempt, None, "run-1/send") for attempt in (1, 2, 3)]
    # 100 * (1 - share): the share is the first 48 bits of SHA-256 of "run-1/send:1", and so on.
    assert waits == pytest.approx([45.3772624361, 10.2039130215, 93.5429869960])
    assert waits == [chosen.wait(attempt, None, "run-1/send") for attempt in (1, 2, 3)]


def test_chance_spreads_runs_and_attempts_evenly() -> None:
    chosen = RetryPolicy(first_wait=100, factor=1, jitter=0.5)
    waits = [chosen.wait(1, None, f"run-{number}") for number in range(2_000)]
    counts = [sum(low <= wait < low + 10 for wait in waits) for low in range(50, 100, 10)]
    assert len(set(waits)) == sum(counts) == 2_000
    assert all(300 < count < 500 for count in counts), counts
    assert len({chosen.wait(attempt, None, "run") for attempt in range(1, 21)}) == 20


def test_a_seed_and_an_attempt_do_not_run_into_one_another() -> None:
    chosen = RetryPolicy(factor=1)
    assert chosen.wait(11, None, "run") != chosen.wait(1, None, "run1")


# Retry-After


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (None, 10),
        (0, 10),
        (3, 10),
        (10, 10),
        (30, 30),
        (30.5, 30.5),
        (7_200, 7_200),
        (86_400, 86_400),
        (86_401, 86_400),
        (10**9, 86_400),
        (math.inf, 86_400),
        (-5, 10),
        (math.nan, 10),
    ],
)
def test_an_answer_can_put_off_the_next_attempt_but_not_bring_it_forward(
    retry_after: float | None, expected: float
) -> None:
    assert policy(jitter=0).wait(1, retry_after, "run") == expected


def test_an_answer_can_ask_for_more_than_the_longest_wait() -> None:
    assert policy(longest_wait=20, jitter=0).wait(1, 600, "run") == 600


@given(VALID, ATTEMPTS, st.floats(0, 200_000), SEEDS)
def test_no_attempt_comes_before_its_time_nor_later_than_a_day(
    chosen: RetryPolicy, attempt: int, retry_after: float, seed: str
) -> None:
    wait = chosen.wait(attempt, retry_after, seed)
    own = chosen.wait(attempt, None, seed)
    told = min(retry_after, LONGEST_RETRY_AFTER)
    assert max(own, told) <= wait <= max(own, told * (1 + chosen.jitter))
    assert wait <= LONGEST_RETRY_AFTER == 86_400


@given(VALID, ATTEMPTS, st.floats(0, 200_000), st.floats(0, 200_000), SEEDS)
def test_who_is_told_to_wait_longer_does_not_come_back_sooner(
    chosen: RetryPolicy, attempt: int, one: float, other: float, seed: str
) -> None:
    shorter, longer = sorted([one, other])
    assert chosen.wait(attempt, shorter, seed) <= chosen.wait(attempt, longer, seed)


def test_runs_that_are_told_the_same_time_do_not_come_back_at_once() -> None:
    waits = {policy().wait(1, 60, f"run-{number}") for number in range(100)}
    assert len(waits) == 100
    assert min(waits) >= 60
    assert max(waits) <= 66
