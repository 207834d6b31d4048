"""Rate limits that all processes share, and that hold for *any* window of the limit's length.

A window is cut into ten slices; what was used is counted by slice in one database row a key. Every
slice that may overlap the last window counts, so the limit is never exceeded, at the price of at
most a tenth of the throughput. A limit with room for many is taken in bundles that are good for
the current slice, and threads that ask at once are served by one of them, so that not every
request costs a transaction.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from connector.database import Database, Transaction
from connector.store import limits as store
from connector.turnstile import acquire

SLICES = 10
LONGEST_BLOCK_SECONDS = 3600.0
#: A bundle is at most this part of the amount, so what one process may waste stays small.
_BUNDLE_PART = 100


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be used of a limit: so much in any window of so many seconds, under one key."""

    name: str
    key: str
    amount: int
    per_seconds: float
    cost: int = 1

    def row_key(self) -> str:
        """Return the name of its row; hashed, since keys hold people's identities."""
        text = f"{self.name}\0{self.key}"
        return f"{self.name[:24]}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


@dataclass(slots=True)
class _Bundle:
    left: int
    slice_number: int

    def serves(self, number: int, cost: int) -> bool:
        """Give so much if it has it and is still good."""
        if self.slice_number != number or self.left < cost:
            return False
        self.left -= cost
        return True


@dataclass(slots=True, eq=False)
class _Request:
    key: str
    allowance: Allowance
    #: Nothing until it was served.
    wait: float | None = None


class RateLimiter:
    """Take from allowances, or learn how long to wait."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._bundles: dict[str, _Bundle] = {}
        self._waiting: list[_Request] = []
        self._lock = threading.Lock()
        self._leading = threading.Lock()

    def take(self, allowance: Allowance) -> float:
        """Use the allowance if there is room; return 0, or the seconds until there may be.

        A cost above the whole amount is let through alone when the window is empty.
        """
        key = allowance.row_key()
        if self._from_bundle(key, _slice(allowance, self._clock()), allowance.cost):
            return 0.0
        request = _Request(key, allowance)
        with self._lock:
            self._waiting.append(request)
        acquire(self._leading)
        try:
            if request.wait is None:
                self._serve_waiting(request)
        finally:
            self._leading.release()
        return request.wait or 0.0

    def block(self, allowance: Allowance, seconds: float) -> None:
        """Let nobody use the allowance for a while, because the provider said so.

        What other processes hold in a bundle they may still use within the current slice. Nothing
        is blocked for more than an hour: a provider's slip must not lock an account out for good.
        """
        key, now = allowance.row_key(), self._clock()
        seconds = min(seconds, LONGEST_BLOCK_SECONDS)
        with self._lock:
            self._bundles.pop(key, None)
        with self._database.transaction(durable=False) as tx:
            slices, blocked_until = store.read(tx, key)
            until = max(blocked_until, now + seconds)
            store.write(tx, key, slices, until, until + 2 * allowance.per_seconds)

    def sweep(self) -> None:
        """Forget windows that are over."""
        now = self._clock()
        with self._database.transaction(durable=False) as tx:
            store.sweep(tx, now)
        with self._lock:
            self._bundles = {key: val for key, val in self._bundles.items() if val.left > 0}

    def _serve_waiting(self, leader: _Request) -> None:
        """Serve everyone who waits, in one transaction; who waits behind finds it done."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        # One order for all processes: PostgreSQL locks the keys as they come.
        waiting.sort(key=lambda request: request.key)
        bundles: dict[str, _Bundle] = {}
        try:
            with self._database.transaction(durable=False) as tx:
                waits = [self._served(tx, request, bundles) for request in waiting]
        except BaseException:
            with self._lock:
                self._waiting += [request for request in waiting if request is not leader]
            raise
        with self._lock:
            self._bundles.update({key: val for key, val in bundles.items() if val.left > 0})
        for request, wait in zip(waiting, waits, strict=True):
            request.wait = wait

    def _served(self, tx: Transaction, request: _Request, bundles: dict[str, _Bundle]) -> float:
        """Serve one request, from what the one before took ahead if that is enough."""
        allowance, bundle = request.allowance, bundles.get(request.key)
        if bundle is not None and bundle.serves(_slice(allowance, self._clock()), allowance.cost):
            return 0.0
        slices, blocked_until = store.read(tx, request.key)
        now = self._clock()  # now that the row is ours: waiting for it may have taken a while
        number = _slice(allowance, now)
        if blocked_until > now:
            return blocked_until - now
        live = {n: used for n, used in slices.items() if n >= number - SLICES}
        cost = min(allowance.cost, allowance.amount)
        room = allowance.amount - sum(live.values())
        if room < cost:
            return _wait(allowance, live, now, cost - room)
        taken = max(cost, min(room, allowance.amount // _BUNDLE_PART))
        live[number] = live.get(number, 0) + taken
        store.write(tx, request.key, live, 0.0, now + 2 * allowance.per_seconds)
        bundles[request.key] = _Bundle(taken - cost, number)
        return 0.0

    def _from_bundle(self, key: str, number: int, cost: int) -> bool:
        with self._lock:
            bundle = self._bundles.get(key)
            return bundle is not None and bundle.serves(number, cost)


def _slice(allowance: Allowance, now: float) -> int:
    return math.floor(now * SLICES / allowance.per_seconds)


def _wait(allowance: Allowance, live: dict[int, int], now: float, missing: int) -> float:
    """Return the seconds until enough old slices have left the window."""
    width = allowance.per_seconds / SLICES
    freed = 0
    for number in sorted(live):
        freed += live[number]
        if freed >= missing:
            return max(0.001, (number + SLICES + 1) * width - now)
    return allowance.per_seconds
