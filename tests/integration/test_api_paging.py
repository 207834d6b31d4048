"""Our own API: lists of 120 rows, page by page, on both kinds of storage."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from connector.config import Settings
from connector.database import Transaction
from connector.models import Connection, LoggedRequest, Status
from connector.store import connections as connection_store
from connector.store import requests as request_store
from connector.store import users as user_store
from workflow.models import Attempt, AttemptState, Reason, Run, RunState
from workflow.store import attempts as attempt_store
from workflow.store import runs as run_store
from workflow.store import workflows as workflow_store
from workflow.store.workflows import Workflow

from ..key_holder import KeyHolder
from ..people import Host

ROWS = 120
#: Path, query, what tells rows apart, how many there are, and whether the newest come first.
LISTS: list[tuple[str, dict[str, str], str, int, bool]] = [
    ("/users", {}, "external_id", ROWS, False),
    ("/users", {"search": "user/00"}, "external_id", 10, False),
    ("/users", {"status": "connected"}, "external_id", ROWS // 2, False),
    ("/connections", {}, "id", ROWS, False),
    ("/connections", {"connector": "heap", "status": "disconnected"}, "id", ROWS // 2, False),
    ("/requests", {}, "request_id", ROWS, True),
    ("/requests", {"user": "user/1"}, "request_id", ROWS // 2, True),
    ("/requests", {"failed": "true"}, "request_id", ROWS // 3, True),
    ("/runs", {}, "id", ROWS, True),
    ("/runs", {"workflow": "busy"}, "id", ROWS, True),
    ("/runs", {"state": "failed"}, "id", ROWS // 3, True),
    ("/runs", {"user": "user/1", "reason": "step_failed"}, "id", ROWS // 6, True),
    ("/runs", {"after": "1970-01-01T00:01:00Z", "until": "1970-01-01T00:01:30Z"}, "id", 30, True),
]


@pytest.fixture
def settings(make_settings: Callable[..., Settings], storage_url: str) -> Settings:
    return make_settings(database_url=storage_url)


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    with host.runtime.database.transaction() as tx:
        _fill(tx, host)
    return KeyHolder(client, host)


@pytest.fixture
def _neighbour(other_host: Host) -> None:
    """Rows of another project, which must turn up nowhere."""
    with other_host.runtime.database.transaction() as tx:
        _fill(tx, other_host)


def _fill(tx: Transaction, host: Host) -> None:
    now = time.time()
    for number in range(ROWS):
        user = user_store.ensure(tx, host.project.id, f"user/{number:03}é")
        connection = Connection(
            id=f"{host.project.id[:8]}-{number:03}",
            project_id=host.project.id,
            user_id=user.id,
            connector="heap",
            auth_mode="app_id",
            region="us",
            account_key=str(number),
            account={"app_id": str(number)},
            external_id=None,
            development=True,
            client_id="",
            scopes=(),
            status=Status.CONNECTED if number % 2 else Status.DISCONNECTED,
            status_reason="",
            status_at=now,
            # Three share each moment, so that the order must hang on the id as well.
            created_at=now + number // 3,
        )
        connection_store.save(tx, connection)
    request_store.append(tx, [_entry(host, number) for number in range(ROWS)])
    _fill_runs(tx, host)


def _fill_runs(tx: Transaction, host: Host) -> None:
    workflow = Workflow(
        id=f"{host.project.id[:8]}-busy",
        project_id=host.project.id,
        name="busy",
        draft=None,
        deployed=None,
        created_at=0,
        updated_at=0,
    )
    workflow_store.add(tx, workflow)
    for number in range(ROWS):
        run_store.accept(tx, _run(workflow, number))


def _run(workflow: Workflow, number: int) -> Run:
    failed = number % 3 == 0
    return Run(
        id=f"{workflow.project_id[:8]}-{number:03}",
        project_id=workflow.project_id,
        workflow_id=workflow.id,
        version="v",
        user=f"user/{number % 2}",
        connection_id="",
        trigger_type="manual",
        trigger={"number": number},
        context={},
        state=RunState.FAILED if failed else RunState.SUCCEEDED,
        reason=Reason.STEP_FAILED if failed else None,
        created_at=float(number),
        finished_at=float(number),
    )


def _entry(host: Host, number: int) -> LoggedRequest:
    return LoggedRequest(
        request_id=f"r{number:03}",
        project_id=host.project.id,
        user=f"user/{number % 2}",
        connection_id=None,
        connector="heap",
        action=None,
        method="POST",
        target="https://heapanalytics.com/api/track",
        status=500 if number % 3 == 0 else 200,
        error_code=None,
        attempts=({"status": 200, "ms": 1.5},),
        duration_ms=2.5,
        request_bytes=10,
        response_bytes=2,
        created_at=time.time(),
    )


@pytest.mark.usefixtures("_neighbour")
def test_pages_hold_every_row_once_and_in_order(api: KeyHolder) -> None:
    for (path, query, name, wanted, backwards), limit in itertools.product(LISTS, (7, 60)):
        pages = list(api.pages(path, limit=limit, **query))
        found = [item[name] for page in pages for item in page]
        case = (path, query, limit)
        assert len(found) == len(set(found)) == wanted, case
        assert found == sorted(found, reverse=backwards), case
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1), case
        assert 0 < len(pages[-1]) <= limit, case


def test_a_page_has_fifty_items_unless_asked_otherwise(api: KeyHolder) -> None:
    for path in ("/users", "/connections", "/requests", "/runs"):
        assert len(api.get(path).json["items"]) == 50


def test_what_is_added_between_two_pages_shifts_nothing(api: KeyHolder) -> None:
    first = api.get("/requests", limit=100).json
    with api.host.runtime.database.transaction() as tx:
        request_store.append(
            tx, [dataclasses.replace(_entry(api.host, 0), request_id="added-meanwhile")]
        )
    second = api.get("/requests", limit=100, cursor=first["next_cursor"]).json
    ids: list[Any] = [item["request_id"] for item in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == ROWS
    assert "added-meanwhile" not in ids


def test_a_run_that_is_added_between_two_pages_shifts_nothing(api: KeyHolder) -> None:
    first = api.get("/runs", limit=100).json
    with api.host.runtime.database.transaction() as tx:
        [workflow] = workflow_store.of_project(tx, api.host.project.id)
        run_store.accept(tx, _run(workflow, ROWS))
    second = api.get("/runs", limit=100, cursor=first["next_cursor"]).json
    ids = [item["id"] for item in first["items"] + second["items"]]
    assert len(ids) == len(set(ids)) == ROWS


def test_the_attempts_of_a_run_come_page_by_page_in_order(api: KeyHolder) -> None:
    run_id = api.get("/runs", limit=1).json["items"][0]["id"]
    with api.host.runtime.database.transaction() as tx:
        for number in range(ROWS):
            # Three begin at each moment, so that the order must hang on the path as well.
            attempt_store.put(tx, run_id, _attempt(f"each[{number:03}].send", number // 3))
    pages = list(api.pages(f"/runs/{run_id}/attempts", limit=50))
    assert [len(page) for page in pages] == [50, 50, 20]
    steps = [item["step"] for page in pages for item in page]
    assert steps == [f"each[{number:03}].send" for number in range(ROWS)]


def _attempt(path: str, at: float) -> Attempt:
    return Attempt(
        path=path,
        number=1,
        round=0,
        claim=1,
        step_type="http",
        state=AttemptState.SUCCEEDED,
        started_at=at,
    )


def test_the_versions_of_a_workflow_come_page_by_page_newest_first(api: KeyHolder) -> None:
    step = {"id": "a", "type": "set", "values": {}}
    for number in range(9):
        values = {"values": {"number": number}}
        definition = {"name": "v", "trigger": {"type": "manual"}, "steps": [{**step, **values}]}
        api.post("/workflows", definition=definition)
    pages = list(api.pages("/workflows/v/versions", limit=4))
    assert [[item["number"] for item in page] for page in pages] == [
        [9, 8, 7, 6],
        [5, 4, 3, 2],
        [1],
    ]


def test_listed_users_come_with_their_own_connections(api: KeyHolder) -> None:
    for user in api.get("/users", limit=200).json["items"]:
        assert [one["user"] for one in user["connections"]] == [user["external_id"]]


def test_a_path_with_a_null_character_finds_nothing(api: KeyHolder) -> None:
    for path in ("/users/%00", "/connections/%00", "/connectors/%00"):
        assert api.get(path).status_code == 404
