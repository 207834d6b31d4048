"""Our own API: who gets in, and what all of its answers have in common."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.access import SCOPES
from connector.app import LARGEST_BODY
from connector.store import keys as key_store

from ..key_holder import PREFIX, KeyHolder, pointers, problem, without_request_id
from ..people import Host

#: Every operation with the scope that it needs.
OPERATIONS = [
    ("GET", "/connectors", "connections:read"),
    ("GET", "/connectors/heap", "connections:read"),
    ("GET", "/users", "connections:read"),
    ("GET", "/users/alice", "connections:read"),
    ("DELETE", "/users/alice", "connections:write"),
    ("GET", "/connections", "connections:read"),
    ("POST", "/connections", "connections:write"),
    ("GET", "/connections/c1", "connections:read"),
    ("DELETE", "/connections/c1", "connections:write"),
    ("POST", "/connect-links", "connections:write"),
    ("GET", "/requests", "requests:read"),
    ("GET", "/integrations/heap/credentials", "settings:read"),
    ("PUT", "/integrations/heap/credentials", "settings:write"),
    ("GET", "/signing-keys", "settings:read"),
    ("POST", "/signing-keys", "settings:write"),
    ("DELETE", "/signing-keys/k1", "settings:write"),
    ("GET", "/secrets", "secrets:read"),
    ("PUT", "/secrets/s1", "secrets:write"),
    ("DELETE", "/secrets/s1", "secrets:write"),
    ("GET", "/notices", "settings:read"),
    ("PUT", "/notices", "settings:write"),
    ("POST", "/notices/test", "settings:write"),
    ("GET", "/workflows", "workflows:read"),
    ("POST", "/workflows", "workflows:write"),
    ("POST", "/workflows/validate", "workflows:read"),
    ("GET", "/workflow-schema", "workflows:read"),
    ("GET", "/workflows/w1", "workflows:read"),
    ("DELETE", "/workflows/w1", "workflows:write"),
    ("GET", "/workflows/w1/versions", "workflows:read"),
    ("GET", "/workflows/w1/versions/draft", "workflows:read"),
    ("POST", "/workflows/w1/deploy", "workflows:write"),
    ("POST", "/workflows/w1/withdraw", "workflows:write"),
    ("GET", "/workflows/w1/deployments", "workflows:read"),
    ("GET", "/workflows/w1/users/alice", "workflows:read"),
    ("PUT", "/workflows/w1/users/alice", "workflows:write"),
    ("GET", "/workflows/w1/settings", "workflows:read"),
    ("PUT", "/workflows/w1/settings", "workflows:write"),
    ("GET", "/workflows/w1/address", "workflows:write"),
    ("POST", "/workflows/w1/runs", "runs:write"),
    ("POST", "/workflows/w1/trials", "runs:write"),
    ("POST", "/workflows/w1/steps/s1/trials", "runs:write"),
    ("POST", "/events", "runs:write"),
    ("GET", "/runs", "runs:read"),
    ("GET", "/run-counts", "runs:read"),
    ("GET", "/runs/r1", "runs:read"),
    ("GET", "/runs/r1/attempts", "runs:read"),
    ("POST", "/runs/r1/cancel", "runs:write"),
    ("POST", "/runs/r1/retry", "runs:write"),
    ("POST", "/runs/r1/replay", "runs:write"),
    ("POST", "/runs/bulk", "runs:write"),
]

#: A workflow of charlie's project.
THEIRS = {
    "name": "theirs",
    "trigger": {"type": "manual"},
    "steps": [{"id": "a", "type": "set", "values": {"b": 1}}],
}


def test_the_table_of_operations_is_complete(app: Flask) -> None:
    known = {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and not rule.rule.endswith("openapi.json")
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    found = app.url_map.bind("")
    in_table = [(method, found.match(PREFIX + path, method)[0]) for method, path, _ in OPERATIONS]
    assert sorted(in_table) == sorted(known)


def test_a_call_without_a_key_is_refused(client: FlaskClient) -> None:
    found = {}
    for method, path, _ in OPERATIONS:
        answer = client.open(PREFIX + path, method=method)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        found[method, path] = problem(answer)
    assert found == {(method, path): (401, "token_missing") for method, path, _ in OPERATIONS}


def test_a_key_without_the_scope_is_refused_and_told_which(client: FlaskClient, host: Host) -> None:
    all_but = {
        scope: KeyHolder(client, host, *(set(SCOPES) - {scope})) for _, _, scope in OPERATIONS
    }
    for method, path, scope in OPERATIONS:
        answer = all_but[scope].call(method, path)
        assert problem(answer) == (403, "scope_missing"), (method, path)
        assert answer.json["meta"]["scope"] == scope
        assert scope in answer.json["message"]


def test_the_scope_that_is_named_is_enough(client: FlaskClient, host: Host) -> None:
    only = {scope: KeyHolder(client, host, scope) for _, _, scope in OPERATIONS}
    for method, path, scope in OPERATIONS:
        assert only[scope].call(method, path).status_code in {200, 400, 404}, (method, path)


def test_an_unknown_and_a_revoked_key_are_refused_alike(client: FlaskClient, host: Host) -> None:
    holder = KeyHolder(client, host)
    with host.runtime.database.transaction() as tx:
        key_store.revoke_api_key(tx, host.project.id, holder.key.id)
    revoked = holder.get("/users")
    holder.text = "hlk_no-such-key"
    unknown = holder.get("/users")
    assert problem(revoked) == (401, "api_key_invalid")
    assert without_request_id(revoked) == without_request_id(unknown)


def test_a_user_token_is_no_api_key(client: FlaskClient, host: Host) -> None:
    answer = client.get(f"{PREFIX}/users", headers=host.headers("alice"))
    assert problem(answer) == (401, "api_key_invalid")


def test_lists_hold_nothing_of_another_project(
    client: FlaskClient, host: Host, other_host: Host
) -> None:
    connection = other_host.connect("charlie")
    KeyHolder(client, other_host).post("/workflows", definition=THEIRS, deploy=True)
    KeyHolder(client, other_host).post("/workflows/theirs/runs", user="charlie")
    holder = KeyHolder(client, host)
    for path, query in [
        ("/users", {"search": "charlie"}),
        ("/connections", {"user": "charlie"}),
        ("/requests", {"connection": connection.id}),
        ("/workflows", {}),
        ("/runs", {"user": "charlie"}),
    ]:
        assert holder.get(path, **query).json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("path", "query", "pointer"),
    [
        ("/users", {"limit": "0"}, "/limit"),
        ("/users", {"limit": "201"}, "/limit"),
        ("/users", {"limit": "1_0"}, "/limit"),
        ("/users", {"limit": "ten"}, "/limit"),
        ("/users", {"status": "lost"}, "/status"),
        ("/users", {"cursor": "no cursor"}, "/cursor"),
        ("/users", {"cursor": "WzFd"}, "/cursor"),  # [1]: the list is ordered by text
        ("/users", {"cursor": "WyJhXHUwMDAwIl0"}, "/cursor"),  # ["a\\u0000"]
        ("/users", {"search": "a\x00b"}, "/search"),
        ("/users", {"serach": "a"}, "/serach"),
        ("/connections", {"cursor": "W05hTiwgImEiXQ"}, "/cursor"),  # [NaN, "a"]
        ("/connections", {"cursor": "WyJhIiwgImEiXQ"}, "/cursor"),  # ["a", "a"]
        ("/connections", {"user": "x" * 256}, "/user"),
        ("/requests", {"failed": "yes"}, "/failed"),
        ("/requests", {"cursor": "WzkyMjMzNzIwMzY4NTQ3NzU4MDhd"}, "/cursor"),  # [2**63]
        ("/requests", {"before": "1"}, "/before"),
        ("/runs", {"state": "lost"}, "/state"),
        ("/runs", {"reason": "none"}, "/reason"),
        ("/runs", {"after": "yesterday"}, "/after"),
        ("/runs", {"until": "2026-02-30T00:00:00Z"}, "/until"),
        ("/runs", {"until": "2026-02-03T00:00:00"}, "/until"),  # of which time zone?
        ("/runs", {"cursor": "WzFd"}, "/cursor"),
        ("/runs/r1/attempts", {"cursor": "WyJhIl0"}, "/cursor"),
        ("/workflows/w1/versions", {"cursor": "WyJhIl0"}, "/cursor"),
    ],
)
def test_a_wrong_query_is_refused_with_a_pointer(
    client: FlaskClient, host: Host, path: str, query: dict[str, str], pointer: str
) -> None:
    answer = KeyHolder(client, host).get(path, **query)
    assert problem(answer) == (400, "field_invalid")
    assert pointers(answer) == [pointer]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"\xff\xfe", b"NaN", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(
    client: FlaskClient, host: Host, body: bytes
) -> None:
    answer = KeyHolder(client, host).call("POST", "/connect-links", data=body)
    assert problem(answer) == (400, "body_invalid")


def test_every_fault_of_a_body_is_named(client: FlaskClient, host: Host) -> None:
    answer = KeyHolder(client, host).post(
        "/connections",
        user="",
        connector=1,
        fields={"a/b": None},
        allow_multiple="yes",
        colour="red",
    )
    assert problem(answer) == (400, "field_invalid")
    assert sorted(pointers(answer)) == [
        "/allow_multiple",
        "/auth_mode",
        "/colour",
        "/connector",
        "/fields/a~1b",
        "/user",
    ]


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "\ud800"])
def test_text_that_no_database_could_store_is_refused(
    client: FlaskClient, host: Host, text: str
) -> None:
    answer = KeyHolder(client, host).post("/connect-links", user=text, connector="heap")
    assert (problem(answer), pointers(answer)) == ((400, "field_invalid"), ["/user"])


@pytest.mark.parametrize(
    "environ",
    [{}, {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}],
    ids=["told", "chunked"],
)
def test_a_body_over_one_mebibyte_is_refused(
    client: FlaskClient, host: Host, environ: dict[str, Any]
) -> None:
    body = b'{"name": "' + b"x" * LARGEST_BODY + b'"}'
    answer = KeyHolder(client, host).call(
        "POST", "/signing-keys", data=body, environ_overrides=environ
    )
    assert problem(answer) == (413, "request_too_large")


def test_a_wrong_method_is_answered_in_the_envelope_with_the_right_ones(
    client: FlaskClient, host: Host
) -> None:
    answer = KeyHolder(client, host).call("PATCH", "/connections")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("path", ["/nothing", "/users/", "/connections/%00", "/users/a%00b"])
def test_an_unknown_path_is_answered_in_the_envelope(
    client: FlaskClient, host: Host, path: str
) -> None:
    assert problem(KeyHolder(client, host).get(path)) == (404, "not_found")


def test_answers_are_not_to_be_cached(client: FlaskClient, host: Host) -> None:
    holder = KeyHolder(client, host)
    for answer in (
        holder.get("/users"),
        holder.get("/users/nobody"),
        client.get(f"{PREFIX}/users"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
