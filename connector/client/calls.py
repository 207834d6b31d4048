"""Call the API for servers with an API key, and read its lists page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from connector.client.answers import unexpected
from connector.client.transport import Transport, api_error, json_object

_SECONDS = 30.0
_PAGE = "200"


class Calls:
    """Calls below ``/api/v1``; threads may share it."""

    def __init__(self, transport: Transport, api_key: str | None) -> None:
        self._transport = transport
        self._api_key = api_key

    def __call__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        json: Any = None,
    ) -> Any:
        """Return the answer's JSON object, or nothing if it has none.

        Raises
        ------
        HeaplineApiError
            If Heapline answered with an error.
        HeaplineUnreachable
            If Heapline did not answer.
        ValueError
            If there is no API key.

        """
        if self._api_key is None:
            raise ValueError("This call needs api_key.")
        target = f"/api/v1/{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._transport.send(method, target, self._api_key, json=json, timeout=_SECONDS)
        if answer.status_code == 204:
            return None
        body = json_object(answer)
        if answer.status_code >= 300 or body is None:
            raise api_error(answer)
        return body

    def items(self, path: str, **wanted: str | None) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, a page fetched at a time; raises as a call does."""
        query = {name: value for name, value in wanted.items() if value is not None}
        query["limit"] = _PAGE
        while True:
            listed = self("GET", path, query)
            if not {"items", "next_cursor"} <= listed.keys():
                raise unexpected(200)
            yield from listed["items"]
            if listed["next_cursor"] is None:
                return
            query["cursor"] = listed["next_cursor"]
