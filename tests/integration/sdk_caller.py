"""Calls the way the npm SDK makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ..people import HOST_ORIGIN, Host


@dataclass
class Sdk:
    """Calls always with these headers, whatever the body is."""

    client: FlaskClient
    host: Host
    user: str = "alice"

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> TestResponse:
        return self.at(self.host.path(path), body, method, **headers)

    def at(
        self, path: str, body: object = None, method: str = "POST", **headers: str
    ) -> TestResponse:
        """Call an address that is not below those of the project's own."""
        sent = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "X-Paragon-SDK-Version": "2.4.0",
            "Origin": HOST_ORIGIN,
            **self.host.headers(self.user),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        data = json.dumps(body) if body is not None else None
        return self.client.open(path, method=method, headers=sent, data=data)

    def json(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        answer = self(method, path, body, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json


def refusal(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of an error, after checking the envelope that the SDK reads."""
    body = answer.json
    assert set(body) == {"message", "code", "status", "meta"}
    assert body["status"] == answer.status_code
    assert isinstance(body["message"], str)
    assert set(body["meta"]) >= {"requestId", "retryable"}
    assert answer.headers["X-Request-Id"] == body["meta"]["requestId"]
    return answer.status_code, body["code"]
