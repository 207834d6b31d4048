"""What the Python client puts on the wire, and what it makes of answers that are none of ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from connector.client import Heapline, HeaplineApiError, HeaplineUnreachable

from ..people import key_pair
from ..upstream import Received, Script, Upstream, answering, sending

PROXY = "/projects/p1/sdk/proxy/heap"
PASSED_ON = answering(headers=[("X-Heapline-Attempts", "1")])


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server that answers as it is told."""
    running = Upstream()
    yield running
    running.close()


@pytest.fixture
def acme(upstream: Upstream) -> Iterator[Heapline]:
    private_key, _ = key_pair("Acme Notes")
    with Heapline(upstream.url, "p1", private_key=private_key, api_key="hlk_key") as connected:
        yield connected


@pytest.mark.parametrize(
    ("path", "params", "line"),
    [
        ("/track", None, "/track"),
        ("track", None, "/track"),
        ("", None, ""),
        ("/a b/é", None, "/a%20b/%C3%A9"),
        ("/a%2Fb", None, "/a%2Fb"),
        ("/x?a=1", {"b": [2, 3], "c": "d&e"}, "/x?a=1&b=2&b=3&c=d%26e"),
        ("", {"a": "1"}, "?a=1"),
        ("/a/../../../../../api/v1/users/bob", None, "/a/../../../../../api/v1/users/bob"),
        ("/%2E%2E/x", None, "/%2E%2E/x"),
        ("/a#b", None, "/a%23b"),
        ("/a?b?c", None, "/a?b?c"),
    ],
)
def test_a_path_goes_out_as_it_was_written(
    upstream: Upstream,
    acme: Heapline,
    path: str,
    params: dict[str, object] | None,
    line: str,
) -> None:
    upstream.on((PROXY + line).partition("?")[0], PASSED_ON)
    acme.request("heap", path, user="alice", params=params)
    assert [one.target for one in upstream.received] == [PROXY + line]


def test_the_token_is_the_users_own_and_is_signed_again_only_when_it_is_due(
    upstream: Upstream, acme: Heapline, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.on(f"{PROXY}/x", PASSED_ON)
    for user in ("alice", "bob", "alice"):
        acme.request("heap", "/x", user=user)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3400)
    acme.request("heap", "/x", user="alice")
    sent = [_token(one) for one in upstream.received]
    assert sent[0] == sent[2]
    assert sent[3] != sent[0]
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in sent]
    assert [one["sub"] for one in claims] == ["alice", "bob", "alice", "alice"]
    assert claims[3]["exp"] > now + 3600


def test_the_server_is_told_how_long_the_provider_may_take(
    upstream: Upstream, acme: Heapline
) -> None:
    upstream.on(f"{PROXY}/x", PASSED_ON)
    acme.request("heap", "/x", user="alice", timeout=2.5)
    assert upstream.received[0].values("X-Heapline-Timeout") == ["2.5"]


def test_text_goes_out_as_utf_8(upstream: Upstream, acme: Heapline) -> None:
    upstream.on(f"{PROXY}/x", PASSED_ON)
    acme.request("heap", "/x", user="alice", method="POST", data="é\N{SNOWMAN}")
    assert upstream.received[0].body == "é\N{SNOWMAN}".encode()


def test_a_netrc_file_does_not_take_the_place_of_the_token(
    upstream: Upstream, acme: Heapline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    upstream.on("/api/v1/users/alice", answering(204))
    acme.delete_user("alice")
    assert _token(upstream.received[0]) == "hlk_key"


def test_a_cookie_of_one_answer_is_not_sent_with_the_next_request(
    upstream: Upstream, acme: Heapline
) -> None:
    headers = [("X-Heapline-Attempts", "1"), ("Set-Cookie", "who=alice")]
    upstream.on(f"{PROXY}/x", answering(headers=headers))
    for user in ("alice", "bob"):
        acme.request("heap", "/x", user=user)
    assert "cookie" not in upstream.received[1].names()


def test_a_redirect_of_the_provider_is_not_followed(upstream: Upstream, acme: Heapline) -> None:
    headers = [("X-Heapline-Attempts", "1"), ("Location", "/elsewhere")]
    upstream.on(f"{PROXY}/x", answering(302, headers=headers))
    answer = acme.request("heap", "/x", user="alice")
    assert (answer.status, answer.headers["Location"]) == (302, "/elsewhere")
    assert len(upstream.received) == 1


@pytest.mark.parametrize(
    ("script", "retryable"),
    [
        (answering(502, b"oops"), True),
        (answering(200, b"<html>"), False),
        (answering(200, b'{"status": "fine"}'), False),
        (answering(301, headers=[("Location", "https://x.example/")]), False),
        (answering(404, b"[]"), False),
        (answering(500, b'{"code": "x", "message": "y", "meta": "z"}'), False),
    ],
)
def test_an_answer_of_something_else_is_told_apart(
    upstream: Upstream, acme: Heapline, script: Script, retryable: bool
) -> None:
    upstream.on("/api/v1/connections/c1", script)
    upstream.on(f"{PROXY}/x", script)
    with pytest.raises(HeaplineApiError) as from_api:
        acme.connection("c1")
    with pytest.raises(HeaplineApiError) as from_proxy:
        acme.request("heap", "/x", user="alice")
    for error in (from_api.value, from_proxy.value):
        assert (error.code, error.retryable) == ("unexpected_answer", retryable)


@pytest.mark.parametrize("body", [b"{}", b'{"items": [{}], "next_cursor": null}'])
def test_a_list_of_something_else_is_told_apart(
    upstream: Upstream, acme: Heapline, body: bytes
) -> None:
    upstream.on("/api/v1/connections", answering(200, body))
    with pytest.raises(HeaplineApiError, match="unexpected_answer"):
        list(acme.connections())


@pytest.mark.parametrize(
    "script",
    [
        sending(),
        sending("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"),
        sending("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonly "),
        sending("HTTP/1.1 200 OK\r\n", then="reset"),
        sending("no HTTP at all\r\n"),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(
    upstream: Upstream, acme: Heapline, script: Script
) -> None:
    upstream.on("/api/v1/connections/c1", script)
    with pytest.raises(HeaplineUnreachable):
        acme.connection("c1")


def test_a_server_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        Heapline(f"http://127.0.0.1:{port}", "p1", api_key="hlk_key") as acme,
        pytest.raises(HeaplineUnreachable, match=str(port)),
    ):
        acme.connection("c1")


def test_a_call_without_the_key_that_it_needs_is_refused_at_once(upstream: Upstream) -> None:
    with Heapline(upstream.url, "p1") as acme:
        with pytest.raises(ValueError, match="private_key"):
            acme.request("heap", "/x", user="alice")
        with pytest.raises(ValueError, match="api_key"):
            acme.connection("c1")
    assert upstream.received == []


def _token(received: Received) -> str:
    (value,) = received.values("Authorization")
    return value.removeprefix("Bearer ")
