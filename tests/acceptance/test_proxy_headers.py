"""Which headers pass the proxy, either way, through a real server."""

from __future__ import annotations

import json

import pytest

from connector import __version__

from ..upstream import answering
from .gateway import KEY, Gateway

NEVER_UP = {
    "Cookie": "session=canary",
    "Origin": "https://app.acme.example",
    "Referer": "https://app.acme.example/page",
    "Forwarded": "for=203.0.113.7",
    "Via": "1.1 edge",
    "X-Real-IP": "203.0.113.7",
    "X-Request-Id": "caller-request-1",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Host": "acme.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Anything": "1",
    "X-Paragon-SDK-Version": "2.4.0",
    "X-Paragon-Use-Raw-Response": "1",
    "X-Heapline-Timeout": "20",
    "Sec-Fetch-Site": "cross-site",
    "Sec-CH-UA": '"Chromium";v="130"',
    "Proxy-Authorization": "Basic Y2FuYXJ5OmNhbmFyeQ==",
    "Proxy-Connection": "keep-alive",
    "CF-Connecting-IP": "203.0.113.7",
    "Keep-Alive": "timeout=5",
    "TE": "trailers",
    "Trailer": "X-Sum",
    "Upgrade": "h2c",
    "X-Api-Key": "another's",
}
PASSED_UP = {
    "Accept": "application/json;q=0.9, */*;q=0.1",
    "Accept-Language": "de, en;q=0.5",
    "Accept-Encoding": "gzip, br",
    "If-None-Match": '"abc", W/"def"',
    "If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT",
    "Range": "bytes=0-99",
    "Idempotency-Key": "b8f6-11",
    "User-Agent": "acme-notes/3.2",
    "X-Anything-Else": "some value; with=signs",
    "X-Empty": "",
    "X-Latin": "caf\xe9",
    "Content-Language": "fr",
}
NEVER_DOWN = {
    "Set-Cookie": "canary=1; Path=/",
    "Set-Cookie2": "canary=1",
    "Server": "courier-machine-7",
    "Date": "Sat, 29 Oct 1994 19:43:31 GMT",
    "Strict-Transport-Security": "max-age=1; includeSubDomains; preload",
    "Public-Key-Pins": 'pin-sha256="x"',
    "Content-Security-Policy": "default-src *",
    "Content-Security-Policy-Report-Only": "default-src *",
    "Clear-Site-Data": '"*"',
    "Report-To": "{}",
    "Reporting-Endpoints": 'x="https://evil.example"',
    "NEL": "{}",
    "Alt-Svc": 'h3=":443"',
    "X-Powered-By": "courier",
    "Refresh": "0; url=https://evil.example",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "Proxy-Authenticate": "Basic",
    "Keep-Alive": "timeout=5",
    "X-Heapline-Attempts": "77",
    "X-Request-Id": "upstream-request-1",
    "X-Content-Type-Options": "off",
}
PASSED_DOWN = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Language": "fr",
    "Content-Disposition": 'attachment; filename="a.txt"',
    "ETag": 'W/"abc"',
    "Last-Modified": "Sat, 29 Oct 1994 19:43:31 GMT",
    "Cache-Control": "private, max-age=5",
    "Retry-After": "7",
    "RateLimit-Remaining": "3",
    "WWW-Authenticate": 'Bearer realm="courier"',
    "Location": "/elsewhere",
    "X-Anything-Else": "some value; with=signs",
    "X-Latin": "caf\xe9",
}


@pytest.mark.parametrize("name", NEVER_UP)
def test_a_header_that_is_not_the_providers_business_never_goes_up(
    gateway: Gateway, name: str
) -> None:
    answer = gateway.call("GET", "/up", [(name, NEVER_UP[name])])
    assert answer.status == 200
    (request,) = gateway.upstream.requests("/v2/up")
    assert NEVER_UP[name] not in request.values(name)


def test_the_callers_token_is_replaced_by_the_credential(gateway: Gateway) -> None:
    gateway.call("GET", "/up")
    (request,) = gateway.upstream.requests("/v2/up")
    assert request.values("X-Api-Key") == [f"Key {KEY}"]
    assert request.values("Authorization") == []
    assert gateway.tokens["alice"] not in repr(request)


def test_an_action_that_needs_no_credential_gets_none(gateway: Gateway) -> None:
    assert gateway.call("POST", "/notices", body=b"{}").status == 200
    (request,) = gateway.upstream.requests("/v2/notices")
    assert not request.names() & {"x-api-key", "authorization"}


@pytest.mark.parametrize("name", PASSED_UP)
def test_a_header_for_the_provider_goes_up_as_it_is(gateway: Gateway, name: str) -> None:
    gateway.call("GET", "/up", [(name, PASSED_UP[name])])
    (request,) = gateway.upstream.requests("/v2/up")
    assert request.values(name) == [PASSED_UP[name]]


def test_headers_named_in_connection_stay_on_their_hop(gateway: Gateway) -> None:
    headers = [("Connection", "close, X-Hop, x-other-hop"), ("X-Hop", "1"), ("X-Other-Hop", "2")]
    gateway.upstream.on(
        "/v2/hop",
        answering(200, b"", [("Connection", "X-Back"), ("X-Back", "1"), ("X-Stays", "2")]),
    )
    answer = gateway.call("GET", "/hop", headers)
    (request,) = gateway.upstream.requests("/v2/hop")
    assert not request.names() & {"x-hop", "x-other-hop"}
    assert "x-back" not in answer.names()
    assert answer.header("X-Stays") == "2"


def test_values_of_a_repeated_header_go_up_in_order(gateway: Gateway) -> None:
    gateway.call("GET", "/up", [("X-Many", "one"), ("Accept", "*/*"), ("X-Many", "two, three")])
    (request,) = gateway.upstream.requests("/v2/up")
    # WSGI joins them, which RFC 9110 (section 5.3) makes equal to separate lines.
    assert ", ".join(request.values("X-Many")).replace(",two", ", two") == "one, two, three"


def test_repeated_headers_come_down_as_separate_lines_in_order(gateway: Gateway) -> None:
    sent = [("X-Many", "one"), ("X-Between", "b"), ("X-Many", "two, three"), ("Link", "<a>")]
    gateway.upstream.on("/v2/many", answering(200, b"", [*sent, ("Link", "<b>")]))
    answer = gateway.call("GET", "/many")
    assert answer.values("X-Many") == ["one", "two, three"]
    assert answer.values("Link") == ["<a>", "<b>"]


@pytest.mark.parametrize("name", NEVER_DOWN)
def test_a_header_that_would_act_on_our_origin_never_comes_down(
    gateway: Gateway, name: str
) -> None:
    gateway.upstream.on("/v2/down", answering(200, b"x", [(name, NEVER_DOWN[name])]))
    assert NEVER_DOWN[name] not in gateway.call("GET", "/down").values(name)


@pytest.mark.parametrize("name", PASSED_DOWN)
def test_a_header_for_the_caller_comes_down_as_it_is(gateway: Gateway, name: str) -> None:
    gateway.upstream.on("/v2/down", answering(200, b"x", [(name, PASSED_DOWN[name])]))
    assert gateway.call("GET", "/down").values(name) == [PASSED_DOWN[name]]


def test_an_answer_says_how_it_came_about_and_can_never_run_as_a_page(gateway: Gateway) -> None:
    gateway.upstream.on(
        "/v2/page", answering(200, b"<script>1</script>", [("Content-Type", "text/html")])
    )
    answer = gateway.call("GET", "/page", [("X-Request-Id", "caller-request-1")])
    assert answer.values("Content-Security-Policy") == ["sandbox; default-src 'none'"]
    assert answer.values("X-Content-Type-Options") == ["nosniff"]
    assert answer.values("X-Request-Id") == ["caller-request-1"]
    assert answer.values("X-Heapline-Attempts") == ["1"]
    assert float(answer.header("X-Heapline-Upstream-Ms") or "") > 0
    total, upstream = answer.header("X-Heapline-Total-Ms"), answer.header("X-Heapline-Upstream-Ms")
    assert float(total or "") >= float(upstream or "")


def test_an_answer_without_content_type_stays_without(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/bare", answering(200, b"bytes"))
    assert gateway.call("GET", "/bare").values("Content-Type") == []


@pytest.mark.parametrize(
    ("given", "body", "sent"),
    [
        (None, b'{"a": 1}', ["application/json"]),
        (None, b"[1]", ["application/json"]),
        (None, b"plain words", []),
        (None, b"", []),
        ("auto", b'{"a": 1}', ["application/json"]),
        ("auto;charset=utf-8", b'{"a": 1}', ["application/json"]),
        ("auto", b"plain words", ["text/plain"]),
        ("auto", b"", []),
        ("auto", None, []),
        ("text/csv", b'{"a": 1}', ["text/csv"]),
        ("application/json", b"no json", ["application/json"]),
        ("application/x-www-form-urlencoded", b"a=1&b=2", ["application/x-www-form-urlencoded"]),
        ("multipart/form-data; boundary=x", b"--x--", ["multipart/form-data; boundary=x"]),
    ],
)
def test_the_media_type_is_the_callers_or_what_the_body_is(
    gateway: Gateway, given: str | None, body: bytes | None, sent: list[str]
) -> None:
    headers = [("Content-Type", given)] if given else []
    assert gateway.call("POST", "/typed", headers, body).status == 200
    (request,) = gateway.upstream.requests("/v2/typed")
    assert request.values("Content-Type") == sent
    assert request.body == (body or b"")


def test_a_caller_without_a_user_agent_is_named_after_us(gateway: Gateway) -> None:
    gateway.call("GET", "/up")
    (request,) = gateway.upstream.requests("/v2/up")
    assert request.values("User-Agent") == [f"heapline/{__version__}"]


def test_the_host_header_is_the_upstreams_own(gateway: Gateway) -> None:
    gateway.call("GET", "/up")
    (request,) = gateway.upstream.requests("/v2/up")
    assert request.values("Host") == [f"127.0.0.1:{gateway.upstream.port}"]
    assert len(request.values("Host")) == 1


@pytest.mark.parametrize(
    ("size", "count", "status"),
    [(16_000, 1, 200), (17_000, 1, 431), (100, 90, 200), (100, 110, 431), (100_000, 1, 431)],
)
def test_oversized_headers_of_a_caller_are_refused_by_the_server(
    gateway: Gateway, size: int, count: int, status: int
) -> None:
    headers = [*gateway.headers(), *((f"X-Big-{number}", "b" * size) for number in range(count))]
    with gateway.caller() as caller:
        caller.begin("GET", gateway.path("/big"), headers)
        answer = caller.response()
        body = json.loads(answer.read())
    assert answer.status == status
    if status == 431:
        assert body["code"] == "headers_too_large"
    assert len(gateway.upstream.requests("/v2/big")) == (1 if status == 200 else 0)


def test_a_request_line_that_is_too_long_is_refused_by_the_server(gateway: Gateway) -> None:
    answer = gateway.call("GET", "/" + "a" * 8190)
    assert (answer.status, answer.code) == (414, "url_too_long")
    assert gateway.upstream.received == []
