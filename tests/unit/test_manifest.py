"""The manifest: the shipped one holds, and each fault is pointed at."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from connector.errors import ManifestInvalid
from connector.manifest import AccountOnly, AuthorizationCode, ClientCredentials
from connector.manifest_schema import load_manifest, parse_manifest
from connector.runtime import builtin_manifest

SHIPPED = json.loads(builtin_manifest().read_text(encoding="utf-8"))


def faults(data: Any) -> list[tuple[str, str]]:
    with pytest.raises(ManifestInvalid) as raised:
        parse_manifest(data if isinstance(data, str) else json.dumps(data))
    return [(one["pointer"], one["problem"]) for one in raised.value.meta["faults"]]


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = copy.deepcopy(SHIPPED)
    change(data)
    return data


def test_the_shipped_manifest_declares_the_three_auth_modes() -> None:
    manifest = load_manifest(builtin_manifest())
    kinds = {name: type(mode) for name, mode in manifest.auth_modes.items()}
    assert kinds == {
        "oauth": AuthorizationCode,
        "app_keys": ClientCredentials,
        "app_id": AccountOnly,
    }


def test_every_example_of_the_shipped_actions_fits_its_schema() -> None:
    manifest = load_manifest(builtin_manifest())
    account = {
        "app_id": "123456789",
        "account_id": "Fake Company",
        "properties": {"is_in_good_standing": "true", "revenue_potential": "123456"},
    }
    event = {
        "app_id": "11",
        "identity": "alice@example.com",
        "event": "Send Transactional Email",
        "timestamp": "2017-03-10T22:21:56+00:00",
        "properties": {"subject": "Welcome to My App!", "variation": "A"},
    }
    jsonschema.validate(account, dict(manifest.actions["add_account_properties"].input))
    jsonschema.validate(event, dict(manifest.actions["track"].input))


@pytest.mark.parametrize(
    ("event", "fits"),
    [
        ({"event": "e", "identity": "i"}, True),
        ({"event": "e", "user_id": "9007199254740991"}, True),
        ({"event": "e"}, False),
        ({"event": "e", "identity": "i", "user_id": "1"}, False),
        ({"event": "", "identity": "i"}, False),
        ({"event": "e" * 1024, "identity": "i"}, True),
        ({"event": "e" * 1025, "identity": "i"}, False),
        ({"event": "e", "identity": "i" * 255}, True),
        ({"event": "e", "identity": "i" * 256}, False),
        ({"event": "e", "identity": "i", "properties": []}, False),
    ],
)
def test_the_track_schema_knows_the_documented_limits(event: dict[str, Any], fits: bool) -> None:
    schema = load_manifest(builtin_manifest()).actions["track"].input
    assert jsonschema.Draft202012Validator(schema).is_valid(event) is fits


def test_a_bulk_request_is_told_from_a_single_one_first() -> None:
    manifest = load_manifest(builtin_manifest())
    names = [action.name for action in manifest.actions_for("POST", "/track")]
    assert names == ["bulk_track", "track"]


def test_a_path_template_takes_one_segment_a_name() -> None:
    manifest = load_manifest(builtin_manifest())

    def found(path: str) -> list[str]:
        return [action.name for action in manifest.actions_for("GET", path)]

    assert found("/public/v0/deletion_status/4f") == ["deletion_status"]
    assert found("/public/v0/deletion_status/") == []
    assert found("/public/v0/deletion_status/4f/more") == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d.pop("name"), ("/name", "is required")),
        (
            lambda d: d.update(name="Heap Analytics"),
            ("/name", "must be lower-case letters, digits and underscores, starting with a letter"),
        ),
        (lambda d: d.update(colour="#fff"), ("/colour", "is not a field here")),
        (lambda d: d.update(manifest_version=2), ("/manifest_version", "must be equal to 1")),
        (
            lambda d: d.update(default_region="moon"),
            ("/default_region", "must be the name of one of the regions"),
        ),
        (
            lambda d: d["regions"]["us"]["base_urls"].update(default="http://heapanalytics.com"),
            (
                "/regions/us/base_urls/default",
                "must be an https address without user name and fragment",
            ),
        ),
        (
            lambda d: d["regions"]["us"]["base_urls"].update(default="https://elsewhere.example"),
            ("/regions/us/base_urls/default", "must be on one of allowed_hosts"),
        ),
        (
            lambda d: d["auth_modes"]["oauth"].update(pkce="no"),
            ("/auth_modes/oauth/pkce", "must be true or false"),
        ),
        (
            lambda d: d["auth_modes"]["oauth"]["inject"].update(format="Bearer {token}"),
            ("/auth_modes/oauth/inject/format", "must contain {access_token}"),
        ),
        (
            lambda d: d["auth_modes"]["app_keys"].update(client_secret_field="key"),
            (
                "/auth_modes/app_keys/client_secret_field",
                "must be the id of one of the fields",
            ),
        ),
        (
            lambda d: d["auth_modes"]["app_keys"]["account"].update(key_field="api_key"),
            (
                "/auth_modes/app_keys/account",
                "names 'api_key', which must be one of the fields and not secret",
            ),
        ),
        (
            lambda d: d["auth_modes"]["app_id"].update(type="password"),
            (
                "/auth_modes/app_id/type",
                (
                    "must be one of oauth2_authorization_code, oauth2_client_credentials, "
                    "static_key, account_only"
                ),
            ),
        ),
        (
            lambda d: d["actions"]["track"].update(base="events"),
            ("/actions/track/base", "must be a base address that every region has"),
        ),
        (
            lambda d: d["actions"]["track"]["account_fields"].update(app_id="app_id"),
            (
                "/actions/track/account_fields/app_id",
                "must be a JSON pointer such as /app_id (RFC 6901)",
            ),
        ),
        (
            lambda d: d["limits"][0].update(actions=["trakc"]),
            ("/limits/0/actions", "must be names of actions"),
        ),
        (
            lambda d: d["limits"][0].update(amount="30"),
            ("/limits/0/amount", "must be a whole number"),
        ),
        (
            lambda d: d["retry"].update(attempts=0),
            ("/retry/attempts", "must be greater than or equal to 1 and less than or equal to 10"),
        ),
        (
            lambda d: d["auth_modes"]["app_id"]["fields"][0].update(pattern="("),
            (
                "/auth_modes/app_id/fields/0/pattern",
                "must be a regular expression (missing ), unterminated subpattern at position 0)",
            ),
        ),
        (lambda d: d.update(regions=[]), ("/regions", "must be an object")),
        (lambda d: d["webhook"].update(value=1), ("/webhook/value", "is not a field here")),
    ],
)
def test_a_fault_is_pointed_at(
    change: Callable[[dict[str, Any]], object], expected: tuple[str, str]
) -> None:
    assert faults(changed(change)) == [expected]


def test_all_faults_are_told_at_once() -> None:
    def change(data: dict[str, Any]) -> None:
        data["retry"].pop("attempts")
        data["title"] = ""
        data["extra"] = True

    assert [pointer for pointer, _ in faults(changed(change))] == [
        "/extra",
        "/retry/attempts",
        "/title",
    ]


def test_broken_json_is_located() -> None:
    assert faults('{"name": "x",\n "title" "y"}') == [
        ("", "is no JSON: Expecting ':' delimiter at line 2, column 10")
    ]


def test_a_key_that_stands_twice_is_told() -> None:
    assert faults('{"name": "x", "name": "y"}') == [("", "has the key 'name' twice in one object")]


@pytest.mark.parametrize("text", ["[]", "null", '"heap"', "1"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert faults(text) == [("", "must be an object")]
