"""Turn what a person authorised, a code or keys, into an account that can become a connection."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import quote

from connector import auth
from connector.apps import Apps
from connector.auth import App, Token, TokenClient
from connector.connections import NewAccount
from connector.errors import (
    ConnectKeysRefused,
    ConnectProviderError,
    FieldInvalid,
    GrantRefused,
)
from connector.manifest import (
    AuthorizationCode,
    ClientCredentials,
    KeyMode,
    Manifest,
    secret_fields,
)
from connector.models import AppCredentials
from connector.redaction import redact_text, remember
from connector.secret import Secret

_LONGEST_PROVIDER_TEXT = 500
_LONGEST_ACCOUNT_KEY = 500


class Accounts:
    """Asks providers whose account a code or keys belong to."""

    def __init__(self, tokens: TokenClient, apps: Apps) -> None:
        self._tokens = tokens
        self._apps = apps

    def by_code(
        self,
        manifest: Manifest,
        mode: AuthorizationCode,
        app: App,
        *,
        code: str,
        redirect_uri: str,
        verifier: str | None,
    ) -> NewAccount:
        """Exchange an authorization code and ask for the account.

        Raises
        ------
        ConnectProviderError
            If the provider does not accept the code or names no account.
        UpstreamError
            If it cannot be reached.

        """
        remember(code, verifier)
        try:
            token = self._tokens.exchange_code(
                mode, app, code=code, redirect_uri=redirect_uri, verifier=verifier
            )
            key, account = self._account(mode, app, token)
        except GrantRefused as error:
            raise _refusal(manifest, error) from error
        return NewAccount(
            connector=manifest.name,
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

    def by_keys(
        self, mode: KeyMode, settings: AppCredentials, values: Mapping[str, str]
    ) -> NewAccount:
        """Check what a person filled in, with the provider where it can tell.

        Raises
        ------
        FieldInvalid
            If a field is missing or has the wrong form; ``meta["pointer"]`` names it.
        ConnectKeysRefused
            If the provider does not accept the keys.

        """
        manifest = self._apps.connector(settings.connector)
        filled = _checked_fields(mode, values)
        secret, expires_at = self._key_secret(manifest, mode, filled, settings.development)
        return NewAccount(
            connector=manifest.name,
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
        return key, {name: quoted(str(val)) for name, val in told.items() if val is not None}

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
        f"{manifest.title} did not accept the sign-in.", provider_text=quoted(str(said))
    )


def quoted(text: str) -> str:
    """Return provider text fit to be shown anywhere: short, printable, no markup, no secrets."""
    printable = "".join(char if char.isprintable() and char not in "<>" else " " for char in text)
    return redact_text(printable)[:_LONGEST_PROVIDER_TEXT]
