"""E-mail through the operator's mail server (RFC 5321), with TLS wherever it is to be had."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from urllib.parse import unquote, urlsplit

import certifi

from connector.errors import NoticeNotTaken
from connector.redaction import redact_text, remember
from connector.turnstile import Waiting

SECONDS = 10.0
_PORTS = {"smtp": 587, "smtps": 465}
#: The form that HTML's e-mail fields take: no quotes, comments, or letters beyond ASCII.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"
)
_LONGEST_ADDRESS = 254
_LONGEST_REPLY = 200
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where e-mail is handed in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    #: TLS from the first byte on; otherwise STARTTLS when the server offers it.
    tls_at_once: bool


def is_address(text: str) -> bool:
    """Say whether text is an e-mail address that any server takes."""
    return len(text) <= _LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(text))


def read_server(url: str) -> MailServer | None:
    """Return the server that ``smtp(s)://user:password@host:port`` names; none for a blank.

    Raises
    ------
    ValueError
        In words for the person who typed it, without the password.

    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not an address") from None
    if scheme not in _PORTS or not host:
        raise ValueError("must start with smtp:// or smtps:// and name a host")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end after host and port; write / in a password as %2F, # as %23")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii():
        raise ValueError("must have a user and password of ASCII characters")
    if bool(user) != bool(password):
        raise ValueError("must have both user and password, or neither")
    return MailServer(host, port or _PORTS[scheme], user, password, scheme == "smtps")


def read_sender(text: str) -> str:
    """Return the sender of e-mails: an address, alone or as ``Name <address>``.

    Raises
    ------
    ValueError
        If it is neither.

    """
    if text and (not text.isprintable() or not is_address(parseaddr(text)[1])):
        raise ValueError("must be an e-mail address, or Name <address>")
    return text


class Mailer:
    """Hands e-mails in, one connection each."""

    def __init__(self, server: MailServer, sender: str) -> None:
        self._server = server
        self._sender = sender
        self._tls = ssl.create_default_context()
        self._tls.load_verify_locations(certifi.where())
        self._is_here = server.host in _LOOPBACK
        remember(server.password)

    def send(self, to: str, subject: str, text: str) -> None:
        """Send one e-mail.

        Raises
        ------
        NoticeNotTaken
            If the server cannot be reached or does not take it, with its reason.

        """
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = make_msgid(domain=self._domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(text)
        with self._connected() as connection:
            connection.send_message(message)

    def check(self) -> None:
        """Connect and sign in without sending anything.

        Raises
        ------
        NoticeNotTaken
            If that fails, with the reason.

        """
        with self._connected() as connection:
            connection.noop()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        try:
            with Waiting(), self._open() as connection:
                connection.ehlo()
                if connection.has_extn("starttls"):
                    connection.starttls(context=self._starttls_context())
                self._sign_in(connection)
                yield connection
        except smtplib.SMTPException as error:
            raise NoticeNotTaken(f"The mail server said no: {_reply(error)}.") from error
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason
            raise NoticeNotTaken(f"No TLS with the mail server: {reason}.") from error
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise NoticeNotTaken(f"The mail server cannot be reached: {reason}.") from error

    def _open(self) -> smtplib.SMTP:
        host, port, domain = self._server.host, self._server.port, self._domain
        if self._server.tls_at_once:
            return smtplib.SMTP_SSL(host, port, domain, timeout=SECONDS, context=self._tls)
        return smtplib.SMTP(host, port, domain, timeout=SECONDS)

    def _starttls_context(self) -> ssl.SSLContext:
        """Verify the server, but for one on this machine: its certificate names no one."""
        if not self._is_here:
            return self._tls
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return unverified

    @property
    def _domain(self) -> str:
        return parseaddr(self._sender)[1].rpartition("@")[2]

    def _sign_in(self, connection: smtplib.SMTP) -> None:
        server = self._server
        if not server.user:
            return
        if not (self._is_here or isinstance(connection.sock, ssl.SSLSocket)):
            raise NoticeNotTaken(
                "The mail server offers no TLS, and the password is not sent without it."
            )
        connection.login(server.user, server.password)


def _reply(error: smtplib.SMTPException) -> str:
    """Return what the server said, fit to be shown: short, printable, no secrets."""
    said: object = error
    match error:
        case smtplib.SMTPRecipientsRefused():
            said = next(iter(error.recipients.values()))[1]
        case smtplib.SMTPResponseException():
            said = error.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    printable = "".join(char if char.isprintable() else " " for char in text)
    return redact_text(" ".join(printable.split()))[:_LONGEST_REPLY].rstrip(".") or "no reason"
