"""The demo product's page, as a newcomer meets it: same machine, other port."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from connector.demo.app import Product, create_app

from ..acceptance.server import free_port
from ..conftest import SandboxClient, eventually
from ..people import make_host
from .accessibility import faults, overflow
from .chromium import Visit
from .portal_steps import CONNECT, allow, open_window
from .product import Acme, Platform

pytestmark = pytest.mark.browser


@pytest.fixture
def demo_url(platform: Platform, acme: Acme) -> Iterator[str]:
    """The address of the demo product, whose project allows it."""
    url = f"http://127.0.0.1:{free_port()}"
    host = make_host(platform.runtime, "Acme Notes", (url,))
    product = Product(
        project_id=host.project.id,
        private_pem=host.private_pem,
        server_url=platform.url,
        sandbox_url=f"{platform.sandbox_url}/sandbox/",
    )
    port = int(url.rpartition(":")[2])
    server = make_server("127.0.0.1", port, create_app(product), threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


def connect_on_the_demo(visit: Visit, url: str) -> None:
    visit.expect_origin(url)
    visit.page.goto(url)
    expect(visit.page.locator("#who")).to_have_text("Signed in as alice")
    visit.page.get_by_role("button", name="Connect Heap", exact=True).click()
    window = open_window(visit, CONNECT)
    with window.expect_event("close"):
        allow(window)
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()
    visit.portal.get_by_role("button", name="Close").first.click()
    expect(visit.page.locator("#connection-badge")).to_have_text("Connected")


def test_a_newcomer_connects_sends_sees_and_disconnects(
    visit: Visit, demo_url: str, sandbox: SandboxClient
) -> None:
    connect_on_the_demo(visit, demo_url)
    for name, words in (("add-account-properties", "OK"), ("track", "{}")):
        visit.page.click(f"[data-snippet={name}]")
        expect(visit.page.locator(f"#{name}-result")).to_have_text(
            f"Accepted. Heap answered: {words}"
        )
    assert [one["account_id"] for one in sandbox.items("accounts")] == ["Fake Company"]
    assert [one["event"] for one in sandbox.items("events")] == ["Send Transactional Email"]
    visit.shot("demo-wide", full=True)
    assert faults(visit.page) == []
    with visit.page.expect_popup() as popup:
        visit.page.get_by_role("link", name="Open the sandbox").click()
    expect(popup.value.get_by_text("Send Transactional Email").first).to_be_visible()
    popup.value.close()
    visit.page.click("#disconnect")
    expect(visit.page.locator("#disconnect-result")).to_have_text("Heap is disconnected.")
    expect(visit.page.locator("#connection-badge")).to_have_text("Not connected")


def test_the_demo_page_fits_a_phone_in_either_theme(
    narrow: Visit, demo_url: str, request: pytest.FixtureRequest
) -> None:
    theme = request.node.callspec.params["narrow"]
    connect_on_the_demo(narrow, demo_url)
    narrow.shot(f"demo-360-{theme}", full=True)
    assert faults(narrow.page) == []
    assert overflow(narrow.page) == 0


def test_a_demo_page_whose_server_is_down_says_so(visit: Visit, demo_url: str) -> None:
    visit.expect_origin(demo_url)
    visit.expect_complaint("net::ERR_FAILED")
    visit.expect_complaint("could not login user")
    visit.context.route("**/projects/**", lambda route: route.abort())
    visit.page.goto(demo_url)
    expect(visit.page.locator("#who")).to_have_text("Not signed in")
    result = visit.page.locator("#sign-in-result")
    expect(result).to_contain_text("see that the Heapline server runs")
    eventually(lambda: visit.page.locator("#connect").is_disabled())
    visit.shot("demo-down")
