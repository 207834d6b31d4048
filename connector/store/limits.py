"""How much of each rate limit is used: one row a key, its window cut into slices."""

from __future__ import annotations

import json

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from connector.database import Transaction
from connector.tables import rate_windows

_READ = select(rate_windows.c.slices, rate_windows.c.blocked_until).where(
    rate_windows.c.key == bindparam("key")
)


def _upsert(dialect: object) -> object:
    statement = dialect.insert(rate_windows)  # type: ignore[attr-defined]
    return statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            name: getattr(statement.excluded, name)
            for name in ("slices", "blocked_until", "expires_at")
        },
    )


_UPSERT = {"sqlite": _upsert(sqlite), "postgresql": _upsert(postgresql)}


def read(tx: Transaction, key: str) -> tuple[dict[int, int], float]:
    """Return the used amount by slice number, and until when the key is blocked.

    The row stays locked until the transaction ends. On PostgreSQL a key that has no row yet is
    guarded by an advisory lock instead.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
    row = tx.execute(_READ, {"key": key}).first()
    if row is None:
        return {}, 0.0
    return {int(number): used for number, used in json.loads(row.slices).items()}, row.blocked_until


def write(
    tx: Transaction, key: str, slices: dict[int, int], blocked_until: float, expires_at: float
) -> None:
    """Store what :func:`read` gave, changed."""
    tx.execute(
        _UPSERT[tx.dialect.name],  # type: ignore[call-overload]
        {
            "key": key,
            "slices": json.dumps(slices),
            "blocked_until": blocked_until,
            "expires_at": expires_at,
        },
    )


def sweep(tx: Transaction, now: float) -> int:
    """Delete windows that no longer matter; return how many went."""
    return tx.execute(delete(rate_windows).where(rate_windows.c.expires_at < now)).rowcount
