"""Storing events, users, accounts and identifications; runs in the caller's transaction."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from connector.sandbox.rules import (
    AccountProperties,
    Identification,
    Properties,
    TrackedEvent,
    UserProperties,
)

#: How many user ids one identity may be given in a calendar month (UTC).
USER_IDS_PER_MONTH = 10

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class People:
    """One environment's events, users and accounts at one moment."""

    def __init__(
        self, connection: sqlite3.Connection, app_id: str, now_ms: int, revision: int
    ) -> None:
        """Take the transaction to write in."""
        self._connection = connection
        self._app_id = app_id
        self._now = now_ms
        self._revision = revision

    def track(self, events: Sequence[TrackedEvent]) -> None:
        """Store events; one whose idempotency key is known changes nothing."""
        fresh = self._without_repeats(events)
        owners = self._owners({event.user_id for event in fresh if event.user_id})
        rows = [
            (
                self._app_id,
                event.event,
                event.identity or owners.get(event.user_id or ""),
                event.user_id,
                event.session_id,
                _encode(event.properties) if event.properties else "{}",
                self._now if event.timestamp is None else event.timestamp,
                self._now,
                event.idempotency_key,
            )
            for event in fresh
        ]
        self._connection.executemany(
            "INSERT INTO events (app_id, event, identity, user_id, session_id, properties,"
            " timestamp, received, idempotency_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._add_users({(row[2], None if row[2] else row[3]) for row in rows})
        self._count("events", len(rows))

    def add_user_properties(self, users: Sequence[UserProperties]) -> None:
        """Merge properties into users, creating those that are not there."""
        self._add_users({(user.identity, None) for user in users})
        self._connection.executemany(
            "UPDATE users SET properties = json_patch(properties, ?), email = coalesce(?, email),"
            " updated = ?, revision = ? WHERE app_id = ? AND identity = ?",
            [self._user_row(user) for user in users],
        )

    def add_account_properties(self, accounts: Sequence[AccountProperties]) -> None:
        """Merge properties into accounts, creating those that are not there."""
        cursor = self._connection.executemany(
            "INSERT OR IGNORE INTO accounts (app_id, account_id, properties, created, updated,"
            " revision) VALUES (?, ?, '{}', ?, ?, ?)",
            [
                (self._app_id, account.account_id, self._now, self._now, self._revision)
                for account in accounts
            ],
        )
        self._count("accounts", cursor.rowcount)
        self._connection.executemany(
            "UPDATE accounts SET properties = json_patch(properties, ?), updated = ?,"
            " revision = ? WHERE app_id = ? AND account_id = ?",
            [
                (_encode(a.properties), self._now, self._revision, self._app_id, a.account_id)
                for a in accounts
            ],
        )

    def identify(self, wish: Identification) -> bool:
        """Tie a user id to an identity and move its events; beyond Heap's limits do nothing.

        Return whether anything was done.
        """
        if self._owners({wish.user_id}) or self._is_full(wish.identity):
            return False
        self._connection.execute(
            "INSERT INTO user_ids VALUES (?, ?, ?, ?)",
            (self._app_id, wish.user_id, wish.identity, self._now),
        )
        self._add_users([(wish.identity, None)])
        self._connection.execute(
            "UPDATE users SET updated = ?, revision = ? WHERE app_id = ? AND identity = ?",
            (self._now, self._revision, self._app_id, wish.identity),
        )
        self._connection.execute(
            "UPDATE events SET identity = ? WHERE app_id = ? AND user_id = ?",
            (wish.identity, self._app_id, wish.user_id),
        )
        gone = self._connection.execute(
            "DELETE FROM users WHERE app_id = ? AND user_id = ? AND identity IS NULL",
            (self._app_id, wish.user_id),
        )
        self._count("users", -gone.rowcount)
        return True

    def delete(self, identities: Iterable[str], user_ids: Iterable[str]) -> None:
        """Remove users, everything tied to them and their events."""
        owners = self._owners(set(user_ids))
        for identity in {*identities, *owners.values()}:
            self._remove("identity = ?", identity)
        for user_id in user_ids:
            self._remove("user_id = ?", user_id)

    def _remove(self, condition: str, value: str) -> None:
        where = f"WHERE app_id = ? AND {condition}"
        for table in ("events", "users", "user_ids"):
            cursor = self._connection.execute(
                f"DELETE FROM {table} {where}",  # noqa: S608
                (self._app_id, value),
            )
            if table != "user_ids":
                self._count(table, -cursor.rowcount)

    def _without_repeats(self, events: Sequence[TrackedEvent]) -> list[TrackedEvent]:
        keys = [event.idempotency_key for event in events if event.idempotency_key]
        if not keys:
            return list(events)
        rows = self._connection.execute(
            "SELECT idempotency_key FROM events WHERE app_id = ?"
            " AND idempotency_key IN (SELECT value FROM json_each(?))",
            (self._app_id, _encode(keys)),
        )
        seen = {row[0] for row in rows}
        fresh = []
        for event in events:
            if event.idempotency_key and event.idempotency_key in seen:
                continue
            seen.add(event.idempotency_key)
            fresh.append(event)
        return fresh

    def _owners(self, user_ids: set[str]) -> dict[str, str]:
        """Return the identity that each of these user ids was tied to, if any."""
        if not user_ids:
            return {}
        rows = self._connection.execute(
            "SELECT user_id, identity FROM user_ids WHERE app_id = ?"
            " AND user_id IN (SELECT value FROM json_each(?))",
            (self._app_id, _encode(list(user_ids))),
        )
        return {row[0]: row[1] for row in rows}

    def _is_full(self, identity: str) -> bool:
        today = datetime.fromtimestamp(self._now / 1000, UTC)
        month = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        row = self._connection.execute(
            "SELECT count(*) FROM user_ids WHERE app_id = ? AND identity = ? AND linked >= ?",
            (self._app_id, identity, int(month.timestamp() * 1000)),
        ).fetchone()
        return int(row[0]) >= USER_IDS_PER_MONTH

    def _add_users(self, users: Iterable[tuple[str | None, str | None]]) -> None:
        """Create those users, given as identity or user id, that are not there."""
        cursor = self._connection.executemany(
            "INSERT OR IGNORE INTO users (app_id, identity, user_id, created, updated, revision)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(self._app_id, *user, self._now, self._now, self._revision) for user in users],
        )
        self._count("users", cursor.rowcount)

    def _user_row(self, user: UserProperties) -> tuple[object, ...]:
        properties: Properties = dict(user.properties)
        # Only the lower-case name writes Heap's built-in Email property.
        email = properties.pop("email", None)
        return (
            _encode(properties),
            None if email is None else str(email),
            self._now,
            self._revision,
            self._app_id,
            user.identity,
        )

    def _count(self, kind: str, added: int) -> None:
        if added == 0:
            return
        self._connection.execute(
            "INSERT INTO totals VALUES (?, ?, ?)"
            " ON CONFLICT (app_id, kind) DO UPDATE SET total = total + excluded.total",
            (self._app_id, kind, added),
        )
