"""Tell the people of a project what goes wrong: by webhook and by e-mail, each subject once."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from connector.config import Settings
from connector.database import Database
from connector.errors import FieldInvalid, HeaplineError, NotFound
from connector.manifest import origin_of
from connector.models import NoticeSettings, Project
from connector.notice_queue import NoticeQueue
from connector.notice_sending import Notice, NoticeSender, read_webhook_url
from connector.redaction import redact, redact_text, remember
from connector.sealing import NOTICE_SECRETS, Sealer
from connector.smtp import Mailer, is_address, read_server
from connector.store import notices as store
from connector.store import projects as project_store
from connector.tokens import new_secret
from connector.turnstile import Waiting

log = structlog.get_logger(__name__)

#: A subject is sent once in this time; what comes meanwhile is counted and told with the next.
APART_SECONDS = 600.0
MOST_ADDRESSES = 20
_PREFIX = "hln_"
_KEPT_SECONDS = 86_400.0
_LONGEST_SUBJECT = 200
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Receiver:
    """One place that a notice goes to."""

    channel: str
    #: What may be shown: an origin, or an e-mail address.
    target: str
    send: Callable[[Notice], None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test at one receiver; no problem means that it was taken."""

    channel: str
    target: str
    problem: str | None


@dataclass(slots=True)
class _News:
    """What is to be told, as long as nobody has looked at it."""

    subject: str
    text: str
    details: Mapping[str, Any]
    created_at: float
    alike: int = 1


class Notices:
    """Keeps where notices go, and sends them in the background."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        sender: NoticeSender,
        queue: NoticeQueue,
        *,
        allowed: tuple[str, ...],
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._sender = sender
        self._queue = queue
        self._allowed = allowed
        self._news: dict[tuple[str, str], _News] = {}
        self._lock = threading.Lock()

    @property
    def can_mail(self) -> bool:
        """Say whether e-mails can be sent at all."""
        return self._sender.can_mail

    def settings(self, project_id: str) -> NoticeSettings:
        """Return where a project's notices go."""
        with self._database.reading() as tx:
            return store.settings(tx, project_id)

    def save(
        self,
        project_id: str,
        *,
        webhook_url: str | None,
        emails: Sequence[str],
        fresh_secret: bool = False,
    ) -> tuple[NoticeSettings, str | None]:
        """Set where notices go; return it with the webhook's secret if that was made just now.

        The secret is made with the first webhook, or anew when wished; it is not shown again.

        Raises
        ------
        FieldInvalid
            If an address cannot be used.

        """
        url = read_webhook_url(webhook_url, self._allowed) if webhook_url else None
        addresses = _checked_addresses(emails)
        if fresh_secret and url is None:
            raise FieldInvalid("There is no webhook that has a secret.", pointer="/new_secret")
        with self._database.transaction() as tx:
            sealed, secret = store.settings(tx, project_id).webhook_secret_sealed, None
            if url is None:
                sealed = None
            elif sealed is None or fresh_secret:
                secret = _PREFIX + new_secret()
                remember(secret)
                sealed = self._sealer.seal(tx, NOTICE_SECRETS, project_id, project_id, secret)
            store.save(
                tx, project_id, webhook_url=url, webhook_secret_sealed=sealed, emails=addresses
            )
            return store.settings(tx, project_id), secret

    def send(
        self, project_id: str, subject: str, text: str, details: Mapping[str, Any] | None = None
    ) -> None:
        """Tell a project's people something, soon; never fail and never wait.

        The same subject goes out once in ten minutes, so put no ids into it but into the details.
        Details whose names sound like secrets, as ``code`` and ``state`` do, are masked.
        """
        try:
            self._take(project_id, _one_line(subject), text, details or {})
        except Exception:
            # What the notice is about is what counts for the caller.
            log.exception("notice_lost", project=project_id)

    def test(self, project_id: str) -> list[Outcome]:
        """Send a notice to every receiver now, once, and say what came of it.

        Raises
        ------
        NotFound
            If there is no such project.

        """
        project, receivers = self._receivers(project_id)
        if project is None:
            raise NotFound
        words = "This is a test: notices of this project arrive here."
        news = _News("Test of notices", words, {}, time.time())
        attempt = partial(_outcome, _notice(project, news, 0))
        if not receivers:
            return []
        with Waiting(), ThreadPoolExecutor(len(receivers)) as pool:
            return list(pool.map(attempt, receivers))

    def sweep(self) -> None:
        """Forget subjects of long ago."""
        with self._database.transaction(durable=False) as tx:
            store.forget(tx, time.time() - _KEPT_SECONDS)

    def close(self) -> None:
        """Try what waits once more and end the threads."""
        self._queue.close()

    def _take(self, project_id: str, subject: str, text: str, details: Mapping[str, Any]) -> None:
        key = project_id, subject
        with self._lock:
            waiting = self._news.get(key)
            if waiting is not None:
                waiting.alike += 1
                return
            self._news[key] = news = _News(subject, text, dict(details), time.time())
        if not self._queue.put(partial(self._pass_on, key, news), project=project_id):
            self._leave(key, news)

    def _leave(self, key: tuple[str, str], news: _News) -> None:
        """Let those who come from now on count for themselves."""
        with self._lock:
            if self._news.get(key) is news:
                del self._news[key]

    def _pass_on(self, key: tuple[str, str], news: _News) -> None:
        """Give news to every receiver unless the like of it was sent just now."""
        self._leave(key, news)
        project_id, subject = key
        project, receivers = self._receivers(project_id)
        if project is None or not receivers:
            return
        hashed = hashlib.sha256(subject.encode("utf-8", "replace")).hexdigest()
        with self._database.transaction(durable=False) as tx:
            left_out = store.claim(
                tx, project_id, hashed, now=time.time(), apart=APART_SECONDS, alike=news.alike
            )
        if left_out is None:
            return
        notice = _notice(project, news, left_out)
        for one in receivers:
            words = {"project": project_id, "channel": one.channel, "target": one.target}
            self._queue.put(partial(one.send, notice), **words, notice=notice.id)

    def _receivers(self, project_id: str) -> tuple[Project | None, list[Receiver]]:
        with self._database.reading() as tx:
            project = project_store.find(tx, project_id)
            found = store.settings(tx, project_id)
            sealed, secret = found.webhook_secret_sealed, ""
            if sealed is not None:
                secret = self._sealer.open(tx, NOTICE_SECRETS, project_id, project_id, sealed)
                remember(secret)
        return project, list(self._each(found, secret))

    def _each(self, found: NoticeSettings, secret: str) -> Iterator[Receiver]:
        url = found.webhook_url
        if url is not None:
            yield Receiver("webhook", origin_of(url), partial(self._sender.post, url, secret))
        for address in found.emails:
            yield Receiver("email", address, partial(self._sender.mail, address))


def mailer(settings: Settings) -> Mailer | None:
    """Return what sends e-mails, if a mail server is set."""
    server = read_server(settings.smtp_url)
    return Mailer(server, settings.sender()) if server else None


def _notice(project: Project, news: _News, left_out: int) -> Notice:
    """Return what leaves the house: without secrets, and short."""
    return Notice(
        id=str(uuid.uuid4()),
        project_id=project.id,
        project_name=project.name,
        subject=redact_text(news.subject)[:_LONGEST_SUBJECT],
        text=_storable(redact_text(news.text))[:_LONGEST_TEXT],
        details=redact(news.details),
        left_out=left_out,
        created_at=news.created_at,
    )


def _outcome(notice: Notice, receiver: Receiver) -> Outcome:
    try:
        receiver.send(notice)
    except HeaplineError as error:
        return Outcome(receiver.channel, receiver.target, error.message)
    return Outcome(receiver.channel, receiver.target, None)


def _one_line(text: str) -> str:
    """Return text fit for a header: one line, no control characters."""
    printable = "".join(char if char.isprintable() else " " for char in _storable(text))
    return " ".join(printable.split())


def _storable(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-8 cannot carry."""
    return text.encode("utf-8", "replace").decode()


def _checked_addresses(emails: Sequence[str]) -> list[str]:
    if len(emails) > MOST_ADDRESSES:
        raise FieldInvalid(
            f"There can be at most {MOST_ADDRESSES} e-mail addresses.", pointer="/emails"
        )
    for number, address in enumerate(emails):
        if not is_address(address):
            raise FieldInvalid("This is not an e-mail address.", pointer=f"/emails/{number}")
    return list(dict.fromkeys(emails))
