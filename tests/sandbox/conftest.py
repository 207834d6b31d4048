"""One sandbox for the whole session, returned to its first state before every test."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from connector.sandbox import RunningSandbox, start

CLIENT_ID = "6b1f2b5e-0c47-4d0e-9d55-5a1bb8e0a0d1"
CLIENT_SECRET = "heap-sandbox-development-secret"
ACME = "2544353"
ACME_KEY = "0c8a6f5e-7d43-4b1f-9a52-3e6d9b7c1f20"
ACME_DEVELOPMENT = "2544354"
GLOBEX = "3207896401"
GLOBEX_KEY = "9e2b4d17-56f8-4c0a-8f3d-71c5a0e4b682"
CALLBACK = "http://127.0.0.1:5000/callback"


@dataclass
class Heap:
    """A caller of the sandbox, through its HTTP interface alone."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, allow_redirects=False, timeout=20, **options)

    def post(self, path: str, body: object = None, **options: Any) -> requests.Response:
        if body is not None:
            options["json"] = body
        return self.session.post(self.url + path, allow_redirects=False, timeout=20, **options)

    # Ingestion

    def track(self, **fields: object) -> requests.Response:
        defaults = {"app_id": ACME, "event": "Signed up", "identity": "alice@example.com"}
        return self.post("/api/track", {**defaults, **fields})

    def track_bulk(self, events: list[object]) -> requests.Response:
        return self.post("/api/track", {"app_id": ACME, "events": events})

    # The sandbox's own API

    def listed(self, table: str, **query: object) -> list[dict[str, Any]]:
        answer = self.get(f"/sandbox/api/{table}", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def set(self, **settings: object) -> None:
        answer = self.session.patch(f"{self.url}/sandbox/api/settings", json=settings, timeout=20)
        assert answer.status_code == 200, answer.text

    def fault(self, **fault: object) -> dict[str, Any]:
        answer = self.post("/sandbox/api/faults", fault)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def advance(self, seconds: float) -> None:
        answer = self.post("/sandbox/api/clock", {"advance_seconds": seconds})
        assert answer.status_code == 200, answer.text

    # OAuth

    def authorize(self, **changes: str | None) -> requests.Response:
        query = {
            "client_id": CLIENT_ID,
            "state": "xyz",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "segment",
            **changes,
        }
        kept = {name: value for name, value in query.items() if value is not None}
        return self.get("/api/partner/oauth/authorize?" + urlencode(kept))

    def code(self, app_id: str = ACME, **changes: str) -> str:
        """Connect without asking and return the code."""
        self.set(consent="allow", consent_app_id=app_id)
        return answer_of(self.authorize(**changes))["code"]

    def token(self, **fields: str) -> requests.Response:
        body = {
            "grant_type": "authorization_code",
            "redirect_uri": CALLBACK,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            **fields,
        }
        return self.post("/api/partner/oauth/token", body)

    def connect(self, app_id: str = ACME) -> dict[str, Any]:
        """Return the token answer of a new connection."""
        answer = self.token(code=self.code(app_id))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refresh(self, token: str, **fields: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token, **fields)

    def metadata(self, tokens: dict[str, Any]) -> requests.Response:
        return self.get(
            f"/api/partner/v1/metadata/{tokens['id_token']}",
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
        )


def answer_of(response: requests.Response) -> dict[str, str]:
    """Return what a redirect carries back to the app."""
    assert response.status_code == 302, response.text
    parts = urlsplit(response.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


@pytest.fixture(scope="session", name="sandbox")
def _sandbox() -> Iterator[RunningSandbox]:
    with start() as running:
        yield running


@pytest.fixture(name="heap")
def _heap(sandbox: RunningSandbox) -> Iterator[Heap]:
    heap = Heap(sandbox.url)
    assert heap.post("/sandbox/api/reset").status_code == 200
    with heap.session:
        yield heap
