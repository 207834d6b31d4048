"""Ending tokens by hand; runs in the caller's transaction."""

import sqlite3

_TOKEN_TABLES = ("access_tokens", "api_tokens")


def revoke_access_tokens(connection: sqlite3.Connection, token: str | None, now: float) -> int:
    """Revoke one token or all, leave refresh tokens alone, and return how many it were."""
    return _set(connection, "revoked_at", token, now)


def expire_access_tokens(connection: sqlite3.Connection, token: str | None, now: float) -> int:
    """Let one token or all expire now and return how many it were."""
    return _set(connection, "expires_at", token, now)


def _set(connection: sqlite3.Connection, column: str, token: str | None, now: float) -> int:
    changed = 0
    for table in _TOKEN_TABLES:
        cursor = connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE revoked_at IS NULL"  # noqa: S608
            " AND (expires_at IS NULL OR expires_at > ?) AND (? IS NULL OR token = ?)",
            (now, now, token, token),
        )
        changed += cursor.rowcount
    return changed


def revoke_grants(connection: sqlite3.Connection, app_id: str | None, now: float) -> int:
    """End the grants of one environment or of all, as its owner would, and return how many."""
    return connection.execute(
        "UPDATE grants SET revoked_at = ? WHERE revoked_at IS NULL AND (? IS NULL OR app_id = ?)",
        (now, app_id, app_id),
    ).rowcount
