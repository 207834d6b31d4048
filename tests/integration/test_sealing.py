"""Sealed values in the database, and the rotation of all keys, on both kinds of storage."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from connector import sealing, vault
from connector.database import Database
from connector.errors import MasterKeyInUse, MasterKeyMissing, SealBroken
from connector.models import AppCredentials
from connector.sealing import CLIENT_SECRETS, SEALED_COLUMNS, SYSTEM_SECRETS, Sealer
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.tables import app_credentials, data_keys, metadata
from connector.vault import KeyRing, MasterKey


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.from_settings((), tmp_path / "keys")


@pytest.fixture
def sealer(ring: KeyRing) -> Sealer:
    return Sealer(ring)


def project_with_secret(database: Database, sealer: Sealer, name: str, connectors: int = 1) -> str:
    """Make a project whose client secret on each of some connectors tells where it belongs."""
    with database.transaction() as tx:
        project_id = project_store.create(tx, name, []).id
    for number in range(connectors):
        store_secret(database, sealer, project_id, f"c{number}", f"secret of {name} c{number}")
    return project_id


def store_secret(
    database: Database, sealer: Sealer, project_id: str, connector: str, plain: str
) -> None:
    with database.transaction() as tx:
        value = AppCredentials(
            project_id=project_id,
            connector=connector,
            client_id="client",
            client_secret_sealed=sealer.seal(tx, CLIENT_SECRETS, project_id, connector, plain),
            scopes=(),
            region="us",
            without_app=False,
            updated_at=time.time(),
        )
        project_store.save_app_credentials(tx, value)


def stored_secret(
    database: Database, sealer: Sealer, project_id: str, connector: str = "c0"
) -> str:
    with database.reading() as tx:
        found = project_store.app_credentials_of(tx, project_id, connector)
        assert found is not None
        sealed = found.client_secret_sealed
        return sealer.open(tx, CLIENT_SECRETS, project_id, connector, sealed)


def new_primary(ring: KeyRing) -> MasterKey:
    """Put a fresh master key on top of the key file, as an operator does before rotating."""
    added = vault.new_master_key()
    assert ring.file is not None
    vault.write_key_file(ring.file, [added, *vault.read_key_file(ring.file)])
    return added


def rotate(database: Database, ring: KeyRing) -> None:
    """Rotate the way the command does: in a process of its own, so with a sealer of its own."""
    for _ in sealing.rotate(database, Sealer(KeyRing(ring._keys, ring.file))):
        pass


def opens_everything(database: Database, ring: KeyRing) -> int:
    fresh = Sealer(KeyRing.from_settings((), Path(str(ring.file)).parent))
    return len(list(sealing.verify(database, fresh)))


def test_a_sealed_value_opens_in_another_process(database: Database, ring: KeyRing) -> None:
    project_id = project_with_secret(database, Sealer(ring), "Acme")
    assert stored_secret(database, Sealer(ring), project_id) == "secret of Acme c0"


def test_each_project_has_a_data_key_of_its_own(database: Database, sealer: Sealer) -> None:
    projects = [project_with_secret(database, sealer, name) for name in ("Acme", "Globex")]
    with database.reading() as tx:
        rows = key_store.data_keys_all(tx)
        sealed = set(tx.execute(select(app_credentials.c.client_secret_sealed)).scalars())
    assert sorted(row.project_id for row in rows) == sorted(projects)
    assert {one.split(".")[1] for one in sealed} == {row.id for row in rows}


@pytest.mark.parametrize("place", ["row", "project"])
def test_a_value_copied_to_another_row_or_project_does_not_open(
    database: Database, sealer: Sealer, place: str
) -> None:
    acme = project_with_secret(database, sealer, "Acme", connectors=2)
    globex = project_with_secret(database, sealer, "Globex")
    there = (acme, "c1") if place == "row" else (globex, "c0")
    column = app_credentials.c.client_secret_sealed
    with database.transaction() as tx:
        stolen = tx.execute(
            select(column).where(
                app_credentials.c.project_id == acme, app_credentials.c.connector == "c0"
            )
        ).scalar_one()
        tx.execute(
            update(app_credentials)
            .where(
                app_credentials.c.project_id == there[0], app_credentials.c.connector == there[1]
            )
            .values(client_secret_sealed=stolen)
        )
    with pytest.raises(SealBroken):
        stored_secret(database, Sealer(sealer.ring), *there)


def test_a_data_key_copied_to_another_project_does_not_open(
    database: Database, sealer: Sealer
) -> None:
    acme = project_with_secret(database, sealer, "Acme")
    globex = project_with_secret(database, sealer, "Globex")
    with database.transaction() as tx:
        tx.execute(data_keys.delete().where(data_keys.c.project_id == globex))
        tx.execute(
            update(data_keys).where(data_keys.c.project_id == acme).values(project_id=globex)
        )
        key_id = tx.execute(select(data_keys.c.id)).scalar_one()
    with database.reading() as tx, pytest.raises(MasterKeyMissing):
        Sealer(sealer.ring).data_key(tx, globex, key_id)


def test_a_value_whose_data_key_is_gone_says_so(database: Database, sealer: Sealer) -> None:
    project_id = project_with_secret(database, sealer, "Acme")
    with database.transaction() as tx:
        tx.execute(data_keys.delete())
    with pytest.raises(SealBroken, match="data key of a sealed value is gone"):
        stored_secret(database, Sealer(sealer.ring), project_id)


def test_rotation_gives_every_project_a_new_key_under_the_new_master_key(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    projects = [project_with_secret(database, sealer, name, 3) for name in ("Acme", "Globex")]
    sealing.system_secret(database, sealer, "session", "the session key")
    before = {key.id for key in _data_keys(database)}
    master = new_primary(ring)
    rotate(database, ring)
    active = [row for row in _data_keys(database) if row.retired_at is None]
    assert {row.project_id for row in active} == {*projects, key_store.SYSTEM}
    assert {row.master_key_id for row in _data_keys(database)} == {master.id}
    assert before.isdisjoint(row.id for row in active)
    assert opens_everything(database, ring) == 7
    assert stored_secret(database, sealer, projects[1], "c2") == "secret of Globex c2"
    assert sealing.system_secret(database, sealer, "session", "other") == "the session key"


def test_rotation_without_a_new_master_key_changes_nothing(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    project_with_secret(database, sealer, "Acme")
    before = _data_keys(database)
    rotate(database, ring)
    assert _data_keys(database) == before


def test_rotation_that_stops_anywhere_goes_on_when_run_again(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    projects = [project_with_secret(database, sealer, name, 2) for name in ("Acme", "Globex")]
    for stop_after in range(9):
        new_primary(ring)
        steps = sealing.rotate(database, Sealer(KeyRing(ring._keys, ring.file)))
        assert len(list(itertools.islice(steps, stop_after))) == stop_after
        del steps
        assert opens_everything(database, ring) == 4
        assert stored_secret(database, sealer, projects[0], "c1") == "secret of Acme c1"
    rotate(database, ring)
    assert {row.master_key_id for row in _data_keys(database)} == {new_ring(ring).primary.id}


def test_a_value_that_a_server_writes_during_rotation_is_not_lost(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    project_id = project_with_secret(database, sealer, "Acme")
    stop, wrong = threading.Event(), []

    def serve() -> None:
        own = Sealer(KeyRing(ring._keys, ring.file))
        for number in itertools.count():
            if stop.is_set():
                return
            store_secret(database, own, project_id, "c0", f"number {number}")
            if stored_secret(database, own, project_id) != f"number {number}":
                wrong.append(number)

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        for _ in range(3):
            new_primary(ring)
            rotate(database, ring)
        stop.set()
        served.result(30)
    assert wrong == []
    assert stored_secret(database, Sealer(new_ring(ring)), project_id).startswith("number ")
    opens_everything(database, ring)


def test_a_master_key_in_use_cannot_be_retired(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    project_with_secret(database, sealer, "Acme")
    old = ring.primary
    new = new_primary(ring)
    ring.reload()
    with pytest.raises(MasterKeyInUse, match="Run `heapline keys rotate` first"):
        sealing.retire_master_key(database, ring, old.id)
    rotate(database, ring)
    with pytest.raises(MasterKeyInUse):
        sealing.retire_master_key(database, ring, new.id)
    sealing.retire_master_key(database, ring, old.id)
    assert new_ring(ring).ids() == [new.id]
    assert opens_everything(database, ring) == 1


def test_a_server_from_before_the_rotation_wraps_nothing_with_the_retired_key(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    """The server has the old key alone in memory until it meets one that it does not know."""
    new = new_primary(ring)
    rotate(database, ring)
    sealing.retire_master_key(database, new_ring(ring), ring.primary.id)
    project_with_secret(database, sealer, "Made afterwards")
    assert {row.master_key_id for row in _data_keys(database)} == {new.id}
    assert opens_everything(database, ring) == 1


def test_a_retired_data_key_is_kept_for_a_while_and_then_forgotten(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    project_with_secret(database, sealer, "Acme")
    new_primary(ring)
    rotate(database, ring)
    assert [row.retired_at is None for row in _data_keys(database)] == [False, True]
    _age_retired(database, sealing.GRACE_SECONDS - 60)
    rotate(database, ring)
    assert len(_data_keys(database)) == 2
    _age_retired(database, sealing.GRACE_SECONDS + 60)
    rotate(database, ring)
    assert len(_data_keys(database)) == 1


def test_a_retired_data_key_that_something_is_still_sealed_with_is_kept(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    """A transaction that read the active key before the rotation may store afterwards."""
    project_id = project_with_secret(database, sealer, "Acme")
    with database.reading() as tx:
        late = sealer.seal(tx, CLIENT_SECRETS, project_id, "late", "written late")
    new_primary(ring)
    rotate(database, ring)
    with database.transaction() as tx:
        found = project_store.app_credentials_of(tx, project_id, "c0")
        assert found is not None
        added = dataclasses.replace(found, connector="late", client_secret_sealed=late)
        project_store.save_app_credentials(tx, added)
    assert stored_secret(database, Sealer(new_ring(ring)), project_id, "late") == "written late"
    _age_retired(database, sealing.GRACE_SECONDS + 60)
    rotate(database, ring)
    assert stored_secret(database, Sealer(new_ring(ring)), project_id, "late") == "written late"


def test_a_wrong_master_key_of_the_right_name_is_told(
    database: Database, ring: KeyRing, sealer: Sealer
) -> None:
    project_id = project_with_secret(database, sealer, "Acme")
    wrong = Sealer(KeyRing([MasterKey(ring.primary.id, b"w" * 32)]))
    with pytest.raises(MasterKeyMissing) as caught:
        stored_secret(database, wrong, project_id)
    assert f"The master key {ring.primary.id!r} does not open stored secrets" in (
        caught.value.message
    )


def test_servers_that_start_at_once_share_one_system_secret(
    database: Database, ring: KeyRing
) -> None:
    start = threading.Barrier(6)

    def first_start(number: int) -> str:
        start.wait(20)
        return sealing.system_secret(database, Sealer(ring), "session", f"made by {number}")

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(first_start, range(6)))
    assert len(found) == 1


def test_rotation_visits_every_column_that_holds_sealed_values() -> None:
    named = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if "sealed" in column.name
    }
    assert {(one.table.name, one.column) for one in SEALED_COLUMNS} == named
    assert SYSTEM_SECRETS in SEALED_COLUMNS


def new_ring(ring: KeyRing) -> KeyRing:
    """Return the key ring of a process that starts now."""
    return KeyRing.from_settings((), Path(str(ring.file)).parent)


def _data_keys(database: Database) -> list[Row[Any]]:
    with database.reading() as tx:
        return key_store.data_keys_all(tx)


def _age_retired(database: Database, seconds: float) -> None:
    with database.transaction() as tx:
        tx.execute(
            update(data_keys)
            .where(data_keys.c.retired_at.is_not(None))
            .values(retired_at=time.time() - seconds)
        )
