"""Secrets are planted, used in every way, and then looked for in all that was written.

A real server process logs at DEBUG. Its log, every file of its data folder as it stands on the
disk, the request log, and every answer that is an error are searched for each secret in each
encoding that a program might put it in.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import pytest
import requests
from sqlalchemy import update

import connector
from connector import vault
from connector.access import SCOPES
from connector.config import load
from connector.redaction import is_secret_name
from connector.runtime import Runtime, build
from connector.store import projects as project_store
from connector.store import requests as request_store
from connector.tables import connect_sessions
from connector.tables import connections as connection_table
from connector.tables import credentials as credential_table

from ..conftest import eventually
from ..invented_provider import CLIENT_ID, CLIENT_SECRET, KEY, OLD_KEY, InventedProvider, Scripted
from ..people import Host, make_host
from ..visitor import argument, with_argument
from ..window import Window
from .server import ServerProcess

PASSWORD = "canary-password-of-the-operator"
WRONG_PASSWORD = "canary-password-typed-wrong"
#: Written into the database by the tests themselves, where a crash will come upon it.
PLANTED = "lk-canary-key-of-frank"
WRONG_KEY = "lk-canary-key-typed-wrong"
SECRET = "canary-secret-of-the-project"
MAIL_PASSWORD = "canary-password-of-the-mail-server"
IN_QUERY = "canary-of-the-caller-in-a-query"
IN_HEADER = "canary-of-the-caller-in-a-header"
IN_COOKIE = "canary-of-the-caller-in-a-cookie"


@dataclass
class House:
    """The server with everything that came out of it, and the secrets that went in."""

    server: ServerProcess
    runtime: Runtime
    host: Host
    provider: InventedProvider
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)

    def keep(self, answer: requests.Response) -> requests.Response:
        """Remember an answer that must hold no secret."""
        headers = {key: val for key, val in answer.headers.items() if key != "Set-Cookie"}
        self.answers.append(f"{answer.status_code} {headers} {answer.text}")
        return answer

    def sdk(self, method: str, rest: str, user: str, **options: Any) -> requests.Response:
        token = self.host.token(user)
        self.secrets[f"user token {len(self.secrets)}"] = token
        headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        url = self.server.url + self.host.path(rest)
        options = {"timeout": 60, "allow_redirects": False, **options}
        return self.keep(requests.request(method, url, headers=headers, **options))


@pytest.fixture(scope="module")
def house(
    _shared_ledgerly: InventedProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A server that has lived through everything."""
    provider = _shared_ledgerly
    provider.reset()
    master_key = vault.format_master_key(vault.new_master_key())
    environ = provider.environment() | {
        "HEAPLINE_DATA_DIR": str(tmp_path_factory.mktemp("canaries") / "data"),
        "HEAPLINE_LOG_LEVEL": "DEBUG",
        "HEAPLINE_MASTER_KEYS": master_key,
        "HEAPLINE_WORKERS": "1",
        # Nothing listens there: what asks for the sandbox fails.
        "HEAPLINE_DEVELOPMENT_ORIGIN": "http://127.0.0.1:9",
        "HEAPLINE_SMTP_URL": f"smtp://canary:{MAIL_PASSWORD}@127.0.0.1:9",
    }
    runtime = build(load(environ))
    with ServerProcess(environ) as server:
        made = House(server, runtime, make_host(runtime, "Acme Notes"), provider)
        made.secrets |= {
            "master key": master_key.partition(":")[2],
            "client secret": CLIENT_SECRET,
            "signing key of the host": made.host.private_pem,
            "key": KEY,
            "old key": OLD_KEY,
            "caller's query": IN_QUERY,
        }
        provider.redirect_uris = {f"{server.url}/connect/ledgerly/callback"}
        _operate(made)
        _set_up(made)
        _give_secrets(made)
        _connect(made)
        _connect_in_vain(made)
        _use(made)
        _renew(made)
        _break(made)
        _disconnect(made)
        made.secrets |= {f"token {n}": text for n, text in enumerate(provider.issued)}
        for number, call in enumerate(provider.token_calls()):
            for name in ("code", "code_verifier"):
                if name in call:
                    made.secrets[f"{name} {number}"] = call[name]
        eventually(lambda: len(_logged(made)) >= 8)
        yield made
    runtime.close()


def _operate(house: House) -> None:
    """Sign in to the console, once with a slip of the hand."""
    house.runtime.access.new_operator("canary@example.com", PASSWORD)
    browser = requests.Session()
    url = f"{house.server.url}/console/sign-in"
    for password in (WRONG_PASSWORD, PASSWORD):
        page = browser.get(url, timeout=30)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        assert token, page.text
        form = {"csrf_token": token.group(1), "email": "canary@example.com", "password": password}
        answer = browser.post(url, data=form, timeout=30, allow_redirects=False)
        house.keep(answer)
    assert answer.status_code in {302, 303}
    house.secrets |= {"password": PASSWORD, "wrong password": WRONG_PASSWORD}
    house.secrets["console cookie"] = browser.cookies["heapline"]
    with house.runtime.database.transaction() as tx:
        operator = project_store.find_operator(tx, "canary@example.com")
        assert operator is not None
        project_store.add_member(tx, house.host.project.id, operator.id)
    for page_name in ("", "/integrations/ledgerly", "/users", "/requests", "/sdk", "/api-keys"):
        path = f"/console/projects/{house.host.project.id}{page_name}"
        assert house.keep(browser.get(house.server.url + path, timeout=30)).status_code == 200


def _set_up(house: House) -> None:
    """Set the app credentials and make a signing key by our own API."""
    _, key = house.runtime.access.new_api_key(house.host.project.id, "k", tuple(SCOPES))
    house.secrets["API key"] = key
    headers, api = {"Authorization": f"Bearer {key}"}, f"{house.server.url}/api/v1"
    body = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scopes": ["books.read"],
        "region": "europe",
    }
    path = f"{api}/integrations/ledgerly/credentials"
    saved = house.keep(requests.put(path, json=body, headers=headers, timeout=30))
    assert saved.status_code == 200, saved.text
    house.keep(requests.get(path, headers=headers, timeout=30))
    made = requests.post(
        f"{api}/signing-keys", json={"name": "x", "generate": True}, headers=headers, timeout=30
    )
    house.secrets["signing key made here"] = made.json()["private_key"]
    house.keep(requests.get(f"{api}/signing-keys", headers=headers, timeout=30))
    wrong = {"Authorization": f"Bearer {key}x"}
    house.keep(requests.get(f"{api}/users", headers=wrong, timeout=30))
    unknown = {**body, "client_secret": CLIENT_SECRET, "nonsense": 1}
    house.keep(requests.put(path, json=unknown, headers=headers, timeout=30))


def _give_secrets(house: House) -> None:
    """Set a secret and where notices go, and have the receivers fail."""
    _, key = house.runtime.access.new_api_key(house.host.project.id, "s", tuple(SCOPES))
    house.secrets |= {"second API key": key, "secret": SECRET, "mail password": MAIL_PASSWORD}
    headers, api = {"Authorization": f"Bearer {key}"}, f"{house.server.url}/api/v1"
    for name, body in (
        ("crm_token", {"value": SECRET}),
        ("Crm_Token", {"value": SECRET}),
        ("crm_token", {"value": [SECRET]}),
        ("crm_token", {"value": SECRET, SECRET: 1}),
    ):
        path = f"{api}/secrets/{name}"
        house.keep(requests.put(path, json=body, headers=headers, timeout=30))
    house.answers.pop()  # it names the field that it does not know
    house.keep(requests.get(f"{api}/secrets", headers=headers, timeout=30))
    wanted = {"webhook_url": "https://127.0.0.1:9/x", "emails": ["canary@example.com"]}
    saved = requests.put(f"{api}/notices", json=wanted, headers=headers, timeout=30)
    house.secrets["webhook secret"] = saved.json()["webhook_secret"]
    tested = house.keep(requests.post(f"{api}/notices/test", headers=headers, timeout=30))
    assert [bool(one["problem"]) for one in tested.json()["items"]] == [True, True]
    assert house.runtime.secrets.open_all(house.host.project.id) == {"crm_token": SECRET}


def _connect(house: House) -> None:
    """Connect by signing in and by keys."""
    window = Window(house.server.url, house.host, "alice", ca_file=house.provider.ca_file)
    at_provider = window.begin("ledgerly", "canary-poll-key-of-the-npm-sdk")
    house.secrets["poll key"] = "canary-poll-key-of-the-npm-sdk"
    house.secrets["link"] = urlsplit(at_provider.url).path.rpartition("/")[2]
    house.secrets["state"] = argument(at_provider.headers["Location"], "state")
    callback = window.get(at_provider.headers["Location"]).headers["Location"]
    house.secrets["code"] = argument(callback, "code")
    done = house.keep(window.get(callback))
    assert done.status_code == 200, done.text
    house.secrets["binding"] = next(
        one.value or "" for one in window._browser.cookies if "connect" in one.name
    )
    house.keep(window.get(callback))
    for payload in ({"workspace": "alices", "key": KEY}, {"workspace": "bobs", "old_key": OLD_KEY}):
        user = payload["workspace"].removesuffix("s") + "-by-key"
        body = {"integrationId": "ledgerly", "payload": payload}
        assert house.sdk("POST", "/credentials", user, json=body).status_code == 200


def _connect_in_vain(house: House) -> None:
    """Fail in ways that have secrets at hand."""
    body = {"integrationId": "ledgerly", "payload": {"workspace": "x!", "key": WRONG_KEY}}
    house.secrets["wrong key"] = WRONG_KEY
    house.sdk("POST", "/credentials", "erin", json=body)
    house.sdk("POST", "/credentials", "erin", data=json.dumps(body)[:-3])
    app_keys = {"app_id": "2544353", "api_key": "canary-api-key-of-nobody"}
    house.secrets["API key of nobody"] = app_keys["api_key"]
    house.sdk("POST", "/credentials", "erin", json={"integrationId": "heap", "payload": app_keys})
    window = Window(house.server.url, house.host, "erin", ca_file=house.provider.ca_file)
    authorize = window.begin("ledgerly", "k").headers["Location"]
    callback = window.get(authorize).headers["Location"]
    code = argument(callback, "code")
    house.secrets["refused code"] = code
    # A provider that repeats what it was sent, as careless ones do.
    told = json.dumps({"error": "invalid_grant", "error_description": f"{code} {CLIENT_SECRET}"})
    house.provider.scripted = [Scripted(400, told.encode())]
    house.keep(window.get(callback))
    house.answers.append(json.dumps(window.poll("k")))
    authorize = window.begin("ledgerly", "k2").headers["Location"]
    callback = window.get(authorize).headers["Location"]
    words = {"error": "x", "error_description": f"secret {CLIENT_SECRET} and {code}"}
    for name, value in words.items():
        callback = with_argument(callback, name, value)
    house.keep(window.get(callback))
    stranger = Window(house.server.url, house.host, "erin")
    house.keep(stranger.get(callback))


def _use(house: House) -> None:
    """Send requests that succeed and requests that fail in every way."""
    sent = {"Cookie": f"session={IN_COOKIE}", "Proxy-Authorization": f"Basic {IN_HEADER}"}
    house.secrets |= {"caller's header": IN_HEADER, "caller's cookie": IN_COOKIE}
    path = f"/proxy/ledgerly/entries?api_key={IN_QUERY}&page=2"
    for user in ("alice", "alice-by-key", "bob-by-key"):
        assert house.sdk("GET", path, user, headers=sent).status_code == 200
        house.answers.pop()  # the provider repeats the query
        house.provider.api_answers = [Scripted(500, b"no"), Scripted(404, b"no")]
        house.sdk("GET", path, user)
        house.sdk("GET", path, user)
        house.provider.api_answers = [Scripted(200, b"x" * 100, cut=True)] * 4
        with pytest.raises(requests.RequestException):
            house.sdk("GET", path, user)
        house.provider.api_answers.clear()
    elsewhere = (("Location", f"http://169.254.169.254/?token={IN_QUERY}"),)
    house.provider.api_answers = [Scripted(302, headers=elsewhere)]
    assert house.sdk("GET", path, "bob-by-key").json()["code"] == "redirect_refused"
    house.sdk("GET", f"/proxy/ledgerly/https://evil.example/?token={IN_QUERY}", "alice")
    nowhere = {"X-Paragon-Proxy-Url": f"/%zz?token={IN_QUERY}"}
    house.sdk("GET", "/proxy/ledgerly", "alice", headers=nowhere)
    house.sdk("GET", f"/proxy/nothing/x?token={IN_QUERY}", "alice")
    house.sdk("GET", "/me", "alice", headers={"X-Paragon-User-Metadata": f"{{{IN_HEADER}"})
    house.sdk("GET", "/me", "alice")
    house.sdk("GET", "/credentials", "alice")
    foreign = f"Bearer {house.host.token('alice')[:-8]}AAAAAAAA"
    house.sdk("GET", "/me", "alice", headers={"Authorization": foreign})
    _unreadable(house, path)


def _unreadable(house: House, path: str) -> None:
    """Send what the HTTP server itself refuses."""
    for head in (
        f"GET {house.host.path(path)} HTTP/1.1\r\nX: {IN_HEADER}\r\n broken \x00\r\n\r\n",
        f"GET {house.host.path(path)} NONSENSE {IN_HEADER}\r\n\r\n",
        f"{IN_QUERY} / HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", house.server.port), 10) as raw:
            raw.sendall(head.encode("latin-1"))
            raw.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: raw.recv(65536), b"")).decode()
        assert '"code": "request_unreadable"' in answer
        house.answers.append(answer.removeprefix("HTTP/1.1 "))


def _renew(house: House) -> None:
    """Renew a token, and fail to."""
    for scripted in ([], [Scripted(500, b"{}")], [Scripted(400, b'{"error": "invalid_grant"}')]):
        house.provider.scripted = list(scripted)
        with house.runtime.database.transaction() as tx:
            tx.execute(update(credential_table).values(expires_at=1.0, retry_at=0.0))
            tx.execute(
                update(credential_table)
                .where(~credential_table.c.refreshable)
                .values(expires_at=None)
            )
        house.sdk("GET", "/proxy/ledgerly/x", "alice")


def _break(house: House) -> None:
    """Crash with a secret in the exception's message."""
    body = {"integrationId": "ledgerly", "payload": {"workspace": "frank", "key": PLANTED}}
    house.secrets["planted key"] = PLANTED
    assert house.sdk("POST", "/credentials", "frank", json=body).status_code == 200
    with house.runtime.database.transaction() as tx:
        tx.execute(
            update(connection_table)
            .where(connection_table.c.account_key == "frank")
            .values(status=PLANTED)
        )
    crashed = house.sdk("GET", f"/credentials?token={IN_QUERY}", "frank")
    assert (crashed.status_code, crashed.json()["code"]) == (500, "internal_error")
    with house.runtime.database.transaction() as tx:
        tx.execute(update(connection_table).values(status="connected"))
    _break_a_session(house)


def _break_a_session(house: House) -> None:
    """Crash where secrets stand in the path."""
    house.secrets["poll key in a path"] = "canary-poll-key-in-a-path"
    window = Window(house.server.url, house.host, "gil", ca_file=house.provider.ca_file)
    at_provider = window.begin("ledgerly", "canary-poll-key-in-a-path")
    house.secrets["link in a path"] = urlsplit(at_provider.url).path.rpartition("/")[2]
    with house.runtime.database.transaction() as tx:
        tx.execute(update(connect_sessions).values(status="nonsense"))
    assert house.keep(window.get(at_provider.url)).status_code == 500
    polled = house.sdk("GET", "/actions/session-id/canary-poll-key-in-a-path", "gil")
    assert polled.status_code == 500


def _disconnect(house: House) -> None:
    for user in ("alice", "alice-by-key"):
        assert house.sdk("DELETE", "/integrations/ledgerly", user).status_code == 200
        house.sdk("GET", "/proxy/ledgerly/x", user)


def _logged(house: House) -> list[Any]:
    with house.runtime.database.reading() as tx:
        return list(request_store.page(tx, house.host.project.id, limit=200))


def forms(secret: str) -> dict[str, bytes]:
    """Return what a secret looks like in the encodings that programs put things in."""
    raw = secret.encode()
    found = {
        "raw": secret,
        "URL-encoded": quote(secret, safe=""),
        "form-encoded": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "JSON in JSON": json.dumps(json.dumps(secret))[3:-3],
        "repr": repr(secret)[1:-1],
        "hexadecimal": raw.hex(),
    }
    for shift in range(3):
        for name, encode in (
            ("Base64", base64.b64encode),
            ("URL Base64", base64.urlsafe_b64encode),
        ):
            whole = encode(b"\0" * shift + raw).decode().rstrip("=")
            found[f"{name} at {shift}"] = whole[4 if shift else 0 : -2]
    found["a line of it"] = max(secret.splitlines(), key=len)
    return {name: form.encode() for name, form in found.items()}


def traces(house: House, places: dict[str, bytes]) -> list[str]:
    """Return each secret that can be read somewhere, with where and how."""
    return [
        f"{name} ({form}) in {place}"
        for name, secret in house.secrets.items()
        for form, looks in forms(secret).items()
        for place, content in places.items()
        if looks in content
    ]


def test_the_search_finds_what_is_there(house: House) -> None:
    """A search that cannot find anything proves nothing."""
    secret = house.secrets["client secret"]
    for name, looks in forms(secret).items():
        assert traces(house, {"here": b"x " + looks + b" y"}), name
    assert traces(house, {"here": base64.b64encode(b"ab" + secret.encode() + b"c")})
    kinds = {name.rstrip("0123456789 ") for name in house.secrets}
    assert kinds >= {"client secret", "token", "code", "state", "link", "user token", "password"}
    assert len(house.secrets) > 30
    assert min(map(len, house.secrets.values())) >= 16


def test_the_log_holds_no_secret_even_at_debug(house: House) -> None:
    written = house.server.output()
    events = ("connection_saved", "connect_failed", "credential_refreshed")
    failures = ("credential_refresh_failed", "request_crashed", "request_unreadable")
    for event in (*events, *failures, "Traceback", "[redacted]"):
        assert event in written
    assert traces(house, {"log": written.encode()}) == []


def test_no_file_of_the_data_folder_holds_a_secret(house: House) -> None:
    folder = house.runtime.settings.data_dir
    files = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert {"heapline.db", "heapline.db-wal"} <= set(files)
    assert len(files["heapline.db-wal"]) > 10_000
    found = traces(house, files)
    assert [one for one in found if not one.startswith("planted key")] == []


def test_no_answer_holds_a_secret(house: House) -> None:
    statuses = {answer[:3] for answer in house.answers}
    assert statuses >= {"200", "400", "401", "404", "500", "502", "503"}
    places = {f"answer {n}: {text[:60]}": text.encode() for n, text in enumerate(house.answers)}
    assert traces(house, places) == []


def test_the_request_log_holds_no_secret(house: House) -> None:
    rows = _logged(house)
    targets = {row.target for row in rows}
    assert any("page=2" in target for target in targets)
    assert any("[redacted]" in target for target in targets)
    assert {row.error_code for row in rows} >= {None, "redirect_refused", "destination_refused"}
    assert traces(house, {"request log": repr(rows).encode()}) == []


def test_what_the_product_prints_of_itself_holds_no_secret(house: House) -> None:
    connection = house.runtime.connections.of_user(house.host.project.id, "bob-by-key")[1][0]
    with house.runtime.database.reading() as tx:
        app = house.runtime.apps.app(tx, house.host.project.id, "ledgerly")
        operator = project_store.find_operator(tx, "canary@example.com")
    row = house.runtime.credentials.current(connection)
    usable = house.runtime.credentials.usable(connection, row, deadline=1e12)
    printed = repr([house.runtime, connection, app, operator, row, usable])
    assert CLIENT_ID in printed
    assert traces(house, {"repr": printed.encode()}) == []
    assert operator is not None
    assert operator.session_key not in printed


def _dataclasses() -> Iterator[type]:
    for module in pkgutil.walk_packages(connector.__path__, "connector."):
        if module.name.startswith(("connector.sandbox", "connector.migrations")):
            continue
        if module.name.endswith("__main__"):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            own = inspect.isclass(value) and value.__module__ == module.name
            if own and dataclasses.is_dataclass(value):
                yield value


#: Fields whose names sound like a secret and are none.
HARMLESS = {
    "ClientCredentials.token_body",
    "ClientCredentials.token_url",
    "AuthorizationCode.token_body",
    "AuthorizationCode.token_url",
    "ConnectAttempt.session_id",
    "Run.state",  # how far it has come
    "WholeRun.state",
    "Attempt.state",
    "NewAccount.secret",  # prints nothing of itself
    "MasterKey.secret",  # prints its id alone
    "DataKey.secret",  # prints its id alone
    "Runtime.credentials",  # the one who keeps them
    "Runtime.secrets",  # the one who keeps them
    "Sender.credentials",
    "Head.headers",  # of answers, not of requests
    "ProxyResponse.headers",
    "Response.headers",
}


def test_no_dataclass_prints_a_field_that_sounds_like_a_secret() -> None:
    words = re.compile(r"secret|token|password|sealed|^code$|^state$|verifier|_key$|^headers$|pem")
    public = re.compile(r"public|idempotency_key|account_key|_hash$|_field$")
    shown = [
        f"{one.__name__}.{item.name}"
        for one in _dataclasses()
        for item in dataclasses.fields(one)
        if item.repr
        and item.type not in {"bool", "int", "float"}
        and (words.search(item.name) or is_secret_name(item.name))
        and not public.search(item.name)
    ]
    assert set(shown) - HARMLESS == set()
    assert HARMLESS - set(shown) == set(), "nothing of that name is left"
