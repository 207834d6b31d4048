"""What a proxy request is made of, from the caller's wish to the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from connector.manifest import Action, Manifest
from connector.models import Connection, CredentialRow
from connector.outbound import Route
from connector.proxy.bodies import Body
from connector.proxy.paths import Target
from connector.tokens import UserClaims


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRequest:
    """What a caller wants sent."""

    request_id: str
    connector: str
    method: str
    #: Path below the base address or absolute address, percent-encoded as it came.
    target: str
    query: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    body: BinaryIO | None
    body_length: int | None
    #: Which of the user's connections: its id, its external id, or ``ext:`` and that.
    selector: str | None
    #: How long it may take until the answer begins.
    seconds: float
    #: Marks repeats as the same request, where the action has a place for it.
    idempotency_key: str | None = None
    #: Who asks tries again and waits by themselves.
    once: bool = False


@dataclass(slots=True)
class ProxyResponse:
    """The provider's answer on its way to the caller; close it when done."""

    status: int
    headers: list[tuple[str, str]]
    chunks: Iterator[bytes]
    close: Callable[[], None]


@dataclass(slots=True, kw_only=True)
class Call:
    """A proxy request for which everything needed to send it was found."""

    request: ProxyRequest
    claims: UserClaims
    manifest: Manifest
    connection: Connection
    row: CredentialRow | None
    target: Target
    action: Action | None
    body: Body
    route: Route
    deadline: float
    #: One entry an attempt: status or error, and milliseconds.
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def left(self) -> float:
        """Return the seconds until the deadline."""
        return self.deadline - time.time()
