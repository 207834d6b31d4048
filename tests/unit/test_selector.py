"""Choosing one of a user's connections by id or external id."""

from __future__ import annotations

import pytest

from connector.errors import NotFound
from connector.models import Connection, Status
from connector.selector import choose


def connection(
    name: str, external_id: str | None = None, status: Status = Status.CONNECTED
) -> Connection:
    return Connection(
        id=name,
        project_id="p",
        user_id="u",
        connector="acme",
        auth_mode="keys",
        region="us",
        account_key=name,
        account={},
        external_id=external_id,
        development=False,
        client_id="",
        scopes=(),
        status=status,
        status_reason="",
        status_at=0.0,
        created_at=0.0,
    )


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [("a", "a"), ("b", "b"), ("eu", "b"), ("ext:eu", "b"), ("ext:ext:odd", "c")],
)
def test_a_connection_is_found_by_id_and_by_external_id(selector: str, chosen: str) -> None:
    own = [connection("a"), connection("b", "eu"), connection("c", "ext:odd")]
    assert choose(own, selector).id == chosen


@pytest.mark.parametrize("selector", ["d", "ext:a", "", "ext:", "EU"])
def test_what_fits_none_is_not_found(selector: str) -> None:
    with pytest.raises(NotFound):
        choose([connection("a"), connection("b", "eu")], selector)


def test_a_live_connection_goes_before_one_that_was_disconnected() -> None:
    ended = connection("a", "eu", Status.DISCONNECTED)
    waiting = connection("b", "eu", Status.NEEDS_REAUTHORISATION)
    assert choose([ended, waiting], "eu") is waiting
    assert choose([ended], "eu") is ended


def test_an_id_goes_before_an_external_id_of_the_same_text() -> None:
    assert choose([connection("a", "b"), connection("b")], "b").id == "b"
