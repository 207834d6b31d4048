"""The live page and the consent page in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from .conftest import ACME, ACME_KEY, CALLBACK, CLIENT_ID, GLOBEX, Heap

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"
AUTHORIZE = (
    f"/api/partner/oauth/authorize?client_id={CLIENT_ID}&state=xyz&response_type=code"
    f"&redirect_uri={CALLBACK}&scope=segment"
)


@pytest.fixture(name="page")
def _page(chromium: Browser, heap: Heap) -> Iterator[Page]:
    context = chromium.new_context(base_url=heap.url)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    yield page
    context.close()
    assert problems == []


def test_what_arrives_appears_by_itself(page: Page, heap: Heap) -> None:
    page.goto("/")
    expect(page.get_by_role("status").first).to_have_text("Live")
    heap.track(event="Order placed", properties={"plan": "pro"})
    events = page.get_by_role("tabpanel", name="Events")
    expect(events).to_contain_text("Order placed")
    expect(events).to_contain_text("alice@example.com")
    expect(events).to_contain_text("plan: pro")
    heap.post(
        "/api/add_account_properties",
        {"app_id": ACME, "account_id": "Globex Corporation", "properties": {"seats": 12}},
    )
    page.get_by_role("tab", name="Accounts").click()
    accounts = page.get_by_role("tabpanel", name="Accounts")
    expect(accounts).to_contain_text("Globex Corporation")


def test_a_user_who_changes_moves_to_the_top_and_is_listed_once(page: Page, heap: Heap) -> None:
    for name in ("alice", "bob"):
        heap.track(identity=name)
    page.goto("/sandbox/")
    page.get_by_role("tab", name="Users").click()
    rows = page.locator("#rows-users > li")
    expect(rows).to_contain_text(["bob", "alice"])
    heap.post(
        "/api/add_user_properties",
        {"app_id": ACME, "identity": "alice", "properties": {"plan": "pro"}},
    )
    expect(rows).to_contain_text(["alice", "bob"])
    expect(rows.first).to_contain_text("plan: pro")


def test_hostile_values_are_shown_as_text(page: Page, heap: Heap) -> None:
    heap.post(
        "/api/track",
        {
            "app_id": HOSTILE,
            "event": HOSTILE,
            "identity": HOSTILE,
            "properties": {HOSTILE: HOSTILE, "__proto__": "p", "constructor": "c"},
        },
    )
    page.goto("/sandbox/")
    row = page.locator("#rows-events > li")
    expect(row).to_contain_text(HOSTILE)
    assert row.locator("img").count() == 0
    assert page.title() == "Heap sandbox"


def test_the_tabs_follow_the_arrow_keys(page: Page) -> None:
    page.goto("/sandbox/")
    page.get_by_role("tab", name="Events").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Users")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Users")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Accounts")).to_be_focused()


def test_keys_can_be_copied(page: Page) -> None:
    page.goto("/sandbox/")
    name = "Copy API key of Acme Inc., Main Production"
    page.get_by_role("button", name=name).click()
    expect(page.locator(f"[data-copy='{ACME_KEY}']")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == ACME_KEY


def test_a_fault_can_be_added_and_removed(page: Page, heap: Heap) -> None:
    page.goto("/sandbox/")
    page.get_by_label("Path").fill("/api/track")
    page.get_by_label("Times").fill("2")
    page.get_by_label("Retry-After").fill("3")
    page.get_by_role("button", name="Add fault").click()
    waiting = page.get_by_role("list", name="Waiting faults")
    expect(waiting).to_contain_text("status on /api/track, 2 more")
    answer = heap.track()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    expect(waiting).to_contain_text("1 more")
    page.get_by_role("button", name="Remove status on /api/track").click()
    expect(waiting.get_by_role("listitem")).to_have_count(0)
    assert heap.track().status_code == 200


def test_only_fitting_fields_are_shown(page: Page) -> None:
    page.goto("/sandbox/")
    expect(page.get_by_label("Status", exact=True)).to_be_visible()
    page.get_by_label("Kind").select_option("latency")
    expect(page.get_by_label("Status", exact=True)).to_be_hidden()


def test_clearing_asks_first_and_empties_the_lists(page: Page, heap: Heap) -> None:
    heap.track(event="Order placed")
    page.goto("/sandbox/")
    rows = page.locator("#rows-events > li")
    expect(rows).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Clear data").click()
    expect(rows).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Clear data").click()
    expect(rows).to_have_count(0)
    assert heap.listed("events") == []


def test_pausing_holds_the_page_still(page: Page, heap: Heap) -> None:
    page.clock.install()
    page.goto("/sandbox/")
    expect(page.get_by_role("status").first).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    heap.track(event="Meanwhile")
    expect(page.get_by_role("status").first).to_have_text("Paused")
    with pytest.raises(PlaywrightTimeoutError), page.expect_request("**/live*", timeout=300):
        page.clock.run_for(10_000)
    expect(page.locator("#rows-events > li")).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(1000)
    expect(page.locator("#rows-events > li")).to_have_count(1)


@pytest.mark.parametrize("path", ["/sandbox/", AUTHORIZE])
def test_nothing_is_wider_than_a_phone(chromium: Browser, heap: Heap, path: str) -> None:
    heap.track(event="w" * 1024, identity="i" * 255, properties={"k" * 500: "v" * 1000})
    with chromium.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(heap.url + path)
        if path == "/sandbox/":
            expect(page.locator("#rows-events > li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_no_other_host_is_asked_for_anything(page: Page, heap: Heap) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/sandbox/")
    expect(page.get_by_role("status").first).to_have_text("Live")
    assert asked
    assert [url for url in asked if not url.startswith(heap.url + "/sandbox/")] == []


def test_consent_works_with_the_keyboard_alone(page: Page, heap: Heap) -> None:
    page.route(f"{CALLBACK}*", lambda route: route.fulfill(body="back at the app"))
    page.goto(AUTHORIZE)
    page.get_by_role("radio", name=re.compile("Acme Inc. Main Production")).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=re.compile("Globex"))).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Allow")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_text("back at the app")
    [code] = re.findall(r"code=([^&]+)&state=xyz", page.url)
    tokens = heap.token(code=code).json()
    assert heap.metadata(tokens).json()["env_id"] == GLOBEX


def test_consent_can_be_denied(page: Page) -> None:
    page.route(f"{CALLBACK}*", lambda route: route.fulfill(body="back at the app"))
    page.goto(AUTHORIZE)
    page.get_by_role("button", name="Deny").click()
    expect(page.locator("body")).to_have_text("back at the app")
    assert "error=access_denied" in page.url
