"""Refresh tokens: static, rotating, and what happens when an old one comes back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import ACME, CALLBACK, GLOBEX, Heap


@pytest.fixture(autouse=True)
def _rotating(heap: Heap) -> None:
    heap.set(refresh_tokens="rotating", access_token_seconds=60)


def test_a_refresh_gives_new_tokens_and_keeps_the_id_token(heap: Heap) -> None:
    first = heap.connect()
    heap.advance(61)
    assert heap.metadata(first).status_code == 401
    second = heap.refresh(first["refresh_token"]).json()
    assert second["id_token"] == first["id_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert heap.metadata(second).status_code == 200


def test_the_old_access_token_stays_good_until_it_expires(heap: Heap) -> None:
    first = heap.connect()
    heap.refresh(first["refresh_token"])
    assert heap.metadata(first).status_code == 200


def test_a_rotated_token_that_comes_back_ends_the_grant(heap: Heap) -> None:
    first = heap.connect()
    second = heap.refresh(first["refresh_token"]).json()
    reused = heap.refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert heap.metadata(second).status_code == 401
    assert heap.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"


def test_other_grants_survive_a_replay(heap: Heap) -> None:
    first, other = heap.connect(), heap.connect()
    heap.refresh(first["refresh_token"])
    heap.refresh(first["refresh_token"])
    assert heap.metadata(other).status_code == 200
    assert heap.refresh(other["refresh_token"]).status_code == 200


def test_a_static_token_is_good_again_and_again(heap: Heap) -> None:
    heap.set(refresh_tokens="static")
    token = heap.connect()["refresh_token"]
    answers = [heap.refresh(token).json() for _ in range(3)]
    assert {answer["refresh_token"] for answer in answers} == {token}
    assert len({answer["access_token"] for answer in answers}) == 3


def test_of_fifty_who_refresh_at_once_only_the_first_is_served(heap: Heap) -> None:
    token = heap.connect()["refresh_token"]
    heap.set(token_latency_seconds=0.2)
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: Heap(heap.url).refresh(token), range(50)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {a.json()["error"] for a in answers if a.status_code == 400} == {"invalid_grant"}
    statistics = heap.get("/sandbox/api/token-endpoint").json()
    assert statistics["by_grant_type"]["refresh_token"] == {"invalid_grant": 49, "issued": 1}
    assert statistics["most_at_once"] > 1


def test_a_refresh_token_belongs_to_its_app(heap: Heap) -> None:
    token = heap.connect()["refresh_token"]
    other = heap.post("/sandbox/api/partner-apps", {"redirect_uris": [CALLBACK]}).json()
    credentials = {name: other[name] for name in ("client_id", "client_secret")}
    assert heap.refresh(token, **credentials).json()["error"] == "invalid_grant"
    assert heap.refresh(token).status_code == 200


def test_revoking_an_access_token_leaves_the_refresh_token(heap: Heap) -> None:
    tokens = heap.connect()
    heap.post("/sandbox/api/access-tokens/revoke", {"token": tokens["access_token"]})
    assert heap.refresh(tokens["refresh_token"]).status_code == 200


def test_ending_the_grants_of_an_environment_ends_its_refresh_tokens(heap: Heap) -> None:
    acme, globex = heap.connect(ACME), heap.connect(GLOBEX)
    assert heap.post("/sandbox/api/grants/revoke", {"app_id": ACME}).json() == {"ended": 1}
    assert heap.refresh(acme["refresh_token"]).json()["error"] == "invalid_grant"
    assert heap.refresh(globex["refresh_token"]).status_code == 200
