"""Ledgerly, a provider that exists nowhere else: a TLS server that its manifest describes.

It keeps to the rules strictly, so that a request made the wrong way fails; and it can be told to
answer the next token requests in any way at all.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import secrets
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from .certificate import make_certificate

CLIENT_ID = "heapline at ledgerly"
CLIENT_SECRET = "ledgerly:client+secret/=canary"
KEY = "lk-canary-of-alice"
OLD_KEY = "old&canary=of+bob"
MANIFEST = Path(__file__).parent / "data" / "ledgerly.json"


@dataclass
class Grant:
    """One person's consent."""

    workspace: str
    scope: str
    challenge: str
    redirect_uri: str
    refresh_token: str = ""
    access_tokens: dict[str, float] = field(default_factory=dict)
    revoked: bool = False


@dataclass(frozen=True)
class Scripted:
    """An answer given in place of the provider's own."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    #: How often the body is sent: for answers too long to be held.
    times: int = 1
    #: The connection ends before the body does.
    cut: bool = False


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class InventedProvider:
    """The running server with its state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca_file, key_file = make_certificate(folder, "ledgerly")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca_file, key_file)
        self._server = _Server(self, context)
        self.port = int(self._server.server_address[1])
        self.lock = threading.Lock()
        self.reset()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def reset(self) -> None:
        """Forget everything."""
        self.redirect_uris: set[str] = set()
        self.workspace = "ws-77"
        self.token_seconds = 3600.0
        self.codes: dict[str, Grant] = {}
        self.grants: list[Grant] = []
        self.scripted: list[Scripted] = []
        self.api_answers: list[Scripted] = []
        self.seen: list[Seen] = []
        self.issued: list[str] = []

    def manifest(self) -> Path:
        """Write the manifest with the addresses that this server really has."""
        text = MANIFEST.read_text(encoding="utf-8")
        text = text.replace("api.ledgerly.example", f"127.0.0.1:{self.port}")
        file = self._folder / "ledgerly.json"
        file.write_text(text.replace("us.ledgerly.example", f"localhost:{self.port}"))
        return file

    def environment(self) -> dict[str, str]:
        """Return the settings of a server that may call this provider."""
        return {
            "HEAPLINE_MANIFESTS": str(self.manifest()),
            "HEAPLINE_OUTBOUND_ALLOW": f"127.0.0.1:{self.port},localhost:{self.port}",
            "SSL_CERT_FILE": str(self.ca_file),
        }

    @property
    def issuer(self) -> str:
        return f"https://127.0.0.1:{self.port}/issuer/"

    def token_calls(self) -> list[dict[str, Any]]:
        """Return the bodies of all token requests so far."""
        return [json.loads(one.body) for one in self.seen if one.path == "/oauth2/token"]

    def calls(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def authorize(self, query: dict[str, list[str]]) -> Scripted:
        """Consent at once, if the request is one that this provider understands."""
        given = {name: values[0] for name, values in query.items() if len(values) == 1}
        wanted = {"client_id": CLIENT_ID, "response_type": "code", "prompt": "consent"}
        faults = [name for name, value in wanted.items() if given.get(name) != value]
        faults += [] if given.get("redirect_uri") in self.redirect_uris else ["redirect_uri"]
        faults += [] if given.get("code_challenge_method") == "S256" else ["code_challenge_method"]
        known = {"books.read", "books.write", "payroll"}
        faults += [] if set(given.get("scope", "").split(" ")) <= known else ["scope"]
        if faults:
            return Scripted(400, f"cannot use: {faults}".encode())
        code = "code " + secrets.token_urlsafe(16)
        challenge, uri = given["code_challenge"], given["redirect_uri"]
        self.codes[code] = Grant(self.workspace, given["scope"], challenge, uri)
        answer = urlencode({"code": code, "state": given["state"], "iss": self.issuer})
        return Scripted(302, headers=(("Location", f"{given['redirect_uri']}?{answer}"),))

    def token(self, seen: Seen) -> Scripted:
        """Answer a token request."""
        with self.lock:
            if self.scripted:
                return self.scripted.pop(0)
            expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
            if seen.headers.get("authorization") != f"Basic {expected}":
                return _refusal("invalid_client", 401)
            if seen.headers.get("content-type") != "application/json":
                return _refusal("invalid_request")
            body = json.loads(seen.body)
            if {"client_id", "client_secret"} & set(body):
                return _refusal("invalid_request")
            match body.get("grant_type"):
                case "authorization_code":
                    return self._redeem(body)
                case "refresh_token":
                    return self._renew(body)
                case _:
                    return _refusal("unsupported_grant_type")

    def _redeem(self, body: dict[str, str]) -> Scripted:
        grant = self.codes.pop(body.get("code", ""), None)
        verifier = hashlib.sha256(body.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if grant is None or grant.challenge != challenge:
            return _refusal("invalid_grant")
        if grant.redirect_uri != body.get("redirect_uri"):
            return _refusal("invalid_grant")
        self.grants.append(grant)
        return self._issue(grant)

    def _renew(self, body: dict[str, str]) -> Scripted:
        used = body.get("refresh_token", "")
        for grant in self.grants:
            if grant.refresh_token == used and not grant.revoked:
                return self._issue(grant)
            if used in self.issued and used.split(".")[1] == str(id(grant)):
                grant.revoked = True  # one that was replaced comes back: somebody stole it
        return _refusal("invalid_grant")

    def _issue(self, grant: Grant) -> Scripted:
        access = f"la.{id(grant)}.{secrets.token_urlsafe(24)}"
        grant.refresh_token = f"lr.{id(grant)}.{secrets.token_urlsafe(24)}"
        grant.access_tokens = {access: time.time() + self.token_seconds}
        self.issued += [access, grant.refresh_token]
        answer = {
            "access_token": access,
            "refresh_token": grant.refresh_token,
            "token_type": "ledger",
            "expires_in": self.token_seconds,
            "scope": grant.scope,
            "workspace": {"owner": {"ids": [grant.workspace, "other"]}},
        }
        return Scripted(body=json.dumps(answer).encode(), headers=_JSON)

    def api(self, seen: Seen) -> Scripted:
        """Answer an API request: who asked, by what, and what arrived."""
        with self.lock:
            if self.api_answers:
                return self.api_answers.pop(0)
        account = self._account(seen)
        if account is None and "/rates/" not in seen.path:
            return Scripted(401, b'{"problem": "who are you?"}', _JSON)
        answer = {
            "account": account,
            "host": seen.host,
            "path": seen.path,
            "query": seen.query,
            "sent": seen.body.decode(),
        }
        return Scripted(body=json.dumps(answer).encode(), headers=_JSON)

    def _account(self, seen: Seen) -> str | None:
        token = seen.headers.get("x-ledger-token", "").removeprefix("token=")
        for grant in self.grants:
            if grant.access_tokens.get(token, 0) > time.time() and not grant.revoked:
                return grant.workspace
        if seen.headers.get("x-api-key") == f"alices:{KEY}":
            return "alices"
        return "bobs" if seen.query.get("access_key") == [OLD_KEY] else None


_JSON = (("Content-Type", "application/json"),)


def _refusal(error: str, status: int = 400) -> Scripted:
    return Scripted(status, json.dumps({"error": error}).encode(), _JSON)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, provider: InventedProvider, context: ssl.SSLContext) -> None:
        self.provider = provider
        self._context = context
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread."""
        try:
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        except OSError:
            pass  # the caller went away

    def shutdown_request(self, request: Any) -> None:
        request.close() if isinstance(request, socket.socket) else None


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        seen = Seen(
            self.command,
            self.headers["Host"],
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        provider = self.server.provider
        provider.seen.append(seen)
        match parts.path:
            case "/oauth2/auth":
                self._send(provider.authorize(seen.query))
            case "/oauth2/token" if self.command == "POST":
                self._send(provider.token(seen))
            case path if path.startswith("/v3/"):
                self._send(provider.api(seen))
            case _:
                self._send(Scripted(404, b"nothing here"))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def _send(self, answer: Scripted) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) * answer.times + answer.cut))
        self.end_headers()
        for _ in range(answer.times):
            self.wfile.write(answer.body)
        self.wfile.flush()
        self.close_connection = self.close_connection or answer.cut

    def log_message(self, *_: Any) -> None:
        pass
