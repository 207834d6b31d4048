"""Workflows, their versions, what is deployed, and who has them enabled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workflow.database import Transaction
from workflow.prepared import Prepared
from workflow.store.texts import dumped, unpacked
from workflow.tables import deployments, enablements, workflow_versions, workflows


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow of a project, whatever its versions."""

    id: str
    project_id: str
    name: str
    #: Hashes of versions.
    draft: str | None
    deployed: str | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a workflow was at one time; never changed."""

    workflow_id: str
    hash: str
    number: int
    document: Mapping[str, Any]
    source: str | None
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enablement:
    """A user's switch and settings for a workflow."""

    workflow_id: str
    user: str
    project_id: str
    enabled: bool
    settings: Mapping[str, Any]
    next_at: float | None
    updated_at: float


_BY_NAME = Prepared(
    select(workflows).where(
        workflows.c.project_id == bindparam("project_id"), workflows.c.name == bindparam("name")
    )
)
_BY_ID = Prepared(
    select(workflows).where(
        workflows.c.project_id == bindparam("project_id"),
        workflows.c.id == bindparam("workflow_id"),
    )
)
_OF_ANY_PROJECT = Prepared(select(workflows).where(workflows.c.id == bindparam("workflow_id")))
_ENABLEMENT = Prepared(
    select(enablements).where(
        enablements.c.workflow_id == bindparam("workflow_id"),
        enablements.c.user == bindparam("user"),
    )
)


def add(tx: Transaction, workflow: Workflow) -> bool:
    """Store a new workflow; say whether its name was free."""
    values = {column.name: getattr(workflow, column.name) for column in workflows.c}
    statement = _insert(tx)(workflows).values(**values).on_conflict_do_nothing()
    return tx.execute(statement).rowcount == 1


def find(tx: Transaction, project_id: str, name: str) -> Workflow | None:
    """Return a project's workflow by name."""
    rows = _BY_NAME.run(tx, {"project_id": project_id, "name": name})
    return Workflow(**rows[0]) if rows else None


def by_id(tx: Transaction, project_id: str, workflow_id: str) -> Workflow | None:
    """Return a project's workflow by id."""
    rows = _BY_ID.run(tx, {"project_id": project_id, "workflow_id": workflow_id})
    return Workflow(**rows[0]) if rows else None


def load(tx: Transaction, workflow_id: str) -> Workflow | None:
    """Return a workflow of whatever project, for who has shown that it is theirs to start."""
    rows = _OF_ANY_PROJECT.run(tx, {"workflow_id": workflow_id})
    return Workflow(**rows[0]) if rows else None


def of_project(tx: Transaction, project_id: str) -> list[Workflow]:
    """Return a project's workflows by name."""
    query = select(workflows).where(workflows.c.project_id == project_id)
    rows = tx.execute(query.order_by(workflows.c.name))
    return [Workflow(**row._mapping) for row in rows]


def delete_workflow(tx: Transaction, workflow_id: str) -> None:
    """Delete a workflow with its versions and runs."""
    tx.execute(delete(workflows).where(workflows.c.id == workflow_id))


def add_version(
    tx: Transaction,
    workflow_id: str,
    version_hash: str,
    document: Any,
    source: str | None,
    now: float,
) -> Version:
    """Store a version, or the new text of one that is there; return it."""
    known = version(tx, workflow_id, version_hash)
    if known is None:
        newest = tx.scalar(
            select(func.max(workflow_versions.c.number)).where(
                workflow_versions.c.workflow_id == workflow_id
            )
        )
        tx.execute(
            insert(workflow_versions).values(
                workflow_id=workflow_id,
                hash=version_hash,
                number=(newest or 0) + 1,
                document=dumped(document),
                source=source,
                created_at=now,
            )
        )
    elif known.source != source:
        tx.execute(
            update(workflow_versions)
            .where(
                workflow_versions.c.workflow_id == workflow_id,
                workflow_versions.c.hash == version_hash,
            )
            .values(source=source)
        )
    return _version(tx.execute(_one_version(workflow_id, version_hash)).one())


def version(tx: Transaction, workflow_id: str, version_hash: str) -> Version | None:
    """Return a version by its hash."""
    row = tx.execute(_one_version(workflow_id, version_hash)).first()
    return None if row is None else _version(row)


def versions(tx: Transaction, workflow_id: str) -> list[Version]:
    """Return a workflow's versions, newest first."""
    query = select(workflow_versions).where(workflow_versions.c.workflow_id == workflow_id)
    return [_version(row) for row in tx.execute(query.order_by(workflow_versions.c.number.desc()))]


def set_draft(tx: Transaction, workflow_id: str, version_hash: str, now: float) -> None:
    """Name the version that is being worked on."""
    tx.execute(
        update(workflows)
        .where(workflows.c.id == workflow_id)
        .values(draft=version_hash, updated_at=now)
    )


def deploy(
    tx: Transaction, workflow_id: str, version_hash: str | None, by: str, now: float
) -> None:
    """Put a version into service, or with nothing take the workflow out of it."""
    tx.execute(
        update(workflows)
        .where(workflows.c.id == workflow_id)
        .values(deployed=version_hash, updated_at=now)
    )
    tx.execute(
        insert(deployments).values(
            workflow_id=workflow_id, hash=version_hash, deployed_by=by, deployed_at=now
        )
    )


def deployment_log(tx: Transaction, workflow_id: str) -> list[dict[str, Any]]:
    """Return what was deployed when and by whom, newest first."""
    query = select(deployments).where(deployments.c.workflow_id == workflow_id)
    rows = tx.execute(query.order_by(deployments.c.id.desc()).limit(200)).mappings()
    return [dict(row) for row in rows]


def enable(tx: Transaction, enablement: Enablement) -> None:
    """Store a user's switch and settings."""
    values = {column.name: getattr(enablement, column.name) for column in enablements.c}
    values["settings"] = dumped(dict(enablement.settings))
    statement = _insert(tx)(enablements).values(**values)
    changed = {name: values[name] for name in ("enabled", "settings", "next_at", "updated_at")}
    tx.execute(
        statement.on_conflict_do_update(index_elements=["workflow_id", "user"], set_=changed)
    )


def enablement(tx: Transaction, workflow_id: str, user: str) -> Enablement | None:
    """Return a user's switch and settings."""
    rows = _ENABLEMENT.run(tx, {"workflow_id": workflow_id, "user": user})
    return _enablement(rows[0]) if rows else None


def enabled_users(
    tx: Transaction, workflow_id: str, after: str = "", limit: int = 1000
) -> list[Enablement]:
    """Return the users for whom a workflow is switched on."""
    query = select(enablements).where(
        enablements.c.workflow_id == workflow_id,
        enablements.c.enabled,
        enablements.c.user > after,
    )
    return [
        _enablement(row._mapping)
        for row in tx.execute(query.order_by(enablements.c.user).limit(limit))
    ]


def of_user(tx: Transaction, project_id: str, user: str) -> list[Enablement]:
    """Return a user's switches and settings."""
    query = select(enablements).where(
        enablements.c.project_id == project_id, enablements.c.user == user
    )
    return [_enablement(row._mapping) for row in tx.execute(query)]


def due_schedules(tx: Transaction, now: float, limit: int) -> list[Enablement]:
    """Return the schedules that are due."""
    query = select(enablements).where(enablements.c.next_at <= now, enablements.c.enabled)
    return [
        _enablement(row._mapping)
        for row in tx.execute(query.order_by(enablements.c.next_at).limit(limit))
    ]


def set_next(tx: Transaction, enablement: Enablement, next_at: float | None) -> bool:
    """Move a schedule on from when it was due; say whether nobody else did."""
    done = tx.execute(
        update(enablements)
        .where(
            enablements.c.workflow_id == enablement.workflow_id,
            enablements.c.user == enablement.user,
            enablements.c.next_at == enablement.next_at,
        )
        .values(next_at=next_at)
    )
    return done.rowcount == 1


def set_all_next(tx: Transaction, workflow_id: str, next_at: float | None) -> None:
    """Set when the schedule of every user who has it switched on is due."""
    tx.execute(
        update(enablements)
        .where(enablements.c.workflow_id == workflow_id, enablements.c.enabled)
        .values(next_at=next_at)
    )


def forget_user(tx: Transaction, project_id: str, user: str) -> None:
    """Delete a user's switches and settings."""
    tx.execute(
        delete(enablements).where(
            enablements.c.project_id == project_id, enablements.c.user == user
        )
    )


def _one_version(workflow_id: str, version_hash: str) -> Select[Any]:
    return select(workflow_versions).where(
        workflow_versions.c.workflow_id == workflow_id,
        workflow_versions.c.hash == version_hash,
    )


def _insert(tx: Transaction) -> Any:
    return sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert


def _version(row: Row[Any]) -> Version:
    return Version(**{**row._mapping, "document": unpacked(row.document)})


def _enablement(row: Mapping[Any, Any]) -> Enablement:
    return Enablement(**{**row, "settings": unpacked(row["settings"])})
