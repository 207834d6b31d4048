"""The one door to the outside: pooled, guarded, streaming.

Requests are addressed to the origins that the manifest names. A route may replace an origin by
another (the sandbox, for development keys); nothing above this module knows of that. Names are
resolved here and the connection goes to the very address that was checked.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPHeaderDict, HTTPSConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util.connection import create_connection

from connector.errors import (
    DestinationRefused,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.guard import Guard
from connector.manifest import origin_of

CONNECT_SECONDS = 10.0
#: Longest silence within a body.
BODY_SECONDS = 60.0
CHUNK = 64 * 1024
Route = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """One request as it goes out; ``url`` is absolute and already percent-encoded."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | Iterable[bytes] | None = None
    #: Origin -> origin that takes its place.
    route: Route = field(default_factory=dict)


class Outbound:
    """Connection pools behind a guard. Safe among threads; make one a process."""

    def __init__(self, guard: Guard, *, pool_size: int = 64) -> None:
        self._guard = guard
        self._pools = _pool_manager(guard, pool_size)

    def send(self, request: OutboundRequest, *, seconds: float) -> UpstreamResponse:
        """Send a request and return the answer once its headers are here, body unread.

        Raises
        ------
        UpstreamUnreachable
            If no connection could be made, so that the request was certainly not acted on.
        UpstreamTimeout
            If the headers did not come within ``seconds``.
        UpstreamBroken
            If the connection ended before the headers did.
        DestinationRefused
            If the guard does not let the address through.

        """
        url = rerouted(request.url, request.route)
        parts = urlsplit(url)
        pool = self._pools.connection_from_host(parts.hostname or "", parts.port, parts.scheme)
        headers = HTTPHeaderDict(request.headers)
        if "Host" not in headers:
            headers["Host"] = urlsplit(request.url).netloc if not request.route else parts.netloc
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            response = pool.urlopen(
                request.method,
                target,
                body=request.body,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=min(CONNECT_SECONDS, seconds), read=max(0.01, seconds)),
                chunked=_chunked(request.body, headers),
            )
        except HTTPError as error:
            raise _translated(error) from error
        return UpstreamResponse(response)

    def session(self, route: Route) -> requests.Session:
        """Return a ``requests`` session whose every call goes through this door.

        It follows no redirect and heeds no proxy variables of the environment.
        """
        session = requests.Session()
        self.mount(session, route)
        return session

    def mount(self, session: requests.Session, route: Route) -> None:
        """Have a session's every call go through this door."""
        session.trust_env = False
        session.max_redirects = 0
        adapter = _DoorAdapter(self._pools, route)
        session.mount("https://", adapter)
        session.mount("http://", adapter)

    def close(self) -> None:
        """Close every idle connection."""
        self._pools.clear()


class UpstreamResponse:
    """The provider's answer, its body still to be read; close it in any case."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: list[tuple[str, str]] = list(response.headers.items())
        _set_read_timeout(response, BODY_SECONDS)

    def header(self, name: str) -> str | None:
        """Return a header's value, several joined by commas."""
        return self._response.headers.get(name)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it was sent, still encoded as Content-Encoding says.

        Raises
        ------
        UpstreamBroken
            If it ends early.
        UpstreamTimeout
            If nothing comes for a minute.

        """
        try:
            for chunk in self._response.stream(CHUNK, decode_content=False):
                if chunk:
                    yield chunk
        except HTTPError as error:
            raise _translated(error) from error
        else:
            self._response.release_conn()

    def discard(self, most: int = 64 * 1024) -> None:
        """Read a short rest so that the connection can serve again; close it otherwise."""
        length = self._response.headers.get("Content-Length", "0")
        with contextlib.suppress(UpstreamError):
            if length.isdigit() and int(length) <= most and not self._response.chunked:
                for _ in self.chunks():
                    pass
        self.close()

    def close(self) -> None:
        """Give the connection up unless the body was read to its end."""
        self._response.close()


def rerouted(url: str, route: Route) -> str:
    """Return the address with its origin replaced as the route says."""
    if not route:
        return url
    parts = urlsplit(url)
    instead = route.get(origin_of(url))
    if instead is None:
        return url
    other = urlsplit(instead)
    return parts._replace(scheme=other.scheme, netloc=other.netloc).geturl()


class _FinalResponse(http.client.HTTPResponse):
    """Skips every interim answer (1xx); the standard library skips 100 alone."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= 200 or status in {100, 101}:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _GuardedConnection(HTTPConnection):
    guard: Guard
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard)


class _GuardedTlsConnection(HTTPSConnection):
    guard: Guard
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return _connect(self, self.guard)


def _connect(connection: HTTPConnection, guard: Guard) -> socket.socket:
    host, port = connection._dns_host, connection.port or 80
    try:
        addresses = guard.addresses(host, port)
    except OSError as error:
        raise NameResolutionError(host, connection, error) from error  # type: ignore[arg-type]
    last: OSError | None = None
    for address in addresses:
        try:
            return create_connection(
                (address, port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            last = error
    if isinstance(last, TimeoutError):
        raise ConnectTimeoutError(connection, f"connecting to {host} timed out") from last
    raise NewConnectionError(connection, f"connecting to {host} failed: {last}") from last


def _pool_manager(guard: Guard, pool_size: int) -> PoolManager:
    manager = PoolManager(
        num_pools=200,
        maxsize=pool_size,
        block=False,
        ssl_context=_tls_context(),
        blocksize=CHUNK,
    )
    plain = type("_Plain", (_GuardedConnection,), {"guard": guard})
    tls = type("_Tls", (_GuardedTlsConnection,), {"guard": guard})
    manager.pool_classes_by_scheme = {
        "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
    }
    return manager


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class _DoorAdapter(HTTPAdapter):
    """Puts a ``requests`` session on our pools, with the route applied."""

    def __init__(self, pools: PoolManager, route: Route) -> None:
        self._pools = pools
        self._route = route
        super().__init__()

    def init_poolmanager(self, *_args: Any, **_kwargs: Any) -> None:
        self.poolmanager = self._pools

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any
    ) -> Any:
        parts = urlsplit(rerouted(request.url or "", self._route))
        return self._pools.connection_from_host(parts.hostname or "", parts.port, parts.scheme)

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        """Leave the pool's own TLS context as it is: it always verifies."""

    def close(self) -> None:
        """Keep the pools: they are not this session's own."""


def _chunked(body: Any, headers: HTTPHeaderDict) -> bool:
    streamed = body is not None and not isinstance(body, bytes)
    return streamed and "Content-Length" not in headers


def _set_read_timeout(response: BaseHTTPResponse, seconds: float) -> None:
    sock = getattr(getattr(response, "_connection", None), "sock", None)
    if sock is not None:
        sock.settimeout(seconds)


def _translated(error: HTTPError) -> UpstreamError:
    match error:
        case NameResolutionError():
            return UpstreamUnreachable("The provider's host name does not resolve.")
        case NewConnectionError():
            return UpstreamUnreachable("The provider does not accept connections.")
        case ConnectTimeoutError():
            return UpstreamUnreachable("The provider did not accept a connection in time.")
        case ReadTimeoutError():
            return UpstreamTimeout()
        case _:
            cause = error.__cause__ or error.__context__
            if isinstance(cause, DestinationRefused):
                return cause
            return UpstreamBroken(_broken_words(error))


def _broken_words(error: HTTPError) -> str:
    text = str(error)
    if "SSL" in text or "certificate" in text:
        return "The provider's TLS certificate could not be verified."
    if "header" in text.lower() and ("more than" in text or "too long" in text or "than" in text):
        return "The provider's answer has headers that are too large."
    return UpstreamBroken.__doc__ or ""
