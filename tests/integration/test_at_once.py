"""What two tabs, two clicks or two servers do at the same time, on both kinds of storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from connector.config import Settings
from connector.connect_sessions import Wish
from connector.connections import NewAccount
from connector.errors import ConnectExpired, HeaplineError
from connector.models import ConnectSession, LoggedRequest
from connector.runtime import Runtime
from connector.secret import Secret
from connector.store import requests as request_store

from ..people import Host


@pytest.fixture
def settings(storage_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=storage_url, data_dir=tmp_path)


def account(key: str) -> NewAccount:
    return NewAccount(
        connector="heap",
        auth_mode="oauth",
        region="us",
        account_key=key,
        account={"app_id": "2544353"},
        development=True,
        client_id="tests",
        scopes=(),
        secret=Secret("an-access-token", None, {}, time.time()),
        expires_at=None,
    )


def at_once(count: int, action: Callable[[int], Any]) -> list[Any]:
    """Do something so often at the same moment; return results, or the errors of ours."""
    together = threading.Barrier(count)

    def one(number: int) -> Any:
        together.wait(20)
        try:
            return action(number)
        except HeaplineError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def session(host: Host, poll_key: str | None = None) -> ConnectSession:
    wish = Wish(connector="heap", allow_multiple=True, poll_key=poll_key)
    return host.runtime.connect_sessions.start(host.project, "alice", wish)[0]


@pytest.mark.parametrize("times", range(5))
def test_one_account_connected_in_several_tabs_is_one_connection(host: Host, times: int) -> None:
    sessions = [session(host) for _ in range(6)]
    finish = host.runtime.connect_sessions.finish
    made = at_once(6, lambda number: finish(sessions[number], account("the-same")))
    assert len({connection.id for connection in made}) == 1
    assert len(host.runtime.connections.of_user(host.project.id, "alice")[1]) == 1


def test_one_session_makes_one_connection_whoever_comes_second(host: Host) -> None:
    opened = session(host)
    finish = host.runtime.connect_sessions.finish
    made = at_once(6, lambda number: finish(opened, account(f"account-{number}")))
    (kept,) = [one for one in made if not isinstance(one, HeaplineError)]
    assert {type(one) for one in made if one is not kept} == {ConnectExpired}
    connections = host.runtime.connections.of_user(host.project.id, "alice")[1]
    assert [one.id for one in connections] == [kept.id]


def test_a_window_opened_twice_at_once_is_one_session(host: Host) -> None:
    opened = at_once(6, lambda _: session(host, "the-same-key"))
    assert not [one for one in opened if isinstance(one, HeaplineError)]
    polled = host.runtime.connect_sessions.poll(host.project.id, "alice", "the-same-key")
    assert polled.id in {one.id for one in opened}


def entry(host: Host, user: str, connection_id: str | None) -> LoggedRequest:
    return LoggedRequest(
        request_id="r" * 8,
        project_id=host.project.id,
        user=user,
        connection_id=connection_id,
        connector="heap",
        action=None,
        method="GET",
        target="/x",
        status=200,
        error_code=None,
        attempts=(),
        duration_ms=1.0,
        request_bytes=0,
        response_bytes=0,
        created_at=time.time(),
    )


def test_what_a_deleted_user_sent_last_is_not_logged_after_them(
    host: Host, runtime: Runtime
) -> None:
    made = {
        user: host.runtime.connect_sessions.finish(
            host.runtime.connect_sessions.start(
                host.project, user, Wish(connector="heap", allow_multiple=True)
            )[0],
            account("one"),
        )
        for user in ("alice", "bob")
    }
    runtime.connections.delete_user(host.project.id, "alice")
    for user, connection in made.items():
        runtime.request_log.add(entry(host, user, connection.id))
    runtime.request_log.add(entry(host, "nobody", None))
    runtime.request_log.flush()
    with runtime.database.reading() as tx:
        logged = request_store.page(tx, host.project.id)
    assert sorted(one.user for one in logged) == ["bob", "nobody"]
    assert runtime.request_log.dropped == 0
