"""The npm SDK in node, without a browser: each call, and each shape of error."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connector.models import Status
from connector.store import keys as key_store

from ..people import ACME, GLOBEX, make_host
from .host_site import DATA
from .node_sdk import NodeError, NodeSdk
from .product import Acme
from .test_integration_page import NOT_CONNECTED

pytestmark = pytest.mark.browser

TRACK = {"method": "POST", "body": {"event": "Opened", "identity": "alice@example.com"}}


@pytest.fixture
def sdk(acme: Acme) -> Iterator[NodeSdk]:
    with NodeSdk(acme.origin, acme.environments) as running:
        yield running


@pytest.fixture
def alice(sdk: NodeSdk, acme: Acme) -> NodeSdk:
    """The SDK with alice signed in."""
    sdk.call("authenticate", acme.project.id, acme.host.token("alice"))
    return sdk


@pytest.mark.parametrize("way", ["class", "singleton"])
def test_the_integration_pages_snippets_arrive(way: str, acme: Acme) -> None:
    acme.host.connect("alice")
    with NodeSdk(acme.origin, acme.environments, way) as sdk:
        sdk.call("authenticate", acme.project.id, acme.host.token("alice"))
        assert sdk.call("script", str(DATA / "integration_page.js")) == ["OK", {}]
        assert sdk.complaints() == ""
    [event] = acme.sandbox.items("events")
    assert (event["app_id"], event["event"]) == ("11", "Send Transactional Email")
    [account] = acme.sandbox.items("accounts")
    assert (account["app_id"], account["account_id"]) == ("123456789", "Fake Company")


def test_an_account_is_connected_used_and_disconnected(alice: NodeSdk, acme: Acme) -> None:
    installed = alice.call("install", "heap", "app_keys", ACME, {})
    [connection] = acme.connections()
    assert installed["credentialId"] == connection.id
    assert installed["credential"]["status"] == "VALID"
    assert alice.call("getUser")["integrations"]["heap"]["credentialId"] == connection.id
    assert alice.call("request", "heap", "/track", TRACK) == {}
    alice.call("uninstallIntegration", "heap")
    assert acme.connections()[0].status is Status.DISCONNECTED
    assert alice.call("getUser")["integrations"]["heap"]["enabled"] is False
    assert alice.call("events") == ["onIntegrationInstall", "onIntegrationUninstall"]
    assert alice.complaints() == ""


def test_wrong_keys_are_refused_in_words_and_leave_the_user_signed_in(alice: NodeSdk) -> None:
    wrong = {**ACME, "api_key": "not-the-right-key"}
    with pytest.raises(NodeError, match="Heap did not accept these keys"):
        alice.call("install", "heap", "app_keys", wrong, {})
    with pytest.raises(NodeError, match="API key is required"):
        alice.call("install", "heap", "app_keys", {"app_id": "1", "api_key": ""}, {})
    assert alice.call("getUser")["authenticated"] is True


def test_several_accounts_are_chosen_by_id_and_by_external_id(alice: NodeSdk, acme: Acme) -> None:
    several = {"allowMultipleCredentials": True}
    alice.call("install", "heap", "app_keys", ACME, several)
    alice.call(
        "install", "heap", "app_id", {"app_id": GLOBEX["app_id"]}, {**several, "externalId": "eu"}
    )
    first, second = acme.connections()
    assert (first.auth_mode, second.auth_mode) == ("app_keys", "app_id")
    for account, app_id in ((first.id, ACME), ("ext:eu", GLOBEX), ("eu", GLOBEX)):
        acme.sandbox.post("clear")
        alice.call("request", "heap", "/track", {**TRACK, "selectedCredentialId": account})
        assert acme.sandbox.items("events")[0]["app_id"] == app_id["app_id"]
    alice.call("uninstallIntegration", "heap", {"selectedCredentialId": "eu"})
    assert [one.status for one in acme.connections()] == [Status.CONNECTED, Status.DISCONNECTED]


def test_an_external_id_can_be_given_again_after_its_account_has_gone(
    alice: NodeSdk, acme: Acme
) -> None:
    labelled = {"allowMultipleCredentials": True, "externalId": "eu"}
    alice.call("install", "heap", "app_keys", ACME, labelled)
    alice.call("uninstallIntegration", "heap", {"selectedCredentialId": "ext:eu"})
    alice.call("install", "heap", "app_keys", GLOBEX, labelled)
    alice.call("request", "heap", "/track", {**TRACK, "selectedCredentialId": "ext:eu"})
    assert acme.sandbox.items("events")[0]["app_id"] == GLOBEX["app_id"]


def test_a_product_that_went_to_the_provider_itself_hands_in_the_code(acme: Acme) -> None:
    origin = "http://127.0.0.1:5999"
    host = make_host(acme.platform.runtime, "Acme Notes", (origin,))
    acme.sandbox.set(consent="allow")
    back = f"{origin}/integrations"
    query = {
        "client_id": acme.platform.runtime.connectors["heap"].development.client_id,  # type: ignore[union-attr]
        "redirect_uri": back,
        "response_type": "code",
        "scope": "segment",
        "state": "s",
    }
    sent_back = requests.get(
        f"{acme.sandbox.url}/api/partner/oauth/authorize",
        params=query,
        allow_redirects=False,
        timeout=10,
    )
    [code] = parse_qs(urlsplit(sent_back.headers["Location"]).query)["code"]
    with NodeSdk(origin, acme.environments) as sdk:
        sdk.call("authenticate", host.project.id, host.token("alice"))
        given = {"authorizationCode": code, "redirectUrl": back}
        sdk.call("completeInstall", "heap", given)
        assert sdk.call("getUser")["integrations"]["heap"]["enabled"] is True
        with pytest.raises(NodeError, match="connect_provider_error"):
            sdk.call("completeInstall", "heap", given)
        elsewhere = {"authorizationCode": code, "redirectUrl": "https://evil.example/"}
        with pytest.raises(NodeError, match="connect_return_not_allowed"):
            sdk.call("completeInstall", "heap", elsewhere)
        assert sdk.call("getUser")["authenticated"] is True


def test_what_the_product_says_of_its_user_is_kept(sdk: NodeSdk, acme: Acme) -> None:
    said = {"metadata": {"name": "Alice", "email": "alice@example.com"}}
    sdk.call("authenticate", acme.project.id, acme.host.token("alice"), said)
    assert sdk.call("getUser")["meta"] == {"Name": "Alice", "Email": "alice@example.com"}
    state = sdk.call("setUserMetadata", {"plan": "pro"})
    assert state["meta"] == {"plan": "pro"}


def test_the_connectors_are_described(alice: NodeSdk) -> None:
    [described] = alice.call("getIntegrationMetadata")
    assert (described["type"], described["name"]) == ("heap", "Heap")
    assert described["icon"].endswith("/integrations/heap.svg")
    config = alice.call("getIntegrationConfig", "heap")
    assert config["shortDescription"].startswith("Connect your Heap account")
    types = alice.call("getAccountTypeOptions", "heap")
    assert [one["id"] for one in types] == ["oauth", "app_keys", "app_id"]
    fields = alice.call("getPreOptions", "heap", "app_keys")
    assert [(one["id"], one["type"]) for one in fields] == [
        ("app_id", "TEXT_NO_VARS"),
        ("api_key", "PASSWORD"),
    ]


def test_settings_and_configurations_belong_to_an_account(alice: NodeSdk, acme: Acme) -> None:
    alice.call("install", "heap", "app_keys", ACME, {})
    [connection] = acme.connections()
    alice.call("updateIntegrationUserSettings", "heap", {"colour": "blue"})
    alice.call("updateIntegrationUserSettings", "heap", {"size": 3})
    settings = alice.call("getUser")["integrations"]["heap"]["sharedSettings"]
    assert settings == {"colour": "blue", "size": 3}
    made = alice.call("createConfiguration", {"credentialId": connection.id, "externalId": "x1"})
    assert (made["externalId"], made["isDefault"]) == ("x1", False)
    alice.call(
        "updateConfiguration", {"id": made["id"], "credentialId": connection.id, "meta": {"a": 1}}
    )
    alice.call("destroyConfiguration", {"id": made["id"], "credentialId": connection.id})
    [left] = alice.call("getUser")["integrations"]["heap"]["allConfigurations"]
    assert left["isDefault"] is True


def test_an_address_may_be_absolute_on_a_host_of_the_connector(alice: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    address = "https://heapanalytics.com/api/track"
    assert alice.call("request", "heap", address, TRACK) == {}
    assert len(acme.sandbox.items("events")) == 1
    with pytest.raises(NodeError) as refused:
        alice.call("request", "heap", "https://example.com/api/track", TRACK)
    assert refused.value.response["code"] in {"path_invalid", "destination_refused"}
    assert alice.call("getUser")["authenticated"] is True


def test_a_user_who_is_not_connected_gets_the_sentence_that_callers_look_for(
    alice: NodeSdk,
) -> None:
    with pytest.raises(NodeError) as refused:
        alice.call("request", "heap", "/track", TRACK)
    assert str(refused.value) == NOT_CONNECTED
    assert refused.value.response["code"] == "not_connected"
    assert alice.call("getUser")["authenticated"] is True


def test_heaps_own_refusal_comes_through_as_heap_put_it(alice: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    with pytest.raises(NodeError) as refused:
        alice.call("request", "heap", "/track", {"method": "POST", "body": {"identity": "alice"}})
    [logged] = acme.sandbox.items("requests", path="/api/track")
    assert logged["status"] == 400
    assert str(refused.value)
    assert alice.call("getUser")["authenticated"] is True


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("expired", "expired"),
        ("foreign", "o active key of this project"),
        ("malformed", "well-formed JWT"),
    ],
)
def test_a_token_that_cannot_be_used_signs_nobody_in(
    token: str, words: str, sdk: NodeSdk, acme: Acme
) -> None:
    tokens = {
        "expired": acme.host.token("alice", -3600),
        "foreign": acme.host.token("alice")[:-8] + "AAAAAAAA",
        "malformed": "not-a-token",
    }
    with pytest.raises(NodeError, match=words):
        sdk.call("authenticate", acme.project.id, tokens[token])
    assert sdk.call("getUser") == {"authenticated": False}


def test_a_signing_key_that_is_revoked_ends_the_session(alice: NodeSdk, acme: Acme) -> None:
    acme.host.connect("alice")
    with acme.platform.runtime.database.transaction() as tx:
        key_store.revoke_signing_key(tx, acme.project.id, acme.host.signing_key_id)
    with pytest.raises(NodeError, match="o active key of this project"):
        alice.call("request", "heap", "/track", TRACK)
    assert alice.call("getUser") == {"authenticated": False}
