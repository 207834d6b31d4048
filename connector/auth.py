"""Talk to a provider's authorization server: RFC 6749 by ``requests-oauthlib``, its quirks as data.

Nothing is stored here and nothing is retried. ``requests-oauthlib`` logs tokens at DEBUG, so its
loggers are held at WARNING whatever the log level.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests
from jsonpointer import resolve_pointer
from oauthlib.oauth2 import (
    BackendApplicationClient,
    Client,
    MissingTokenError,
    OAuth2Error,
    WebApplicationClient,
)
from oauthlib.oauth2.rfc6749.parameters import prepare_token_request
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from connector.errors import (
    CredentialRefreshFailed,
    GrantRefused,
    HeaplineError,
    RedirectRefused,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.manifest import AuthorizationCode, ClientCredentials
from connector.outbound import Outbound, Route, rerouted
from connector.redaction import redact_text, remember

for _name in ("requests_oauthlib", "oauthlib"):
    logging.getLogger(_name).setLevel(logging.WARNING)

#: Well below the lease that a refresh holds (``credentials.LEASE_SECONDS``).
TOKEN_SECONDS = 15
_LONGEST_ANSWER = 256 * 1024
_NO_TOKEN_ANSWER = "The provider's answer holds no token."  # noqa: S105 - words
#: Errors that say nothing of the grant, though some send them with status 400.
_PASSING = {"temporarily_unavailable", "server_error", "slow_down"}


@dataclass(frozen=True, slots=True)
class App:
    """The client that a project is to the provider, ready for use."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    region: str
    development: bool
    route: Route


@dataclass(frozen=True, slots=True)
class Token:
    """A provider's token answer."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: float | None
    scope: str
    #: The whole answer, for the account key that stands somewhere in it.
    answer: Mapping[str, Any] = field(repr=False)


def authorize_url(
    mode: AuthorizationCode,
    app: App,
    *,
    state: str,
    redirect_uri: str,
    scope: str,
    verifier: str | None,
) -> str:
    """Return the address that a person's browser is sent to."""
    query = {
        "client_id": app.client_id,
        "state": state,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": scope,
    }
    if verifier is not None:
        query |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    joint = "&" if "?" in mode.authorize_url else "?"
    return rerouted(mode.authorize_url, app.route) + joint + urlencode(query)


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    hashed = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


class TokenClient:
    """Asks token endpoints through the door to the outside."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    def exchange_code(
        self,
        mode: AuthorizationCode,
        app: App,
        *,
        code: str,
        redirect_uri: str,
        verifier: str | None,
    ) -> Token:
        """Turn an authorization code into a token.

        Raises
        ------
        GrantRefused
            If the provider says no; ``meta`` holds its error and description.
        CredentialRefreshFailed
            If the provider could not answer now.

        """
        session = self._session(WebApplicationClient(app.client_id), app.route, redirect_uri)
        options: dict[str, Any] = {"code": code}
        if verifier is not None:
            options["code_verifier"] = verifier
        return self._fetch(session, mode, app.client_id, app.client_secret, options)

    def refresh(self, mode: AuthorizationCode, app: App, refresh_token: str) -> Token:
        """Renew a token; the old refresh token is kept when the answer has no new one.

        Raises as :meth:`exchange_code` does.
        """
        session = self._session(_RefreshClient(app.client_id), app.route)
        options = {"refresh_token": refresh_token}
        token = self._fetch(session, mode, app.client_id, app.client_secret, options)
        if token.refresh_token is not None:
            return token
        return Token(token.access_token, refresh_token, token.expires_at, token.scope, token.answer)

    def client_credentials(
        self, mode: ClientCredentials, values: Mapping[str, str], route: Route
    ) -> Token:
        """Exchange a person's keys for a short-lived token.

        Raises as :meth:`exchange_code` does.
        """
        client_id, secret = values[mode.client_id_field], values[mode.client_secret_field]
        session = self._session(BackendApplicationClient(client_id), route)
        token = self._fetch(session, mode, client_id, secret, {})
        if token.expires_at is not None:
            return token
        expires_at = time.time() + mode.token_seconds
        return Token(token.access_token, None, expires_at, token.scope, token.answer)

    def account(self, url: str, access_token: str, route: Route) -> Mapping[str, Any]:
        """Ask what the provider knows of a connected account.

        Raises as :meth:`exchange_code` does.
        """
        session = self._outbound.session(route)
        try:
            answer = session.get(
                url,
                headers={"Authorization": f"Bearer {access_token}", "Accept": "application/json"},
                timeout=TOKEN_SECONDS,
            )
        except requests.RequestException as error:
            _raise_unreachable(error)
        _check_status(answer)
        try:
            data = json.loads(answer.content[:_LONGEST_ANSWER])
        except (ValueError, RecursionError) as error:
            raise CredentialRefreshFailed("The provider's account answer is no JSON.") from error
        return data if isinstance(data, dict) else {}

    def _session(
        self, client: Client, route: Route, redirect_uri: str | None = None
    ) -> OAuth2Session:
        session = OAuth2Session(client=client, redirect_uri=redirect_uri)
        self._outbound.mount(session, route)
        return session

    def _fetch(
        self,
        session: OAuth2Session,
        mode: AuthorizationCode | ClientCredentials,
        client_id: str,
        client_secret: str,
        options: dict[str, Any],
    ) -> Token:
        remember(client_secret, *options.values())
        if mode.client_authentication == "basic":
            options["auth"] = HTTPBasicAuth(client_id, client_secret)
            options["include_client_id"] = False
        else:
            options |= {"client_secret": client_secret, "include_client_id": True}
        session.register_compliance_hook(  # type: ignore[call-overload] # unknown to the stubs
            "access_token_request", _shaped(mode.token_body)
        )
        session.register_compliance_hook("access_token_response", _check_status)
        try:
            answer = session.fetch_token(mode.token_url, timeout=TOKEN_SECONDS, **options)
        except OAuth2Error as error:
            raise _answered(error.error, error.description) from error
        except requests.RequestException as error:
            _raise_unreachable(error)
        except (ValueError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            # What oauthlib makes of an answer that is no token answer at all.
            raise CredentialRefreshFailed(_NO_TOKEN_ANSWER) from error
        return _token(answer)


def scope_text(scopes: Sequence[str], separator: str) -> str:
    """Write scopes the way the provider reads them."""
    return separator.join(scopes)


class _RefreshClient(Client):
    """Presents a refresh token where ``fetch_token`` expects a client to present a code."""

    def prepare_request_body(self, *_: Any, **options: Any) -> str:
        """Return the body of the request for a new token (RFC 6749, section 6)."""
        known = ("body", "include_client_id", "client_secret", "refresh_token")
        given = {name: options[name] for name in known if name in options}
        body: str = prepare_token_request("refresh_token", client_id=self.client_id, **given)
        return body


def _shaped(shape: str) -> Any:
    """Return a hook that gives the token request the body its provider takes."""

    def hook(url: str, headers: dict[str, str], options: dict[str, Any]) -> tuple[Any, ...]:
        data = dict(options.pop("data", {}))
        match shape:
            case "json":
                headers = headers | {"Content-Type": "application/json"}
                options["data"] = json.dumps(data)
            case "form":
                options["data"] = data
            case "none":
                headers.pop("Content-Type", None)
        return url, headers, options

    return hook


def _check_status(answer: requests.Response) -> requests.Response:
    """Sort failures: the provider says no, or it is unwell, or something stands before it."""
    status = answer.status_code
    if status < 300:
        return answer
    error, description = _error_words(answer)
    if status in {400, 401} or (status == 403 and error):
        raise _answered(error or f"status {status}", description)
    raise CredentialRefreshFailed(f"The provider answered {status}.", status=status)


def _error_words(answer: requests.Response) -> tuple[str | None, str | None]:
    """Return error and description; some nest them under ``err``."""
    try:
        data = json.loads(answer.content[:_LONGEST_ANSWER])
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(data, dict):
        return None, None
    nested = data.get("err")
    source = nested if isinstance(nested, dict) else data
    error, text = source.get("error"), source.get("error_description") or source.get("message")
    return (str(error) if error else None), (str(text) if text else None)


def _answered(error: str | None, description: str | None) -> UpstreamError:
    """Return our error for one of the provider's: for good, or for now."""
    if error == MissingTokenError.error:
        return CredentialRefreshFailed(_NO_TOKEN_ANSWER)
    if error in _PASSING:
        return CredentialRefreshFailed(f"The provider answered {error}.")
    return _refused(error, description)


def _refused(error: str | None, description: str | None) -> GrantRefused:
    words = redact_text(": ".join(part for part in (error, description) if part))[:500]
    return GrantRefused(
        f"The provider refused to give a token ({words}).",
        error=(error or "")[:100],
        provider_text=redact_text(description or "")[:500] or None,
    )


def _raise_unreachable(error: requests.RequestException) -> NoReturn:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HeaplineError):
            raise cause from error
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, requests.Timeout):
        raise UpstreamTimeout from error
    if isinstance(error, requests.TooManyRedirects):
        raise RedirectRefused("The provider's token endpoint leads elsewhere.") from error
    raise UpstreamUnreachable from error


def _token(answer: Mapping[str, Any]) -> Token:
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if not isinstance(access, str) or not access:
        raise CredentialRefreshFailed(_NO_TOKEN_ANSWER)
    remember(access, refresh if isinstance(refresh, str) else None)
    scope = answer.get("scope")
    return Token(
        access,
        refresh if isinstance(refresh, str) and refresh else None,
        _expires_at(answer.get("expires_in")),
        " ".join(scope) if isinstance(scope, list) else str(scope or ""),
        dict(answer),
    )


def _expires_at(expires_in: object) -> float | None:
    """Return when a token ends; 0 and nonsense count as left out, which means never."""
    if not isinstance(expires_in, int | float) or not 0 < expires_in < math.inf:
        return None
    return time.time() + expires_in


def at_pointer(data: Any, pointer: str) -> Any:
    """Return what stands at a JSON pointer, or nothing."""
    return resolve_pointer(data, pointer, None)
