"""User deletion: short-lived API tokens, requests to delete, and their carrying out.

Functions that take a connection run in the caller's transaction.
"""

import hmac
import json
import secrets
import sqlite3
import uuid
from typing import NamedTuple

from connector.sandbox.clock import Clock
from connector.sandbox.database import Database
from connector.sandbox.environments import app_ids_of_account, find_environment
from connector.sandbox.people import People
from connector.sandbox.rules import read_user_id

MAX_DELETIONS = 10_000


class UnacceptableDeletionError(ValueError):
    """A list of users to delete cannot be understood."""


class Doomed(NamedTuple):
    """The users that one request wants to be deleted."""

    identities: list[str]
    user_ids: list[str]


def read_doomed(body: object) -> Doomed:
    """Read the users of a deletion request, each given by `identity` or `user_id`.

    Raises UnacceptableDeletionError.
    """
    users = body.get("users") if isinstance(body, dict) else None
    if not isinstance(users, list):
        raise UnacceptableDeletionError("users should be array")
    if len(users) > MAX_DELETIONS:
        raise UnacceptableDeletionError(f"users should NOT have more than {MAX_DELETIONS} items")
    doomed = Doomed([], [])
    for index, user in enumerate(users):
        if not _read_user(user, doomed):
            raise UnacceptableDeletionError(f"users[{index}] should have a user_id or an identity")
    return doomed


def _read_user(user: object, doomed: Doomed) -> bool:
    if not isinstance(user, dict) or ("identity" in user) == ("user_id" in user):
        return False
    identity, user_id = user.get("identity"), read_user_id(user.get("user_id"))
    if isinstance(identity, str) and identity:
        doomed.identities.append(identity)
    elif user_id is not None:
        doomed.user_ids.append(user_id)
    else:
        return False
    return True


def issue_api_token(
    connection: sqlite3.Connection, app_id: str, api_key: str, expires_at: float
) -> str | None:
    """Return a new token, or None unless this is the key of the environment."""
    environment = find_environment(connection, app_id)
    if environment is None or environment.api_key is None:
        return None
    if not hmac.compare_digest(environment.api_key.encode(), api_key.encode("utf-8", "replace")):
        return None
    token = secrets.token_urlsafe(48)
    connection.execute("INSERT INTO api_tokens VALUES (?, ?, ?, NULL)", (token, app_id, expires_at))
    return token


def account_of_token(connection: sqlite3.Connection, token: str, now: float) -> str | None:
    """Return the account that a token may delete users of, while it is good."""
    row = connection.execute(
        "SELECT e.account FROM api_tokens t JOIN environments e ON e.app_id = t.app_id"
        " WHERE t.token = ? AND t.expires_at > ? AND t.revoked_at IS NULL",
        (token, now),
    ).fetchone()
    return row[0] if row else None


def request_deletion(
    connection: sqlite3.Connection, account: str, doomed: Doomed, due_at: float
) -> str:
    """Note a request for later and return its id."""
    deletion_id = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO deletions (id, account, users, due_at) VALUES (?, ?, ?, ?)",
        (deletion_id, account, json.dumps(doomed), due_at),
    )
    return deletion_id


def deletion_status(connection: sqlite3.Connection, account: str, deletion_id: str) -> str | None:
    """Return `pending`, `complete`, or None when this account made no such request."""
    row = connection.execute(
        "SELECT done FROM deletions WHERE id = ? AND account = ?", (deletion_id, account)
    ).fetchone()
    if row is None:
        return None
    return "complete" if row["done"] else "pending"


def carry_out_due(database: Database, clock: Clock) -> bool:
    """Carry out the deletions whose time has come, in all environments of their accounts."""
    with database.reading() as connection:
        if not _due(connection, clock.now()):
            return False
    with database.writing() as connection:
        due = _due(connection, clock.now())
        for row in due:
            doomed = Doomed(*json.loads(row["users"]))
            for app_id in app_ids_of_account(connection, row["account"]):
                people = People(connection, app_id, clock.now_ms(), database.next_revision())
                people.delete(doomed.identities, doomed.user_ids)
            connection.execute("UPDATE deletions SET done = 1 WHERE id = ?", (row["id"],))
    return bool(due)


def _due(connection: sqlite3.Connection, now: float) -> list[sqlite3.Row]:
    return connection.execute(
        "SELECT * FROM deletions WHERE done = 0 AND due_at <= ?", (now,)
    ).fetchall()
