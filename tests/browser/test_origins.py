"""Which pages may use a project: those of its own origins, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import expect

from ..people import make_host
from .chromium import Visit
from .portal_steps import SdkError, run, sign_in
from .product import Acme

pytestmark = pytest.mark.browser

SDK_HEADERS = ["authorization", "content-type", "x-paragon-sdk-version"]
CHOICE = ["x-paragon-credential", "x-paragon-configuration-id"]
CREDENTIAL = "/credentials/00000000-0000-4000-8000-000000000000"
#: Each call that the SDK makes, with the headers that a browser asks leave for.
CALLS: list[tuple[str, str, list[str]]] = [
    ("GET", "/me", []),
    ("PATCH", "/me", []),
    ("GET", "/me", ["x-paragon-user-metadata"]),
    ("GET", "/integrations", []),
    ("GET", "/metadata", []),
    ("DELETE", "/integrations/heap", CHOICE[:1]),
    ("GET", "/credentials?integration=heap&includeAccountAuth=true", []),
    ("POST", "/credentials", []),
    ("GET", CREDENTIAL, []),
    ("PATCH", CREDENTIAL, CHOICE),
    ("POST", f"{CREDENTIAL}/complete-setup", []),
    ("POST", f"{CREDENTIAL}/configurations", []),
    ("PATCH", f"{CREDENTIAL}/configurations", CHOICE),
    ("DELETE", f"{CREDENTIAL}/configurations", CHOICE),
    ("GET", "/actions/session-id/abc", []),
    ("DELETE", "/actions/session-id/abc", []),
    ("GET", "/v2/actions/build-oauth?action=heap", []),
    ("POST", "/proxy/heap/track", []),
    ("GET", "/proxy/heap/users?limit=1", []),
    ("PUT", "/proxy/heap/x", ["x-foo", *CHOICE[:1]]),
    ("DELETE", "/proxy/heap/https://heapanalytics.com/api/x", []),
    ("POST", "/v2/events/trigger", CHOICE),
    ("POST", "/triggers/abc?q=z", ["x-h"]),
    ("POST", "/workflows/abc", CHOICE),
    ("DELETE", "/workflows/abc", CHOICE),
    ("POST", "/actions", []),
]


def address(acme: Acme, path: str) -> str:
    version, _, rest = path.rpartition("/v2")
    return f"{acme.platform.url}{'/v2' if rest != path else ''}{version}{acme.host.path(rest)}"


def preflight(acme: Acme, origin: str, method: str, path: str, names: list[str]) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(sorted([*SDK_HEADERS, *names])),
    }
    return requests.options(address(acme, path), headers=headers, timeout=10)


def names_in(answer: Any, header: str) -> set[str]:
    return {name.strip() for name in answer.headers[f"Access-Control-{header}"].lower().split(",")}


@pytest.mark.parametrize(("method", "path", "names"), CALLS)
def test_every_call_of_the_sdk_is_open_to_the_products_own_origin(
    method: str, path: str, names: list[str], acme: Acme
) -> None:
    answer = preflight(acme, acme.origin, method, path, names)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == acme.origin
    assert "Origin" in answer.headers["Vary"]
    assert method.lower() in names_in(answer, "Allow-Methods")
    assert {*SDK_HEADERS, *names} <= names_in(answer, "Allow-Headers")
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(("method", "path", "names"), CALLS)
def test_no_call_of_the_sdk_is_open_to_another_origin(
    method: str, path: str, names: list[str], acme: Acme
) -> None:
    stranger = acme.platform.site.origin("stranger")
    answer = preflight(acme, stranger, method, path, names)
    assert answer.status_code == 403
    assert answer.json()["code"] == "origin_not_allowed"
    headers = {**acme.host.headers("alice"), "Origin": stranger}
    answer = requests.request(method, address(acme, path), headers=headers, timeout=10)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("method", "path", "names"), CALLS)
def test_errors_can_be_read_by_the_products_own_pages(
    method: str, path: str, names: list[str], acme: Acme
) -> None:
    headers = {"Authorization": "Bearer not-a-token", "Origin": acme.origin}
    answer = requests.request(method, address(acme, path), headers=headers, timeout=10)
    assert answer.status_code in {401, 404}
    assert answer.headers["Access-Control-Allow-Origin"] == acme.origin
    assert set(answer.json()) == {"message", "code", "status", "meta"}


def test_the_sdk_can_make_all_its_calls_from_another_origin(visit: Visit, acme: Acme) -> None:
    connection = acme.host.connect("alice")
    sign_in(visit, acme.page())
    account = f'credentialId: "{connection.id}"'
    made = run(visit, f"paragon.createConfiguration({{{account}}})")
    chosen = f'id: "{made["id"]}", {account}'  # type: ignore[index]
    selected = f'selectedCredentialId: "{connection.id}"'
    sent = f'method: "PUT", headers: {{"X-Foo": "1"}}, {selected}, body: "text"'
    visit.expect_complaint("status of 404")  # Heap has no such address
    with pytest.raises(SdkError, match=r"(?i)not found"):
        run(visit, f'paragon.request("heap", "/nothing", {{{sent}}})')
    calls = [
        'paragon.setUserMetadata({Name: "Alice", Email: "alice@example.com", plan: "pro"})',
        'paragon.getIntegrationAccount("heap", {includeAccountAuth: true})',
        'paragon.updateIntegrationUserSettings("heap", {colour: "blue"})',
        f'paragon.updateConfiguration({{{chosen}, meta: {{team: "a"}}}})',
        f"paragon.destroyConfiguration({{{chosen}}})",
        f'paragon.uninstallIntegration("heap", {{{selected}}})',
    ]
    for call in calls:
        run(visit, call)
    user = visit.page.evaluate("paragon.getUser()")
    assert user["meta"] == {"Name": "Alice", "Email": "alice@example.com", "plan": "pro"}
    assert user["integrations"]["heap"]["enabled"] is False


def test_a_strangers_page_cannot_sign_in_and_is_shown_no_portal(visit: Visit, acme: Acme) -> None:
    stranger = acme.platform.site.origin("stranger")
    visit.expect_origin(stranger)
    visit.expect_complaint("frame-ancestors")
    visit.expect_complaint("has been blocked by CORS policy")
    visit.expect_complaint("net::ERR_FAILED")
    visit.expect_complaint("could not login user")
    visit.page.goto(acme.page(name="stranger"))
    expect(visit.page.locator("#who")).to_contain_text("Not signed in")
    expect(visit.portal.locator("body")).not_to_have_attribute("data-allowed-origins", ".*")


def test_a_page_of_another_project_cannot_use_a_users_token(
    open_visit: Callable[..., Visit], acme: Acme
) -> None:
    globex = acme.platform.site.origin("globex")
    make_host(acme.platform.runtime, "Globex", (globex,))
    visit = open_visit()
    visit.expect_origin(globex)
    visit.expect_complaint("frame-ancestors")
    visit.expect_complaint("has been blocked by CORS policy")
    visit.expect_complaint("net::ERR_FAILED")
    visit.expect_complaint("could not login user")
    visit.page.goto(acme.page(name="globex"))
    expect(visit.page.locator("#who")).to_contain_text("Not signed in")


def test_a_window_opened_by_a_stranger_says_why_it_goes_no_further(
    visit: Visit, acme: Acme
) -> None:
    stranger = acme.platform.site.origin("stranger")
    window = visit.page
    visit.expect_complaint("403")
    window.goto(
        acme.api("/actions/oauth-nonce")
        + f"?action=heap&originForPostMessage={stranger}&userToken={acme.host.token('alice')}"
    )
    expect(window.get_by_role("heading")).to_have_text("This window cannot be used")
    expect(window.get_by_text("is not among the project's allowed origins")).to_be_visible()
    assert visit.context.cookies() == []
    visit.shot("nonce-stranger")
