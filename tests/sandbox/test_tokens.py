"""The token endpoint, the tokens it gives out, and the metadata they open."""

import base64
import hashlib
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import pytest

from .conftest import ACME, ACME_DEVELOPMENT, CALLBACK, CLIENT_ID, CLIENT_SECRET, GLOBEX, Heap

TOKEN = "/api/partner/oauth/token"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_code_becomes_tokens_in_heaps_shape(heap: Heap) -> None:
    answer = heap.token(code=heap.code())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "id_token", "token_type"}
    assert tokens["token_type"] == "bearer"
    assert len(tokens["access_token"].split(".")) == 3
    assert str(uuid.UUID(tokens["id_token"])) == tokens["id_token"]


def test_the_id_token_stays_the_same_for_an_environment(heap: Heap) -> None:
    first, again, other = heap.connect(), heap.connect(), heap.connect(GLOBEX)
    assert first["id_token"] == again["id_token"] != other["id_token"]
    assert first["access_token"] != again["access_token"]


def test_a_form_is_as_good_as_json_and_the_answer_is_json(heap: Heap) -> None:
    body = {
        "grant_type": "authorization_code",
        "code": heap.code(),
        "redirect_uri": CALLBACK,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    answer = heap.post(TOKEN, data=body)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "bearer"


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def test_the_client_may_use_http_basic(heap: Heap) -> None:
    body = {"grant_type": "authorization_code", "code": heap.code(), "redirect_uri": CALLBACK}
    answer = heap.post(TOKEN, data=body, headers=basic(CLIENT_ID, CLIENT_SECRET))
    assert answer.status_code == 200


def test_a_wrong_secret_by_basic_is_challenged(heap: Heap) -> None:
    body = {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK}
    answer = heap.post(TOKEN, data=body, headers=basic(CLIENT_ID, "wrong"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_two_ways_of_naming_the_client_are_refused(heap: Heap) -> None:
    body = {"grant_type": "authorization_code", "code": "x", "client_secret": CLIENT_SECRET}
    answer = heap.post(TOKEN, data=body, headers=basic(CLIENT_ID, CLIENT_SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


FAULTS = {
    "no grant type": ({"grant_type": ""}, 400, "invalid_request"),
    "another grant type": ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    "refreshing when there is none": (
        {"grant_type": "refresh_token", "refresh_token": "x"},
        400,
        "unsupported_grant_type",
    ),
    "no code": ({"code": ""}, 400, "invalid_request"),
    "an unknown code": ({"code": "guess"}, 400, "invalid_grant"),
    "another redirect uri": ({"redirect_uri": CALLBACK + "2"}, 400, "invalid_grant"),
    "no redirect uri": ({"redirect_uri": ""}, 400, "invalid_grant"),
    "a wrong secret": ({"client_secret": "wrong"}, 401, "invalid_client"),
    "no secret": ({"client_secret": ""}, 401, "invalid_client"),
    "a secret outside ASCII": ({"client_secret": "Zoë"}, 401, "invalid_client"),
    "an unknown client": ({"client_id": "x"}, 401, "invalid_client"),
    "a verifier without a challenge": ({"code_verifier": VERIFIER}, 400, "invalid_grant"),
}


@pytest.mark.parametrize(("fields", "status", "error"), FAULTS.values(), ids=FAULTS)
def test_refuses(heap: Heap, fields: dict[str, str], status: int, error: str) -> None:
    answer = heap.token(**{"code": heap.code(), **fields})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{"),
        ("application/json", "[]"),
        ("application/json", '"code"'),
        ("application/json", '[["grant_type", "authorization_code"]]'),
        ("application/json", '{"grant_type": 5}'),
        ("application/json", '{"grant_type": {"a": "b"}}'),
        ("application/json", '{"code": "a", "code": "b"}'),
        ("application/x-www-form-urlencoded", "code=a&code=b"),
        ("application/x-www-form-urlencoded", "&".join(f"a{n}=1" for n in range(101))),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("text/plain", "grant_type=authorization_code"),
        ("", ""),
    ],
)
def test_a_body_it_cannot_read_is_an_invalid_request(
    heap: Heap, content_type: str, body: str | bytes
) -> None:
    headers = {"Content-Type": content_type}
    answer = heap.post(TOKEN, data=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_code_is_good_once_and_its_reuse_ends_what_it_gave(heap: Heap) -> None:
    code = heap.code()
    tokens = heap.token(code=code).json()
    assert heap.metadata(tokens).status_code == 200
    again = heap.token(code=code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert heap.metadata(tokens).status_code == 401


def test_of_many_who_bring_a_code_at_once_one_gets_tokens(heap: Heap) -> None:
    code = heap.code()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: Heap(heap.url).token(code=code).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


@pytest.mark.parametrize(("seconds", "status"), [(590, 200), (601, 400)])
def test_a_code_is_good_for_ten_minutes(heap: Heap, seconds: float, status: int) -> None:
    code = heap.code()
    heap.advance(seconds)
    assert heap.token(code=code).status_code == status


def test_a_code_belongs_to_the_app_it_was_given_to(heap: Heap) -> None:
    other = heap.post("/sandbox/api/partner-apps", {"redirect_uris": [CALLBACK]}).json()
    credentials = {name: other[name] for name in ("client_id", "client_secret")}
    code = heap.code()
    assert heap.token(code=code, **credentials).json()["error"] == "invalid_grant"
    assert heap.token(code=code).status_code == 200


@pytest.mark.parametrize(
    ("verifier", "status"), [(VERIFIER, 200), ("x" * 43, 400), ("", 400), ("é" * 43, 400)]
)
def test_the_verifier_has_to_fit_the_challenge(heap: Heap, verifier: str, status: int) -> None:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == CHALLENGE
    code = heap.code(code_challenge=CHALLENGE, code_challenge_method="S256")
    assert heap.token(code=code, code_verifier=verifier).status_code == status


def test_metadata_describes_the_grant(heap: Heap) -> None:
    answer = heap.metadata(heap.connect())
    assert answer.status_code == 200
    described = answer.json()
    moment = described.pop("authorized_at_utc")
    assert described == {
        "env_id": ACME,
        "partner_app_id": "4",
        "authorized_by": "alice@acme.example",
        "authorized_scope": "segment",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment)
    age = datetime.now(UTC) - datetime.fromisoformat(moment)
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_each_environment_has_its_own_metadata(heap: Heap) -> None:
    for app_id in (ACME, ACME_DEVELOPMENT, GLOBEX):
        assert heap.metadata(heap.connect(app_id)).json()["env_id"] == app_id


def test_metadata_wants_the_right_token(heap: Heap) -> None:
    tokens, other = heap.connect(), heap.connect(GLOBEX)
    path = f"/api/partner/v1/metadata/{tokens['id_token']}"
    for authorization in ("", "Bearer nonsense", f"Basic {tokens['access_token']}"):
        answer = heap.get(path, headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    foreign = {"access_token": other["access_token"], "id_token": tokens["id_token"]}
    assert heap.metadata(foreign).status_code == 404


def test_tokens_do_not_expire_unless_set(heap: Heap) -> None:
    tokens = heap.connect()
    heap.advance(10 * 365 * 24 * 3600)
    assert heap.metadata(tokens).status_code == 200


def test_tokens_can_be_made_to_expire(heap: Heap) -> None:
    heap.set(access_token_seconds=3600)
    tokens = heap.connect()
    assert tokens["expires_in"] == 3600
    heap.advance(3590)
    assert heap.metadata(tokens).status_code == 200
    heap.advance(11)
    assert heap.metadata(tokens).status_code == 401


@pytest.mark.parametrize("way", ["revoke", "expire"])
def test_one_token_or_all_can_be_ended_by_hand(heap: Heap, way: str) -> None:
    first, second, third = heap.connect(), heap.connect(), heap.connect(GLOBEX)
    ended = heap.post(f"/sandbox/api/access-tokens/{way}", {"token": first["access_token"]})
    assert ended.json() == {"ended": 1}
    assert [heap.metadata(t).status_code for t in (first, second, third)] == [401, 200, 200]
    assert heap.post(f"/sandbox/api/access-tokens/{way}").json() == {"ended": 2}
    assert [heap.metadata(t).status_code for t in (first, second, third)] == [401, 401, 401]


def test_the_endpoint_counts_its_calls(heap: Heap) -> None:
    heap.connect()
    heap.token(code="guess")
    heap.post(TOKEN, data="x")
    assert heap.get("/sandbox/api/token-endpoint").json() == {
        "calls": 3,
        "by_grant_type": {
            "": {"invalid_request": 1},
            "authorization_code": {"invalid_grant": 1, "issued": 1},
        },
        "most_at_once": 1,
    }
