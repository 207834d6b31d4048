"""The database schema (SQLAlchemy Core). Every tenant's table carries ``project_id``."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
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
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> Column[str]:
    return Column(name, String(64), primary_key=True)


def _time(name: str) -> Column[float]:
    return Column(name, Float, nullable=False)


def _project_key() -> Column[str]:
    owner = ForeignKey("projects.id", ondelete="CASCADE")
    return Column("project_id", String(64), owner, primary_key=True)


def _ref(name: str, target: str, *, index: bool = False) -> Column[str]:
    return Column(
        name, String(64), ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index
    )


projects = Table(
    "projects",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("origins", JSON, nullable=False),
    _time("created_at"),
)

operators = Table(
    "operators",
    metadata,
    _id(),
    Column("email", String(320), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("session_key", String(64), nullable=False),
    _time("created_at"),
)

memberships = Table(
    "memberships",
    metadata,
    Column(
        "operator_id",
        String(64),
        ForeignKey("operators.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    _project_key(),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _ref("project_id", "projects.id", index=True),
    Column("name", String(200), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    _time("created_at"),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    _id(),
    _ref("project_id", "projects.id", index=True),
    Column("name", String(200), nullable=False),
    Column("public_pem", Text, nullable=False),
    _time("created_at"),
    Column("revoked_at", Float),
)

#: Data keys, wrapped by a master key. The system's own belong to no project (blank).
data_keys = Table(
    "data_keys",
    metadata,
    _id(),
    Column("project_id", String(64), nullable=False, index=True),
    Column("master_key_id", String(64), nullable=False, index=True),
    Column("wrapped", Text, nullable=False),
    _time("created_at"),
    Column("retired_at", Float),
)

#: Secrets of the installation itself, such as the one that signs session cookies.
system_secrets = Table(
    "system_secrets",
    metadata,
    _id("name"),
    Column("sealed", Text, nullable=False),
)

app_credentials = Table(
    "app_credentials",
    metadata,
    _project_key(),
    Column("connector", String(64), primary_key=True),
    Column("client_id", String(500), nullable=False),
    Column("client_secret_sealed", Text, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("region", String(64), nullable=False),
    Column("without_app", Boolean, nullable=False),
    _time("updated_at"),
)

#: Named values that workflows use without showing them.
project_secrets = Table(
    "project_secrets",
    metadata,
    _project_key(),
    _id("name"),
    Column("sealed", Text, nullable=False),
    _time("created_at"),
    _time("updated_at"),
)

notice_settings = Table(
    "notice_settings",
    metadata,
    _project_key(),
    Column("webhook_url", Text),
    Column("webhook_secret_sealed", Text),
    Column("emails", JSON, nullable=False),
    _time("updated_at"),
)

#: When a notice of a subject was sent last, and how many like it were left out since.
notices_sent = Table(
    "notices_sent",
    metadata,
    _project_key(),
    _id("subject_hash"),
    Column("sent_at", Float, nullable=False, index=True),
    Column("left_out", Integer, nullable=False),
)

users = Table(
    "users",
    metadata,
    _id(),
    _ref("project_id", "projects.id"),
    Column("external_id", String(255), nullable=False),
    Column("meta", JSON, nullable=False),
    _time("created_at"),
    UniqueConstraint("project_id", "external_id"),
)

connections = Table(
    "connections",
    metadata,
    _id(),
    _ref("project_id", "projects.id"),
    _ref("user_id", "users.id"),
    Column("connector", String(64), nullable=False),
    Column("auth_mode", String(64), nullable=False),
    Column("region", String(64), nullable=False),
    Column("account_key", String(500), nullable=False),
    Column("account", JSON, nullable=False),
    Column("external_id", String(255)),
    Column("development", Boolean, nullable=False),
    Column("client_id", String(500), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("status", String(32), nullable=False),
    Column("status_reason", Text, nullable=False),
    _time("status_at"),
    _time("created_at"),
    UniqueConstraint("user_id", "connector", "account_key"),
    Index("ix_connections_project_id_created_at", "project_id", "created_at"),
)

credentials = Table(
    "credentials",
    metadata,
    Column(
        "connection_id",
        String(64),
        ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    _ref("project_id", "projects.id", index=True),
    Column("sealed", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("expires_at", Float),
    Column("refreshable", Boolean, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Float, nullable=False, default=0.0),
    Column("failures", Integer, nullable=False, default=0),
    Column("retry_at", Float, nullable=False, default=0.0),
)

configurations = Table(
    "configurations",
    metadata,
    _id(),
    _ref("project_id", "projects.id"),
    _ref("connection_id", "connections.id", index=True),
    Column("is_default", Boolean, nullable=False),
    Column("external_id", String(255)),
    Column("shared_settings", JSON, nullable=False),
    Column("workflow_settings", JSON, nullable=False),
    Column("meta", JSON, nullable=False),
    _time("created_at"),
    _time("updated_at"),
)

connect_sessions = Table(
    "connect_sessions",
    metadata,
    _id(),
    _ref("project_id", "projects.id"),
    _ref("user_id", "users.id"),
    Column("connector", String(64), nullable=False),
    #: Hash of the key that the SDK polls by; unique for one user.
    Column("poll_hash", String(64)),
    #: Hash of the token in the link that starts it.
    Column("link_hash", String(64), unique=True),
    Column("reconnect_id", String(64)),
    Column("allow_multiple", Boolean, nullable=False),
    Column("external_id", String(255)),
    Column("return_url", Text),
    #: Origin of the page that opened the popup; none for a full page.
    Column("opener_origin", String(300)),
    Column("status", String(16), nullable=False),
    Column("connection_id", String(64)),
    Column("error", JSON),
    _time("created_at"),
    Column("expires_at", Float, nullable=False, index=True),
    UniqueConstraint("user_id", "poll_hash"),
)

connect_attempts = Table(
    "connect_attempts",
    metadata,
    _id("state_hash"),
    _ref("session_id", "connect_sessions.id", index=True),
    _ref("project_id", "projects.id", index=True),
    Column("connector", String(64), nullable=False),
    Column("auth_mode", String(64), nullable=False),
    Column("region", String(64), nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("verifier_sealed", Text),
    Column("browser_hash", String(64), nullable=False),
    Column("client_id", String(500), nullable=False),
    Column("development", Boolean, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
)

#: How much of each rate limit is used, in slices of its window; see ``connector.ratelimit``.
rate_windows = Table(
    "rate_windows",
    metadata,
    _id("key"),
    Column("slices", Text, nullable=False),
    Column("blocked_until", Float, nullable=False),
    Column("expires_at", Float, nullable=False, index=True),
)

request_log = Table(
    "request_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request_id", String(64), nullable=False),
    _ref("project_id", "projects.id"),
    Column("user", String(255), nullable=False),
    Column("connection_id", String(64)),
    Column("connector", String(64), nullable=False),
    Column("action", String(64)),
    Column("method", String(16), nullable=False),
    Column("target", Text, nullable=False),
    Column("status", Integer),
    Column("error_code", String(64)),
    Column("attempts", JSON, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("request_bytes", Integer, nullable=False),
    Column("response_bytes", Integer, nullable=False),
    Column("created_at", Float, nullable=False, index=True),
    Index("ix_request_log_project_id_id", "project_id", "id"),
    Index("ix_request_log_project_id_user", "project_id", "user"),
)
