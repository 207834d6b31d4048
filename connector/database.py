"""Open the database, SQLite or PostgreSQL, and run short transactions on it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
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

from connector.durability import LogFlush, SharedFlush
from connector.errors import DatabaseUnusable, FieldInvalid, Overloaded
from connector.turnstile import Waiting, acquire

MIGRATIONS = Path(__file__).parent / "migrations"
#: Any constant number: the advisory lock that keeps two servers from migrating at once.
_MIGRATION_LOCK = 0x6865_6170
_BUSY_SECONDS = 15
#: What a transaction is begun for; SQLite must know.
_READS, _WRITES = "reads", "writes"

__all__ = ["Database", "Transaction"]


class Database:
    """One engine. Open no transaction while waiting for a network."""

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        self.engine = _engine(url, pool_size)
        self._writing = threading.Lock()
        self._readers: list[Transaction] = []
        self._writers: list[Transaction] = []

    @property
    def dialect(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """Return what is raised when it cannot be used just now."""
        return DatabaseUnusable, Overloaded

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
        with _translated(self.engine), self._away():
            with self._alone(), self._connection(self._writers) as tx:
                tx.connection.info["begins"] = _WRITES
                with tx.begin():
                    if not durable and self.dialect == "postgresql":
                        tx.exec_driver_sql("SET LOCAL synchronous_commit = off")
                    yield tx
            if durable:
                self._wait_for_the_disk()

    def _wait_for_the_disk(self) -> None:
        if self._flush is None:
            return
        try:
            with Waiting():
                self._flush.wait()
        except OSError as error:
            raise DatabaseUnusable(
                f"The database cannot be written to the disk: {error}"
            ) from error

    @cached_property
    def _flush(self) -> SharedFlush | None:
        """What has commits written to the disk; nothing for PostgreSQL, which does so itself."""
        if self.dialect != "sqlite":
            return None
        with self.engine.connect() as tx:
            # As SQLite sees it: an address may hold options, and a path be relative.
            file = tx.exec_driver_sql("PRAGMA database_list").one()[2]
        return SharedFlush(LogFlush(Path(file)))

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads; on SQLite it waits for no writer.

        It begins with the first statement of SQLAlchemy's: a prepared one alone needs none. Raises
        as :meth:`transaction` does.
        """
        with _translated(self.engine), self._away(), self._connection(self._readers) as tx:
            tx.connection.info["begins"] = _READS
            yield tx

    @contextmanager
    def _connection(self, idle: list[Transaction]) -> Iterator[Transaction]:
        """Lend a connection.

        For SQLite they are kept at hand: making SQLAlchemy's costs more than what is asked of them.
        """
        if self.dialect != "sqlite":
            with self.engine.connect() as tx:
                yield tx
            return
        try:
            tx = idle.pop()
        except IndexError:
            tx = self.engine.connect()
        try:
            yield tx
        except BaseException:
            tx.close()
            raise
        tx.rollback()
        idle.append(tx)

    def _away(self) -> AbstractContextManager[None]:
        """Give up the thread's turn for a server's answers; a file's come at once."""
        return Waiting() if self.dialect == "postgresql" else nullcontext()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread of this process writes.

        SQLite takes one writer at a time and has the others come back later and later; threads
        that queue here find it free unless another process writes.
        """
        if self.dialect != "sqlite":
            yield
            return
        if not acquire(self._writing, _BUSY_SECONDS):
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
        with self.reading() as tx:
            current = MigrationContext.configure(tx).get_current_revision()
        return current, script.get_current_head()

    def close(self) -> None:
        """Close every connection that is not in use."""
        for idle in (self._readers, self._writers):
            while idle:
                idle.pop().close()
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
            return _postgres_engine(url, pool_size)
        case other:
            raise DatabaseUnusable(
                f"DATABASE_URL names {other!r}. SQLite and PostgreSQL are supported."
            )


def _postgres_engine(url: str, pool_size: int) -> Engine:
    # Servers allow 100 connections by default; a few processes must fit in.
    engine = sqlalchemy.create_engine(
        url,
        pool_size=min(pool_size, 8),
        max_overflow=12,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(dbapi_connection: Any, _record: Any) -> None:
    """Have the server end a transaction whose process froze, so that its locks hold nobody up."""
    with dbapi_connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_BUSY_SECONDS}s'")
        cursor.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
    dbapi_connection.commit()


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
        "synchronous=NORMAL",  # who must be sure waits for a flush: see durability
        "foreign_keys=ON",
        "secure_delete=FAST",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(tx: Transaction) -> None:
    # A writer takes its lock at once: upgrading a read lock later fails instead of waiting.
    # Straight to the driver: this is on the path of every request.
    pooled = tx.connection
    begins = pooled.info.get("begins", _READS)
    execute = cast(sqlite3.Connection, pooled.dbapi_connection).execute
    if pooled.info.get("prepared_for") != begins:
        execute(f"PRAGMA busy_timeout={1000 * _BUSY_SECONDS if begins == _READS else 0}")
        pooled.info["prepared_for"] = begins
    if begins == _READS:
        execute("BEGIN")
    else:
        _begin_writing(execute)


def _begin_writing(execute: Callable[[str], object]) -> None:
    """Wait for writers of other processes.

    SQLite would sleep 1 to 100 ms between its attempts; most transactions take a tenth of one.
    """
    deadline, pause = time.monotonic() + _BUSY_SECONDS, 0.0001
    while True:
        try:
            execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
        else:
            return
        with Waiting():
            time.sleep(pause)
        pause = min(1.5 * pause, 0.02)


def _migrate(tx: Transaction) -> None:
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    tx.connection.info["begins"] = _WRITES
    config.attributes["connection"] = tx
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
