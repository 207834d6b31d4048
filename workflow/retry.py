"""Retry policies: which failures of a step are tried again, and after how long.

Nothing here waits, looks at a clock or draws a random number: a run that is replayed after a crash
comes to the same waits as before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from workflow.errors import RetryPolicyInvalid
from workflow.values import Missing, is_number, kind

#: How long an answer's ``Retry-After`` can put off an attempt, in seconds.
LONGEST_RETRY_AFTER = 86_400.0
#: Kinds of failures that a policy can name.
RETRIED_KINDS = (
    "timeout",
    "network",
    "rate_limit",
    "unavailable",
    "server_error",
    "client_error",
    "interrupted",
    "function",
)
#: Kinds that no repetition can mend, or that somebody wanted.
NEVER_RETRIED = frozenset({"invalid", "expression", "cancelled", "limit"})
STATUS_GROUPS = ("4xx", "5xx")
_BOUNDS = {
    "attempts": (1, 20),
    "wait": (0, 3_600),
    "factor": (1, 10),
    "longest_wait": (0, 86_400),
    "jitter": (0, 1),
}
_MOST_ATTEMPTS = _BOUNDS["attempts"][1]


class Failure(Protocol):
    """What a policy asks of a failed attempt."""

    @property
    def kind(self) -> str:
        """What went wrong, in a word."""

    @property
    def status(self) -> int | None:
        """The status of the answer, if there was one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a step is tried again."""

    #: How often in all: with 1 there is no second attempt.
    attempts: int = 1
    #: Seconds before the second attempt.
    first_wait: float = 10.0
    #: How many times longer each wait is than the one before.
    factor: float = 2.0
    longest_wait: float = 3_600.0
    #: The part of a wait that differs from run to run, so that they do not all come back at once.
    jitter: float = 0.1
    #: Kinds of failures, statuses (409) and groups of statuses ("5xx").
    on: tuple[str | int, ...] = RETRIED_KINDS[:5]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read the policy of a step.

        Raises
        ------
        RetryPolicyInvalid
            If it has a key or failure that is not known, or a number out of its bounds.

        """
        values: dict[str, Any] = {}
        for key, value in document.items():
            if key == "on":
                values["on"] = _failures(value)
            elif key in _BOUNDS:
                values["first_wait" if key == "wait" else key] = _bounded(key, value)
            else:
                raise RetryPolicyInvalid(f"There is no {key!r}.{_hint(key, [*_BOUNDS, 'on'])}")
        return cls(**values)

    def allows(self, failure: Failure) -> bool:
        """Say whether another attempt may mend a failure."""
        if failure.kind in NEVER_RETRIED:
            return False
        status = failure.status
        if status is not None and (status in self.on or f"{status // 100}xx" in self.on):
            return True
        return failure.kind in self.on

    def retries(self, failure: Failure, attempt: int) -> bool:
        """Say whether there is another attempt after this one, the first being 1, has failed."""
        return attempt < self.attempts and self.allows(failure)

    def wait(self, attempt: int, retry_after: float | None, seed: str) -> float:
        """Return the seconds to wait after an attempt, the first being 1, has failed.

        The same seed gives the same wait. A Retry-After is kept to even beyond the longest wait:
        who comes back earlier is refused again.
        """
        steps = min(attempt, _MOST_ATTEMPTS) - 1
        whole = min(self.first_wait * self.factor**steps, self.longest_wait)
        spread = self.jitter * _share(f"{seed}:{attempt}")
        wait = whole * (1 - spread)
        if retry_after is None:
            return wait
        return max(wait, min(retry_after * (1 + spread), LONGEST_RETRY_AFTER))


def _share(text: str) -> float:
    """Return a number from 0 up to 1 that looks like chance and is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _bounded(name: str, value: Any) -> int | float:
    least, most = _BOUNDS[name]
    whole = name == "attempts"
    fits = is_number(value) and least <= value <= most and not (whole and value != int(value))
    if not fits:
        number = "whole number" if whole else "number"
        raise RetryPolicyInvalid(
            f"{name!r} is a {number} from {least} to {most}, not {value!r:.40}."
        )
    return int(value) if whole else value


def _failures(value: Any) -> tuple[str | int, ...]:
    if not isinstance(value, list):
        raise RetryPolicyInvalid(f"'on' is a list of failures, not {kind(value)}.")
    return tuple(_failure(one) for one in value)


def _failure(one: Any) -> str | int:
    if is_number(one) and 100 <= one <= 599 and one == int(one):
        return int(one)
    known = [*RETRIED_KINDS, *STATUS_GROUPS]
    if isinstance(one, str) and one in known:
        return one
    if isinstance(one, str) and one in NEVER_RETRIED:
        raise RetryPolicyInvalid(f"A failure of the kind {one!r} is never retried.")
    raise RetryPolicyInvalid(f"There is no failure {one!r:.40}.{_hint(str(one), known)}")


def _hint(name: str, known: Iterable[str]) -> str:
    nearest = Missing(name, "", known).nearest()
    return f" Did you mean {nearest!r}?" if nearest else ""
