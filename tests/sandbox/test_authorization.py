"""The authorize endpoint and the consent page, by plain HTTP."""

import html
import re

import pytest
import requests

from .conftest import ACME, CALLBACK, CLIENT_ID, CLIENT_SECRET, GLOBEX, Heap, answer_of


def consent(heap: Heap, page: requests.Response, **answer: str) -> requests.Response:
    [query] = re.findall(r'name="query" value="([^"]*)"', page.text)
    body = {"query": html.unescape(query), **answer}
    return heap.post("/sandbox/consent", data=body)


def test_the_page_shows_the_app_the_environments_and_where_it_leads(heap: Heap) -> None:
    page = heap.authorize()
    assert page.status_code == 200
    for text in ("Heap sandbox", "Heapline", "Acme Inc.", ACME, "Globex", GLOBEX, "segment"):
        assert text in page.text
    assert "http://127.0.0.1:5000" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_allowing_returns_a_code_and_the_state(heap: Heap) -> None:
    state = "a state/with+odd&signs=é"
    answer = answer_of(consent(heap, heap.authorize(state=state), decision="allow", app_id=ACME))
    assert answer.keys() == {"code", "state"}
    assert answer["state"] == state


def test_denying_returns_access_denied(heap: Heap) -> None:
    answer = answer_of(consent(heap, heap.authorize(), decision="deny", app_id=ACME))
    assert (answer["error"], answer["state"]) == ("access_denied", "xyz")
    assert "code" not in answer


def test_an_environment_that_was_not_offered_is_refused(heap: Heap) -> None:
    assert consent(heap, heap.authorize(), decision="allow", app_id="1").status_code == 400


def test_the_settings_can_answer_for_the_person(heap: Heap) -> None:
    heap.set(consent="allow", consent_app_id=GLOBEX)
    assert "code" in answer_of(heap.authorize())
    heap.set(consent="deny")
    assert answer_of(heap.authorize())["error"] == "access_denied"


PAGES: dict[str, tuple[dict[str, str | None], str]] = {
    "no client id": ({"client_id": None}, "Unknown app"),
    "an unknown client id": ({"client_id": "x"}, "Unknown app"),
    "no redirect uri": ({"redirect_uri": None}, "No address to return to"),
    "a foreign redirect uri": ({"redirect_uri": "https://evil.example/cb"}, "not registered"),
    "a redirect uri with a query": ({"redirect_uri": CALLBACK + "?a=1"}, "not allowed"),
    "a redirect uri with a fragment": ({"redirect_uri": CALLBACK + "#a"}, "not allowed"),
    "https on loopback": ({"redirect_uri": "https://127.0.0.1/cb"}, "not registered"),
    "loopback as a prefix": ({"redirect_uri": "http://127.0.0.1.evil.example/"}, "not registered"),
    "loopback as a user name": (
        {"redirect_uri": "http://127.0.0.1@evil.example/"},
        "not registered",
    ),
    "a user name before loopback": (
        {"redirect_uri": "http://evil.example@127.0.0.1/"},
        "not registered",
    ),
    "port zero": ({"redirect_uri": "http://127.0.0.1:0/"}, "not registered"),
    "an impossible port": ({"redirect_uri": "http://127.0.0.1:x/"}, "not registered"),
    "a backslash": ({"redirect_uri": "http://127.0.0.1\\@evil.example/"}, "not registered"),
    "a script": ({"redirect_uri": "javascript:alert(1)"}, "not registered"),
    "markup": ({"redirect_uri": "http://<script>alert(1)</script>/"}, "not registered"),
}


@pytest.mark.parametrize(("changes", "text"), PAGES.values(), ids=PAGES)
def test_shows_a_page_and_redirects_nowhere_for(
    heap: Heap, changes: dict[str, str | None], text: str
) -> None:
    page = heap.authorize(**changes)
    assert page.status_code == 400
    assert text in page.text
    assert "Location" not in page.headers
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/", "http://localhost:9999/a/b", "http://[::1]:4000/cb", "http://127.0.0.1"],
)
def test_the_development_keys_may_return_to_any_loopback_address(heap: Heap, uri: str) -> None:
    heap.set(consent="allow")
    answer = heap.authorize(redirect_uri=uri)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(uri + "?code=")


ANSWERS: dict[str, tuple[dict[str, str | None], str]] = {
    "no state": ({"state": None}, "invalid_request"),
    "an empty state": ({"state": ""}, "invalid_request"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "an implicit grant": ({"response_type": "token"}, "unsupported_response_type"),
    "no scope": ({"scope": None}, "invalid_scope"),
    "an unknown scope": ({"scope": "segment,admin"}, "invalid_scope"),
    "scopes separated by spaces": ({"scope": "segment segment"}, "invalid_scope"),
    "a plain challenge": ({"code_challenge": "x" * 43}, "invalid_request"),
    "a short challenge": (
        {"code_challenge": "x" * 42, "code_challenge_method": "S256"},
        "invalid_request",
    ),
}


@pytest.mark.parametrize(("changes", "error"), ANSWERS.values(), ids=ANSWERS)
def test_tells_the_app_about(heap: Heap, changes: dict[str, str | None], error: str) -> None:
    answer = answer_of(heap.authorize(**changes))
    assert answer["error"] == error
    assert answer["error_description"].isascii()
    assert answer.get("state") == (None if "state" in changes else "xyz")


def test_a_parameter_sent_twice_is_an_error(heap: Heap) -> None:
    twice = heap.authorize(state="one").request.url or ""
    answer = heap.session.get(twice + "&scope=segment", allow_redirects=False, timeout=20)
    assert answer_of(answer)["error"] == "invalid_request"


def test_another_app_may_only_return_to_its_registered_address(heap: Heap) -> None:
    app = heap.post(
        "/sandbox/api/partner-apps",
        {"name": "Other", "redirect_uris": [CALLBACK], "scopes": ["segment", "reports"]},
    ).json()
    client_id = app["client_id"]
    assert heap.authorize(client_id=client_id, redirect_uri=CALLBACK + "/").status_code == 400
    assert heap.authorize(client_id=client_id, scope="segment,reports").status_code == 200


def test_reset_forgets_other_apps_and_restores_the_development_keys(heap: Heap) -> None:
    changed = {"client_id": CLIENT_ID, "client_secret": "changed"}
    assert heap.post("/sandbox/api/partner-apps", changed).status_code == 201
    assert heap.post("/sandbox/api/partner-apps", {}).status_code == 201
    heap.post("/sandbox/api/reset")
    [app] = heap.listed("partner-apps")
    assert (app["client_id"], app["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)


def test_a_page_of_another_site_cannot_give_consent(heap: Heap) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = heap.post("/sandbox/consent", data={"decision": "allow"}, headers=headers)
    assert answer.status_code == 403
