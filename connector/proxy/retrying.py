"""Decide whether and when a proxy request is tried again. Pure functions."""

from __future__ import annotations

import email.utils
import random
import time
from dataclasses import dataclass
from datetime import UTC

from connector.errors import UpstreamError, UpstreamUnreachable
from connector.manifest import RetryRules

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
#: Statuses that say the request was not acted on, when they come with a time to come back.
_NOT_ACTED_ON = {429, 503}


@dataclass(frozen=True, slots=True)
class Repeat:
    """What may be repeated of a request."""

    method: str
    #: The body can be sent again.
    replayable: bool
    #: The caller or the action made repeats harmless.
    harmless: bool

    @property
    def free(self) -> bool:
        """Say whether a repeat cannot do anything twice."""
        return self.method in _SAFE_METHODS or self.harmless


def after_error(error: UpstreamError, repeat: Repeat) -> bool:
    """Say whether to try again after no answer came."""
    if not repeat.replayable:
        return False
    if isinstance(error, UpstreamUnreachable):
        return True
    return error.retryable and repeat.free


def after_status(status: int, retry_after: float | None, repeat: Repeat, rules: RetryRules) -> bool:
    """Say whether to try again after this answer."""
    if status not in rules.statuses or not repeat.replayable:
        return False
    return repeat.free or (status in _NOT_ACTED_ON and retry_after is not None)


def wait_seconds(attempt: int, retry_after: float | None, rules: RetryRules) -> float:
    """Return how long to wait before the next attempt: what was asked for, else back-off."""
    if retry_after is not None:
        return retry_after
    backoff: float = rules.base_seconds * 2 ** (attempt - 1)
    return min(rules.longest_wait_seconds, backoff * random.uniform(0.8, 1.2))  # noqa: S311 - jitter


def parse_retry_after(value: str | None, now: float | None = None) -> float | None:
    """Read either form of Retry-After (RFC 9110, section 10.2.3) as seconds from now."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # "-0000": UTC, said by someone who does not know their own zone
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - (time.time() if now is None else now))
