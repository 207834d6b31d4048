"""User tokens: what is taken, what is refused, and in which words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from connector import tokens
from connector.errors import FieldInvalid, NotFound, TokenExpired, TokenInvalid
from connector.tokens import SigningKey, UserClaims, verify

from ..people import key_pair

PROJECT = "7f1d6c1e-2f0a-4c26-9d35-5b6a0c7f8e11"
OTHER = "00000000-2f0a-4c26-9d35-5b6a0c7f8e11"
PRIVATE, PUBLIC = key_pair("tokens")
KEYS = [SigningKey("key-1", PUBLIC)]
_ABSENT = object()


def signed(headers: dict[str, Any] | None = None, **changes: object) -> str:
    """Return a good token with some claims changed or left out."""
    now = int(time.time())
    claims = {"sub": "alice", "aud": f"heapline/{PROJECT}", "iat": now, "exp": now + 600}
    kept = {key: val for key, val in (claims | changes).items() if val is not _ABSENT}
    return raw_token({"alg": "RS256", "typ": "JWT", **(headers or {})}, kept)


def raw_token(header: object, claims: object) -> str:
    """Sign any JSON at all with RS256, past the checks of a library."""
    parts = [_encoded(json.dumps(part).encode()) for part in (header, claims)]
    algorithm = jwt.get_algorithm_by_name("RS256")
    signature = algorithm.sign(".".join(parts).encode(), algorithm.prepare_key(PRIVATE))
    return ".".join([*parts, _encoded(signature)])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refusal(token: str, keys: list[SigningKey] = KEYS) -> str:
    with pytest.raises(TokenInvalid) as caught:
        verify(token, PROJECT, keys)
    return caught.value.message


def test_what_is_signed_here_is_verified_here() -> None:
    claims = verify(tokens.sign(PRIVATE, PROJECT, "alice", 60), PROJECT, KEYS)
    assert claims == UserClaims(PROJECT, "alice", "key-1", claims.expires_at)
    assert 55 < claims.expires_at - time.time() <= 60


@pytest.mark.parametrize(
    "audience",
    [
        f"heapline/{PROJECT}",
        f"useparagon.com/{PROJECT}",
        [f"useparagon.com/{PROJECT}"],
        ["https://elsewhere.example", f"heapline/{PROJECT}"],
        None,
        _ABSENT,
    ],
)
def test_an_audience_that_names_the_project_is_taken_and_so_is_none(audience: object) -> None:
    assert verify(signed(aud=audience), PROJECT, KEYS).user_id == "alice"


@pytest.mark.parametrize(
    "audience",
    [
        f"heapline/{OTHER}",
        PROJECT,
        f"heapline/{PROJECT}/",
        f"HEAPLINE/{PROJECT}",
        "",
        [],
        [[f"heapline/{PROJECT}"]],
        {"project": f"heapline/{PROJECT}"},
        5,
        True,
    ],
)
def test_any_other_form_of_audience_is_refused_in_words(audience: object) -> None:
    words = f"The claim aud must be 'heapline/{PROJECT}' or 'useparagon.com/{PROJECT}'."
    assert refusal(signed(aud=audience)) == words


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": _ABSENT}, "the claim exp is missing."),
        ({"exp": None}, "the claim exp is missing."),
        ({"sub": _ABSENT}, "the claim sub is missing."),
        ({"sub": 7}, "the claims sub and jti must be text."),
        ({"exp": "tomorrow"}, "the claims exp, nbf and iat must be seconds since 1970."),
        ({"exp": float("inf")}, "the claims exp, nbf and iat must be seconds since 1970."),
        ({"exp": [1]}, "the claims exp, nbf and iat must be seconds since 1970."),
        ({"nbf": time.time() + 3600}, "it is not valid yet (claim nbf or iat lies ahead)."),
        ({"iat": time.time() + 3600}, "it is not valid yet (claim nbf or iat lies ahead)."),
    ],
    ids=[
        "without exp",
        "exp null",
        "without sub",
        "sub a number",
        "exp text",
        "exp infinite",
        "exp a list",
        "nbf ahead",
        "iat ahead",
    ],
)
def test_a_claim_that_cannot_be_used_is_named(claims: dict[str, object], words: str) -> None:
    assert refusal(signed(**claims)) == f"The token cannot be used: {words}"


@pytest.mark.parametrize("user", ["", "x" * 256, "a\x00b", "a\nb", "\ud800", "\x7f"])
def test_a_user_id_that_cannot_be_stored_is_refused(user: str) -> None:
    assert refusal(signed(sub=user)) == (
        "The claim sub must be text of 1 to 255 characters, none of them a control character."
    )


@pytest.mark.parametrize("user", ["x" * 255, "a/b c@é", "日本", "<script>", "'; --", "a" + " " * 9])
def test_a_user_id_may_hold_any_text(user: str) -> None:
    assert verify(signed(sub=user), PROJECT, KEYS).user_id == user


def test_a_time_far_ahead_does_not_break_anything() -> None:
    assert verify(signed(exp=10**400), PROJECT, KEYS).expires_at == 2**53


def test_an_expired_token_is_told_apart_from_a_wrong_one() -> None:
    with pytest.raises(TokenExpired):
        verify(signed(exp=int(time.time()) - 31), PROJECT, KEYS)
    assert verify(signed(exp=int(time.time()) - 20), PROJECT, KEYS).user_id == "alice"


def test_a_token_without_signature_is_refused() -> None:
    header, claims, _ = signed({"alg": "none"}).split(".")
    for signature in ("", "AAAA"):
        token = f"{header}.{claims}.{signature}"
        assert refusal(token) == "The token cannot be used: it must be signed with RS256."


@pytest.mark.parametrize(
    "form",
    [PUBLIC, PUBLIC.strip(), PUBLIC.replace("\n", "")],
    ids=["as it is", "stripped", "one line"],
)
def test_the_public_key_is_no_shared_secret(form: str) -> None:
    """The classic confusion: HS256 over the public key's text."""
    header, claims = _encoded(b'{"alg":"HS256","typ":"JWT"}'), signed().split(".")[1]
    body = f"{header}.{claims}"
    mac = hmac.new(form.encode(), body.encode(), hashlib.sha256).digest()
    words = refusal(f"{body}.{_encoded(mac)}")
    assert words == "The token cannot be used: it must be signed with RS256."


@pytest.mark.parametrize(
    "algorithm", ["RS384", "RS512", "PS256", "ES256", "rs256", "RS256 ", "", 5]
)
def test_every_other_algorithm_is_refused(algorithm: object) -> None:
    words = refusal(signed({"alg": algorithm}))
    assert "must be signed with RS256" in words or "not a well-formed JWT" in words


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "../../etc/passwd"},
        {"kid": "x' OR '1'='1"},
        {"kid": "key-2"},
        {"jku": "https://evil.example/keys.json"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"x5u": "https://evil.example/cert"},
    ],
)
def test_what_the_header_says_of_keys_changes_nothing(header: dict[str, object]) -> None:
    assert verify(signed(header), PROJECT, KEYS).signing_key_id == "key-1"
    stranger = [SigningKey("key-2", key_pair("stranger")[1])]
    assert "No active key of this project" in refusal(signed(header), stranger)


@pytest.mark.parametrize("header", [{"kid": 5}, {"kid": ["key-1"]}, {"crit": ["exp2"]}])
def test_a_header_out_of_form_is_refused(header: dict[str, object]) -> None:
    assert "not a well-formed JWT" in refusal(signed(header))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "not a token",
        "é.é.é",
        "eyJhbGciOiJSUzI1NiJ9..",
        _encoded(b"[" * 3000) + "." + _encoded(b"{}") + ".AAAA",
        _encoded(b'{"alg":"RS256"}') + "." + _encoded(b"[" * 3000) + ".AAAA",
        _encoded(b'{"alg":"RS256"}') + "." + _encoded(b'"text"') + ".AAAA",
        _encoded(b"[]") + "." + _encoded(b"{}") + ".AAAA",
    ],
    ids=range(11),
)
def test_rubbish_is_told_to_be_no_token(token: str) -> None:
    words = "The token cannot be used: it is not a well-formed JWT."
    assert refusal(token) == words
    assert refusal(token, []) == words


def test_a_huge_token_is_not_even_read() -> None:
    assert refusal("x" * 8193) == "The token is longer than 8192 characters."


@pytest.mark.parametrize("audience", [_ABSENT, 5, {}, [], "elsewhere"])
def test_a_stranger_learns_nothing_of_a_project_s_keys(audience: object) -> None:
    token = signed(aud=audience)
    stranger = [SigningKey("key-2", key_pair("stranger")[1])]
    assert refusal(token, []) == refusal(token, stranger)


@pytest.mark.parametrize("keys", [[], [SigningKey("key-2", key_pair("stranger")[1])]])
def test_to_the_bearer_of_another_project_s_token_this_one_does_not_exist(
    keys: list[SigningKey],
) -> None:
    with pytest.raises(NotFound):
        verify(signed(aud=f"heapline/{OTHER}"), PROJECT, keys)


def test_any_of_several_active_keys_will_do() -> None:
    keys = [SigningKey("key-2", key_pair("stranger")[1]), *KEYS]
    assert verify(signed(), PROJECT, keys).signing_key_id == "key-1"


def test_a_changed_claim_breaks_the_signature() -> None:
    header, _, signature = signed().split(".")
    claims = signed(sub="bob").split(".")[1]
    assert "No active key of this project" in refusal(f"{header}.{claims}.{signature}")


def _pem(key: Any) -> str:
    return str(
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (PRIVATE, "This is a private key. Keep it, and give its public half"),
        ("nonsense", "must be PEM text that starts with -----BEGIN PUBLIC KEY-----"),
        ("", "must be PEM text"),
        (_pem(ec.generate_private_key(ec.SECP256R1())), "must be RSA with at least 2048 bits"),
        (_pem(rsa.generate_private_key(65537, 1024)), "must be RSA with at least 2048 bits"),
    ],
)
def test_a_public_key_that_cannot_be_used_is_refused_in_words(pem: str, words: str) -> None:
    with pytest.raises(FieldInvalid, match=words) as caught:
        tokens.read_public_key(pem)
    assert "PRIVATE KEY-----\n" not in caught.value.message


def test_a_public_key_is_stored_in_its_normal_form() -> None:
    assert tokens.read_public_key("\n\n  " + PUBLIC.replace("\n", "\r\n")) == PUBLIC


def test_secrets_are_long_and_never_the_same() -> None:
    made = {tokens.new_secret() for _ in range(100)} | {tokens.new_api_key() for _ in range(100)}
    assert len(made) == 200
    assert min(map(len, made)) >= 43
    assert sum(one.startswith("hlk_") for one in made) >= 100
