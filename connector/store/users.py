"""Connected users: a project's own end users."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector.database import Transaction
from connector.models import User
from connector.tables import connections, users
from workflow.prepared import Prepared

PAGE = 50


_FIND = Prepared(
    select(users).where(
        users.c.project_id == bindparam("project_id"), users.c.external_id == bindparam("user")
    )
)


def ensure(tx: Transaction, project_id: str, external_id: str) -> User:
    """Return the user of that external id, inserted if new; safe among concurrent callers."""
    found = find(tx, project_id, external_id)
    if found:
        return found
    values = {
        "id": str(uuid.uuid4()),
        "project_id": project_id,
        "external_id": external_id,
        "meta": {},
        "created_at": time.time(),
    }
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    tx.execute(dialect.insert(users).values(values).on_conflict_do_nothing())
    return get_existing(tx, project_id, external_id)


def lock(tx: Transaction, user_id: str) -> None:
    """Have others who change what belongs to a user wait until this transaction ends."""
    tx.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())


def find(tx: Transaction, project_id: str, external_id: str) -> User | None:
    """Return a user by the id that the host product gave."""
    rows = _FIND.run(tx, {"project_id": project_id, "user": external_id})
    return User(**rows[0]) if rows else None


def get_existing(tx: Transaction, project_id: str, external_id: str) -> User:
    """Return a user that is known to be there."""
    user = find(tx, project_id, external_id)
    if user is None:
        raise LookupError(external_id)
    return user


def find_by_id(tx: Transaction, project_id: str, user_id: str) -> User | None:
    """Return a user by our own id."""
    row = tx.execute(
        select(users).where(users.c.project_id == project_id, users.c.id == user_id)
    ).first()
    return _user(row) if row else None


def set_meta(tx: Transaction, project_id: str, user_id: str, meta: Mapping[str, Any]) -> None:
    """Replace what the host product says of a user."""
    tx.execute(
        update(users)
        .where(users.c.project_id == project_id, users.c.id == user_id)
        .values(meta=dict(meta))
    )


def page(
    tx: Transaction,
    project_id: str,
    *,
    search: str = "",
    after: str | None = None,
    status: str | None = None,
    limit: int = PAGE,
) -> list[User]:
    """Return users in the order of their external id, those after a given one."""
    query = select(users).where(users.c.project_id == project_id)
    if after is not None:
        query = query.where(users.c.external_id > after)
    if search:
        pattern = "%" + search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        query = query.where(
            or_(
                users.c.external_id.ilike(pattern, escape="\\"),
                users.c.id.in_(
                    select(connections.c.user_id).where(
                        connections.c.project_id == project_id,
                        connections.c.account_key.ilike(pattern, escape="\\"),
                    )
                ),
            )
        )
    if status:
        query = query.where(
            users.c.id.in_(
                select(connections.c.user_id).where(
                    connections.c.project_id == project_id, connections.c.status == status
                )
            )
        )
    rows = tx.execute(query.order_by(users.c.external_id).limit(limit))
    return [_user(row) for row in rows]


def count(tx: Transaction, project_id: str) -> int:
    """Return how many users a project has."""
    total = tx.execute(
        select(func.count()).select_from(users).where(users.c.project_id == project_id)
    ).scalar()
    return int(total or 0)


def remove(tx: Transaction, project_id: str, user_id: str) -> bool:
    """Delete a user with everything that hangs on them; say whether there was one."""
    done = tx.execute(delete(users).where(users.c.project_id == project_id, users.c.id == user_id))
    return done.rowcount == 1


def _user(row: Row[Any]) -> User:
    return User(**row._mapping)
