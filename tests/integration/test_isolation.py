"""Nobody reaches, or learns of, what belongs to another user or another project.

Every route of the server with a name in its address is either called here with someone else's ids,
or listed with the reason why it need not be. A new route fails the test until it is thought about.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from connector.config import Settings
from connector.connect_sessions import Wish
from connector.runtime import build
from connector.sandbox import RunningSandbox
from connector.sdk_protocol import integration_id
from connector.store import configurations as configuration_store
from connector.tables import metadata

from ..conftest import make_app
from ..people import ACME, GLOBEX, HOST_ORIGIN, Host, make_host
from ..visitor import Visitor

#: Blueprints with tests of their own for this, beside those of the pages and calls that they hold.
ELSEWHERE = {"console": "test_console_access.py", "api": "test_api_isolation.py"}
#: Routes whose names are not anybody's.
OPEN_TO_ALL = {
    "static": "built files",
    "portal.icon": "the icons of connectors",
    "connect.callback": "the state is what counts; see test_connect_attacks.py",
    "connect.go": "links are secrets themselves; see test_connect_attacks.py",
    "connect.start": "links are secrets themselves; see test_connect_attacks.py",
    "connect.choose": "links are secrets themselves; see test_connect_attacks.py",
    "triggers.receive": "addresses are secrets themselves; see test_webhooks.py",
}
#: A workflow of every project.
SHARED = "shared"
UNKNOWN = "5e5f7c5e-0000-4000-8000-1234567890ab"


@dataclass(frozen=True)
class Owned:
    """What belongs to one user and has an id."""

    project: str
    connection: str
    external_id: str
    configuration: str
    integration: str
    poll_key: str
    session: str
    #: All users of the project may know it.
    workflow: str


@dataclass(frozen=True)
class Caller:
    """Someone with a token, and where the calls go."""

    app: Flask
    host: Host
    user: str

    def call(self, method: str, rest: str, *, prefix: str = "", **options: Any) -> TestResponse:
        headers = self.host.headers(self.user) | options.pop("headers", {})
        client = self.app.test_client()
        path = prefix + self.host.path(rest)
        return client.open(path, method=method, headers=headers, **options)


Call = Callable[[Caller, Owned], TestResponse]


def _configured(method: str) -> list[Call]:
    """Call a route of configurations: of someone else's connection, and of one's own."""
    return [
        lambda c, o: c.call(
            method, f"/credentials/{o.connection}/configurations", json={"meta": {}}
        ),
        lambda c, o: c.call(
            method,
            f"/credentials/{own_connection(c)}/configurations",
            json={"meta": {}},
            headers={"X-Paragon-Configuration-Id": o.configuration},
        ),
    ]


def own_connection(caller: Caller) -> str:
    answer = caller.call("GET", "/credentials")
    return str(answer.json[0]["id"])


def _build(prefix: str) -> Call:
    def call(caller: Caller, owned: Owned) -> TestResponse:
        query = {
            "action": "heap",
            "originForPostMessage": HOST_ORIGIN,
            "userToken": caller.host.token(caller.user),
            "installOptions": f'{{"selectedCredentialId": "{owned.connection}"}}',
        }
        path = "/actions/build-oauth"
        return caller.call("GET", path, prefix=prefix, query_string=query)

    return call


def _bodies(owned: Owned) -> list[dict[str, Any]]:
    options = {"selectedCredentialId": owned.connection}
    by_external = {"selectedCredentialId": f"ext:{owned.external_id}"}
    return [
        {"integrationId": "heap", "payload": ACME, "installOptions": options},
        {"integrationId": "heap", "payload": ACME, "installOptions": by_external},
    ]


#: Endpoint -> the ways in which someone else's ids can stand in a call of it.
CALLS: dict[str, list[Call]] = {
    "sdk.me": [],
    "sdk.update_me": [],
    "sdk.metadata": [],
    "sdk.integrations": [],
    "sdk.credentials": [],
    "sdk.create_credential": [
        lambda c, o: c.call("POST", "/credentials", json=_bodies(o)[0]),
        lambda c, o: c.call("POST", "/credentials", json=_bodies(o)[1]),
    ],
    "sdk.credential": [
        lambda c, o: c.call("GET", f"/credentials/{o.connection}"),
        lambda c, o: c.call("GET", f"/credentials/{o.external_id}"),
        lambda c, o: c.call("GET", f"/credentials/ext:{o.external_id}"),
    ],
    "sdk.complete_setup": [
        lambda c, o: c.call("POST", f"/credentials/{o.connection}/complete-setup", json={}),
    ],
    "sdk.update_credential": [
        lambda c, o: c.call(
            "PATCH", f"/credentials/{o.connection}", json={"config": {"sharedSettings": {"a": 1}}}
        ),
        lambda c, o: c.call(
            "PATCH",
            f"/credentials/{own_connection(c)}",
            json={"config": {"sharedSettings": {"a": 1}}},
            headers={"X-Paragon-Configuration-Id": o.configuration},
        ),
    ],
    "sdk.create_configuration": [
        lambda c, o: c.call("POST", f"/credentials/{o.connection}/configurations", json={}),
    ],
    "sdk.update_configuration": _configured("PATCH"),
    "sdk.delete_configuration": _configured("DELETE"),
    "sdk.uninstall": [
        lambda c, o: c.call(
            "DELETE", "/integrations/heap", headers={"X-Paragon-Credential": o.connection}
        ),
        lambda c, o: c.call(
            "DELETE",
            "/integrations/heap",
            headers={"X-Paragon-Credential": f"ext:{o.external_id}"},
        ),
    ],
    "proxy.forward": [
        lambda c, o: c.call(
            "GET", "/proxy/heap/x", headers={"X-Paragon-Credential": o.connection}
        ),
        lambda c, o: c.call(
            "GET", "/proxy/heap/x", headers={"X-Paragon-Credential": f"ext:{o.external_id}"}
        ),
    ],
    "sdk.enable": [
        lambda c, o: c.call(
            "POST", f"/workflows/{SHARED}", headers={"X-Paragon-Credential": o.connection}
        ),
        lambda c, o: c.call(
            "POST",
            f"/workflows/{SHARED}",
            headers={"X-Paragon-Credential": f"ext:{o.external_id}"},
        ),
    ],
    "sdk.disable": [],
    "triggers.call_workflow": [
        lambda c, o: c.call(
            "POST", f"/triggers/{SHARED}", headers={"X-Paragon-Credential": o.connection}
        ),
    ],
    "triggers.send_event": [
        lambda c, o: c.call(
            "POST",
            "/events/trigger",
            json={"name": "paid"},
            headers={"X-Paragon-Credential": o.connection},
        ),
    ],
    "connect_sdk.nonce": [],
    "connect_sdk.build_oauth": [_build("/v2")],
    "connect_sdk.build_oauth_directly": [_build("")],
    "connect_sdk.outcome": [lambda c, o: c.call("GET", f"/actions/session-id/{o.poll_key}")],
    "connect_sdk.forget": [lambda c, o: c.call("DELETE", f"/actions/session-id/{o.poll_key}")],
    "connect.again": [
        lambda c, o: c.app.test_client().get(f"/connect/again/{o.project}/{o.session}"),
        lambda c, o: c.app.test_client().get(f"/connect/again/{c.host.project.id}/{o.session}"),
    ],
}  # fmt: skip
#: The same with ids that connectors and workflows have within a project: its users may know them.
PROJECT_CALLS: list[Call] = [
    lambda c, o: c.call("GET", f"/credentials?integration={o.integration}"),
    lambda c, o: c.call(
        "POST", "/credentials", json={"integrationId": o.integration, "payload": ACME}
    ),
    lambda c, o: c.call("DELETE", f"/integrations/{o.integration}"),
    lambda c, o: c.call("GET", f"/proxy/{o.integration}/x"),
    lambda c, o: c.call("POST", f"/workflows/{o.workflow}"),
    lambda c, o: c.call("DELETE", f"/workflows/{o.workflow}"),
    lambda c, o: c.call("POST", f"/triggers/{o.workflow}"),
]
#: Calls that tell nothing either way, and so say yes to all.
ALIKE = {"connect_sdk.outcome": 200, "connect_sdk.forget": 200, "connect.again": 410}


def _named(app: Flask) -> set[str]:
    return {rule.endpoint for rule in app.url_map.iter_rules() if rule.arguments}


def _is_elsewhere(app: Flask, endpoint: str) -> bool:
    rules = [str(rule.rule) for rule in app.url_map.iter_rules(endpoint)]
    return endpoint.partition(".")[0] in ELSEWHERE or rules[0].startswith("/api/")


def test_every_route_with_a_name_in_its_address_is_thought_of(app: Flask) -> None:
    here = {one for one in _named(app) if not _is_elsewhere(app, one)}
    assert here == {*CALLS, *OPEN_TO_ALL}


@dataclass(frozen=True)
class World:
    """Alice and bob of one project, charlie of another."""

    app: Flask
    host: Host
    other_host: Host
    alice: Owned
    charlie: Owned

    @property
    def bob(self) -> Caller:
        return Caller(self.app, self.host, "bob")


@pytest.fixture(scope="module")
def world(
    _shared_sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One world for all calls: none of them may change it."""
    folder = tmp_path_factory.mktemp("data")
    runtime = build(Settings(data_dir=folder, development_origin=_shared_sandbox.url))
    host, other_host = make_host(runtime, "Acme Notes"), make_host(runtime, "Other Product")
    alice, charlie = _owned(host, "alice", ACME), _owned(other_host, "charlie", ACME)
    host.connect("bob", GLOBEX, external_id="bob-own")
    yield World(make_app(runtime), host, other_host, alice, charlie)
    runtime.close()


def _owned(host: Host, user: str, keys: dict[str, str]) -> Owned:
    """Give a user one of everything that has an id."""
    external_id, poll_key = f"{user}-own", f"{user}-key"
    connection = host.connect(user, keys, external_id=external_id)
    wish = Wish(connector="heap", poll_key=poll_key, opener_origin=HOST_ORIGIN)
    session, _ = host.runtime.connect_sessions.start(host.project, user, wish)
    with host.runtime.database.transaction() as tx:
        configuration = configuration_store.create(tx, host.project.id, connection.id)
    return Owned(
        host.project.id,
        connection.id,
        external_id,
        configuration.id,
        integration_id(host.project.id, "heap"),
        poll_key,
        session.id,
        _workflow(host),
    )


def _workflow(host: Host) -> str:
    """Put a workflow into service that users may switch on; return its id."""
    definition = {
        "name": SHARED,
        "connector": "heap",
        "trigger": {"type": "event", "event": "paid"},
        "steps": [{"id": "end", "type": "stop"}],
    }
    catalogue = host.runtime.engine.catalogue
    catalogue.push(host.project.id, json.dumps(definition))
    catalogue.deploy(host.project.id, SHARED, by="tests")
    return catalogue.workflow(host.project.id, SHARED).id


NOBODYS = Owned(UNKNOWN, UNKNOWN, "no-one-s", UNKNOWN, UNKNOWN, "no-key", UNKNOWN, UNKNOWN[::-1])


def told(answer: TestResponse, owned: Owned) -> tuple[int, str]:
    """Return status and body without request id, whatever ids were in it put on one name."""
    text = re.sub(r'"requestId":\s*"[^"]*"', '"requestId": ""', answer.text)
    for name in (
        *("connection", "external_id", "configuration", "poll_key", "session", "project"),
        "workflow",
    ):
        text = text.replace(getattr(owned, name), name)
    return answer.status_code, text


@pytest.mark.parametrize(
    ("endpoint", "number"),
    [(endpoint, number) for endpoint, calls in CALLS.items() for number in range(len(calls))],
)
def test_someone_else_s_id_is_answered_like_one_that_does_not_exist(
    world: World, endpoint: str, number: int
) -> None:
    call, before = CALLS[endpoint][number], _rows(world)
    unknown = told(call(world.bob, NOBODYS), NOBODYS)
    assert unknown[0] == ALIKE.get(endpoint, 404)
    for owner in (world.alice, world.charlie):
        assert told(call(world.bob, owner), owner) == unknown
    assert _rows(world) == before


@pytest.mark.parametrize("call", PROJECT_CALLS, ids=range(len(PROJECT_CALLS)))
def test_another_project_s_integration_is_answered_like_one_that_does_not_exist(
    world: World, call: Call
) -> None:
    before = _rows(world)
    unknown = told(call(world.bob, NOBODYS), NOBODYS)
    assert unknown[0] == 404
    assert told(call(world.bob, world.charlie), world.charlie) == unknown
    assert _rows(world) == before


def _rows(world: World) -> dict[str, list[Any]]:
    """Return all that is stored of connections and what hangs on them."""
    names = ("connections", "credentials", "configurations", "connect_sessions", "users")
    with world.host.runtime.database.reading() as tx:
        return {
            name: sorted(tx.execute(metadata.tables[name].select()).all(), key=repr)
            for name in names
        }


@pytest.fixture
def routes_of_projects(app: Flask) -> list[tuple[str, str]]:
    """Method and path template of every route that takes a user token."""
    return [
        (method, str(rule.rule))
        for rule in app.url_map.iter_rules()
        if "project_id" in rule.arguments and not rule.endpoint.startswith(("console.", "connect."))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _path(template: str, project_id: str) -> str:
    path = template.replace("<project_id>", project_id)
    return re.sub(r"<[^>]+>", "heap", path)


def test_a_token_opens_no_other_project_and_does_not_tell_whether_it_exists(
    app: Flask, host: Host, other_host: Host, routes_of_projects: list[tuple[str, str]]
) -> None:
    assert len(routes_of_projects) > 20
    client = app.test_client()
    tokens = [host.token("alice"), _without_audience(host), "x.y.z", ""]
    for method, template in routes_of_projects:
        for token in tokens:
            answers = {
                (answer.status_code, re.sub(r'"requestId":\s*"\w+"', "", answer.text))
                for project in (other_host.project.id, str(uuid.uuid4()))
                for answer in [
                    client.open(
                        _path(template, project),
                        method=method,
                        headers={"Authorization": f"Bearer {token}"},
                        query_string={"userToken": token, "originForPostMessage": HOST_ORIGIN},
                    )
                ]
            }
            assert len(answers) == 1, (method, template, answers)
            ((status, _),) = answers
            assert status in {401, 404}, (method, template)


def _without_audience(host: Host) -> str:
    import time

    import jwt

    claims = {"sub": "alice", "exp": int(time.time()) + 600}
    return jwt.encode(claims, host.private_pem, algorithm="RS256")


def test_without_a_token_no_route_of_a_project_answers(
    app: Flask, host: Host, routes_of_projects: list[tuple[str, str]]
) -> None:
    client = app.test_client()
    for method, template in routes_of_projects:
        answer = client.open(_path(template, host.project.id), method=method)
        assert answer.status_code == 401, (method, template)


def test_two_users_of_one_name_in_two_projects_are_two_people(
    app: Flask, host: Host, other_host: Host
) -> None:
    own = host.connect("alice")
    theirs = other_host.connect("alice", GLOBEX)
    for one, connection in ((host, own), (other_host, theirs)):
        found = Caller(app, one, "alice").call("GET", "/credentials").json
        assert [credential["id"] for credential in found] == [connection.id]
    host.runtime.connections.delete_user(host.project.id, "alice")
    found = Caller(app, other_host, "alice").call("GET", "/credentials").json
    assert [credential["status"] for credential in found] == ["VALID"]


def test_a_window_bound_to_one_project_s_user_is_not_bound_to_another_s(
    app: Flask, host: Host, other_host: Host
) -> None:
    """The same name and the same browser, but two products."""
    alice = Visitor(app, host, "alice")
    alice.window()
    alice.host = other_host
    assert alice.client.get(alice.link()).status_code == 403


def test_preflights_tell_nothing_of_projects(app: Flask, host: Host) -> None:
    answers = [
        app.test_client().options(
            f"/projects/{project}/sdk/me", headers={"Origin": "https://evil.example"}
        )
        for project in (host.project.id, str(uuid.uuid4()))
    ]
    assert [one.status_code for one in answers] == [403, 403]
    assert answers[0].json["message"] == answers[1].json["message"]
    assert not [one for one in answers if "Access-Control-Allow-Origin" in one.headers]
