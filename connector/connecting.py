"""Connect an account: sessions, attempts at the provider, and keys that people fill in.

A *session* is one wish to connect; it is polled and started by unguessable strings of which only
hashes are kept. Each trip to the provider is an *attempt*, found by the hash of its state,
consumed in one statement, and bound to the browser that began it by a cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import structlog

from connector import auth
from connector.apps import Apps
from connector.auth import App, Token, TokenClient
from connector.connections import Connections, NewAccount
from connector.credentials import Secret
from connector.database import Database, Transaction
from connector.errors import (
    ConnectExpired,
    ConnectForeignBrowser,
    ConnectIssuerMismatch,
    ConnectKeysRefused,
    ConnectProviderError,
    ConnectRefused,
    ConnectReturnNotAllowed,
    FieldInvalid,
    GrantRefused,
    HeaplineError,
    NotFound,
)
from connector.manifest import (
    AuthorizationCode,
    ClientCredentials,
    KeyMode,
    Manifest,
    origin_of,
    secret_fields,
)
from connector.models import (
    ConnectAttempt,
    Connection,
    ConnectSession,
    Project,
    SessionStatus,
    User,
)
from connector.outbound import rerouted
from connector.redaction import redact_text, remember
from connector.sealing import VERIFIERS, Sealer
from connector.selector import choose
from connector.store import connecting as store
from connector.store import connections as connection_store
from connector.store import projects as project_store
from connector.store import users as user_store
from connector.tokens import LONGEST_USER_ID, digest, is_user_id, new_secret, same

log = structlog.get_logger(__name__)

SESSION_SECONDS = 600.0
ATTEMPT_SECONDS = 600.0
_LONGEST_PROVIDER_TEXT = 500
_LONGEST_ACCOUNT_KEY = 500


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What the provider sent a browser back with; all of it untrusted."""

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    error_description: str = ""
    issuer: str = ""


class Connecting:
    """Starts, begins and completes connect sessions."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        tokens: TokenClient,
        apps: Apps,
        connections: Connections,
        *,
        public_url: str,
        binding_key: str,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._tokens = tokens
        self._apps = apps
        self._connections = connections
        self._public_url = public_url
        self._binding_key = binding_key

    def redirect_uri(self, connector: str) -> str:
        """Return the redirect URI to register with the provider: one for each connector."""
        return f"{self._public_url}/connect/{connector}/callback"

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

    def new_binding(self, session_key: str) -> str:
        """Return a cookie value that binds a browser to one project's user."""
        nonce = new_secret()
        return f"{nonce}.{self._signature(nonce, session_key)}"

    def binding_holds(self, binding: str, session_key: str) -> bool:
        """Say whether a cookie value was made here for that project's user."""
        nonce, _, signature = binding.partition(".")
        return bool(nonce) and same(signature, self._signature(nonce, session_key))

    def begin(self, session: ConnectSession, binding: str) -> str:
        """Begin an attempt for the browser that holds ``binding``; return where to send it.

        Raises
        ------
        NotFound
            If the connector has no mode with consent in a browser, or the project no app for it.

        """
        manifest = self._apps.connector(session.connector)
        mode = manifest.authorization_mode()
        if mode is None:
            raise NotFound
        state = new_secret()
        verifier = new_secret() if mode.pkce else None
        with self._database.transaction() as tx:
            app = self._apps.app(tx, session.project_id, session.connector)
            if not app.client_id:
                raise NotFound
            attempt = self._attempt(tx, session, mode, app, state, verifier, binding)
            store.create_attempt(tx, attempt)
        return auth.authorize_url(
            mode,
            app,
            state=state,
            redirect_uri=attempt.redirect_uri,
            scope=auth.scope_text(app.scopes, manifest.scopes.separator),
            verifier=verifier,
        )

    def complete(
        self, connector: str, callback: Callback, bindings: Mapping[str, str]
    ) -> tuple[ConnectSession, Connection]:
        """Turn the provider's answer into a connection.

        ``bindings`` are the binding cookies of the browser, by their session key.

        Raises
        ------
        ConnectError
            In the subclass that tells why; its ``meta`` may hold ``session_id`` when the person
            may try again in this browser.

        """
        attempt = self._consume(connector, callback.state)
        session = self.unfinished(attempt.project_id, attempt.session_id)
        try:
            _check_browser(attempt, bindings)
            mode = _consent_mode(self._apps.connector(connector), attempt.auth_mode)
            self._check_answer(mode, attempt, callback)
            app, verifier = self._opened(attempt)
            connection = self._exchange(
                mode, app, session, callback.code, attempt.redirect_uri, verifier
            )
        except HeaplineError as error:
            self._fail(session, error)
            if not isinstance(error, ConnectForeignBrowser):
                error.meta = {**error.meta, **_way_back(session)}
            raise
        return session, connection

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

    def connect_with_code(
        self, session: ConnectSession, code: str, redirect_url: str
    ) -> Connection:
        """Connect an account by a code that the host product's own page was sent back with.

        The host product sent the person to the provider and checked the state; its user token
        says whose account this becomes.

        Raises
        ------
        ConnectProviderError
            If the provider does not accept the code.
        ConnectReturnNotAllowed
            If the code was sent to our own callback: that asks for state and browser.

        """
        manifest = self._apps.connector(session.connector)
        mode = manifest.authorization_mode()
        if mode is None or mode.pkce:
            raise NotFound
        if origin_of(redirect_url) == origin_of(self._public_url):
            raise ConnectReturnNotAllowed
        with self._database.reading() as tx:
            app = self._apps.app(tx, session.project_id, session.connector)
        return self._exchange(mode, app, session, code, redirect_url, None)

    def connect_with_keys(
        self, session: ConnectSession, mode_name: str, values: Mapping[str, str]
    ) -> Connection:
        """Connect an account by what the person filled in, checked with the provider first.

        Raises
        ------
        FieldInvalid
            If a field is missing or has the wrong form; ``meta["pointer"]`` names it.
        ConnectKeysRefused
            If the provider does not accept the keys.

        """
        manifest = self._apps.connector(session.connector)
        mode = manifest.auth_modes.get(mode_name)
        if mode is None or isinstance(mode, AuthorizationCode):
            raise NotFound
        filled = _checked_fields(mode, values)
        with self._database.reading() as tx:
            settings = self._apps.settings(tx, session.project_id, session.connector)
        secret, expires_at = self._key_secret(manifest, mode, filled, settings.development)
        account = NewAccount(
            connector=session.connector,
            auth_mode=mode.name,
            region=settings.region,
            account_key=filled[mode.account.key_field],
            account={name: filled[name] for name in mode.account.fields},
            development=settings.development,
            client_id="",
            scopes=(),
            secret=secret,
            expires_at=expires_at,
        )
        return self._finish(session, account)

    def sweep(self) -> None:
        """Delete sessions and attempts that have expired."""
        with self._database.transaction() as tx:
            store.sweep(tx, time.time())

    def _signature(self, nonce: str, session_key: str) -> str:
        text = f"{nonce}\0{session_key}".encode()
        return hmac.new(self._binding_key.encode(), text, hashlib.sha256).hexdigest()

    def _attempt(
        self,
        tx: Transaction,
        session: ConnectSession,
        mode: AuthorizationCode,
        app: App,
        state: str,
        verifier: str | None,
        binding: str,
    ) -> ConnectAttempt:
        state_hash = digest(state)
        sealed = verifier and self._sealer.seal(
            tx, VERIFIERS, session.project_id, state_hash, verifier
        )
        return ConnectAttempt(
            state_hash=state_hash,
            session_id=session.id,
            project_id=session.project_id,
            connector=session.connector,
            auth_mode=mode.name,
            region=app.region,
            redirect_uri=self.redirect_uri(session.connector),
            verifier_sealed=sealed,
            browser_hash=digest(binding),
            client_id=app.client_id,
            development=app.development,
            scopes=app.scopes,
            expires_at=time.time() + ATTEMPT_SECONDS,
        )

    def _consume(self, connector: str, state: str) -> ConnectAttempt:
        with self._database.transaction() as tx:
            attempt = store.consume_attempt(tx, digest(state))
        if attempt is None or attempt.expires_at < time.time() or attempt.connector != connector:
            raise ConnectExpired
        return attempt

    def _check_answer(
        self, mode: AuthorizationCode, attempt: ConnectAttempt, callback: Callback
    ) -> None:
        manifest = self._apps.connector(attempt.connector)
        route = self._apps.route(manifest, development=attempt.development)
        own = (mode.issuer or origin_of(mode.authorize_url)).rstrip("/")
        if callback.issuer and callback.issuer.rstrip("/") not in {own, rerouted(own, route)}:
            raise ConnectIssuerMismatch
        if callback.error == "access_denied":
            raise ConnectRefused
        if callback.error or not callback.code:
            text = callback.error_description or callback.error or "It sent no code."
            raise ConnectProviderError(
                f"{manifest.title} reported a problem.", provider_text=_quoted(text)
            )

    def _opened(self, attempt: ConnectAttempt) -> tuple[App, str | None]:
        """Return the client that the attempt was begun with, and its verifier."""
        with self._database.reading() as tx:
            app = self._apps.app(tx, attempt.project_id, attempt.connector)
            sealed = attempt.verifier_sealed
            verifier = sealed and self._sealer.open(
                tx, VERIFIERS, attempt.project_id, attempt.state_hash, sealed
            )
        if app.client_id != attempt.client_id:
            raise ConnectProviderError("The project's client id was changed meanwhile.")
        return app, verifier or None

    def _exchange(
        self,
        mode: AuthorizationCode,
        app: App,
        session: ConnectSession,
        code: str,
        redirect_uri: str,
        verifier: str | None,
    ) -> Connection:
        remember(code, verifier)
        try:
            token = self._tokens.exchange_code(
                mode, app, code=code, redirect_uri=redirect_uri, verifier=verifier
            )
            key, account = self._account(mode, app, token)
        except GrantRefused as error:
            raise _refusal(self._apps.connector(session.connector), error) from error
        new = NewAccount(
            connector=session.connector,
            auth_mode=mode.name,
            region=app.region,
            account_key=key,
            account=account,
            development=app.development,
            client_id=app.client_id,
            scopes=tuple(filter(None, re.split(r"[\s,]+", token.scope))) or app.scopes,
            secret=Secret(token.access_token, token.refresh_token, {}, time.time()),
            expires_at=token.expires_at,
        )
        return self._finish(session, new)

    def _account(
        self, mode: AuthorizationCode, app: App, token: Token
    ) -> tuple[str, dict[str, str]]:
        """Return the account key and what the provider tells of the account."""
        found = auth.at_pointer(token.answer, mode.account.key)
        key = str(found) if isinstance(found, str | int) and found is not True else ""
        if not 0 < len(key) <= _LONGEST_ACCOUNT_KEY or not key.isprintable():
            raise ConnectProviderError(
                f"The provider's token answer names no account at {mode.account.key}."
            )
        lookup = mode.account.lookup
        if lookup is None:
            return key, {}
        url = lookup.url.replace("{account_key}", quote(key, safe=""))
        data = self._tokens.account(url, token.access_token, app.route)
        told = {name: auth.at_pointer(data, pointer) for name, pointer in lookup.fields.items()}
        return key, {name: _quoted(str(val)) for name, val in told.items() if val is not None}

    def _key_secret(
        self, manifest: Manifest, mode: KeyMode, filled: Mapping[str, str], development: bool
    ) -> tuple[Secret, float | None]:
        remember(*(filled.get(name) for name in secret_fields(mode)))
        if not isinstance(mode, ClientCredentials):
            return Secret(None, None, filled, time.time()), None
        route = self._apps.route(manifest, development=development)
        try:
            token = self._tokens.client_credentials(mode, filled, route)
        except GrantRefused as error:
            raise ConnectKeysRefused(
                f"{manifest.title} did not accept these keys. Check them and try again.",
                **error.meta,
            ) from error
        return Secret(token.access_token, None, filled, time.time()), token.expires_at

    def _finish(self, session: ConnectSession, account: NewAccount) -> Connection:
        with self._database.transaction() as tx:
            connection = self._connections.save(
                tx,
                session.project_id,
                session.user_id,
                account,
                reconnect_id=session.reconnect_id,
                allow_multiple=session.allow_multiple,
                external_id=session.external_id,
            )
            store.finish_session(
                tx,
                session.project_id,
                session.id,
                SessionStatus.COMPLETE,
                connection_id=connection.id,
            )
        return connection

    def _fail(self, session: ConnectSession, error: HeaplineError) -> None:
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


def _way_back(session: ConnectSession) -> dict[str, Any]:
    """Return what a problem page needs to offer another try."""
    return {
        "session_id": session.id,
        "project_id": session.project_id,
        "return_url": session.return_url,
        "popup": session.opener_origin is not None,
        "post_origin": session.opener_origin,
        "connector": session.connector,
    }


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


def _check_browser(attempt: ConnectAttempt, bindings: Mapping[str, str]) -> None:
    if not any(same(digest(value), attempt.browser_hash) for value in bindings.values()):
        raise ConnectForeignBrowser


def _consent_mode(manifest: Manifest, name: str) -> AuthorizationCode:
    mode = manifest.auth_modes.get(name)
    if not isinstance(mode, AuthorizationCode):
        raise ConnectExpired
    return mode


def _checked_fields(mode: KeyMode, values: Mapping[str, str]) -> dict[str, str]:
    filled: dict[str, str] = {}
    for one in mode.fields:
        value = str(values.get(one.id) or "").strip()
        if not value:
            raise FieldInvalid(f"{one.title} is required.", pointer=f"/{one.id}")
        if not re.fullmatch(one.pattern, value):
            raise FieldInvalid(f"{one.title} does not look right. {one.help}", pointer=f"/{one.id}")
        filled[one.id] = value
    return filled


def _refusal(manifest: Manifest, error: GrantRefused) -> ConnectProviderError:
    """Return the error for a code that was not accepted; what the provider said stays apart."""
    said = error.meta.get("provider_text") or error.meta.get("error")
    if not said:
        return ConnectProviderError(error.message)
    return ConnectProviderError(
        f"{manifest.title} did not accept the sign-in.", provider_text=_quoted(str(said))
    )


def _quoted(text: str) -> str:
    """Return provider text fit to be shown anywhere: short, printable, no markup, no secrets."""
    printable = "".join(char if char.isprintable() and char not in "<>" else " " for char in text)
    return redact_text(printable)[:_LONGEST_PROVIDER_TEXT]
