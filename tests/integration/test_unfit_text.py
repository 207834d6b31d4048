"""Text that a database cannot hold or look up, sent to every kind of address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from connector.config import Settings

from ..key_holder import problem
from ..people import HOST_ORIGIN, Host


@pytest.fixture
def settings(make_settings: Callable[..., Settings], storage_url: str) -> Settings:
    return make_settings(database_url=storage_url)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/projects/%00/sdk/me"),
        ("POST", "/projects/%00/sdk/proxy/heap/track"),
        ("GET", "/v2/projects/%00/sdk/actions/build-oauth"),
        ("OPTIONS", "/projects/%00/sdk/me"),
        ("GET", "/connect/link/%00"),
        ("GET", "/connect/again/%00/%00"),
        ("GET", "/ui?projectId=%00"),
        ("GET", "/api/v1/users/%00"),
    ],
)
def test_a_null_character_in_an_address_is_no_fault_of_ours(
    client: FlaskClient, host: Host, method: str, path: str
) -> None:
    headers = {**host.headers("alice"), "Origin": HOST_ORIGIN}
    assert client.open(path, method=method, headers=headers).status_code < 500


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_text_that_no_database_could_keep_is_refused(
    client: FlaskClient, host: Host, text: str
) -> None:
    body = {
        "integrationId": "heap",
        "payload": {"app_id": "2544353"},
        "installOptions": {"externalId": text},
    }
    answer = client.post(host.path("/credentials"), headers=host.headers("alice"), json=body)
    assert problem(answer) == (400, "field_invalid")
