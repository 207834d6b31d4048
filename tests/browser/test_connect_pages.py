"""The pages that a person sees while connecting: link, window, outcome, problem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from playwright.sync_api import Page, expect

from connector.connect_sessions import Wish
from connector.models import Status

from ..people import ACME
from .accessibility import faults, overflow
from .chromium import Visit
from .portal_steps import CONNECT, allow, deny, open_portal, sign_in
from .product import Acme

pytestmark = pytest.mark.browser


def connect_link(acme: Acme, user: str = "alice", **wish: Any) -> str:
    """Return a connect link such as a product sends by mail."""
    _, link = acme.platform.runtime.connect_sessions.start(
        acme.project, user, Wish(connector="heap", **wish)
    )
    return f"{acme.platform.url}/connect/link/{link}"


def window_address(acme: Acme, page: str, token: str, **query: str) -> str:
    """Return the address that the SDK opens its window at."""
    known = {"action": "heap", "originForPostMessage": acme.origin, "userToken": token}
    return f"{acme.api(f'/actions/{page}')}?{urlencode({**known, **query})}"


def tab_to(page: Page, words: str) -> None:
    """Press the tabulator until what is focused carries the given words."""
    for _ in range(25):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.innerText || document.activeElement.id"):
            return
    raise AssertionError(f"the tabulator never reached {words!r}")


def test_a_connect_link_leads_through_consent_and_back_by_keyboard_alone(
    visit: Visit, acme: Acme
) -> None:
    back = acme.page()
    page = visit.page
    page.goto(connect_link(acme, return_url=back))
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Acme Notes wants to connect to your Heap account"
    )
    expect(page.get_by_text("Sync the segments that you choose in Heap.")).to_be_visible()
    visit.shot("link-start")
    assert faults(page) == []
    tab_to(page, "Continue to Heap")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Allow").wait_for()
    tab_to(page, "Allow")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    expect(page.get_by_text("alice@acme.example")).to_be_visible()
    visit.shot("link-done")
    assert faults(page) == []
    tab_to(page, "Back to Acme Notes")
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_have_text("Signed in as alice")
    assert page.url == back
    assert acme.connections()[0].auth_mode == "oauth"


def test_a_connect_link_takes_keys_by_keyboard_alone_and_says_what_is_wrong(
    visit: Visit, acme: Acme
) -> None:
    visit.expect_complaint("status of 400")
    page = visit.page
    page.goto(connect_link(acme))
    tab_to(page, "Connect with App ID and API key")
    page.keyboard.press("Enter")
    tab_to(page, "app_id")
    page.keyboard.type("abc")
    page.keyboard.press("Enter")
    expect(page.get_by_text("API key is required.")).to_be_visible()
    assert page.get_by_label("API key").get_attribute("aria-invalid") == "true"
    visit.shot("link-keys-missing")
    assert faults(page) == []
    page.get_by_label("API key").focus()
    page.keyboard.type("not-the-right-key")
    page.keyboard.press("Enter")
    expect(page.get_by_text("App ID does not look right.")).to_be_visible()
    expect(page.get_by_label("App ID", exact=False).first).to_have_value("abc")
    fill_and_send(page, ACME["app_id"], "not-the-right-key")
    expect(page.get_by_text("Heap did not accept these keys.")).to_be_visible()
    visit.shot("link-keys-refused")
    assert "not-the-right-key" not in page.content()
    fill_and_send(page, ACME["app_id"], ACME["api_key"])
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    assert acme.connections()[0].auth_mode == "app_keys"


def fill_and_send(page: Page, app_id: str, api_key: str) -> None:
    form = page.locator("details[open]")
    form.get_by_label("App ID").fill(app_id)
    form.get_by_label("API key").fill(api_key)
    form.get_by_label("API key").press("Enter")


def test_who_refuses_on_a_full_page_can_go_back_or_try_again(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint("status of 400")
    back = acme.page()
    page = visit.page
    page.goto(connect_link(acme, return_url=back))
    page.get_by_role("button", name="Continue to Heap").click()
    deny(page)
    expect(page.get_by_role("heading", name="Nothing was connected")).to_be_visible()
    expect(page.get_by_role("link", name="Go back")).to_have_attribute("href", back)
    visit.shot("link-refused")
    assert faults(page) == []
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("button", name="Continue to Heap").click()
    allow(page)
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()


def test_a_link_works_once(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint("status of 410")
    page = visit.page
    address = connect_link(acme)
    page.goto(address)
    page.get_by_role("button", name="Continue to Heap").click()
    allow(page)
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    page.goto(address)
    expect(page.get_by_text("has expired or was used already")).to_be_visible()
    visit.shot("link-used")


def test_consent_given_in_another_browser_connects_nothing(
    open_visit: Callable[..., Visit], acme: Acme
) -> None:
    alice, mallory = open_visit(), open_visit()
    alice.expect_complaint("status of 403")
    mallory.page.goto(connect_link(acme, "mallory"))
    mallory.page.get_by_role("button", name="Continue to Heap").click()
    alice.page.goto(mallory.page.url)
    allow(alice.page)
    expect(alice.page.get_by_role("heading")).to_have_text("This was started in another browser")
    alice.shot("other-browser")
    assert faults(alice.page) == []
    assert acme.connections("mallory") == []


def test_an_older_package_goes_to_the_provider_at_once(visit: Visit, acme: Acme) -> None:
    token = acme.host.token("alice")
    page = visit.page
    page.goto(window_address(acme, "build-oauth", token, sessionId="k1"))
    allow(page)
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    answer = requests.get(
        acme.api("/actions/session-id/k1"), headers=acme.host.headers("alice"), timeout=10
    )
    assert answer.json() == {"connectCredentialId": acme.connections()[0].id}


def test_a_key_that_nothing_is_known_of_counts_as_pending(acme: Acme) -> None:
    """The SDK may ask before it has opened the session."""
    answer = requests.get(
        acme.api("/actions/session-id/unknown"), headers=acme.host.headers("alice"), timeout=10
    )
    assert (answer.status_code, answer.json()) == (200, {})


def test_who_takes_longer_than_the_sdk_waits_is_connected_all_the_same(
    visit: Visit, acme: Acme
) -> None:
    page = visit.page
    headers = acme.host.headers("alice")
    page.goto(window_address(acme, "build-oauth", acme.host.token("alice"), sessionId="k1"))
    page.get_by_role("heading", name="Allow").wait_for()
    given_up = requests.delete(acme.api("/actions/session-id/k1"), headers=headers, timeout=10)
    assert given_up.status_code == 200
    allow(page)
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    assert [one.status for one in acme.connections()] == [Status.CONNECTED]


def test_a_window_whose_token_has_expired_says_what_to_do(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint("status of 401")
    visit.page.goto(window_address(acme, "oauth-nonce", acme.host.token("alice", -3600)))
    expect(visit.page.get_by_role("heading")).to_have_text("Your session has ended")
    visit.shot("window-session-ended")
    assert faults(visit.page) == []


def test_a_window_without_an_opener_says_so(visit: Visit, acme: Acme) -> None:
    visit.page.goto(window_address(acme, "oauth-nonce", acme.host.token("alice")))
    expect(visit.page.get_by_role("heading")).to_have_text("This window has lost its page")
    visit.shot("window-without-opener")


def test_a_project_without_an_app_offers_keys_alone(visit: Visit, acme: Acme) -> None:
    acme.platform.runtime.apps.save(
        acme.project.id,
        "heap",
        client_id="",
        client_secret=None,
        scopes=("segment",),
        region="us",
        without_app=True,
    )
    sign_in(visit, acme.page())
    open_portal(visit)
    expect(visit.portal.get_by_role("button", name=CONNECT)).to_have_count(0)
    expect(visit.portal.get_by_role("button", name="Connect with App ID alone")).to_be_visible()
    link = connect_link(acme)
    visit.page.goto(link)
    expect(visit.page.get_by_text("Connect with App ID and API key")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Continue to Heap")).to_have_count(0)


def test_a_scope_that_the_project_does_not_ask_for_is_not_shown(visit: Visit, acme: Acme) -> None:
    acme.platform.runtime.apps.save(
        acme.project.id,
        "heap",
        client_id="",
        client_secret=None,
        scopes=(),
        region="us",
        without_app=False,
    )
    sign_in(visit, acme.page())
    open_portal(visit)
    expect(visit.portal.get_by_role("button", name=CONNECT)).to_be_visible()
    expect(visit.portal.get_by_text("You will be asked to allow")).to_have_count(0)


def test_the_connect_pages_fit_a_phone_in_either_theme(
    narrow: Visit, acme: Acme, request: pytest.FixtureRequest
) -> None:
    theme = request.node.callspec.params["narrow"]
    narrow.expect_complaint("status of 400")
    page = narrow.page

    def look(name: str) -> None:
        narrow.shot(f"{name}-360-{theme}", full=True)
        assert faults(page) == []
        assert overflow(page) == 0

    page.goto(connect_link(acme, return_url=acme.page()))
    look("start")
    page.get_by_role("button", name="Continue to Heap").click()
    deny(page)
    look("refused")
    page.get_by_role("link", name="Try again").click()
    page.get_by_text("Connect with App ID and API key").click()
    fill_and_send(page, ACME["app_id"], "not-the-right-key")
    expect(page.get_by_text("Heap did not accept these keys.")).to_be_visible()
    look("start-refused")
    fill_and_send(page, ACME["app_id"], ACME["api_key"])
    expect(page.get_by_role("heading", name="Heap is connected")).to_be_visible()
    look("done")
