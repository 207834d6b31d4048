"""What the engine needs of a database: short transactions on SQLite or PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection as Transaction

__all__ = ["Database", "Transaction"]


class Database(Protocol):
    """Opens transactions. None is open while a step waits for a network."""

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What is raised when it cannot be used just now: full, read-only, away, too busy."""

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """Open one that writes: committed at the end, rolled back on an error.

        One that is not durable survives the death of the process, not that of the machine.
        """

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open one that only reads."""
