"""What can be done with connections and the users who own them."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from connector.credentials import Credentials
from connector.database import Database, Transaction
from connector.errors import ConnectWrongAccount, NotFound
from connector.models import Connection, Status, User
from connector.secret import Secret
from connector.store import configurations as configuration_store
from connector.store import connections as store
from connector.store import requests as request_store
from connector.store import users as user_store
from workflow.store import runs as run_store
from workflow.store import workflows as workflow_store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account that was just authorised, about to become a connection."""

    connector: str
    auth_mode: str
    region: str
    account_key: str
    account: Mapping[str, str]
    development: bool
    client_id: str
    scopes: tuple[str, ...]
    secret: Secret
    expires_at: float | None


class Connections:
    """Saves, finds and ends connections."""

    def __init__(self, database: Database, credentials: Credentials) -> None:
        self._database = database
        self._credentials = credentials
        #: Told of every account that was connected, in the transaction that stores it.
        self.on_connected: Callable[[Transaction, Connection], None] | None = None

    def save(
        self,
        tx: Transaction,
        project_id: str,
        user_id: str,
        account: NewAccount,
        *,
        reconnect_id: str | None = None,
        allow_multiple: bool = True,
        external_id: str | None = None,
    ) -> Connection:
        """Make the connection of an account, or bring the one it had back to life.

        The same account of the same user keeps its connection id. Without ``allow_multiple`` the
        user's other live connections on this connector are ended.

        Raises
        ------
        ConnectWrongAccount
            If a given connection was to be renewed and this is another account.

        """
        found = store.find_account(tx, project_id, user_id, account.connector, account.account_key)
        if reconnect_id is not None and (found is None or found.id != reconnect_id):
            raise ConnectWrongAccount
        connection = _connected(project_id, user_id, account, found, external_id)
        store.save(tx, connection)
        self._credentials.seal_new(tx, connection, account.secret, account.expires_at)
        configuration_store.ensure_default(tx, project_id, connection.id)
        if not allow_multiple:
            self._end_others(tx, connection)
        if self.on_connected is not None:
            self.on_connected(tx, connection)
        log.info("connection_saved", connection=connection.id, project=project_id)
        return connection

    def of_user(self, project_id: str, external_id: str) -> tuple[User, list[Connection]]:
        """Return a user and their connections.

        Raises
        ------
        NotFound
            If the project has no such user.

        """
        with self._database.reading() as tx:
            user = user_store.find(tx, project_id, external_id)
            if user is None:
                raise NotFound
            return user, store.of_user(tx, project_id, user.id)

    def get(self, project_id: str, connection_id: str) -> Connection:
        """Return a connection of a project.

        Raises
        ------
        NotFound
            If the project has no such connection.

        """
        with self._database.reading() as tx:
            connection = store.find(tx, project_id, connection_id)
        if connection is None:
            raise NotFound
        return connection

    def disconnect(self, project_id: str, connection_id: str, reason: str) -> Connection:
        """End a connection and forget its secret; its id comes back with the same account.

        One that has ended already stays as it is, with its reason and time.

        Raises
        ------
        NotFound
            If the project has no such connection.

        """
        with self._database.transaction() as tx:
            connection = store.find(tx, project_id, connection_id)
            if connection is None:
                raise NotFound
            if connection.status is Status.DISCONNECTED:
                return connection
            self._end(tx, connection, reason)
        return dataclasses.replace(
            connection, status=Status.DISCONNECTED, status_reason=reason, status_at=time.time()
        )

    def delete_user(self, project_id: str, external_id: str) -> None:
        """Delete a user and everything of theirs.

        Raises
        ------
        NotFound
            If the project has no such user.

        """
        with self._database.transaction() as tx:
            logged = request_store.remove_user(tx, project_id, external_id)
            user = user_store.find(tx, project_id, external_id)
            if user is None and not logged:
                raise NotFound
            if user is not None:
                user_store.remove(tx, project_id, user.id)
            run_store.forget_user(tx, project_id, external_id)
            workflow_store.forget_user(tx, project_id, external_id)
        log.info("user_deleted", project=project_id)

    def set_meta(self, project_id: str, external_id: str, meta: Mapping[str, Any]) -> User:
        """Set what the host product says of a user, who is made if new."""
        with self._database.transaction() as tx:
            user = user_store.ensure(tx, project_id, external_id)
            user_store.set_meta(tx, project_id, user.id, meta)
        return dataclasses.replace(user, meta=dict(meta))

    def _end_others(self, tx: Transaction, kept: Connection) -> None:
        for other in store.of_user(tx, kept.project_id, kept.user_id, kept.connector):
            if other.id != kept.id and other.status is not Status.DISCONNECTED:
                self._end(tx, other, "Another account was connected in its place.")

    def _end(self, tx: Transaction, connection: Connection, reason: str) -> None:
        store.set_status(tx, connection.project_id, connection.id, Status.DISCONNECTED, reason)
        store.delete_credential(tx, connection.project_id, connection.id)


def _connected(
    project_id: str,
    user_id: str,
    account: NewAccount,
    found: Connection | None,
    external_id: str | None,
) -> Connection:
    """Return the connection of an account; one that was there keeps its id."""
    now = time.time()
    return Connection(
        id=found.id if found else str(uuid.uuid4()),
        project_id=project_id,
        user_id=user_id,
        connector=account.connector,
        auth_mode=account.auth_mode,
        region=account.region,
        account_key=account.account_key,
        account=dict(account.account),
        external_id=external_id or (found.external_id if found else None),
        development=account.development,
        client_id=account.client_id,
        scopes=account.scopes,
        status=Status.CONNECTED,
        status_reason="Connected again." if found else "Connected.",
        status_at=now,
        created_at=found.created_at if found else now,
    )
