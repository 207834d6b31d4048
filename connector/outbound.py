"""The one door to the outside: guarded, pooled, streaming.

Requests are addressed to the origins that the manifest names. A route may replace an origin by
another (the sandbox, for development keys); nothing above this module knows of that.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from connector.channels import Channel, Channels
from connector.errors import (
    HeaderInvalid,
    ResponseTooLarge,
    UpstreamBroken,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from connector.guard import Guard
from connector.manifest import origin_of
from connector.wire import HeadTooLarge, WireError

Route = Mapping[str, str]
#: Scheme, authority, and the target as it goes into a request line.
_ABSOLUTE = re.compile(r"https?://([^\x00-\x20/?#]+)([^\x00-\x20#]*)(?:#.*)?")
#: No answer that a ``requests`` session asks for (tokens, accounts) is anywhere near this long.
_LONGEST_HELD = 1024 * 1024
_DISCARDED = 64 * 1024
_DISCARD_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """One request as it goes out; ``url`` is absolute and already percent-encoded."""

    method: str
    url: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes | Iterable[bytes] | None = field(default=None, repr=False)
    #: Origin -> origin that takes its place.
    route: Route = field(default_factory=dict)


class Outbound:
    """Connections behind a guard. Safe among threads; make one a process."""

    def __init__(self, guard: Guard, *, pool_size: int = 64) -> None:
        self._channels = Channels(guard, pool_size)

    def send(self, request: OutboundRequest, *, seconds: float) -> UpstreamResponse:
        """Send a request and return the answer once its headers are here, body unread.

        ``seconds`` are for all of it; a body that flows takes its own time, and they count from
        its end.

        Raises
        ------
        UpstreamUnreachable
            If no connection could be made, so that the request was certainly not acted on.
        UpstreamTimeout
            If the headers did not come in time.
        UpstreamBroken
            If the connection ended before the headers did.
        DestinationRefused
            If the guard does not let the address through.

        """
        url = rerouted(request.url, request.route)
        head, deadline = _head(request, url), time.monotonic() + seconds
        channel = self._channels.take(origin_of(url), seconds)
        if time.monotonic() >= deadline:  # looking up a name takes as long as it likes
            channel.close()
            raise UpstreamUnreachable("The provider could not be reached in time.")
        try:
            if request.body is None or isinstance(request.body, bytes):
                channel.ask(head, request.body, seconds)
                seconds = deadline - time.monotonic()
            else:
                channel.ask(head, _framed(request.body, request.headers), seconds)
            return UpstreamResponse(self._channels, channel, request.method, seconds)
        except (OSError, WireError) as error:
            channel.close()
            raise _translated(error) from error
        except BaseException:
            channel.close()
            raise

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
        adapter = _DoorAdapter(self, route)
        session.mount("https://", adapter)
        session.mount("http://", adapter)

    def close(self) -> None:
        """Close every idle connection."""
        self._channels.close()


class UpstreamResponse:
    """The provider's answer, its body still to be read; close it in any case."""

    def __init__(self, channels: Channels, channel: Channel, method: str, seconds: float) -> None:
        head, body = channel.answer(method, seconds)
        self.status = head.status
        self.headers = head.headers
        #: Whether the body begins, or ends, at once when it is asked for.
        self.has_begun = True
        self._persistent = head.persistent
        self._channels = channels
        self._channel: Channel | None = channel
        self._body = self._watched(body)
        if head.framing == 0:
            self._release()

    def header(self, name: str) -> str | None:
        """Return a header's value, several joined by commas."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def expect_end(self, seconds: float) -> None:
        """Let the rest of the answer take so long in all."""
        if self._channel is not None:
            self._channel.expect_end(seconds)

    def begin(self, seconds: float) -> None:
        """Wait so long for the first piece of the body, so that what fails at once fails here.

        Raises as :meth:`chunks` does; not when nothing came, since the answer has begun.
        """
        if self._channel is None:
            return
        try:
            is_here = self._channel.await_body(seconds)
        except OSError as error:
            self.close()
            raise _translated(error) from error
        self.has_begun = is_here
        if is_here:
            first = next(self._body, b"")
            self._body = itertools.chain((first,) if first else (), self._body)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it was sent, still encoded as Content-Encoding says.

        Raises
        ------
        UpstreamBroken
            If it ends early.
        UpstreamTimeout
            If nothing comes for a minute.

        """
        return self._body

    def discard(self) -> None:
        """Read a short rest so that the connection can serve again; close it otherwise."""
        length = self.header("Content-Length") or ""
        self.expect_end(_DISCARD_SECONDS)
        with contextlib.suppress(UpstreamError):
            if length.isdigit() and int(length) <= _DISCARDED:
                for _ in self.chunks():
                    pass
        self.close()

    def close(self) -> None:
        """Give the connection up unless the body was read to its end."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _watched(self, body: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from body
        except (OSError, WireError) as error:
            self.close()
            raise _translated(error) from error
        self._release()

    def _release(self) -> None:
        channel, self._channel = self._channel, None
        if channel is None:
            return
        if self._persistent and channel.clean():
            self._channels.give_back(channel)
        else:
            channel.close()


def rerouted(url: str, route: Route) -> str:
    """Return the address with its origin replaced as the route says."""
    instead = route.get(origin_of(url)) if route else None
    match = _ABSOLUTE.match(url)
    if instead is None or match is None:
        return url
    return instead + match.group(2)


class _DoorAdapter(BaseAdapter):
    """Sends what a ``requests`` session sends through the door, and holds the answer."""

    def __init__(self, outbound: Outbound, route: Route) -> None:
        self._outbound = outbound
        self._route = route
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        """Send a prepared request; see :meth:`Outbound.send` for what is raised."""
        seconds = float(options.get("timeout") or args[1])
        deadline = time.monotonic() + seconds
        body = request.body.encode() if isinstance(request.body, str) else request.body
        skipped = {"accept-encoding", "connection"}
        headers = [item for item in request.headers.items() if item[0].lower() not in skipped]
        answer = self._outbound.send(
            OutboundRequest(
                method=request.method or "GET",
                url=request.url or "",
                headers=[*headers, ("Accept-Encoding", "identity")],
                body=body,
                route=self._route,
            ),
            seconds=seconds,
        )
        answer.expect_end(deadline - time.monotonic())
        return _held(request, answer)

    def close(self) -> None:
        """Keep the connections: they are not this session's own."""


def _held(request: requests.PreparedRequest, answer: UpstreamResponse) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.url, response.request = request.url or "", request
    content = bytearray()
    try:
        for chunk in answer.chunks():
            content += chunk
            if len(content) > _LONGEST_HELD:
                raise ResponseTooLarge(most_bytes=_LONGEST_HELD)
    finally:
        answer.close()
    response._content = bytes(content)
    return response


def _head(request: OutboundRequest, url: str) -> bytes:
    """Return request line and headers as they go out."""
    match = _ABSOLUTE.fullmatch(url)
    if match is None:
        raise UpstreamBroken(f"{origin_of(url)} is no http address.")
    netloc, target = match.groups()
    headers = [("Host", netloc), *request.headers, *_framing(request)]
    lines = [f"{request.method} {target if target[:1] == '/' else '/' + target} HTTP/1.1"]
    text = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers)])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers):
        raise HeaderInvalid("A header holds a line break.")
    try:
        return f"{text}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError:
        raise HeaderInvalid("A header or a credential holds a character above U+00FF.") from None


def _framing(request: OutboundRequest) -> list[tuple[str, str]]:
    """Return the header that frames the body, unless it is among the request's own."""
    if request.body is None or _sized(request.headers):
        return []
    if isinstance(request.body, bytes):
        return [("Content-Length", str(len(request.body)))]
    return [("Transfer-Encoding", "chunked")]


def _framed(body: Iterable[bytes], headers: list[tuple[str, str]]) -> Iterable[bytes]:
    return body if _sized(headers) else _in_chunks(body)


def _in_chunks(body: Iterable[bytes]) -> Iterator[bytes]:
    for piece in body:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _sized(headers: list[tuple[str, str]]) -> bool:
    return any(name.lower() == "content-length" for name, _ in headers)


def _translated(error: OSError | WireError) -> UpstreamError:
    match error:
        case TimeoutError():
            return UpstreamTimeout()
        case HeadTooLarge():
            return UpstreamBroken("The provider's answer has headers that are too large.")
        case _:
            return UpstreamBroken()
