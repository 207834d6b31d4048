"""The proxy: one request of a verified user, forwarded with their credential and logged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from connector.apps import Apps
from connector.credentials import Credentials, require_live
from connector.database import Database
from connector.errors import (
    HeaplineError,
    NotConnected,
    ResponseTooLarge,
    TokenInvalid,
)
from connector.models import Connection, CredentialRow, LoggedRequest, Status
from connector.outbound import Outbound, UpstreamResponse
from connector.proxy import bodies, headers, paths
from connector.proxy.call import Call, ProxyRequest, ProxyResponse
from connector.proxy.sending import Sender
from connector.ratelimit import RateLimiter
from connector.redaction import redact_url
from connector.requestlog import RequestLog
from connector.selector import choose
from connector.store import keys as key_store
from connector.store import usable as usable_store
from connector.tokens import UserClaims

Found = tuple[Connection, CredentialRow | None]


class Proxy:
    """Forwards requests; ``connector.web.proxy`` is where they come in."""

    def __init__(
        self,
        database: Database,
        apps: Apps,
        credentials: Credentials,
        outbound: Outbound,
        limiter: RateLimiter,
        request_log: RequestLog,
        *,
        max_request_bytes: int,
        max_response_bytes: int,
    ) -> None:
        self._database = database
        self._apps = apps
        self._sender = Sender(credentials, outbound, limiter)
        self._request_log = request_log
        self._max_request_bytes = max_request_bytes
        self._max_response_bytes = max_response_bytes

    def forward(self, claims: UserClaims, request: ProxyRequest) -> ProxyResponse:
        """Send a request for a user and return the provider's answer, whatever its status.

        Raises
        ------
        HeaplineError
            When the request could not be sent or was not answered; see ``connector.errors``.

        """
        entry = _Entry(claims, request)
        try:
            call = self._prepare(claims, request, entry)
            response = self._sender.send(call)
            self._check_length(request.method, response)
        except HeaplineError as error:
            self._request_log.add(entry.finished(error_code=error.code))
            raise
        entry.call, entry.status = call, response.status
        return self._answer(entry, call, response)

    def _prepare(self, claims: UserClaims, request: ProxyRequest, entry: _Entry) -> Call:
        """Find connection, address, action and body."""
        manifest = self._apps.connector(request.connector)
        connection, row = self._connection(claims, request)
        entry.connection_id = connection.id
        require_live(connection)
        region = manifest.region(connection.region)
        target = paths.resolve(manifest, region, request.method, request.target, request.query)
        entry.target = target.url
        body = bodies.read(request.body, request.body_length, self._max_request_bytes)
        action = bodies.choose_action(target.actions, body)
        if action is not None and action.account_fields:
            body = bodies.with_account_fields(body, action, dict(connection.account))
        if action is not None and request.idempotency_key is not None:
            body = bodies.with_idempotency_key(body, action, request.idempotency_key)
        entry.call = Call(
            request=request,
            claims=claims,
            manifest=manifest,
            connection=connection,
            row=row,
            target=target,
            action=action,
            body=body,
            route=self._apps.route(manifest, development=connection.development),
            deadline=entry.created_at + request.seconds,
        )
        return entry.call

    def _connection(self, claims: UserClaims, request: ProxyRequest) -> Found:
        whose, key_id = (
            (claims.project_id, claims.user_id, request.connector),
            claims.signing_key_id,
        )
        with self._database.reading() as tx:
            if key_id is None:
                found = usable_store.for_server(tx, *whose)
            else:
                found = usable_store.for_request(tx, *whose, key_id)
                # No row: nothing is connected, or the key that signed the token was revoked since.
                if not found and not key_store.signing_key_active(tx, claims.project_id, key_id):
                    raise TokenInvalid
        if request.selector:
            return selected(found, request.selector)
        return first_usable(found)

    def _check_length(self, method: str, response: UpstreamResponse) -> None:
        if method == "HEAD" or response.status == 304:
            return
        if int(response.header("Content-Length") or 0) > self._max_response_bytes:
            response.close()
            raise ResponseTooLarge(most_bytes=self._max_response_bytes)

    def _answer(self, entry: _Entry, call: Call, response: UpstreamResponse) -> ProxyResponse:
        began_ms = round((time.time() - entry.created_at) * 1000, 1)
        passed = headers.downward(response.headers)
        passed += [
            ("X-Heapline-Attempts", str(len(call.attempts))),
            ("X-Heapline-Upstream-Ms", str(call.attempts[-1]["ms"])),
            ("X-Heapline-Total-Ms", str(began_ms)),
        ]

        def close() -> None:
            response.close()
            if not entry.logged:
                self._request_log.add(entry.finished())

        return ProxyResponse(response.status, passed, self._counted(entry, response), close)

    def _counted(self, entry: _Entry, response: UpstreamResponse) -> Iterator[bytes]:
        if not response.has_begun:
            yield b""  # sends the headers on their way
        try:
            for chunk in response.chunks():
                entry.response_bytes += len(chunk)
                if entry.response_bytes > self._max_response_bytes:
                    raise ResponseTooLarge(most_bytes=self._max_response_bytes)
                yield chunk
        except HeaplineError as error:
            # The status is out already: what is left is to break off, so that the caller sees it.
            entry.error_code = error.code
            raise


def selected(found: list[Found], selector: str) -> Found:
    """Return the connection that a caller chose.

    Raises
    ------
    NotFound
        If none of theirs has that id or external id.

    """
    chosen = choose([connection for connection, _ in found], selector)
    return next(pair for pair in found if pair[0] is chosen)


def first_usable(found: list[Found]) -> Found:
    """Return the oldest connected account, else the oldest that needs re-authorisation.

    Raises
    ------
    NotConnected
        If there is neither.

    """
    for status in (Status.CONNECTED, Status.NEEDS_REAUTHORISATION):
        for connection, row in found:
            if connection.status is status:
                return connection, row
    raise NotConnected


@dataclass(slots=True)
class _Entry:
    """The request log's entry in the making."""

    claims: UserClaims
    request: ProxyRequest
    created_at: float = field(default_factory=time.time)
    call: Call | None = None
    connection_id: str | None = None
    target: str = ""
    status: int | None = None
    error_code: str | None = None
    response_bytes: int = 0
    logged: bool = False

    def finished(self, error_code: str | None = None) -> LoggedRequest:
        """Return the entry as it is stored."""
        self.logged = True
        call = self.call
        sent = 0
        if call is not None:
            sent = call.body.sent if call.body.held is None else len(call.body.held)
        return LoggedRequest(
            request_id=self.request.request_id,
            project_id=self.claims.project_id,
            user=self.claims.user_id,
            connection_id=self.connection_id,
            connector=self.request.connector,
            action=call.action.name if call and call.action else None,
            method=self.request.method[:16],
            target=redact_url(self.target or self.request.target)[:2000],
            status=self.status,
            error_code=error_code or self.error_code,
            attempts=tuple(call.attempts) if call else (),
            duration_ms=round((time.time() - self.created_at) * 1000, 1),
            request_bytes=sent,
            response_bytes=self.response_bytes,
            created_at=self.created_at,
        )
