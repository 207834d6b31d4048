"""Request bodies: short ones are held, so that they can be read and sent again; long ones flow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO

from jsonpointer import JsonPointer

from connector.errors import BodyInvalid, RequestTooLarge
from connector.manifest import Action

#: A body up to this size is held in memory. Bulk requests are well below it.
HELD_BYTES = 4 * 1024 * 1024
CHUNK = 64 * 1024
_ABSENT = object()
_ENDED_EARLY = "The body ended before its announced length."
Stream = Iterator[bytes]


@dataclass(slots=True)
class Body:
    """A request body on its way through; ``held`` is nothing when it is too long to hold."""

    held: bytes | None
    #: The caller's Content-Length, when there is one.
    length: int | None
    _stream: BinaryIO | None = None
    _start: bytes = b""
    _most: int = 0
    sent: int = field(default=0)
    _document: Any = _ABSENT

    @property
    def replayable(self) -> bool:
        """Say whether it can be sent again."""
        return self.held is not None or self.sent == 0

    def chunks(self) -> Stream:
        """Yield the body; for one that is not held as it comes, and once.

        Raises
        ------
        RequestTooLarge
            If it turns out longer than the server takes.
        BodyInvalid
            If it ends before the length that was announced, or cannot be read.

        """
        if self.held is not None:
            yield self.held
            return
        yield from self._counted(self._start)
        if self._stream is not None:
            while chunk := _piece(self._stream, CHUNK):
                yield from self._counted(chunk)
        if self.length is not None and self.sent < self.length:
            raise BodyInvalid(_ENDED_EARLY)

    def document(self) -> Any:
        """Return the body as JSON data, or nothing when it is none or was not held."""
        if self._document is _ABSENT:
            self._document = _parsed(self.held)
        return self._document

    def _counted(self, chunk: bytes) -> Stream:
        self.sent += len(chunk)
        if self.sent > self._most:
            raise RequestTooLarge(most_bytes=self._most)
        if chunk:
            yield chunk


def read(stream: BinaryIO | None, length: int | None, most: int) -> Body:
    """Take a body from the caller: all of a short one, the beginning of a long one.

    Raises
    ------
    RequestTooLarge
        If it is known to be longer than ``most`` bytes.
    BodyInvalid
        If it ends before the length that was announced, or cannot be read.

    """
    if length is not None and length > most:
        raise RequestTooLarge(
            f"The body has {length} bytes; this server takes {most}.", most_bytes=most
        )
    if stream is None or length == 0:
        return Body(b"", length or 0)
    start = _read_up_to(stream, min(HELD_BYTES if length is None else length, HELD_BYTES) + 1)
    if length is not None and len(start) < min(length, HELD_BYTES):
        raise BodyInvalid(_ENDED_EARLY)
    if len(start) <= HELD_BYTES and (length is None or len(start) == length):
        if len(start) > most:
            raise RequestTooLarge(most_bytes=most)
        return Body(start, len(start))
    return Body(None, length, stream, start, most)


def with_account_fields(body: Body, action: Action, account: dict[str, str]) -> Body:
    """Put the account's fields into a JSON object body where they are absent.

    The rest of the body stays byte for byte: numbers keep their digits, keys their order.
    """
    document = body.document()
    if not isinstance(document, dict) or body.held is None:
        return body
    missing = {
        pointer[1:]: account[name]
        for pointer, name in action.account_fields.items()
        if name in account and pointer[1:] not in document
    }
    if not missing:
        return body
    start = body.held.index(b"{") + 1
    added = json.dumps(missing, ensure_ascii=False).encode()[1:-1]
    comma = b"," if document else b""
    held = body.held[:start] + added + comma + body.held[start:]
    return Body(held, len(held), _document=missing | document)


def with_idempotency_key(body: Body, action: Action, key: str) -> Body:
    """Put a key into a JSON body where the action has its place and none is there.

    A place within a list, such as ``/events/*/idempotency_key``, gets a key for each item.
    """
    document = body.document()
    if action.idempotency_key is None or not isinstance(document, dict):
        return body
    first, *rest = action.idempotency_key[1:].split("/")
    if not rest:
        changed = {first: key, **document}
    elif isinstance(document.get(first), list):
        items = [
            {rest[-1]: f"{key}-{place}", **item} if isinstance(item, dict) else item
            for place, item in enumerate(document[first])
        ]
        changed = {**document, first: items}
    else:
        return body
    held = json.dumps(changed, ensure_ascii=False, separators=(",", ":")).encode()
    return Body(held, len(held), _document=changed)


def choose_action(actions: tuple[Action, ...], body: Body) -> Action | None:
    """Return the action that the body fits, of those that share a method and path."""
    for action in actions:
        if not action.when_present or at(body, action.when_present) is not None:
            return action
    return None


def at(body: Body, pointer: str) -> Any:
    """Return what stands at a JSON pointer in the body, or nothing."""
    document = body.document()
    return None if document is None else _pointer(pointer).resolve(document, None)


#: Pointers come from manifests: there are few.
_pointer = lru_cache(JsonPointer)


def _parsed(held: bytes | None) -> Any:
    if not held or held.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return json.loads(held)
    except (ValueError, RecursionError):
        return None


def _read_up_to(stream: BinaryIO, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    while left > 0 and (chunk := _piece(stream, min(left, CHUNK))):
        parts.append(chunk)
        left -= len(chunk)
    return b"".join(parts)


def _piece(stream: BinaryIO, most: int) -> bytes:
    try:
        return stream.read(most)
    except Exception as error:
        # Each server has errors of its own for a caller who breaks off or cannot write chunks.
        raise BodyInvalid("The body could not be read to its end.") from error
