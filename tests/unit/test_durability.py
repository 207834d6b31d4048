"""The shared flush: who waits is covered by a flush that began after they asked."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from connector.database import Database
from connector.durability import LogFlush, SharedFlush


class Disk:
    """Counts flushes; each takes a moment."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.failing = False

    def flush(self) -> None:
        self.begun += 1
        time.sleep(0.005)
        if self.failing:
            raise OSError("no space")
        self.ended += 1


def test_each_who_waits_is_covered_and_flushes_are_shared() -> None:
    disk = Disk()
    shared = SharedFlush(disk.flush)
    uncovered: list[tuple[int, int]] = []

    def wait() -> None:
        for _ in range(20):
            begun = disk.begun
            shared.wait()
            if disk.ended <= begun - 1 or disk.begun == begun:
                uncovered.append((begun, disk.ended))

    threads = [threading.Thread(target=wait) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not uncovered
    assert disk.ended < 16 * 20 / 4


def test_a_disk_that_fails_is_told_to_everyone_who_waits_for_it() -> None:
    disk = Disk()
    disk.failing = True
    shared = SharedFlush(disk.flush)
    told: list[str] = []

    def wait() -> None:
        try:
            shared.wait()
        except OSError as error:
            told.append(str(error))

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["no space"] * 8
    disk.failing = False
    shared.wait()
    assert disk.ended == 1


def test_the_log_of_a_database_is_flushed_wherever_its_content_is(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    database = Database(f"sqlite:///{file}")
    flush = LogFlush(file)
    with database.transaction() as tx:
        tx.exec_driver_sql("CREATE TABLE t (a)")
    assert (tmp_path / "x.db-wal").exists()
    flush()
    database.close()
    assert not (tmp_path / "x.db-wal").exists()
    flush()
    file.unlink()
    with pytest.raises(FileNotFoundError):
        flush()


def test_a_durable_transaction_waits_and_one_in_passing_does_not(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    disk = Disk()
    database.__dict__["_flush"] = SharedFlush(disk.flush)
    with database.transaction(durable=False) as tx:
        tx.exec_driver_sql("CREATE TABLE t (a)")
    assert disk.ended == 0
    with database.transaction() as tx:
        tx.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert disk.ended == 0
    assert disk.ended == 1
    with database.reading() as tx:
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    database.close()
