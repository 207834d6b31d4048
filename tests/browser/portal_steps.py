"""What a person does in the portal and in the window of the provider, step by step."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .chromium import Visit

CONNECT = "Sign in with Heap"
KEYS = "Connect with App ID and API key"
#: What the SDK writes to the console when a connection fails, whatever the page does.
REFUSED_BY_SDK = "Failed to connect account to Paragon over OAuth"


def sign_in(visit: Visit, address: str, user: str = "alice") -> None:
    """Go to a page of the product and wait until the SDK has signed the person in."""
    visit.page.goto(address)
    expect(visit.page.locator("#who")).to_have_text(f"Signed in as {user}")


def open_portal(visit: Visit) -> None:
    visit.page.click("#connect")
    expect(visit.portal.get_by_role("heading", name="Heap", exact=True)).to_be_visible()


def open_window(visit: Visit, button: str = CONNECT) -> Page:
    """Press a button of the portal that opens the provider's window; return the window."""
    with visit.page.expect_popup() as popup:
        visit.portal.get_by_role("button", name=button).click()
    popup.value.get_by_role("heading", name="Allow").wait_for()
    return popup.value


def allow(window: Page, app_id: str = "2544353") -> None:
    """Give consent for an environment on the sandbox's page."""
    window.get_by_text(f"App ID {app_id}").click()
    window.get_by_role("button", name="Allow").click()


def deny(window: Page) -> None:
    window.get_by_role("button", name="Deny").click()


def connect(visit: Visit, app_id: str = "2544353") -> None:
    """Connect an account through the portal, from the product's page to the portal's last word."""
    open_portal(visit)
    allow(open_window(visit), app_id)
    expect(visit.portal.get_by_text("Heap is connected")).to_be_visible()


def close_portal(visit: Visit) -> None:
    visit.portal.get_by_role("button", name="Close").first.click()
    expect(visit.page.locator("#paragon-connect-frame")).to_be_hidden()


def run(visit: Visit, action: str) -> object:
    """Run a call of the SDK as the answer to a click; return its result, or raise its error."""
    begin(visit, action)
    return outcome(visit)


def begin(visit: Visit, action: str) -> None:
    visit.page.evaluate(f"() => {{ window.action = () => {action}; }}")
    visit.page.click("#go")


def outcome(visit: Visit) -> object:
    """Wait for the end of what was begun; return its result, or raise its error."""
    visit.page.locator("body[data-ended]").wait_for()
    ended = visit.page.evaluate("window.outcome")
    if "error" in ended:
        raise SdkError(ended["error"])
    return ended.get("value")


def fill_keys(visit: Visit, app_id: str, api_key: str) -> None:
    visit.portal.get_by_label("App ID").fill(app_id)
    visit.portal.get_by_label("API key").fill(api_key)
    visit.portal.get_by_role("button", name="Connect", exact=True).click()


def send(visit: Visit, account: str) -> object:
    """Send an event with one of several accounts, named by id or external id."""
    chosen = f'selectedCredentialId: "{account}", body: {{event: "x", identity: "alice"}}'
    return run(visit, f'paragon.request("heap", "/track", {{method: "POST", {chosen}}})')


def connect_by_window(visit: Visit, accounts: str = '{accountType: "oauth"}') -> None:
    """Connect an account by consent, without the portal."""
    with visit.page.expect_popup() as popup:
        begin(visit, f'paragon.startOAuthFlow("heap", {accounts})')
    allow(popup.value)
    expect(popup.value.get_by_role("heading", name="Heap is connected")).to_be_visible()


class SdkError(Exception):
    """What the SDK threw in the page."""
