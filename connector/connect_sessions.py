"""Connect sessions: one wish to connect an account, from its start to its outcome.

A session is polled and started by unguessable strings of which only hashes are kept.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog

from connector.apps import Apps
from connector.connections import Connections, NewAccount
from connector.database import Database, Transaction
from connector.errors import (
    ConnectExpired,
    ConnectReturnNotAllowed,
    FieldInvalid,
    HeaplineError,
    NotFound,
)
from connector.manifest import origin_of
from connector.models import Connection, ConnectSession, Project, SessionStatus, User
from connector.selector import choose
from connector.store import connecting as store
from connector.store import connections as connection_store
from connector.store import projects as project_store
from connector.store import users as user_store
from connector.tokens import LONGEST_USER_ID, digest, is_user_id, new_secret

log = structlog.get_logger(__name__)

SESSION_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a connect session."""

    connector: str
    #: The connection to renew: its id or, as the npm SDK allows, its external id.
    reconnect_id: str | None = None
    allow_multiple: bool = False
    external_id: str | None = None
    return_url: str | None = None
    opener_origin: str | None = None
    poll_key: str | None = field(default=None, repr=False)


class ConnectSessions:
    """Starts, finds and ends sessions."""

    def __init__(
        self, database: Database, apps: Apps, connections: Connections, public_url: str
    ) -> None:
        self._database = database
        self._apps = apps
        self._connections = connections
        self._public_url = public_url

    def start(self, project: Project, user: str, wish: Wish) -> tuple[ConnectSession, str]:
        """Open a session for a user; return it with the secret of its link.

        Raises
        ------
        NotFound
            If the connector is not loaded or the connection to renew is not the user's.
        ConnectReturnNotAllowed
            If the return address is on an origin that the project does not allow.
        FieldInvalid
            If the user's id or the external id cannot be stored; ``meta["pointer"]`` names it.

        """
        self._apps.connector(wish.connector)
        _check_ids(user, wish.external_id)
        _check_return(project, wish.return_url, self._public_url)
        link = new_secret()
        with self._database.transaction() as tx:
            owner = user_store.ensure(tx, project.id, user)
            user_store.lock(tx, owner.id)
            renewed = _renewed(tx, owner, wish)
            session = ConnectSession(
                id=str(uuid.uuid4()),
                project_id=project.id,
                user_id=owner.id,
                connector=wish.connector,
                reconnect_id=renewed.id if renewed else None,
                allow_multiple=wish.allow_multiple,
                external_id=wish.external_id,
                return_url=wish.return_url,
                opener_origin=wish.opener_origin,
                status=SessionStatus.PENDING,
                connection_id=None,
                error=None,
                expires_at=time.time() + SESSION_SECONDS,
            )
            store.create_session(
                tx,
                session,
                poll_hash=digest(wish.poll_key) if wish.poll_key else None,
                link_hash=digest(link),
            )
        return session, link

    def by_link(self, link: str) -> tuple[ConnectSession, Project, User]:
        """Return the pending session that a link starts, with its project and user.

        Raises
        ------
        ConnectExpired
            If there is none, or it is done.

        """
        with self._database.reading() as tx:
            session = store.session_by_link(tx, digest(link), time.time())
            if session is None or session.status is SessionStatus.COMPLETE:
                raise ConnectExpired
            project = project_store.find(tx, session.project_id)
            user = user_store.find_by_id(tx, session.project_id, session.user_id)
        if project is None or user is None:
            raise ConnectExpired
        return session, project, user

    def poll(self, project_id: str, user: str, poll_key: str) -> ConnectSession:
        """Return the session that a user polls.

        Raises
        ------
        NotFound
            If the user has no live session under that key.

        """
        with self._database.reading() as tx:
            owner = user_store.find(tx, project_id, user)
            session = owner and store.session_by_poll(
                tx, project_id, owner.id, digest(poll_key), time.time()
            )
        if not session:
            raise NotFound
        return session

    def forget(self, project_id: str, user: str, poll_key: str) -> None:
        """Delete a session that a user polled to its end.

        The npm SDK gives up polling after three minutes; whoever needs longer than that at the
        provider can still finish.
        """
        with self._database.transaction() as tx:
            owner = user_store.find(tx, project_id, user)
            if owner is not None:
                store.delete_polled(tx, project_id, owner.id, digest(poll_key))

    def unfinished(self, project_id: str, session_id: str) -> ConnectSession:
        """Return a session that may be tried again.

        Raises
        ------
        ConnectExpired
            If it is gone or was completed meanwhile.

        """
        with self._database.reading() as tx:
            session = store.session(tx, project_id, session_id)
        if session is None or session.status is SessionStatus.COMPLETE:
            raise ConnectExpired
        return session

    def reopen(self, session: ConnectSession) -> str:
        """Open a failed session anew; return its new link. Whoever polls it goes on polling."""
        link, expires_at = new_secret(), time.time() + SESSION_SECONDS
        with self._database.transaction() as tx:
            store.reopen_session(tx, session.project_id, session.id, digest(link), expires_at)
        return link

    def finish(self, session: ConnectSession, account: NewAccount) -> Connection:
        """Make the session's account a connection, both in one transaction.

        Raises
        ------
        ConnectExpired
            If the session led to a connection already, in another tab.

        """
        with self._database.transaction() as tx:
            user_store.lock(tx, session.user_id)
            connection = self._connections.save(
                tx,
                session.project_id,
                session.user_id,
                account,
                reconnect_id=session.reconnect_id,
                allow_multiple=session.allow_multiple,
                external_id=session.external_id,
            )
            finished = store.finish_session(
                tx,
                session.project_id,
                session.id,
                SessionStatus.COMPLETE,
                connection_id=connection.id,
            )
            if not finished:
                raise ConnectExpired
        return connection

    def fail(self, session: ConnectSession, error: HeaplineError) -> None:
        """Note why a session did not lead to a connection; it may be opened anew."""
        with self._database.transaction() as tx:
            store.finish_session(
                tx,
                session.project_id,
                session.id,
                SessionStatus.FAILED,
                error={"code": error.code, "message": error.message},
            )
        log.info(
            "connect_failed",
            project=session.project_id,
            error=error.code,
            provider_text=error.meta.get("provider_text"),
        )

    def sweep(self) -> None:
        """Delete sessions and attempts that have expired."""
        with self._database.transaction() as tx:
            store.sweep(tx, time.time())


def _check_ids(user: str, external_id: str | None) -> None:
    for pointer, value in (("/user", user), ("/external_id", external_id)):
        if value is not None and not is_user_id(value):
            raise FieldInvalid(
                f"An id must be text of 1 to {LONGEST_USER_ID} characters, none of them a "
                "control character.",
                pointer=pointer,
            )


def _check_return(project: Project, return_url: str | None, public_url: str) -> None:
    if return_url is None:
        return
    try:
        parts, origin = urlsplit(return_url), origin_of(return_url)
    except ValueError as error:
        raise ConnectReturnNotAllowed from error
    allowed = parts.scheme in {"http", "https"} and "\\" not in return_url and not parts.username
    if not allowed or origin not in {*project.origins, public_url}:
        raise ConnectReturnNotAllowed


def _renewed(tx: Transaction, user: User, wish: Wish) -> Connection | None:
    if wish.reconnect_id is None:
        return None
    own = connection_store.of_user(tx, user.project_id, user.id, wish.connector)
    return choose(own, wish.reconnect_id)
