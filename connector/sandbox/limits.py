"""Exact sliding-window rate limits."""

import threading
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_SWEEP_EVERY = 4096


@dataclass(frozen=True)
class Demand:
    """A wish to use up part of a limit."""

    #: What the limit counts, such as one identity in one environment.
    key: Hashable
    amount: int
    allowed: int
    window_seconds: float


class Limiter:
    """Admit demands while fewer than the allowed amount lie within the window."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._lock = threading.Lock()
        self._used: dict[Hashable, _Window] = {}
        self._admissions = 0

    def admit(self, demands: Sequence[Demand], now: float) -> float:
        """Use up all demands and return 0, or none of them and return the seconds to wait."""
        with self._lock:
            windows = [self._window(demand, now) for demand in demands]
            wait = max(
                (
                    window.wait_for(demand, now)
                    for window, demand in zip(windows, demands, strict=True)
                ),
                default=0.0,
            )
            if wait == 0:
                for window, demand in zip(windows, demands, strict=True):
                    window.use(demand.amount, now)
            self._sweep(now)
            return wait

    def forget(self) -> None:
        """Forget everything used so far."""
        with self._lock:
            self._used.clear()

    def _window(self, demand: Demand, now: float) -> "_Window":
        window = self._used.get(demand.key)
        if window is None:
            window = self._used[demand.key] = _Window(demand.window_seconds)
        window.expire(now)
        return window

    def _sweep(self, now: float) -> None:
        self._admissions += 1
        if self._admissions % _SWEEP_EVERY:
            return
        for window in self._used.values():
            window.expire(now)
        self._used = {key: window for key, window in self._used.items() if window.total}


class _Window:
    """What was used within the last seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: deque[tuple[float, int]] = deque()
        self.total = 0

    def expire(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now - self._seconds:
            self.total -= self._entries.popleft()[1]

    def use(self, amount: int, now: float) -> None:
        self._entries.append((now, amount))
        self.total += amount

    def wait_for(self, demand: Demand, now: float) -> float:
        excess = self.total + demand.amount - demand.allowed
        if excess <= 0:
            return 0.0
        for at, amount in self._entries:
            excess -= amount
            if excess <= 0:
                return max(at + self._seconds - now, 0.001)
        return self._seconds
