"""Where a proxy request goes: paths kept as they are, and nowhere that the connector may not go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..caller import call
from ..upstream import Upstream, answering, head, sending
from .gateway import KEY, Gateway


@pytest.fixture
def stranger() -> Iterator[Upstream]:
    """A server on this machine that nobody allowed."""
    server = Upstream()
    yield server
    server.close()


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ("/plain", "/v2/plain"),
        ("", "/v2/"),
        ("/", "/v2/"),
        ("/a/b/", "/v2/a/b/"),
        ("/a%2Fb", "/v2/a%2Fb"),
        ("/a%2fb", "/v2/a%2fb"),
        ("/a%20b", "/v2/a%20b"),
        ("/a+b", "/v2/a+b"),
        ("/a%2Bb", "/v2/a%2Bb"),
        ("/a;b=1", "/v2/a;b=1"),
        ("/a@b", "/v2/a@b"),
        ("/a:b", "/v2/a:b"),
        ("/a=b&c,d", "/v2/a=b&c,d"),
        ("/(a)*'!$", "/v2/(a)*'!$"),
        ("/a[1]|{2}^", "/v2/a[1]|{2}^"),
        ("/a//b", "/v2/a//b"),
        ("//a", "/v2/a"),
        ("/caf%C3%A9", "/v2/caf%C3%A9"),
        ("/caf%E9", "/v2/caf%E9"),
        ("/%25", "/v2/%25"),
        ("/%252F", "/v2/%252F"),
        ("/%00", "/v2/%00"),
        ("/..a/b..", "/v2/..a/b.."),
        ("/...", "/v2/..."),
        ("/https", "/v2/https"),
        ("/a?b=1", "/v2/a?b=1"),
        ("/a?", "/v2/a?"),
        ("/a?b", "/v2/a?b"),
        ("/a?b=", "/v2/a?b="),
        ("/a?b=1&b=2&a=3", "/v2/a?b=1&b=2&a=3"),
        ("/a?b=x+y%20z%2B", "/v2/a?b=x+y%20z%2B"),
        ("/a?b=%", "/v2/a?b=%"),
        ("/a?b=1;c=2", "/v2/a?b=1;c=2"),
        ("/a?b[]=1&b[]=2", "/v2/a?b[]=1&b[]=2"),
        ("/a?b=/../c//d", "/v2/a?b=/../c//d"),
        ("/a?b=1?c=2", "/v2/a?b=1?c=2"),
        ("/a?https://x.example/?y", "/v2/a?https://x.example/?y"),
        ("/a?b=caf%C3%A9", "/v2/a?b=caf%C3%A9"),
    ],
)
def test_a_path_arrives_as_it_was_sent(gateway: Gateway, sent: str, arrives: str) -> None:
    assert gateway.call("GET", sent).status == 200
    assert [one.target for one in gateway.upstream.received] == [arrives]


@pytest.mark.parametrize("sent", [b"/caf\xc3\xa9", b"/a?b=\xe9", b"/a b", b"/a\x01", b"/a#b"])
def test_a_path_with_what_must_be_encoded_is_refused(gateway: Gateway, sent: bytes) -> None:
    target = gateway.path("").encode() + sent
    assert call(gateway.server.url, "GET", target, gateway.headers()).status == 400
    assert gateway.upstream.received == []


@pytest.mark.parametrize(
    "sent",
    [
        *("/..", "/../admin", "/a/../b", "/a/..", "/.", "/a/./b"),
        *("/%2e%2e/admin", "/.%2e/admin", "/%2E./admin", "/a/%2e%2e"),
        *("/..%2fadmin", "/a%2F..%2Fadmin", "/..%5cadmin", "/..;/admin", "/..;x=1/admin"),
        *("/%", "/%2", "/%zz", "/a%5", "///a", "/a\\b"),
    ],
)
def test_a_path_that_is_none_or_leads_out_is_refused(gateway: Gateway, sent: str) -> None:
    answer = gateway.call("GET", sent)
    assert (answer.status, answer.code) == (400, "path_invalid")
    assert gateway.upstream.received == []


@pytest.mark.parametrize(
    ("method", "sent", "arrives"),
    [
        ("GET", "/https://api.courier.example/v2/a?b=1", "/v2/a?b=1"),
        ("GET", "/https://api.courier.example/v1/old", "/v1/old"),
        ("GET", "/https://api.courier.example", "/"),
        ("GET", "/https://api.courier.example?b=1", "/?b=1"),
        ("GET", "/https:/api.courier.example/a", "/a"),
        ("GET", "/HTTPS://API.Courier.Example/A", "/A"),
        ("GET", "/https://api.courier.example:443/a", "/a"),
        ("GET", "/https://api.courier.example./a", "/a"),
        ("GET", "/https://files.courier.example/a%2Fb//c", "/a%2Fb//c"),
        ("PUT", "/files/a.txt", "/files/a.txt"),
    ],
)
def test_an_absolute_address_on_an_allowed_host_is_called(
    gateway: Gateway, method: str, sent: str, arrives: str
) -> None:
    assert gateway.call(method, sent).status == 200
    (request,) = gateway.upstream.received
    assert request.target == arrives
    assert request.values("X-Api-Key") == [f"Key {KEY}"]


@pytest.mark.parametrize(
    "address",
    [
        *("http://api.courier.example/a", "https://evil.example/a", "https://courier.example/a"),
        *("https://api.courier.example.evil.example/", "https://xapi.courier.example/"),
        *("https://api.courier.example@evil.example/", "https://evil.example@api.courier.example/"),
        *("https://api.courier.example:8443/a", "https://api.courier.example:80/a"),
        *("https://api.courier.example:x/a", "https://api.courier.example:443.:443/a"),
        *("https://127.0.0.1/a", "https://[::1]/a", "https://[::1", "https://[x]/a"),
        *("https://auth.courier.example/token", "https://api.courier.example%00.evil.example/"),
        *("https://api%2ecourier.example/a", "https://:443/a", "https://%5B/a"),
    ],
)
@pytest.mark.parametrize("way", ["path", "header"])
def test_an_absolute_address_anywhere_else_is_refused(
    gateway: Gateway, address: str, way: str
) -> None:
    if way == "path":
        answer = gateway.call("GET", "/" + address)
    else:
        answer = gateway.call("GET", "", [("X-Paragon-Proxy-Url", address)])
    assert (answer.status, answer.code) == (400, "destination_refused")
    assert gateway.upstream.received == []


def test_an_address_with_another_scheme_is_a_path_like_any_other(gateway: Gateway) -> None:
    assert gateway.call("GET", "/ftp://evil.example/a").status == 200
    assert [one.target for one in gateway.upstream.received] == ["/v2/ftp://evil.example/a"]


@pytest.mark.parametrize(
    ("rest", "given", "arrives"),
    [
        ("", "/a?b=1", "/v2/a?b=1"),
        ("", "a/b", "/v2/a/b"),
        ("/ignored", "/a", "/v2/a"),
        ("?c=2", "/a?b=1", "/v2/a?b=1&c=2"),
        ("?c=2", "/a", "/v2/a?c=2"),
        ("", "https://files.courier.example/x?y", "/x?y"),
        ("", "/caf\xe9", "/v2/caf%E9"),
    ],
)
def test_the_address_may_stand_in_a_header(
    gateway: Gateway, rest: str, given: str, arrives: str
) -> None:
    assert gateway.call("GET", rest, [("X-Paragon-Proxy-Url", given)]).status == 200
    assert [one.target for one in gateway.upstream.received] == [arrives]


def test_a_request_line_with_an_absolute_address_of_ours_works(gateway: Gateway) -> None:
    target = gateway.server.url + gateway.path("/a%2Fb?c")
    assert call(gateway.server.url, "GET", target, gateway.headers()).status == 200
    assert [one.target for one in gateway.upstream.received] == ["/v2/a%2Fb?c"]


# Which connection


def test_the_oldest_connection_is_used_unless_one_is_chosen(gateway: Gateway) -> None:
    first, second = gateway.connections["alice"]
    choices = {
        None: KEY,
        first.id: KEY,
        second.id: "k2",
        "second": "k2",
        "ext:second": "k2",
        "ext:first": KEY,
    }
    for choice, key in choices.items():
        gateway.upstream.reset()
        headers = [("X-Paragon-Credential", choice)] if choice else []
        assert gateway.call("GET", "/whose", headers).status == 200
        (request,) = gateway.upstream.received
        assert request.values("X-Api-Key") == [f"Key {key}"]


@pytest.mark.parametrize("choice", ["unknown", "ext:unknown", "ext:", "bobs"])
def test_a_connection_that_is_not_the_users_is_not_found(gateway: Gateway, choice: str) -> None:
    (bobs,) = gateway.connections["bob"]
    for chosen in (choice, bobs.id):
        answer = gateway.call("GET", "/whose", [("X-Paragon-Credential", chosen)])
        assert (answer.status, answer.code) == (404, "not_found")
    assert gateway.upstream.received == []


def test_a_user_without_a_connection_is_told_so(gateway: Gateway) -> None:
    answer = gateway.call("GET", "/whose", user="nobody")
    assert (answer.status, answer.code) == (404, "not_connected")


def test_a_key_that_belongs_in_the_query_is_put_there_and_nowhere_else(gateway: Gateway) -> None:
    gateway.call("GET", "/q", user="dora")
    gateway.call("GET", "/q?a=1", user="dora")
    targets = [one.target for one in gateway.upstream.received]
    assert targets == ["/v2/q?api_key=dora%2Bkey%26%3D1", "/v2/q?a=1&api_key=dora%2Bkey%26%3D1"]
    assert all("dora" not in repr(one.headers) for one in gateway.upstream.received)


def test_the_accounts_fields_are_put_into_a_body_that_lacks_them(gateway: Gateway) -> None:
    gateway.call("POST", "/parcels", body=b'{"n": 1.00}')
    gateway.call("POST", "/parcels", body=b'{"account": "other", "n": 1.00}')
    gateway.call("POST", "/%70arcels", body=b'{"n": 1.00}')
    bodies = [one.body for one in gateway.upstream.received]
    put_in = b'{"account": "acme","n": 1.00}'
    assert bodies == [put_in, b'{"account": "other", "n": 1.00}', put_in]


# Redirects


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "arrives"),
    [
        ("https://files.courier.example/there?a=1", "/there?a=1"),
        ("/there", "/there"),
        ("there", "/v2/there"),
        ("?a=1", "/v2/from?a=1"),
        ("//files.courier.example/there", "/there"),
        ("https://API.courier.example:443/there", "/there"),
        ("/with space/caf\xc3\xa9", "/with%20space/caf%C3%A9"),
    ],
)
def test_reading_follows_a_redirect_within_the_connector(
    gateway: Gateway, method: str, status: int, location: str, arrives: str
) -> None:
    gateway.upstream.on("/v2/from", answering(status, b"moved", [("Location", location)]))
    if arrives.startswith("/v2/from?"):
        gateway.upstream.on(
            "/v2/from", answering(status, b"", [("Location", location)]), answering(200)
        )
    answer = gateway.call(method, "/from", body=b"a body" if method == "GET" else None)
    assert answer.status == 200
    first, second = gateway.upstream.received
    assert (second.method, second.target) == (method, arrives)
    assert second.values("X-Api-Key") == first.values("X-Api-Key") == [f"Key {KEY}"]
    assert second.body == b""


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "https://127.0.0.1:{port}/"),
        *("http://[::ffff:127.0.0.1]:{port}/", "//127.0.0.1:{port}/", "http://2130706433:{port}/"),
        *("https://evil.example/", "http://api.courier.example/", "https://api.courier.example:1/"),
        *("https://api.courier.example@127.0.0.1:{port}/", "http://169.254.169.254/latest/"),
        *("https://[", "https://[::1", "https://a:b/", "file:///etc/passwd", "javascript:alert(1)"),
        *("https://api.courier.example\\@127.0.0.1:{port}/", "\\\\127.0.0.1:{port}/"),
    ],
)
def test_a_redirect_anywhere_else_is_refused_and_never_followed(
    gateway: Gateway, stranger: Upstream, location: str
) -> None:
    headers = [("Location", location.format(port=stranger.port))]
    gateway.upstream.on("/v2/from", answering(302, b"", headers))
    answer = gateway.call("GET", "/from")
    if location.startswith("\\\\"):  # a backslash is no slash: this is a path of the connector
        assert answer.status == 200
    else:
        assert (answer.status, answer.code) == (502, "redirect_refused")
    assert stranger.accepted == 0


def test_a_redirect_that_leads_in_circles_ends(gateway: Gateway) -> None:
    gateway.upstream.on("/v2/a", answering(302, b"", [("Location", "/v2/b")]))
    gateway.upstream.on("/v2/b", answering(302, b"", [("Location", "/v2/a")]))
    answer = gateway.call("GET", "/a")
    assert (answer.status, answer.code) == (502, "redirect_refused")
    assert len(gateway.upstream.received) == 6
    (entry,) = gateway.logged("/a")
    assert (entry.status, entry.error_code) == (None, "redirect_refused")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_writing_is_the_callers_to_see(
    gateway: Gateway, stranger: Upstream, method: str, status: int
) -> None:
    location = f"http://127.0.0.1:{stranger.port}/"
    gateway.upstream.on("/v2/from", answering(status, b"moved", [("Location", location)]))
    answer = gateway.call(method, "/from", body=b"{}")
    assert (answer.status, answer.body) == (status, b"moved")
    assert answer.header("Location") == location
    assert (len(gateway.upstream.received), stranger.accepted) == (1, 0)


@pytest.mark.parametrize("status", [300, 304, 305])
def test_another_answer_with_a_location_is_the_callers_to_see(
    gateway: Gateway, status: int
) -> None:
    location = ("Location", "/v2/there")
    gateway.upstream.on("/v2/from", sending(head(status, [location, ("Content-Length", "0")])))
    answer = gateway.call("GET", "/from")
    assert (answer.status, answer.header("Location")) == (status, "/v2/there")


# Addresses


def test_a_host_name_that_leads_to_this_machine_is_never_connected_to(gateway: Gateway) -> None:
    answer = gateway.call("GET", "/a", user="eve", connector="inward")
    assert (answer.status, answer.code) == (400, "destination_refused")
    assert answer.json()["meta"]["host"] == "localhost"
    assert gateway.upstream.accepted == 0
    (entry,) = gateway.logged("/a")
    assert entry.error_code == "destination_refused"
