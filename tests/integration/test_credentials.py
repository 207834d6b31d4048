"""When a credential is renewed, by whom, and what happens when it cannot be."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from connector import redaction
from connector.errors import CredentialRefreshFailed, NeedsReauthorisation, NotConnected
from connector.models import Connection, CredentialRow, Status
from connector.runtime import Runtime
from connector.sealing import CREDENTIALS
from connector.secret import Secret, UsableCredential
from connector.store import connections as connection_store
from connector.tables import credentials as table

from ..conftest import SandboxClient, eventually
from ..people import ACME, Host
from ..visitor import Visitor

TOKEN_PATH = "/api/partner/oauth/token"
AUTH_TOKEN_PATH = "/api/public/v0/auth_token"


@dataclass
class Kept:
    """One connection and its credential."""

    runtime: Runtime
    connection: Connection

    def row(self) -> CredentialRow:
        found = self.runtime.credentials.current(self.connection)
        assert found is not None
        return found

    def set(self, **values: Any) -> CredentialRow:
        """Change the credential's row, as time or another server would."""
        with self.runtime.database.transaction() as tx:
            tx.execute(
                update(table).where(table.c.connection_id == self.connection.id).values(**values)
            )
        return self.row()

    def age(self, left: float, lifetime: float = 3600.0, **values: Any) -> CredentialRow:
        """Have the token been issued so long ago that only ``left`` seconds of its life remain."""
        row, place = self.row(), (self.connection.project_id, self.connection.id)
        with self.runtime.database.transaction() as tx:
            text = self.runtime.sealer.open(tx, CREDENTIALS, *place, row.sealed)
            secret = dataclasses.replace(
                Secret.from_json(text), issued_at=time.time() - lifetime + left
            )
            sealed = self.runtime.sealer.seal(tx, CREDENTIALS, *place, secret.to_json())
        changes = {"sealed": sealed, "version": row.version + 1, "expires_at": time.time() + left}
        return self.set(**changes, **values)

    def usable(
        self, row: CredentialRow | None = None, seconds: float = 10.0, **options: Any
    ) -> UsableCredential:
        deadline = time.time() + seconds
        row = row or self.row()
        return self.runtime.credentials.usable(self.connection, row, deadline=deadline, **options)

    def status(self) -> tuple[Status, str]:
        found = self.runtime.connections.get(self.connection.project_id, self.connection.id)
        return found.status, found.status_reason


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Runtime:
    return shared_runtime


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    return shared_app


@pytest.fixture
def kept(app: Flask, host: Host, sandbox: SandboxClient) -> Kept:
    """An account connected by OAuth at a provider that rotates refresh tokens."""
    sandbox.set(refresh_tokens="rotating", access_token_seconds=3600)
    connection_id = Visitor(app, host, "alice").connect()
    return Kept(host.runtime, host.runtime.connections.get(host.project.id, connection_id))


def renewals(sandbox: SandboxClient) -> dict[str, int]:
    found: dict[str, int] = sandbox.get("token-endpoint")["by_grant_type"].get("refresh_token", {})
    return found


def test_a_token_that_is_not_due_is_used_as_it_is(kept: Kept, sandbox: SandboxClient) -> None:
    first = kept.usable()
    assert kept.usable() == first
    assert first.injection is not None
    assert first.injection[:2] == ("header", "Authorization")
    assert first.injection[2].startswith("Bearer eyJ")
    assert renewals(sandbox) == {}


def test_a_token_is_renewed_a_margin_before_its_end(kept: Kept, sandbox: SandboxClient) -> None:
    """The hour's margin is fifteen hundredths of it, spread by a fifth either way."""
    early = kept.age(left=0.15 * 3600 * 1.25)
    assert kept.usable().version == early.version
    late = kept.age(left=0.15 * 3600 * 0.75)
    assert kept.usable().version == late.version + 1
    assert renewals(sandbox) == {"issued": 1}


def test_while_one_renews_the_others_go_on_with_the_token_they_have(
    kept: Kept, sandbox: SandboxClient
) -> None:
    row = kept.age(left=60)
    sandbox.set(token_latency_seconds=1.5)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(kept.usable, row)
        eventually(lambda: kept.row().lease_owner)
        began = time.monotonic()
        assert [kept.usable(row).version for _ in range(5)] == [row.version] * 5
        assert time.monotonic() - began < 1.2
        assert renewing.result(20).version == row.version + 1


def test_whoever_waits_longer_than_they_may_gets_an_error_to_try_again(
    kept: Kept, sandbox: SandboxClient
) -> None:
    row = kept.set(expires_at=time.time() - 1, lease_owner="someone", lease_until=time.time() + 30)
    with pytest.raises(CredentialRefreshFailed, match="Try again") as caught:
        kept.usable(row, seconds=0.3)
    assert caught.value.retryable
    assert renewals(sandbox) == {}


def test_a_lease_that_ran_out_is_taken_over(kept: Kept, sandbox: SandboxClient) -> None:
    row = kept.set(expires_at=time.time() - 1, lease_owner="dead", lease_until=time.time() + 0.4)
    assert kept.usable(row).version == row.version + 1
    assert renewals(sandbox) == {"issued": 1}


def test_a_stale_row_finds_what_someone_else_renewed(kept: Kept, sandbox: SandboxClient) -> None:
    stale = kept.set(expires_at=time.time() - 1)
    renewed = kept.usable(stale)
    assert kept.usable(stale) == renewed
    assert kept.usable(stale, rejected=stale.version) == renewed
    assert renewals(sandbox) == {"issued": 1}


def test_a_rejected_token_is_renewed_once_however_many_were_refused(
    kept: Kept, sandbox: SandboxClient
) -> None:
    row = kept.row()
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: kept.usable(row, rejected=row.version), range(10)))
    assert {one.version for one in found} == {row.version + 1}
    assert renewals(sandbox) == {"issued": 1}


def test_a_refused_refresh_token_asks_for_the_person(kept: Kept, sandbox: SandboxClient) -> None:
    sandbox.post("grants/revoke")
    row = kept.set(expires_at=time.time() - 1)
    with pytest.raises(NeedsReauthorisation, match="must be connected again") as caught:
        kept.usable(row)
    assert caught.value.meta["connection_id"] == kept.connection.id
    status, reason = kept.status()
    assert status is Status.NEEDS_REAUTHORISATION
    assert "invalid_grant" in reason
    assert (kept.row().lease_owner, kept.row().version) == (None, row.version)


def test_a_refusal_for_a_credential_that_was_replaced_meanwhile_changes_nothing(
    kept: Kept, app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    row = kept.set(expires_at=time.time() - 1)
    sandbox.set(token_latency_seconds=1.5)
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(kept.usable, row)
        eventually(lambda: kept.row().lease_owner)
        sandbox.post("grants/revoke")
        sandbox.set(token_latency_seconds=0)
        assert Visitor(app, host, "alice").connect(key="again") == kept.connection.id
        after = kept.row()
        assert renewing.result(20).version == after.version
    assert renewals(sandbox) == {"invalid_grant": 1}
    assert kept.status()[0] is Status.CONNECTED


def test_whoever_is_too_slow_is_overtaken_and_uses_what_the_other_renewed(
    kept: Kept, sandbox: SandboxClient
) -> None:
    row = kept.set(expires_at=time.time() - 1)
    sandbox.set(token_latency_seconds=1.5)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(kept.usable, row)
        eventually(lambda: kept.row().lease_owner)
        kept.set(lease_until=0.0)
        sandbox.set(token_latency_seconds=0)
        quick = kept.usable(row)
        found = slow.result(20)
    assert (quick.version, found.version) == (row.version + 1, row.version + 1)
    assert kept.status()[0] is Status.CONNECTED


def test_whoever_lost_the_lease_marks_nothing(
    kept: Kept, app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    """It was refused because whoever took over is just spending the refresh token."""
    row = kept.set(expires_at=time.time() - 1)
    sandbox.set(token_latency_seconds=0.7)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(kept.usable, row)
        eventually(lambda: kept.row().lease_owner)
        kept.set(lease_owner="the one who took over", lease_until=time.time() + 30)
        sandbox.post("grants/revoke")
        eventually(lambda: renewals(sandbox) == {"invalid_grant": 1})
        sandbox.set(token_latency_seconds=0)
        Visitor(app, host, "alice").connect(key="the other's success")
        assert slow.result(20).version == row.version + 1
    assert kept.status() == (Status.CONNECTED, "Connected again.")


def test_a_stale_row_that_could_not_be_renewed_finds_what_took_its_place(
    kept: Kept, app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    stale = kept.set(expires_at=time.time() - 1, refreshable=False)
    Visitor(app, host, "alice").connect(key="again")
    assert kept.usable(stale).version == stale.version + 1
    assert kept.status()[0] is Status.CONNECTED


def test_keys_that_were_opened_are_masked_in_every_log_from_then_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process sealed them: this one has not seen them before."""
    connection = host.connect("bob")
    kept = Kept(host.runtime, connection)
    monkeypatch.setattr(redaction, "_values", type(redaction._values)())
    kept.runtime.credentials._cache.clear()
    assert redaction.redact_text(ACME["api_key"]) == ACME["api_key"]
    token = str(kept.usable().injection)
    assert redaction.redact_text(ACME["api_key"]) == redaction.MASK
    assert redaction.MASK in redaction.redact_text(token)


FAILURES: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503, "body": '{"error": "invalid_grant"}'},
    {"kind": "status", "status": 429, "retry_after": 60},
    {"kind": "status", "status": 403, "body": "<html>blocked by a firewall</html>"},
    {"kind": "status", "status": 404, "body": "moved"},
    {"kind": "status", "status": 200, "body": "<html>Down for maintenance</html>"},
    {"kind": "status", "status": 400, "body": '{"error": "temporarily_unavailable"}'},
    {"kind": "drop"},
    {"kind": "garbage"},
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: f"{one['kind']} {one.get('status')}")
def test_a_passing_failure_leaves_the_token_in_use_until_its_end(
    kept: Kept, sandbox: SandboxClient, failure: dict[str, Any]
) -> None:
    row = kept.age(left=60)
    sandbox.fault(path=TOKEN_PATH, times=2, **failure)
    assert kept.usable().version == row.version
    failed = kept.row()
    assert (failed.failures, failed.lease_owner) == (1, None)
    assert 1.0 < failed.retry_at - time.time() < 3.0
    calls = len(sandbox.items("requests", path=TOKEN_PATH))
    assert kept.usable().version == row.version
    assert len(sandbox.items("requests", path=TOKEN_PATH)) == calls
    expired = kept.set(expires_at=time.time() - 1)
    with pytest.raises(CredentialRefreshFailed) as early:
        kept.usable(expired)
    assert 0 < early.value.meta["retry_after"] < 3
    with pytest.raises(CredentialRefreshFailed, match="could not be renewed just now"):
        kept.usable(kept.set(retry_at=0.0))
    assert kept.row().failures == 2
    assert kept.row().retry_at - time.time() > 3.0
    assert kept.usable(kept.set(retry_at=0.0)).version == row.version + 1
    assert (kept.row().failures, kept.row().retry_at) == (0, 0.0)
    assert kept.status()[0] is Status.CONNECTED


def test_a_provider_that_fails_for_years_is_still_asked(kept: Kept, sandbox: SandboxClient) -> None:
    row = kept.age(left=60, failures=5000)
    sandbox.fault(kind="status", path=TOKEN_PATH, status=500)
    assert kept.usable().version == row.version
    assert 250 < kept.row().retry_at - time.time() <= 300


def test_a_changed_client_id_asks_for_the_person(kept: Kept, host: Host) -> None:
    host.runtime.apps.save(
        host.project.id,
        "heap",
        client_id="another",
        client_secret="another-secret",
        scopes=("segment",),
        region="us",
        without_app=False,
    )
    with host.runtime.database.transaction() as tx:
        ids = (host.project.id, kept.connection.id)
        connection_store.set_status(tx, *ids, Status.CONNECTED, "As if it had not been noticed.")
    with pytest.raises(NeedsReauthorisation, match="client id was changed"):
        kept.usable(kept.set(expires_at=time.time() - 1))


def test_without_a_refresh_token_the_end_of_a_token_asks_for_the_person(
    app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    sandbox.set(refresh_tokens="none", access_token_seconds=3600)
    connection_id = Visitor(app, host, "alice").connect()
    kept = Kept(host.runtime, host.runtime.connections.get(host.project.id, connection_id))
    assert kept.usable(kept.set(expires_at=time.time() + 2))
    with pytest.raises(NeedsReauthorisation, match="has expired and cannot be renewed"):
        kept.usable(kept.set(expires_at=time.time() - 1))


def test_a_disconnected_account_has_no_credential(kept: Kept) -> None:
    row = kept.row()
    kept.runtime.connections.disconnect(kept.connection.project_id, kept.connection.id, "Test.")
    assert kept.runtime.credentials.current(kept.connection) is None
    with pytest.raises(NotConnected):
        kept.usable(kept.runtime.credentials.current(kept.connection) or row, rejected=row.version)


@pytest.fixture
def delete_bob(client: FlaskClient, host: Host) -> Callable[[], Any]:
    """A request that the provider takes a token for."""
    return lambda: client.post(
        host.path("/proxy/heap/public/v0/user_deletion"),
        json={"users": [{"identity": "bob"}]},
        headers=host.headers("alice"),
    )


def test_an_answer_of_401_is_followed_by_one_renewal_and_one_more_attempt(
    host: Host, sandbox: SandboxClient, delete_bob: Callable[[], Any]
) -> None:
    host.connect("alice")
    calls = len(sandbox.items("requests", path=AUTH_TOKEN_PATH))
    sandbox.post("access-tokens/revoke")
    answer = delete_bob()
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (201, "2")
    assert len(sandbox.items("requests", path=AUTH_TOKEN_PATH)) == calls + 1


def test_an_answer_of_401_to_a_fresh_token_is_handed_on(
    host: Host, sandbox: SandboxClient, delete_bob: Callable[[], Any]
) -> None:
    connection = host.connect("alice")
    sandbox.fault(kind="status", path="*/user_deletion", status=401, times=None)
    calls = len(sandbox.items("requests", path=AUTH_TOKEN_PATH))
    answer = delete_bob()
    assert (answer.status_code, answer.headers["X-Heapline-Attempts"]) == (401, "2")
    assert len(sandbox.items("requests", path=AUTH_TOKEN_PATH)) == calls + 1
    found = host.runtime.connections.get(host.project.id, connection.id)
    assert found.status is Status.CONNECTED


def test_keys_that_are_refused_when_they_are_exchanged_again_ask_for_the_person(
    host: Host, sandbox: SandboxClient, delete_bob: Callable[[], Any]
) -> None:
    connection = host.connect("alice")
    sandbox.post("access-tokens/revoke")
    body = '{"err": {"error": "unauthorized", "message": "API key revoked"}}'
    sandbox.fault(kind="status", path=AUTH_TOKEN_PATH, status=401, body=body)
    assert delete_bob().status_code == 401
    answer = delete_bob()
    assert (answer.status_code, answer.json["code"]) == (403, "needs_reauthorisation")
    found = host.runtime.connections.get(host.project.id, connection.id)
    assert "API key revoked" in found.status_reason
    assert host.connect("alice", ACME).status is Status.CONNECTED
    assert delete_bob().status_code == 201
