"""The connect portal in the npm SDK's frame: ways in, ways out, and what goes wrong between."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from connector.models import Status
from connector.store import keys as key_store

from ..people import ACME, GLOBEX
from .accessibility import faults, overflow
from .chromium import Visit
from .portal_steps import (
    CONNECT,
    SdkError,
    allow,
    begin,
    close_portal,
    connect,
    deny,
    open_portal,
    open_window,
    outcome,
    run,
    sign_in,
)
from .product import Acme

pytestmark = pytest.mark.browser

KEYS = "Connect with App ID and API key"
REFUSED_BY_SDK = "Failed to connect account to Paragon over OAuth"


def fill_keys(visit: Visit, app_id: str, api_key: str) -> None:
    visit.portal.get_by_label("App ID").fill(app_id)
    visit.portal.get_by_label("API key").fill(api_key)
    visit.portal.get_by_role("button", name="Connect", exact=True).click()


def send(visit: Visit, account: str) -> object:
    """Send an event with one of several accounts, named by id or external id."""
    chosen = f'selectedCredentialId: "{account}", body: {{event: "x", identity: "alice"}}'
    return run(visit, f'paragon.request("heap", "/track", {{method: "POST", {chosen}}})')


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


def test_two_accounts_live_side_by_side(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page(connectOptions={"allowMultipleCredentials": True}))
    connect(visit)
    visit.portal.get_by_role("button", name="Connect another account").click()
    allow(open_window(visit), GLOBEX["app_id"])
    expect(visit.portal.get_by_text("hank@globex.example")).to_be_visible()
    expect(visit.portal.get_by_text("alice@acme.example")).to_be_visible()
    visit.shot("portal-two-accounts")
    assert faults(visit.portal_frame) == []
    close_portal(visit)
    acme_account, globex = acme.connections()
    for connection, app_id in ((globex, GLOBEX["app_id"]), (acme_account, ACME["app_id"])):
        send(visit, connection.id)
        assert len(acme.sandbox.items("events", app_id=app_id)) == 1
    begin(visit, f'paragon.connect("heap", {{selectedCredentialId: "{globex.id}"}})')
    expect(visit.portal.get_by_text("hank@globex.example")).to_be_visible()
    expect(visit.portal.get_by_text("alice@acme.example")).to_have_count(0)
    visit.portal.get_by_role("button", name="Disconnect").click()
    visit.portal.get_by_role("button", name="Disconnect").click()
    expect(visit.portal.get_by_text("can no longer use")).to_be_visible()
    assert [one.status for one in acme.connections()] == [Status.CONNECTED, Status.DISCONNECTED]


def test_one_account_takes_the_place_of_another_unless_several_are_wanted(
    visit: Visit, acme: Acme
) -> None:
    acme.host.connect("alice", GLOBEX)
    sign_in(visit, acme.page())
    run_window_install(visit)
    before, after = acme.connections()
    assert (before.status, before.account_key) == (Status.DISCONNECTED, GLOBEX["app_id"])
    assert (after.status, after.auth_mode) == (Status.CONNECTED, "oauth")


def run_window_install(visit: Visit, accounts: str = '{accountType: "oauth"}') -> None:
    with visit.page.expect_popup() as popup:
        begin(visit, f'paragon.startOAuthFlow("heap", {accounts})')
    allow(popup.value)
    expect(popup.value.get_by_role("heading", name="Heap is connected")).to_be_visible()


def test_a_revoked_account_is_reconnected_under_its_old_id(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    connect(visit)
    close_portal(visit)
    [before] = acme.connections()
    acme.sandbox.post("grants/revoke")
    read_account = f'paragon.request("heap", "/partner/v1/metadata/{before.account_key}")'
    visit.expect_complaint("status of 401")
    with pytest.raises(SdkError, match="invalid_token"):  # what Heap itself answered
        run(visit, read_account)
    visit.expect_complaint("status of 403")
    with pytest.raises(SdkError, match="must be connected again"):
        run(visit, read_account)
    state = visit.page.evaluate("paragon.getUser().integrations.heap")
    assert (state["enabled"], state["credentialStatus"]) == (True, "INVALID")
    open_portal(visit)
    expect(visit.portal.get_by_text("Needs re-authorisation")).to_be_visible()
    visit.shot("portal-needs-reauthorisation")
    assert faults(visit.portal_frame) == []
    allow(open_window(visit, "Reconnect"))
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()
    [after] = acme.connections()
    assert (after.id, after.status) == (before.id, Status.CONNECTED)
    close_portal(visit)
    assert run(visit, read_account)["env_id"] == ACME["app_id"]  # type: ignore[index]


def test_reconnecting_with_another_account_is_refused(visit: Visit, acme: Acme) -> None:
    visit.expect_complaint(REFUSED_BY_SDK)
    visit.expect_complaint("status of 400")
    sign_in(visit, acme.page())
    connect(visit)
    close_portal(visit)
    [before] = acme.connections()
    with visit.page.expect_popup() as popup:
        options = f'{{accountType: "oauth", selectedCredentialId: "{before.id}"}}'
        begin(visit, f'paragon.startOAuthFlow("heap", {options})')
    allow(popup.value, GLOBEX["app_id"])
    expect(popup.value.get_by_text("Another account was chosen")).to_be_visible()
    [after] = acme.connections()
    assert after == before


def test_a_disconnection_asks_first_and_says_when_it_fails(visit: Visit, acme: Acme) -> None:
    connection = acme.host.connect("alice")
    visit.expect_complaint("net::ERR_FAILED")
    sign_in(visit, acme.page())
    open_portal(visit)
    visit.portal.get_by_role("button", name="Disconnect").click()
    visit.shot("portal-disconnect")
    visit.portal.get_by_role("button", name="Keep it").click()
    expect(visit.portal.get_by_text("Connected", exact=True)).to_be_visible()
    visit.context.route("**/sdk/integrations/*", lambda route: route.abort())
    visit.portal.get_by_role("button", name="Disconnect").click()
    visit.portal.get_by_role("button", name="Disconnect").click()
    expect(visit.portal.get_by_role("alert")).to_contain_text("Heap was not disconnected")
    expect(visit.portal.get_by_role("alert")).to_contain_text("could not be reached")
    visit.shot("portal-disconnect-failed")
    assert acme.connections() == [connection]
    visit.context.unroute_all()
    visit.portal.get_by_role("button", name="Disconnect").click()
    visit.portal.get_by_role("button", name="Disconnect").click()
    expect(visit.portal.get_by_text("can no longer use")).to_be_visible()
    visit.shot("portal-disconnected")
    assert acme.connections()[0].status is Status.DISCONNECTED


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


def test_an_external_id_names_an_account_and_finds_it_again(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    with visit.page.expect_popup() as popup:
        begin(visit, 'paragon.installIntegration("heap", {externalId: "eu"})')
    allow(popup.value)
    outcome(visit)
    [before] = acme.connections()
    assert before.external_id == "eu"
    assert send(visit, "ext:eu") == {}
    run_window_install(visit, '{accountType: "oauth", selectedCredentialId: "ext:eu"}')
    assert [one.id for one in acme.connections()] == [before.id]


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
