"""Usable credentials: opened, and renewed by exactly one caller however many ask at once.

Renewal is guarded by a lease in the credential's row, so it holds among threads and processes
alike. Whoever holds the lease asks the provider; the others go on with the token they have while
it is still good, else wait for the row to change. Nobody renews without the lease.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict

import structlog

from connector.apps import Apps
from connector.auth import Token, TokenClient
from connector.database import Database, Transaction
from connector.errors import (
    CredentialRefreshFailed,
    GrantRefused,
    NeedsReauthorisation,
    NotConnected,
    UpstreamError,
)
from connector.manifest import (
    AccountOnly,
    AuthMode,
    AuthorizationCode,
    ClientCredentials,
    secret_fields,
)
from connector.models import Connection, CredentialRow, Status
from connector.redaction import remember
from connector.sealing import CREDENTIALS, Sealer
from connector.secret import NOTHING, Secret, UsableCredential, ready
from connector.store import connections as store
from connector.turnstile import Waiting

log = structlog.get_logger(__name__)

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.05
LARGEST_MARGIN = 600.0
#: A token is renewed when this part of its life is left.
MARGIN_PART = 0.15
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 300.0
_CACHED = 20_000


class Credentials:
    """Opens and renews the credentials of connections."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        tokens: TokenClient,
        apps: Apps,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._tokens = tokens
        self._apps = apps
        self._lease_seconds = lease_seconds
        self._cache: OrderedDict[str, tuple[int, Secret]] = OrderedDict()
        self._lock = threading.Lock()

    def usable(
        self,
        connection: Connection,
        row: CredentialRow | None,
        *,
        deadline: float,
        rejected: int | None = None,
    ) -> UsableCredential:
        """Return a credential that is good now, renewed first if it is due.

        ``rejected`` is the version that the provider has just answered 401 to: one of that version
        is renewed in any case.

        Raises
        ------
        NotConnected
            If the account was disconnected.
        NeedsReauthorisation
            If only the person can mend it; the connection is marked so.
        CredentialRefreshFailed
            If it could not be renewed before the deadline (a time as ``time.time`` gives it).

        """
        mode = self._mode(connection)
        require_live(connection)
        if isinstance(mode, AccountOnly):
            return NOTHING
        if row is None:
            raise NotConnected
        while True:
            secret = self._secret(mode, row)
            if row.version != rejected and not _due(row, secret):
                return ready(mode, row.version, secret)
            renewed = self._renew(connection, mode, row, secret, rejected=rejected)
            if renewed is not None:
                return renewed
            if row.version != rejected and not _expired(row):
                return ready(mode, row.version, secret)
            connection, row = self._wait_for_change(connection, row, deadline)

    def current(self, connection: Connection) -> CredentialRow | None:
        """Return the credential's row as it is now."""
        with self._database.reading() as tx:
            return store.credential(tx, connection.project_id, connection.id)

    def seal_new(
        self,
        tx: Transaction,
        connection: Connection,
        secret: Secret,
        expires_at: float | None,
    ) -> None:
        """Store a fresh credential for a connection."""
        mode = self._mode(connection)
        text = secret.to_json()
        sealed = self._sealer.seal(tx, CREDENTIALS, connection.project_id, connection.id, text)
        refreshable = _refreshable(mode, secret)
        store.save_credential(tx, connection, sealed, expires_at, refreshable=refreshable)

    def _mode(self, connection: Connection) -> AuthMode:
        mode = self._apps.connector(connection.connector).auth_modes.get(connection.auth_mode)
        if mode is None:
            raise NeedsReauthorisation("Its way of connecting is no longer offered.")
        return mode

    def _secret(self, mode: AuthMode, row: CredentialRow) -> Secret:
        with self._lock:
            cached = self._cache.get(row.connection_id)
            if cached is not None and cached[0] == row.version:
                self._cache.move_to_end(row.connection_id)
                return cached[1]
        with self._database.reading() as tx:
            text = self._sealer.open(tx, CREDENTIALS, row.project_id, row.connection_id, row.sealed)
        secret = Secret.from_json(text)
        remember(*(secret.fields.get(name) for name in secret_fields(mode)))
        with self._lock:
            self._cache[row.connection_id] = (row.version, secret)
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return secret

    def _renew(
        self,
        connection: Connection,
        mode: AuthMode,
        row: CredentialRow,
        secret: Secret,
        *,
        rejected: int | None,
    ) -> UsableCredential | None:
        """Renew under the lease; nothing when someone else holds it or it is too early to retry."""
        if not row.refreshable:
            self._give_up(connection, row, _why_not_renewable(rejected))
            return None
        now = time.time()
        if now < row.retry_at:
            if row.version == rejected or _expired(row):
                raise CredentialRefreshFailed(retry_after=round(row.retry_at - now, 1))
            return None
        owner = secrets.token_hex(16)
        with self._database.transaction() as tx:
            if not store.take_lease(tx, row, owner, now, now + self._lease_seconds):
                return None
        return self._renew_under_lease(connection, mode, row, secret, owner, rejected=rejected)

    def _renew_under_lease(
        self,
        connection: Connection,
        mode: AuthMode,
        row: CredentialRow,
        secret: Secret,
        owner: str,
        *,
        rejected: int | None,
    ) -> UsableCredential | None:
        try:
            token = self._ask(connection, mode, secret)
        except (GrantRefused, NeedsReauthorisation) as error:
            self._give_up(connection, row, error.message, owner)
            return None
        except UpstreamError as error:
            self._release(row, owner)
            log.warning("credential_refresh_failed", connection=connection.id, error=error.code)
            if row.version != rejected and not _expired(row):
                return ready(mode, row.version, secret)
            raise CredentialRefreshFailed(
                f"The credential could not be renewed just now: {error.message}"
            ) from error
        return self._store(connection, mode, row, secret, owner, token)

    def _ask(self, connection: Connection, mode: AuthMode, secret: Secret) -> Token:
        manifest = self._apps.connector(connection.connector)
        if isinstance(mode, ClientCredentials):
            route = self._apps.route(manifest, development=connection.development)
            return self._tokens.client_credentials(mode, secret.fields, route)
        if not isinstance(mode, AuthorizationCode) or secret.refresh_token is None:
            raise NeedsReauthorisation
        with self._database.reading() as tx:
            app = self._apps.app(tx, connection.project_id, connection.connector)
        if app.client_id != connection.client_id:
            raise NeedsReauthorisation("The project's client id was changed since.")
        return self._tokens.refresh(mode, app, secret.refresh_token)

    def _store(
        self,
        connection: Connection,
        mode: AuthMode,
        row: CredentialRow,
        before: Secret,
        owner: str,
        token: Token,
    ) -> UsableCredential | None:
        """Store the renewed secret; nothing when someone else has stored one meanwhile."""
        secret = Secret(token.access_token, token.refresh_token, before.fields, time.time())
        with self._database.transaction() as tx:
            sealed = self._sealer.seal(
                tx, CREDENTIALS, row.project_id, row.connection_id, secret.to_json()
            )
            stored = store.save_refreshed(
                tx,
                row,
                owner,
                sealed,
                token.expires_at,
                refreshable=_refreshable(mode, secret),
            )
        if not stored:
            return None
        log.info("credential_refreshed", connection=connection.id, version=row.version + 1)
        return ready(mode, row.version + 1, secret)

    def _release(self, row: CredentialRow, owner: str) -> None:
        failures = row.failures + 1
        wait = min(_LONGEST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10))
        retry_at = time.time() + wait
        with self._database.transaction() as tx:
            store.release_lease(tx, row, owner, failures=failures, retry_at=retry_at)

    def _give_up(
        self, connection: Connection, row: CredentialRow, reason: str, owner: str | None = None
    ) -> None:
        """Mark the connection, unless its credential was replaced or taken over meanwhile.

        Raises
        ------
        NeedsReauthorisation
            If it was marked.

        """
        with self._database.transaction() as tx:
            current = store.credential(tx, row.project_id, row.connection_id)
            if current is None or current.version != row.version:
                return
            if owner is not None and current.lease_owner != owner:
                return
            store.set_status(
                tx,
                connection.project_id,
                connection.id,
                Status.NEEDS_REAUTHORISATION,
                reason,
                unless=Status.DISCONNECTED,
            )
            if owner is not None:
                store.release_lease(tx, row, owner, failures=row.failures, retry_at=0.0)
        log.warning("connection_needs_reauthorisation", connection=connection.id, reason=reason)
        raise needs_reauthorisation(connection, reason)

    def _wait_for_change(
        self, connection: Connection, row: CredentialRow, deadline: float
    ) -> tuple[Connection, CredentialRow]:
        """Return the rows as they are once the version changed or the lease is free."""
        while time.time() < deadline:
            with self._database.reading() as tx:
                now_row = store.credential(tx, row.project_id, row.connection_id)
                now_connection = store.find(tx, connection.project_id, connection.id)
            if now_row is None or now_connection is None:
                raise NotConnected
            require_live(now_connection)
            changed = now_row.version != row.version or now_row.retry_at > row.retry_at
            if changed or now_row.lease_until < time.time():
                return now_connection, now_row
            with Waiting():
                time.sleep(POLL_SECONDS)
        raise CredentialRefreshFailed(
            "The credential is being renewed and was not ready in time. Try again."
        )


def require_live(connection: Connection) -> None:
    """Refuse a connection that is not connected now.

    Raises
    ------
    NotConnected
        If it was disconnected.
    NeedsReauthorisation
        If the account must be connected again.

    """
    if connection.status is Status.DISCONNECTED:
        raise NotConnected
    if connection.status is Status.NEEDS_REAUTHORISATION:
        raise needs_reauthorisation(connection, connection.status_reason)


def needs_reauthorisation(connection: Connection, reason: str) -> NeedsReauthorisation:
    """Return the error that tells what to do."""
    return NeedsReauthorisation(
        f"The account must be connected again: {reason}", connection_id=connection.id
    )


def _refreshable(mode: AuthMode, secret: Secret) -> bool:
    return isinstance(mode, ClientCredentials) or secret.refresh_token is not None


def _expired(row: CredentialRow) -> bool:
    return row.expires_at is not None and time.time() >= row.expires_at


def _due(row: CredentialRow, secret: Secret) -> bool:
    """Say whether to renew: a margin before the end, spread so that not all come at once."""
    if row.expires_at is None:
        return False
    if not row.refreshable:
        return _expired(row)
    lifetime = max(0.0, row.expires_at - secret.issued_at) if secret.issued_at else 0.0
    spread = 0.8 + 0.4 * (hash((row.connection_id, row.version)) % 1000) / 1000
    return time.time() >= row.expires_at - min(LARGEST_MARGIN, lifetime * MARGIN_PART) * spread


def _why_not_renewable(rejected: int | None) -> str:
    if rejected is not None:
        return "The provider no longer accepts its token."
    return "Its token has expired and cannot be renewed."
