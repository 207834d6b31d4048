"""What a call comes back with: the provider's answer, a connection, or an error."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any


class HeaplineClientError(Exception):
    """A call failed."""


class HeaplineUnreachable(HeaplineClientError):
    """Heapline could not be reached, or its answer broke off."""


class HeaplineApiError(HeaplineClientError):
    """Heapline answered with an error of its own; the provider was not asked or did not answer."""

    def __init__(
        self, status: int, code: str, message: str, meta: Mapping[str, Any], *, retryable: bool
    ) -> None:
        super().__init__(f"{message} ({code}, status {status})")
        self.status = status
        self.code = code
        self.message = message
        self.meta = meta
        self.retryable = retryable


class ProviderError(HeaplineClientError):
    """The provider answered with an error status; ``response`` is its answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"The provider answered {response.status}: {response.text[:200]}")
        self.response = response


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the provider.

    >>> answer = Response(200, {"Content-Type": "application/json"}, b'{"ok": true}')
    >>> answer.raise_for_status().json()
    {'ok': True}
    """

    status: int
    #: By name, whatever its case.
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """Return the body as text; bytes that are no UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises
        ------
        ValueError
            If it is none.

        """
        return json_module.loads(self.content)

    def raise_for_status(self) -> Response:
        """Return the response itself unless its status is an error.

        Raises
        ------
        ProviderError
            If the status is 400 or higher.

        """
        if self.status >= 400:
            raise ProviderError(self)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A user's connected account."""

    id: str
    user: str
    connector: str
    auth_mode: str
    region: str
    account_key: str
    account: Mapping[str, str]
    account_label: str
    external_id: str | None
    development: bool
    scopes: tuple[str, ...]
    #: ``connected``, ``needs_reauthorisation`` or ``disconnected``.
    status: str
    status_reason: str
    status_at: datetime
    created_at: datetime


def read_connection(item: Mapping[str, Any]) -> Connection:
    """Return a connection from the API's JSON, whatever else that may hold.

    Raises
    ------
    HeaplineApiError
        If it is no connection.

    """
    try:
        values = {one.name: item[one.name] for one in fields(Connection)}
        values["scopes"] = tuple(values["scopes"])
        for name in ("status_at", "created_at"):
            values[name] = datetime.fromisoformat(values[name])
    except (KeyError, TypeError, ValueError) as error:
        raise unexpected(200) from error
    return Connection(**values)


def unexpected(status: int) -> HeaplineApiError:
    """Return the error for an answer that Heapline would not give."""
    return HeaplineApiError(
        status,
        "unexpected_answer",
        "The answer is not one of Heapline's. Check the address, and what stands in between.",
        {},
        retryable=status in {502, 503, 504},
    )
