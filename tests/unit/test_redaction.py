"""Secrets are masked by value, by shape and by name, in whatever encoding they stand."""

from __future__ import annotations

import base64
import html
import json
import logging
import secrets
import string
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connector import redaction
from connector.logs import configure
from connector.redaction import MASK, redact, redact_text, redact_url, remember

AWKWARD = 'p+w/ö&"q\\\n<x>=%41;s3cr3t~'
_ALPHABET = string.ascii_letters + string.digits + "-_~+/=&% <>\"'\\é\n"


def encodings(value: str) -> dict[str, str]:
    raw = value.encode()
    found = {
        "raw": value,
        "query": quote(value, safe=""),
        "form": quote_plus(value),
        "json": json.dumps({"a": value}),
        "json in json": json.dumps(json.dumps(value)) if value.isalnum() else json.dumps(value),
        "repr": repr({"a": value}),
        "html": f"<p title='{html.escape(value)}'>",
    }
    for shift in range(3):
        found[f"base64 at {shift}"] = base64.b64encode(b"x" * shift + raw + b"yz").decode()
        found[f"base64url at {shift}"] = base64.urlsafe_b64encode(b"x" * shift + raw).decode()
    return found


def traces(value: str, text: str) -> list[str]:
    """Return the encodings of a value that can still be read in a text."""
    raw = value.encode()
    cores = {}
    for shift in range(3):
        for name, encode in (("b64", base64.b64encode), ("url", base64.urlsafe_b64encode)):
            whole = encode(b"\0" * shift + raw).decode().rstrip("=")
            cores[f"{name}{shift}"] = whole[4:-2]
    forms = {"raw": value, "query": quote(value, safe=""), "json": json.dumps(value)[1:-1], **cores}
    return [name for name, form in forms.items() if form in text]


@pytest.mark.parametrize(
    "value", [AWKWARD, "simplevalue123", "0c8a6f5e-7d43-4b1f-9a52-3e6d9b7c1f20"]
)
@pytest.mark.parametrize("encoding", list(encodings("x")))
def test_a_remembered_value_is_masked_in_every_encoding(value: str, encoding: str) -> None:
    remember(value)
    masked = redact_text(f"before {encodings(value)[encoding]} after")
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert traces(value, masked) == []


@given(
    value=st.text(_ALPHABET, min_size=12, max_size=60),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
)
def test_no_trace_of_a_remembered_value_is_left(value: str, before: str, after: str) -> None:
    remember(value)
    for text in encodings(value).values():
        assert traces(value, redact_text(before + text + after)) == []


def test_every_occurrence_is_masked_and_nothing_else_changes() -> None:
    remember("canary-aaaaaaaa")
    text = "a canary-aaaaaaaa b canary-aaaaaaaacanary-aaaaaaaa c canary-aaaaaaa"
    assert redact_text(text) == f"a {MASK} b {MASK}{MASK} c canary-aaaaaaa"
    assert redact_text("nothing to see") == "nothing to see"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_value_within_another_does_not_save_the_rest_of_it(order: tuple[int, int]) -> None:
    values = ("inner-inner-inner", "left-inner-inner-inner-right")
    remember(*(values[index] for index in order))
    assert redact_text("x left-inner-inner-inner-right y") == f"x {MASK} y"


def test_short_values_are_left_alone() -> None:
    remember("", None, "heap", "seven77")
    assert redact_text("heap seven77") == "heap seven77"


def test_many_values_that_begin_alike_cost_no_more_than_few() -> None:
    """Tokens share their first hundred characters: a search by beginnings would crawl."""
    known = [
        f"eyJhbGciOiJub25lIiwidHlwIjoiYXQifQ{'x' * 60}{secrets.token_hex(16)}" for _ in range(3000)
    ]
    remember(*known)
    text = "some line of a log " * 50 + known[1500]
    assert redact_text(text) == "some line of a log " * 50 + MASK
    buckets = redaction._values._by_end
    assert max(map(len, buckets.values())) < 10


def test_the_longest_unused_value_makes_room_without_a_trace() -> None:
    values = redaction._Values()
    values.most = 100
    known = [secrets.token_urlsafe(32) for _ in range(150)]
    for value in known:
        values.add(value)
        values.add(known[0])
    assert values.masked(known[149]) == values.masked(known[0]) == MASK
    assert values.masked(known[1]) == known[1]
    assert len(values._forms) == 100
    assert sum(map(len, values._by_end.values())) == sum(map(len, values._forms.values()))


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345",
        "authorization: basic dXNlcjpwYXNzd29yZA==",
        "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl end",
        "key hlk_abcdefghijklmnopqrstuvwxyz",
        "-----BEGIN PRIVATE KEY-----\nMIIEcanary\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\\nMIIEcanary\\n-----END RSA PRIVATE KEY-----",
        "GET /connect/link/q0b2iUkZx1k3mJx5cW8Yt7nR4vL6pA9sD2fG_hJ3kQw",
        "GET /connect/go/q0b2iUkZx1k3mJx5cW8Yt7nR4vL6pA9sD2fG_hJ3kQw?x=1",
    ],
)
def test_what_has_the_shape_of_a_secret_is_masked_unseen(text: str) -> None:
    masked = redact_text(text)
    assert MASK in masked
    for part in ("abcdefgh", "dXNl", "eyJhb", "c2lnbm", "MIIE", "q0b2"):
        assert part not in masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("url: /x?api_key=abc123&q=1", f"url: /x?api_key={MASK}&q=1"),
        ("/callback?code=abc&state=def", f"/callback?code={MASK}&state={MASK}"),
        ("/nonce?userToken=a.b.c'", f"/nonce?userToken={MASK}'"),
        ("/x?page=2&sort=code", "/x?page=2&sort=code"),
        ("a=b; c=d", "a=b; c=d"),
        ("https://h/x?client_secret=%20a%2Fb", f"https://h/x?client_secret={MASK}"),
    ],
)
def test_a_secret_in_a_query_is_masked_by_its_name(text: str, masked: str) -> None:
    assert redact_text(text) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://u:pw@h/p", "https://h/p"),
        ("https://h/p?token=abc&page=2", f"https://h/p?token={MASK}&page=2"),
        ("https://h/p?page=2#frag", "https://h/p?page=2"),
        ("/p?flag&x=", "/p?flag&x="),
        ("/p?api%5Fkey=a&b=%2F+c", f"/p?api%5Fkey={MASK}&b=%2F+c"),
        ("", ""),
    ],
)
def test_an_address_loses_user_secrets_and_fragment(url: str, masked: str) -> None:
    assert redact_url(url) == masked


@pytest.mark.parametrize(
    "url", ["http://[?token=abcdefgh", "http://[::1/x?token=abcdefgh", "//[x?api_key=abcdefgh"]
)
def test_an_address_that_cannot_be_read_is_masked_as_text(url: str) -> None:
    assert "abcdefgh" not in redact_url(url)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "set-cookie", "Cookie", "password", "old_passwd", "client_secret",
        "api_key", "apiKey", "API-Key", "x-api-key", "access_token", "refreshToken", "id_token",
        "userToken", "token", "code", "state", "code_verifier", "private_key", "signature",
    ],
)  # fmt: skip
def test_a_field_is_masked_by_its_name_at_any_depth(name: str) -> None:
    data = {"a": [{"b": {name: "short", "kept": "kept"}}]}
    assert redact(data) == {"a": [{"b": {name: MASK, "kept": "kept"}}]}


@pytest.mark.parametrize("name", ["status", "country_code", "error_code", "estate", "user", "path"])
def test_a_field_of_a_harmless_name_is_kept(name: str) -> None:
    assert redact({name: "value"}) == {name: "value"}


@pytest.mark.parametrize("value", [None, "", True, False])
def test_whether_a_secret_is_there_may_be_told(value: object) -> None:
    assert redact({"client_secret": value}) == {"client_secret": value}


def test_secrets_in_bytes_objects_and_deep_structures_are_masked() -> None:
    remember("canary-bbbbbbbb")
    assert redact(b"x canary-bbbbbbbb") == f"x {MASK}"
    assert redact(ValueError("canary-bbbbbbbb")) == MASK
    assert redact((1, 2.5, "canary-bbbbbbbb")) == [1, 2.5, MASK]
    deep: object = "canary-bbbbbbbb"
    for _ in range(50):
        deep = [deep]
    assert "canary" not in repr(redact(deep))


@pytest.fixture
def _configured_logs() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure("DEBUG")
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.mark.usefixtures("_configured_logs")
def test_the_log_masks_at_the_sink(capsys: pytest.CaptureFixture[str]) -> None:
    remember("canary-cccccccc")
    configure("DEBUG")
    log = structlog.get_logger("connector.test")
    log.info("told canary-cccccccc", client_secret="short", nested={"a": ["canary-cccccccc"]})
    logging.getLogger("some.library").warning("url %s", "/x?code=abc&y=canary-cccccccc")
    try:
        raise ValueError("canary-cccccccc in an exception")
    except ValueError:
        log.exception("crashed")
        logging.getLogger("some.library").exception("crashed as well")
    lines = capsys.readouterr().err.splitlines()
    written = [json.loads(line) for line in lines]
    assert len(written) == 4
    assert "canary" not in "".join(lines)
    assert "short" not in lines[0]
    assert "abc" not in lines[1]
    assert all("in an exception" in one["exception"] for one in written[2:])


@pytest.mark.usefixtures("_configured_logs")
def test_libraries_that_print_tokens_are_held_back(capsys: pytest.CaptureFixture[str]) -> None:
    configure("DEBUG")
    for name in ("requests_oauthlib.oauth2_session", "oauthlib.oauth2", "urllib3.connectionpool"):
        logging.getLogger(name).debug("Obtained token %s", {"access_token": "abc"})
    assert capsys.readouterr().err == ""
