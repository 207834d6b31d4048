"""Notices, from news to a real webhook and a real mail server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from sqlalchemy import select, update

from connector.config import Settings
from connector.database import Database
from connector.errors import FieldInvalid, NotFound
from connector.guard import Guard
from connector.notice_queue import NoticeQueue
from connector.notice_sending import NoticeSender, signature
from connector.notices import Notices, mailer
from connector.outbound import Outbound
from connector.redaction import remember
from connector.sealing import Sealer, rotate
from connector.store import projects as project_store
from connector.tables import notice_settings, notices_sent, projects
from connector.vault import KeyRing, new_master_key

from ..conftest import eventually
from ..mail_server import MailServer
from ..upstream import Exchange, Upstream, answering, sending

PATH = "/notices"
NEWS = ("A workflow failed", "The workflow Welcome failed.")
EMAILS = ("ops@acme.example", "you@acme.example")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    made = Outbound(Guard(["127.0.0.0/8"]))
    yield made
    made.close()


Make = Callable[..., Notices]


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([new_master_key()])


@pytest.fixture
def make(
    database: Database, ring: KeyRing, outbound: Outbound, upstream: Upstream, mail: MailServer
) -> Iterator[Make]:
    """Makes the notices of a process that tries again at once; they are closed in the end."""
    made: list[Notices] = []

    def build(url: str = f"smtp://{mail.place}", ring: KeyRing = ring) -> Notices:
        settings = Settings(smtp_url=url, smtp_from="heapline@house.example")
        sender = NoticeSender(outbound, mailer(settings))
        queue = NoticeQueue((0.01, 0.02))
        allowed = (f"127.0.0.1:{upstream.port}", "127.0.0.1:9")
        made.append(Notices(database, Sealer(ring), sender, queue, allowed=allowed))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture
def notices(make: Make) -> Notices:
    return make()


@pytest.fixture
def project_id(database: Database) -> str:
    with database.transaction() as tx:
        return project_store.create(tx, "Acme Notes", []).id


@pytest.fixture
def url(upstream: Upstream) -> str:
    return upstream.url + PATH


@pytest.fixture
def secret(notices: Notices, project_id: str, url: str) -> str:
    """The secret of the project's webhook, the only receiver."""
    _, made = notices.save(project_id, webhook_url=url, emails=())
    assert made is not None
    return made


def posted(upstream: Upstream, count: int) -> list[dict[str, Any]]:
    """Wait until so many notices were posted; return them."""
    eventually(lambda: len(upstream.requests(PATH)) >= count)
    eventually(lambda: all(one.body for one in upstream.requests(PATH)))
    found = [json.loads(one.body) for one in upstream.requests(PATH)]
    assert len(found) == count
    return found


def test_a_webhook_gets_a_notice_as_json(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    details = {"run": "r1", "step": {"name": "send", "attempt": 3}, "list": [1, None, "ä"]}
    notices.send(project_id, *NEWS, details)
    (told,) = posted(upstream, 1)
    assert re.fullmatch(r"[0-9a-f-]{36}", told.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told.pop("created_at"))
    assert told == {
        "project": {"id": project_id, "name": "Acme Notes"},
        "subject": NEWS[0],
        "text": NEWS[1],
        "details": details,
        "left_out": 0,
    }
    (request,) = upstream.requests(PATH)
    assert (request.method, request.values("Content-Type")) == ("POST", ["application/json"])


def test_a_notice_is_signed_with_the_secret_that_was_shown(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    notices.send(project_id, *NEWS)
    posted(upstream, 1)
    (request,) = upstream.requests(PATH)
    (header,) = request.values("Heapline-Signature")
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", header)
    assert found
    assert abs(int(found[1]) - time.time()) < 60
    expected = hmac.new(secret.encode(), f"{found[1]}.".encode() + request.body, hashlib.sha256)
    assert found[2] == expected.hexdigest()


def test_the_signature_is_the_one_that_other_programs_compute() -> None:
    """The value is from `printf '1700000000.{}' | openssl dgst -sha256 -hmac secret`."""
    expected = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    assert signature("secret", 1700000000, b"{}") == f"t=1700000000,v1={expected}"


def test_every_address_gets_an_e_mail_of_its_own(
    notices: Notices, project_id: str, mail: MailServer
) -> None:
    notices.save(project_id, webhook_url=None, emails=EMAILS)
    notices.send(project_id, "A workflow\r\nfailed", NEWS[1], {"run": "r1", "times": 3})
    eventually(lambda: len(mail.mails) == 2)
    assert sorted(one.recipients for one in mail.mails) == [[one] for one in EMAILS]
    first = mail.mails[0]
    assert first.message["Subject"] == "[Acme Notes] A workflow failed"
    assert first.message["From"] == "heapline@house.example"
    assert first.text.startswith(f"{NEWS[1]}\n\nrun: r1\ntimes: 3\nproject: Acme Notes (")


def test_a_receiver_that_fails_gets_the_same_notice_three_times_in_all(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    upstream.on(PATH, answering(500), sending(then="reset"), answering(204))
    notices.send(project_id, *NEWS)
    told = posted(upstream, 3)
    assert len({one["id"] for one in told}) == 1
    notices.send(project_id, "Something else", "x")
    posted(upstream, 4)


def test_one_receiver_s_failure_keeps_the_others_from_nothing(
    notices: Notices, project_id: str, upstream: Upstream, mail: MailServer, url: str
) -> None:
    upstream.on(PATH, answering(503))
    mail.refused = {EMAILS[0]}
    notices.save(project_id, webhook_url=url, emails=EMAILS)
    notices.send(project_id, *NEWS)
    posted(upstream, 3)
    eventually(lambda: sum(one.upper().startswith("RCPT") for one in list(mail.commands)) == 4)
    assert len(eventually(lambda: mail.to(EMAILS[1]))) == 1


def test_a_redirect_is_not_followed(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    upstream.on(PATH, answering(302, headers=[("Location", f"{upstream.url}/elsewhere")]))
    notices.send(project_id, *NEWS)
    posted(upstream, 3)
    assert upstream.requests("/elsewhere") == []


def test_the_same_subject_is_sent_once_in_ten_minutes_and_the_rest_is_counted(
    notices: Notices, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    for number in range(25):
        notices.send(project_id, NEWS[0], f"Run {number} failed.", {"run": number})
    eventually(lambda: _left_out(database) == 24)
    assert [one["text"] for one in posted(upstream, 1)] == ["Run 0 failed."]
    _age(database, 599)
    notices.send(project_id, *NEWS)
    eventually(lambda: _left_out(database) == 25)
    _age(database, 2)
    notices.send(project_id, *NEWS)
    assert posted(upstream, 2)[1]["left_out"] == 25
    assert _left_out(database) == 0


def test_another_subject_or_project_is_sent_all_the_same(
    notices: Notices, project_id: str, secret: str, upstream: Upstream, database: Database, url: str
) -> None:
    with database.transaction() as tx:
        other = project_store.create(tx, "Other", []).id
    notices.save(other, webhook_url=url, emails=())
    for project, subject in ((project_id, "A"), (project_id, "B"), (other, "A")):
        notices.send(project, subject, "x")
    told = [(one["project"]["name"], one["subject"]) for one in posted(upstream, 3)]
    assert sorted(told) == [("Acme Notes", "A"), ("Acme Notes", "B"), ("Other", "A")]


def test_of_two_processes_with_the_same_news_one_sends_it(
    make: Make, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    processes = [make() for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(processes[number % 4].send, project_id, *NEWS)
    eventually(lambda: _left_out(database) == 199)
    posted(upstream, 1)


def test_a_clock_that_was_set_back_silences_nothing(
    notices: Notices, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    notices.send(project_id, *NEWS)
    posted(upstream, 1)
    _age(database, -3600)
    notices.send(project_id, *NEWS)
    posted(upstream, 2)


def test_a_notice_that_cannot_be_told_fails_nobody(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    notices.send(project_id, *NEWS, {"a": object(), "b": "\ud800", "c": {1: 2}})
    (told,) = posted(upstream, 1)
    assert told["details"]["c"] == {"1": 2}
    notices.send("no-such-project", *NEWS)
    notices.send(project_id, None, *NEWS[1:])  # type: ignore[arg-type]
    notices.close()
    notices.send(project_id, "After the end", "x")
    assert len(upstream.requests(PATH)) == 1


def test_sending_waits_for_nobody(
    notices: Notices, project_id: str, secret: str, upstream: Upstream
) -> None:
    release, held = threading.Event(), threading.Semaphore(0)

    def hold(exchange: Exchange) -> None:
        held.release()
        release.wait(20)
        exchange.answer(204)

    upstream.on(PATH, hold)
    notices.send(project_id, *NEWS)
    assert held.acquire(timeout=10)
    for number in range(50):
        notices.send(project_id, f"Subject {number}", "x")
    assert len(upstream.requests(PATH)) < 10
    release.set()
    posted(upstream, 51)


def test_what_leaves_the_house_holds_no_secrets(
    notices: Notices, project_id: str, upstream: Upstream, mail: MailServer, url: str
) -> None:
    remember("a-secret-of-the-crm")
    notices.save(project_id, webhook_url=url, emails=EMAILS[:1])
    words = "It said: no a-secret-of-the-crm, Bearer q7-ZkW-93kd-PPq-x"
    notices.send(project_id, words, words, {"token": "x-token-x", "url": "https://x/?api_key=k1"})
    (told,) = posted(upstream, 1)
    assert told["text"] == "It said: no [redacted], [redacted]"
    assert told["details"] == {"token": "[redacted]", "url": "https://x/?api_key=[redacted]"}
    (sent,) = eventually(lambda: mail.to(EMAILS[0]))
    written = sent.text + sent.message["Subject"] + json.dumps(told)
    assert not re.search("crm,|ZkW-93kd|x-token|k1", written)


def test_failures_are_logged_without_secrets(
    notices: Notices, project_id: str, upstream: Upstream
) -> None:
    url = f"{upstream.url}/hooks/secret-in-the-path?token=secret-in-the-query"
    _, secret = notices.save(project_id, webhook_url=url, emails=())
    upstream.on("/hooks/secret-in-the-path", answering(500, b"secret-in-the-answer"))
    with structlog.testing.capture_logs() as events:
        notices.send(project_id, *NEWS)
        eventually(lambda: [one for one in events if one["event"] == "notice_lost"])
    assert [one["event"] for one in events] == ["notice_delayed"] * 2 + ["notice_lost"]
    assert {one["reason"] for one in events} == {"The webhook answered with status 500."}
    assert {one["target"] for one in events} == {upstream.url}
    assert "secret-in" not in repr(events)
    assert str(secret) not in repr(events)


def test_without_a_mail_server_the_webhook_still_gets_notices(
    make: Make, project_id: str, upstream: Upstream, url: str
) -> None:
    notices = make("")
    notices.save(project_id, webhook_url=url, emails=EMAILS)
    with structlog.testing.capture_logs() as events:
        notices.send(project_id, *NEWS)
        posted(upstream, 1)
        eventually(lambda: len(events) == 2)
    assert {one["event"] for one in events} == {"notice_lost"}
    assert {one["tries"] for one in events} == {1}
    assert "HEAPLINE_SMTP_URL is not set" in events[0]["reason"]


def test_a_project_without_receivers_costs_no_row(
    notices: Notices, project_id: str, database: Database
) -> None:
    notices.send(project_id, *NEWS)
    notices.close()
    assert _left_out(database) is None


def test_a_test_asks_every_receiver_once_and_tells_what_came_of_it(
    notices: Notices, project_id: str, upstream: Upstream, mail: MailServer, url: str
) -> None:
    upstream.on(PATH, answering(404))
    mail.refused = {EMAILS[0]}
    notices.save(project_id, webhook_url=url, emails=EMAILS)
    for _ in range(2):
        outcomes = [(one.channel, one.target, one.problem) for one in notices.test(project_id)]
        assert outcomes == [
            ("webhook", upstream.url, "The webhook answered with status 404."),
            ("email", EMAILS[0], "The mail server said no: no such person here."),
            ("email", EMAILS[1], None),
        ]
    assert len(mail.to(EMAILS[1])) == len(upstream.requests(PATH)) == 2


def test_a_test_without_receivers_has_no_outcome(notices: Notices, project_id: str) -> None:
    assert notices.test(project_id) == []
    with pytest.raises(NotFound):
        notices.test("no-such-project")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("http://127.0.0.1:9/x", "The webhook does not accept connections."),
        ("https://10.1.2.3/x", "10.1.2.3 leads to 10.1.2.3, which is not a public address."),
        ("https://nowhere.invalid/x", "The webhook's host name does not resolve."),
    ],
)
def test_a_webhook_that_cannot_be_reached_is_told(
    notices: Notices, project_id: str, address: str, problem: str
) -> None:
    notices.save(project_id, webhook_url=address, emails=())
    (outcome,) = notices.test(project_id)
    assert (outcome.problem or "").startswith(problem)


def test_the_secret_stays_until_a_new_one_is_wished_or_the_webhook_goes(
    notices: Notices, project_id: str, secret: str, url: str, database: Database
) -> None:
    _, again = notices.save(project_id, webhook_url=f"{url}/moved", emails=EMAILS)
    assert again is None
    _, renewed = notices.save(project_id, webhook_url=url, emails=(), fresh_secret=True)
    notices.save(project_id, webhook_url=None, emails=())
    with database.reading() as tx:
        assert tx.execute(select(notice_settings.c.webhook_secret_sealed)).scalar_one() is None
    _, fourth = notices.save(project_id, webhook_url=url, emails=())
    made = [secret, renewed, fourth]
    assert all(str(one).startswith("hln_") and len(str(one)) == 47 for one in made)
    assert len(set(made)) == 3


def test_the_secret_is_sealed_at_rest(
    notices: Notices, project_id: str, secret: str, database: Database
) -> None:
    with database.reading() as tx:
        row = tx.execute(select(notice_settings)).one()
    assert secret not in repr(row)
    assert row.webhook_secret_sealed.startswith("v1.d")


def test_rotation_seals_the_secret_anew_and_it_stays_the_same(
    make: Make, ring: KeyRing, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    newer = KeyRing([new_master_key(), *ring._keys])
    list(rotate(database, Sealer(newer)))
    make(ring=KeyRing([newer.primary])).test(project_id)
    (request,) = upstream.requests(PATH)
    (header,) = request.values("Heapline-Signature")
    moment = int(header[2 : header.index(",")])
    assert header == signature(secret, moment, request.body)


@pytest.mark.parametrize(
    "address",
    [
        "ops.acme.example", "ftp://ops.acme.example/", "https://", "https:///x", "HTTPS://a.example",
        "https://me:pass@ops.acme.example/", "https://ops.acme.example/#a", "https://[::1",
        "https://ops.acme.example:x/", "https://ops.acme.example/ a", "https://ops.acme.example/ä",
        "https://ops.acme.example/\r\nX: y", "https://ops.acme.example/" + "x" * 2000,
        "http://ops.acme.example/", "http://127.0.0.1:10/x", "http://127.0.0.1/",
    ],
)  # fmt: skip
def test_an_address_that_is_no_webhook_is_refused(
    notices: Notices, project_id: str, address: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        notices.save(project_id, webhook_url=address, emails=())
    assert caught.value.meta["pointer"] == "/webhook_url"
    assert notices.settings(project_id).webhook_url is None


@pytest.mark.parametrize(
    ("emails", "pointer"),
    [
        (["a@b.example", "c"], "/emails/1"),
        (["a@b.example\r\nBcc: c@d.example"], "/emails/0"),
        ([f"a{n}@b.example" for n in range(21)], "/emails"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(
    notices: Notices, project_id: str, emails: list[str], pointer: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        notices.save(project_id, webhook_url=None, emails=emails)
    assert caught.value.meta["pointer"] == pointer


def test_a_new_secret_needs_a_webhook(notices: Notices, project_id: str) -> None:
    with pytest.raises(FieldInvalid, match="no webhook"):
        notices.save(project_id, webhook_url=None, emails=(), fresh_secret=True)


def test_an_address_that_is_given_twice_gets_one_e_mail(notices: Notices, project_id: str) -> None:
    saved, _ = notices.save(project_id, webhook_url=None, emails=[EMAILS[0], *EMAILS])
    assert saved.emails == EMAILS


def test_subjects_of_long_ago_are_forgotten(
    notices: Notices, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    notices.send(project_id, *NEWS)
    posted(upstream, 1)
    notices.sweep()
    assert _left_out(database) == 0
    _age(database, 86_401)
    notices.sweep()
    assert _left_out(database) is None


def test_deleting_a_project_takes_its_notice_settings(
    notices: Notices, project_id: str, secret: str, upstream: Upstream, database: Database
) -> None:
    notices.send(project_id, *NEWS)
    posted(upstream, 1)
    with database.transaction() as tx:
        tx.execute(projects.delete())
    with database.reading() as tx:
        assert tx.execute(select(notice_settings)).all() == []
        assert tx.execute(select(notices_sent)).all() == []


def _left_out(database: Database) -> int | None:
    """Return how many were left out of the only subject there is; none when there is no such."""
    with database.reading() as tx:
        return tx.execute(select(notices_sent.c.left_out)).scalar_one_or_none()


def _age(database: Database, seconds: float) -> None:
    """Make the last notice of every subject older."""
    with database.transaction() as tx:
        tx.execute(update(notices_sent).values(sent_at=notices_sent.c.sent_at - seconds))
