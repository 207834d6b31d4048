"""Named secrets of projects, sealed."""

from __future__ import annotations

import time

from sqlalchemy import delete, func, insert, select, update

from connector.database import Transaction
from connector.models import ProjectSecret
from connector.tables import project_secrets, projects


def lock(tx: Transaction, project_id: str) -> bool:
    """Have others who set a project's secrets wait; say whether there is such a project."""
    query = select(projects.c.id).where(projects.c.id == project_id)
    return tx.execute(query.with_for_update(key_share=True)).first() is not None


def all_of(tx: Transaction, project_id: str) -> list[ProjectSecret]:
    """Return a project's secrets by name."""
    rows = tx.execute(
        select(project_secrets)
        .where(project_secrets.c.project_id == project_id)
        .order_by(project_secrets.c.name)
    )
    return [ProjectSecret(**row._mapping) for row in rows]


def get_existing(tx: Transaction, project_id: str, name: str) -> ProjectSecret:
    """Return a secret that is known to be there."""
    row = tx.execute(
        select(project_secrets).where(
            project_secrets.c.project_id == project_id, project_secrets.c.name == name
        )
    ).one()
    return ProjectSecret(**row._mapping)


def count(tx: Transaction, project_id: str) -> int:
    """Return how many secrets a project has."""
    query = select(func.count()).where(project_secrets.c.project_id == project_id)
    return int(tx.execute(query).scalar_one())


def add(tx: Transaction, project_id: str, name: str, sealed: str) -> None:
    """Insert a secret of a new name."""
    now = time.time()
    tx.execute(
        insert(project_secrets).values(
            project_id=project_id, name=name, sealed=sealed, created_at=now, updated_at=now
        )
    )


def replace(tx: Transaction, project_id: str, name: str, sealed: str) -> bool:
    """Give a secret another value; say whether there is one of that name."""
    done = tx.execute(
        update(project_secrets)
        .where(project_secrets.c.project_id == project_id, project_secrets.c.name == name)
        .values(sealed=sealed, updated_at=time.time())
    )
    return done.rowcount == 1


def remove(tx: Transaction, project_id: str, name: str) -> bool:
    """Delete a secret; say whether there was one."""
    done = tx.execute(
        delete(project_secrets).where(
            project_secrets.c.project_id == project_id, project_secrets.c.name == name
        )
    )
    return done.rowcount == 1
