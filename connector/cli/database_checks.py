"""What `heapline doctor` looks at in the database."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from connector import tables
from connector.cli.checks import Finding, Findings, Mark
from connector.config import Settings
from connector.database import Database
from connector.errors import DatabaseUnusable, HeaplineError
from connector.models import Project
from connector.sealing import Sealer
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.vault import KeyRing

#: No server of this version ran before: a clock that says so has lost its battery.
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_MOST_SECONDS_APART = 30


def examine(given: Settings) -> Findings:
    """Look at schema, seals, projects and clock; an SQLite file is not made."""
    file = _sqlite_file(given)
    if file is not None and not file.exists():
        yield Finding(
            Mark.NOTE, "Database", f"{file} is not there yet.", "The first start makes it."
        )
        return
    try:
        database = Database(given.storage_url(), pool_size=1)
        current, wanted = database.revisions()
    except DatabaseUnusable as error:
        yield Finding(Mark.BAD, "Database", error.message, "Check DATABASE_URL and the server.")
        return
    try:
        yield _schema(current, wanted)
        if current == wanted:
            yield from _contents(given, database)
    finally:
        database.close()


def _schema(current: str | None, wanted: str | None) -> Finding:
    if current == wanted:
        return Finding(Mark.GOOD, "Database", f"It answers, at revision {current}.")
    if current is None or (wanted is not None and current < wanted):
        words = f"It is at revision {current or 'none'}; this version wants {wanted}."
        return Finding(Mark.NOTE, "Database", words, "heapline database upgrade")
    words = f"It is at revision {current}, made by a newer version than this one."
    return Finding(Mark.BAD, "Database", words, "Install that version, or restore a backup.")


def _contents(given: Settings, database: Database) -> Findings:
    yield _seals(given, database)
    with database.reading() as tx:
        projects = project_store.all_projects(tx)
        any_operator = project_store.any_operator(tx)
        keyless = [
            project
            for project in projects
            if not key_store.signing_keys_of(tx, project.id, active=True)
        ]
    yield from _people(projects, keyless, any_operator=any_operator)
    yield _clock(database)


def _seals(given: Settings, database: Database) -> Finding:
    """Unwrap every data key: that takes the right master keys, and no user's secret is opened."""
    file = given.data_dir / "master-keys"
    with database.reading() as tx:
        rows = key_store.data_keys_all(tx)
    if not rows:
        return Finding(Mark.GOOD, "Sealed data", "There is none yet.")
    if not given.master_keys and not file.exists():
        words = f"{file} is gone, and with it the way to open {len(rows)} data keys."
        return Finding(Mark.BAD, "Sealed data", words, "Bring the file back from a backup.")
    try:
        sealer = Sealer(KeyRing.from_settings(given.master_keys, given.data_dir))
        with database.reading() as tx:
            for row in rows:
                sealer.data_key(tx, row.project_id, row.id)
    except HeaplineError as error:
        remedy = "Set the master keys that this database was used with."
        return Finding(Mark.BAD, "Sealed data", error.message, remedy)
    except OSError as error:
        words = f"{file} cannot be read: {error.strerror}."
        return Finding(Mark.BAD, "Sealed data", words, "Run this as the server's own user.")
    return Finding(Mark.GOOD, "Sealed data", f"The master keys open all {len(rows)} data keys.")


def _people(projects: list[Project], keyless: list[Project], *, any_operator: bool) -> Findings:
    if not any_operator:
        remedy = "heapline operators add you@example.com"
        yield Finding(Mark.NOTE, "Operators", "Nobody can sign in to the console yet.", remedy)
    if not projects:
        remedy = "heapline projects create NAME --origin https://your-app.example"
        yield Finding(Mark.NOTE, "Projects", "There is none yet.", remedy)
    for project in keyless:
        words = f"{project.name} has no active signing key, so no user token is valid."
        remedy = f"heapline signing-keys new --project {project.id} --out private.pem"
        yield Finding(Mark.NOTE, "Signing keys", words, remedy)
    if any_operator and projects and not keyless:
        words = f"{len(projects)} with operators and active signing keys."
        yield Finding(Mark.GOOD, "Projects", words)


def _clock(database: Database) -> Finding:
    """Compare this machine's clock with the database's, or with what was written last."""
    now = time.time()
    remedy = "Set the clock, and keep it right with NTP: tokens and limits depend on it."
    if now < _EARLIEST:
        words = f"It says {datetime.fromtimestamp(now, UTC):%Y-%m-%d}."
        return Finding(Mark.BAD, "Clock", words, remedy)
    ahead = _other_clock(database) - now
    if database.dialect != "postgresql":
        ahead = max(0.0, ahead)  # what was written last is in the past, as it should be
    if abs(ahead) > _MOST_SECONDS_APART:
        words = f"It is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} the database."
        return Finding(Mark.BAD, "Clock", words, remedy)
    return Finding(Mark.GOOD, "Clock", f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC")


def _other_clock(database: Database) -> float:
    with database.reading() as tx:
        if database.dialect == "postgresql":
            now = tx.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar()
            return float(now or 0)
        newest = [
            tx.execute(select(func.max(table.c.created_at))).scalar()
            for table in (tables.projects, tables.connections, tables.request_log)
        ]
    return max((float(one) for one in newest if one is not None), default=0.0)


def _sqlite_file(given: Settings) -> Path | None:
    url = given.storage_url()
    if not url.startswith("sqlite"):
        return None
    name = make_url(url).database
    return Path(name) if name else None
