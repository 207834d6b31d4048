"""Registered partner apps: who may ask for authorization, and where answers may go."""

import hmac
import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class PartnerApp:
    """One set of app credentials with what they may be used for."""

    id: int
    client_id: str
    client_secret: str
    name: str
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    #: Accept any http loopback address, whatever its port and path (RFC 8252, section 7.3).
    loopback: bool

    def has_secret(self, secret: str) -> bool:
        """Tell whether this is the client secret."""
        return hmac.compare_digest(self.client_secret.encode(), secret.encode("utf-8", "replace"))

    def may_redirect_to(self, uri: str) -> bool:
        """Tell whether an answer may be sent to this address: an exact match, or loopback."""
        return uri in self.redirect_uris or (self.loopback and _is_http_loopback(uri))

    def id_token_for(self, app_id: str) -> str:
        """Return the UUID that stands for one environment towards this app."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"heap-sandbox/{self.client_id}/{app_id}"))


DEVELOPMENT_APP = PartnerApp(
    id=4,
    client_id="6b1f2b5e-0c47-4d0e-9d55-5a1bb8e0a0d1",
    client_secret="heap-sandbox-development-secret",  # noqa: S106
    name="Heapline (development keys)",
    scopes=("segment",),
    redirect_uris=(),
    loopback=True,
)


def _is_http_loopback(uri: str) -> bool:
    if not uri.isascii() or any(char <= " " or char in "\\@" for char in uri):
        return False
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS and port != 0


def set_development_app(connection: sqlite3.Connection, redirect_uris: Sequence[str]) -> None:
    """Register the development keys with these addresses besides the loopback ones."""
    _write(connection, DEVELOPMENT_APP, redirect_uris)


def add_partner_app(
    connection: sqlite3.Connection,
    *,
    client_id: str,
    client_secret: str,
    name: str,
    scopes: Sequence[str],
    redirect_uris: Sequence[str],
) -> PartnerApp:
    """Register an app, or replace the one that has this client id."""
    known = find_partner_app(connection, client_id)
    row = connection.execute("SELECT max(id) + 1 FROM partner_apps").fetchone()
    app = PartnerApp(
        id=known.id if known else int(row[0]),
        client_id=client_id,
        client_secret=client_secret,
        name=name,
        scopes=tuple(scopes),
        redirect_uris=tuple(redirect_uris),
        loopback=known.loopback if known else False,
    )
    _write(connection, app, redirect_uris)
    return app


def _write(connection: sqlite3.Connection, app: PartnerApp, redirect_uris: Sequence[str]) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO partner_apps VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            app.id,
            app.client_id,
            app.client_secret,
            app.name,
            ",".join(app.scopes),
            json.dumps(list(redirect_uris)),
            app.loopback,
        ),
    )


def list_partner_apps(connection: sqlite3.Connection) -> list[PartnerApp]:
    """Return every registered app, oldest first."""
    rows = connection.execute("SELECT * FROM partner_apps ORDER BY id")
    return [_from_row(row) for row in rows]


def find_partner_app(connection: sqlite3.Connection, client_id: str) -> PartnerApp | None:
    """Return one app by its client id."""
    row = connection.execute(
        "SELECT * FROM partner_apps WHERE client_id = ?", (client_id,)
    ).fetchone()
    return _from_row(row) if row else None


def _from_row(row: sqlite3.Row) -> PartnerApp:
    return PartnerApp(
        id=row["id"],
        client_id=row["client_id"],
        client_secret=row["client_secret"],
        name=row["name"],
        scopes=tuple(row["scopes"].split(",")),
        redirect_uris=tuple(json.loads(row["redirect_uris"])),
        loopback=bool(row["loopback"]),
    )
