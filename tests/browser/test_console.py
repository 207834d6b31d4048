"""The operators' console in Chromium: every page, both widths, both themes, keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from connector.app import create_app
from connector.models import Connection, Status
from connector.store import connections as connection_store
from connector.store import projects as project_store

from ..conftest import SandboxClient, eventually
from ..operators import PASSWORD, Console, make_operator
from ..people import GLOBEX
from .accessibility import faults, overflow
from .chromium import Visit
from .product import Acme

pytestmark = pytest.mark.browser

PAGES = (
    "",
    "/settings",
    "/integrations",
    "/integrations/heap",
    "/users",
    "/users/{user_id}",
    "/connect-links/new",
    "/requests",
    "/sdk",
    "/signing-keys/new",
    "/api-keys",
)


@pytest.fixture
def alice(acme: Acme) -> Connection:
    """A user with an account in each state and requests of each outcome."""
    runtime, host = acme.platform.runtime, acme.host
    make_operator(runtime, _email(acme), acme.project)
    connection = host.connect("alice")
    other = host.connect("alice", GLOBEX)
    gone = host.connect("alice", {"app_id": "11"}, mode="app_id")
    with runtime.database.transaction() as tx:
        connection_store.set_status(
            tx,
            acme.project.id,
            other.id,
            Status.NEEDS_REAUTHORISATION,
            "The provider refused to renew the token.",
        )
    runtime.connections.disconnect(acme.project.id, gone.id, "Disconnected by the user.")
    runtime.connections.set_meta(acme.project.id, "alice", {"Name": "Alice", "Plan": "pro"})
    return connection


def _address(acme: Acme, rest: str = "") -> str:
    return f"{acme.platform.url}/console/projects/{acme.project.id}{rest}"


def _email(acme: Acme) -> str:
    """An operator of the test's own: the server, and how often one may sign in, are shared."""
    return f"olga-{acme.project.id}@example.com"


def _fill_in(page: Page, acme: Acme) -> None:
    page.get_by_label("E-mail address").fill(_email(acme))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def _enter(visit: Visit, acme: Acme, rest: str = "") -> Page:
    """Open a page of the console in a browser that the operator is signed in with."""
    console = Console(create_app(acme.platform.runtime), acme.project)
    console.client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    assert console.sign_in(_email(acme)).status == 303
    cookie = console.client.get_cookie("heapline")
    assert cookie
    url = acme.platform.url
    visit.context.add_cookies([{"name": "heapline", "value": cookie.value, "url": url}])
    visit.page.goto(_address(acme, rest))
    return visit.page


def _check(page: Page, name: str) -> None:
    assert faults(page) == [], name
    assert overflow(page) == 0, name


def test_an_operator_signs_in_and_is_where_they_wanted_to_be(
    visit: Visit, acme: Acme, alice: Connection
) -> None:
    page = visit.page
    page.goto(_address(acme))
    expect(page.get_by_label("E-mail address")).to_be_focused()
    _fill_in(page, acme)
    assert page.url == _address(acme)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_is_sound_in_every_look(
    width: int, theme: str, open_visit: Callable[..., Visit], acme: Acme, alice: Connection
) -> None:
    visit = open_visit(color_scheme=theme, viewport={"width": width, "height": 800})
    visit.page.goto(_address(acme))
    _check(visit.page, "sign in")
    visit.shot(f"console-sign-in-{width}-{theme}", full=True)
    page = _enter(visit, acme)
    for path in PAGES:
        page.goto(_address(acme, path.format(user_id=alice.user_id)))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        _check(page, path)
        name = path.strip("/").replace("/", "-").replace("{user_id}", "one") or "overview"
        visit.shot(f"console-{name}-{width}-{theme}", full=True)


def test_a_form_that_was_refused_is_sound_too(narrow: Visit, acme: Acme, alice: Connection) -> None:
    page = _enter(narrow, acme, "/settings")
    page.get_by_label("Allowed origins").fill("no origin")
    with page.expect_response(lambda answer: answer.status == 400):
        narrow.expect_complaint("400 (BAD REQUEST)")
        page.get_by_role("button", name="Save").click()
    field = page.get_by_label("Allowed origins")
    expect(field).to_have_value("no origin")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("must start with https://"))
    _check(page, "refused")
    narrow.shot("console-refused", full=True)


def test_the_settings_form_needs_no_mouse(visit: Visit, acme: Acme, alice: Connection) -> None:
    page = _enter(visit, acme, "/integrations/heap")
    _tab_to(page, "Client ID")
    page.keyboard.type("my-client-id")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Client secret")).to_be_focused()
    page.keyboard.type("my-client-secret")
    page.keyboard.press("Tab")
    expect(page.get_by_label("I have no OAuth app")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Segments")).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Region")).to_be_focused()
    page.keyboard.press("e")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved. One connected account needs re-authorisation")).to_be_visible()
    expect(page.get_by_label("Client secret")).to_have_value("")
    with acme.platform.runtime.database.reading() as tx:
        stored = project_store.app_credentials_of(tx, acme.project.id, "heap")
    assert stored
    assert (stored.client_id, stored.scopes, stored.region) == ("my-client-id", (), "eu")


def _tab_to(page: Page, label: str) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.labels?.[0]?.textContent?.trim()") == label:
            return
    raise AssertionError(f"{label} is not reached by the Tab key")


def test_disconnecting_asks_first(visit: Visit, acme: Acme, alice: Connection) -> None:
    page = _enter(visit, acme, f"/users/{alice.user_id}")
    page.get_by_role("button", name="Disconnect").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Disconnect 2544353?")
    dialog.get_by_role("button", name="Cancel").click()
    runtime = acme.platform.runtime
    assert runtime.connections.get(acme.project.id, alice.id).status is Status.CONNECTED
    page.get_by_role("button", name="Disconnect").first.click()
    dialog.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("The account 2544353 is disconnected.")).to_be_visible()
    assert runtime.connections.get(acme.project.id, alice.id).status is Status.DISCONNECTED


def test_a_connect_link_is_copied_and_opened_by_the_person_it_is_for(
    visit: Visit, open_visit: Callable[..., Visit], acme: Acme, alice: Connection
) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = _enter(visit, acme, "/users")
    page.get_by_role("link", name="Connect link").click()
    page.get_by_label("User id").fill("dora")
    page.get_by_role("button", name="Make link").click()
    page.get_by_role("button", name="Copy Link for dora").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    _check(page, "connect link")
    visit.shot("console-connect-link", full=True)
    person = open_visit()
    person.page.goto(page.evaluate("navigator.clipboard.readText()"))
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("Acme Notes wants")


def test_keys_that_are_shown_once_are_sound_pages(
    narrow: Visit, acme: Acme, alice: Connection
) -> None:
    page = _enter(narrow, acme, "/signing-keys/new")
    page.get_by_role("textbox", name="Name").fill("Production")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_text("-----BEGIN PRIVATE KEY-----")).to_be_visible()
    _check(page, "signing key")
    narrow.shot("console-signing-key-made", full=True)
    page.goto(_address(acme, "/api-keys"))
    page.get_by_role("textbox", name="Name").fill("Billing")
    page.get_by_label("Read the request log").check()
    page.get_by_role("button", name="Make key").click()
    expect(page.get_by_text(re.compile("^hlk_"))).to_be_visible()
    _check(page, "API key")
    narrow.shot("console-api-key-made", full=True)


def test_a_request_opens_to_its_attempts(
    visit: Visit, acme: Acme, alice: Connection, sandbox: SandboxClient
) -> None:
    import requests

    sandbox.fault(kind="status", status=500, times=1)
    answer = requests.post(
        acme.api("/proxy/heap/track"),
        headers=acme.host.headers("alice"),
        json={"event": "x", "identity": "a", "idempotency_key": "12345678"},
        timeout=30,
    )
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (200, "2")
    page = _enter(visit, acme)
    eventually(lambda: _shows_request(page, acme))
    page.locator("details.request > summary").first.press("Enter")
    rows = page.locator("details.request[open] tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("500")
    expect(rows.nth(1)).to_contain_text("200")
    _check(page, "an open request")
    visit.shot("console-request", full=True)


def _shows_request(page: Page, acme: Acme) -> bool:
    page.goto(_address(acme, "/requests"))
    return page.locator("details.request").count() == 1


def test_without_scripts_the_pages_still_work(
    open_visit: Callable[..., Visit], acme: Acme, alice: Connection
) -> None:
    visit = open_visit(java_script_enabled=False)
    page = visit.page
    page.goto(_address(acme))
    _fill_in(page, acme)
    page.get_by_role("link", name="Connected users").first.click()
    page.get_by_role("link", name="alice").click()
    page.get_by_role("button", name="Disconnect").first.click()
    expect(page.get_by_text("The account 2544353 is disconnected.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_menu_opens_on_a_narrow_screen(narrow: Visit, acme: Acme, alice: Connection) -> None:
    page = _enter(narrow, acme)
    expect(page.get_by_role("link", name="Request log")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.locator("summary", has_text="Acme Notes").click()
    expect(page.get_by_role("link", name="New project")).to_be_visible()
    _check(page, "menu")
    narrow.shot("console-menu", full=True)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Request log").click()
    expect(page.get_by_role("heading", name="Request log")).to_be_visible()


def test_the_javascript_that_the_sdk_page_prints_runs_as_printed(
    visit: Visit, acme: Acme, alice: Connection, sandbox: SandboxClient
) -> None:
    page = _enter(visit, acme, "/sdk")
    code = page.get_by_label("JavaScript", exact=True).inner_text()
    line = 'import ConnectSDK from "@useparagon/connect/ConnectSDK";'
    assert code.startswith(line)
    # A bundler would resolve the package's name; the page has loaded the same file by a tag.
    program = code.replace(line, "const ConnectSDK = module.exports.default;")
    page.goto(acme.page(None))
    page.evaluate(
        "async ([code, userToken]) => {"
        " const run = Object.getPrototypeOf(async () => {}).constructor;"
        " await run('userToken', code)(userToken); }",
        [program, acme.host.token("alice")],
    )
    (event,) = eventually(lambda: sandbox.items("events"))
    assert (event["app_id"], event["identity"]) == ("2544353", "alice@example.com")
