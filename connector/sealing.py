"""Seal and open values with the data keys of projects, and rotate all keys online."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Table, and_, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector import tables, vault
from connector.database import Database, Transaction
from connector.errors import MasterKeyInUse, MasterKeyMissing, SealBroken
from connector.redaction import remember
from connector.store import keys as store
from connector.vault import DataKey, KeyRing, Place

#: A retired data key is kept this long: a transaction may still be sealing with it.
GRACE_SECONDS = 600.0
_BATCH = 200


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column that holds sealed values, and the column that is its row id."""

    table: Table
    column: str
    row_id: str

    def place(self, project_id: str, row_id: str) -> Place:
        """Return the place of one value in this column."""
        return Place(self.table.name, self.column, project_id, row_id)


CREDENTIALS = SealedColumn(tables.credentials, "sealed", "connection_id")
CLIENT_SECRETS = SealedColumn(tables.app_credentials, "client_secret_sealed", "connector")
VERIFIERS = SealedColumn(tables.connect_attempts, "verifier_sealed", "state_hash")
SYSTEM_SECRETS = SealedColumn(tables.system_secrets, "sealed", "name")
PROJECT_SECRETS = SealedColumn(tables.project_secrets, "sealed", "name")
NOTICE_SECRETS = SealedColumn(tables.notice_settings, "webhook_secret_sealed", "project_id")
#: Every column that rotation must visit.
SEALED_COLUMNS = (
    CREDENTIALS,
    CLIENT_SECRETS,
    VERIFIERS,
    SYSTEM_SECRETS,
    PROJECT_SECRETS,
    NOTICE_SECRETS,
)


class Sealer:
    """Seals and opens; keeps unwrapped data keys in memory, never on disk."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self._opened: dict[str, DataKey] = {}
        self._lock = threading.Lock()

    def seal(
        self, tx: Transaction, column: SealedColumn, project_id: str, row_id: str, plain: str
    ) -> str:
        """Seal a value for one row with the project's active data key, made if there is none."""
        key = self._active(tx, project_id)
        return vault.seal(key, plain.encode(), column.place(project_id, row_id))

    def open(
        self, tx: Transaction, column: SealedColumn, project_id: str, row_id: str, sealed: str
    ) -> str:
        """Open a sealed value.

        Raises
        ------
        SealBroken
            If it was altered, moved from another row, or its data key is gone.
        MasterKeyMissing
            If the master key that wraps its data key is not set.

        """
        _, key_id, _ = vault.split_sealed(sealed)
        key = self.data_key(tx, project_id, key_id)
        return vault.open_sealed(key, sealed, column.place(project_id, row_id)).decode()

    def data_key(self, tx: Transaction, project_id: str, key_id: str) -> DataKey:
        """Return a project's unwrapped data key."""
        known = self._opened.get(f"{project_id}/{key_id}")
        if known is not None:
            return known
        row = store.data_key(tx, project_id, key_id)
        if row is None:
            raise SealBroken("The data key of a sealed value is gone.", data_key=key_id)
        master = self.ring.get(row.master_key_id)
        try:
            key = vault.unwrap(master, key_id, row.wrapped, project_id)
        except SealBroken as error:
            raise MasterKeyMissing(
                f"The master key {master.id!r} does not open stored secrets: it is another key "
                "than the one they were sealed under, or the data key was altered. Put the right "
                "one into HEAPLINE_MASTER_KEYS or the key file in the data folder.",
                key_id=master.id,
            ) from error
        return self._remember(key, project_id)

    def new_data_key(self, tx: Transaction, project_id: str) -> DataKey:
        """Make a data key, wrapped by the primary master key."""
        # A ring from before a rotation must not wrap with a key that is about to be retired.
        self.ring.reload()
        key, master = vault.new_data_key(), self.ring.primary
        wrapped = vault.wrap(master, key, project_id)
        store.add_data_key(tx, key.id, project_id, master.id, wrapped)
        return self._remember(key, project_id)

    def _active(self, tx: Transaction, project_id: str) -> DataKey:
        row = store.active_data_key(tx, project_id)
        if row is None:
            return self.new_data_key(tx, project_id)
        return self.data_key(tx, project_id, row.id)

    def _remember(self, key: DataKey, project_id: str) -> DataKey:
        with self._lock:
            self._opened[f"{project_id}/{key.id}"] = key
        return key


def system_secret(database: Database, sealer: Sealer, name: str, fresh: str) -> str:
    """Return a secret of the installation, stored as ``fresh`` the first time it is asked for."""
    table = tables.system_secrets
    stored = select(table.c.sealed).where(table.c.name == name)
    with database.transaction() as tx:
        sealed = tx.execute(stored).scalar()
        if sealed is None:
            sealed = sealer.seal(tx, SYSTEM_SECRETS, store.SYSTEM, name, fresh)
            dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
            added = dialect.insert(table).values(name=name, sealed=sealed)
            # Servers that start at once: the first one's secret is everybody's.
            tx.execute(added.on_conflict_do_nothing())
            sealed = tx.execute(stored).scalar_one()
        value = sealer.open(tx, SYSTEM_SECRETS, store.SYSTEM, name, sealed)
    remember(value)
    return value


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is."""

    step: str
    done: int
    total: int


def rotate(database: Database, sealer: Sealer) -> Iterator[Progress]:
    """Give every project a new data key under the primary master key and re-seal everything.

    Runs while servers work, in small transactions; one that was cut off goes on where it stopped
    when run again. Yields progress.
    """
    sealer.ring.reload()
    with database.reading() as tx:
        project_ids = store.projects_with_data_keys(tx)
    for number, project_id in enumerate(project_ids, 1):
        with database.transaction() as tx:
            active = _renewed_key(tx, sealer, project_id)
        yield Progress("new data keys", number, len(project_ids))
        for column in SEALED_COLUMNS:
            yield from _reseal(database, sealer, column, project_id, active)
    yield from _rewrap(database, sealer)
    _forget_retired(database)


def verify(database: Database, sealer: Sealer) -> Iterator[Progress]:
    """Open every sealed value there is; raise at the first that does not open."""
    for column in SEALED_COLUMNS:
        rows = list(_sealed_rows(database, column))
        for number, (project_id, row_id, sealed) in enumerate(rows, 1):
            with database.reading() as tx:
                sealer.open(tx, column, project_id, row_id, sealed)
            yield Progress(f"open {column.table.name}", number, len(rows))


def retire_master_key(database: Database, ring: KeyRing, key_id: str) -> None:
    """Take a master key out of the key file.

    Raises
    ------
    MasterKeyInUse
        If a data key is still wrapped by it, or it is the primary one.

    """
    with database.reading() as tx:
        used = store.master_keys_in_use(tx).get(key_id, 0)
    if used or key_id == ring.primary.id:
        raise MasterKeyInUse(
            f"The master key {key_id!r} is still in use. Run `heapline keys rotate` first.",
            key_id=key_id,
        )
    if ring.file is not None:
        kept = [key for key in vault.read_key_file(ring.file) if key.id != key_id]
        vault.write_key_file(ring.file, kept)


def _renewed_key(tx: Transaction, sealer: Sealer, project_id: str) -> DataKey:
    """Return the project's key for the primary master key, made unless a cut-off run made it."""
    row = store.active_data_key(tx, project_id)
    if row is not None and row.master_key_id == sealer.ring.primary.id:
        key = sealer.data_key(tx, project_id, row.id)
    else:
        key = sealer.new_data_key(tx, project_id)
    store.retire_data_keys(tx, project_id, keep=key.id)
    return key


def _reseal(
    database: Database, sealer: Sealer, column: SealedColumn, project_id: str, active: DataKey
) -> Iterator[Progress]:
    prefix = f"{vault.VERSION}.{active.id}."
    stale = [
        (row_id, sealed)
        for _, row_id, sealed in _sealed_rows(database, column, project_id)
        if not sealed.startswith(prefix)
    ]
    for start in range(0, len(stale), _BATCH):
        with database.transaction() as tx:
            for row_id, sealed in stale[start : start + _BATCH]:
                plain = sealer.open(tx, column, project_id, row_id, sealed)
                fresh = vault.seal(active, plain.encode(), column.place(project_id, row_id))
                _swap(tx, column, project_id, row_id, sealed, fresh)
        done = min(start + _BATCH, len(stale))
        yield Progress(f"re-seal {column.table.name}", done, len(stale))


def _swap(
    tx: Transaction, column: SealedColumn, project_id: str, row_id: str, before: str, after: str
) -> None:
    """Replace a sealed value unless a server wrote a newer one meanwhile."""
    table = column.table
    conditions = [table.c[column.column] == before, table.c[column.row_id] == row_id]
    if "project_id" in table.c:
        conditions.append(table.c.project_id == project_id)
    tx.execute(update(table).where(and_(*conditions)).values({column.column: after}))


def _rewrap(database: Database, sealer: Sealer) -> Iterator[Progress]:
    """Wrap the retired keys that are still kept by the primary master key, too."""
    primary = sealer.ring.primary
    with database.reading() as tx:
        rows = [row for row in store.data_keys_all(tx) if row.master_key_id != primary.id]
    for number, row in enumerate(rows, 1):
        with database.transaction() as tx:
            key = sealer.data_key(tx, row.project_id, row.id)
            wrapped = vault.wrap(primary, key, row.project_id)
            store.rewrap_data_key(tx, row.id, row.wrapped, primary.id, wrapped)
        yield Progress("re-wrap data keys", number, len(rows))


def _forget_retired(database: Database) -> None:
    """Delete retired data keys that nothing is sealed with and no transaction can still use."""
    used = {
        vault.split_sealed(sealed)[1]
        for column in SEALED_COLUMNS
        for _, _, sealed in _sealed_rows(database, column)
    }
    with database.transaction() as tx:
        for row in store.data_keys_all(tx):
            if row.retired_at is not None and row.id not in used:
                store.delete_data_key(tx, row.id, time.time() - GRACE_SECONDS)


def _sealed_rows(
    database: Database, column: SealedColumn, project_id: str | None = None
) -> list[tuple[str, str, str]]:
    """Return project id, row id and sealed value of every row of a column, or a project's."""
    table = column.table
    sealed = table.c[column.column]
    owner = table.c.project_id if "project_id" in table.c else literal(store.SYSTEM)
    query = select(owner, table.c[column.row_id], sealed).where(sealed.is_not(None), sealed != "")
    if project_id is not None:
        query = query.where(owner == project_id)
    with database.reading() as tx:
        rows = tx.execute(query)
        return [(row[0], row[1], row[2]) for row in rows]
