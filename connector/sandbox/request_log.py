"""What callers sent, so that tests and people can look; secrets are left out."""

import json
import re
from dataclasses import dataclass

from connector.sandbox.clock import Clock
from connector.sandbox.database import Database

KEPT_REQUESTS = 20_000
KEPT_BODY_BYTES = 64 * 1024
_TRIM_EVERY = 1000
_HIDDEN = "(hidden)"
_SECRET_FIELDS = "client_secret|code|code_verifier|refresh_token|access_token"  # noqa: S105
_SECRET_IN_FORM = re.compile(rf"(?:^|(?<=&))((?:{_SECRET_FIELDS})=)[^&]*")
_SECRET_IN_JSON = re.compile(rf'("(?:{_SECRET_FIELDS})"\s*:\s*)"(?:[^"\\]|\\.)*"')
_NEVER_KEPT = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True)
class SeenRequest:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    #: The answer's status; None when the connection was dropped.
    status: int | None
    #: The kind of fault that it met, if any.
    fault: str | None


class RequestLog:
    """Keep the latest requests to the endpoints that imitate Heap."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Write to this database."""
        self._database = database
        self._clock = clock
        self._written = 0

    def add(self, seen: SeenRequest) -> None:
        """Write one request, without its secrets."""
        row = (
            self._clock.now(),
            seen.method,
            seen.path,
            seen.query,
            json.dumps(_kept_headers(seen.headers)),
            _authorization_scheme(seen.headers),
            _kept_body(seen.body),
            len(seen.body),
            seen.status,
            seen.fault,
        )
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO requests (at, method, path, query, headers, authorization, body,"
                " body_bytes, status, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            self._written += 1
            if self._written % _TRIM_EVERY == 0:
                oldest = (cursor.lastrowid or 0) - KEPT_REQUESTS
                connection.execute("DELETE FROM requests WHERE id <= ?", (oldest,))


def _kept_headers(headers: dict[str, str]) -> dict[str, str]:
    return {
        name: _HIDDEN if name.lower() in _NEVER_KEPT else value for name, value in headers.items()
    }


def _authorization_scheme(headers: dict[str, str]) -> str | None:
    """Return the scheme of the Authorization header, such as Bearer, or None without one."""
    for name, value in headers.items():
        if name.lower() == "authorization":
            return value.partition(" ")[0][:20]
    return None


def _kept_body(body: bytes) -> str:
    text = body[:KEPT_BODY_BYTES].decode("utf-8", "replace")
    if any(field in text for field in _SECRET_FIELDS.split("|")):
        text = _SECRET_IN_JSON.sub(rf'\1"{_HIDDEN}"', text)
        text = _SECRET_IN_FORM.sub(rf"\1{_HIDDEN}", text)
    return text
