"""Projects in the console: made, named, opened to origins; and the overview's checklist."""

from __future__ import annotations

import pytest
from flask import Flask

from connector.models import Project
from connector.runtime import Runtime
from connector.store import projects as project_store

from ..conftest import SandboxClient, eventually
from ..operators import Console
from ..people import HOST_ORIGIN, Host


def _stored(runtime: Runtime, project: Project) -> Project:
    with runtime.database.reading() as tx:
        found = project_store.find(tx, project.id)
    assert found
    return found


def test_a_project_that_was_made_is_ones_own(console: Console, runtime: Runtime) -> None:
    answer = console.post(
        "/console/new-project",
        name="  Second Product ",
        origins="https://b.example\r\n\r\nhttp://127.0.0.1:3000/",
    ).answer
    assert answer.status_code == 303
    page = console.get(answer.location)
    assert page.status == 200
    assert "Second Product" in page.text
    with runtime.database.reading() as tx:
        (made,) = [one for one in project_store.all_projects(tx) if one.name == "Second Product"]
    assert made.origins == ("https://b.example", "http://127.0.0.1:3000")
    assert answer.location.endswith(made.id)


def test_name_and_origins_are_shown_and_saved(
    console: Console, host: Host, runtime: Runtime
) -> None:
    path = console.path("/settings")
    page = console.get(path)
    assert (page.value("name"), page.value("origins")) == ("Acme Notes", HOST_ORIGIN)
    page = console.post(path, name="Acme", origins="https://app.acme.example", follow=True)
    assert "Saved." in page.text
    assert page.value("origins") == "https://app.acme.example"
    found = _stored(runtime, host.project)
    assert (found.name, found.origins) == ("Acme", ("https://app.acme.example",))


def test_all_origins_can_be_taken_back(console: Console, host: Host, runtime: Runtime) -> None:
    console.post(console.path("/settings"), name="Acme", origins="")
    assert _stored(runtime, host.project).origins == ()


@pytest.mark.parametrize("path", ["/console/new-project", "/settings"])
def test_what_is_no_origin_is_told_at_the_field_and_what_was_typed_stays(
    console: Console, host: Host, runtime: Runtime, path: str
) -> None:
    address = path if path.startswith("/console") else console.path(path)
    typed = "https://fine.example\napp.example.com/path"
    page = console.post(address, name="Changed", origins=typed)
    assert page.status == 400
    assert page.at("origins-error") == (
        "Line 2: app.example.com/path must start with https:// or http:// and name a host."
    )
    assert page.value("origins").splitlines() == typed.splitlines()
    assert page.value("name") == "Changed"
    with runtime.database.reading() as tx:
        assert [one.name for one in project_store.all_projects(tx)] == [host.project.name]


@pytest.mark.parametrize(
    ("name", "why"),
    [("  ", "Give the project a name."), ("x" * 201, "200"), ("a\x00b", "cannot be kept")],
)
def test_a_name_that_cannot_be_used_is_told_at_the_field(
    console: Console, host: Host, runtime: Runtime, name: str, why: str
) -> None:
    page = console.post(console.path("/settings"), name=name, origins="https://new.example")
    assert page.status == 400
    assert why in page.at("name-error")
    assert page.value("origins") == "https://new.example"
    assert _stored(runtime, host.project).name == "Acme Notes"


def test_new_origins_hold_for_the_sdk_at_once(console: Console, host: Host) -> None:
    preflight = {"Origin": "https://app.acme.example", "Access-Control-Request-Method": "GET"}
    path = host.path("/me")
    assert console.client.options(path, headers=preflight).status_code == 403
    console.post(console.path("/settings"), name="Acme", origins="https://app.acme.example")
    assert console.client.options(path, headers=preflight).status_code == 204


def test_the_checklist_follows_what_was_done(
    console: Console, app: Flask, host: Host, sandbox: SandboxClient
) -> None:
    page = console.get(console.path())
    assert "2 of 5 done" in page.text
    host.connect("alice")
    assert "3 of 5 done" in console.get(console.path()).text
    app.test_client().post(
        host.path("/proxy/heap/track"),
        headers=host.headers("alice"),
        json={"event": "Signed up", "identity": "alice@example.com"},
    )
    eventually(lambda: "4 of 5 done" in console.get(console.path()).text)
    console.post(
        console.path("/integrations/heap"),
        client_id="mine",
        client_secret="a secret of mine",
        scopes="segment",
        region="us",
    )
    page = console.get(console.path())
    assert "What to do next" not in page.text
    assert "1 needs re-authorisation" in page.text


def test_the_overview_counts_users_and_accounts(console: Console, host: Host) -> None:
    host.connect("alice")
    bob = host.connect("bob")
    host.runtime.connections.disconnect(host.project.id, bob.id, "Disconnected by the user.")
    page = console.get(console.path())
    assert "2 users" in page.text
    assert "1 connected account " in page.text
    assert "1 disconnected" in page.text
