"""Which headers pass, as a pure function; the whole table is tried on the wire elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.proxy.headers import Headers, downward, upward, with_media_type

NAMES = st.sampled_from(
    [
        *("Accept", "X-Own", "authorization", "COOKIE", "Connection", "Set-Cookie", "TE", "Origin"),
        *("X-Forwarded-For", "x-paragon-credential", "Sec-Fetch-Mode", "Server", "ETag", "Link"),
        *("Access-Control-Allow-Origin", "Content-Length", "Transfer-Encoding", "Upgrade"),
    ]
)
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(["1", "x-own", "ETag, link", "a b"])))


@given(headers=HEADERS, way=st.sampled_from([upward, downward]))
def test_what_passes_passes_in_order_and_unchanged(headers: Headers, way: object) -> None:
    passed = way(headers)  # type: ignore[operator]
    rest = iter(headers)
    assert all(one in rest for one in passed)
    assert way(passed) == passed  # type: ignore[operator]


@given(headers=HEADERS)
def test_what_is_named_in_connection_passes_neither_way(headers: Headers) -> None:
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for token in value.split(",")
    }
    for passed in (upward(headers), downward(headers)):
        assert not {name.lower() for name, _ in passed} & {*named, "connection"}


def test_a_header_that_the_credential_takes_is_dropped_whatever_its_case() -> None:
    assert upward([("x-api-KEY", "1"), ("X-Other", "2")], drop=["X-Api-Key"]) == [("X-Other", "2")]


@pytest.mark.parametrize(
    ("given_", "body", "is_json", "sent"),
    [
        ([], b"{}", True, [("Content-Type", "application/json")]),
        ([], None, False, []),
        ([], b"x", False, []),
        ([("content-type", "auto")], b"{}", True, [("Content-Type", "application/json")]),
        ([("content-type", "AUTO; charset=x")], b"x", False, [("Content-Type", "text/plain")]),
        ([("Content-Type", "auto")], None, False, []),
        ([("Content-Type", "")], b"{}", True, [("Content-Type", "")]),
        ([("Content-Type", "image/png")], b"{}", True, [("Content-Type", "image/png")]),
        ([("Content-Type", "automotive/x")], b"x", False, [("Content-Type", "automotive/x")]),
    ],
)
def test_only_the_word_auto_is_replaced(
    given_: Headers, body: bytes | None, is_json: bool, sent: Headers
) -> None:
    assert with_media_type(given_, body, is_json=is_json) == sent
