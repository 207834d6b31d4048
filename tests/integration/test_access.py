"""Who is calling: the cache of user tokens, API keys, operators."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jwt
import pytest
from flask.testing import FlaskClient

from connector import tokens
from connector.access import SCOPES, Access, normal_email
from connector.database import Database
from connector.errors import (
    ApiKeyInvalid,
    FieldInvalid,
    NotFound,
    SignInFailed,
    SignInThrottled,
    TokenExpired,
    TokenInvalid,
)
from connector.ratelimit import RateLimiter
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.tables import api_keys, operators

from ..people import Host, key_pair

PASSWORD = "correct horse battery staple"


@pytest.fixture
def now() -> list[float]:
    """The time that the limiter goes by."""
    return [1_800_000_000.0]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite alone: what differs between the two is tried by the tests of the stores."""
    found = Database(f"sqlite:///{tmp_path / 'access.db'}")
    found.upgrade()
    yield found
    found.close()


@pytest.fixture
def access(database: Database, now: list[float]) -> Access:
    return Access(database, RateLimiter(database, clock=lambda: now[0]))


@pytest.fixture
def project_id(database: Database) -> str:
    with database.transaction() as tx:
        return project_store.create(tx, "Acme", []).id


def revoke(database: Database, project_id: str, key_id: str) -> None:
    with database.transaction() as tx:
        assert key_store.revoke_signing_key(tx, project_id, key_id)


@pytest.fixture
def sign(project_id: str) -> Callable[..., str]:
    private, _ = key_pair("access")

    def make(user: str = "alice", lifetime_seconds: int = 60) -> str:
        return tokens.sign(private, project_id, user, lifetime_seconds)

    return make


@pytest.fixture
def key_id(database: Database, project_id: str) -> str:
    with database.transaction() as tx:
        return key_store.add_signing_key(tx, project_id, "k", key_pair("access")[1]).id


def test_a_token_that_was_seen_before_is_still_checked_against_its_key(
    access: Access, database: Database, project_id: str, key_id: str, sign: Callable[..., str]
) -> None:
    token = sign()
    assert access.claims(project_id, token).user_id == "alice"
    assert access.claims(project_id, token) == access.claims(project_id, token)
    revoke(database, project_id, key_id)
    with pytest.raises(TokenInvalid):
        access.claims(project_id, token)


def test_a_token_that_was_seen_before_still_expires(
    access: Access, project_id: str, key_id: str, sign: Callable[..., str]
) -> None:
    token = sign(lifetime_seconds=-tokens.LEEWAY_SECONDS + 1)
    assert access.claims(project_id, token).user_id == "alice"
    deadline = time.time() + 10
    while time.time() < deadline:
        try:
            access.claims(project_id, token, key_checked_later=True)
        except TokenExpired:
            return
    pytest.fail("the token never expired")


def test_what_was_seen_in_one_project_counts_for_no_other(
    access: Access, database: Database, project_id: str, key_id: str
) -> None:
    private, public = key_pair("access")
    with database.transaction() as tx:
        other = project_store.create(tx, "Other", []).id
    claims = {"sub": "alice", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, private, algorithm="RS256")
    assert access.claims(project_id, token).project_id == project_id
    with pytest.raises(TokenInvalid):
        access.claims(other, token, key_checked_later=True)
    with database.transaction() as tx:
        key_store.add_signing_key(tx, other, "the same key in both", public)
    assert access.claims(other, token).project_id == other


def test_several_keys_are_active_at_once_and_are_revoked_one_by_one(
    access: Access, database: Database, project_id: str, key_id: str, sign: Callable[..., str]
) -> None:
    private, public = key_pair("access-2")
    with database.transaction() as tx:
        second = key_store.add_signing_key(tx, project_id, "second", public).id
    newer = tokens.sign(private, project_id, "alice")
    assert access.claims(project_id, sign()).signing_key_id == key_id
    assert access.claims(project_id, newer).signing_key_id == second
    revoke(database, project_id, key_id)
    assert access.claims(project_id, newer).signing_key_id == second
    with pytest.raises(TokenInvalid):
        access.claims(project_id, sign("bob"))


def test_a_revoked_key_ends_proxy_requests_at_once(client: FlaskClient, host: Host) -> None:
    """The proxy takes a token that it saw before and has its own query ask for the key."""
    host.connect("alice")
    headers, path = host.headers("alice"), host.path("/proxy/heap/x")
    assert client.get(path, headers=headers).status_code == 404
    revoke(host.runtime.database, host.project.id, host.signing_key_id)
    answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json["code"]) == (401, "token_invalid")


def test_the_memory_of_tokens_is_bounded(
    access: Access,
    project_id: str,
    key_id: str,
    sign: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connector.access._CACHED_TOKENS", 5)
    for number in range(12):
        access.claims(project_id, sign(f"user {number}"))
    assert len(access._tokens) == 5
    assert access.claims(project_id, sign("user 0")).user_id == "user 0"


def test_an_api_key_is_kept_as_a_hash_and_opens_until_it_is_revoked(
    access: Access, database: Database, project_id: str
) -> None:
    made, text = access.new_api_key(project_id, "server", ("connections:read",))
    assert text.startswith("hlk_")
    with database.reading() as tx:
        row = tx.execute(api_keys.select()).one()
    assert text not in repr(row)
    found = access.api_key(text)
    assert (found.id, found.project_id, found.scopes) == (
        made.id,
        project_id,
        ("connections:read",),
    )
    assert access.api_key(text).last_used_at is not None
    with database.transaction() as tx:
        assert key_store.revoke_api_key(tx, project_id, made.id)
    with pytest.raises(ApiKeyInvalid):
        access.api_key(text)


@pytest.mark.parametrize("text", ["", "hlk_", "hlk_" + "A" * 43, "x" * 100_000, "é", "\x00"])
def test_what_is_no_api_key_opens_nothing(access: Access, text: str) -> None:
    with pytest.raises(ApiKeyInvalid):
        access.api_key(text)


def test_the_hash_of_an_api_key_opens_nothing(access: Access, project_id: str) -> None:
    _, text = access.new_api_key(project_id, "server", tuple(SCOPES))
    with pytest.raises(ApiKeyInvalid):
        access.api_key(tokens.digest(text))


@pytest.mark.parametrize("scopes", [(), ("everything",), ("connections:read", "x")])
def test_an_api_key_has_known_scopes(
    access: Access, project_id: str, scopes: tuple[str, ...]
) -> None:
    with pytest.raises(FieldInvalid, match="Scopes must be among connections:read"):
        access.new_api_key(project_id, "server", scopes)


def test_an_operator_signs_in_by_address_and_password(access: Access, database: Database) -> None:
    made = access.new_operator(" Ann@Example.COM ", PASSWORD)
    assert made.email == "ann@example.com"
    assert access.sign_in("ANN@example.com ", PASSWORD, "1.2.3.4").id == made.id
    with database.reading() as tx:
        assert PASSWORD not in repr(tx.execute(operators.select()).all())


def test_wrong_address_and_wrong_password_are_refused_alike(access: Access) -> None:
    access.new_operator("ann@example.com", PASSWORD)
    words = set()
    for email, password in (("ann@example.com", "wrong"), ("bea@example.com", PASSWORD), ("", "")):
        with pytest.raises(SignInFailed) as caught:
            access.sign_in(email, password, "1.2.3.4")
        words.add((caught.value.message, str(caught.value.meta)))
    assert len(words) == 1


def test_guessing_one_address_is_slowed_down(access: Access, now: list[float]) -> None:
    access.new_operator("ann@example.com", PASSWORD)
    for number in range(5):
        with pytest.raises(SignInFailed):
            access.sign_in("ann@example.com", "guess", f"10.0.0.{number}")
    with pytest.raises(SignInThrottled) as caught:
        access.sign_in("Ann@example.com", PASSWORD, "10.0.0.9")
    assert caught.value.retryable
    now[0] += 67
    assert access.sign_in("ann@example.com", PASSWORD, "10.0.0.9")


def test_guessing_from_one_place_is_slowed_down(access: Access) -> None:
    for number in range(20):
        with pytest.raises(SignInFailed):
            access.sign_in(f"user{number}@example.com", "guess", "10.0.0.1")
    with pytest.raises(SignInThrottled):
        access.sign_in("other@example.com", "guess", "10.0.0.1")
    with pytest.raises(SignInFailed):
        access.sign_in("other@example.com", "guess", "10.0.0.2")


def test_a_new_password_ends_every_session(access: Access) -> None:
    before = access.new_operator("ann@example.com", PASSWORD)
    found = access.operator_of_session(before.session_key)
    assert found is not None
    assert found.id == before.id
    access.new_operator("ann@example.com", PASSWORD + "!")
    assert access.operator_of_session(before.session_key) is None
    with pytest.raises(SignInFailed):
        access.sign_in("ann@example.com", PASSWORD, "x")
    assert access.sign_in("ann@example.com", PASSWORD + "!", "x").id == before.id


@pytest.mark.parametrize("key", ["", "x", "\x00"])
def test_a_session_that_is_nobodys_has_no_operator(access: Access, key: str) -> None:
    try:
        assert access.operator_of_session(key) is None
    except FieldInvalid:
        assert key == "\x00"


@pytest.mark.parametrize("password", ["", "short", "x" * 11])
def test_a_short_password_is_refused(access: Access, password: str) -> None:
    with pytest.raises(FieldInvalid, match="at least 12 characters"):
        access.new_operator("ann@example.com", password)


@pytest.mark.parametrize(
    "email",
    ["", "ann", "@example.com", "ann@", "ann@example", "a b@example.com", "a" * 320 + "@b.c"],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(FieldInvalid, match="not an e-mail address"):
        normal_email(email)


def test_an_operator_has_the_projects_of_which_they_are_a_member(
    access: Access, database: Database, project_id: str
) -> None:
    ann, bea = (access.new_operator(f"{name}@example.com", PASSWORD) for name in ("ann", "bea"))
    with database.transaction() as tx:
        project_store.add_member(tx, project_id, ann.id)
        project_store.add_member(tx, project_id, ann.id)
    assert access.project_of_operator(ann, project_id).id == project_id
    for operator, wanted in ((bea, project_id), (ann, "nothing")):
        with pytest.raises(NotFound):
            access.project_of_operator(operator, wanted)
