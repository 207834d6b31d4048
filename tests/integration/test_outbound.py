"""The door to the outside, over real sockets: reuse, pinned addresses, certificates, sessions."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.errors import (
    DestinationRefused,
    HeaderInvalid,
    ResponseTooLarge,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.guard import Guard
from connector.outbound import Outbound, OutboundRequest, rerouted

from ..conftest import eventually
from ..upstream import Exchange, Upstream, answering, chunked, head, sending


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    made = Outbound(Guard(["127.0.0.0/8"]), pool_size=2)
    yield made
    made.close()


def get(outbound: Outbound, url: str, **fields: Any) -> bytes:
    """Send a request and read the whole answer."""
    request = OutboundRequest(**{"method": "GET", "url": url, "headers": [], **fields})
    answer = outbound.send(request, seconds=5)
    try:
        return b"".join(answer.chunks())
    finally:
        answer.close()


def test_one_connection_serves_request_after_request(
    outbound: Outbound, upstream: Upstream
) -> None:
    upstream.on("/chunks", sending_chunks)
    for path in ("/a", "/chunks", "/a", "/chunks"):
        get(outbound, upstream.url + path)
    assert (len(upstream.received), upstream.accepted) == (4, 1)


def sending_chunks(exchange: Exchange) -> None:
    exchange.read_body()
    exchange.send(head(200, [("Transfer-Encoding", "chunked")]), chunked(b"x"), b"0\r\n\r\n")


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_an_answer_without_a_body_leaves_the_connection_free_at_once(
    outbound: Outbound, upstream: Upstream, method: str
) -> None:
    upstream.on("/none", answering(200 if method == "HEAD" else 204))
    request = OutboundRequest(method=method, url=upstream.url + "/none", headers=[])
    for _ in range(3):
        outbound.send(request, seconds=5)
    assert upstream.accepted == 1


@pytest.mark.parametrize(
    "script",
    [
        answering(200, b"x", [("Connection", "close")]),
        sending("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        sending(head(200), b"x"),
    ],
)
def test_a_connection_that_the_upstream_ends_is_not_used_again(
    outbound: Outbound, upstream: Upstream, script: Any
) -> None:
    upstream.on("/ends", script)
    assert get(outbound, upstream.url + "/ends") == b"x"
    assert get(outbound, upstream.url + "/a") == b'{"ok": true}'
    assert upstream.accepted == 2


def test_a_connection_that_was_closed_while_idle_is_noticed(
    outbound: Outbound, upstream: Upstream
) -> None:
    def closing(exchange: Exchange) -> None:
        exchange.answer(200, b"x")
        exchange.end()

    upstream.on("/closes", closing)
    for _ in range(5):
        get(outbound, upstream.url + "/closes", method="POST", body=b"{}")
        eventually(lambda: upstream.open_connections() == 0)
    assert upstream.accepted == 5


def test_an_answer_that_was_not_read_to_its_end_costs_its_connection(
    outbound: Outbound, upstream: Upstream
) -> None:
    upstream.on("/long", answering(200, b"x" * 200_000))
    request = OutboundRequest(method="GET", url=upstream.url + "/long", headers=[])
    answer = outbound.send(request, seconds=5)
    next(answer.chunks())
    answer.close()
    assert get(outbound, upstream.url + "/a") == b'{"ok": true}'
    assert upstream.accepted == 2


def test_a_short_rest_is_read_so_that_the_connection_can_serve_again(
    outbound: Outbound, upstream: Upstream
) -> None:
    upstream.on("/short", answering(500, b"x" * 2000))
    request = OutboundRequest(method="GET", url=upstream.url + "/short", headers=[])
    for _ in range(3):
        outbound.send(request, seconds=5).discard()
    assert upstream.accepted == 1


def test_no_more_connections_stay_idle_than_the_pool_holds(
    outbound: Outbound, upstream: Upstream
) -> None:
    together = threading.Barrier(5)

    def at_once(exchange: Exchange) -> None:
        together.wait(10)
        exchange.answer(200, b"x")

    upstream.on("/at-once", at_once)
    url = upstream.url + "/at-once"
    threads = [threading.Thread(target=get, args=(outbound, url)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: upstream.open_connections() == 2)


def test_a_name_is_resolved_once_and_that_very_address_called(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, []

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        if host == "rebinding.example":  # a public address first, this machine ever after
            first = asked.count(host) == 1
            host = "127.0.0.2" if first else "127.0.0.1"
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    outbound = Outbound(Guard(["127.0.0.2/32"]))
    with pytest.raises(UpstreamUnreachable):  # nothing listens there
        get(outbound, f"http://rebinding.example:{upstream.port}/")
    with pytest.raises(DestinationRefused):
        get(outbound, f"http://rebinding.example:{upstream.port}/")
    assert asked.count("rebinding.example") == 2
    assert upstream.accepted == 0


def test_a_host_that_does_not_resolve_or_listen_is_unreachable(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/", "http://nothing.invalid/", f"http://{'a' * 70}.x/"):
        with pytest.raises(UpstreamUnreachable):
            get(outbound, url)


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "1\r\nX-B: 2"),
        ("X-A\r\nX-B", "2"),
        ("X-A", "1\n2"),
        ("X-A", "1\r2"),
        ("X", "\u20ac"),
    ],
)
def test_a_header_that_would_break_the_request_is_never_sent(
    outbound: Outbound, upstream: Upstream, header: tuple[str, str]
) -> None:
    with pytest.raises(HeaderInvalid):
        get(outbound, upstream.url + "/a", headers=[header])
    assert upstream.accepted == 0


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "/a", "http://x/a b", "http://x/a\r\nb", ""]
)
def test_what_is_no_address_is_never_called(outbound: Outbound, url: str) -> None:
    with pytest.raises(UpstreamBroken):
        get(outbound, url)


def test_the_request_line_holds_the_target_byte_for_byte(
    outbound: Outbound, upstream: Upstream
) -> None:
    for target in ("/%2f%2F//a?b=%c3", "/?", "?a=1", "", "/[a]|{b}"):
        get(outbound, upstream.url + target + "#fragment")
    assert [one.target for one in upstream.received] == [
        *("/%2f%2F//a?b=%c3", "/?", "/?a=1", "/", "/[a]|{b}"),
    ]


def test_a_body_that_the_upstream_does_not_take_is_a_timeout(
    outbound: Outbound, upstream: Upstream
) -> None:
    given_up = threading.Event()

    def deaf(exchange: Exchange) -> None:
        given_up.wait(10)
        exchange.end()

    upstream.on("/deaf", deaf)
    request = OutboundRequest(
        method="PUT", url=upstream.url + "/deaf", headers=[], body=b"x" * 30_000_000
    )
    with pytest.raises(UpstreamTimeout):
        outbound.send(request, seconds=0.3)
    given_up.set()


# Certificates


def certificate(name: str, folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate; return the files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


@pytest.fixture
def tls_port(tmp_path: Path) -> Iterator[int]:
    """A TLS server for localhost whose certificate nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate("localhost", tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    try:
                        with context.wrap_socket(sock, server_side=True) as secure:
                            secure.recv(1000)
                            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    outbound: Outbound, tls_port: int
) -> None:
    with pytest.raises(UpstreamBroken, match="certificate could not be verified"):
        get(outbound, f"https://localhost:{tls_port}/")


def test_a_certificate_is_taken_for_its_own_name_only(
    tls_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "chain.pem"))
    outbound = Outbound(Guard(["127.0.0.0/8", "::1"]))
    assert get(outbound, f"https://localhost:{tls_port}/") == b"ok"
    with pytest.raises(UpstreamBroken, match="certificate could not be verified"):
        get(outbound, f"https://127.0.0.1:{tls_port}/")
    outbound.close()


def test_an_upstream_that_speaks_no_tls_is_unreachable(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"220 no TLS here\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(UpstreamUnreachable, match="TLS"):
            get(outbound, f"https://127.0.0.1:{listener.getsockname()[1]}/")
        thread.join()


# Sessions of the requests library


def test_a_session_goes_through_the_same_door(outbound: Outbound, upstream: Upstream) -> None:
    upstream.on("/json", answering(200, b'{"a": 1}', [("Content-Type", "application/json")]))
    session = outbound.session({"https://api.courier.example": upstream.url})
    for _ in range(2):
        answer = session.post("https://api.courier.example/json?x=1", json={"b": 2}, timeout=5)
        assert (answer.status_code, answer.json()) == (200, {"a": 1})
    (first, _) = upstream.received
    assert (first.target, first.body) == ("/json?x=1", b'{"b": 2}')
    assert first.values("Accept-Encoding") == ["identity"]
    assert upstream.accepted == 1


def test_a_session_keeps_no_cookies_follows_no_redirect_and_heeds_no_proxy(
    outbound: Outbound, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    upstream.on("/cookie", answering(200, b"", [("Set-Cookie", "a=1")]))
    upstream.on("/away", answering(302, b"", [("Location", "/there")]))
    session = outbound.session({})
    session.get(upstream.url + "/cookie", timeout=5)
    with pytest.raises(requests.TooManyRedirects):
        session.get(upstream.url + "/away", timeout=5)
    assert [one.target for one in upstream.received] == ["/cookie", "/away"]
    assert "cookie" not in upstream.received[1].names()


def test_a_session_refuses_what_the_door_refuses(outbound: Outbound, upstream: Upstream) -> None:
    upstream.on("/huge", answering(200, b"x" * 2_000_000))
    upstream.on("/broken", sending(head(200, [("Content-Length", "5")]), b"x"))
    session = outbound.session({})
    for url, error in (
        ("http://10.0.0.1/", DestinationRefused),
        (upstream.url + "/huge", ResponseTooLarge),
        (upstream.url + "/broken", UpstreamBroken),
    ):
        with pytest.raises(error):
            session.get(url, timeout=5)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("https://api.example.com/a?b#c", "http://127.0.0.1:1/a?b"),
        ("https://API.example.com:443", "http://127.0.0.1:1"),
        ("https://api.example.com?b", "http://127.0.0.1:1?b"),
        ("https://other.example.com/a", "https://other.example.com/a"),
        ("https://api.example.com.evil.example/", "https://api.example.com.evil.example/"),
    ],
)
def test_a_route_replaces_an_origin_and_nothing_else(url: str, instead: str) -> None:
    assert rerouted(url, {"https://api.example.com": "http://127.0.0.1:1"}) == instead
    assert rerouted(url, {}) == url
