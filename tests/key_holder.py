"""A server of the host product that holds an API key and calls our own API.

Every answer that it gets must be as the OpenAPI description says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from connector.access import SCOPES

from .description import Description
from .people import Host

PREFIX = "/api/v1"


class KeyHolder:
    """Calls ``/api/v1`` with a key of the given scopes, of all of them unless told otherwise."""

    def __init__(self, client: FlaskClient, host: Host, *scopes: str) -> None:
        self.client = client
        self.host = host
        known = scopes or tuple(SCOPES)
        self.description = Description(client.get(f"{PREFIX}/openapi.json").json)
        self.key, self.text = host.runtime.access.new_api_key(host.project.id, "tests", known)

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.text}"}
        answer = self.client.open(PREFIX + path, method=method, headers=headers, **options)
        self.description.check(method, PREFIX + path, answer)
        return answer

    def get(self, path: str, **query: object) -> TestResponse:
        return self.call("GET", path, query_string=query)

    def post(self, path: str, **body: object) -> TestResponse:
        return self.call("POST", path, json=body)

    def put(self, path: str, **body: object) -> TestResponse:
        return self.call("PUT", path, json=body)

    def delete(self, path: str) -> TestResponse:
        return self.call("DELETE", path)

    def pages(self, path: str, **query: object) -> Iterator[list[dict[str, Any]]]:
        """Yield the pages of a list up to the last."""
        cursor: str | None = None
        while True:
            answer = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            yield answer.json["items"]
            cursor = answer.json["next_cursor"]
            if cursor is None:
                return


def problem(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of an error in our envelope, which must be whole."""
    body = answer.json
    assert set(body) == {"message", "code", "status", "meta"}
    assert body["status"] == answer.status_code
    assert body["message"]
    assert body["meta"]["requestId"] == answer.headers["X-Request-Id"]
    return answer.status_code, body["code"]


def pointers(answer: TestResponse) -> list[str]:
    """Return where an error's faults are."""
    return [fault["pointer"] for fault in answer.json["meta"]["faults"]]


def encoded(user: str) -> str:
    """Return the path of a user."""
    return f"/users/{quote(user, safe='')}"


def without_request_id(answer: TestResponse) -> dict[str, Any]:
    """Return an error's body but for what differs between any two answers."""
    meta = {name: value for name, value in answer.json["meta"].items() if name != "requestId"}
    return {**answer.json, "meta": meta}
