"""Configurations: the connected users' settings on their connections."""

from __future__ import annotations

import time
import uuid
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from connector.database import Transaction
from connector.models import Configuration
from connector.tables import configurations


def ensure_default(tx: Transaction, project_id: str, connection_id: str) -> None:
    """Give a connection its default configuration if it has none: the SDK relies on one."""
    found = tx.execute(
        select(configurations.c.id).where(
            configurations.c.project_id == project_id,
            configurations.c.connection_id == connection_id,
            configurations.c.is_default,
        )
    ).first()
    if found is None:
        create(tx, project_id, connection_id, is_default=True)


def create(
    tx: Transaction,
    project_id: str,
    connection_id: str,
    *,
    external_id: str | None = None,
    is_default: bool = False,
) -> Configuration:
    """Insert an empty configuration."""
    now = time.time()
    value = Configuration(
        id=str(uuid.uuid4()),
        connection_id=connection_id,
        is_default=is_default,
        external_id=external_id,
        shared_settings={},
        workflow_settings={},
        meta={},
        created_at=now,
        updated_at=now,
    )
    values = {name: getattr(value, name) for name in _FIELDS}
    tx.execute(insert(configurations).values(project_id=project_id, **values))
    return value


def of_connections(
    tx: Transaction, project_id: str, connection_ids: list[str]
) -> dict[str, list[Configuration]]:
    """Return the configurations of several connections, the default one first."""
    rows = tx.execute(
        select(configurations)
        .where(
            configurations.c.project_id == project_id,
            configurations.c.connection_id.in_(connection_ids),
        )
        .order_by(configurations.c.is_default.desc(), configurations.c.created_at)
    )
    found: dict[str, list[Configuration]] = {one: [] for one in connection_ids}
    for row in rows:
        found[row.connection_id].append(_configuration(row))
    return found


def change(
    tx: Transaction, project_id: str, connection_id: str, configuration_id: str, **values: Any
) -> bool:
    """Set some fields of a configuration; say whether there is one."""
    done = tx.execute(
        update(configurations)
        .where(
            configurations.c.project_id == project_id,
            configurations.c.connection_id == connection_id,
            configurations.c.id == configuration_id,
        )
        .values(updated_at=time.time(), **values)
    )
    return done.rowcount == 1


def remove(tx: Transaction, project_id: str, connection_id: str, configuration_id: str) -> bool:
    """Delete a configuration that is not the default; say whether there was one."""
    done = tx.execute(
        delete(configurations).where(
            configurations.c.project_id == project_id,
            configurations.c.connection_id == connection_id,
            configurations.c.id == configuration_id,
            ~configurations.c.is_default,
        )
    )
    return done.rowcount == 1


_FIELDS = [column.name for column in configurations.c if column.name != "project_id"]


def _configuration(row: Row[Any]) -> Configuration:
    return Configuration(**{name: row._mapping[name] for name in _FIELDS})
