"""The routes and the JSON that the npm SDK lives on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.models import Status
from connector.runtime import Runtime
from connector.sdk_protocol import FEATURES, integration_id
from connector.store import configurations as configuration_store
from connector.store import connections as connection_store

from ..people import ACME, GLOBEX, HOST_ORIGIN, Host
from .sdk_caller import Sdk, refusal


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Runtime:
    return shared_runtime


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    return shared_app


@pytest.fixture
def sdk(client: FlaskClient, host: Host) -> Sdk:
    return Sdk(client, host)


def test_me_before_anything_is_connected(sdk: Sdk) -> None:
    me = sdk.json("GET", "/me")
    assert me == {
        "authenticated": True,
        "userId": "alice",
        "meta": {},
        "resources": [],
        "project": {
            "id": sdk.host.project.id,
            "name": "Acme Notes",
            "billingPlan": "self-hosted",
            "accessibleFeatures": FEATURES,
        },
        "integrations": {"heap": {"enabled": False, "allCredentials": []}},
    }
    assert {"headless-cp", "dfm", "byo"} <= set(FEATURES)


def test_me_with_an_account(sdk: Sdk) -> None:
    connection = sdk.host.connect("alice", external_id="main")
    state = sdk.json("GET", "/me")["integrations"]["heap"]
    assert (state["enabled"], state["credentialStatus"]) == (True, "VALID")
    assert state["credentialId"] == connection.id
    assert state["providerId"] == ACME["app_id"]
    assert state["providerData"] == {"app_id": ACME["app_id"]}
    (credential,) = state["allCredentials"]
    assert credential["externalId"] == "main"
    (configuration,) = credential["configurations"]
    assert configuration["isDefault"] is True
    assert configuration["connectCredentialId"] == connection.id


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (Status.CONNECTED, ("VALID", True)),
        (Status.NEEDS_REAUTHORISATION, ("INVALID", True)),
        (Status.DISCONNECTED, (None, False)),
    ],
)
def test_the_status_of_an_account_as_the_sdk_sees_it(
    sdk: Sdk, status: Status, shown: tuple[str | None, bool]
) -> None:
    connection = sdk.host.connect("alice")
    with sdk.host.runtime.database.transaction() as tx:
        ids = (sdk.host.project.id, connection.id)
        connection_store.set_status(tx, *ids, status, "For a reason.")
    state = sdk.json("GET", "/me")["integrations"]["heap"]
    assert (state.get("credentialStatus"), state["enabled"]) == shown
    assert len(state["allCredentials"]) == shown[1]


def test_a_connected_account_is_shown_before_one_that_must_be_renewed(sdk: Sdk) -> None:
    first, second = sdk.host.connect("alice"), sdk.host.connect("alice", GLOBEX)
    with sdk.host.runtime.database.transaction() as tx:
        ids = (sdk.host.project.id, first.id)
        connection_store.set_status(tx, *ids, Status.NEEDS_REAUTHORISATION, "x")
    state = sdk.json("GET", "/me")["integrations"]["heap"]
    assert state["credentialId"] == second.id
    assert [one["id"] for one in state["allCredentials"]] == [first.id, second.id]


def test_metadata_of_the_user_is_set_and_kept(sdk: Sdk) -> None:
    meta = {"Name": "Alice", "Email": "a@b.c", "plan": {"seats": 3}}
    assert sdk.json("PATCH", "/me", {"meta": meta})["meta"] == meta
    assert sdk.json("GET", "/me")["meta"] == meta
    assert sdk.json("PATCH", "/me", {"meta": {}})["meta"] == {}


def test_older_packages_send_metadata_in_a_header(sdk: Sdk) -> None:
    answer = sdk.json("GET", "/me", X_Paragon_User_Metadata='{"Name": "Alice"}')
    assert answer["meta"] == {"Name": "Alice"}
    wrong = sdk("GET", "/me", X_Paragon_User_Metadata="[1]")
    assert refusal(wrong) == (400, "field_invalid")


def test_integrations_hold_what_portal_and_sdk_need(sdk: Sdk) -> None:
    (found,) = sdk.json("GET", "/integrations")
    assert found["id"] == integration_id(sdk.host.project.id, "heap")
    assert (found["type"], found["name"], found["isActive"]) == ("heap", "Heap", True)
    assert (found["authenticationType"], found["hasCredential"]) == ("oauth", False)
    assert found["icon"] == "http://127.0.0.1:8700/integrations/heap.svg"
    (config,) = found["configs"]
    assert set(config["values"]) >= {"accentColor", "description", "sharedMeta", "workflowMeta"}
    asked = {
        one["id"]: (one["scheme"], [field["id"] for field in one["endUserSuppliedValues"]])
        for one in found["sdkIntegrationConfig"]["accountTypes"]
    }
    assert asked == {
        "oauth": ("oauth", []),
        "app_keys": ("oauth_client_credential", ["app_id", "api_key"]),
        "app_id": ("api_key", ["app_id"]),
    }
    # With anything here the SDK's headless flow cannot finish an account of keys.
    assert found["sdkIntegrationConfig"]["postOauthInputs"] == []
    sdk.host.connect("alice")
    assert sdk.json("GET", "/integrations")[0]["hasCredential"] is True


def test_no_answer_holds_the_development_secret(sdk: Sdk) -> None:
    for path in ("/me", "/integrations", "/metadata", "/credentials"):
        assert "heap-sandbox-development-secret" not in sdk("GET", path).text


def test_metadata_of_connectors(sdk: Sdk) -> None:
    assert sdk.json("GET", "/metadata") == [
        {
            "type": "heap",
            "name": "Heap",
            "brandColor": "#031926",
            "icon": "http://127.0.0.1:8700/integrations/heap.svg",
        }
    ]


def test_credentials_are_listed_and_found_by_any_of_their_names(sdk: Sdk) -> None:
    own = sdk.host.connect("alice", external_id="main")
    sdk.host.connect("bob", GLOBEX, external_id="main")
    integration = integration_id(sdk.host.project.id, "heap")
    for query in ("", "?integration=heap", f"?integration={integration}&includeAccountAuth=true"):
        assert [one["id"] for one in sdk.json("GET", f"/credentials{query}")] == [own.id]
    for name in (own.id, "main", "ext:main"):
        assert sdk.json("GET", f"/credentials/{name}")["id"] == own.id
    assert sdk.json("POST", f"/credentials/{own.id}/complete-setup", {})["id"] == own.id
    assert refusal(sdk("GET", "/credentials?integration=nothing")) == (404, "not_found")


def test_a_credential_tells_all_but_the_secret(sdk: Sdk) -> None:
    connection = sdk.host.connect("alice")
    found = sdk.json("GET", f"/credentials/{connection.id}")
    assert found["projectId"] == sdk.host.project.id
    assert found["personaId"] == connection.user_id
    assert (found["status"], found["isPreviewCredential"]) == ("VALID", False)
    for name in ("dateCreated", "dateUpdated", "dateRefreshed"):
        assert found[name].endswith("+00:00")
    assert ACME["api_key"] not in json.dumps(found)


def test_an_account_is_connected_by_keys(sdk: Sdk) -> None:
    body = {
        "integrationId": integration_id(sdk.host.project.id, "heap"),
        "config": {},
        "payload": {**ACME, "skipPostOAuthInputs": False},
        "installOptions": {"allowMultipleCredentials": False, "externalId": "main"},
    }
    made = sdk.json("POST", "/credentials", body)
    assert (made["accountType"], made["status"], made["externalId"]) == (
        "app_keys",
        "VALID",
        "main",
    )
    assert sdk.json("GET", "/me")["integrations"]["heap"]["credentialId"] == made["id"]


def test_the_keys_that_were_filled_in_choose_the_mode(sdk: Sdk) -> None:
    def mode(payload: dict[str, str], **options: str) -> str:
        body = {"integrationId": "heap", "payload": payload, "installOptions": options}
        return str(sdk.json("POST", "/credentials", body)["accountType"])

    assert mode({"app_id": "11"}) == "app_id"
    assert mode(dict(ACME)) == "app_keys"
    assert mode(dict(ACME), accountType="app_id") == "app_id"
    blank = {"integrationId": "heap", "payload": {"app_id": "11", "api_key": ""}}
    answer = sdk("POST", "/credentials", blank)
    assert refusal(answer) == (400, "field_invalid")
    assert answer.json["meta"]["pointer"] == "/api_key"


def test_keys_that_the_provider_refuses_leave_the_user_signed_in(sdk: Sdk) -> None:
    """An answer of 401 or 403 would have the SDK forget who its user is."""
    body = {"integrationId": "heap", "payload": {**ACME, "api_key": GLOBEX["api_key"]}}
    assert refusal(sdk("POST", "/credentials", body)) == (400, "connect_keys_refused")


def test_settings_are_merged_into_the_default_configuration(sdk: Sdk) -> None:
    own = sdk.host.connect("alice")

    def change(**config: object) -> Any:
        return sdk.json("PATCH", f"/credentials/{own.id}", {"config": config})["configurations"][0]

    assert change(sharedSettings={"a": 1})["sharedSettings"] == {"a": 1}
    assert change(sharedSettings={"b": None})["sharedSettings"] == {"a": 1, "b": None}
    state = sdk.json("GET", "/me")["integrations"]["heap"]
    assert state["sharedSettings"] == {"a": 1, "b": None}


def test_configurations_come_and_go_but_for_the_default_one(sdk: Sdk) -> None:
    own = sdk.host.connect("alice")
    path = f"/credentials/{own.id}/configurations"
    default, added = sdk.json("POST", path, {"externalId": "team"})["configurations"]
    assert (default["isDefault"], added["isDefault"], added["externalId"]) == (True, False, "team")
    chosen = {"X_Paragon_Configuration_Id": added["id"]}
    changed = sdk.json("PATCH", path, {"meta": {"team": "red"}}, **chosen)["configurations"]
    assert [one["meta"] for one in changed] == [{}, {"team": "red"}]
    config = {"config": {"sharedSettings": {"a": 1}}}
    changed = sdk.json("PATCH", f"/credentials/{own.id}", config, **chosen)["configurations"]
    assert [one["sharedSettings"] for one in changed] == [{}, {"a": 1}]
    left = sdk.json("DELETE", path, **chosen)["configurations"]
    assert [one["id"] for one in left] == [default["id"]]
    again = sdk("DELETE", path, X_Paragon_Configuration_Id=default["id"])
    assert refusal(again) == (404, "not_found")
    assert refusal(sdk("DELETE", path)) == (404, "not_found")


def test_a_user_cannot_fill_the_database(sdk: Sdk) -> None:
    own = sdk.host.connect("alice")
    path = f"/credentials/{own.id}"
    big = {"config": {"sharedSettings": {"a": "x" * 70_000}}}
    assert refusal(sdk("PATCH", path, big)) == (400, "field_invalid")
    half = [{"config": {"sharedSettings": {name: "x" * 40_000}}} for name in "ab"]
    assert [sdk("PATCH", path, one).status_code for one in half] == [200, 400]
    assert refusal(sdk("PATCH", "/me", {"meta": {"a": "x" * 20_000}})) == (400, "field_invalid")
    meta = sdk("PATCH", f"{path}/configurations", {"meta": {"a": "x" * 20_000}})
    assert refusal(meta) == (400, "field_invalid")
    with sdk.host.runtime.database.transaction() as tx:
        for _ in range(98):
            configuration_store.create(tx, sdk.host.project.id, own.id)
    made = [sdk("POST", f"{path}/configurations", {}).status_code for _ in range(2)]
    assert made == [200, 400]


@pytest.mark.parametrize("selector", ["", "id", "main", "ext:main"])
def test_uninstalling_ends_the_chosen_account_or_all(sdk: Sdk, selector: str) -> None:
    first = sdk.host.connect("alice", external_id="main")
    second = sdk.host.connect("alice", GLOBEX)
    chosen = {"id": first.id}.get(selector, selector)
    headers = {"X_Paragon_Credential": chosen} if chosen else {}
    integration = integration_id(sdk.host.project.id, "heap")
    assert sdk.json("DELETE", f"/integrations/{integration}", **headers) == {"success": True}
    left = [one["id"] for one in sdk.json("GET", "/credentials")]
    assert left == ([second.id] if selector else [])
    assert sdk.json("DELETE", "/integrations/heap") == {"success": True}


def test_what_is_not_connected_is_said_in_the_words_that_others_key_on(sdk: Sdk) -> None:
    answer = sdk("POST", "/proxy/heap/track", {"event": "x"})
    assert refusal(answer) == (404, "not_connected")
    assert answer.json["message"] == "Integration not enabled for user."


def test_a_request_of_the_sdk_arrives_as_json_whatever_its_media_type_says(
    sdk: Sdk, sandbox: Any
) -> None:
    sdk.host.connect("alice")
    answer = sdk(
        "POST", "/proxy/heap/track", {"event": "x", "identity": "a@b.c"}, Content_Type="auto"
    )
    assert (answer.status_code, answer.json) == (200, {})
    (seen,) = sandbox.items("requests", path="/api/track")
    assert seen["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/me", None),
        ("PATCH", "/me", {"meta": "text"}),
        ("GET", "/credentials/nothing", None),
        ("GET", "/nothing-at-all", None),
        ("PUT", "/me", {}),
        ("POST", "/proxy/heap/track", {}),
        ("POST", "/proxy/nothing/track", {}),
    ],
)
def test_every_answer_may_be_read_by_the_project_s_pages_and_by_no_other(
    sdk: Sdk, method: str, path: str, body: object
) -> None:
    own = sdk(method, path, body)
    assert own.headers["Access-Control-Allow-Origin"] == HOST_ORIGIN
    assert "Origin" in own.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in own.headers
    other = sdk(method, path, body, Origin="https://evil.example")
    assert other.status_code == own.status_code
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Origin" not in sdk(method, path, body, Origin="null").headers


@pytest.mark.parametrize("prefix", ["", "/v2"])
def test_a_preflight_allows_what_the_sdk_sends(sdk: Sdk, prefix: str) -> None:
    asked = "authorization,content-type,x-paragon-sdk-version,x-custom"
    answer = sdk.client.options(
        prefix + sdk.host.path("/actions/build-oauth"),
        headers={
            "Origin": HOST_ORIGIN,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": asked,
        },
    )
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == HOST_ORIGIN
    allowed = {one.strip() for one in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {*asked.split(","), "x-paragon-credential", "x-paragon-configuration-id"} <= allowed
    methods = {one.strip() for one in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert methods >= {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PATCH", "/me", {}, "field_invalid"),
        ("PATCH", "/me", {"meta": [1]}, "field_invalid"),
        ("PATCH", "/me", [1], "body_invalid"),
        ("PATCH", "/me", "text", "body_invalid"),
        ("PATCH", "/me", {"meta": {"a": float("nan")}}, "body_invalid"),
        ("PATCH", "/me", {"meta": {"a": float("inf")}}, "body_invalid"),
        ("POST", "/credentials", {}, "not_found"),
        ("POST", "/credentials", {"integrationId": "nothing"}, "not_found"),
        ("POST", "/credentials", {"integrationId": ["heap"]}, "not_found"),
        ("POST", "/credentials", {"integrationId": "heap"}, "body_invalid"),
        ("POST", "/credentials", {"integrationId": "heap", "payload": []}, "body_invalid"),
        ("POST", "/credentials", {"integrationId": "heap", "payload": {}}, "field_invalid"),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "payload": {"app_id": {"a": 1}}},
            "field_invalid",
        ),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "payload": ACME, "installOptions": [1]},
            "field_invalid",
        ),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "payload": ACME, "installOptions": {"externalId": 5}},
            "field_invalid",
        ),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "payload": ACME, "installOptions": {"externalId": "x" * 256}},
            "field_invalid",
        ),
        (
            "POST",
            "/credentials",
            {
                "integrationId": "heap",
                "payload": ACME,
                "installOptions": {"selectedCredentialId": {"a": 1}},
            },
            "field_invalid",
        ),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "code": "x", "redirectUrl": "https://evil.example"},
            "connect_return_not_allowed",
        ),
        (
            "POST",
            "/credentials",
            {"integrationId": "heap", "code": "x"},
            "connect_return_not_allowed",
        ),
        ("DELETE", "/integrations/nothing", None, "not_found"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict | list) else str(value),
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_refused_without_ending_anything(
    sdk: Sdk, method: str, path: str, body: object, code: str
) -> None:
    status, found = refusal(sdk(method, path, body))
    assert (status, found) == (404 if code == "not_found" else 400, code)
    assert sdk.json("GET", "/credentials") == []


@pytest.mark.parametrize("external_id", ["", 5, ["x"], "x" * 256, "a\x00b"])
def test_an_external_id_that_cannot_be_stored_is_refused(sdk: Sdk, external_id: object) -> None:
    own = sdk.host.connect("alice")
    answer = sdk("POST", f"/credentials/{own.id}/configurations", {"externalId": external_id})
    assert refusal(answer) == (400, "field_invalid")


@pytest.mark.parametrize("raw", [b"{", b"\xff\xfe", b'{"a": 1e999}', b"[" * 100_000, b'"', b"nul"])
def test_a_body_that_is_no_json_is_refused(sdk: Sdk, raw: bytes) -> None:
    answer = sdk.client.patch(sdk.host.path("/me"), data=raw, headers=sdk.host.headers("alice"))
    assert refusal(answer) == (400, "body_invalid")


def test_a_body_over_a_mebibyte_is_refused(sdk: Sdk) -> None:
    answer = sdk("PATCH", "/me", {"meta": {"a": "x" * 1_100_000}})
    assert refusal(answer) == (413, "request_too_large")
