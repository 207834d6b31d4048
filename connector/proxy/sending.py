"""Send a proxy request: limits, credential, attempts, redirects."""

from __future__ import annotations

import math
import string
import time
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from connector import __version__
from connector.credentials import Credentials
from connector.errors import (
    CredentialRefreshFailed,
    NeedsReauthorisation,
    NotConnected,
    RateLimited,
    RedirectRefused,
    UpstreamError,
    UpstreamTimeout,
)
from connector.manifest import Limit, origin_of
from connector.outbound import Outbound, OutboundRequest, UpstreamResponse
from connector.proxy import bodies, headers, paths, retrying
from connector.proxy.call import Call
from connector.ratelimit import Allowance, RateLimiter
from connector.secret import NOTHING, UsableCredential
from connector.turnstile import Waiting

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_OF_THE_BODY = {"content-length", "content-type", "content-encoding"}
_USER_AGENT = f"heapline/{__version__}"


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends calls, again where that is safe and in time."""

    credentials: Credentials
    outbound: Outbound
    limiter: RateLimiter

    def send(self, call: Call) -> UpstreamResponse:
        """Return the provider's last answer.

        Raises
        ------
        UpstreamError
            If no answer came.
        RateLimited
            If a limit of the manifest does not free up in time.
        NeedsReauthorisation
            If the credential cannot be renewed without the person.

        """
        allowances = _allowances(call)
        attempt, renewed = 1, False
        while True:
            self._take(call, allowances)
            credential = self._credential(call)
            outcome = self._attempt(call, credential)
            if _rejected(outcome, credential, call) and not renewed:
                renewed = True
                if self._renew(call, credential):
                    _discard(outcome)
                    continue
            pause = self._pause(call, outcome, attempt, allowances)
            if pause is None:
                return _settled(outcome)
            _discard(outcome)
            with Waiting():
                time.sleep(pause)
            attempt += 1

    def _take(self, call: Call, allowances: list[Allowance]) -> None:
        for allowance in allowances:
            while wait := self.limiter.take(allowance):
                if call.request.once or wait >= call.left():
                    raise RateLimited(
                        f"The limit {allowance.name} ({allowance.amount} in "
                        f"{allowance.per_seconds:g} s) is used up for now.",
                        limit=allowance.name,
                        retry_after=math.ceil(wait),
                    )
                with Waiting():
                    time.sleep(wait)

    def _credential(self, call: Call) -> UsableCredential:
        """Ask anew before each attempt: a token may have expired during a wait."""
        if call.action is not None and not call.action.authenticated:
            return NOTHING
        return self.credentials.usable(call.connection, call.row, deadline=call.deadline)

    def _renew(self, call: Call, credential: UsableCredential) -> bool:
        """Renew a credential that was answered with 401; say whether there is a new one."""
        # It may have been renewed since the call began, for this very attempt.
        call.row = self.credentials.current(call.connection)
        try:
            self.credentials.usable(
                call.connection, call.row, deadline=call.deadline, rejected=credential.version
            )
        except (NeedsReauthorisation, NotConnected, CredentialRefreshFailed):
            return False
        call.row = self.credentials.current(call.connection)
        return True

    def _attempt(
        self, call: Call, credential: UsableCredential
    ) -> UpstreamResponse | UpstreamError:
        began = time.perf_counter()
        try:
            outcome: UpstreamResponse | UpstreamError = self._once(call, credential)
        except UpstreamError as error:
            outcome = error
        entry = {"ms": round((time.perf_counter() - began) * 1000, 1)}
        if isinstance(outcome, UpstreamResponse):
            call.attempts.append({"status": outcome.status, **entry})
        else:
            call.attempts.append({"error": outcome.code, **entry})
        return outcome

    def _once(self, call: Call, credential: UsableCredential) -> UpstreamResponse:
        request = _outbound_request(call, credential)
        for _ in range(_MOST_REDIRECTS + 1):
            if call.left() <= 0:
                raise UpstreamTimeout
            response = self.outbound.send(request, seconds=call.left())
            location = response.header("Location")
            follows = response.status in _REDIRECTS and call.request.method in {"GET", "HEAD"}
            if not follows or not location:
                _begin(response, call.left())
                return response
            response.discard()
            request = _redirected(call, request, location)
        raise RedirectRefused(f"The provider redirected more than {_MOST_REDIRECTS} times.")

    def _pause(
        self,
        call: Call,
        outcome: UpstreamResponse | UpstreamError,
        attempt: int,
        allowances: list[Allowance],
    ) -> float | None:
        """Return how long to wait before the next attempt; nothing when this was the last."""
        if isinstance(outcome, UpstreamResponse) and outcome.status < 400:
            return None
        rules = call.manifest.retry
        most = 1 if call.request.once else rules.attempts
        repeat = retrying.Repeat(call.request.method, call.body.replayable, _harmless(call))
        if isinstance(outcome, UpstreamError):
            again, retry_after = retrying.after_error(outcome, repeat), None
        else:
            header = outcome.header(rules.retry_after_header)
            retry_after = retrying.parse_retry_after(header)
            if outcome.status == 429 and retry_after:
                for allowance in allowances:
                    self.limiter.block(allowance, retry_after)
            again = retrying.after_status(outcome.status, retry_after, repeat, rules)
        wait = retrying.wait_seconds(attempt, retry_after, rules)
        return wait if again and attempt < most and wait < call.left() else None


def _settled(outcome: UpstreamResponse | UpstreamError) -> UpstreamResponse:
    if isinstance(outcome, UpstreamError):
        raise outcome
    return outcome


def _begin(response: UpstreamResponse, seconds: float) -> None:
    """Have what fails before any byte was passed on fail as an attempt does."""
    try:
        response.begin(seconds)
    except UpstreamError:
        response.close()
        raise


def _discard(outcome: UpstreamResponse | UpstreamError) -> None:
    if isinstance(outcome, UpstreamResponse):
        outcome.discard()


def _rejected(
    outcome: UpstreamResponse | UpstreamError, credential: UsableCredential, call: Call
) -> bool:
    return (
        isinstance(outcome, UpstreamResponse)
        and outcome.status == 401
        and credential.injection is not None
        and call.body.replayable
    )


def _harmless(call: Call) -> bool:
    """Say whether a repeat was made harmless, by the action or by an idempotency key."""
    if any(name.lower() == "idempotency-key" for name, _ in call.request.headers):
        return True
    if call.action is None:
        return False
    key = call.action.idempotency_key
    return call.action.repeatable or bool(key and bodies.at(call.body, key))


def _allowances(call: Call) -> list[Allowance]:
    found = [_allowance(limit, call) for limit in call.manifest.limits if _applies(limit, call)]
    return [allowance for allowance in found if allowance is not None]


def _applies(limit: Limit, call: Call) -> bool:
    return not limit.actions or (call.action is not None and call.action.name in limit.actions)


def _allowance(limit: Limit, call: Call) -> Allowance | None:
    parts = [call.connection.project_id]
    for part in limit.key:
        value = call.connection.id if part == "connection" else bodies.at(call.body, part)
        if value is None:
            return None
        parts.append(str(value))
    counted = bodies.at(call.body, limit.cost) if limit.cost else None
    cost = len(counted) if isinstance(counted, list) else 1
    return Allowance(limit.name, "\0".join(parts), limit.amount, limit.per_seconds, cost)


def _outbound_request(call: Call, credential: UsableCredential) -> OutboundRequest:
    url, sent = call.target.url, call.request.headers
    drop = []
    if credential.injection is not None:
        place, name, value = credential.injection
        drop = [name]
        if place == "query":
            joint = "&" if "?" in url else "?"
            url = f"{url}{joint}{quote(name, safe='')}={quote(value, safe='')}"
    passed = headers.upward(sent, drop=drop)
    is_json = call.body.document() is not None
    passed = headers.with_media_type(passed, call.body.held, is_json=is_json)
    if credential.injection is not None and credential.injection[0] == "header":
        passed.append((credential.injection[1], credential.injection[2]))
    if not any(name.lower() == "user-agent" for name, _ in passed):
        passed.append(("User-Agent", _USER_AGENT))
    return OutboundRequest(
        method=call.request.method,
        url=url,
        headers=passed + _length_header(call),
        body=_body(call),
        route=call.route,
    )


def _length_header(call: Call) -> list[tuple[str, str]]:
    length = call.body.length
    carries = length or call.request.method in {"POST", "PUT", "PATCH"}
    return [("Content-Length", str(length))] if length is not None and carries else []


def _body(call: Call) -> bytes | bodies.Stream | None:
    if call.body.held is None:
        return call.body.chunks()
    return call.body.held or None


def _redirected(call: Call, request: OutboundRequest, location: str) -> OutboundRequest:
    """Return the request that a redirect asks for; it carries no body."""
    region = call.manifest.region(call.connection.region)
    try:
        # Python reads header bytes as Latin-1: these are the bytes that were sent.
        wanted = urljoin(request.url, quote(location.encode("latin-1"), safe=string.punctuation))
        origin = origin_of(wanted)
    except ValueError as error:
        raise RedirectRefused("The provider redirected to what is no address.") from error
    url = wanted if origin in call.route.values() else paths.allowed(region, wanted)
    if url is None:
        raise RedirectRefused(
            f"The provider redirected to {origin}, which is not an address of this connector.",
            location=origin,
        )
    headers = [item for item in request.headers if item[0].lower() not in _OF_THE_BODY]
    return OutboundRequest(method=request.method, url=url, headers=headers, route=request.route)
