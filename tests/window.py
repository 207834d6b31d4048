"""Connect an account at a real server the way the npm SDK does: a window, and polling beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import requests

from .people import HOST_ORIGIN, Host


class Window:
    """A browser window at a server; follows each redirect only when it is told to."""

    def __init__(self, url: str, host: Host, user: str, *, ca_file: Path | None = None) -> None:
        self.url = url
        self.host = host
        self.user = user
        self._browser = requests.Session()
        self._browser.trust_env = False
        self._verify: bool | str = str(ca_file) if ca_file else True

    def get(self, url: str, **options: Any) -> requests.Response:
        options = {"allow_redirects": False, "timeout": 30, "verify": self._verify, **options}
        return self._browser.get(url, **options)

    def begin(self, connector: str, key: str, **install_options: object) -> requests.Response:
        """Open the window and follow it to our last answer before the provider."""
        origin = {"action": connector, "originForPostMessage": HOST_ORIGIN}
        token = {"userToken": self.host.token(self.user)}
        first = self.get(self._sdk("/actions/oauth-nonce"), params=origin | token)
        assert first.status_code == 200, first.text
        built = self.get(
            self._sdk("/actions/build-oauth", "/v2"),
            params=origin | {"oauthMetaKeyId": key, "installOptions": json.dumps(install_options)},
            headers=self.host.headers(self.user),
        )
        assert built.status_code == 200, built.text
        return self.get(built.json()["redirectUrl"])

    def connect(self, connector: str, key: str = "key", **install_options: object) -> str:
        """Connect an account from beginning to end; return the connection's id."""
        at_provider = self.begin(connector, key, **install_options)
        assert at_provider.status_code == 302, at_provider.text
        back = self.get(at_provider.headers["Location"])
        assert back.status_code == 302, back.text
        done = self.get(back.headers["Location"])
        assert done.status_code == 200, done.text
        return str(self.poll(key)["connectCredentialId"])

    def poll(self, key: str) -> dict[str, Any]:
        """Ask how it ended."""
        headers = self.host.headers(self.user)
        answer = self.get(self._sdk(f"/actions/session-id/{key}"), headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _sdk(self, rest: str, prefix: str = "") -> str:
        return self.url + prefix + self.host.path(rest)
