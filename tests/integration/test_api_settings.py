"""Our own API: app credentials, signing keys, connectors and the request log."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient

from connector import tokens

from ..conftest import SandboxClient, eventually
from ..key_holder import KeyHolder, pointers, problem
from ..people import Host, key_pair

CREDENTIALS = "/integrations/heap/credentials"
SECRET = "a-client-secret-of-acme"


@pytest.fixture
def api(client: FlaskClient, host: Host) -> KeyHolder:
    return KeyHolder(client, host)


def _public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def test_app_credentials_are_the_development_keys_at_first(api: KeyHolder) -> None:
    answer = api.get(CREDENTIALS)
    assert answer.json == {
        "connector": "heap",
        "client_id": "",
        "has_secret": False,
        "scopes": ["segment"],
        "region": "us",
        "without_app": False,
        "development": True,
        "redirect_uri": "http://127.0.0.1:8700/connect/heap/callback",
        "updated_at": None,
    }
    development = api.host.runtime.connectors["heap"].development
    assert development is not None
    assert development.client_secret not in answer.text


def test_app_credentials_are_set_and_the_secret_is_never_shown(api: KeyHolder) -> None:
    saved = api.put(CREDENTIALS, client_id="acme", client_secret=SECRET, region="eu")
    assert saved.status_code == 200
    shown = api.get(CREDENTIALS)
    assert shown.json == saved.json
    assert (shown.json["client_id"], shown.json["region"]) == ("acme", "eu")
    assert (shown.json["has_secret"], shown.json["development"]) == (True, False)
    assert SECRET not in saved.text + shown.text


def test_a_secret_that_is_left_out_stays(api: KeyHolder) -> None:
    api.put(CREDENTIALS, client_id="acme", client_secret=SECRET)
    assert api.put(CREDENTIALS, client_id="acme", scopes=[]).json["has_secret"] is True
    runtime = api.host.runtime
    with runtime.database.reading() as tx:
        app = runtime.apps.app(tx, api.host.project.id, "heap")
    assert (app.client_id, app.client_secret, app.scopes) == ("acme", SECRET, ())


def test_blank_credentials_bring_the_development_keys_back(api: KeyHolder) -> None:
    api.put(CREDENTIALS, client_id="acme", client_secret=SECRET)
    shown = api.put(CREDENTIALS, client_id="").json
    assert (shown["has_secret"], shown["development"]) == (False, True)


def test_a_project_may_go_without_an_app(api: KeyHolder) -> None:
    shown = api.put(CREDENTIALS, client_id="", without_app=True).json
    assert (shown["without_app"], shown["development"]) == (True, False)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/client_id"),
        ({"client_id": "acme"}, "/client_secret"),
        ({"client_id": "", "client_secret": "secret-alone"}, "/client_id"),
        ({"client_id": "acme", "client_secret": SECRET, "scopes": ["nothing"]}, "/scopes"),
        ({"client_id": "acme", "client_secret": SECRET, "scopes": ["segment", 1]}, "/scopes/1"),
        ({"client_id": "acme", "client_secret": SECRET, "region": "mars"}, "/region"),
        ({"client_id": "x" * 501, "client_secret": SECRET}, "/client_id"),
        ({"client_id": "acme", "client_secret": SECRET, "has_secret": True}, "/has_secret"),
    ],
)
def test_wrong_app_credentials_are_refused_with_a_pointer(
    api: KeyHolder, body: dict[str, object], pointer: str
) -> None:
    answer = api.put(CREDENTIALS, **body)
    assert problem(answer) == (400, "field_invalid")
    assert pointers(answer) == [pointer]
    assert SECRET not in answer.text
    assert api.get(CREDENTIALS).json["development"] is True


def test_app_credentials_of_an_unknown_connector_are_not_found(api: KeyHolder) -> None:
    assert problem(api.get("/integrations/nothing/credentials")) == (404, "not_found")
    answer = api.put("/integrations/nothing/credentials", client_id="")
    assert problem(answer) == (404, "not_found")


def test_app_credentials_are_each_projects_own(
    api: KeyHolder, client: FlaskClient, other_host: Host
) -> None:
    api.put(CREDENTIALS, client_id="acme", client_secret=SECRET)
    assert KeyHolder(client, other_host).get(CREDENTIALS).json["client_id"] == ""


def test_a_public_key_is_registered_and_its_tokens_hold(
    api: KeyHolder, client: FlaskClient
) -> None:
    private, public = key_pair("another key")
    answer = api.post("/signing-keys", name="rotation", public_key=public)
    assert answer.status_code == 201
    assert (answer.json["name"], answer.json["public_key"]) == ("rotation", public)
    assert answer.json["private_key"] is None
    assert _status_of_token(client, api.host, private) == 200
    assert answer.json["id"] in [one["id"] for one in api.get("/signing-keys").json["items"]]


def test_a_pair_is_made_and_the_private_key_is_shown_once(
    api: KeyHolder, client: FlaskClient
) -> None:
    answer = api.post("/signing-keys", generate=True)
    assert _status_of_token(client, api.host, answer.json["private_key"]) == 200
    assert "PRIVATE" not in api.get("/signing-keys").text


def test_a_revoked_key_stops_working_at_once_and_a_repeat_changes_nothing(
    api: KeyHolder, client: FlaskClient
) -> None:
    assert _status_of_token(client, api.host, api.host.private_pem) == 200
    first = api.delete(f"/signing-keys/{api.host.signing_key_id}")
    assert first.status_code == 200
    assert first.json["revoked_at"] is not None
    assert _status_of_token(client, api.host, api.host.private_pem) == 401
    assert api.delete(f"/signing-keys/{api.host.signing_key_id}").json == first.json
    assert api.get("/signing-keys").json == {"items": [first.json], "next_cursor": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "neither"},
        {"public_key": key_pair("another key")[1], "generate": True},
        {"public_key": "no PEM"},
        {"public_key": key_pair("another key")[0]},
        {"public_key": _public_pem(ec.generate_private_key(ec.SECP256R1()))},
        {"public_key": _public_pem(rsa.generate_private_key(65537, 1024))},
        {"public_key": "-----BEGIN PUBLIC KEY-----\x00"},
    ],
    ids=["nothing", "neither", "both", "no-pem", "private", "elliptic", "short", "null"],
)
def test_a_wrong_signing_key_is_refused(api: KeyHolder, body: dict[str, object]) -> None:
    answer = api.post("/signing-keys", **body)
    assert problem(answer) == (400, "field_invalid")
    assert pointers(answer) == ["/public_key"]
    assert "PRIVATE KEY-----\\n" not in answer.text
    assert len(api.get("/signing-keys").json["items"]) == 1


def test_connectors_are_listed_and_described(api: KeyHolder) -> None:
    (listed,) = api.get("/connectors").json["items"]
    shown = api.get("/connectors/heap").json
    assert {name: shown[name] for name in listed} == listed
    assert [mode["name"] for mode in shown["auth_modes"]] == ["oauth", "app_keys", "app_id"]
    assert [one["secret"] for one in shown["auth_modes"][1]["fields"]] == [False, True]
    track = next(action for action in shown["actions"] if action["name"] == "track")
    assert (track["method"], track["path"]) == ("POST", "/track")
    assert track["input"]["required"] == ["event"]
    assert {region["name"] for region in shown["regions"]} == {"us", "eu"}
    assert shown["has_development_keys"] is True
    assert problem(api.get("/connectors/nothing")) == (404, "not_found")


def test_a_connector_tells_no_secret(api: KeyHolder) -> None:
    development = api.host.runtime.connectors["heap"].development
    assert development is not None
    text = api.get("/connectors/heap").text
    assert development.client_secret not in text
    assert development.client_id not in text


def test_the_request_log_tells_what_the_proxy_did(
    api: KeyHolder, client: FlaskClient, sandbox: SandboxClient
) -> None:
    connection = api.host.connect("alice")
    headers = api.host.headers("alice")
    track = api.host.path("/proxy/heap/track?api_key=very-secret-value")
    client.post(track, headers=headers, json={"event": "Signed up", "identity": "a@example.com"})
    client.post(api.host.path("/proxy/heap/track"), headers=api.host.headers("nobody"), json={})
    eventually(lambda: len(api.get("/requests").json["items"]) == 2)
    failed, passed_on = api.get("/requests").json["items"]
    assert (passed_on["user"], passed_on["connection_id"]) == ("alice", connection.id)
    assert (passed_on["action"], passed_on["status"]) == ("track", 200)
    assert [attempt["status"] for attempt in passed_on["attempts"]] == [200]
    assert "very-secret-value" not in repr(passed_on)
    assert (failed["error_code"], failed["status"]) == ("not_connected", None)
    assert api.get("/requests", failed="true").json["items"] == [failed]
    assert api.get("/requests", failed="false").json["items"] == [failed, passed_on]
    assert api.get("/requests", connection=connection.id).json["items"] == [passed_on]


def _status_of_token(client: FlaskClient, host: Host, private_pem: str) -> int:
    token = tokens.sign(private_pem, host.project.id, "alice")
    answer = client.get(host.path("/me"), headers={"Authorization": f"Bearer {token}"})
    return answer.status_code
