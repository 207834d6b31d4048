"""Whose pages an operator sees: every route of the console, found in the app's own table."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from connector.models import Status
from connector.store import keys as key_store

from ..operators import Console, Page, make_operator
from ..people import Host

#: Routes outside any project. A new one must be added here, and so be thought about.
GENERAL = {
    "console.start",
    "console.sign_in",
    "console.sign_in_form",
    "console.sign_out",
    "console.new_project",
    "console.unknown",
}
OPEN = {"console.sign_in", "console.sign_in_form"}


def _calls(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console."):
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield rule, method


def _address(rule: Rule, ids: dict[str, str]) -> str:
    found = str(rule.rule)
    for name in rule.arguments:
        found = re.sub(rf"<(\w+:)?{name}>", ids[name], found)
    return found


def _ids(host: Host) -> dict[str, str]:
    """Every id of a project that an address can hold; made if there is none yet."""
    connection = host.connect("charlie")
    runtime = host.runtime
    with runtime.database.transaction() as tx:
        api_key = key_store.add_api_key(tx, host.project.id, "k", uuid.uuid4().hex, ["x"])
    return {
        "project_id": host.project.id,
        "user_id": connection.user_id,
        "connection_id": connection.id,
        "signing_key_id": host.signing_key_id,
        "api_key_id": api_key.id,
        "connector": "heap",
    }


def _unknown_ids() -> dict[str, str]:
    names = ("project_id", "user_id", "connection_id", "signing_key_id", "api_key_id")
    return {name: str(uuid.uuid4()) for name in names} | {"connector": "heap"}


def _for_rule(rule: Rule, ids: dict[str, str]) -> dict[str, str]:
    kind = "api_key_id" if "api_key" in rule.endpoint else "signing_key_id"
    return {**ids, "key_id": ids[kind]}


def _open(console: Console, method: str, address: str) -> Page:
    return console.get(address) if method == "GET" else console.post(address)


def _seen(page: Page) -> tuple[int, str]:
    """What a person could tell pages apart by: all but the id of the request."""
    return page.status, re.sub(r"<code>[0-9a-f]{32}</code>", "", page.html)


def test_every_route_is_of_a_project_or_known_to_be_of_none(app: Flask) -> None:
    general = {rule.endpoint for rule, _ in _calls(app) if "project_id" not in rule.arguments}
    assert general == GENERAL


def test_without_signing_in_every_route_leads_to_the_form(app: Flask, host: Host) -> None:
    make_operator(host.runtime, "olga@example.com", host.project)
    visitor = Console(app, host.project)
    ids = _ids(host) | {"rest": "anything"}
    calls = [call for call in _calls(app) if call[0].endpoint not in OPEN]
    assert len(calls) > 20
    for rule, method in calls:
        answer = _open(visitor, method, _address(rule, _for_rule(rule, ids))).answer
        assert answer.status_code == 303, rule
        assert answer.location.startswith("/console/sign-in"), rule


def test_a_project_of_someone_else_is_like_one_that_does_not_exist(
    app: Flask, console: Console, other_host: Host
) -> None:
    foreign, unknown = _ids(other_host), _unknown_ids()
    calls = [call for call in _calls(app) if "project_id" in call[0].arguments]
    assert len(calls) > 20
    for rule, method in calls:
        seen = [
            _seen(_open(console, method, _address(rule, _for_rule(rule, ids))))
            for ids in (foreign, unknown)
        ]
        assert seen[0] == seen[1], rule
        assert seen[0][0] == 404, rule
    _nothing_happened(other_host, foreign)


def test_what_is_someone_elses_is_not_found_in_ones_own_project(
    app: Flask, console: Console, host: Host, other_host: Host
) -> None:
    own = {"project_id": host.project.id}
    foreign, unknown = {**_ids(other_host), **own}, {**_unknown_ids(), **own}
    named = {"user_id", "connection_id", "key_id"}
    calls = [call for call in _calls(app) if named & call[0].arguments]
    assert len(calls) >= 6
    for rule, method in calls:
        seen = [
            _seen(_open(console, method, _address(rule, _for_rule(rule, ids))))
            for ids in (foreign, unknown)
        ]
        assert seen[0] == seen[1], rule
        assert seen[0][0] == 404, rule
    _nothing_happened(other_host, foreign)


def test_a_connection_of_another_user_is_not_found_under_this_one(
    console: Console, host: Host
) -> None:
    alice, bob = host.connect("alice"), host.connect("bob")
    for deed in ("disconnect", "link"):
        path = f"/users/{alice.user_id}/connections/{bob.id}/{deed}"
        assert console.post(console.path(path)).status == 404
    assert host.runtime.connections.get(host.project.id, bob.id).status is Status.CONNECTED


def test_an_unknown_connector_is_not_found(console: Console) -> None:
    assert console.get(console.path("/integrations/nothing")).status == 404


def test_the_list_of_projects_holds_ones_own_alone(console: Console, other_host: Host) -> None:
    page = console.get(console.path())
    assert "Acme Notes" in page.text
    assert other_host.project.name not in page.html
    assert other_host.project.id not in page.html


@pytest.mark.parametrize("path", ["/console/nowhere", "/console/projects", "/console/x/y/z"])
def test_an_address_that_leads_nowhere_gets_a_page(console: Console, path: str) -> None:
    page = console.get(path)
    assert (page.status, page.answer.mimetype) == (404, "text/html")
    assert "Nothing found here" in page.text


def test_no_post_is_taken_without_the_forms_token(app: Flask, console: Console, host: Host) -> None:
    ids = _ids(host)
    posts = [rule for rule, method in _calls(app) if method == "POST"]
    assert len(posts) > 8
    for rule in posts:
        address = _address(rule, _for_rule(rule, {**ids, "rest": "anything"}))
        page = Page(console.client.post(address, data={"csrf_token": "forged"}))
        assert (page.status, page.answer.mimetype) == (400, "text/html"), rule
        assert "Nothing was changed." in page.text, rule
    _nothing_happened(host, ids)
    assert console.get(console.path()).status == 200


def _nothing_happened(host: Host, ids: dict[str, str]) -> None:
    """See that the things named are as they were, and that there are no more of them."""
    runtime, project_id = host.runtime, host.project.id
    _, (connection,) = runtime.connections.of_user(project_id, "charlie")
    assert connection.status is Status.CONNECTED
    with runtime.database.reading() as tx:
        (signing_key,) = key_store.signing_keys_of(tx, project_id, active=True)
        (api_key,) = key_store.api_keys_of(tx, project_id)
    assert signing_key.id == ids["signing_key_id"]
    assert (api_key.id, api_key.revoked_at) == (ids["api_key_id"], None)
