"""The sandbox's one source of time, which can be moved forward so that nobody has to wait."""

import threading
import time


class Clock:
    """Wall-clock time plus an offset."""

    def __init__(self) -> None:
        """Start level with the machine's clock."""
        self._offset = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self._offset

    def now_ms(self) -> int:
        """Return whole milliseconds since the epoch."""
        return int(self.now() * 1000)

    def advance(self, seconds: float) -> float:
        """Move time forward and return the whole offset."""
        with self._lock:
            self._offset += seconds
            return self._offset

    def restore(self) -> None:
        """Return to the machine's clock."""
        with self._lock:
            self._offset = 0.0
