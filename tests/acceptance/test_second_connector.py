"""A connector that differs from the built-in one in every respect runs from its manifest alone.

Ledgerly's provider speaks TLS, wants PKCE, JSON and HTTP Basic at its token endpoint, rotates its
refresh tokens, takes keys in a header or in the query, and lives in two regions. The server is a
real process that was told of nothing but the manifest file.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import update

from connector.config import load
from connector.models import Connection
from connector.runtime import Runtime, build
from connector.tables import credentials as credential_table

from ..invented_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    KEY,
    MANIFEST,
    OLD_KEY,
    InventedProvider,
    Scripted,
    Seen,
)
from ..people import Host, make_host
from ..window import Window
from .server import ServerProcess

CONNECTOR = Path(__file__).parents[2] / "connector"


@dataclass
class Setting:
    """The server process, the provider, and a project that is registered there."""

    server: ServerProcess
    runtime: Runtime
    host: Host
    provider: InventedProvider

    def window(self, user: str) -> Window:
        return Window(self.server.url, self.host, user, ca_file=self.provider.ca_file)

    def call(
        self,
        user: str,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        return requests.request(
            method,
            self.server.url + self.host.path(f"/proxy/ledgerly{path}"),
            headers=self.host.headers(user) | (headers or {}),
            timeout=60,
            **options,
        )

    def connect_by_key(self, user: str, **payload: str) -> requests.Response:
        return requests.post(
            self.server.url + self.host.path("/credentials"),
            headers=self.host.headers(user),
            json={"integrationId": "ledgerly", "payload": payload},
            timeout=30,
        )

    def use_region(self, region: str) -> None:
        self.runtime.apps.save(
            self.host.project.id,
            "ledgerly",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            scopes=("books.read", "books.write"),
            region=region,
            without_app=False,
        )

    def connection(self, connection_id: str) -> Connection:
        return self.runtime.connections.get(self.host.project.id, connection_id)

    def expires(self, connection_id: str, seconds: float) -> None:
        with self.runtime.database.transaction() as tx:
            tx.execute(
                update(credential_table)
                .where(credential_table.c.connection_id == connection_id)
                .values(expires_at=time.time() + seconds)
            )

    def seen(self, path: str) -> Seen:
        """Return the one request that arrived at a path since the test began."""
        (found,) = self.provider.calls(path)
        return found


@pytest.fixture(scope="module")
def _setting(
    _shared_ledgerly: InventedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Setting]:
    _shared_ledgerly.reset()
    environ = _shared_ledgerly.environment() | {
        "HEAPLINE_DATA_DIR": str(tmp_path_factory.mktemp("second") / "data")
    }
    runtime = build(load(environ))
    host = make_host(runtime, "Acme Notes")
    with ServerProcess(environ) as server:
        made = Setting(server, runtime, host, _shared_ledgerly)
        _shared_ledgerly.redirect_uris = {f"{server.url}/connect/ledgerly/callback"}
        yield made
    runtime.close()


@pytest.fixture
def setting(_setting: Setting) -> Setting:
    _setting.use_region("europe")
    _setting.provider.seen.clear()
    _setting.provider.api_answers.clear()
    return _setting


def test_an_account_is_connected_by_signing_in(setting: Setting) -> None:
    window = setting.window("anna")
    at_provider = window.begin("ledgerly", "key")
    asked = parse_qs(urlsplit(at_provider.headers["Location"]).query)
    assert asked["scope"] == ["books.read books.write"]
    assert asked["prompt"] == ["consent"]
    assert re.fullmatch(r"[\w-]{43}", asked["code_challenge"][0])
    connection = setting.connection(window.connect("ledgerly"))
    assert (connection.account_key, connection.auth_mode) == ("ws-77", "oauth")
    assert connection.scopes == ("books.read", "books.write")
    assert (connection.development, connection.region) == (False, "europe")
    token_request = setting.seen("/oauth2/token")
    basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert token_request.headers["authorization"] == f"Basic {basic}"
    assert set(json.loads(token_request.body)) == {
        "grant_type",
        "code",
        "redirect_uri",
        "code_verifier",
    }


def test_a_request_goes_out_the_way_the_manifest_says(setting: Setting) -> None:
    setting.window("bert").connect("ledgerly")
    answer = setting.call("bert", "GET", "/accounts/7?page=2")
    assert (answer.status_code, answer.json()["account"]) == (200, "ws-77")
    seen = setting.seen("/v3/europe/accounts/7")
    assert seen.query == {"page": ["2"]}
    assert seen.headers["x-ledger-token"].startswith("token=la.")
    assert "authorization" not in seen.headers


def test_an_open_action_carries_no_credential(setting: Setting) -> None:
    setting.window("carl").connect("ledgerly")
    assert setting.call("carl", "GET", "/rates/EUR").json()["account"] is None
    assert "x-ledger-token" not in setting.seen("/v3/europe/rates/EUR").headers


def test_a_key_goes_into_its_header_and_the_account_into_the_body(setting: Setting) -> None:
    answer = setting.connect_by_key("dora", workspace="alices", key=KEY)
    assert (answer.status_code, answer.json()["scheme"]) == (200, "header_key")
    booked = setting.call("dora", "POST", "/entries", json={"amount": 12.50})
    assert booked.json()["account"] == "alices"
    assert json.loads(setting.seen("/v3/europe/entries").body) == {
        "amount": 12.5,
        "workspace": "alices",
    }


def test_another_key_goes_into_the_query(setting: Setting) -> None:
    answer = setting.connect_by_key("emil", workspace="bobs", old_key=OLD_KEY)
    assert (answer.status_code, answer.json()["scheme"]) == (200, "query_key")
    assert setting.call("emil", "GET", "/entries?a=b").json()["account"] == "bobs"
    seen = setting.seen("/v3/europe/entries")
    assert seen.query == {"a": ["b"], "access_key": [OLD_KEY]}


def test_a_key_of_the_wrong_form_is_refused_with_the_manifest_s_own_words(
    setting: Setting,
) -> None:
    answer = setting.connect_by_key("emil", workspace="bobs", key="xx-wrong-start")
    assert (answer.status_code, answer.json()["code"]) == (400, "field_invalid")
    assert answer.json()["message"] == "Key does not look right. Starts with lk."
    assert "xx-wrong" not in answer.text


def test_the_region_chooses_the_host_for_what_is_connected_from_then_on(setting: Setting) -> None:
    setting.window("fred").connect("ledgerly")
    setting.use_region("america")
    setting.window("gina").connect("ledgerly")
    assert setting.call("gina", "GET", "/where").json()["host"].startswith("localhost:")
    assert setting.call("fred", "GET", "/where").json()["host"].startswith("127.0.0.1:")
    assert [one.path for one in setting.provider.seen[-2:]] == [
        "/v3/america/where",
        "/v3/europe/where",
    ]
    foreign = f"https://127.0.0.1:{setting.provider.port}/v3/europe/where"
    refused = setting.call("gina", "GET", f"/{foreign}")
    assert (refused.status_code, refused.json()["code"]) == (400, "destination_refused")


def test_tokens_are_renewed_and_rotated(setting: Setting) -> None:
    connection_id = setting.window("hans").connect("ledgerly")
    used = []
    for _ in range(3):
        setting.expires(connection_id, -1)
        assert setting.call("hans", "GET", "/x").status_code == 200
        used.append(setting.provider.token_calls()[-1])
    assert [one["grant_type"] for one in used] == ["refresh_token"] * 3
    assert len({one["refresh_token"] for one in used}) == 3
    assert all(set(one) == {"grant_type", "refresh_token"} for one in used)
    assert setting.connection(connection_id).status == "connected"


def test_a_token_that_is_revoked_early_is_renewed_once_and_the_request_tried_again(
    setting: Setting,
) -> None:
    setting.window("ines").connect("ledgerly")
    calls = len(setting.provider.token_calls())
    setting.provider.api_answers = [Scripted(401, b"no")]
    answer = setting.call("ines", "GET", "/x")
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (200, "2")
    assert len(setting.provider.token_calls()) == calls + 1


def test_retries_follow_its_own_rules(setting: Setting) -> None:
    setting.connect_by_key("jens", workspace="alices", key=KEY)
    later = (("X-Come-Back-In", "1"),)
    setting.provider.api_answers = [Scripted(409, b"busy"), Scripted(420, b"calm", later)]
    began = time.monotonic()
    answer = setting.call("jens", "POST", "/entries", json={})
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (200, "3")
    assert time.monotonic() - began >= 1.0
    setting.provider.api_answers = [Scripted(503, b"down", (("Retry-After", "1"),))]
    answer = setting.call("jens", "GET", "/x")
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (503, "1")


def test_its_limit_counts_by_connection(setting: Setting) -> None:
    setting.connect_by_key("kurt", workspace="alices", key=KEY)
    setting.connect_by_key("lena", workspace="alices", key=KEY)
    short = {"X-Heapline-Timeout": "1"}
    statuses = [
        setting.call("kurt", "POST", "/entries", short, json={}).status_code for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    over = setting.call("kurt", "POST", "/entries", short, json={})
    assert over.json()["code"] == "rate_limited"
    assert over.json()["meta"]["limit"] == "entries_per_account"
    assert 1 <= int(over.headers["Retry-After"]) <= 6
    assert setting.call("lena", "POST", "/entries", short, json={}).status_code == 200
    assert setting.call("kurt", "GET", "/entries", short).status_code == 200
    assert len([one for one in setting.provider.seen if one.method == "POST"]) == 4


@pytest.mark.slow
def test_a_token_that_expires_during_a_wait_for_the_limit_is_renewed_before_it_is_used(
    setting: Setting,
) -> None:
    connection_id = setting.window("mara").connect("ledgerly")
    calls = len(setting.provider.token_calls())
    for _ in range(3):
        assert setting.call("mara", "POST", "/entries", json={}).status_code == 200
    setting.expires(connection_id, 1.0)
    began = time.monotonic()
    answer = setting.call("mara", "POST", "/entries", json={})
    assert time.monotonic() - began > 1.0
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (200, "1")
    assert len(setting.provider.token_calls()) == calls + 1


def test_without_an_app_only_keys_are_offered(setting: Setting) -> None:
    other = make_host(setting.runtime, "Without an app")
    answer = requests.get(
        setting.server.url + other.path("/integrations"), headers=other.headers("nora"), timeout=30
    )
    (found,) = [one for one in answer.json() if one["type"] == "ledgerly"]
    offered = [one["id"] for one in found["sdkIntegrationConfig"]["accountTypes"]]
    assert offered == ["header_key", "query_key"]


def test_its_secrets_are_not_in_the_log_nor_in_what_was_stored(setting: Setting) -> None:
    written = setting.server.output()
    data = Path(setting.runtime.settings.data_dir)
    stored = b"".join(file.read_bytes() for file in data.iterdir())
    for secret in (CLIENT_SECRET, KEY, OLD_KEY, *setting.provider.issued):
        assert secret not in written
        assert secret.encode() not in stored


def test_nothing_in_the_product_was_written_for_it() -> None:
    words = {"ledger", *json.loads(MANIFEST.read_text(encoding="utf-8"))["auth_modes"]}
    words -= {"oauth"}  # the one name that both connectors share
    assert MANIFEST.suffix == ".json"
    for file in CONNECTOR.rglob("*.py"):
        text = file.read_text(encoding="utf-8").lower()
        assert not [word for word in words if word in text], file
