"""The client itself; see the package."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import IO, Any

from connector import tokens
from connector.client.answers import Connection, Response, read_connection
from connector.client.calls import Calls
from connector.client.transport import Transport, api_error, quoted, target_below
from connector.client.workflows import WorkflowCalls

_TOKEN_SECONDS = 3600
#: A token is signed anew when it has less than this left.
_FRESH_SECONDS = 300
_CACHED_TOKENS = 10_000
#: What the server may take beyond the time that it was given for the provider.
_MARGIN_SECONDS = 5.0
#: On every answer of a provider, and on none of Heapline's own.
_PASSED_ON = "X-Heapline-Attempts"

Body = bytes | str | Mapping[str, str] | IO[bytes]


class Heapline(WorkflowCalls):
    """One project on one Heapline server.

    ``private_key`` (PEM) signs user tokens, which :meth:`request` needs; ``api_key`` is for all the
    rest. Threads may share an instance: it keeps no state between calls but a pool of connections
    and the tokens it has signed. Close it, or use it in a ``with`` statement.

    >>> private_key, _ = tokens.new_signing_key()
    >>> with Heapline("https://connect.example.com", "p1", private_key=private_key) as heapline:
    ...     len(heapline.sign("alice").split("."))
    3
    """

    def __init__(
        self,
        url: str,
        project_id: str,
        *,
        private_key: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._transport = Transport(url)
        self._project_id = project_id
        self._private_key = private_key
        self._calls = Calls(self._transport, api_key)
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> Heapline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Heapline({self._transport.url!r}, {self._project_id!r})"

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    def sign(self, user: str, lifetime_seconds: int = _TOKEN_SECONDS) -> str:
        """Sign a user token, for your front end to hand to the SDK.

        Raises
        ------
        ValueError
            If there is no private key.

        """
        if self._private_key is None:
            raise ValueError("Signing user tokens needs private_key.")
        return tokens.sign(self._private_key, self._project_id, user, lifetime_seconds)

    def request(
        self,
        connector: str,
        path: str,
        *,
        user: str,
        method: str = "GET",
        json: Any = None,
        data: Body | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        connection: str | None = None,
        timeout: float = 30,
    ) -> Response:
        """Call the connector's API as a user; return the provider's answer, whatever its status.

        ``path`` is below the connector's base address, or an absolute address on one of its hosts.
        ``connection`` chooses one of several accounts, by id or as ``ext:`` and its external id.
        ``timeout`` is how many seconds the provider may take, retries included.

        Raises
        ------
        HeaplineApiError
            If Heapline could not pass the request on, such as ``not_connected``.
        HeaplineUnreachable
            If Heapline did not answer.
        ValueError
            If there is no private key.

        """
        sent = {"X-Heapline-Timeout": f"{timeout:g}", **(headers or {})}
        if connection is not None:
            sent["X-Paragon-Credential"] = connection
        proxy = f"/projects/{quoted(self._project_id)}/sdk/proxy/{quoted(connector)}"
        answer = self._transport.send(
            method,
            proxy + target_below(path, params),
            self._token(user),
            json=json,
            data=data.encode() if isinstance(data, str) else data,
            headers=sent,
            timeout=timeout + _MARGIN_SECONDS,
        )
        if _PASSED_ON not in answer.headers:
            raise api_error(answer)
        return Response(answer.status_code, answer.headers, answer.content)

    def connections(
        self,
        user: str | None = None,
        *,
        connector: str | None = None,
        status: str | None = None,
    ) -> Iterator[Connection]:
        """Yield connections, oldest first, a page fetched at a time.

        Raises as :meth:`connection` does.
        """
        items = self._calls.items("connections", user=user, connector=connector, status=status)
        return (read_connection(item) for item in items)

    def connection(self, connection_id: str) -> Connection:
        """Return a connection.

        Raises
        ------
        HeaplineApiError
            If there is none of that id (``not_found``), or the API key may not ask.
        HeaplineUnreachable
            If Heapline did not answer.
        ValueError
            If there is no API key.

        """
        return read_connection(self._calls("GET", f"connections/{quoted(connection_id)}"))

    def disconnect(self, connection_id: str) -> Connection:
        """End a connection and return it; nothing changes when it has ended already.

        Raises as :meth:`connection` does.
        """
        return read_connection(self._calls("DELETE", f"connections/{quoted(connection_id)}"))

    def connect_link(
        self,
        user: str,
        connector: str,
        return_url: str | None = None,
        *,
        connection_id: str | None = None,
    ) -> str:
        """Return a link by which the user connects an account in a browser, good for ten minutes.

        ``connection_id`` has the same account connected again.

        Raises as :meth:`connection` does.
        """
        wanted = {
            "user": user,
            "connector": connector,
            "return_url": return_url,
            "connection_id": connection_id,
        }
        return str(self._calls("POST", "connect-links", json=wanted)["url"])

    def delete_user(self, user: str) -> None:
        """Delete a user and everything of theirs.

        Raises as :meth:`connection` does.
        """
        self._calls("DELETE", f"users/{quoted(user)}")

    def _token(self, user: str) -> str:
        with self._lock:
            token, expires_at = self._tokens.get(user, ("", 0.0))
        if expires_at - time.time() > _FRESH_SECONDS:
            return token
        token = self.sign(user)
        with self._lock:
            self._tokens[user] = token, time.time() + _TOKEN_SECONDS
            self._tokens.move_to_end(user)
            while len(self._tokens) > _CACHED_TOKENS:
                self._tokens.popitem(last=False)
        return token
