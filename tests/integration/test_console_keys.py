"""Signing keys and API keys in the console: shown once, several at once, revoked at once."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask

from connector import tokens
from connector.models import ApiKey, SigningKeyRecord
from connector.store import keys as key_store

from ..operators import Console
from ..people import Host, key_pair

PRIVATE = re.compile(r"-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n")


def _signing_keys(host: Host) -> list[SigningKeyRecord]:
    with host.runtime.database.reading() as tx:
        return key_store.signing_keys_of(tx, host.project.id)


def _api_keys(host: Host) -> list[ApiKey]:
    with host.runtime.database.reading() as tx:
        return key_store.api_keys_of(tx, host.project.id)


def _me(app: Flask, host: Host, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return app.test_client().get(host.path("/me"), headers=headers).status_code


def test_a_key_pair_that_was_made_signs_tokens_and_is_shown_once(
    console: Console, app: Flask, host: Host
) -> None:
    page = console.post(console.path("/signing-keys/new"), name="Production", public_key="")
    assert page.status == 200
    assert "It is not kept here and is not shown again." in page.text
    found = PRIVATE.search(html.unescape(page.html))
    assert found
    token = tokens.sign(found.group(), host.project.id, "alice")
    assert _me(app, host, token) == 200
    shown = console.get(console.path("/sdk"))
    assert "PRIVATE KEY" not in shown.html
    assert "Production" in shown.text


def test_a_public_key_made_elsewhere_is_registered_beside_the_others(
    console: Console, app: Flask, host: Host
) -> None:
    private_pem, public_pem = key_pair("made elsewhere")
    form = {"name": "Ours", "public_key": public_pem.replace("\n", "\r\n")}
    page = console.post(console.path("/signing-keys/new"), follow=True, **form)
    assert "The key Ours is registered." in page.text
    assert _me(app, host, tokens.sign(private_pem, host.project.id, "alice")) == 200
    assert _me(app, host, host.token("alice")) == 200


def test_a_private_key_is_refused_and_not_shown_again(console: Console, host: Host) -> None:
    private_pem, _ = key_pair("made elsewhere")
    page = console.post(console.path("/signing-keys/new"), name="Oops", public_key=private_pem)
    assert page.status == 400
    assert "This is a private key." in page.at("public_key-error")
    assert private_pem.splitlines()[1] not in page.html
    assert len(_signing_keys(host)) == 1


def test_what_is_no_key_is_told_at_the_field_and_stays(console: Console, host: Host) -> None:
    page = console.post(console.path("/signing-keys/new"), name="", public_key="no key")
    assert page.status == 400
    assert page.at("name-error") == "Give the key a name."
    page = console.post(console.path("/signing-keys/new"), name="Ours", public_key="no key")
    assert page.status == 400
    assert "must be PEM text" in page.at("public_key-error")
    assert (page.value("name"), page.value("public_key")) == ("Ours", "no key")
    assert len(_signing_keys(host)) == 1


def test_a_revoked_key_signs_no_more(console: Console, app: Flask, host: Host) -> None:
    token = host.token("alice")
    assert _me(app, host, token) == 200
    path = console.path(f"/signing-keys/{host.signing_key_id}/revoke")
    assert "The key is revoked." in console.post(path, follow=True).text
    assert _me(app, host, token) == 401
    page = console.post(path, follow=True)
    assert page.status == 200
    assert "Revoked" in page.text


def test_an_api_key_is_shown_once_and_opens_what_it_may(
    console: Console, app: Flask, host: Host
) -> None:
    scopes = ["connections:read", "requests:read"]
    page = console.post(console.path("/api-keys"), name="Billing", scopes=scopes)
    assert page.status == 200
    assert "Copy the key now" in page.text
    found = re.search(r"hlk_[\w-]{43}", page.html)
    assert found
    key = host.runtime.access.api_key(found.group())
    assert (key.name, key.scopes) == ("Billing", ("connections:read", "requests:read"))
    shown = console.get(console.path("/api-keys"))
    assert "hlk_" not in shown.html
    assert "Billing" in shown.text


@pytest.mark.parametrize(
    ("form", "field", "why"),
    [
        ({"name": "", "scopes": "requests:read"}, "name", "Give the key a name."),
        ({"name": "Billing"}, "scopes", "Choose at least one."),
        ({"name": "Billing", "scopes": "everything"}, "scopes", "not"),
    ],
)
def test_an_api_key_that_cannot_be_is_told_at_the_field(
    console: Console, host: Host, form: dict[str, Any], field: str, why: str
) -> None:
    page = console.post(console.path("/api-keys"), **form)
    assert page.status == 400
    assert why in page.at(f"{field}-error")
    assert page.value("name") == form["name"]
    assert "hlk_" not in page.html
    assert _api_keys(host) == []


def test_a_revoked_api_key_opens_nothing(console: Console, app: Flask, host: Host) -> None:
    page = console.post(console.path("/api-keys"), name="Billing", scopes="connections:read")
    found = re.search(r"hlk_[\w-]{43}", page.html)
    assert found
    headers = {"Authorization": f"Bearer {found.group()}"}
    assert app.test_client().get("/api/v1/connections", headers=headers).status_code == 200
    (key,) = _api_keys(host)
    page = console.post(console.path(f"/api-keys/{key.id}/revoke"), follow=True)
    assert "The key is revoked." in page.text
    assert app.test_client().get("/api/v1/connections", headers=headers).status_code == 401
