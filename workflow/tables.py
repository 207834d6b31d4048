"""The engine's tables. Times are seconds since 1970, UTC; documents are JSON texts."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _ref(name: str, target: str) -> Column[str]:
    return Column(name, String(64), ForeignKey(target, ondelete="CASCADE"), nullable=False)


workflows = Table(
    "workflows",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    #: Hashes of versions.
    Column("draft", String(64)),
    Column("deployed", String(64)),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    UniqueConstraint("project_id", "name", name="uq_workflows_name"),
)

workflow_versions = Table(
    "workflow_versions",
    metadata,
    Column(
        "workflow_id",
        String(64),
        ForeignKey("workflows.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("hash", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("document", Text, nullable=False),
    #: The text it was pushed as, with its comments.
    Column("source", Text),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("workflow_id", "number", name="uq_workflow_versions_number"),
)

deployments = Table(
    "workflow_deployments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _ref("workflow_id", "workflows.id"),
    #: Nothing: the workflow was taken out of service.
    Column("hash", String(64)),
    Column("deployed_by", String(255), nullable=False),
    Column("deployed_at", Float, nullable=False),
    Index("ix_workflow_deployments_workflow_id", "workflow_id"),
)

enablements = Table(
    "workflow_users",
    metadata,
    Column(
        "workflow_id",
        String(64),
        ForeignKey("workflows.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("user", String(255), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("settings", Text, nullable=False),
    #: When the schedule is due next for this user.
    Column("next_at", Float),
    Column("updated_at", Float, nullable=False),
    Index("ix_workflow_users_user", "project_id", "user"),
    Index("ix_workflow_users_next_at", "next_at"),
)

runs = Table(
    "runs",
    metadata,
    #: Begins with its time, so that ids are in order.
    Column("id", String(64), primary_key=True),
    Column("project_id", String(64), nullable=False),
    _ref("workflow_id", "workflows.id"),
    Column("version", String(64), nullable=False),
    #: Blank: a run of the project itself.
    Column("user", String(255), nullable=False),
    Column("connection_id", String(64), nullable=False),
    Column("trigger_type", String(32), nullable=False),
    Column("trigger", Text, nullable=False),
    #: What the run finds as user, connection and settings, as they were when it was accepted.
    Column("context", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("detail", Text),
    #: Queued: no earlier run of its order is unfinished.
    Column("ready", Boolean, nullable=False),
    Column("order_key", String(64)),
    Column("dedupe_key", String(64)),
    #: Queued and waiting: not before.
    Column("due_at", Float),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    #: Counts who took it; whoever has an older number may write nothing more.
    Column("claim", Integer, nullable=False),
    Column("worker_id", String(64)),
    Column("interruptions", Integer, nullable=False),
    #: Counts how often it was retried by hand; attempts are counted anew in each round.
    Column("round", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("response", Text),
    Column("output", Text),
    Column("replay_of", String(64)),
    Column("parent_id", String(64)),
    Column("depth", Integer, nullable=False),
    Column("is_test", Boolean, nullable=False),
    #: Characters that it and its attempts keep.
    Column("size", Integer, nullable=False),
    UniqueConstraint("workflow_id", "dedupe_key", name="uq_runs_dedupe_key"),
    Index("ix_runs_project", "project_id", "id"),
    Index("ix_runs_workflow", "workflow_id", "id"),
    Index("ix_runs_state", "project_id", "state", "id"),
    Index("ix_runs_user", "project_id", "user", "id"),
    Index("ix_runs_size", "project_id", "size"),
)
#: Conditions written out, not bound: only so a database sees that a partial index serves them.
IS_QUEUED = text("runs.state = 'queued' AND runs.ready")
IS_WAITING = text("runs.state = 'waiting'")
IS_RUNNING = text("runs.state = 'running'")
IS_UNFINISHED = text("runs.state IN ('queued', 'running', 'waiting')")
_unfinished = text("state IN ('queued', 'running', 'waiting')")
for _name, _columns, _where in (
    # With the state, though it is the same in all of it: SQLite prefers what has more columns.
    ("queued", ("state", "project_id", "connection_id", "id"), text("state = 'queued' AND ready")),
    ("waiting", ("due_at",), text("state = 'waiting'")),
    ("running", ("project_id", "connection_id"), text("state = 'running'")),
    ("held", ("worker_id",), text("state = 'running'")),
    ("ordered", ("project_id", "order_key", "id"), _unfinished),
    ("parked", ("project_id", "user"), text("state = 'waiting'")),
    ("parent", ("parent_id",), text("parent_id IS NOT NULL")),
):
    Index(
        f"ix_runs_{_name}",
        *(runs.c[column] for column in _columns),
        sqlite_where=_where,
        postgresql_where=_where,
    )

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", String(64), ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    #: Ids of steps from the outside in, with the place in loops: ``each[3].send``.
    Column("path", String(512), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("claim", Integer, nullable=False),
    Column("step_type", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("input", Text),
    Column("output", Text),
    Column("error", Text),
    Column("status", Integer),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
)
