"""Connect an account: by consent at the provider, by a code, or by keys that people fill in.

Each trip to the provider is an *attempt*, found by the hash of its state, consumed in one
statement, and bound to the browser that began it by a cookie.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector import auth
from connector.accounts import Accounts, quoted
from connector.apps import Apps
from connector.auth import App
from connector.connect_sessions import ConnectSessions
from connector.database import Database, Transaction
from connector.errors import (
    ConnectExpired,
    ConnectForeignBrowser,
    ConnectIssuerMismatch,
    ConnectProviderError,
    ConnectRefused,
    ConnectReturnNotAllowed,
    HeaplineError,
    NotFound,
)
from connector.manifest import AuthorizationCode, Manifest, origin_of
from connector.models import ConnectAttempt, Connection, ConnectSession
from connector.outbound import rerouted
from connector.sealing import VERIFIERS, Sealer
from connector.store import connecting as store
from connector.tokens import digest, new_secret, same

ATTEMPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What the provider sent a browser back with; all of it untrusted."""

    state: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    error: str = ""
    error_description: str = ""
    issuer: str = ""


class Connecting:
    """Begins and completes what a connect session is for."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        apps: Apps,
        accounts: Accounts,
        sessions: ConnectSessions,
        *,
        public_url: str,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._apps = apps
        self._accounts = accounts
        self._sessions = sessions
        self._public_url = public_url

    def redirect_uri(self, connector: str) -> str:
        """Return the redirect URI to register with the provider: one for each connector."""
        return f"{self._public_url}/connect/{connector}/callback"

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
        session = self._sessions.unfinished(attempt.project_id, attempt.session_id)
        try:
            _check_browser(attempt, bindings)
            manifest = self._apps.connector(connector)
            mode = _consent_mode(manifest, attempt.auth_mode)
            self._check_answer(mode, attempt, callback)
            app, verifier = self._opened(attempt)
            account = self._accounts.by_code(
                manifest,
                mode,
                app,
                code=callback.code,
                redirect_uri=attempt.redirect_uri,
                verifier=verifier,
            )
            connection = self._sessions.finish(session, account)
        except HeaplineError as error:
            self._sessions.fail(session, error)
            if not isinstance(error, ConnectForeignBrowser):
                error.meta = {**error.meta, **_way_back(session)}
            raise
        return session, connection

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
        account = self._accounts.by_code(
            manifest, mode, app, code=code, redirect_uri=redirect_url, verifier=None
        )
        return self._sessions.finish(session, account)

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
        with self._database.reading() as tx:
            settings = self._apps.settings(tx, session.project_id, session.connector)
        account = self._accounts.by_keys(mode, settings, values)
        return self._sessions.finish(session, account)

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
                f"{manifest.title} reported a problem.", provider_text=quoted(text)
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


def _check_browser(attempt: ConnectAttempt, bindings: Mapping[str, str]) -> None:
    if not any(same(digest(value), attempt.browser_hash) for value in bindings.values()):
        raise ConnectForeignBrowser


def _consent_mode(manifest: Manifest, name: str) -> AuthorizationCode:
    mode = manifest.auth_modes.get(name)
    if not isinstance(mode, AuthorizationCode):
        raise ConnectExpired
    return mode
