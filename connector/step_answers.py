"""What a step of a workflow gets: an answer read as JSON data, or a failure that says why."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from connector import errors as e
from connector.plain_json import parsed
from connector.proxy import retrying
from workflow.outside import Failure, Reply, StepFailed

#: A step's answer is kept with the run; who needs more asks page by page.
LARGEST_ANSWER = 1_000_000
_OF_STATUS = {408: "timeout", 429: "rate_limit", 503: "unavailable", 504: "timeout"}
#: Of an answer's headers, what later steps may need; the rest is noise in every run's record.
_KEPT_HEADERS = frozenset(
    {"content-type", "location", "link", "etag", "last-modified", "retry-after", "x-request-id"}
)


def held(chunks: Iterable[bytes]) -> bytes:
    """Return a whole answer.

    Raises
    ------
    ResponseTooLarge
        If it is more than a step keeps.

    """
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise e.ResponseTooLarge(most_bytes=LARGEST_ANSWER)
    return bytes(content)


def reply(status: int, headers: list[tuple[str, str]], content: bytes, retry_after: str) -> Reply:
    """Return what a step gives.

    Raises
    ------
    StepFailed
        If the other side refused or failed.

    """
    told = {name.lower(): value for name, value in headers}
    body = _read(content, told.get("content-type", ""))
    if status >= 400:
        wait = told.get(retry_after.lower())
        raise StepFailed(
            Failure(
                kind=_OF_STATUS.get(status, "server_error" if status >= 500 else "client_error"),
                code=f"http_{status}",
                message=f"The answer was {status}{_beginning(body)}",
                status=status,
                retry_after=retrying.parse_retry_after(wait) if wait else None,
                body=body,
            )
        )
    return Reply(status, {name: told[name] for name in told if name in _KEPT_HEADERS}, body)


def _read(content: bytes, media_type: str) -> Any:
    if not content:
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    if "json" in media_type or text.lstrip()[:1] in {"{", "["}:
        try:
            return _whole(parsed(text)) if "\\ud" in text.lower() else parsed(text)
        except ValueError:
            return text
    return text


def _whole(value: Any) -> Any:
    """Return data with a mark for each half of a character, which JSON can hold but nobody send."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _beginning(body: Any) -> str:
    if body is None:
        return "."
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f": {text[:300]}"
