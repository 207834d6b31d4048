"""Questions about what the sandbox holds; each runs in the caller's reading transaction."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

Report = dict[str, Any]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

#: The tables that can be listed, with the condition behind each filter.
_FILTERS: dict[str, dict[str, str]] = {
    "events": {
        "app_id": "app_id = ?",
        "event": "event = ?",
        "identity": "identity = ?",
        "user_id": "user_id = ?",
        "idempotency_key": "idempotency_key = ?",
    },
    "users": {
        "app_id": "app_id = ?",
        "identity": "identity = ?",
        "user_id": "user_id = ?",
        "email": "email = ?",
    },
    "accounts": {"app_id": "app_id = ?", "account_id": "account_id = ?"},
    "requests": {
        "method": "method = ?",
        "path": "path GLOB ?",
        "status": "status = CAST(? AS INTEGER)",
        "fault": "fault = ?",
    },
}
_JSON_COLUMNS = frozenset({"properties", "headers"})
_INNER_COLUMNS = frozenset({"revision"})


class InvalidQueryError(ValueError):
    """A list cannot be asked for in this way."""


def list_rows(connection: sqlite3.Connection, table: str, query: Mapping[str, str]) -> Report:
    """Return one page of a table, oldest first, and where the next page starts.

    Raises InvalidQueryError, naming what can be asked.
    """
    filters = _FILTERS[table]
    conditions, values = ["id > ?"], [str(_whole(query, "after", 0, 2**63 - 1))]
    limit = _whole(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    for name, value in query.items():
        if name in filters:
            conditions.append(filters[name])
            values.append(value)
        elif name not in ("after", "limit"):
            known = ", ".join([*filters, "after", "limit"])
            raise InvalidQueryError(f"{name}: no such filter; there are {known}")
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?",  # noqa: S608
        (*values, limit + 1),
    ).fetchall()
    page = rows[:limit]
    items = [_as_json(row) for row in page]
    if table == "users":
        _add_user_ids(connection, items)
    return {"items": items, "next_after": page[-1]["id"] if len(rows) > limit else None}


def _whole(query: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= highest):
        raise InvalidQueryError(f"{name}: expected a whole number from 0 to {highest}")
    return int(text)


def _as_json(row: sqlite3.Row) -> Report:
    return {
        name: json.loads(row[name]) if name in _JSON_COLUMNS else row[name]
        for name in row.keys()  # noqa: SIM118 - a row iterates over its values
        if name not in _INNER_COLUMNS
    }


def _add_user_ids(connection: sqlite3.Connection, users: list[Report]) -> None:
    for user in users:
        rows = connection.execute(
            "SELECT user_id FROM user_ids WHERE app_id = ? AND identity = ? ORDER BY linked",
            (user["app_id"], user["identity"]),
        )
        user["user_ids"] = [row[0] for row in rows] or [user["user_id"]] * bool(user["user_id"])


def totals(connection: sqlite3.Connection) -> Report:
    """Return how many events, users and accounts there are, in all and by App ID."""
    counts: Report = {"events": 0, "users": 0, "accounts": 0}
    by_app_id: dict[str, dict[str, int]] = {}
    for app_id, kind, total in connection.execute("SELECT * FROM totals ORDER BY app_id"):
        counts[kind] += total
        by_app_id.setdefault(app_id, {"events": 0, "users": 0, "accounts": 0})[kind] = total
    requests = connection.execute("SELECT count(*) FROM requests").fetchone()[0]
    return {**counts, "requests": requests, "by_app_id": by_app_id}


def latest_marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the id of the newest event and the newest revision of users and accounts."""
    row = connection.execute(
        "SELECT coalesce((SELECT max(id) FROM events), 0),"
        " max(coalesce((SELECT max(revision) FROM users), 0),"
        " coalesce((SELECT max(revision) FROM accounts), 0))"
    ).fetchone()
    return int(row[0]), int(row[1])


def newest(
    connection: sqlite3.Connection, table: str, column: str, after: int, limit: int
) -> list[Report]:
    """Return the rows of a table whose id or revision lies beyond a mark, newest first."""
    rows = connection.execute(
        f"SELECT * FROM {table} WHERE {column} > ? ORDER BY {column} DESC, id DESC LIMIT ?",  # noqa: S608
        (after, limit),
    ).fetchall()
    return [_as_json(row) for row in rows]
