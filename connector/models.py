"""The nouns of the product as frozen data: what crosses from module to module.

Times are seconds since the epoch (UTC). Ids are UUID text unless said otherwise.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class Status(enum.StrEnum):
    """What a connection is now."""

    CONNECTED = "connected"
    NEEDS_REAUTHORISATION = "needs_reauthorisation"
    DISCONNECTED = "disconnected"


class SessionStatus(enum.StrEnum):
    """How far a connect session has come."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An operator's tenant."""

    id: str
    name: str
    #: Origins whose pages may call the SDK's routes and embed the portal.
    origins: tuple[str, ...]
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person who runs projects."""

    id: str
    email: str
    password_hash: str = field(repr=False)
    #: Changes when the password does, which ends every session.
    session_key: str = field(repr=False)
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key for the operator's servers; the key itself is not kept."""

    id: str
    project_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: float
    last_used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRecord:
    """A registered public key for user tokens."""

    id: str
    project_id: str
    name: str
    public_pem: str
    created_at: float
    revoked_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSecret:
    """A named value that a project's workflows use."""

    project_id: str
    name: str
    sealed: str = field(repr=False)
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """Where a project's notices go; nowhere at first."""

    project_id: str
    webhook_url: str | None = field(repr=False, default=None)
    #: What notices to the webhook are signed with; there exactly when a webhook is.
    webhook_secret_sealed: str | None = field(repr=False, default=None)
    emails: tuple[str, ...] = ()
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A project's end user; ``external_id`` is the ``sub`` of the user token."""

    id: str
    project_id: str
    external_id: str
    meta: Mapping[str, Any]
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCredentials:
    """What a project registered with the provider, or that it uses the development keys."""

    project_id: str
    connector: str
    #: Blank together with the secret: the development keys.
    client_id: str
    client_secret_sealed: str = field(repr=False)
    scopes: tuple[str, ...]
    region: str
    #: Go to the provider itself though there is no client id: only keys of users are used.
    without_app: bool
    updated_at: float

    @property
    def development(self) -> bool:
        """Say whether the development keys stand in."""
        return not self.client_id and not self.without_app


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One user's authorised account on one connector."""

    id: str
    project_id: str
    user_id: str
    connector: str
    auth_mode: str
    region: str
    #: The provider's identifier for the account; the same account keeps its connection.
    account_key: str
    #: What the provider said of the account, such as ``app_id``; no secrets.
    account: Mapping[str, str]
    external_id: str | None
    development: bool
    #: The client id that its tokens belong to; blank for modes without one.
    client_id: str
    scopes: tuple[str, ...]
    status: Status
    status_reason: str
    status_at: float
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """The sealed secret behind a connection, with the lease of whoever renews it."""

    connection_id: str
    project_id: str
    sealed: str = field(repr=False)
    version: int
    expires_at: float | None
    refreshable: bool
    lease_owner: str | None
    lease_until: float
    failures: int
    retry_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectSession:
    """One wish to connect an account, until it is done or expires."""

    id: str
    project_id: str
    user_id: str
    connector: str
    reconnect_id: str | None
    allow_multiple: bool
    external_id: str | None
    return_url: str | None
    #: Origin of the page that opened the popup; none for a full page.
    opener_origin: str | None
    status: SessionStatus
    connection_id: str | None
    error: Mapping[str, Any] | None
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectAttempt:
    """One pending authorization at the provider, consumed by its callback."""

    state_hash: str
    session_id: str
    project_id: str
    connector: str
    auth_mode: str
    region: str
    redirect_uri: str
    verifier_sealed: str | None = field(repr=False)
    browser_hash: str
    client_id: str
    development: bool
    scopes: tuple[str, ...]
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A set of a connected user's settings on one connection."""

    id: str
    connection_id: str
    is_default: bool
    external_id: str | None
    shared_settings: Mapping[str, Any]
    workflow_settings: Mapping[str, Any]
    meta: Mapping[str, Any]
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One proxy request as the request log keeps it; redacted before it gets here."""

    request_id: str
    project_id: str
    user: str
    connection_id: str | None
    connector: str
    action: str | None
    method: str
    target: str
    status: int | None
    error_code: str | None
    attempts: tuple[Mapping[str, Any], ...] = field(default=())
    duration_ms: float
    request_bytes: int
    response_bytes: int
    created_at: float
    #: Rises with every entry; 0 before it is stored.
    id: int = 0
