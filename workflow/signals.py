"""How a run leaves off: ways out of the steps that are no failures of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Suspended(Exception):
    """The run goes on later; nothing of it stays in memory."""

    def __init__(
        self, reason: str | None, until: float | None, detail: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        #: Nothing: until somebody wakes it.
        self.until = until
        self.detail = detail


class HandedOn(Exception):
    """The caller has the answer; a worker does the rest."""


class Stopped(Exception):
    """A step ended the run well."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def earliest(found: list[Suspended]) -> Suspended:
    """Return the one of several that is over first."""
    timed = [one for one in found if one.until is not None]
    return min(timed, key=lambda one: one.until or 0.0) if timed else found[0]
