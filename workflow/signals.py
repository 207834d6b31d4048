"""How a run leaves off: ways out of the steps that are no failures of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.models import Reason

#: What a run is woken from by the reason it waits for.
_WOKEN = frozenset({Reason.REAUTHORISATION, Reason.CHILD})


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
    """Return one wait for several: over when the first is, or when somebody wakes one of them."""
    first = min(found, key=lambda one: (one.reason not in _WOKEN, one.until or 0.0))
    until = min((one.until for one in found if one.until is not None), default=None)
    return Suspended(first.reason, until, first.detail)
