"""The connect portal in the npm SDK's frame: every way in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..people import ACME
from .accessibility import faults, overflow
from .chromium import Visit
from .portal_steps import (
    CONNECT,
    KEYS,
    allow,
    begin,
    close_portal,
    fill_keys,
    open_portal,
    open_window,
    outcome,
    run,
    sign_in,
)
from .product import Acme

pytestmark = pytest.mark.browser


def test_app_id_and_api_key_connect_without_a_window(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    open_portal(visit)
    visit.portal.get_by_role("button", name=KEYS).click()
    visit.portal.get_by_role("button", name="Connect", exact=True).click()
    expect(visit.portal.get_by_text("Enter the App ID.")).to_be_visible()
    fill_keys(visit, "abc", ACME["api_key"])
    expect(visit.portal.get_by_text("does not look like a valid App ID")).to_be_visible()
    visit.shot("portal-keys-fault")
    assert faults(visit.portal_frame) == []
    fill_keys(visit, ACME["app_id"], ACME["api_key"])
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()
    visit.shot("portal-keys-connected")
    [connection] = acme.connections()
    assert (connection.auth_mode, connection.account_key) == ("app_keys", ACME["app_id"])
    assert outcome(visit)["credentialId"] == connection.id  # type: ignore[index]


def test_an_app_id_alone_is_enough_to_send_events(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    open_portal(visit)
    visit.portal.get_by_role("button", name="Connect with App ID alone").click()
    visit.portal.get_by_label("App ID").fill("2544354")
    visit.portal.get_by_label("App ID").press("Enter")
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()
    close_portal(visit)
    body = '{event: "Opened", identity: "alice@example.com"}'
    run(visit, f'paragon.request("heap", "/track", {{method: "POST", body: {body}}})')
    [event] = acme.sandbox.items("events")
    assert (event["app_id"], event["event"]) == ("2544354", "Opened")


def test_install_opens_the_window_at_once(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    with visit.page.expect_popup() as popup:
        begin(visit, 'paragon.installIntegration("heap", {accountType: "oauth"})')
    expect(visit.page.locator("#paragon-connect-frame")).to_be_hidden()
    allow(popup.value)
    assert outcome(visit)["credentialId"] == acme.connections()[0].id  # type: ignore[index]
    expect(visit.page.locator("#paragon-connect-frame")).to_be_hidden()


def test_a_product_with_a_portal_of_its_own_connects_without_ours(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    visit.page.evaluate("paragon.setHeadless(true)")
    with visit.page.expect_popup() as popup:
        begin(
            visit,
            """new Promise((onComplete, onError) => paragon.installFlow.start("heap", {
                onComplete, onError,
                onNext: ({stage}) => {
                    if (stage === "accountType") paragon.installFlow.setAccountType("oauth");
                },
            }))""",
        )
    allow(popup.value)
    assert outcome(visit)["credentialId"] == acme.connections()[0].id  # type: ignore[index]


def test_install_by_keys_asks_for_them_in_the_window(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    with visit.page.expect_popup() as popup:
        begin(visit, 'paragon.installIntegration("heap", {accountType: "app_keys"})')
    window = popup.value
    expect(window.get_by_role("heading", name="Acme Notes wants to connect")).to_be_visible()
    visit.shot("window-keys", window)
    assert faults(window) == []
    window.get_by_label("App ID").fill(ACME["app_id"])
    window.get_by_label("API key").fill(ACME["api_key"])
    with window.expect_event("close"):
        window.get_by_role("button", name="Connect").click()
    assert outcome(visit)["credentialId"] == acme.connections()[0].id  # type: ignore[index]


def test_the_portal_works_by_keyboard_alone(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    visit.page.focus("#connect")
    visit.page.keyboard.press("Enter")
    first = visit.portal.get_by_role("button", name=CONNECT)
    expect(first).to_be_focused()
    passed = []
    for _ in range(4):
        visit.page.keyboard.press("Tab")
        passed.append(visit.portal_frame.evaluate("document.activeElement.textContent"))
    assert passed == [KEYS, "Connect with App ID alone", "\N{MULTIPLICATION SIGN}", CONNECT]
    visit.page.keyboard.press("Shift+Tab")
    expect(visit.portal.get_by_role("button", name="Close")).to_be_focused()
    visit.page.keyboard.press("Escape")
    expect(visit.page.locator("#paragon-connect-frame")).to_be_hidden()


def test_the_portal_fits_a_phone_in_either_theme(
    narrow: Visit, acme: Acme, request: pytest.FixtureRequest
) -> None:
    theme = request.node.callspec.params["narrow"]
    sign_in(narrow, acme.page())
    open_portal(narrow)
    frame = narrow.portal_frame
    expect(narrow.portal.locator(".icon img")).to_be_visible()
    for step, button in (("choice", None), ("keys", KEYS), ("waiting", CONNECT)):
        if step == "keys":
            narrow.portal.get_by_role("button", name=KEYS).click()
        elif button:
            narrow.portal.get_by_role("button", name="Back").click()
            window = open_window(narrow)
        narrow.shot(f"portal-360-{theme}-{step}")
        assert faults(frame) == []
        assert overflow(frame) == 0
    allow(window)
    expect(narrow.portal.get_by_text("Heap is connected")).to_be_visible()
    narrow.shot(f"portal-360-{theme}-connected")
    assert faults(frame) == []
    assert overflow(frame) == 0
