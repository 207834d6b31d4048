"""Who is calling: users by their signed tokens, servers by API keys, operators by password."""

from __future__ import annotations

import functools
import threading
import time
from collections import OrderedDict

from werkzeug.security import check_password_hash, generate_password_hash

from connector.database import Database
from connector.errors import (
    ApiKeyInvalid,
    FieldInvalid,
    NotFound,
    SignInFailed,
    SignInThrottled,
    TokenExpired,
)
from connector.models import ApiKey, Operator, Project
from connector.ratelimit import Allowance, RateLimiter
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.tokens import (
    LEEWAY_SECONDS,
    SigningKey,
    UserClaims,
    digest,
    new_api_key,
    new_secret,
    verify,
)

#: What an API key may be allowed to do.
SCOPES = {
    "connections:read": "List connections, users and connectors",
    "connections:write": "Make connect links, disconnect, delete users",
    "requests:read": "Read the request log",
    "settings:read": "Read app credentials (never the secret), signing keys and notice settings",
    "settings:write": "Set app credentials and notice settings, add and revoke signing keys",
    "secrets:read": "List the names of secrets (never their values)",
    "secrets:write": "Set and delete secrets",
    "workflows:read": "Read workflows, their versions and who has them switched on",
    "workflows:write": "Push, deploy and delete workflows, switch them on for users",
    "runs:read": "Read runs with what their steps were given and gave",
    "runs:write": "Start, cancel, retry and replay runs, send events",
}
SHORTEST_PASSWORD = 12
_CACHED_TOKENS = 10_000
_TOUCH_SECONDS = 60.0


class Access:
    """Verifies callers. Whether a signing key is still active is asked of the database."""

    def __init__(self, database: Database, limiter: RateLimiter) -> None:
        self._database = database
        self._limiter = limiter
        self._tokens: OrderedDict[tuple[str, str], UserClaims] = OrderedDict()
        self._lock = threading.Lock()

    def claims(self, project_id: str, token: str, *, key_checked_later: bool = False) -> UserClaims:
        """Verify a user token.

        With ``key_checked_later`` a token that was verified before is taken without asking whether
        its key was revoked: the caller's own query does that (``usable.for_request``).

        Raises
        ------
        NotFound
            If the token is another project's; whether this one exists is not told.
        TokenInvalid, TokenExpired
            If the token does not hold.

        """
        cached = self._cached(project_id, token)
        if cached is not None and key_checked_later:
            return cached
        with self._database.reading() as tx:
            if cached is not None and key_store.signing_key_active(
                tx, project_id, cached.signing_key_id or ""
            ):
                return cached
            keys = key_store.signing_keys_of(tx, project_id, active=True)
        claims = verify(token, project_id, [SigningKey(key.id, key.public_pem) for key in keys])
        self._remember(project_id, token, claims)
        return claims

    def api_key(self, text: str) -> ApiKey:
        """Return the API key that a server sent.

        Raises
        ------
        ApiKeyInvalid
            If it is unknown or revoked.

        """
        with self._database.reading() as tx:
            key = key_store.api_key_by_hash(tx, digest(text))
        if key is None:
            raise ApiKeyInvalid
        now = time.time()
        if key.last_used_at is None or key.last_used_at < now - _TOUCH_SECONDS:
            with self._database.transaction(durable=False) as tx:
                key_store.touch_api_key(tx, key.id, now)
        return key

    def new_api_key(
        self, project_id: str, name: str, scopes: tuple[str, ...]
    ) -> tuple[ApiKey, str]:
        """Make an API key; return it with its text, which is not kept.

        Raises
        ------
        FieldInvalid
            If a scope is unknown or there is none.

        """
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            raise FieldInvalid(f"Scopes must be among {', '.join(SCOPES)}.", pointer="/scopes")
        text = new_api_key()
        with self._database.transaction() as tx:
            key = key_store.add_api_key(tx, project_id, name, digest(text), scopes)
        return key, text

    def new_operator(self, email: str, password: str) -> Operator:
        """Make an operator, or give an existing one a new password and end their sessions.

        Raises
        ------
        FieldInvalid
            If the address or the password cannot be used.

        """
        address = normal_email(email)
        check_password(password)
        hashed, session_key = generate_password_hash(password), new_secret()
        with self._database.transaction() as tx:
            found = project_store.find_operator(tx, address)
            if found is None:
                return project_store.create_operator(tx, address, hashed, session_key)
            project_store.set_password(tx, found.id, hashed, session_key)
            return found

    def sign_in(self, email: str, password: str, client: str) -> Operator:
        """Return the operator of that address and password.

        Raises
        ------
        SignInFailed
            If either is wrong; which one is not told.
        SignInThrottled
            After five attempts in a minute for one address, or twenty from one client.

        """
        address = email.strip().lower()
        for allowance in (
            Allowance("sign_in_address", address, 5, 60),
            Allowance("sign_in_client", client, 20, 60),
        ):
            if self._limiter.take(allowance):
                raise SignInThrottled
        with self._database.reading() as tx:
            operator = project_store.find_operator(tx, address)
        hashed = operator.password_hash if operator else _hash_of_nobody()
        if not check_password_hash(hashed, password) or operator is None:
            raise SignInFailed
        return operator

    def operator_of_session(self, session_key: str) -> Operator | None:
        """Return the operator whose session this is."""
        with self._database.reading() as tx:
            return project_store.operator_by_session(tx, session_key)

    def project_of_operator(self, operator: Operator, project_id: str) -> Project:
        """Return a project that the operator is a member of.

        Raises
        ------
        NotFound
            If there is none; whether another operator has it is not told.

        """
        with self._database.reading() as tx:
            for project in project_store.of_operator(tx, operator.id):
                if project.id == project_id:
                    return project
        raise NotFound

    def _cached(self, project_id: str, token: str) -> UserClaims | None:
        with self._lock:
            claims = self._tokens.get((project_id, token))
        if claims is not None and claims.expires_at + LEEWAY_SECONDS <= time.time():
            raise TokenExpired
        return claims

    def _remember(self, project_id: str, token: str, claims: UserClaims) -> None:
        with self._lock:
            self._tokens[project_id, token] = claims
            while len(self._tokens) > _CACHED_TOKENS:
                self._tokens.popitem(last=False)


@functools.cache
def _hash_of_nobody() -> str:
    """Return a hash to compare with when there is no such operator: both cases take as long."""
    return generate_password_hash(new_secret())


def normal_email(email: str) -> str:
    """Return an e-mail address in the form it is stored in.

    Raises
    ------
    FieldInvalid
        If it does not look like one.

    """
    address = email.strip().lower()
    name, _, host = address.partition("@")
    if not name or "." not in host or len(address) > 320 or any(c.isspace() for c in address):
        raise FieldInvalid("This is not an e-mail address.", pointer="/email")
    return address


def check_password(password: str) -> None:
    """Refuse a password that is too short.

    Raises
    ------
    FieldInvalid
        If it is.

    """
    if len(password) < SHORTEST_PASSWORD:
        raise FieldInvalid(
            f"The password must have at least {SHORTEST_PASSWORD} characters.",
            pointer="/password",
        )
