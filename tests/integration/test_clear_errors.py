"""What people get wrong, and what they are told: what it is, where it is, and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from connector.config import Settings, load
from connector.errors import HeaplineError
from connector.guard import Guard
from connector.manifest_schema import load_manifest
from connector.runtime import Runtime, build, builtin_manifest

from ..people import ACME, Host


def told(action: Callable[[], object]) -> str:
    """Return the words of the error that an action ends with."""
    with pytest.raises(HeaplineError) as caught:
        action()
    return caught.value.message


# --- Manifests


def broken_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    manifest = json.loads(builtin_manifest().read_text(encoding="utf-8"))
    change(manifest)
    file = folder / "mine.json"
    file.write_text(json.dumps(manifest))
    return file


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (
            lambda m: m["auth_modes"]["oauth"].update(token_url="http://api.example/token"),
            [
                (
                    "/auth_modes/oauth/token_url: must be an https address without user name and "
                    "fragment"
                )
            ],
        ),
        (
            lambda m: m["regions"]["eu"]["base_urls"].update(default="https://elsewhere.example"),
            ["/regions/eu/base_urls/default: must be on one of allowed_hosts"],
        ),
        (
            lambda m: m["actions"]["track"].update(methode="POST"),
            ["/actions/track/methode: is not a field here"],
        ),
        (
            lambda m: m["auth_modes"]["oauth"]["inject"].update(format="Bearer {token}"),
            ["/auth_modes/oauth/inject/format: must contain {access_token}"],
        ),
        (
            lambda m: (m.pop("retry"), m["limits"][0].update(amount=0)),
            [
                "/limits/0/amount: must be greater than or equal to 1",
                "/retry: is required",
            ],
        ),
    ],
)  # fmt: skip
def test_a_manifest_s_faults_are_told_with_their_places(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], lines: list[str]
) -> None:
    file = broken_manifest(tmp_path, change)
    count = f"{len(lines)} fault" + "s" * (len(lines) > 1)
    expected = "\n".join([f"{file} has {count}:", *(f"  {line}" for line in lines)])
    assert told(lambda: load_manifest(file)) == expected


def test_a_manifest_that_stops_in_the_middle_is_told_by_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{\n  "name": "mine",\n')
    assert told(lambda: load_manifest(file)) == (
        f"{file} has 1 fault:\n  /: is no JSON: Expecting property name enclosed in double quotes "
        "at line 3, column 1"
    )


def test_a_manifest_that_is_not_there_is_told_by_its_path(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    missing = tmp_path / "mine.json"
    words = told(lambda: build(make_settings(manifests=(missing,))))
    assert words.startswith(f"{missing} cannot be read: ")
    assert "No such file" in words


def test_two_manifests_of_one_name_are_told(make_settings: Callable[..., Settings]) -> None:
    same = builtin_manifest()
    assert told(lambda: build(make_settings(manifests=(same,)))) == (
        f"HEAPLINE_MANIFESTS: {same} declares the connector 'heap', which is loaded already."
    )


# --- Settings


def test_wrong_settings_are_told_together(tmp_path: Path) -> None:
    environ = {
        "HEAPLINE_PORT": "eighty",
        "HEAPLINE_PUBLIC_URL": "connect.example.com",
        "DATABASE_URL_FILE": str(tmp_path / "absent"),
    }
    assert told(lambda: load(environ)) == (
        "Settings cannot be used:\n"
        "  DATABASE_URL: the file named by DATABASE_URL_FILE cannot be read "
        "(No such file or directory)\n"
        "  HEAPLINE_PUBLIC_URL: connect.example.com must start with https:// or http:// and name a "
        "host. The address that browsers reach this server by. Must be https in production. Blank "
        "means http at the address and port it listens on.\n"
        "  HEAPLINE_PORT: must be a whole number. Port to listen on."
    )


def test_a_private_destination_that_cannot_be_read_is_told() -> None:
    assert told(lambda: Guard(["10.0.0.0/8", "intranet"])) == (
        "HEAPLINE_OUTBOUND_ALLOW: 'intranet' is neither host:port nor a network such as "
        "10.1.0.0/16."
    )


def test_a_master_key_of_the_wrong_form_is_told_without_showing_it(
    make_settings: Callable[..., Settings],
) -> None:
    words = told(lambda: build(make_settings(master_keys=("k1:c2hvcnQ=",))))
    assert words == (
        "A master key must be written as id:key, the id of letters and digits, the key Base64 of "
        "32 random bytes. `heapline keys new` prints one."
    )


def test_a_database_address_that_cannot_be_read_is_told(
    make_settings: Callable[..., Settings],
) -> None:
    words = told(lambda: build(make_settings(database_url="postgresql:/user:canary@host")))
    assert "DATABASE_URL" in words
    assert "postgresql://user:password@host/name" in words
    assert "canary" not in words


# --- Tokens, bodies and headers


@pytest.fixture
def runtime(shared_runtime: Runtime) -> Runtime:
    return shared_runtime


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    return shared_app


def envelope(client: FlaskClient, method: str, path: str, **options: Any) -> tuple[int, str, str]:
    answer = client.open(path, method=method, **options)
    return answer.status_code, answer.json["code"], answer.json["message"]


def signed(host: Host, **changes: object) -> dict[str, str]:
    claims = {"sub": "alice", "exp": int(time.time()) + 60, **changes}
    kept = {key: val for key, val in claims.items() if val is not None}
    token = jwt.encode(kept, host.private_pem, algorithm="RS256")
    return {"Authorization": f"Bearer {token}"}


def test_tokens(client: FlaskClient, host: Host) -> None:
    path, project = host.path("/me"), host.project.id
    hs256 = jwt.encode({"sub": "a", "exp": 9e9}, "k" * 32, algorithm="HS256")
    found = [
        envelope(client, "GET", path),
        envelope(client, "GET", path, headers={"Authorization": "Bearer not.a.token"}),
        envelope(client, "GET", path, headers={"Authorization": f"Bearer {hs256}"}),
        envelope(client, "GET", path, headers=signed(host, exp=int(time.time()) - 60)),
        envelope(client, "GET", path, headers=signed(host, exp=None)),
        envelope(client, "GET", path, headers=signed(host, aud="my-app")),
        envelope(client, "GET", path, headers={"Authorization": f"Bearer {'x' * 9000}"}),
    ]
    assert found == [
        (401, "token_missing", "No token was sent. Send the header Authorization: Bearer <token>."),
        (401, "token_invalid", "The token cannot be used: it is not a well-formed JWT."),
        (401, "token_invalid", "The token cannot be used: it must be signed with RS256."),
        (401, "token_expired", "The token has expired. Sign a new one."),
        (401, "token_invalid", "The token cannot be used: the claim exp is missing."),
        (
            401,
            "token_invalid",
            f"The claim aud must be 'heapline/{project}' or 'useparagon.com/{project}'.",
        ),
        (401, "token_invalid", "The token is longer than 8192 characters."),
    ]


def test_a_token_that_nobody_here_signed(client: FlaskClient, host: Host, other_host: Host) -> None:
    foreign = signed(other_host)
    assert envelope(client, "GET", host.path("/me"), headers=foreign) == (
        401,
        "token_invalid",
        "No active key of this project signed the token. Check project id and signing keys.",
    )


def test_bodies(client: FlaskClient, host: Host) -> None:
    headers = host.headers("alice")
    me, credentials = host.path("/me"), host.path("/credentials")
    wrong = {"integrationId": "heap", "payload": {**ACME, "app_id": "two"}}
    found = [
        envelope(client, "PATCH", me, headers=headers, data='{"meta": '),
        envelope(client, "PATCH", me, headers=headers, json=[1]),
        envelope(client, "PATCH", me, headers=headers, json={"meta": "x"}),
        envelope(client, "POST", credentials, headers=headers, json=wrong),
    ]
    assert found == [
        (
            400,
            "body_invalid",
            "The body is no JSON: Expecting value: line 1 column 10 (char 9).",
        ),
        (400, "body_invalid", "The body must be a JSON object."),
        (400, "field_invalid", "meta must be an object."),
        (
            400,
            "field_invalid",
            (
                "App ID does not look right. The id of the Main Production environment, digits "
                "only. Heap shows it under Account, Manage, Projects."
            ),
        ),
    ]


def test_headers_and_paths(client: FlaskClient, host: Host) -> None:
    host.connect("alice")
    headers, proxy = host.headers("alice"), host.path("/proxy/heap")
    slow = {**headers, "X-Heapline-Timeout": "an hour"}
    elsewhere = {**headers, "X-Paragon-Proxy-Url": "https://api.example/x"}
    up = {**headers, "X-Paragon-Proxy-Url": "/a/../../b"}
    unknown = {**headers, "X-Paragon-Credential": "the-other-one"}
    found = [
        envelope(client, "GET", f"{proxy}/x", headers=slow),
        envelope(client, "GET", proxy, headers=elsewhere),
        envelope(client, "GET", proxy, headers=up),
        envelope(client, "GET", f"{proxy}/x", headers=unknown),
        envelope(client, "GET", f"{proxy}/x", headers=host.headers("nobody")),
    ]
    assert found == [
        (400, "header_invalid", "X-Heapline-Timeout must be seconds from 0.1 to 300."),
        (
            400,
            "destination_refused",
            (
                "https://api.example is not an address of this connector. Allowed are: "
                "https://heapanalytics.com."
            ),
        ),
        (400, "path_invalid", "The path must not hold the segments . or .. ."),
        (404, "not_found", "There is nothing here by that name or id."),
        (404, "not_connected", "Integration not enabled for user."),
    ]
