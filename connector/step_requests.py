"""What a step of a workflow sends, written as HTTP has it; what cannot be sent is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import jsonschema

from connector.manifest import Action, Manifest
from workflow.outside import Failure, StepFailed

Header = tuple[str, str]
#: RFC 3986: all that may stand in a path or query, and what is percent-encoded already.
_STANDS = "%/?:@!$&'()*+,;=-._~[]"
_NO_HOST = re.compile(r"[^A-Za-z0-9.:\[\]@_~!$&'()*+,;=%-]")
_JSON = ("Content-Type", "application/json")
#: RFC 9110, 5.1 and 5.5.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: They say where a message ends and whom it is for: ours to write.
_OURS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
    }
)


def of_action(manifest: Manifest, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request of a named action, its input checked.

    Raises
    ------
    StepFailed
        If there is no such action, or its input does not fit.

    """
    action = manifest.actions.get(str(fields["action"]))
    if action is None:
        raise invalid(
            "action_unknown",
            f"{manifest.title} has no action {fields['action']!r}. There are: "
            + ", ".join(manifest.actions),
        )
    given = dict(fields["input"])
    schema_check = jsonschema.Draft202012Validator(dict(action.input)).iter_errors(given)
    fault = next(schema_check, None)
    if fault is not None:
        pointer = "".join(f"/{part}" for part in fault.absolute_path)
        raise invalid("input_invalid", f"At /input{pointer}: {fault.message}")
    path = _filled(action, given)
    request: dict[str, Any] = {"method": action.method, "path": path}
    if "connection" in fields:
        request["connection"] = fields["connection"]
    if action.method in {"GET", "HEAD", "DELETE"}:
        request["query"] = given
    else:
        request["body"] = given
    return request


def _filled(action: Action, given: dict[str, Any]) -> str:
    """Return an action's path with its parameters, which are taken out of the input."""
    parts = []
    for part in action.path.split("/"):
        if part.startswith("{") and part.endswith("}"):
            name = part[1:-1]
            if name not in given:
                raise invalid("input_invalid", f"At /input: {name!r} is required.")
            parts.append(_quoted(given.pop(name)))
        else:
            parts.append(part)
    return "/".join(parts)


def body_of(fields: Mapping[str, Any]) -> tuple[bytes, list[Header]]:
    """Return the body and the header that tells its type: JSON, unless it is a text.

    Raises
    ------
    StepFailed
        If it holds half of a character.

    """
    body = fields.get("body")
    if body is None:
        return b"", []
    kind = ("Content-Type", "text/plain") if isinstance(body, str) else _JSON
    text = (
        body
        if isinstance(body, str)
        else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    )
    try:
        return text.encode(), [] if "content-type" in _named(fields) else [kind]
    except UnicodeEncodeError as error:
        raise invalid("body_invalid", "The body holds half of a character.") from error


def headers_of(fields: Mapping[str, Any]) -> list[Header]:
    """Return the headers that a step names.

    Raises
    ------
    StepFailed
        If one cannot be sent, or is not the step's to say.

    """
    headers = [
        (str(name), value if isinstance(value, str) else json.dumps(value))
        for name, value in dict(fields.get("headers") or {}).items()
        if value is not None
    ]
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise invalid("header_invalid", f"A step cannot send the header {name!r:.80}.")
        if not _HEADER_VALUE.fullmatch(value):
            raise invalid(
                "header_invalid",
                f"The header {name} holds a character that cannot be sent, such as a line break.",
            )
    return headers


def query_of(fields: Mapping[str, Any]) -> str:
    """Return the query, percent-encoded; raises StepFailed for half of a character."""
    pairs = [
        f"{_quoted(name)}={_quoted(value)}"
        for name, value in dict(fields.get("query") or {}).items()
        if value is not None
    ]
    return "&".join(pairs)


def address_of(fields: Mapping[str, Any]) -> str:
    """Return the address of another API with the step's query; raises StepFailed if it is none."""
    parts = _parts(str(fields["url"]))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise invalid("url_invalid", "The url must begin with https:// or http://.")
    if parts.username or parts.password:
        raise invalid(
            "url_invalid", "The url holds a user name. Put it into an Authorization header."
        )
    query = "&".join(one for one in (_kept(parts.query), query_of(fields)) if one)
    return urlunsplit((parts.scheme, parts.netloc, _kept(parts.path), query, ""))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        netloc, port = parts.netloc.encode("idna").decode(), parts.port
    except ValueError as error:
        raise invalid("url_invalid", "The url is no address.") from error
    if _NO_HOST.search(netloc) or port == 0:
        raise invalid("url_invalid", "The url has no host.")
    return parts._replace(netloc=netloc)


def _kept(part: str) -> str:
    """Return a part of an address with whatever cannot stand in one percent-encoded."""
    try:
        return quote(part, safe=_STANDS)
    except UnicodeEncodeError as error:
        raise invalid("url_invalid", "The url holds half of a character.") from error


def invalid(code: str, message: str) -> StepFailed:
    """Return the failure of a step that asks for what cannot be."""
    return StepFailed(Failure(kind="invalid", code=code, message=message))


def _named(fields: Mapping[str, Any]) -> set[str]:
    headers = dict(fields.get("headers") or {})
    return {str(name).lower() for name, value in headers.items() if value is not None}


def _quoted(value: Any) -> str:
    try:
        return quote(value if isinstance(value, str) else json.dumps(value), safe="")
    except UnicodeEncodeError as error:
        raise invalid("address_invalid", "The address holds half of a character.") from error
