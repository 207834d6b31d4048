"""Wait until what was committed is on the disk: one flush for all who wait.

SQLite, told to (``synchronous=FULL``), flushes its log within every commit, while it keeps others
from writing. Here commits do not flush (``NORMAL``), and whoever needs to be sure waits for a flush
that begins after their commit. Those who wait at the same time share it.

SQLite itself flushes the log before it copies it into the database, and the database before it
begins the log anew (sqlite.org/pragma.html#pragma_synchronous), so what is in either is in order.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_flush = getattr(os, "fdatasync", os.fsync)


class SharedFlush:
    """Has ``flush`` called, once for all who wait meanwhile."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._changed = threading.Condition()
        self._begun = 0
        self._done = 0
        self._running = False

    def wait(self) -> None:
        """Return when a flush has ended that began after the call.

        Raises
        ------
        OSError
            If the disk does not take it.

        """
        with self._changed:
            wanted = self._begun + 1
            while self._done < wanted and self._running:
                self._changed.wait()
            if self._done >= wanted:
                return
            self._running = True
            self._begun = mine = self._begun + 1
        try:
            self._flush()
        except BaseException:
            mine = 0  # whoever waits for this one tries for themselves
            raise
        finally:
            with self._changed:
                self._running = False
                self._done = max(self._done, mine)
                self._changed.notify_all()


class LogFlush:
    """Flushes the write-ahead log of an SQLite file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._log = file.with_name(file.name + "-wal")
        self._known: int | None = None

    def __call__(self) -> None:
        """Flush it; where there is none, everything is in the database file."""
        try:
            descriptor = os.open(self._log, os.O_RDONLY)
        except FileNotFoundError:
            descriptor = os.open(self._file, os.O_RDONLY)
        try:
            _flush(descriptor)
            inode = os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)
        if inode != self._known:  # the file is new: so is its name in the folder
            self._flush_folder()
            self._known = inode

    def _flush_folder(self) -> None:
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems cannot, and need not
                os.fsync(folder)
        finally:
            os.close(folder)
