"""Heap's ingestion endpoints: track, user and account properties, identify.

None of them takes a credential: the `app_id` in the body decides where the data goes, and an
unknown one is accepted in silence. Browsers are not served, so there are no CORS headers.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from connector.sandbox.limits import Demand
from connector.sandbox.people import People
from connector.sandbox.retry_after import retry_after_text
from connector.sandbox.rules import (
    TrackedEvent,
    UnacceptableError,
    check_account,
    check_event,
    check_identification,
    check_user,
    read_app_id,
    read_items,
)
from connector.sandbox.state import Sandbox, current_sandbox

blueprint = Blueprint("ingestion", __name__, url_prefix="/api")

SINGLE_PER_IDENTITY = 30
SINGLE_WINDOW_SECONDS = 30.0
BULK_PER_IDENTITY = 1000
BULK_PER_ENVIRONMENT = 15_000
BULK_WINDOW_SECONDS = 60.0

Result = TypeVar("Result")

_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class UnreadableBodyError(Exception):
    """The body is not JSON."""


class TooManyRequestsError(Exception):
    """A rate limit is used up."""

    def __init__(self, wait: float) -> None:
        """Keep the seconds until there is room again."""
        super().__init__("too many requests")
        self.wait = wait


@blueprint.post("/track")
def track() -> Response:
    """Take one event, or up to 1000 under `events`."""
    sandbox, body = current_sandbox(), _read_body()
    app_id = read_app_id(body)
    events = read_items(body, "events", check_event)
    is_bulk = "events" in body
    _admit(sandbox, _bulk_demands(app_id, events) if is_bulk else _single("track", app_id, events))
    _store(sandbox, app_id, lambda people: people.track(events))
    return _done()


@blueprint.post("/add_user_properties")
def add_user_properties() -> Response:
    """Take properties of one user, or of up to 1000 under `users`."""
    sandbox, body = current_sandbox(), _read_body()
    app_id = read_app_id(body)
    users = read_items(body, "users", check_user)
    if "users" not in body:
        _admit(sandbox, [_single_demand("users", app_id, users[0].identity)])
    _store(sandbox, app_id, lambda people: people.add_user_properties(users))
    return _done()


@blueprint.post("/add_account_properties")
def add_account_properties() -> Response:
    """Take properties of one account, or of up to 1000 under `accounts`."""
    body = _read_body()
    app_id = read_app_id(body, number_allowed=True)
    accounts = read_items(body, "accounts", check_account)
    _store(current_sandbox(), app_id, lambda people: people.add_account_properties(accounts))
    return Response("OK", content_type="text/plain; charset=utf-8")


@blueprint.post("/v1/identify")
def identify() -> Response:
    """Tie an anonymous user id to an identity."""
    body = _read_body()
    app_id = read_app_id(body)
    wish = check_identification(body)
    sandbox = current_sandbox()
    if _store(sandbox, app_id, lambda people: people.identify(wish)):
        sandbox.epoch += 1
    return _done()


@blueprint.errorhandler(UnacceptableError)
def _unacceptable(error: UnacceptableError) -> Response:
    return _text(str(error), 400)


@blueprint.errorhandler(UnreadableBodyError)
def _unreadable(error: UnreadableBodyError) -> Response:
    return _text(str(error), 400)


@blueprint.errorhandler(TooManyRequestsError)
def _too_many(error: TooManyRequestsError) -> Response:
    response = _text("Too Many Requests", 429)
    header = retry_after_text(error.wait, current_sandbox().settings.retry_after)
    if header:
        response.headers["Retry-After"] = header
    return response


def _read_body() -> Any:
    if request.mimetype != "application/json":
        raise UnreadableBodyError("Content-Type should be application/json")
    raw = request.get_data(cache=False)
    try:
        text = raw.decode()
        body = _decode(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise UnreadableBodyError(f"Unexpected token in JSON at position {error.pos}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError("The body is not JSON in UTF-8") from error
    return _well_formed(body) if _LONE_SURROGATE.search(raw) else body


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).decode


def _well_formed(value: Any) -> Any:
    """Replace lone surrogates, which no UTF-8 text can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_well_formed(item) for item in value]
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    return value


def _single(call: str, app_id: str, events: list[TrackedEvent]) -> list[Demand]:
    return [_single_demand(call, app_id, _person(events[0]))]


def _single_demand(call: str, app_id: str, person: object) -> Demand:
    key = ("single", call, app_id, person)
    return Demand(key, 1, SINGLE_PER_IDENTITY, SINGLE_WINDOW_SECONDS)


def _bulk_demands(app_id: str, events: list[TrackedEvent]) -> list[Demand]:
    total = Demand(("bulk", app_id), len(events), BULK_PER_ENVIRONMENT, BULK_WINDOW_SECONDS)
    people = Counter(_person(event) for event in events)
    return [total] + [
        Demand(("bulk", app_id, person), count, BULK_PER_IDENTITY, BULK_WINDOW_SECONDS)
        for person, count in people.items()
    ]


def _person(event: TrackedEvent) -> tuple[str | None, str | None]:
    return event.identity, event.user_id


def _admit(sandbox: Sandbox, demands: list[Demand]) -> None:
    scale = sandbox.settings.limits_scale
    if scale == "off":
        return
    if scale != 1:
        demands = [
            Demand(d.key, d.amount, max(1, round(d.allowed * scale)), d.window_seconds)
            for d in demands
        ]
    wait = sandbox.limiter.admit(demands, sandbox.clock.now())
    if wait:
        raise TooManyRequestsError(wait)


def _store(sandbox: Sandbox, app_id: str, write: Callable[[People], Result]) -> Result:
    database = sandbox.database
    with database.writing() as connection:
        return write(People(connection, app_id, sandbox.clock.now_ms(), database.next_revision()))


def _done() -> Response:
    return Response("{}", content_type="application/json; charset=utf-8")


def _text(message: str, status: int) -> Response:
    return Response(message, status, content_type="text/plain; charset=utf-8")
