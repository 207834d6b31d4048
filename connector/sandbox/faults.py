"""Faults on demand: what a caller meets instead of, or on top of, Heap's answer."""

import fnmatch
import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

FaultKind = Literal["latency", "status", "drop", "drop_mid_body", "garbage"]

KINDS: tuple[FaultKind, ...] = ("latency", "status", "drop", "drop_mid_body", "garbage")


class InvalidFaultError(ValueError):
    """A fault cannot be understood."""


@dataclass(frozen=True)
class Fault:
    """One fault and the requests it waits for."""

    kind: FaultKind
    #: A shell pattern for the path.
    path: str = "*"
    #: A method, or * for any.
    method: str = "*"
    #: How many requests it meets; None means until it is removed.
    times: int | None = 1
    #: Waited before anything else happens, whatever the kind.
    seconds: float = 0.0
    status: int = 500
    #: Seconds, sent in the form the settings say, or a text sent as it is.
    retry_after: float | str | None = None
    body: str = ""
    #: Let the request take effect before its connection is dropped.
    processed: bool = False
    id: int = 0

    def meets(self, method: str, path: str) -> bool:
        """Tell whether a request is one this fault waits for."""
        return self.method in ("*", method) and fnmatch.fnmatchcase(path, self.path)


def read_fault(given: Mapping[str, object]) -> Fault:
    """Read a fault from JSON.

    Raises InvalidFaultError, naming the field and what it takes.
    """
    if given.get("kind") not in KINDS:
        raise InvalidFaultError(f"kind: expected one of {', '.join(KINDS)}")
    for name, value in given.items():
        if name not in _TAKES:
            raise InvalidFaultError(f"{name}: no such field; there are {', '.join(_TAKES)}")
        expected, fits = _TAKES[name]
        if not fits(value):
            raise InvalidFaultError(f"{name}: expected {expected}")
    fault = Fault(**cast("dict[str, Any]", dict(given)))
    return replace(fault, method=fault.method.upper())


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and value > 0)


def _is_seconds(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= cast("float", value) <= 3600


def _is_status(value: object) -> bool:
    return type(value) is int and 200 <= value <= 599


_TAKES = {
    "kind": ("a kind", _is_text),
    "path": ("a path pattern such as /api/*", _is_text),
    "method": ("a method, or *", _is_text),
    "times": ("a whole number above 0, or null for always", _is_count),
    "seconds": ("a number of seconds from 0 to 3600", _is_seconds),
    "status": ("an HTTP status from 200 to 599", _is_status),
    "retry_after": (
        "seconds, or a text to send",
        lambda value: value is None or _is_text(value) or _is_seconds(value),
    ),
    "body": ("text", _is_text),
    "processed": ("true or false", lambda value: isinstance(value, bool)),
}


class FaultQueue:
    """Faults waiting for requests; each request meets at most one, the oldest that fits."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Append a fault and return it with its id."""
        with self._lock:
            numbered = replace(fault, id=next(self._ids))
            self._faults.append(numbered)
            return numbered

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that this request meets and count it as used."""
        if not self._faults:
            return None
        with self._lock:
            for index, fault in enumerate(self._faults):
                if fault.meets(method, path):
                    self._use(index, fault)
                    return fault
        return None

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times == 1:
            del self._faults[index]
        else:
            self._faults[index] = replace(fault, times=fault.times - 1)

    def waiting(self) -> list[Fault]:
        """Return the faults that are still to happen."""
        with self._lock:
            return list(self._faults)

    def remove(self, fault_id: int) -> bool:
        """Remove one fault; False when there is none with this id."""
        with self._lock:
            kept = [fault for fault in self._faults if fault.id != fault_id]
            found = len(kept) < len(self._faults)
            self._faults = kept
            return found

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults = []
