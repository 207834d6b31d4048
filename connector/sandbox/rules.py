"""What Heap's ingestion endpoints accept, as pure checks of parsed JSON.

Heap words its refusals like "postBody.events[0].properties should be object", in bulk and single
calls alike: a single event is checked as a bulk of one. Limits: the pages "Track", "Add User
Properties", "Add Account Properties" and "Identify" of developers.heap.io.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

MAX_BULK = 1000
MAX_EVENT_NAME = 1024
MAX_IDENTITY = 255
#: Keys and values of properties are shorter than this.
PROPERTY_LENGTH = 1024
MAX_USER_ID = 2**53 - 1
#: The range of a date in ECMAScript, in milliseconds.
_MAX_TIMESTAMP = 8_640_000_000_000_000

_DECIMAL = re.compile(r"[0-9]{1,16}")
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")

Value = str | int | float
Properties = dict[str, Value]


class UnacceptableError(ValueError):
    """A body breaks a rule: where, and what it should be."""

    def __init__(self, where: str, what: str) -> None:
        """Keep both parts; `where` starts with a dot, a bracket or nothing."""
        super().__init__(f"postBody{where} {what}")
        self.where = where
        self.what = what


class TrackedEvent(NamedTuple):
    """One event as it will be stored."""

    event: str
    identity: str | None
    user_id: str | None
    session_id: str | None
    properties: Properties
    #: Milliseconds since the epoch; None means now.
    timestamp: int | None
    idempotency_key: str | None


class UserProperties(NamedTuple):
    """Properties for one identified user."""

    identity: str
    properties: Properties


class AccountProperties(NamedTuple):
    """Properties for one account."""

    account_id: str
    properties: Properties


class Identification(NamedTuple):
    """A wish to tie an anonymous user to an identity."""

    user_id: str
    identity: str


Item = TypeVar("Item")
_Object = Mapping[str, object]


def read_app_id(body: object, *, number_allowed: bool = False) -> str:
    """Return the environment that a body is for.

    Raises UnacceptableError.
    """
    fields = _object(body, "")
    value = fields.get("app_id")
    if number_allowed and type(value) is int:
        return str(value)
    return _text(fields, "app_id")


def read_items(body: _Object, name: str, check: Callable[[_Object], Item]) -> list[Item]:
    """Check the single item or the bulk of items that a body holds under `name`.

    Raises UnacceptableError.
    """
    items = body.get(name, [body])
    if not isinstance(items, list):
        raise UnacceptableError(f".{name}", "should be array")
    if len(items) > MAX_BULK:
        raise UnacceptableError(f".{name}", f"should NOT have more than {MAX_BULK} items")
    checked = []
    for index, item in enumerate(items):
        try:
            checked.append(check(_object(item, "")))
        except UnacceptableError as fault:
            raise UnacceptableError(f".{name}[{index}]{fault.where}", fault.what) from fault
    return checked


def check_event(item: _Object) -> TrackedEvent:
    """Check one event."""
    event = _text(item, "event", MAX_EVENT_NAME)
    if ("identity" in item) == ("user_id" in item):
        raise UnacceptableError("", "should match exactly one schema in oneOf")
    return TrackedEvent(
        event,
        _text(item, "identity", MAX_IDENTITY) if "identity" in item else None,
        _user_id(item) if "user_id" in item else None,
        _text(item, "session_id") if "session_id" in item else None,
        _properties(item, arrays=True),
        _timestamp(item),
        _text(item, "idempotency_key") if "idempotency_key" in item else None,
    )


def check_user(item: _Object) -> UserProperties:
    """Check the properties for one user; a property may not be named id in any letter case."""
    identity = _text(item, "identity", MAX_IDENTITY)
    properties = _properties(item)
    for key in properties:
        if key.lower() == "id":
            raise UnacceptableError(".properties", f"property name '{key}' is invalid")
    return UserProperties(identity, properties)


def check_account(item: _Object) -> AccountProperties:
    """Check the properties for one account."""
    return AccountProperties(_text(item, "account_id"), _properties(item))


def check_identification(body: _Object) -> Identification:
    """Check an identify call."""
    user_id, identity = _user_id(body), _text(body, "identity", MAX_IDENTITY)
    _timestamp(body)
    return Identification(user_id, identity)


def _object(value: object, where: str) -> _Object:
    if not isinstance(value, dict):
        raise UnacceptableError(where, "should be object")
    return value


def _text(item: _Object, name: str, longest: int | None = None) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        if name not in item:
            raise UnacceptableError("", f"should have required property '{name}'")
        raise UnacceptableError(f".{name}", "should be string")
    if not value:
        raise UnacceptableError(f".{name}", "should NOT be shorter than 1 characters")
    if longest is not None and len(value) > longest:
        raise UnacceptableError(f".{name}", f"should NOT be longer than {longest} characters")
    return value


def _user_id(item: _Object) -> str:
    text = _text(item, "user_id")
    user_id = read_user_id(text)
    if user_id is None:
        raise UnacceptableError(".user_id", f"should be a decimal number from 0 to {MAX_USER_ID}")
    return user_id


def read_user_id(value: object) -> str | None:
    """Return a numeric user id in its plain form, or None when it is not one."""
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value) or int(value) > MAX_USER_ID:
        return None
    return str(int(value))


def _properties(item: _Object, *, arrays: bool = False) -> Properties:
    given = item.get("properties")
    if not isinstance(given, dict):
        if "properties" not in item:
            return {}
        raise UnacceptableError(".properties", "should be object")
    checked: Properties = {}
    for key, value in given.items():
        if len(key) >= PROPERTY_LENGTH:
            what = f"property name '{key}' should NOT be longer than {PROPERTY_LENGTH - 1}"
            raise UnacceptableError(".properties", f"{what} characters")
        if isinstance(value, str):
            if len(value) >= PROPERTY_LENGTH:
                what = f"should NOT be longer than {PROPERTY_LENGTH - 1} characters"
                raise UnacceptableError(f".properties{_member(key)}", what)
            checked[key] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            checked[key] = value
        elif arrays and isinstance(value, list):
            checked[key] = _joined(key, value)
        else:
            raise UnacceptableError(f".properties{_member(key)}", "should be number,string")
    return checked


def _joined(key: str, values: list[object]) -> str:
    """Join an array as Heap does: by two bars, cut at 1024 characters."""
    parts = []
    for index, value in enumerate(values):
        if not isinstance(value, str | int | float):
            where = f".properties{_member(key)}[{index}]"
            raise UnacceptableError(where, "should be boolean,number,string")
        parts.append(_as_text(value))
    return "||".join(parts)[:PROPERTY_LENGTH]


def _as_text(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return str(value)


def _timestamp(item: _Object) -> int | None:
    value = item.get("timestamp")
    if value is None and "timestamp" not in item:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) <= _MAX_TIMESTAMP:
            return int(value)
    elif isinstance(value, str) and _ISO_DATE.match(value):
        try:
            moment = datetime.fromisoformat(value)
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            pass
    raise UnacceptableError(".timestamp", 'should match format "date-time"')


def _member(key: str) -> str:
    return f".{key}" if _IDENTIFIER.fullmatch(key) else f"['{key}']"
