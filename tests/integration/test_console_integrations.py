"""The settings of a connector in the console: what is saved, kept, refused and said."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.app import create_app
from connector.auth import App
from connector.config import Settings
from connector.models import AppCredentials, Status
from connector.runtime import Runtime, build, builtin_manifest
from connector.store import connections as connection_store

from ..operators import Console, Page, make_operator
from ..people import Host, make_host

COURIER = Path(__file__).parents[1] / "data" / "courier.json"
SECRET = "a client secret of mine"


def _save(console: Console, connector: str = "heap", **fields: Any) -> Page:
    known = {"client_id": "", "client_secret": "", "scopes": "segment", "region": "us"}
    return console.post(console.path(f"/integrations/{connector}"), follow=True, **known | fields)


def _stored(host: Host, connector: str = "heap") -> AppCredentials:
    with host.runtime.database.reading() as tx:
        return host.runtime.apps.settings(tx, host.project.id, connector)


def _app(host: Host) -> App:
    with host.runtime.database.reading() as tx:
        return host.runtime.apps.app(tx, host.project.id, "heap")


def test_the_list_says_what_each_connector_uses(console: Console, host: Host) -> None:
    host.connect("alice")
    page = console.get(console.path("/integrations"))
    assert "Development keys" in page.text
    assert "1 connected" in page.text
    _save(console, client_id="mine", client_secret=SECRET)
    page = console.get(console.path("/integrations"))
    assert "Own app" in page.text
    assert "1 to re-authorise" in page.text


def test_blank_settings_are_explained(console: Console, host: Host) -> None:
    page = console.get(console.path("/integrations/heap"))
    sandbox = host.runtime.settings.development_origin
    assert f"Requests go to the sandbox at {sandbox}. Nothing reaches Heap." in page.text
    assert "Leave client ID and secret blank to use the development keys" in page.text
    assert "http://127.0.0.1:8700/connect/heap/callback" in page.text
    assert page.ticked("scopes") == ["segment"]
    assert "Sync the segments that you choose in Heap." in page.text


def test_id_secret_scopes_and_region_are_saved_and_the_secret_is_not_shown(
    console: Console, host: Host
) -> None:
    page = _save(console, client_id=" mine ", client_secret=f" {SECRET}\n", region="eu", scopes=[])
    assert page.status == 200
    assert "Saved." in page.text
    assert "Your own app is in use" in page.text
    assert page.value("client_id") == "mine"
    assert page.value("client_secret") == ""
    assert "A secret is stored. Leave this blank to keep it." in page.text
    assert page.ticked("scopes") == []
    assert SECRET not in page.html
    app = _app(host)
    assert (app.client_id, app.client_secret, app.scopes) == ("mine", SECRET, ())
    assert (app.region, app.development) == ("eu", False)


def test_a_blank_secret_keeps_the_stored_one(console: Console, host: Host) -> None:
    _save(console, client_id="mine", client_secret=SECRET)
    assert "Saved." in _save(console, client_id="mine", region="eu").text
    assert (_app(host).client_secret, _app(host).region) == (SECRET, "eu")


def test_a_new_client_id_needs_its_own_secret(console: Console, host: Host) -> None:
    _save(console, client_id="mine", client_secret=SECRET)
    page = _save(console, client_id="another")
    assert page.status == 400
    assert "no client secret for it" in page.at("client_secret-error")
    assert page.value("client_id") == "another"
    assert _app(host).client_id == "mine"


def test_clearing_the_client_id_goes_back_to_the_development_keys_and_forgets_the_secret(
    console: Console, host: Host
) -> None:
    _save(console, client_id="mine", client_secret=SECRET)
    page = _save(console)
    assert "The development keys are in use" in page.text
    assert (_stored(host).client_secret_sealed, _app(host).development) == ("", True)


def test_a_secret_without_a_client_id_is_told_at_the_field(console: Console, host: Host) -> None:
    page = _save(console, client_secret=SECRET)
    assert page.status == 400
    assert "There is a client secret but no client id." in page.at("client_id-error")
    assert SECRET not in page.html
    assert _stored(host).updated_at == 0.0


def test_without_an_app_requests_go_to_the_provider_itself(console: Console, host: Host) -> None:
    page = _save(console, without_app="y")
    assert "Users connect with their own keys" in page.text
    assert page.ticked("without_app") == ["y"]
    assert (_stored(host).without_app, _app(host).development) == (True, False)


def test_an_app_and_no_app_at_once_is_told_at_the_field(console: Console, host: Host) -> None:
    page = _save(console, client_id="mine", client_secret=SECRET, without_app="y")
    assert page.status == 400
    assert "Clear the client id or this box." in page.at("without_app-error")
    assert page.ticked("without_app") == ["y"]
    assert _stored(host).updated_at == 0.0


@pytest.mark.parametrize(("field", "value"), [("region", "mars"), ("scopes", "everything")])
def test_a_choice_that_is_not_offered_is_refused(
    console: Console, host: Host, field: str, value: str
) -> None:
    page = _save(console, client_id="mine", client_secret=SECRET, **{field: value})
    assert page.status == 400
    assert page.at(f"{field}-error")
    assert page.value("client_id") == "mine"
    assert _stored(host).updated_at == 0.0


def test_who_needs_re_authorisation_is_said_before_and_after(console: Console, host: Host) -> None:
    for user in ("alice", "bob"):
        host.connect(user)
    page = console.get(console.path("/integrations/heap"))
    assert "Accounts connected now: 2" in page.text
    assert "will need re-authorisation: 2 if you leave the development keys." in page.text
    page = _save(console, client_id="mine", client_secret=SECRET)
    assert "Saved. 2 connected accounts need re-authorisation now." in page.text
    _, (connection,) = host.runtime.connections.of_user(host.project.id, "alice")
    assert connection.status is Status.NEEDS_REAUTHORISATION
    assert "Accounts connected now" not in page.text


def test_how_many_accounts_hang_on_the_client_id_is_said(console: Console, host: Host) -> None:
    _save(console, client_id="mine", client_secret=SECRET)
    for user in ("alice", "bob"):
        host.connect(user, mode="app_id", keys={"app_id": "11"})
    _, (connection,) = host.runtime.connections.of_user(host.project.id, "alice")
    with host.runtime.database.transaction() as tx:
        connection_store.save(tx, dataclasses.replace(connection, client_id="mine"))
    page = console.get(console.path("/integrations/heap"))
    assert "Accounts connected now: 2" in page.text
    assert (
        "will need re-authorisation: 1 if you change the client ID, "
        "2 if you go back to the development keys." in page.text
    )
    page = _save(console, client_id="another", client_secret=SECRET)
    assert "Saved. One connected account needs re-authorisation now." in page.text


@pytest.fixture
def courier(make_settings: Callable[..., Settings]) -> Iterator[tuple[Runtime, Console]]:
    """A second connector: keys alone, one region, no scopes."""
    runtime = build(make_settings(manifests=(COURIER,)))
    project = make_host(runtime, "Acme Notes").project
    make_operator(runtime, "olga@example.com", project)
    console = Console(create_app(runtime), project)
    console.sign_in("olga@example.com")
    yield runtime, console
    runtime.close()


def test_a_connector_has_only_the_settings_that_change_something(
    courier: tuple[Runtime, Console],
) -> None:
    _, console = courier
    page = console.get(console.path("/integrations/courier"))
    assert page.status == 200
    for name in ("client_id", "client_secret", "scopes", "region"):
        assert not page.has_field(name), name
    assert page.has_field("without_app")
    assert "Use Courier itself, not the sandbox" in page.text
    assert "Redirect URI" not in page.text
    assert "Courier" in console.get(console.path("/integrations")).text


def test_a_connector_without_sign_in_can_leave_the_sandbox(
    courier: tuple[Runtime, Console],
) -> None:
    runtime, console = courier
    page = console.post(console.path("/integrations/courier"), follow=True, without_app="y")
    assert "Saved." in page.text
    assert console.project
    with runtime.database.reading() as tx:
        stored = runtime.apps.settings(tx, console.project.id, "courier")
    assert (stored.without_app, stored.development, stored.region) == (True, False, "one")


def test_without_development_keys_blank_settings_are_refused(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    manifest = json.loads(builtin_manifest().read_text(encoding="utf-8"))
    manifest |= {"name": "another", "title": "Another"}
    del manifest["development"]
    file = tmp_path / "another.json"
    file.write_text(json.dumps(manifest), encoding="utf-8")
    runtime = build(make_settings(manifests=(file,)))
    try:
        host = make_host(runtime, "Acme Notes")
        make_operator(runtime, "olga@example.com", host.project)
        console = Console(create_app(runtime), host.project)
        console.sign_in("olga@example.com")
        page = console.get(console.path("/integrations/another"))
        assert "sandbox at" not in page.text
        page = _save(console, "another")
        assert page.status == 400
        assert "Another has no development keys." in page.at("client_id-error")
        assert "Saved." in _save(console, "another", without_app="y").text
    finally:
        runtime.close()
