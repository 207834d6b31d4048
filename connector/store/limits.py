"""How much of each rate limit is used: one row a key, its window cut into slices."""

from __future__ import annotations

import json

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from connector.database import Transaction
from connector.tables import rate_windows
from workflow.prepared import Prepared

_READ = Prepared(
    select(rate_windows.c.slices, rate_windows.c.blocked_until).where(
        rate_windows.c.key == bindparam("key")
    )
)


def _upsert(statement: sqlite.Insert | postgresql.Insert) -> Prepared:
    names = ("slices", "blocked_until", "expires_at")
    return Prepared(
        statement.values({name: bindparam(name) for name in ("key", *names)}).on_conflict_do_update(
            index_elements=["key"], set_={name: getattr(statement.excluded, name) for name in names}
        )
    )


_UPSERT = {
    "sqlite": _upsert(sqlite.insert(rate_windows)),
    "postgresql": _upsert(postgresql.insert(rate_windows)),
}


def read(tx: Transaction, key: str) -> tuple[dict[int, int], float]:
    """Return the used amount by slice number, and until when the key is blocked.

    The row stays locked until the transaction ends. On PostgreSQL a key that has no row yet is
    guarded by an advisory lock instead.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
    rows = _READ.run(tx, {"key": key})
    if not rows:
        return {}, 0.0
    slices = json.loads(rows[0]["slices"])
    return {int(number): used for number, used in slices.items()}, rows[0]["blocked_until"]


def write(
    tx: Transaction, key: str, slices: dict[int, int], blocked_until: float, expires_at: float
) -> None:
    """Store what :func:`read` gave, changed."""
    _UPSERT[tx.dialect.name].run(
        tx,
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
