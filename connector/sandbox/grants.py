"""Authorization codes, grants and tokens: what they are bound to, and how they end.

Every function runs in the caller's transaction. A refusal is returned, not raised, because some
refusals write something too (a replayed code or refresh token ends its grant).
"""

import base64
import hashlib
import hmac
import json
import secrets
import sqlite3
from dataclasses import dataclass

from connector.sandbox.authorization import AuthorizationRequest
from connector.sandbox.partner_apps import PartnerApp


@dataclass(frozen=True)
class Refusal:
    """An error of the token endpoint (RFC 6749, section 5.2)."""

    error: str
    description: str


@dataclass(frozen=True)
class TokenRules:
    """What the settings say about the tokens to give out."""

    access_token_seconds: float | None
    refresh_tokens: str


def issue_code(
    connection: sqlite3.Connection, request: AuthorizationRequest, app_id: str, expires_at: float
) -> str:
    """Store and return a single-use code for one environment."""
    code = secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            code,
            request.app.id,
            app_id,
            request.redirect_uri,
            ",".join(request.scopes),
            request.challenge,
            expires_at,
        ),
    )
    return code


def redeem_code(
    connection: sqlite3.Connection,
    app: PartnerApp,
    fields: dict[str, str],
    now: float,
    rules: TokenRules,
) -> dict[str, object] | Refusal:
    """Turn a code into tokens, once."""
    code = connection.execute(
        "SELECT * FROM codes WHERE code = ? AND partner_app_id = ?", (fields["code"], app.id)
    ).fetchone()
    if code is None:
        return Refusal("invalid_grant", "the code is unknown or belongs to another app")
    if code["grant_id"] is not None:
        revoke_grant(connection, code["grant_id"], now)
        return Refusal("invalid_grant", "the code was used before, so its tokens are revoked")
    if code["expires_at"] <= now:
        return Refusal("invalid_grant", "the code has expired")
    if code["redirect_uri"] != fields.get("redirect_uri"):
        return Refusal("invalid_grant", "redirect_uri is not the one the code was sent to")
    if not _challenge_met(code["challenge"], fields.get("code_verifier")):
        return Refusal("invalid_grant", "code_verifier does not fit the code challenge")
    grant_id, id_token = _open_grant(connection, app, code, now)
    return _issue_tokens(connection, grant_id, id_token, now, rules)


def refresh(
    connection: sqlite3.Connection, app: PartnerApp, token: str, now: float, rules: TokenRules
) -> dict[str, object] | Refusal:
    """Turn a refresh token into new tokens; a rotated one that comes back ends the grant."""
    row = connection.execute(
        "SELECT r.rotated_at, g.* FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id"
        " WHERE r.token = ? AND g.partner_app_id = ?",
        (token, app.id),
    ).fetchone()
    if row is None or row["revoked_at"] is not None:
        return Refusal("invalid_grant", "the refresh token is unknown or revoked")
    if row["rotated_at"] is not None:
        revoke_grant(connection, row["id"], now)
        return Refusal("invalid_grant", "the refresh token was used before: the grant is revoked")
    if rules.refresh_tokens == "static":
        return _issue_tokens(
            connection, row["id"], row["id_token"], now, rules, kept_refresh_token=token
        )
    connection.execute("UPDATE refresh_tokens SET rotated_at = ? WHERE token = ?", (now, token))
    return _issue_tokens(connection, row["id"], row["id_token"], now, rules)


def find_live_grant(connection: sqlite3.Connection, token: str, now: float) -> sqlite3.Row | None:
    """Return the grant behind an access token that is neither expired nor revoked."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT g.* FROM access_tokens t JOIN grants g ON g.id = t.grant_id"
        " WHERE t.token = ? AND t.revoked_at IS NULL AND g.revoked_at IS NULL"
        " AND (t.expires_at IS NULL OR t.expires_at > ?)",
        (token, now),
    ).fetchone()
    return row


def revoke_grant(connection: sqlite3.Connection, grant_id: int, now: float) -> None:
    """End a grant and with it all its tokens."""
    connection.execute(
        "UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, grant_id)
    )


def _challenge_met(challenge: str | None, verifier: str | None) -> bool:
    if challenge is None or verifier is None:
        # A verifier without a challenge is refused too: RFC 9700, section 2.1.1.
        return challenge is None and verifier is None
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(challenge, computed)


def _open_grant(
    connection: sqlite3.Connection, app: PartnerApp, code: sqlite3.Row, now: float
) -> tuple[int, str]:
    id_token = app.id_token_for(code["app_id"])
    cursor = connection.execute(
        "INSERT INTO grants (partner_app_id, app_id, id_token, scope, authorized_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (app.id, code["app_id"], id_token, code["scope"], now),
    )
    grant_id = int(cursor.lastrowid or 0)
    connection.execute("UPDATE codes SET grant_id = ? WHERE code = ?", (grant_id, code["code"]))
    return grant_id, id_token


def _issue_tokens(
    connection: sqlite3.Connection,
    grant_id: int,
    id_token: str,
    now: float,
    rules: TokenRules,
    *,
    kept_refresh_token: str | None = None,
) -> dict[str, object]:
    lifetime = rules.access_token_seconds
    access_token = _opaque_token("at")
    connection.execute(
        "INSERT INTO access_tokens VALUES (?, ?, ?, NULL)",
        (access_token, grant_id, None if lifetime is None else now + lifetime),
    )
    answer: dict[str, object] = {
        "access_token": access_token,
        "id_token": id_token,
        "token_type": "bearer",
    }
    if lifetime is not None:
        answer["expires_in"] = int(lifetime)
    if rules.refresh_tokens != "none":
        answer["refresh_token"] = kept_refresh_token or _new_refresh_token(connection, grant_id)
    return answer


def _new_refresh_token(connection: sqlite3.Connection, grant_id: int) -> str:
    token = _opaque_token("rt")
    connection.execute("INSERT INTO refresh_tokens VALUES (?, ?, NULL)", (token, grant_id))
    return token


def _opaque_token(kind: str) -> str:
    """Return random text that looks like a JWT, as Heap's tokens do, but says nothing."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": kind}).encode())
    parts = (header.rstrip(b"=").decode(), secrets.token_urlsafe(48), secrets.token_urlsafe(32))
    return ".".join(parts)
