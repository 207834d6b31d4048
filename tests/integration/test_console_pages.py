"""Every page of the console: it renders, is kept by nobody, and gives no secret away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from connector.app import create_app
from connector.config import Settings
from connector.models import Connection
from connector.runtime import Runtime, build
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.tokens import digest

from ..operators import Console, make_operator
from ..people import ACME, Host, make_host

PAGES = {
    "": "Overview",
    "/settings": "Project settings",
    "/integrations": "Integrations",
    "/integrations/heap": "Heap",
    "/users": "Connected users",
    "/users/{user_id}": "alice",
    "/connect-links/new": "Make a connect link",
    "/requests": "Request log",
    "/sdk": "SDK",
    "/signing-keys/new": "Add a signing key",
    "/api-keys": "API keys",
}
CLIENT_SECRET = "canary-client-secret-3f1d"


@pytest.fixture
def alice(host: Host) -> Connection:
    return host.connect("alice")


def test_every_page_renders_and_is_kept_by_no_cache(console: Console, alice: Connection) -> None:
    for path, title in PAGES.items():
        page = console.get(console.path(path.format(user_id=alice.user_id)))
        assert page.status == 200, path
        assert title in page.text
        assert "Acme Notes" in page.text
        headers = page.answer.headers
        assert headers["Cache-Control"] == "no-store", path
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_every_page_of_a_project_is_in_that_table(app: Flask) -> None:
    prefix = "/console/projects/<project_id>"
    rules = {
        str(rule).removeprefix(prefix).replace("<", "{").replace(">", "}")
        for rule in app.url_map.iter_rules()
        if str(rule).startswith(prefix) and "GET" in (rule.methods or set())
    }
    assert {rule.replace("{connector}", "heap") for rule in rules} == set(PAGES)


def test_the_same_pages_render_for_a_project_with_nothing_in_it(
    app: Flask, runtime: Runtime
) -> None:
    with runtime.database.transaction() as tx:
        project = project_store.create(tx, "Nothing yet", ())
    make_operator(runtime, "nora@example.com", project)
    console = Console(app, project)
    console.sign_in("nora@example.com")
    for path in PAGES:
        if "{user_id}" not in path:
            assert console.get(console.path(path)).status == 200, path
    assert "0 of 5 done" in console.get(console.path()).text


def test_every_page_renders_on_every_kind_of_storage(
    make_settings: Callable[..., Settings], storage_url: str
) -> None:
    runtime = build(make_settings(database_url=storage_url))
    try:
        host = make_host(runtime, "Acme Notes")
        make_operator(runtime, "olga@example.com", host.project)
        console = Console(create_app(runtime), host.project)
        console.sign_in("olga@example.com")
        alice = host.connect("alice")
        queries = ("/users?search=ALI&status=connected", "/requests?user=alice&failed=yes&before=9")
        for path in (*PAGES, *queries):
            page = console.get(console.path(path.format(user_id=alice.user_id)))
            assert page.status == 200, path
        assert console.get(console.path("/users?search=%00")).status in {200, 400}
        assert console.get(console.path("/users/%00")).status == 404
    finally:
        runtime.close()


def test_links_of_every_page_lead_somewhere(console: Console, alice: Connection) -> None:
    seen: set[str] = set()
    waiting = [console.path()]
    while waiting:
        path = waiting.pop()
        page = console.get(path)
        assert page.status in {200, 302, 303}, path
        found = {link.partition("#")[0] for link in page.links if link.startswith("/console/")}
        posts = {"/sign-out", "/disconnect", "/link", "/delete", "/revoke"}
        found = {link for link in found if not any(link.endswith(end) for end in posts)}
        waiting.extend(found - seen)
        seen |= found
    assert console.path(f"/users/{alice.user_id}") in seen
    assert len(seen) > 10


def test_no_page_gives_a_secret_away(console: Console, host: Host, alice: Connection) -> None:
    runtime, project_id = host.runtime, host.project.id
    runtime.apps.save(
        project_id,
        "heap",
        client_id="my-client-id",
        client_secret=CLIENT_SECRET,
        scopes=("segment",),
        region="us",
        without_app=False,
    )
    key, text = runtime.access.new_api_key(project_id, "server", ("requests:read",))
    with runtime.database.reading() as tx:
        operator = project_store.find_operator(tx, "olga@example.com")
        stored = project_store.app_credentials_of(tx, project_id, "heap")
        assert key_store.api_key_by_hash(tx, digest(text)) == key
    assert operator
    assert stored
    secrets = {
        "client secret": CLIENT_SECRET,
        "sealed client secret": stored.client_secret_sealed,
        "key of a user": ACME["api_key"],
        "API key": text,
        "hash of the API key": digest(text),
        "hash of the password": operator.password_hash,
        "session key": operator.session_key,
        "private key": "PRIVATE KEY",
    }
    for path in PAGES:
        html = console.get(console.path(path.format(user_id=alice.user_id))).html
        found = [name for name, secret in secrets.items() if secret in html]
        assert not found, path
    assert "my-client-id" in console.get(console.path("/integrations/heap")).html


def test_what_people_named_themselves_is_text_and_never_markup(
    console: Console, host: Host
) -> None:
    name = "<img src=x onerror=alert(1)>"
    connection = host.connect(name)
    host.runtime.connections.set_meta(host.project.id, name, {"Name": "</pre><script>alert(2)"})
    for path in ("/users", f"/users/{connection.user_id}", "/connect-links/new?user=" + name):
        page = console.get(console.path(path))
        assert "<img src=x" not in page.html
        assert "<script>alert" not in page.html
    assert console.get(console.path(f"/users/{connection.user_id}")).text.count(name) > 0


def test_a_failure_gets_a_page_that_says_no_more_than_its_request_id(
    console: Console, host: Host
) -> None:
    with host.runtime.database.transaction() as tx:
        tx.exec_driver_sql("DROP TABLE request_log")
    page = console.get(console.path())
    assert (page.status, page.answer.mimetype) == (503, "text/html")
    assert "The database cannot be used. The server's log says why." in page.text
    assert page.answer.headers["X-Request-Id"] in page.text
    assert "request_log" not in page.html
    assert host.runtime.settings.storage_url() not in page.html


def test_a_fault_of_ours_gets_a_page_too(console: Console, host: Host) -> None:
    with host.runtime.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE projects SET origins = '12'")
    page = console.get(console.path())
    assert (page.status, page.answer.mimetype) == (500, "text/html")
    assert "Something went wrong on our side." in page.text
    assert page.answer.headers["X-Request-Id"] in page.text
    assert "Traceback" not in page.html
