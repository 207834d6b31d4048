"""Send requests over a pool of connections, exactly as they were put together."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from connector.client.answers import HeaplineApiError, HeaplineUnreachable, unexpected

_CONNECTIONS = 64
_CONNECT_SECONDS = 10.0
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"


class Transport:
    """Sends to one server; threads may share it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = _session()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def send(
        self, method: str, target: str, token: str, *, timeout: float, **options: Any
    ) -> requests.Response:
        """Send a request with a bearer token and return the whole answer, redirects as they are.

        Raises
        ------
        HeaplineUnreachable
            If there is no answer, or it breaks off.

        """
        request = requests.Request(method, self.url, auth=_Bearer(token), **options)
        prepared = self._session.prepare_request(request)
        # Set past requests, which would resolve dot segments: /x/../y must reach the server as it
        # is, to be refused there, and not turn into another address on the way.
        prepared.url = self.url + target
        try:
            settings = self._session.merge_environment_settings(prepared.url, {}, None, None, None)
            return self._session.send(
                prepared, timeout=(_CONNECT_SECONDS, timeout), allow_redirects=False, **settings
            )
        except requests.RequestException as error:
            raise HeaplineUnreachable(f"{self.url} did not answer: {error}") from error


class _Bearer(AuthBase):
    """Sets the header itself, so that no .netrc file of the machine takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    # Users share the session; a cookie of one must not reach the calls of another.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def quoted(segment: str) -> str:
    """Return a path segment, percent-encoded."""
    return quote(segment, safe="")


def target_below(path: str, params: Mapping[str, Any] | None) -> str:
    """Return path and query as they go on the request line; what is encoded already stays so."""
    address, _, query = path.partition("?")
    address = quote(address.removeprefix("/"), safe=_PATH_SAFE)
    own, added = quote(query, safe=_QUERY_SAFE), urlencode(params or {}, doseq=True)
    query = "&".join(part for part in (own, added) if part)
    return (f"/{address}" if address else "") + (f"?{query}" if query else "")


def json_object(answer: requests.Response) -> dict[str, Any] | None:
    """Return the body if it is a JSON object."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def api_error(answer: requests.Response) -> HeaplineApiError:
    """Return the error that an answer of Heapline tells of."""
    body = json_object(answer) or {}
    meta = body.get("meta")
    if "code" not in body or "message" not in body or not isinstance(meta, dict):
        return unexpected(answer.status_code)
    return HeaplineApiError(
        answer.status_code,
        str(body["code"]),
        str(body["message"]),
        meta,
        retryable=bool(meta.get("retryable")),
    )
