"""Attacks on the way an account is connected: each is refused, and nothing is connected by it."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update
from werkzeug.test import TestResponse

from connector.app import create_app
from connector.config import Settings
from connector.connect_sessions import Wish
from connector.errors import ConnectReturnNotAllowed
from connector.models import Connection
from connector.runtime import Runtime, build
from connector.sandbox import RunningSandbox
from connector.store import connections as connection_store
from connector.tables import connect_attempts, connect_sessions
from connector.tokens import digest

from ..conftest import BufferedClient, SandboxClient, make_app
from ..invented_provider import CLIENT_ID, CLIENT_SECRET, InventedProvider, Scripted
from ..people import GLOBEX, HOST_ORIGIN, Host, make_host
from ..visitor import Visitor, argument, with_argument

EXPIRED = "This connect attempt has expired or was used already. Please start again."
FOREIGN = "This connect attempt was started in another browser. Please start again in this one."


@pytest.fixture(scope="module")
def _module_runtime(
    _shared_sandbox: RunningSandbox,
    _shared_ledgerly: InventedProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runtime]:
    """Both connectors: the built-in one against the sandbox, Ledgerly against its own server."""
    port = _shared_ledgerly.port
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"),
        development_origin=_shared_sandbox.url,
        manifests=(_shared_ledgerly.manifest(),),
        outbound_allow=(f"127.0.0.1:{port}", f"localhost:{port}"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(_shared_ledgerly.ca_file))
        built = build(settings)
    yield built
    built.close()


@pytest.fixture
def runtime(_module_runtime: Runtime) -> Runtime:
    """One runtime for all tests of this file: each has a project of its own."""
    return _module_runtime


@pytest.fixture(scope="module")
def _module_app(_module_runtime: Runtime) -> Flask:
    return make_app(_module_runtime)


@pytest.fixture
def app(_module_app: Flask) -> Flask:
    return _module_app


@dataclass
class Scene:
    """Alice and bob of one project, each with a browser."""

    app: Flask
    host: Host
    sandbox: SandboxClient
    ledgerly: InventedProvider

    def visitor(self, user: str) -> Visitor:
        return Visitor(self.app, self.host, user, ca_file=self.ledgerly.ca_file)

    def connections(self) -> list[Connection]:
        with self.host.runtime.database.reading() as tx:
            return [one for one, _ in connection_store.page(tx, self.host.project.id)]

    def token_calls(self) -> int:
        return int(self.sandbox.get("token-endpoint")["calls"]) + len(self.ledgerly.token_calls())

    def expire(self) -> None:
        with self.host.runtime.database.transaction() as tx:
            tx.execute(update(connect_attempts).values(expires_at=time.time() - 1))

    def set_app(self, connector: str, client_id: str, secret: str) -> None:
        manifest = self.host.runtime.apps.connector(connector)
        self.host.runtime.apps.save(
            self.host.project.id,
            connector,
            client_id=client_id,
            client_secret=secret,
            scopes=manifest.default_scopes(),
            region=manifest.default_region,
            without_app=False,
        )


@pytest.fixture
def scene(app: Flask, host: Host, sandbox: SandboxClient, ledgerly: InventedProvider) -> Scene:
    made = Scene(app, host, sandbox, ledgerly)
    made.set_app("ledgerly", CLIENT_ID, CLIENT_SECRET)
    ledgerly.redirect_uris = {host.runtime.connecting.redirect_uri("ledgerly")}
    return made


def explained(page: TestResponse) -> str:
    """Return what a problem page says, after checking that it is one and a safe one."""
    assert page.mimetype == "text/html"
    assert "no-store" in page.headers["Cache-Control"]
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    match = re.search(r"<h1>[^<]+</h1>\s*<p>([^<]+)</p>", page.text)
    assert match, page.text
    return match.group(1)


# --- The state and the browser: refused before the provider is asked for a token.


def forged_state(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    return alice.come_back(with_argument(callback, "state", "A" * 43))


def empty_state(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    return alice.come_back(with_argument(alice.consent(alice.begin()), "state", ""))


def absent_state(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    return alice.come_back(with_argument(alice.consent(alice.begin()), "state", None))


def hash_of_the_state_from_a_stolen_database(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    return alice.come_back(with_argument(callback, "state", digest(argument(callback, "state"))))


def state_of_an_expired_attempt(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    scene.expire()
    return alice.come_back(callback)


def state_of_another_connector(scene: Scene) -> TestResponse:
    """Mix-up: the answer of one provider arrives at another one's callback."""
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin("heap"))
    return alice.come_back(callback.replace("/connect/heap/", "/connect/ledgerly/"))


def callback_of_a_connector_that_is_not_there(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin("heap"))
    return alice.come_back(callback.replace("/connect/heap/", "/connect/nothing/"))


def state_tried_at_another_connector_first(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin("heap"))
    alice.come_back(callback.replace("/connect/heap/", "/connect/ledgerly/"))
    return alice.come_back(callback)


def callback_in_a_browser_without_a_cookie(scene: Scene) -> TestResponse:
    callback = scene.visitor("alice").consent(scene.visitor("alice").begin())
    return scene.visitor("alice").come_back(callback)


def callback_in_a_browser_with_a_made_up_cookie(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    (cookie,) = [one for one in alice.client._cookies.values() if "connect" in one.key]
    stranger = scene.visitor("alice")
    stranger.client.set_cookie(cookie.key, "nonce." + "0" * 64)
    return stranger.come_back(callback)


def callback_in_a_browser_of_the_same_user(scene: Scene) -> TestResponse:
    alice, elsewhere = scene.visitor("alice"), scene.visitor("alice")
    callback = alice.consent(alice.begin())
    elsewhere.begin(key="other")
    return elsewhere.come_back(callback)


def callback_in_a_browser_of_another_user(scene: Scene) -> TestResponse:
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    callback = alice.consent(alice.begin())
    bob.begin()
    return bob.come_back(callback)


def login_csrf(scene: Scene) -> TestResponse:
    """Bob agrees for his own account and has alice open the address that he was sent back to."""
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    alice.begin()
    scene.sandbox.set(consent_app_id=GLOBEX["app_id"])
    return alice.come_back(bob.consent(bob.begin()))


def cookie_moved_to_another_user_s_name(scene: Scene) -> TestResponse:
    """A binding holds for the one user that it was made for."""
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    bob.window()
    link = bob.link()
    alice.window()
    (own,) = [one for one in alice.client._cookies.values() if "connect" in one.key]
    (bobs,) = [one for one in bob.client._cookies.values() if "connect" in one.key]
    alice.client.set_cookie(bobs.key, own.value or "")
    return alice.client.get(link)


def stolen_window_link(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    alice.window()
    return scene.visitor("bob").client.get(alice.link())


def stolen_window_link_opened_as_a_connect_link(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    alice.window()
    return scene.visitor("bob").client.get(alice.link().replace("/go/", "/link/"))


def made_up_link(scene: Scene) -> TestResponse:
    return scene.visitor("alice").client.get("/connect/go/" + "A" * 43)


def link_of_an_expired_session(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    alice.window()
    link = alice.link()
    with scene.host.runtime.database.transaction() as tx:
        tx.execute(update(connect_sessions).values(expires_at=time.time() - 1))
    return alice.client.get(link)


@pytest.mark.parametrize(
    ("attack", "status", "words"),
    [
        (forged_state, 410, EXPIRED),
        (empty_state, 410, EXPIRED),
        (absent_state, 410, EXPIRED),
        (hash_of_the_state_from_a_stolen_database, 410, EXPIRED),
        (state_of_an_expired_attempt, 410, EXPIRED),
        (state_of_another_connector, 410, EXPIRED),
        (callback_of_a_connector_that_is_not_there, 410, EXPIRED),
        (state_tried_at_another_connector_first, 410, EXPIRED),
        (callback_in_a_browser_without_a_cookie, 403, FOREIGN),
        (callback_in_a_browser_with_a_made_up_cookie, 403, FOREIGN),
        (callback_in_a_browser_of_the_same_user, 403, FOREIGN),
        (callback_in_a_browser_of_another_user, 403, FOREIGN),
        (login_csrf, 403, FOREIGN),
        (cookie_moved_to_another_user_s_name, 403, FOREIGN),
        (stolen_window_link, 403, FOREIGN),
        (stolen_window_link_opened_as_a_connect_link, 403, FOREIGN),
        (made_up_link, 410, EXPIRED),
        (link_of_an_expired_session, 410, EXPIRED),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refused_before_any_token_is_asked_for(
    scene: Scene, attack: Callable[[Scene], TestResponse], status: int, words: str
) -> None:
    page = attack(scene)
    assert (page.status_code, explained(page)) == (status, words)
    assert scene.connections() == []
    assert scene.token_calls() == 0


def test_a_callback_that_was_used_is_refused_and_changes_nothing(scene: Scene) -> None:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    assert alice.come_back(callback).status_code == 200
    before = scene.connections()
    page = alice.come_back(callback)
    assert (page.status_code, explained(page)) == (410, EXPIRED)
    assert scene.connections() == before
    assert alice.poll() == {"connectCredentialId": before[0].id}
    assert scene.token_calls() == 1


def test_of_two_callbacks_at_once_exactly_one_passes(scene: Scene) -> None:
    alice = scene.visitor("alice")
    scene.sandbox.set(token_latency_seconds=0.2)
    callback = alice.consent(alice.begin())
    (cookie,) = [one for one in alice.client._cookies.values() if "connect" in one.key]
    start = Barrier(8)

    def follow(_: int) -> int:
        twin = scene.visitor("alice")
        twin.client.set_cookie(cookie.key, cookie.value or "")
        start.wait(20)
        return twin.come_back(callback).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(follow, range(8)))
    assert statuses == [200] + [410] * 7
    assert scene.token_calls() == 1
    assert len(scene.connections()) == 1


# --- The code and the account: the provider or what it says is at fault.


def code_of_another_client(scene: Scene) -> TestResponse:
    """A code that the provider issued to an app of the attacker's, under the same address."""
    alice = scene.visitor("alice")
    authorize = alice.begin()
    scene.sandbox.post(
        "partner-apps",
        {
            "client_id": "attacker",
            "client_secret": "s",
            "redirect_uris": [argument(authorize, "redirect_uri")],
        },
    )
    injected = argument(alice.consent(with_argument(authorize, "client_id", "attacker")), "code")
    return alice.come_back(with_argument(alice.consent(authorize), "code", injected))


def code_that_was_used(scene: Scene) -> TestResponse:
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    spent = bob.consent(bob.begin())
    bob.come_back(spent)
    scene.host.runtime.connections.delete_user(scene.host.project.id, "bob")
    callback = alice.consent(alice.begin())
    return alice.come_back(with_argument(callback, "code", argument(spent, "code")))


def code_of_another_attempt_where_there_is_pkce(scene: Scene) -> TestResponse:
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    stolen = argument(bob.consent(bob.begin("ledgerly")), "code")
    callback = alice.consent(alice.begin("ledgerly"))
    return alice.come_back(with_argument(callback, "code", stolen))


def made_up_code(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    return alice.come_back(with_argument(alice.consent(alice.begin()), "code", "x"))


def no_code(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    return alice.come_back(with_argument(alice.consent(alice.begin()), "code", None))


def wrong_issuer(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin("ledgerly"))
    return alice.come_back(with_argument(callback, "iss", "https://evil.example"))


def issuer_that_only_begins_right(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin("ledgerly"))
    return alice.come_back(with_argument(callback, "iss", scene.ledgerly.issuer + ".evil.example"))


def client_id_changed_meanwhile(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    callback = alice.consent(alice.begin())
    scene.set_app("heap", "another-client", "another-secret")
    return alice.come_back(callback)


def refusal_by_the_person(scene: Scene) -> TestResponse:
    alice = scene.visitor("alice")
    scene.sandbox.set(consent="deny")
    page = alice.come_back(alice.consent(alice.begin()))
    scene.sandbox.set(consent="allow")
    return page


@pytest.mark.parametrize(
    ("attack", "status", "words"),
    [
        (code_of_another_client, 502, "Heap did not accept the sign-in."),
        (code_that_was_used, 502, "Heap did not accept the sign-in."),
        (
            code_of_another_attempt_where_there_is_pkce,
            502,
            "Ledgerly did not accept the sign-in.",
        ),
        (made_up_code, 502, "Heap did not accept the sign-in."),
        (no_code, 502, "Heap reported a problem."),
        (wrong_issuer, 400, "The answer came from another provider than the one that was asked."),
        (issuer_that_only_begins_right, 400, "The answer came from another provider than the one"),
        (client_id_changed_meanwhile, 502, "The project&#39;s client id was changed meanwhile."),
        (refusal_by_the_person, 400, "Access was not granted, so nothing was connected."),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refused_with_a_way_back(
    scene: Scene, attack: Callable[[Scene], TestResponse], status: int, words: str
) -> None:
    page = attack(scene)
    assert page.status_code == status
    assert explained(page).startswith(words)
    assert scene.connections() == []
    assert 'data-post-origin="http://127.0.0.1:5999"' in page.text
    assert "/connect/again/" in page.text


@pytest.mark.parametrize("attack", [made_up_code, refusal_by_the_person, wrong_issuer])
def test_the_way_back_works_and_the_sdk_that_polls_sees_how_it_ends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, attack: Callable[[Scene], TestResponse]
) -> None:
    used: list[Visitor] = []
    plain = scene.visitor

    def remembered(user: str) -> Visitor:
        used.append(plain(user))
        return used[-1]

    scene.visitor = remembered  # type: ignore[method-assign]
    page = attack(scene)
    (alice,) = used
    assert set(alice.poll()["error"]) == {"code", "message"}
    done = alice.come_back(alice.consent(alice.retry(page)))
    assert (done.status_code, "is connected" in done.text) == (200, True)
    assert alice.poll() == {"connectCredentialId": scene.connections()[0].id}


def test_the_way_back_is_for_the_browser_that_was_refused(scene: Scene) -> None:
    page = refusal_by_the_person(scene)
    (path,) = re.findall(r'href="(/connect/again/[^"]+)"', page.text)
    foreign = scene.visitor("alice").client.get(path)
    unknown = scene.visitor("alice").client.get(re.sub(r"[^/]+$", "no-such-session", path))
    assert (foreign.status_code, unknown.status_code) == (410, 410)
    assert foreign.text == unknown.text
    own = connect_sessions.c.project_id == scene.host.project.id
    with scene.host.runtime.database.reading() as tx:
        assert tx.execute(connect_sessions.select().where(own)).one().status == "failed"


def test_another_account_than_the_one_to_be_renewed_is_refused(scene: Scene) -> None:
    alice = scene.visitor("alice")
    connection_id = alice.connect(key="first")
    before = scene.connections()
    scene.sandbox.set(consent_app_id=GLOBEX["app_id"])
    authorize = alice.begin(key="second", selectedCredentialId=connection_id)
    page = alice.come_back(alice.consent(authorize))
    assert page.status_code == 400
    assert explained(page) == (
        "Another account was chosen than the one that this connection belongs to."
    )
    assert scene.connections() == before
    assert alice.poll("second")["error"]["code"] == "connect_wrong_account"


def test_someone_else_s_connection_cannot_be_renewed(scene: Scene, other_host: Host) -> None:
    alice, bob = scene.visitor("alice"), scene.visitor("bob")
    others = [
        alice.connect(),
        Visitor(scene.app, other_host, "charlie").connect(),
        "00000000-0000-4000-8000-000000000000",
    ]
    answers = [bob.build("heap", "k", selectedCredentialId=one) for one in others]
    bodies = [{**one.json, "meta": None} for one in answers]
    assert [one.status_code for one in answers] == [404] * 3
    assert bodies == [bodies[0]] * 3


# --- What the provider says is shown, never run.

SCRIPTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "</blockquote><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}${7*7}",
    "\u202egnp.exe\x00\x1b[31m\r\nSet-Cookie: a=b",
    "A" * 5000,
]
#: What must be read nowhere, not even escaped: not all that shows a log or an answer escapes.
HARMFUL = (
    "<script>",
    "<img src=x",
    "<svg/",
    "</blockquote><",
    "\u202e",
    "\x00",
    "\x1b[31m\r",
    "A" * 501,
)


class _Markup(HTMLParser):
    """Collects every tag of a page with its attributes, but for what may differ each time."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = {key: val for key, val in attrs if key not in {"data-problem", "href"}}
        self.tags.append((tag, kept))


@pytest.mark.parametrize("text", SCRIPTS, ids=range(len(SCRIPTS)))
@pytest.mark.parametrize("place", ["error", "error_description"])
def test_markup_in_the_provider_s_words_is_shown_and_not_run(
    scene: Scene, capsys: pytest.CaptureFixture[str], place: str, text: str
) -> None:
    def told(words: str) -> TestResponse:
        query = {"state": argument(alice.begin(), "state"), "error": "x", place: words}
        return alice.client.get("/connect/heap/callback", query_string=query)

    alice = scene.visitor("alice")
    plain, page = told("plain words"), told(text)
    assert (page.status_code, explained(page)) == (502, "Heap reported a problem.")
    assert _Markup(page.text).tags == _Markup(plain.text).tags
    assert len(page.text) < len(plain.text) + 2500
    assert {*page.headers.keys()} == {*plain.headers.keys()}
    assert "alert" not in json.dumps(alice.poll())
    written = "".join(capsys.readouterr())
    assert written.count("connect_failed") == 2
    for place_ in (written, html.unescape(page.text)):
        assert not [one for one in HARMFUL if one in place_]


def test_the_words_of_a_token_endpoint_are_shown_and_not_run(scene: Scene) -> None:
    body = {"error": "<b>no</b>", "error_description": "<script>alert(1)</script>"}
    scene.sandbox.fault(
        kind="status", path="/api/partner/oauth/token", status=400, body=json.dumps(body)
    )
    alice = scene.visitor("alice")
    page = alice.come_back(alice.consent(alice.begin()))
    assert "<script>alert" not in page.text
    assert "script alert(1) /script" in page.text
    assert "alert" not in json.dumps(alice.poll())


# --- Token answers that a good provider would never give.

ANSWERS: dict[str, tuple[Scripted, int]] = {
    "an error with status 200": (Scripted(body=b'{"error": "invalid_grant"}'), 502),
    "a page of HTML": (Scripted(body=b"<html><body>Down for maintenance</body></html>"), 503),
    "a page of HTML with status 403": (Scripted(403, b"<html>blocked</html>"), 503),
    "nothing": (Scripted(body=b""), 503),
    "a list": (Scripted(body=b"[1, 2]"), 503),
    "a number": (Scripted(body=b"7"), 503),
    "null": (Scripted(body=b"null"), 503),
    "deep nesting": (Scripted(body=b'{"a":' * 20_000 + b"1" + b"}" * 20_000), 503),
    "no token": (Scripted(body=b'{"token_type": "bearer"}'), 503),
    "a token that is no text": (Scripted(body=b'{"access_token": {"a": 1}}'), 503),
    "a lifetime that is no number": (
        Scripted(body=b'{"access_token": "abcdefgh", "expires_in": {"a": 1}}'),
        503,
    ),
    "no account": (Scripted(body=b'{"access_token": "abcdefgh"}'), 502),
    "an account that is no text": (
        Scripted(body=b'{"access_token": "abcdefgh", "workspace": {"owner": {"ids": [{}]}}}'),
        502,
    ),
    "an account of control characters": (
        Scripted(body=b'{"access_token": "a", "workspace": {"owner": {"ids": ["a\\u0000"]}}}'),
        502,
    ),
    "an account longer than any": (
        Scripted(
            body=json.dumps(
                {"access_token": "abcdefgh", "workspace": {"owner": {"ids": ["a" * 501]}}}
            ).encode()
        ),
        502,
    ),
    "a body of 200 MB": (Scripted(body=b" " * 1_000_000, times=200), 502),
    "a redirect to a private host": (
        Scripted(302, headers=(("Location", "http://169.254.169.254/latest/meta-data/"),)),
        502,
    ),
    "a redirect that keeps the method": (
        Scripted(307, headers=(("Location", "https://127.0.0.1:1/oauth2/token"),)),
        502,
    ),
    "a redirect without a place": (Scripted(304), 503),
    "an error of its own": (Scripted(500, b'{"error": "invalid_grant"}'), 503),
    "a request to slow down": (Scripted(429, headers=(("Retry-After", "5"),)), 503),
    "a refusal that passes": (Scripted(400, b'{"error": "temporarily_unavailable"}'), 503),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_a_token_answer_that_cannot_be_used_is_a_problem_with_a_way_back(
    scene: Scene, name: str
) -> None:
    scripted, status = ANSWERS[name]
    scene.ledgerly.scripted = [scripted]
    alice = scene.visitor("alice")
    page = alice.come_back(alice.consent(alice.begin("ledgerly")))
    assert page.status_code == status
    assert explained(page)
    assert scene.connections() == []
    assert len(scene.ledgerly.token_calls()) == 1
    done = alice.come_back(alice.consent(alice.retry(page)))
    assert done.status_code == 200
    assert alice.poll() == {"connectCredentialId": scene.connections()[0].id}


# --- Where people are sent.


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
        {"Forwarded": "host=evil.example;proto=https"},
        {"X-Original-Host": "evil.example", "X-Host": "evil.example"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("trusted_proxies", [0, 1])
def test_the_caller_s_headers_do_not_move_the_redirect_uri(
    make_settings: Callable[..., Any],
    sandbox: SandboxClient,
    headers: dict[str, str],
    trusted_proxies: int,
) -> None:
    built = build(make_settings(trusted_proxies=trusted_proxies))
    try:
        app = create_app(built)
        app.test_client_class = BufferedClient
        alice = Visitor(app, make_host(built, "Acme Notes"), "alice")
        original = alice.client.open
        alice.client.open = lambda *a, **k: original(  # type: ignore[method-assign,assignment]
            *a, **{**k, "headers": {**dict(k.get("headers") or {}), **headers}}
        )
        path = f"/v2/projects/{alice.host.project.id}/sdk/actions/build-oauth"
        assert alice.window().status_code == 200
        answer = alice.client.get(
            path,
            query_string={"action": "heap", "originForPostMessage": HOST_ORIGIN},
            headers=alice.host.headers("alice"),
        )
        assert answer.json["redirectUrl"].startswith("http://127.0.0.1:8700/connect/go/")
        onward = alice.client.get(answer.json["redirectUrl"].removeprefix("http://127.0.0.1:8700"))
        location = onward.headers["Location"]
        assert location.startswith(sandbox.url + "/")
        expected = "http://127.0.0.1:8700/connect/heap/callback"
        assert argument(location, "redirect_uri") == expected
    finally:
        built.close()


@pytest.mark.parametrize(
    "return_url",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "\\\\evil.example\\",
        "/\\evil.example",
        "http:\\\\127.0.0.1:5999/",
        "http:/127.0.0.1:5999/",
        "http:127.0.0.1:5999",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//http://127.0.0.1:5999",
        "data:text/html,<script>alert(1)</script>",
        "http://127.0.0.1:5999@evil.example/",
        "http://user@127.0.0.1:5999/",
        "http://127.0.0.1:5999\\@evil.example/",
        "http://127.0.0.1:5999\t@evil.example/",
        "http://127.0.0.1:5999.evil.example/",
        "http://evil.example/?http://127.0.0.1:5999",
        "http://evil.example#http://127.0.0.1:5999",
        "http://127.0.0.1:5998/",
        "http://127.0.0.1/",
        "https://127.0.0.1:5999/",
        "http://127.0.0.1:59990/",
        "http://localhost:5999/",
        "http://[::1",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "",
        " ",
    ],
)
def test_nobody_is_sent_back_to_a_stranger(host: Host, return_url: str) -> None:
    with pytest.raises(ConnectReturnNotAllowed):
        host.runtime.connect_sessions.start(
            host.project, "alice", Wish(connector="heap", return_url=return_url)
        )


@pytest.mark.parametrize(
    "return_url",
    [
        "http://127.0.0.1:5999",
        "http://127.0.0.1:5999/settings?tab=integrations#heap",
        "HTTP://127.0.0.1:5999/",
        "http://127.0.0.1:8700/",
    ],
)
def test_people_are_sent_back_to_the_project_s_own_pages(host: Host, return_url: str) -> None:
    session, _ = host.runtime.connect_sessions.start(
        host.project, "alice", Wish(connector="heap", return_url=return_url)
    )
    assert session.return_url == return_url


def test_a_code_that_was_sent_to_our_own_callback_is_not_taken_from_elsewhere(
    scene: Scene,
) -> None:
    """Whoever finds a code cannot make it their own account past state and browser."""
    alice = scene.visitor("alice")
    authorize = alice.begin()
    stolen = argument(alice.consent(authorize), "code")
    body = {
        "integrationId": "heap",
        "code": stolen,
        "redirectUrl": argument(authorize, "redirect_uri"),
    }
    answer = alice.client.post(
        scene.host.path("/credentials"), json=body, headers=scene.host.headers("bob")
    )
    assert (answer.status_code, answer.json["code"]) == (400, "connect_return_not_allowed")
    assert scene.connections() == []


# --- The window's first page binds a browser: it must be the host product that opens it.


@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.example/page",
        "http://127.0.0.1:5999.evil.example/",
        "http://127.0.0.1:5998/",
        "null",
        "http://[",
        "http://127.0.0.1:port/",
    ],
)
@pytest.mark.parametrize("action", ["oauth-nonce", "build-oauth"])
def test_a_stranger_s_page_cannot_bind_a_browser(scene: Scene, action: str, referer: str) -> None:
    query = {
        "action": "heap",
        "originForPostMessage": HOST_ORIGIN,
        "userToken": scene.host.token("bob"),
        "sessionId": "s",
    }
    client = scene.app.test_client()
    path = scene.host.path(f"/actions/{action}")
    page = client.get(path, query_string=query, headers={"Referer": referer})
    assert (page.status_code, "Set-Cookie" in page.headers) == (403, False)
    assert "is not among the project&#39;s allowed origins" in page.text
    good = client.get(path, query_string=query, headers={"Referer": HOST_ORIGIN + "/settings"})
    assert "Set-Cookie" in good.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "", "*", "null", HOST_ORIGIN + "/", HOST_ORIGIN.upper()]
)
def test_messages_go_to_no_other_origin_than_the_project_s(scene: Scene, origin: str) -> None:
    query = {"action": "heap", "originForPostMessage": origin}
    token = {"userToken": scene.host.token("alice")}
    client = scene.app.test_client()
    window = client.get(scene.host.path("/actions/oauth-nonce"), query_string=query | token)
    built = client.get(
        f"/v2{scene.host.path('/actions/build-oauth')}",
        query_string=query,
        headers=scene.host.headers("alice"),
    )
    assert (window.status_code, built.status_code) == (403, 403)
    assert built.json["code"] == "origin_not_allowed"
    assert "data-post-origin" not in window.text


def test_the_window_s_page_needs_a_token_of_this_project(scene: Scene, other_host: Host) -> None:
    query = {"action": "heap", "originForPostMessage": HOST_ORIGIN}
    for token in ("", "x.y.z", other_host.token("charlie")):
        page = scene.app.test_client().get(
            scene.host.path("/actions/oauth-nonce"), query_string={**query, "userToken": token}
        )
        assert page.status_code in {401, 404}
        assert "Set-Cookie" not in page.headers


def test_the_binding_cookie_is_out_of_reach_for_scripts_and_other_sites(scene: Scene) -> None:
    cookie = scene.visitor("alice").window().headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_over_tls_the_binding_cookie_is_pinned_to_the_host(
    make_settings: Callable[..., Any],
) -> None:
    built = build(make_settings(public_url="https://connect.example.com"))
    try:
        alice = Visitor(create_app(built), make_host(built, "Acme Notes"), "alice")
        window = alice.window()
        cookie = window.headers["Set-Cookie"]
        assert cookie.startswith("__Host-heapline-connect-")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert "max-age=" in window.headers["Strict-Transport-Security"]
    finally:
        built.close()


def test_what_a_window_shows_leaks_nothing_onwards(scene: Scene) -> None:
    """Its address holds a token: no page that follows may learn it."""
    window = scene.visitor("alice").window()
    assert window.headers["Referrer-Policy"] == "no-referrer"
    assert window.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in window.headers["Content-Security-Policy"]
    assert scene.host.token("alice")[:20] not in window.text
