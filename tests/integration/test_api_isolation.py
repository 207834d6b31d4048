"""Our own API: what belongs to another project is answered like what does not exist.

Every operation with a name in its path is called here with someone else's, or listed with the
reason why it need not be. A new one fails the test until it is thought about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.tables import metadata
from workflow.tables import metadata as workflow_metadata

from ..key_holder import PREFIX, KeyHolder, problem, without_request_id
from ..people import Host

#: Method, path, body and the code of the answer.
NAMED: list[tuple[str, str, dict[str, Any] | None, str]] = [
    ("GET", "/users/{user}", None, "not_found"),
    ("DELETE", "/users/{user}", None, "not_found"),
    ("GET", "/connections/{connection}", None, "not_found"),
    ("DELETE", "/connections/{connection}", None, "not_found"),
    ("DELETE", "/signing-keys/{signing_key}", None, "not_found"),
    ("DELETE", "/secrets/{secret}", None, "not_found"),
    *(
        (method, f"/workflows/{{{by}}}{rest}", body, "workflow_unknown")
        for by in ("workflow", "workflow_id")
        for method, rest, body in [
            ("GET", "", None),
            ("DELETE", "", None),
            ("GET", "/versions", None),
            ("GET", "/versions/1", None),
            ("POST", "/deploy", {}),
            ("POST", "/withdraw", None),
            ("GET", "/deployments", None),
            ("GET", "/users/alice", None),
            ("PUT", "/users/alice", {"enabled": True}),
            ("GET", "/settings", None),
            ("GET", "/address", None),
            ("PUT", "/settings", {"enabled": True}),
            ("POST", "/runs", {}),
            ("POST", "/trials", {}),
            ("POST", "/steps/a/trials", {}),
        ]
    ),
    ("GET", "/runs/{run}", None, "run_unknown"),
    ("GET", "/runs/{run}/attempts", None, "run_unknown"),
    ("POST", "/runs/{run}/cancel", None, "run_unknown"),
    ("POST", "/runs/{run}/retry", {}, "run_unknown"),
    ("POST", "/runs/{run}/replay", {}, "run_unknown"),
    ("GET", "/runs?workflow={workflow}", None, "workflow_unknown"),
    ("POST", "/runs/bulk", {"action": "cancel", "workflow": "{workflow}"}, "workflow_unknown"),
]
#: Names that are nobody's, or that each project gives itself.
OPEN = {
    ("GET", "/connectors/<id:name>"): "connectors are the installation's",
    ("GET", "/integrations/<id:connector>/credentials"): "the project's own, of such a connector",
    ("PUT", "/integrations/<id:connector>/credentials"): "the project's own, of such a connector",
    ("PUT", "/secrets/<id:secret_name>"): "makes the project's own",
}
THEIRS = {
    "name": "theirs",
    "trigger": {"type": "manual"},
    "steps": [{"id": "a", "type": "set", "values": {"b": "<<trigger.missing>>"}}],
}
_UNKNOWN = {
    "user": "nobody",
    "connection": "no-such",
    "signing_key": "no-such",
    "secret": "no_such",
    "workflow": "no-such",
    "workflow_id": "01a1fea90ea57e10bc25e743a80200cc",
    "run": "01a1fea90ea57e10bc25e743a80200cd",
}


@dataclass(frozen=True)
class Theirs:
    """What charlie's project has, and what it looks like."""

    host: Host
    names: dict[str, str]

    def rows(self) -> dict[str, list[Any]]:
        tables = {**metadata.tables, **workflow_metadata.tables}
        quiet = {"api_keys", "workers"}  # when they were used last
        with self.host.runtime.database.reading() as tx:
            return {
                name: sorted(tx.execute(table.select()).all(), key=repr)
                for name, table in tables.items()
                if name not in quiet
            }


@pytest.fixture
def theirs(client: FlaskClient, other_host: Host) -> Theirs:
    connection = other_host.connect("charlie")
    other_host.runtime.secrets.set(other_host.project.id, "theirs", "a secret of charlie's")
    charlie = KeyHolder(client, other_host)
    pushed = charlie.post("/workflows", definition=THEIRS, deploy=True).json
    run = charlie.post("/workflows/theirs/runs").json
    names = {
        "user": "charlie",
        "connection": connection.id,
        "signing_key": other_host.signing_key_id,
        "secret": "theirs",
        "workflow": "theirs",
        "workflow_id": pushed["workflow"]["id"],
        "run": run["id"],
    }
    return Theirs(other_host, names)


def test_every_operation_with_a_name_in_its_path_is_thought_of(app: Flask) -> None:
    known = {
        (method, rule.rule.removeprefix(PREFIX))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX) and rule.arguments
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    matcher = app.url_map.bind("")
    called = set()
    for method, path, _, _ in NAMED:
        if "?" not in path:
            full = PREFIX + path.format_map(_UNKNOWN)
            rule, _ = matcher.match(full, method, return_rule=True)
            called.add((method, rule.rule.removeprefix(PREFIX)))
    assert known - called == set(OPEN)


@pytest.mark.parametrize(("method", "path", "body", "code"), NAMED)
def test_a_foreign_name_is_answered_like_an_unknown_one(
    client: FlaskClient,
    host: Host,
    theirs: Theirs,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    code: str,
) -> None:
    holder, before = KeyHolder(client, host), theirs.rows()
    told = []
    for names in (theirs.names, _UNKNOWN):
        options = {} if body is None else {"json": _filled(body, names)}
        answer = holder.call(method, path.format_map(names), **options)
        assert problem(answer) == (404, code)
        text = json.dumps(without_request_id(answer))
        for name in ("workflow_id", "workflow", "run"):
            text = text.replace(names[name], name)
        told.append(text)
    assert told[0] == told[1]
    assert theirs.rows() == before


def _filled(body: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return a body with the workflow among its filters put in."""
    if "workflow" not in body:
        return body
    rest = {name: value for name, value in body.items() if name != "workflow"}
    return {**rest, "filters": {"workflow": names["workflow"]}}


def test_an_event_starts_nothing_of_another_project(
    client: FlaskClient, host: Host, other_host: Host
) -> None:
    waiting = {**THEIRS, "trigger": {"type": "event", "event": "signed_up"}}
    KeyHolder(client, other_host).post("/workflows", definition=waiting, deploy=True)
    answer = KeyHolder(client, host).post("/events", event="signed_up", user="charlie")
    assert (answer.status_code, answer.json) == (202, {"runs": []})
    assert KeyHolder(client, other_host).get("/runs").json["items"] == []


def test_a_key_used_by_one_user_is_free_for_another(client: FlaskClient, host: Host) -> None:
    holder = KeyHolder(client, host)
    holder.post("/workflows", definition=THEIRS, deploy=True)
    ids = [
        holder.post("/workflows/theirs/runs", user=user, key="1").json["id"]
        for user in ("alice", "bob", "alice")
    ]
    assert ids[0] == ids[2] != ids[1]


def test_counts_are_of_the_project_alone(client: FlaskClient, host: Host, theirs: Theirs) -> None:
    assert KeyHolder(client, theirs.host).get("/run-counts").json["queued"] == 1
    assert KeyHolder(client, host).get("/run-counts").json == {
        "queued": 0,
        "running": 0,
        "waiting": 0,
    }
