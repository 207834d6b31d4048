"""Open the database, SQLite or PostgreSQL, and run short transactions on it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as Transaction
from sqlalchemy import event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from connector.errors import DatabaseUnusable, FieldInvalid, Overloaded

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any constant number: the advisory lock that keeps two servers from migrating at once.
_MIGRATION_LOCK = 0x6865_6170
_BUSY_SECONDS = 15

__all__ = ["Database", "Transaction"]


class Database:
    """One engine. Open no transaction while waiting for a network."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.engine = _engine(url, pool_size)
        self._writing = threading.Lock()

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        """Open a transaction that writes: committed at the end, rolled back on an error.

        One that is not durable may be lost when the machine loses power (never when a process is
        killed); it does not wait for the disk.

        Raises
        ------
        Overloaded
            If other writers hold the database for too long.
        DatabaseUnusable
            If it cannot be reached, is full or read-only.
        FieldInvalid
            If a value cannot be stored or looked up.

        """
        with _translated(self.engine), self._turn(), self.engine.connect() as connection:
            tx = connection.execution_options(heapline_writes=True, heapline_durable=durable)
            with tx.begin():
                if not durable and self.dialect == "postgresql":
                    tx.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield tx

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads; on SQLite it waits for no writer.

        Raises as :meth:`transaction` does.
        """
        with _translated(self.engine), self.engine.connect() as tx, tx.begin():
            yield tx

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for this process's turn to write.

        SQLite takes one writer at a time and has the others come back later and later; threads
        that queue here find it free unless another process writes.
        """
        if self.dialect != "sqlite":
            yield
            return
        if not self._writing.acquire(timeout=_BUSY_SECONDS):
            raise Overloaded
        try:
            yield
        finally:
            self._writing.release()

    def upgrade(self) -> None:
        """Bring the schema to the newest revision; safe when several servers start at once.

        Raises
        ------
        DatabaseUnusable
            If the database cannot be opened, or is newer than this program.

        """
        with _translated(self.engine), self.engine.connect() as tx:
            _migrate(tx)

    def revisions(self) -> tuple[str | None, str | None]:
        """Return the revision the database is at and the one this program wants."""
        script = ScriptDirectory(str(MIGRATIONS))
        with _translated(self.engine), self.engine.connect() as tx:
            current = MigrationContext.configure(tx).get_current_revision()
        return current, script.get_current_head()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def _engine(url: str, pool_size: int) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnusable(
            "DATABASE_URL is not a database address. Write postgresql://user:password@host/name, "
            "or leave it blank for SQLite."
        ) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite_engine(url, parsed.database, pool_size)
        case "postgresql":
            # Servers allow 100 connections by default; a few processes must fit in.
            return sqlalchemy.create_engine(
                url,
                pool_size=min(pool_size, 8),
                max_overflow=12,
                pool_pre_ping=True,
                hide_parameters=True,
            )
        case other:
            raise DatabaseUnusable(
                f"DATABASE_URL names {other!r}. SQLite and PostgreSQL are supported."
            )


def _sqlite_engine(url: str, file: str | None, pool_size: int) -> Engine:
    if not file or file == ":memory:":
        raise DatabaseUnusable("SQLite needs a file: threads and processes share it.")
    if not file.startswith("file:"):
        Path(file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = sqlalchemy.create_engine(
        url,
        pool_size=pool_size,
        max_overflow=-1,
        hide_parameters=True,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin_sqlite does, with the right kind.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=FAST",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(tx: Transaction) -> None:
    # A writer takes its lock at once: upgrading a read lock later fails instead of waiting.
    # Straight to the driver: this is on the path of every request.
    options, pooled = tx.get_execution_options(), tx.connection
    execute = cast(sqlite3.Connection, pooled.dbapi_connection).execute
    durable = options.get("heapline_durable", True)
    if pooled.info.get("durable", True) != durable:
        execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        pooled.info["durable"] = durable
    execute("BEGIN IMMEDIATE" if options.get("heapline_writes") else "BEGIN")


def _migrate(tx: Transaction) -> None:
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = tx.execution_options(heapline_writes=True)
    current = MigrationContext.configure(tx).get_current_revision()
    known = {revision.revision for revision in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseUnusable(
            f"The database is at revision {current}, which this version does not know: it was "
            "used by a newer Heapline. Install that version or restore a backup."
        )
    command.upgrade(config, "head")
    tx.commit()


@contextmanager
def _translated(engine: Engine) -> Iterator[None]:
    """Turn what drivers raise when the database does not work into our errors."""
    try:
        yield
    except PoolTimeoutError as error:
        raise Overloaded from error
    except (DataError, psycopg.DataError, UnicodeEncodeError) as error:
        # Null characters (PostgreSQL), halves of surrogate pairs, more text than a column takes.
        raise FieldInvalid(
            "A value is too long or holds a character that cannot be kept."
        ) from error
    except (IntegrityError, ProgrammingError):
        raise  # a fault of ours, not of the database
    except (DatabaseError, sqlite3.DatabaseError, psycopg.DatabaseError) as error:
        if "database is locked" in str(error):
            raise Overloaded from error
        raise DatabaseUnusable(_why(error, engine)) from error


def _why(error: DBAPIError | sqlite3.DatabaseError | psycopg.DatabaseError, engine: Engine) -> str:
    where = engine.url.render_as_string(hide_password=True)
    text = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    first = text.splitlines()[0] if text else "no reason given"
    return f"The database {where} cannot be used: {first}"
