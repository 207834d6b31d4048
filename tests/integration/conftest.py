"""A runtime that many tests share, where each has a project of its own and needs no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from connector.config import Settings
from connector.runtime import Runtime, build
from connector.sandbox import RunningSandbox

from ..conftest import SandboxClient, make_app
from ..people import make_host
from ..upstream import Upstream
from .workshop import Workshop


@pytest.fixture(scope="session")
def shared_runtime(
    _shared_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    """A runtime on one SQLite file; a file of tests makes it its own by a fixture ``runtime``."""
    folder = tmp_path_factory.mktemp("shared")
    built = build(Settings(data_dir=folder, development_origin=_shared_sandbox.url))
    yield built
    built.close()


@pytest.fixture(scope="session")
def shared_app(shared_runtime: Runtime) -> Flask:
    """The application around it: its templates are compiled once."""
    return make_app(shared_runtime)


@pytest.fixture(scope="session")
def _other_api() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="session")
def _working_runtime(
    _shared_sandbox: RunningSandbox, _other_api: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runtime]:
    built = build(
        Settings(
            data_dir=tmp_path_factory.mktemp("working"),
            development_origin=_shared_sandbox.url,
            outbound_allow=(f"127.0.0.1:{_other_api.port}",),
        )
    )
    built.engine.start()
    yield built
    built.close()


@pytest.fixture
def workshop(_working_runtime: Runtime, _other_api: Upstream, sandbox: SandboxClient) -> Workshop:
    """A project of the test's own on a runtime whose engine is at work."""
    _other_api.reset()
    return Workshop(make_host(_working_runtime, "Acme Notes"), _other_api, sandbox)


@pytest.fixture
def stored_workshop(
    storage_url: str,
    make_settings: Callable[..., Settings],
    _other_api: Upstream,
    sandbox: SandboxClient,
) -> Iterator[Workshop]:
    """The same on an empty database of its own, once on SQLite and once on PostgreSQL."""
    _other_api.reset()
    allowed = (f"127.0.0.1:{_other_api.port}",)
    built = build(make_settings(database_url=storage_url, outbound_allow=allowed))
    built.engine.start()
    yield Workshop(make_host(built, "Acme Notes"), _other_api, sandbox)
    built.close()
