"""The demo Heap accounts, their environments and keys."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """One Heap environment; `app_id` is what ingestion calls carry."""

    app_id: str
    account: str
    name: str
    production: bool
    #: Only the main production environment of an account has one.
    api_key: str | None
    authorized_by: str


DEMO_ENVIRONMENTS = (
    Environment(
        app_id="2544353",
        account="Acme Inc.",
        name="Main Production",
        production=True,
        api_key="0c8a6f5e-7d43-4b1f-9a52-3e6d9b7c1f20",
        authorized_by="alice@acme.example",
    ),
    Environment(
        app_id="2544354",
        account="Acme Inc.",
        name="Development",
        production=False,
        api_key=None,
        authorized_by="alice@acme.example",
    ),
    # Larger than a 32-bit integer, as some real ids are.
    Environment(
        app_id="3207896401",
        account="Globex",
        name="Main Production",
        production=True,
        api_key="9e2b4d17-56f8-4c0a-8f3d-71c5a0e4b682",
        authorized_by="hank@globex.example",
    ),
)


def add_demo_environments(connection: sqlite3.Connection) -> None:
    """Write the demo environments unless they are there."""
    connection.executemany(
        "INSERT OR IGNORE INTO environments VALUES (?, ?, ?, ?, ?, ?)",
        [
            (e.app_id, e.account, e.name, e.production, e.api_key, e.authorized_by)
            for e in DEMO_ENVIRONMENTS
        ],
    )


def list_environments(connection: sqlite3.Connection) -> list[Environment]:
    """Return every environment, account by account, production first."""
    rows = connection.execute(
        "SELECT * FROM environments ORDER BY account, production DESC, app_id"
    )
    return [_from_row(row) for row in rows]


def find_environment(connection: sqlite3.Connection, app_id: str) -> Environment | None:
    """Return one environment by its App ID."""
    row = connection.execute("SELECT * FROM environments WHERE app_id = ?", (app_id,)).fetchone()
    return _from_row(row) if row else None


def app_ids_of_account(connection: sqlite3.Connection, account: str) -> list[str]:
    """Return the App IDs of all environments of an account."""
    rows = connection.execute("SELECT app_id FROM environments WHERE account = ?", (account,))
    return [row[0] for row in rows]


def _from_row(row: sqlite3.Row) -> Environment:
    return Environment(
        app_id=row["app_id"],
        account=row["account"],
        name=row["name"],
        production=bool(row["production"]),
        api_key=row["api_key"],
        authorized_by=row["authorized_by"],
    )
