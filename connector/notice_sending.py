"""Hand one notice to one receiver: a webhook, signed, or an e-mail address."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connector.errors import FieldInvalid, NoticeNotTaken, SettingInvalid, UpstreamError
from connector.origins import read_origin
from connector.outbound import Outbound, OutboundRequest
from connector.smtp import Mailer

SIGNATURE_HEADER = "Heapline-Signature"
SECONDS = 10.0
_LONGEST_URL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """News of a project; its text and details hold no secrets."""

    #: The same however often it is tried, so that a receiver can tell repeats.
    id: str
    project_id: str
    project_name: str
    subject: str
    text: str
    details: Mapping[str, Any]
    #: How many of the same subject were left out since the last one.
    left_out: int
    created_at: float


class NoticeSender:
    """Sends notices, each call one attempt."""

    def __init__(self, outbound: Outbound, mailer: Mailer | None) -> None:
        self._outbound = outbound
        self._mailer = mailer

    @property
    def can_mail(self) -> bool:
        """Say whether a mail server is set."""
        return self._mailer is not None

    def post(self, url: str, secret: str, notice: Notice) -> None:
        """Send a notice to a webhook.

        Raises
        ------
        NoticeNotTaken
            If it does not answer, or with another status than 2xx.
        DestinationRefused
            If its address is not one that this server may call.

        """
        body = as_json(notice)
        headers = [
            ("Content-Type", "application/json"),
            ("User-Agent", "Heapline"),
            (SIGNATURE_HEADER, signature(secret, int(time.time()), body)),
        ]
        request = OutboundRequest(method="POST", url=url, headers=headers, body=body)
        try:
            answer = self._outbound.send(request, seconds=SECONDS)
        except UpstreamError as error:
            if not error.retryable:
                raise
            # The door speaks of providers, whom it was made for.
            raise NoticeNotTaken(error.message.replace("provider", "webhook")) from error
        answer.discard()
        if not 200 <= answer.status < 300:
            raise NoticeNotTaken(f"The webhook answered with status {answer.status}.")

    def mail(self, address: str, notice: Notice) -> None:
        """Send a notice by e-mail.

        Raises
        ------
        NoticeNotTaken
            If the mail server does not take it.
        SettingInvalid
            If there is none.

        """
        if self._mailer is None:
            raise SettingInvalid(
                "HEAPLINE_SMTP_URL is not set, so no e-mail can be sent.",
                setting="HEAPLINE_SMTP_URL",
            )
        subject = f"[{' '.join(notice.project_name.split())}] {notice.subject}"
        self._mailer.send(address, subject, as_text(notice))


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the value of the signature's header: HMAC-SHA256 of moment, dot and body."""
    signed = f"{moment}.".encode() + body
    return f"t={moment},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def as_json(notice: Notice) -> bytes:
    """Return the body that a webhook gets."""
    told = {
        "id": notice.id,
        "project": {"id": notice.project_id, "name": notice.project_name},
        "subject": notice.subject,
        "text": notice.text,
        "details": notice.details,
        "left_out": notice.left_out,
        "created_at": _moment(notice),
    }
    return json.dumps(told).encode()


def as_text(notice: Notice) -> str:
    """Return the text that an e-mail has."""
    lines = [notice.text, ""]
    for name, value in notice.details.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines.append(f"{name}: {shown}")
    lines.append(f"project: {notice.project_name} ({notice.project_id})")
    lines.append(f"time: {_moment(notice)}")
    if notice.left_out:
        lines += ["", f"Left out since the last notice like this one: {notice.left_out}"]
    return "\n".join([*lines, ""]).encode("utf-8", "replace").decode()


def read_webhook_url(text: str, allowed: tuple[str, ...]) -> str:
    """Return the address of a webhook once it is checked.

    It is https, or http at one of the places that the operator allows, written as host:port.

    Raises
    ------
    FieldInvalid
        If it cannot be used.

    """
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme, parts.hostname, parts.port or 80
        read_origin(f"{scheme}://{parts.netloc}")
    except ValueError as error:
        raise _unusable() from error
    plain = text.isascii() and text.isprintable() and " " not in text and "#" not in text
    if not plain or len(text) > _LONGEST_URL or not text.startswith(f"{scheme}://"):
        raise _unusable()
    if scheme == "http" and f"{host}:{port}" not in allowed:
        raise FieldInvalid(
            "The webhook must be https. One of yours may be http if HEAPLINE_OUTBOUND_ALLOW names "
            "it as host:port.",
            pointer="/webhook_url",
        )
    return text


def _unusable() -> FieldInvalid:
    return FieldInvalid(
        "The webhook must be an address such as https://ops.example.com/notices, without user "
        "name, password and fragment.",
        pointer="/webhook_url",
    )


def _moment(notice: Notice) -> str:
    return datetime.fromtimestamp(notice.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
