"""The sandbox's state in one SQLite file: one writer at a time, readers from a pool."""

import contextlib
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from connector.sandbox.schema import SCHEMA


class StoppedError(Exception):
    """The sandbox has stopped, so its data is closed."""


class Database:
    """Give out connections to one SQLite file."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file at `path`, or a temporary one that `close` removes."""
        self._folder = None if path else tempfile.TemporaryDirectory(prefix="heap-sandbox-")
        self._path = path or Path(self._folder.name if self._folder else "") / "sandbox.db"
        self._lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._closed = False
        self._idle: list[sqlite3.Connection] = []
        self._writer = self._connect()
        self._writer.execute("PRAGMA journal_mode = WAL")
        # A sandbox's file is worth a crash of the process, never a wait for the disk.
        self._writer.execute("PRAGMA synchronous = OFF")
        self._writer.executescript(SCHEMA)
        self._revision = self._last_revision()

    def close(self) -> None:
        """Close every connection and remove a temporary file.

        A connection that is lent out is closed by its borrower: closing it from here, in the
        middle of a query, would bring the process down.
        """
        with self._lock, self._pool_lock:
            self._closed = True
            for connection in (self._writer, *self._idle):
                connection.close()
        if self._folder:
            self._folder.cleanup()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the only writing transaction; an exception rolls it back.

        Raises StoppedError.
        """
        with self._lock:
            if self._closed:
                raise StoppedError
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for queries that see one consistent moment.

        Raises StoppedError.
        """
        connection = self._borrow()
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def next_revision(self) -> int:
        """Return the number of a change to users or accounts; call it while writing."""
        self._revision += 1
        return self._revision

    def empty(self, *tables: str) -> None:
        """Remove all rows of these tables."""
        with self.writing() as connection:
            for table in tables:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608

    def _borrow(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise StoppedError
            return self._idle.pop() if self._idle else self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30
        )
        connection.row_factory = sqlite3.Row
        return connection

    def _last_revision(self) -> int:
        row = self._writer.execute(
            "SELECT max(coalesce((SELECT max(revision) FROM users), 0),"
            " coalesce((SELECT max(revision) FROM accounts), 0))"
        ).fetchone()
        return int(row[0])
