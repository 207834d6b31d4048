"""Stores and schema, on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from connector.config import Settings
from connector.database import Database
from connector.errors import DatabaseUnusable, Overloaded
from connector.models import (
    ConnectAttempt,
    Connection,
    ConnectSession,
    LoggedRequest,
    SessionStatus,
    Status,
    User,
)
from connector.store import configurations as configuration_store
from connector.store import connecting as connecting_store
from connector.store import connections as connection_store
from connector.store import keys as key_store
from connector.store import limits as limit_store
from connector.store import projects as project_store
from connector.store import requests as request_store
from connector.store import usable as usable_store
from connector.store import users as user_store
from connector.tables import metadata
from workflow.tables import metadata as workflow_metadata


def _user(database: Database, project: str = "Acme", external_id: str = "alice") -> User:
    with database.transaction() as tx:
        owner = project_store.create(tx, project, [])
        return user_store.ensure(tx, owner.id, external_id)


def _connection(user: User, **values: object) -> Connection:
    now = time.time()
    known: dict[str, object] = {
        "id": f"c-{user.id}",
        "project_id": user.project_id,
        "user_id": user.id,
        "connector": "heap",
        "auth_mode": "app_id",
        "region": "us",
        "account_key": "11",
        "account": {"app_id": "11"},
        "external_id": None,
        "development": True,
        "client_id": "",
        "scopes": ("segment",),
        "status": Status.CONNECTED,
        "status_reason": "Connected.",
        "status_at": now,
        "created_at": now,
    }
    return Connection(**(known | values))  # type: ignore[arg-type]


def test_the_migrations_make_the_schema_that_the_code_declares(database: Database) -> None:
    found = inspect(database.engine)
    tables = {**metadata.tables, **workflow_metadata.tables}
    assert set(found.get_table_names()) - {"alembic_version"} == set(tables)
    for name, table in tables.items():
        assert {column["name"] for column in found.get_columns(name)} == set(table.c.keys())


def test_an_upgrade_is_safe_when_several_servers_start_at_once(storage_url: str) -> None:
    url = Settings(database_url=storage_url).storage_url()

    def upgrade(_: int) -> tuple[str | None, str | None]:
        database = Database(url)
        try:
            database.upgrade()
            return database.revisions()
        finally:
            database.close()

    with ThreadPoolExecutor(6) as pool:
        revisions = set(pool.map(upgrade, range(6)))
    ((current, wanted),) = revisions
    assert current == wanted


def test_a_database_from_the_future_is_refused(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="used by a newer Heapline"):
        database.upgrade()


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction() as tx:
        project_store.create(tx, "Gone", [])
        raise RuntimeError
    with database.reading() as tx:
        assert project_store.all_projects(tx) == []


def test_sqlite_is_set_up_for_several_processes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", pool_size=1)
    with database.reading() as tx:
        assert tx.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert tx.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://x/y", "SQLite and PostgreSQL are supported"),
        ("nonsense", "not a database address"),
        ("sqlite://", "needs a file"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, words: str) -> None:
    with pytest.raises(DatabaseUnusable, match=words):
        Database(url)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    database = Database("postgresql+psycopg://me:hunter22hunter@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnusable) as raised:
        database.upgrade()
    assert "127.0.0.1:1/x" in str(raised.value)
    assert "hunter22hunter" not in str(raised.value)


def test_twenty_threads_make_one_user(database: Database) -> None:
    with database.transaction() as tx:
        project = project_store.create(tx, "Acme", [])

    def ensure(_: int) -> str:
        with database.transaction() as tx:
            return user_store.ensure(tx, project.id, "alice").id

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(ensure, range(20)))) == 1


def test_of_fifty_who_want_the_lease_one_gets_it(database: Database) -> None:
    connection = _connection(_user(database))
    with database.transaction() as tx:
        connection_store.save(tx, connection)
        connection_store.save_credential(tx, connection, "sealed", None, refreshable=True)
        row = connection_store.credential(tx, connection.project_id, connection.id)
    assert row is not None
    now = time.time()

    def take(number: int) -> bool:
        with database.transaction() as tx:
            return connection_store.take_lease(tx, row, f"owner {number}", now, now + 30)

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(take, range(50))) == 1
    with database.transaction() as tx:
        assert connection_store.take_lease(tx, row, "later", now + 31, now + 60)


def test_a_refresh_that_lost_its_lease_stores_nothing(database: Database) -> None:
    connection = _connection(_user(database))
    with database.transaction() as tx:
        connection_store.save(tx, connection)
        connection_store.save_credential(tx, connection, "one", None, refreshable=True)
        row = connection_store.credential(tx, connection.project_id, connection.id)
        assert row is not None
        assert connection_store.take_lease(tx, row, "slow", 0.0, 1.0) is False
        assert connection_store.take_lease(tx, row, "slow", 5.0, 6.0)
        assert connection_store.take_lease(tx, row, "quick", 7.0, 9.0)
        save = connection_store.save_refreshed
        assert save(tx, row, "quick", "two", None, refreshable=True)
        assert not save(tx, row, "slow", "three", None, refreshable=True)
        after = connection_store.credential(tx, connection.project_id, connection.id)
    assert after is not None
    assert (after.sealed, after.version, after.lease_owner) == ("two", row.version + 1, None)


def test_an_attempt_is_consumed_once_by_twenty_threads(database: Database) -> None:
    user = _user(database)
    session = ConnectSession(
        id="s",
        project_id=user.project_id,
        user_id=user.id,
        connector="heap",
        reconnect_id=None,
        allow_multiple=False,
        external_id=None,
        return_url=None,
        opener_origin=None,
        status=SessionStatus.PENDING,
        connection_id=None,
        error=None,
        expires_at=time.time() + 60,
    )
    attempt = ConnectAttempt(
        state_hash="h",
        session_id="s",
        project_id=user.project_id,
        connector="heap",
        auth_mode="oauth",
        region="us",
        redirect_uri="https://x/",
        verifier_sealed=None,
        browser_hash="b",
        client_id="c",
        development=True,
        scopes=("segment",),
        expires_at=time.time() + 60,
    )
    with database.transaction() as tx:
        connecting_store.create_session(tx, session, poll_hash="p", link_hash="l")
        connecting_store.create_attempt(tx, attempt)

    def consume(_: int) -> ConnectAttempt | None:
        with database.transaction() as tx:
            return connecting_store.consume_attempt(tx, "h")

    with ThreadPoolExecutor(20) as pool:
        found = [one for one in pool.map(consume, range(20)) if one is not None]
    assert found == [attempt]


def test_deleting_a_user_takes_everything_of_theirs(database: Database) -> None:
    user = _user(database)
    connection = _connection(user)
    with database.transaction() as tx:
        connection_store.save(tx, connection)
        connection_store.save_credential(tx, connection, "sealed", None, refreshable=False)
        configuration_store.ensure_default(tx, user.project_id, connection.id)
        assert user_store.remove(tx, user.project_id, user.id)
    with database.reading() as tx:
        for name in ("connections", "credentials", "configurations", "users"):
            assert tx.execute(metadata.tables[name].select()).all() == []


def test_a_foreign_project_finds_nothing(database: Database) -> None:
    user, charlie = _user(database), _user(database, "Other", "charlie")
    connection = _connection(user)
    other = charlie.project_id
    with database.transaction() as tx:
        connection_store.save(tx, connection)
        connection_store.save_credential(tx, connection, "sealed", None, refreshable=False)
        configuration_store.ensure_default(tx, user.project_id, connection.id)
        key = key_store.add_signing_key(tx, user.project_id, "k", "pem")
        assert connection_store.find(tx, other, connection.id) is None
        assert connection_store.credential(tx, other, connection.id) is None
        assert connection_store.of_user(tx, other, user.id) == []
        assert connection_store.page(tx, other) == []
        assert usable_store.for_request(tx, other, "alice", "heap", key.id) == []
        assert not connection_store.set_status(tx, other, connection.id, Status.DISCONNECTED, "no")
        assert user_store.find(tx, other, "alice") is None
        assert user_store.find_by_id(tx, other, user.id) is None
        assert not user_store.remove(tx, other, user.id)
        assert not key_store.revoke_signing_key(tx, other, key.id)
        found = configuration_store.of_connections(tx, other, [connection.id])
        assert found == {connection.id: []}


def test_a_revoked_signing_key_finds_no_connection(database: Database) -> None:
    user = _user(database)
    with database.transaction() as tx:
        connection_store.save(tx, _connection(user))
        key = key_store.add_signing_key(tx, user.project_id, "k", "pem")
        find = usable_store.for_request
        assert len(find(tx, user.project_id, "alice", "heap", key.id)) == 1
        key_store.revoke_signing_key(tx, user.project_id, key.id)
        assert find(tx, user.project_id, "alice", "heap", key.id) == []


def test_connections_page_in_order_without_gap_or_repeat(database: Database) -> None:
    with database.transaction() as tx:
        project = project_store.create(tx, "Acme", [])
        for number in range(25):
            user = user_store.ensure(tx, project.id, f"user {number:02}")
            same_moment = 1000.0 + number // 5
            connection = _connection(user, id=f"c{number:02}", created_at=same_moment)
            connection_store.save(tx, connection)
    seen: list[str] = []
    after: tuple[float, str] | None = None
    with database.reading() as tx:
        while rows := connection_store.page(tx, project.id, after=after, limit=7):
            seen += [connection.id for connection, _ in rows]
            after = (rows[-1][0].created_at, rows[-1][0].id)
    assert seen == [f"c{number:02}" for number in range(25)]


def test_a_search_takes_wildcards_as_they_are(database: Database) -> None:
    with database.transaction() as tx:
        project = project_store.create(tx, "Acme", [])
        for name in ("50%", "50 percent", "a_b", "aXb", "back\\slash"):
            user_store.ensure(tx, project.id, name)

    def found(search: str) -> list[str]:
        with database.reading() as tx:
            return [one.external_id for one in user_store.page(tx, project.id, search=search)]

    assert found("50%") == ["50%"]
    assert found("a_b") == ["a_b"]
    assert found("\\") == ["back\\slash"]
    assert found("A_B") == ["a_b"]


def test_the_request_log_pages_backwards_and_is_pruned(database: Database) -> None:
    user = _user(database)
    now = time.time()

    def entry(number: int) -> LoggedRequest:
        return LoggedRequest(
            request_id=f"r{number}",
            project_id=user.project_id,
            user="alice",
            connection_id=None,
            connector="heap",
            action="track",
            method="POST",
            target="https://x/",
            status=500 if number % 2 else 200,
            error_code=None,
            attempts=({"status": 200, "ms": 1.5},),
            duration_ms=1.0,
            request_bytes=1,
            response_bytes=2,
            created_at=now - 100 + number,
        )

    with database.transaction() as tx:
        request_store.append(tx, [entry(number) for number in range(10)])
    with database.reading() as tx:
        first = request_store.page(tx, user.project_id, limit=4)
        second = request_store.page(tx, user.project_id, before=first[-1].id, limit=4)
        failed = request_store.page(tx, user.project_id, failed=True)
    assert [one.request_id for one in first + second] == [f"r{n}" for n in range(9, 1, -1)]
    assert first[0].attempts == ({"status": 200, "ms": 1.5},)
    assert {one.status for one in failed} == {500}
    with database.transaction() as tx:
        assert request_store.prune(tx, now - 95, 3) == 3
        assert request_store.prune(tx, now - 95, 3) == 2
        assert request_store.prune(tx, now - 95, 3) == 0


def test_a_database_that_stays_locked_is_told_as_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.database._BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    holder, other = Database(url), Database(url)
    holder.upgrade()
    with holder.transaction(), pytest.raises(Overloaded), other.transaction():
        pass
    holder.close()
    other.close()


def test_writers_of_two_processes_lose_nothing_whatever_fails_between(storage_url: str) -> None:
    """Two engines stand for two processes; every third transaction fails half way."""
    engines = [Database(storage_url), Database(storage_url)]
    engines[0].upgrade()
    with engines[0].transaction() as tx:
        project = project_store.create(tx, "Acme", [])

    def add(number: int) -> int:
        database = engines[number % 2]
        with database.transaction(durable=number % 5 == 0):
            pass
        with contextlib.suppress(ZeroDivisionError), database.transaction(durable=False) as tx:
            slices, _ = limit_store.read(tx, "shared")
            limit_store.write(tx, "shared", {0: slices.get(0, 0) + 1}, 0.0, 9e9)
            if number % 3 == 0:
                raise ZeroDivisionError
            return 1
        with database.reading() as tx:
            assert project_store.find(tx, project.id) is not None
        return 0

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(add, range(240)))
    with engines[1].reading() as tx:
        assert limit_store.read(tx, "shared")[0] == {0: added}
    assert added == 160
    for database in engines:
        database.close()


def test_a_read_only_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    database = Database(f"sqlite:///{file}")
    database.upgrade()
    database.close()
    readonly = Database(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(DatabaseUnusable, match="readonly"), readonly.transaction() as tx:
        project_store.create(tx, "Acme", [])
    readonly.close()
