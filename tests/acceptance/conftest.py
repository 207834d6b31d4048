"""Servers that several acceptance tests share: started once, the upstream cleared for each test."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..upstream import Upstream
from .gateway import Gateway, open_gateway


@pytest.fixture(scope="session")
def _shared_upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="session")
def _shared_gateway(
    _shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    inward = folder / "inward.json"
    inward.write_text(json.dumps(_inward(_shared_upstream.port)))
    opened = open_gateway(folder, _shared_upstream, (inward,))
    keys = {"account": "inner", "api_key": "k"}
    opened.host.connect("eve", keys, "key", connector="inward")
    yield opened
    opened.close()


@pytest.fixture
def upstream(_shared_upstream: Upstream) -> Upstream:
    _shared_upstream.reset()
    return _shared_upstream


@pytest.fixture
def gateway(_shared_gateway: Gateway, upstream: Upstream) -> Gateway:
    """A server with its ordinary settings."""
    _shared_gateway.since = time.time()
    return _shared_gateway


@pytest.fixture(scope="session")
def _shared_small_gateway(
    _shared_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    opened = open_gateway(
        tmp_path_factory.mktemp("small-gateway"),
        _shared_upstream,
        HEAPLINE_MAX_REQUEST_BYTES=str(5 * 1024 * 1024),
        HEAPLINE_MAX_RESPONSE_BYTES=str(3 * 1024 * 1024),
        HEAPLINE_WORKERS="1",
    )
    yield opened
    opened.close()


@pytest.fixture
def small_gateway(_shared_small_gateway: Gateway, upstream: Upstream) -> Gateway:
    """A server that takes bodies up to 5 MiB and answers up to 3 MiB."""
    _shared_small_gateway.since = time.time()
    return _shared_small_gateway


def _inward(port: int) -> dict[str, object]:
    """A connector without development keys whose host name leads to this very machine."""
    courier = json.loads((Path(__file__).parents[1] / "data" / "courier.json").read_text())
    here = f"localhost:{port}"
    region = {
        "title": "One",
        "base_urls": {"default": f"https://{here}", "files": f"https://{here}"},
        "allowed_hosts": [here],
    }
    return {**courier, "name": "inward", "regions": {"one": region}, "development": None}
