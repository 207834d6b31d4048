"""Accounts in the connect portal: several, exchanged, reconnected, disconnected."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from connector.models import Status

from ..people import ACME, GLOBEX
from .accessibility import faults
from .chromium import Visit
from .portal_steps import (
    REFUSED_BY_SDK,
    SdkError,
    allow,
    begin,
    close_portal,
    connect,
    connect_by_window,
    open_portal,
    open_window,
    outcome,
    run,
    send,
    sign_in,
)
from .product import Acme

pytestmark = pytest.mark.browser


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
    connect_by_window(visit)
    before, after = acme.connections()
    assert (before.status, before.account_key) == (Status.DISCONNECTED, GLOBEX["app_id"])
    assert (after.status, after.auth_mode) == (Status.CONNECTED, "oauth")


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


def test_an_external_id_names_an_account_and_finds_it_again(visit: Visit, acme: Acme) -> None:
    sign_in(visit, acme.page())
    with visit.page.expect_popup() as popup:
        begin(visit, 'paragon.installIntegration("heap", {externalId: "eu"})')
    allow(popup.value)
    outcome(visit)
    [before] = acme.connections()
    assert before.external_id == "eu"
    assert send(visit, "ext:eu") == {}
    connect_by_window(visit, '{accountType: "oauth", selectedCredentialId: "ext:eu"}')
    assert [one.id for one in acme.connections()] == [before.id]


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
