"""What goes wrong in the connect portal, and how it is said."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from connector.models import Status
from connector.store import keys as key_store

from ..people import ACME
from .accessibility import faults
from .chromium import Visit
from .portal_steps import (
    CONNECT,
    KEYS,
    REFUSED_BY_SDK,
    SdkError,
    allow,
    close_portal,
    deny,
    fill_keys,
    open_portal,
    open_window,
    outcome,
    sign_in,
)
from .product import Acme

pytestmark = pytest.mark.browser


def come_back(visit: Visit) -> None:
    """Have the product's page get the focus back, which headless pages never lose."""
    visit.page.bring_to_front()
    visit.portal_frame.evaluate("window.dispatchEvent(new Event('focus'))")


def test_who_refuses_is_told_so_and_can_try_again(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint(REFUSED_BY_SDK)
    visit.expect_complaint("status of 400")
    sign_in(visit, acme.page())
    open_portal(visit)
    window = open_window(visit)
    deny(window)
    expect(window.get_by_role("heading", name="Nothing was connected")).to_be_visible()
    visit.shot("window-refused", window)
    assert faults(window) == []
    expect(visit.portal.get_by_role("alert")).to_contain_text("Access was not granted")
    visit.shot("portal-refused")
    assert faults(visit.portal_frame) == []
    assert acme.connections() == []
    window.get_by_role("link", name="Try again").click()
    with window.expect_event("close"):
        allow(window)
    expect(visit.portal.get_by_text("Connected", exact=True)).to_be_visible()
    assert [one.status for one in acme.connections()] == [Status.CONNECTED]


def test_a_provider_that_fails_is_explained_with_a_way_back(visit: Visit, acme: Acme) -> None:
    acme.sandbox.fault(kind="status", path="/api/partner/oauth/token", status=500, times=5)
    visit.expect_complaint(REFUSED_BY_SDK)
    visit.expect_complaint("status of 503")
    sign_in(visit, acme.page())
    open_portal(visit)
    window = open_window(visit)
    allow(window)
    expect(window.get_by_role("heading", name="The account was not connected")).to_be_visible()
    visit.shot("window-provider-failed", window)
    expect(window.get_by_role("link", name="Try again")).to_be_visible()
    expect(visit.portal.get_by_role("alert")).to_contain_text("Heap could not be reached")


def test_a_closed_window_can_be_opened_again(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    open_portal(visit)
    open_window(visit).close()
    come_back(visit)
    expect(visit.portal.get_by_text("Not connected yet")).to_be_visible()
    visit.shot("portal-window-closed")
    window = open_window(visit, "Open the window again")
    allow(window)
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()


def test_a_blocked_window_is_explained(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    visit.page.evaluate("window.open = () => null")  # what a browser's blocker returns
    open_portal(visit)
    visit.portal.get_by_role("button", name=CONNECT).click()
    expect(visit.portal.get_by_role("alert")).to_contain_text("Your browser blocked the window")
    visit.shot("portal-blocked")


def test_a_window_that_no_click_asked_for_is_reported_as_blocked(
    strict_visit: Visit, acme: Acme
) -> None:
    sign_in(strict_visit, acme.page(install={"accountType": "oauth"}))
    with pytest.raises(SdkError, match="blocked"):
        outcome(strict_visit)
    assert len(strict_visit.context.pages) == 1


def test_a_wrong_key_is_refused_in_words_as_often_as_it_is_sent(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint(REFUSED_BY_SDK)
    visit.expect_complaint("status of 400")
    sign_in(visit, acme.page())
    open_portal(visit)
    visit.portal.get_by_role("button", name=KEYS).click()
    for _ in range(2):
        fill_keys(visit, ACME["app_id"], "not-the-right-key")
        expect(visit.portal.get_by_role("alert")).to_contain_text("did not accept these keys")
        expect(visit.portal.get_by_role("button", name="Connect", exact=True)).to_be_enabled()
    visit.shot("portal-keys-refused")
    assert len(acme.sandbox.items("requests", path="/api/public/v0/auth_token")) == 2
    fill_keys(visit, ACME["app_id"], ACME["api_key"])
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()
    assert visit.page.evaluate("paragon.getUser().authenticated") is True


def test_a_session_that_ends_under_an_open_portal_is_explained(visit: Visit, acme: Acme) -> None:
    acme.host.connect("alice")
    visit.expect_complaint("status of 401")
    sign_in(visit, acme.page())
    open_portal(visit)
    with acme.platform.runtime.database.transaction() as tx:
        key_store.revoke_signing_key(tx, acme.project.id, acme.host.signing_key_id)
    visit.portal.get_by_role("button", name="Disconnect").click()
    visit.portal.get_by_role("button", name="Disconnect").click()
    expect(visit.portal.get_by_text("Your session has ended")).to_be_visible()
    expect(visit.portal.get_by_role("alert")).to_have_count(0)
    visit.shot("portal-session-ended")
    close_portal(visit)
