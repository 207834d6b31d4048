"""The integration page's two snippets, byte for byte, in a page of another origin."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from playwright.sync_api import Response, expect

from ..conftest import eventually
from .chromium import Visit
from .host_site import DATA, ROOT, SDK_CLASS, require_sdk
from .portal_steps import SdkError, close_portal, connect, open_portal, run, sign_in
from .product import Acme

pytestmark = pytest.mark.browser

TRACK = '"heap", "/track", {method: "POST", body: {event: "x", identity: "alice"}}'
NOT_CONNECTED = "Integration not enabled for user."


def run_snippets(visit: Visit) -> tuple[Response, Response]:
    """Run the snippets as the classic script that they are; return the server's two answers."""
    with (
        visit.page.expect_response(_answer_to("/add_account_properties")) as properties,
        visit.page.expect_response(_answer_to("/track")) as track,
    ):
        visit.page.add_script_tag(url="/integration_page.js")
    return properties.value, track.value


def _answer_to(path: str) -> Callable[[Response], bool]:
    def fits(response: Response) -> bool:
        return response.url.endswith(f"/sdk/proxy/heap{path}")

    return fits


@pytest.mark.parametrize("way", ["class", "singleton"])
def test_connect_send_and_disconnect_as_the_integration_page_shows(
    way: str, visit: Visit, acme: Acme
) -> None:
    if way == "singleton":
        # Said by the SDK when it is pointed elsewhere before the page is complete; harmless.
        visit.expect_complaint("Root element not defined")
    sign_in(visit, acme.page(way=way))
    connect(visit)
    close_portal(visit)
    properties, track = run_snippets(visit)
    assert (properties.status, properties.text()) == (200, "OK")
    assert (track.status, track.text()) == (200, "{}")
    [event] = eventually(lambda: acme.sandbox.items("events"))
    assert event["app_id"] == "11"
    assert event["event"] == "Send Transactional Email"
    assert event["identity"] == "alice@example.com"
    assert event["properties"] == {"subject": "Welcome to My App!", "variation": "A"}
    [account] = acme.sandbox.items("accounts")
    assert (account["app_id"], account["account_id"]) == ("123456789", "Fake Company")
    assert account["properties"]["account_hq"] == "United Kingdom"
    run(visit, 'paragon.uninstallIntegration("heap")')
    [connection] = acme.connections()
    assert connection.status == "disconnected"
    visit.expect_complaint("404")
    with pytest.raises(SdkError) as refused:
        run(visit, f"paragon.request({TRACK})")
    assert str(refused.value) == NOT_CONNECTED


def test_the_snippets_are_those_that_the_demo_product_runs() -> None:
    folder = ROOT / "frontend" / "public" / "demo"
    parts = [folder / "add-account-properties.js", folder / "track.js"]
    shown = b"\n".join(part.read_bytes() for part in parts)
    assert shown == (DATA / "integration_page.js").read_bytes()


def test_the_demo_product_ships_the_npm_bundle_unchanged() -> None:
    require_sdk()
    shipped = ROOT / "connector" / "web" / "static" / "dist" / "demo" / "connect-sdk.js"
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (shipped, SDK_CLASS)]
    assert digests[0] == digests[1]


def test_the_sandbox_page_shows_both_arrivals(visit: Visit, acme: Acme) -> None:
    acme.host.connect("alice")
    live = visit.context.new_page()
    live.goto(f"{acme.platform.sandbox_url}/sandbox/")
    sign_in(visit, acme.page())
    run_snippets(visit)
    expect(live.get_by_text("Send Transactional Email").first).to_be_visible()
    live.get_by_role("tab", name="Accounts").click()
    expect(live.get_by_text("Fake Company").first).to_be_visible()
    visit.shot("sandbox-live", live)


def test_a_reloaded_page_restores_the_session(visit: Visit, acme: Acme) -> None:
    acme.host.connect("alice")
    sign_in(visit, acme.page())
    visit.page.goto(acme.page(user=None))
    expect(visit.page.locator("#who")).to_have_text("Signed in as alice")
    assert run(visit, f"paragon.request({TRACK})") == {}
    eventually(lambda: visit.page.evaluate("paragon.getUser().integrations.heap?.enabled"))
    open_portal(visit)
    expect(visit.portal.get_by_text("Connected", exact=True)).to_be_visible()
