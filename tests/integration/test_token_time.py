"""A token request ends well before the lease that it is made under, whatever the provider does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from threading import Event

import pytest

from connector import auth, credentials
from connector.errors import UpstreamTimeout
from connector.guard import Guard
from connector.outbound import Outbound

from ..upstream import Exchange, Upstream, head


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


def test_the_lease_is_longer_than_any_token_request() -> None:
    assert auth.TOKEN_SECONDS < credentials.LEASE_SECONDS


@pytest.mark.parametrize("within", ["headers", "body"])
def test_an_answer_that_trickles_in_is_given_up_in_time(upstream: Upstream, within: str) -> None:
    """Each piece comes soon enough; it is the whole that takes too long."""
    ended = Event()

    def trickle(exchange: Exchange) -> None:
        exchange.read_body()
        in_headers = within == "headers"
        start = "HTTP/1.1 200 OK\r\n" if in_headers else head(200, [("Content-Length", "999")])
        with contextlib.suppress(OSError):
            exchange.send(start)
            while not ended.wait(0.1):
                exchange.send("X-A: b\r\n" if in_headers else " ")
        exchange.end()

    upstream.on("/token", trickle)
    door = Outbound(Guard([upstream.url.removeprefix("http://")]))
    began = time.monotonic()
    try:
        with pytest.raises(UpstreamTimeout):
            door.session({}).get(f"{upstream.url}/token", timeout=0.8)
    finally:
        ended.set()
        door.close()
    assert 0.7 < time.monotonic() - began < 3.0
