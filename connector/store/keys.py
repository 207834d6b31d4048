"""Signing keys, API keys and wrapped data keys."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from connector.database import Transaction
from connector.models import ApiKey, SigningKeyRecord
from connector.tables import api_keys, data_keys, signing_keys
from workflow.prepared import Prepared

#: Data keys are looked up by this "project" for secrets of the installation itself.
SYSTEM = ""


def add_signing_key(
    tx: Transaction, project_id: str, name: str, public_pem: str
) -> SigningKeyRecord:
    """Register a public key for user tokens."""
    record = SigningKeyRecord(
        id=str(uuid.uuid4()),
        project_id=project_id,
        name=name,
        public_pem=public_pem,
        created_at=time.time(),
        revoked_at=None,
    )
    tx.execute(
        insert(signing_keys).values(
            id=record.id,
            project_id=project_id,
            name=name,
            public_pem=public_pem,
            created_at=record.created_at,
        )
    )
    return record


def signing_keys_of(
    tx: Transaction, project_id: str, *, active: bool = False
) -> list[SigningKeyRecord]:
    """Return a project's signing keys, newest first."""
    query = select(signing_keys).where(signing_keys.c.project_id == project_id)
    if active:
        query = query.where(signing_keys.c.revoked_at.is_(None))
    rows = tx.execute(query.order_by(signing_keys.c.created_at.desc(), signing_keys.c.id))
    return [SigningKeyRecord(**row._mapping) for row in rows]


_ACTIVE = Prepared(
    select(signing_keys.c.id).where(
        signing_keys.c.project_id == bindparam("project_id"),
        signing_keys.c.id == bindparam("key_id"),
        signing_keys.c.revoked_at.is_(None),
    )
)


def signing_key_active(tx: Transaction, project_id: str, key_id: str) -> bool:
    """Say whether a signing key is registered and not revoked."""
    return bool(_ACTIVE.run(tx, {"project_id": project_id, "key_id": key_id}))


def revoke_signing_key(tx: Transaction, project_id: str, key_id: str) -> bool:
    """Revoke a signing key; say whether there was one to revoke."""
    done = tx.execute(
        update(signing_keys)
        .where(
            signing_keys.c.project_id == project_id,
            signing_keys.c.id == key_id,
            signing_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=time.time())
    )
    return done.rowcount == 1


def add_api_key(
    tx: Transaction, project_id: str, name: str, key_hash: str, scopes: Sequence[str]
) -> ApiKey:
    """Insert an API key by its hash."""
    key = ApiKey(
        id=str(uuid.uuid4()),
        project_id=project_id,
        name=name,
        scopes=tuple(scopes),
        created_at=time.time(),
        last_used_at=None,
        revoked_at=None,
    )
    tx.execute(
        insert(api_keys).values(
            id=key.id,
            project_id=project_id,
            name=name,
            key_hash=key_hash,
            scopes=list(scopes),
            created_at=key.created_at,
        )
    )
    return key


def api_key_by_hash(tx: Transaction, key_hash: str) -> ApiKey | None:
    """Return an active API key."""
    row = tx.execute(
        select(api_keys).where(api_keys.c.key_hash == key_hash, api_keys.c.revoked_at.is_(None))
    ).first()
    return _api_key(row) if row else None


def api_keys_of(tx: Transaction, project_id: str) -> list[ApiKey]:
    """Return a project's API keys, newest first."""
    rows = tx.execute(
        select(api_keys)
        .where(api_keys.c.project_id == project_id)
        .order_by(api_keys.c.created_at.desc(), api_keys.c.id)
    )
    return [_api_key(row) for row in rows]


def touch_api_key(tx: Transaction, key_id: str, now: float) -> None:
    """Note that an API key was used."""
    tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


def revoke_api_key(tx: Transaction, project_id: str, key_id: str) -> bool:
    """Revoke an API key; say whether there was one to revoke."""
    done = tx.execute(
        update(api_keys)
        .where(
            api_keys.c.project_id == project_id,
            api_keys.c.id == key_id,
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=time.time())
    )
    return done.rowcount == 1


def add_data_key(
    tx: Transaction, key_id: str, project_id: str, master_key_id: str, wrapped: str
) -> None:
    """Insert a wrapped data key."""
    tx.execute(
        insert(data_keys).values(
            id=key_id,
            project_id=project_id,
            master_key_id=master_key_id,
            wrapped=wrapped,
            created_at=time.time(),
        )
    )


def active_data_key(tx: Transaction, project_id: str) -> Row[Any] | None:
    """Return the data key that new values are sealed with: the newest not retired."""
    return tx.execute(
        select(data_keys)
        .where(data_keys.c.project_id == project_id, data_keys.c.retired_at.is_(None))
        .order_by(data_keys.c.created_at.desc(), data_keys.c.id)
        .limit(1)
    ).first()


def data_key(tx: Transaction, project_id: str, key_id: str) -> Row[Any] | None:
    """Return one wrapped data key."""
    return tx.execute(
        select(data_keys).where(data_keys.c.id == key_id, data_keys.c.project_id == project_id)
    ).first()


def data_keys_all(tx: Transaction) -> list[Row[Any]]:
    """Return every wrapped data key, for rotation."""
    return list(tx.execute(select(data_keys).order_by(data_keys.c.created_at, data_keys.c.id)))


def rewrap_data_key(
    tx: Transaction, key_id: str, before: str, master_key_id: str, wrapped: str
) -> bool:
    """Replace the wrapping of a data key unless someone else has done so meanwhile."""
    done = tx.execute(
        update(data_keys)
        .where(data_keys.c.id == key_id, data_keys.c.wrapped == before)
        .values(master_key_id=master_key_id, wrapped=wrapped)
    )
    return done.rowcount == 1


def retire_data_keys(tx: Transaction, project_id: str, keep: str) -> None:
    """Retire every data key of a project but one."""
    tx.execute(
        update(data_keys)
        .where(
            data_keys.c.project_id == project_id,
            data_keys.c.id != keep,
            data_keys.c.retired_at.is_(None),
        )
        .values(retired_at=time.time())
    )


def delete_data_key(tx: Transaction, key_id: str, retired_before: float) -> bool:
    """Delete a data key retired before a time; say whether it was."""
    done = tx.execute(
        data_keys.delete().where(data_keys.c.id == key_id, data_keys.c.retired_at < retired_before)
    )
    return done.rowcount == 1


def master_keys_in_use(tx: Transaction) -> dict[str, int]:
    """Return how many data keys each master key wraps."""
    rows = tx.execute(
        select(data_keys.c.master_key_id, func.count()).group_by(data_keys.c.master_key_id)
    )
    return {row[0]: row[1] for row in rows}


def projects_with_data_keys(tx: Transaction) -> list[str]:
    """Return the ids of the projects that have data keys, the system's among them."""
    rows = tx.execute(select(data_keys.c.project_id).distinct().order_by(data_keys.c.project_id))
    return [row[0] for row in rows]


def _api_key(row: Row[Any]) -> ApiKey:
    values = {key: val for key, val in row._mapping.items() if key != "key_hash"}
    return ApiKey(**{**values, "scopes": tuple(row.scopes)})
