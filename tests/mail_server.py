"""A mail server (RFC 5321) that keeps what it is given, and refuses what it is told to."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BufferedRWPair
from pathlib import Path
from typing import cast

USER, PASSWORD = "heapline", "p@ss/word-of-the-mail-server"


@dataclass
class Mail:
    """One e-mail as it was handed in."""

    recipients: list[str]
    message: EmailMessage
    encrypted: bool
    signed_in: bool

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """The running server."""

    address: str = "127.0.0.1"
    #: Certificate and key, for STARTTLS or for TLS from the first byte on.
    certificate: tuple[Path, Path] | None = None
    tls_at_once: bool = False
    mails: list[Mail] = field(default_factory=list)
    #: Recipients that are answered with 550.
    refused: set[str] = field(default_factory=set)
    #: How many of the next connections are turned away with 421.
    busy: int = 0
    #: What was said to it, in order.
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tls: ssl.SSLContext | None = None
        if self.certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*self.certificate)
        self._listener = socket.create_server((self.address, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="mail", daemon=True).start()

    @property
    def place(self) -> str:
        return f"{self.address}:{self.port}"

    def to(self, recipient: str) -> list[Mail]:
        return [mail for mail in list(self.mails) if recipient in mail.recipients]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        session = _Session(self, sock)
        # The other side may go away, or not like the certificate.
        with contextlib.suppress(OSError), session:
            session.run()


class _Session:
    """One connection."""

    def __init__(self, server: MailServer, sock: socket.socket) -> None:
        self._server = server
        self._recipients: list[str] = []
        self._signed_in = False
        self._use(sock)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        for one in (self._stream, self._sock):
            with contextlib.suppress(OSError):
                one.close()

    def _use(self, sock: socket.socket) -> None:
        self._sock = sock
        self._stream = cast(BufferedRWPair, sock.makefile("rwb"))

    def _encrypt(self) -> None:
        if self._server.tls:
            self._stream.close()
            self._use(self._server.tls.wrap_socket(self._sock, server_side=True))

    def run(self) -> None:
        if self._server.tls_at_once:
            self._encrypt()
        if self._server.busy > 0:
            self._server.busy -= 1
            self._say("421 too busy")
            return
        self._say("220 mail.example")
        while line := self._stream.readline():
            text = line.decode().strip()
            self._server.commands.append(text)
            verb = text.partition(" ")[0].upper()
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._answer(verb, text)

    def _answer(self, verb: str, text: str) -> None:
        match verb:
            case "EHLO":
                self._greet()
            case "STARTTLS" if self._server.tls:
                self._say("220 go on")
                self._encrypt()
            case "AUTH":
                self._sign_in(text.rsplit(maxsplit=1)[-1])
            case "MAIL" | "NOOP" | "RSET":
                self._recipients = []
                self._say("250 ok")
            case "RCPT":
                self._receive(text.partition("<")[2].partition(">")[0])
            case "DATA":
                self._take()
            case _:
                self._say("502 what?")

    def _greet(self) -> None:
        offered = ["mail.example", "AUTH PLAIN"]
        if self._server.tls and not isinstance(self._sock, ssl.SSLSocket):
            offered.append("STARTTLS")
        for name in offered[:-1]:
            self._say(f"250-{name}")
        self._say(f"250 {offered[-1]}")

    def _sign_in(self, encoded: str) -> None:
        wanted = f"\0{USER}\0{PASSWORD}".encode()
        self._signed_in = base64.b64decode(encoded) == wanted
        # As careless servers do, it repeats what it was sent.
        said = base64.b64decode(encoded).decode().replace("\0", " ")
        self._say("235 welcome" if self._signed_in else f"535 wrong:{said}.")

    def _receive(self, recipient: str) -> None:
        if recipient in self._server.refused:
            self._say("550 no such person here")
        else:
            self._recipients.append(recipient)
            self._say("250 ok")

    def _take(self) -> None:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self._stream.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        message = cast(EmailMessage, message_from_bytes(b"".join(lines), policy=policy.default))
        encrypted = isinstance(self._sock, ssl.SSLSocket)
        self._server.mails.append(Mail(self._recipients, message, encrypted, self._signed_in))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self._stream.write(f"{text}\r\n".encode())
        self._stream.flush()
