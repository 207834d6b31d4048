"""Fixtures of the browser tests: three sites, one Chromium, a fresh project for every test.

The server is on 127.0.0.1, the sandbox on localhost, the host product on acme.localhost: to a
browser three different sites, so that whatever depends on cookies or origins of another site
breaks here as it would out there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright

from connector.config import Settings
from connector.runtime import build
from connector.sandbox import RunningSandbox

from ..acceptance.server import ServerProcess
from ..conftest import SandboxClient
from ..people import make_host
from .chromium import Visit, launch, visiting
from .host_site import HostSite
from .product import Acme, Platform


@pytest.fixture(scope="session")
def platform(
    tmp_path_factory: pytest.TempPathFactory, _shared_sandbox: RunningSandbox
) -> Iterator[Platform]:
    """A server process of its own, with the sandbox and a host product's site beside it."""
    data_dir = tmp_path_factory.mktemp("platform")
    sandbox_url = _shared_sandbox.url.replace("127.0.0.1", "localhost")
    environ = {
        "HEAPLINE_DATA_DIR": str(data_dir),
        "HEAPLINE_DEVELOPMENT_ORIGIN": sandbox_url,
        "HEAPLINE_THREADS": "16",
    }
    with ServerProcess(environ) as server, HostSite(server.url) as site:
        settings = Settings(
            data_dir=data_dir,
            development_origin=sandbox_url,
            public_url=server.url,
        )
        runtime = build(settings, upgrade=False)
        yield Platform(server.url, sandbox_url, runtime, site)
        runtime.close()


@pytest.fixture
def acme(platform: Platform, sandbox: SandboxClient) -> Acme:
    """The product Acme Notes, whose people are asked for consent on the sandbox's page."""
    sandbox.set(consent="ask")
    origin = platform.site.origin("acme")
    return Acme(platform, sandbox, make_host(platform.runtime, "Acme Notes", (origin,)), origin)


@pytest.fixture
def open_visit(chromium: Browser, platform: Platform, acme: Acme) -> Iterator[Callable[..., Visit]]:
    """Open as many browsers as the test has people; each must end without a complaint."""
    origins = {platform.url, platform.sandbox_url, acme.origin}
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(visiting(chromium, origins, **options))


@pytest.fixture
def visit(open_visit: Callable[..., Visit]) -> Visit:
    """Alice's browser."""
    return open_visit()


@pytest.fixture
def strict_visit(playwright: Playwright, platform: Platform, acme: Acme) -> Iterator[Visit]:
    """A browser that blocks windows which no click asked for, as people's browsers do."""
    origins = {platform.url, platform.sandbox_url, acme.origin}
    browser = launch(playwright, ignore_default_args=["--disable-popup-blocking"])
    with visiting(browser, origins) as opened:
        yield opened
    browser.close()


@pytest.fixture(params=["light", "dark"])
def narrow(request: pytest.FixtureRequest, open_visit: Callable[..., Visit]) -> Visit:
    """A phone of 360 pixels, once with a light theme and once with a dark one."""
    options: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}
    return open_visit(color_scheme=request.param, **options)
