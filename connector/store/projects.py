"""Projects, the operators who run them, and their app credentials."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, exists, insert, select, update

from connector.database import Transaction
from connector.models import AppCredentials, Operator, Project
from connector.tables import app_credentials, memberships, operators, projects


def create(tx: Transaction, name: str, origins: Sequence[str], id_: str | None = None) -> Project:
    """Insert a project."""
    project = Project(
        id=id_ or str(uuid.uuid4()), name=name, origins=tuple(origins), created_at=time.time()
    )
    tx.execute(
        insert(projects).values(
            id=project.id, name=name, origins=list(origins), created_at=project.created_at
        )
    )
    return project


def find(tx: Transaction, project_id: str) -> Project | None:
    """Return a project by id."""
    row = tx.execute(select(projects).where(projects.c.id == project_id)).first()
    return _project(row) if row else None


def all_projects(tx: Transaction) -> list[Project]:
    """Return every project, oldest first. For the command line alone."""
    rows = tx.execute(select(projects).order_by(projects.c.created_at, projects.c.id))
    return [_project(row) for row in rows]


def of_operator(tx: Transaction, operator_id: str) -> list[Project]:
    """Return the projects that an operator is a member of, by name."""
    rows = tx.execute(
        select(projects)
        .join(memberships, memberships.c.project_id == projects.c.id)
        .where(memberships.c.operator_id == operator_id)
        .order_by(projects.c.name, projects.c.id)
    )
    return [_project(row) for row in rows]


def rename(tx: Transaction, project_id: str, name: str, origins: Sequence[str]) -> None:
    """Set the name and the allowed origins."""
    tx.execute(
        update(projects).where(projects.c.id == project_id).values(name=name, origins=list(origins))
    )


def create_operator(tx: Transaction, email: str, password_hash: str, session_key: str) -> Operator:
    """Insert an operator; the address must not be taken."""
    operator = Operator(
        id=str(uuid.uuid4()),
        email=email,
        password_hash=password_hash,
        session_key=session_key,
        created_at=time.time(),
    )
    tx.execute(
        insert(operators).values(
            id=operator.id,
            email=email,
            password_hash=password_hash,
            session_key=session_key,
            created_at=operator.created_at,
        )
    )
    return operator


def find_operator(tx: Transaction, email: str) -> Operator | None:
    """Return an operator by e-mail address, as it was normalised when created."""
    row = tx.execute(select(operators).where(operators.c.email == email)).first()
    return Operator(**row._mapping) if row else None


def operator_by_session(tx: Transaction, session_key: str) -> Operator | None:
    """Return the operator whose sessions carry this key."""
    row = tx.execute(select(operators).where(operators.c.session_key == session_key)).first()
    return Operator(**row._mapping) if row else None


def set_password(tx: Transaction, operator_id: str, password_hash: str, session_key: str) -> None:
    """Replace the password and end every session."""
    tx.execute(
        update(operators)
        .where(operators.c.id == operator_id)
        .values(password_hash=password_hash, session_key=session_key)
    )


def any_operator(tx: Transaction) -> bool:
    """Say whether there is an operator yet."""
    return bool(tx.execute(select(exists().select_from(operators))).scalar())


def all_operators(tx: Transaction) -> list[Operator]:
    """Return every operator by e-mail address. For the command line alone."""
    rows = tx.execute(select(operators).order_by(operators.c.email))
    return [Operator(**row._mapping) for row in rows]


def add_member(tx: Transaction, project_id: str, operator_id: str) -> None:
    """Make an operator a member of a project; nothing happens when they are already."""
    tx.execute(
        delete(memberships).where(
            memberships.c.project_id == project_id, memberships.c.operator_id == operator_id
        )
    )
    tx.execute(insert(memberships).values(project_id=project_id, operator_id=operator_id))


def app_credentials_of(tx: Transaction, project_id: str, connector: str) -> AppCredentials | None:
    """Return what the project set for a connector, if it set anything."""
    row = tx.execute(
        select(app_credentials).where(
            app_credentials.c.project_id == project_id,
            app_credentials.c.connector == connector,
        )
    ).first()
    if row is None:
        return None
    return AppCredentials(**{**row._mapping, "scopes": tuple(row.scopes)})


def save_app_credentials(tx: Transaction, value: AppCredentials) -> None:
    """Insert or replace what the project set for a connector."""
    tx.execute(
        delete(app_credentials).where(
            app_credentials.c.project_id == value.project_id,
            app_credentials.c.connector == value.connector,
        )
    )
    tx.execute(
        insert(app_credentials).values(
            project_id=value.project_id,
            connector=value.connector,
            client_id=value.client_id,
            client_secret_sealed=value.client_secret_sealed,
            scopes=list(value.scopes),
            region=value.region,
            without_app=value.without_app,
            updated_at=value.updated_at,
        )
    )


def _project(row: Row[Any]) -> Project:
    return Project(**{**row._mapping, "origins": tuple(row.origins)})
