"""Fixtures that every kind of test shares. Real parts only: files, servers, processes, sockets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Playwright, sync_playwright

from connector.app import create_app
from connector.config import PREFIX, Settings
from connector.database import Database
from connector.runtime import Runtime, build
from connector.sandbox import Options, RunningSandbox, start

from . import postgres
from .browser.chromium import launch
from .invented_provider import InventedProvider
from .operators import Console, make_operator
from .people import Host, make_host


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(PREFIX) or name in {"DATABASE_URL", "DATABASE_URL_FILE"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which can be started only once in a process."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as server:
        yield server


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
)
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'storage.db'}"
        return
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
def database(storage_url: str) -> Iterator[Database]:
    """An empty database with the schema in it, on both kinds of storage."""
    found = Database(Settings(database_url=storage_url).storage_url())
    found.upgrade()
    yield found
    found.close()


@pytest.fixture(scope="session")
def _shared_sandbox() -> Iterator[RunningSandbox]:
    with start(Options()) as running:
        yield running


@pytest.fixture
def sandbox(_shared_sandbox: RunningSandbox) -> SandboxClient:
    """The sandbox, in its first state and with consent given at once."""
    client = SandboxClient(_shared_sandbox.url)
    client.post("reset")
    client.set(consent="allow")
    return client


class SandboxClient:
    """The sandbox's own API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def get(self, name: str, **query: object) -> Any:
        answer = self._session.get(f"{self.url}/sandbox/api/{name}", params=query, timeout=20)  # type: ignore[arg-type]
        answer.raise_for_status()
        return answer.json()

    def items(self, table: str, **query: object) -> list[dict[str, Any]]:
        return list(self.get(table, **query)["items"])

    def post(self, name: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._session.post(f"{self.url}/sandbox/api/{name}", json=body or {}, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def set(self, **settings: object) -> None:
        self._session.patch(
            f"{self.url}/sandbox/api/settings", json=settings, timeout=20
        ).raise_for_status()

    def fault(self, **fault: object) -> None:
        self.post("faults", fault)


@pytest.fixture(scope="session")
def _shared_ledgerly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InventedProvider]:
    provider = InventedProvider(tmp_path_factory.mktemp("ledgerly"))
    yield provider
    provider.close()


@pytest.fixture
def ledgerly(_shared_ledgerly: InventedProvider) -> InventedProvider:
    """A provider that only its manifest describes, in its first state."""
    _shared_ledgerly.reset()
    return _shared_ledgerly


@pytest.fixture
def make_settings(tmp_path: Path, sandbox: SandboxClient) -> Callable[..., Settings]:
    """Settings for a data folder of the test's own, development keys leading to the sandbox."""

    def make(**values: Any) -> Settings:
        known = {
            "data_dir": tmp_path / "data",
            "development_origin": sandbox.url,
            "public_url": "http://127.0.0.1:8700",
        }
        return Settings(**{**known, **values})

    return make


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    built = build(settings)
    yield built
    built.close()


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return make_app(runtime)


def make_app(runtime: Runtime) -> Flask:
    """Return the application the way tests call it."""
    created = create_app(runtime)
    created.testing = True
    created.test_client_class = BufferedClient
    # Errors must come out as answers, as they do in production.
    created.config["PROPAGATE_EXCEPTIONS"] = False
    return created


class BufferedClient(FlaskClient):
    """Reads and closes every answer, as a real caller does."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("buffered", True)
        return super().open(*args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def host(runtime: Runtime) -> Host:
    """The project of alice and bob."""
    return make_host(runtime, "Acme Notes")


@pytest.fixture
def other_host(runtime: Runtime) -> Host:
    """The project of charlie."""
    return make_host(runtime, "Other Product")


@pytest.fixture
def console(app: Flask, host: Host) -> Console:
    """The console as the operator of alice's and bob's project has it, signed in."""
    make_operator(host.runtime, "olga@example.com", host.project)
    browser = Console(app, host.project)
    assert browser.sign_in("olga@example.com").status == 303
    return browser


def eventually(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the first true value that a check gives before the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s; last value {value!r}")
        time.sleep(0.02)
