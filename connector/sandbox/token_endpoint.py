"""Answering a request for tokens: who asks, what for, and what came of it (RFC 6749)."""

import base64
import binascii
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_plus

from connector.sandbox.clock import Clock
from connector.sandbox.database import Database
from connector.sandbox.grants import Refusal, TokenRules, redeem_code, refresh
from connector.sandbox.partner_apps import PartnerApp, find_partner_app
from connector.sandbox.settings import Settings


class TokenRefusedError(Exception):
    """The token endpoint says no; `error` is one of RFC 6749, section 5.2."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """Keep the parts of the answer."""
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


@dataclass(frozen=True)
class TokenRequest:
    """The fields of a token request with its client credentials."""

    fields: dict[str, str]
    client_id: str
    client_secret: str

    @property
    def grant_type(self) -> str:
        """Return what the request says it presents, or nothing."""
        return self.fields.get("grant_type", "")


def read_token_request(content_type: str, body: bytes, authorization: str | None) -> TokenRequest:
    """Read a token request from JSON or form, with credentials in the body or by HTTP Basic.

    Raises TokenRefusedError when it cannot be read or names two different clients.
    """
    fields = _read_fields(content_type, body)
    client_id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    if authorization:
        basic = _read_basic(authorization)
        if secret or client_id not in ("", basic[0]):
            raise TokenRefusedError("invalid_request", "client credentials were sent in two ways")
        client_id, secret = basic
    return TokenRequest(fields, client_id, secret)


def _read_fields(content_type: str, body: bytes) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in _read_pairs(content_type, body):
        if name in fields:
            raise TokenRefusedError("invalid_request", f"{name} was sent more than once")
        if not isinstance(value, str):
            raise TokenRefusedError("invalid_request", f"{name} should be text")
        # RFC 6749, section 3.2: a parameter without a value counts as left out.
        if value:
            fields[name] = value
    return fields


def _read_pairs(content_type: str, body: bytes) -> list[tuple[str, object]]:
    try:
        if content_type == "application/json":
            parsed = json.loads(body, object_pairs_hook=_Pairs)
            if isinstance(parsed, _Pairs):
                return parsed
        if content_type == "application/x-www-form-urlencoded":
            return list(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except (ValueError, RecursionError) as error:
        raise TokenRefusedError("invalid_request", "the body cannot be read") from error
    raise TokenRefusedError("invalid_request", "expected a JSON object or a form as the body")


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, repetitions included."""


def _read_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _unknown_client() from error
    client_id, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise _unknown_client()
    return unquote_plus(client_id), unquote_plus(secret)


def _unknown_client() -> TokenRefusedError:
    return TokenRefusedError("invalid_client", "client id or secret is wrong", 401)


class TokenEndpoint:
    """Exchange codes and refresh tokens, and keep count."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Start with nobody waiting."""
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = 0
        self._most_waiting = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one caller as being inside the endpoint."""
        with self._lock:
            self._waiting += 1
            self._most_waiting = max(self._most_waiting, self._waiting)
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def exchange(
        self, content_type: str, body: bytes, authorization: str | None, settings: Settings
    ) -> dict[str, object]:
        """Answer one request with tokens.

        Raises TokenRefusedError.
        """
        request = TokenRequest({}, "", "")
        outcome = "issued"
        try:
            request = read_token_request(content_type, body, authorization)
            return self._exchange(request, settings)
        except TokenRefusedError as refused:
            outcome = refused.error
            raise
        finally:
            self._note(request, outcome)

    def _exchange(self, request: TokenRequest, settings: Settings) -> dict[str, object]:
        app = self._authenticate(request)
        _check_grant_type(request, settings)
        rules = TokenRules(settings.access_token_seconds, settings.refresh_tokens)
        now = self._clock.now()
        with self._database.writing() as connection:
            if request.grant_type == "authorization_code":
                answer = redeem_code(connection, app, request.fields, now, rules)
            else:
                token = request.fields["refresh_token"]
                answer = refresh(connection, app, token, now, rules)
        if isinstance(answer, Refusal):
            raise TokenRefusedError(answer.error, answer.description)
        return answer

    def _authenticate(self, request: TokenRequest) -> PartnerApp:
        with self._database.reading() as connection:
            app = find_partner_app(connection, request.client_id)
        if app is None or not app.has_secret(request.client_secret):
            raise _unknown_client()
        return app

    def _note(self, request: TokenRequest, outcome: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO token_calls (at, client_id, grant_type, outcome) VALUES (?, ?, ?, ?)",
                (self._clock.now(), request.client_id, request.grant_type, outcome),
            )

    def statistics(self) -> dict[str, object]:
        """Return how often the endpoint was called, for what, with what outcome."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT grant_type, outcome, count(*) FROM token_calls GROUP BY 1, 2"
            ).fetchall()
        by_grant_type: dict[str, dict[str, int]] = {}
        for grant_type, outcome, count in rows:
            by_grant_type.setdefault(grant_type, {})[outcome] = count
        return {
            "calls": sum(row[2] for row in rows),
            "by_grant_type": by_grant_type,
            "most_at_once": self._most_waiting,
        }

    def forget(self) -> None:
        """Forget the highest number of callers seen at once."""
        with self._lock:
            self._most_waiting = self._waiting


def _check_grant_type(request: TokenRequest, settings: Settings) -> None:
    needed = {"authorization_code": "code"}
    if settings.refresh_tokens != "none":
        needed |= {"refresh_token": "refresh_token"}
    if not request.grant_type:
        raise TokenRefusedError("invalid_request", "grant_type is missing")
    if request.grant_type not in needed:
        raise TokenRefusedError(
            "unsupported_grant_type", f"grant_type should be one of {', '.join(needed)}"
        )
    if needed[request.grant_type] not in request.fields:
        raise TokenRefusedError("invalid_request", f"{needed[request.grant_type]} is missing")
