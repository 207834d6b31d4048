"""A person with a browser of their own, who connects accounts as the npm SDK has them do it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from flask import Flask
from werkzeug.test import TestResponse

from .people import HOST_ORIGIN, Host


class Visitor:
    """One browser: it keeps its cookies and goes only where it is told to."""

    def __init__(self, app: Flask, host: Host, user: str, *, ca_file: Path | None = None) -> None:
        self.client = app.test_client()
        self.host = host
        self.user = user
        self._ca_file = ca_file

    def window(self, **headers: str) -> TestResponse:
        """Open the first page of the SDK's window, which binds this browser to the user."""
        query = {
            "action": "heap",
            "originForPostMessage": HOST_ORIGIN,
            "userToken": self.host.token(self.user),
        }
        path = self.host.path("/actions/oauth-nonce")
        return self.client.get(path, query_string=query, headers=headers)

    def link(self, connector: str = "heap", key: str = "poll-key", **options: object) -> str:
        """Ask for the address that the window goes to next, as the SDK's other call does."""
        answer = self.build(connector, key, **options)
        assert answer.status_code == 200, answer.text
        return str(urlsplit(answer.json["redirectUrl"]).path)

    def build(self, connector: str, key: str, **options: object) -> TestResponse:
        query = {
            "action": connector,
            "originForPostMessage": HOST_ORIGIN,
            "oauthMetaKeyId": key,
            "installOptions": json.dumps(options),
        }
        path = f"/v2/projects/{self.host.project.id}/sdk/actions/build-oauth"
        headers = self.host.headers(self.user)
        return self.client.get(path, query_string=query, headers=headers)

    def begin(self, connector: str = "heap", key: str = "poll-key", **options: object) -> str:
        """Open the window and follow it to the provider; return the address there."""
        assert self.window().status_code == 200
        answer = self.client.get(self.link(connector, key, **options))
        assert answer.status_code == 302, answer.text
        return str(answer.headers["Location"])

    def consent(self, authorize_url: str) -> str:
        """Agree at the provider; return the address that it sends the browser back to."""
        answer = requests.get(
            authorize_url, allow_redirects=False, timeout=20, verify=str(self._ca_file or True)
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def come_back(self, callback_url: str) -> TestResponse:
        """Follow the provider's redirect to our callback."""
        parts = urlsplit(callback_url)
        return self.client.get(f"{parts.path}?{parts.query}")

    def connect(self, connector: str = "heap", key: str = "poll-key", **options: object) -> str:
        """Connect an account from beginning to end; return the connection's id."""
        page = self.come_back(self.consent(self.begin(connector, key, **options)))
        assert page.status_code == 200, page.text
        return str(self.poll(key)["connectCredentialId"])

    def poll(self, key: str = "poll-key") -> dict[str, Any]:
        """Ask how it ended, as the SDK does each second."""
        path = self.host.path(f"/actions/session-id/{key}")
        answer = self.client.get(path, headers=self.host.headers(self.user))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def retry(self, page: TestResponse) -> str:
        """Follow the way back that a problem page offers, up to the provider's address."""
        match = re.search(r'href="(/connect/again/[^"]+)"', page.text)
        assert match, page.text
        again = self.client.get(match.group(1))
        assert again.status_code == 302, again.text
        onward = self.client.get(again.headers["Location"])
        assert onward.status_code == 302, onward.text
        return str(onward.headers["Location"])


def argument(url: str, name: str) -> str:
    """Return one argument of an address."""
    return parse_qs(urlsplit(url).query)[name][0]


def with_argument(url: str, name: str, value: str | None) -> str:
    """Return the address with one argument replaced, or left out."""
    parts = urlsplit(url)
    arguments = {key: values[0] for key, values in parse_qs(parts.query).items()}
    arguments |= {name: value} if value is not None else {}
    if value is None:
        arguments.pop(name, None)
    return parts._replace(query=urlencode(arguments)).geturl()
