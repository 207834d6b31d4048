"""User tokens (RS256 JWT, RFC 7519) and the other unguessable strings we hand out.

A user token says who a connected user is. The host product signs it with a private key that is
shown once and never kept here; this module signs for tests and tools and verifies for the server.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.errors import FieldInvalid, NotFound, TokenExpired, TokenInvalid

ALGORITHM = "RS256"
LEEWAY_SECONDS = 30
LONGEST_TOKEN = 8192
LONGEST_USER_ID = 255
SMALLEST_KEY_BITS = 2048
API_KEY_PREFIX = "hlk_"
_AUDIENCES = ("heapline/", "useparagon.com/")
_FOREVER = 2**53
#: Control characters and halves of surrogate pairs: no database stores them all.
_NO_TEXT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The public half of a key that a host product signs user tokens with."""

    id: str
    public_pem: str


@dataclass(frozen=True, slots=True)
class UserClaims:
    """For whom a request is made: what a verified user token says, or the server's own word."""

    project_id: str
    user_id: str
    #: Nothing: the server itself acts for the user.
    signing_key_id: str | None
    expires_at: float


def on_behalf(project_id: str, user_id: str) -> UserClaims:
    """Return claims by which the server itself acts for a user, as workflows do."""
    return UserClaims(project_id, user_id, None, math.inf)


def new_signing_key() -> tuple[str, str]:
    """Make an RSA key of 2048 bits; return private and public half as PEM."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=SMALLEST_KEY_BITS)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private_pem.decode(), _public_pem(private.public_key())


def read_public_key(pem: str) -> str:
    """Return a public key as normal PEM.

    Raises
    ------
    FieldInvalid
        If it is no public RSA key of at least 2048 bits; a private key is refused by name.

    """
    if "PRIVATE KEY" in pem:
        raise FieldInvalid(
            "This is a private key. Keep it, and give its public half: "
            "openssl rsa -in private.pem -pubout",
            pointer="/public_key",
        )
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FieldInvalid(
            "The public key must be PEM text that starts with -----BEGIN PUBLIC KEY-----.",
            pointer="/public_key",
        ) from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SMALLEST_KEY_BITS:
        raise FieldInvalid(
            f"The public key must be RSA with at least {SMALLEST_KEY_BITS} bits.",
            pointer="/public_key",
        )
    return _public_pem(key)


def sign(private_pem: str, project_id: str, user_id: str, lifetime_seconds: int = 3600) -> str:
    """Sign a user token the way a host product does."""
    now = int(time.time())
    claims = {
        "sub": user_id,
        "aud": audiences(project_id)[0],
        "iat": now,
        "exp": now + lifetime_seconds,
    }
    return jwt.encode(claims, private_pem, algorithm=ALGORITHM)


def audiences(project_id: str) -> tuple[str, str]:
    """Return the audiences that a token may name: ours, and the one the npm SDK's docs show."""
    ours, usual = _AUDIENCES
    return f"{ours}{project_id}", f"{usual}{project_id}"


def verify(token: str, project_id: str, keys: Sequence[SigningKey]) -> UserClaims:
    """Check a user token against the active keys of a project.

    ``sub`` and ``exp`` are required; ``aud`` is checked when present, because tokens made for the
    npm SDK often lack it.

    Raises
    ------
    TokenExpired
        If the signature is right and the time is over.
    NotFound
        If it names another project as its audience: to its bearer this one does not exist.
    TokenInvalid
        In every other case, with the reason in words that help the one who signs.

    """
    if len(token) > LONGEST_TOKEN:
        raise TokenInvalid(f"The token is longer than {LONGEST_TOKEN} characters.")
    # Before any key is tried, so that the answer does not hang on whether the project has one.
    unverified = _unverified_claims(token)
    for key in keys:
        try:
            return _verify_with(token, project_id, key)
        except jwt.InvalidSignatureError:
            continue
    if _names_other_project(unverified.get("aud"), project_id):
        raise NotFound
    raise TokenInvalid


def is_user_id(value: object) -> bool:
    """Say whether a value can be the id of a user: text that every database stores."""
    return (
        isinstance(value, str) and 0 < len(value) <= LONGEST_USER_ID and not _NO_TEXT.search(value)
    )


def _unverified_claims(token: str) -> Mapping[str, Any]:
    """Read the claims of a token that nothing is known of yet."""
    try:
        header = jwt.get_unverified_header(token)
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError) as error:
        raise TokenInvalid("The token cannot be used: it is not a well-formed JWT.") from error
    if header.get("alg") != ALGORITHM:
        raise TokenInvalid(f"The token cannot be used: it must be signed with {ALGORITHM}.")
    return claims


def _verify_with(token: str, project_id: str, key: SigningKey) -> UserClaims:
    try:
        claims = jwt.decode(
            token,
            key.public_pem,
            algorithms=[ALGORITHM],
            leeway=LEEWAY_SECONDS,
            options={"require": ["sub", "exp"], "verify_aud": False},
        )
    except jwt.InvalidSignatureError:
        raise
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, OverflowError) as error:
        raise TokenInvalid(f"The token cannot be used: {_reason(error)}") from error
    _check_audience(claims.get("aud"), project_id)
    if not is_user_id(claims["sub"]):
        raise TokenInvalid(
            f"The claim sub must be text of 1 to {LONGEST_USER_ID} characters, none of them a "
            "control character."
        )
    expires_at = float(min(int(claims["exp"]), _FOREVER))
    return UserClaims(project_id, claims["sub"], key.id, expires_at)


def _check_audience(audience: object, project_id: str) -> None:
    named = [audience] if isinstance(audience, str) else audience
    if named is None:
        return
    if not isinstance(named, list) or not set(map(str, named)) & set(audiences(project_id)):
        raise TokenInvalid(
            f"The claim aud must be {audiences(project_id)[0]!r} or {audiences(project_id)[1]!r}."
        )


def _names_other_project(audience: object, project_id: str) -> bool:
    """Say whether an unverified token was made for another project."""
    named = audience if isinstance(audience, list) else [audience]
    projects = [str(one) for one in named if str(one).startswith(_AUDIENCES)]
    return bool(projects) and not set(projects) & set(audiences(project_id))


def _reason(error: Exception) -> str:
    match error:
        case jwt.MissingRequiredClaimError():
            return f"the claim {error.claim} is missing."
        case jwt.ImmatureSignatureError():
            return "it is not valid yet (claim nbf or iat lies ahead)."
        case jwt.exceptions.InvalidSubjectError() | jwt.exceptions.InvalidJTIError():
            return "the claims sub and jti must be text."
        case jwt.InvalidIssuedAtError() | jwt.DecodeError() | OverflowError():
            return "the claims exp, nbf and iat must be seconds since 1970."
        case _:
            return "it is not a well-formed JWT."


def new_secret() -> str:
    """Return a random string of 256 bits, safe in addresses."""
    return secrets.token_urlsafe(32)


def new_api_key() -> str:
    """Return a random API key with our prefix."""
    return API_KEY_PREFIX + new_secret()


def digest(secret: str) -> str:
    """Return the SHA-256 that is stored in place of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def _public_pem(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
