"""A runtime that many tests share, where each has a project of its own and needs no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from connector.config import Settings
from connector.runtime import Runtime, build
from connector.sandbox import RunningSandbox

from ..conftest import make_app


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
