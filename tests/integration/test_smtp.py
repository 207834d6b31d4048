"""E-mails over real sockets: who is trusted with the password, and what the server's no means."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connector.errors import NoticeNotTaken
from connector.smtp import Mailer, is_address, read_sender, read_server

from ..certificate import make_certificate
from ..mail_server import PASSWORD, USER, MailServer

SENDER = "Heapline <heapline@acme.example>"
#: An address of this machine that is not known for being one.
ELSEWHERE = "127.0.0.2"
SIGN_IN = f"{USER}:{quote(PASSWORD, safe='')}@"

Start = Callable[..., MailServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts mail servers."""
    started: list[MailServer] = []

    def make(**options: Any) -> MailServer:
        started.append(MailServer(**options))
        return started[-1]

    yield make
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("mail"), "mail")


def mailer(url: str) -> Mailer:
    server = read_server(url)
    assert server is not None
    return Mailer(server, SENDER)


def refusal(send: Callable[[], None]) -> str:
    with pytest.raises(NoticeNotTaken) as caught:
        send()
    return caught.value.message


def test_an_e_mail_arrives_as_it_was_written(start: Start) -> None:
    server = start()
    text = "Zeile eins: äöü €\n.\n.. dots\n" + "x" * 1200 + "\n"
    mailer(f"smtp://{server.place}").send("ops@acme.example", "[Acme] Größer", text)
    (mail,) = server.mails
    assert mail.recipients == ["ops@acme.example"]
    assert mail.text == text
    message = mail.message
    assert (message["Subject"], message["From"]) == ("[Acme] Größer", SENDER)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@acme.example>")
    assert message["Date"].datetime.utcoffset() is not None
    assert (mail.signed_in, mail.encrypted) == (False, False)


def test_a_check_signs_in_and_sends_nothing(start: Start) -> None:
    server = start()
    mailer(f"smtp://{SIGN_IN}{server.place}").check()
    assert server.mails == []
    verbs = [command.partition(" ")[0].upper() for command in server.commands]
    assert verbs == ["EHLO", "AUTH", "NOOP", "QUIT"]


def test_the_password_goes_over_tls_when_the_server_offers_it(
    start: Start, certificate: tuple[Path, Path]
) -> None:
    server = start(certificate=certificate)
    mailer(f"smtp://{SIGN_IN}{server.place}").send("a@acme.example", "s", "t")
    (mail,) = server.mails
    assert (mail.encrypted, mail.signed_in) == (True, True)


def test_tls_at_once_takes_a_server_whose_certificate_is_trusted(
    start: Start, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(certificate=certificate, tls_at_once=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    mailer(f"smtps://{SIGN_IN}{server.place}").send("a@acme.example", "s", "t")
    (mail,) = server.mails
    assert (mail.encrypted, mail.signed_in) == (True, True)


def test_tls_at_once_refuses_a_certificate_that_is_not_trusted(
    start: Start, certificate: tuple[Path, Path]
) -> None:
    server = start(certificate=certificate, tls_at_once=True)
    words = refusal(mailer(f"smtps://{SIGN_IN}{server.place}").check)
    assert words == "No TLS with the mail server: self-signed certificate."
    assert server.commands == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_server_elsewhere_gets_no_password_without_tls_that_is_trusted(
    start: Start, certificate: tuple[Path, Path]
) -> None:
    plain, strange = start(address=ELSEWHERE), start(address=ELSEWHERE, certificate=certificate)
    assert "not sent without it" in refusal(mailer(f"smtp://{SIGN_IN}{plain.place}").check)
    assert "No TLS" in refusal(mailer(f"smtp://{SIGN_IN}{strange.place}").check)
    assert not [one for one in plain.commands + strange.commands if one.startswith("AUTH")]


def test_a_wrong_password_is_told_without_it_whatever_the_server_repeats(start: Start) -> None:
    server = start()
    words = refusal(mailer(f"smtp://{USER}:wrong-password@{server.place}").check)
    assert words == f"The mail server said no: wrong: {USER} [redacted]."


def test_a_refused_recipient_is_told_with_the_server_s_reason(start: Start) -> None:
    server = start(refused={"gone@acme.example"})
    send = mailer(f"smtp://{server.place}").send
    words = refusal(lambda: send("gone@acme.example", "s", "t"))
    assert words == "The mail server said no: no such person here."
    assert server.mails == []


def test_a_server_that_is_busy_or_away_is_told(start: Start) -> None:
    server = start(busy=1)
    assert "too busy" in refusal(mailer(f"smtp://{server.place}").check)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert "cannot be reached: Connection refused" in refusal(
        mailer(f"smtp://127.0.0.1:{port}").check
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 587, "", "", False)),
        ("smtps://mail.example/", ("mail.example", 465, "", "", True)),
        ("smtp://me%40x.example:a%2Fb%23c@[::1]:25", ("::1", 25, "me@x.example", "a/b#c", False)),
    ],
)
def test_an_address_of_a_server_is_read(url: str, expected: tuple[object, ...]) -> None:
    server = read_server(url)
    assert server is not None
    assert expected == (
        server.host, server.port, server.user, server.password, server.tls_at_once
    )  # fmt: skip
    assert "a/b#c" not in repr(server)


def test_a_blank_address_means_no_server() -> None:
    assert read_server("") is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail.example", "must start with smtp"),
        ("http://mail.example", "must start with smtp"),
        ("smtp://", "name a host"),
        ("smtp://mail.example:x", "is not an address"),
        ("smtp://[::1", "is not an address"),
        ("smtp://me:pass/word@mail.example", "is not an address"),
        ("smtp://mail.example/inbox", "must end after host and port"),
        ("smtp://mail.example?a=b", "must end after host and port"),
        ("smtp://me@mail.example", "both user and password"),
        ("smtp://me:p%C3%A4ss@mail.example", "ASCII"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_server(url)
    assert "pass" not in str(caught.value).replace("password", "")


@pytest.mark.parametrize("text", ["", "a@b.example", "Ops Team <a@b.example>", "Öps <a@b>"])
def test_a_sender_is_an_address_with_or_without_a_name(text: str) -> None:
    assert read_sender(text) == text


@pytest.mark.parametrize("text", ["Ops", "a@b.example\r\nBcc: c@d", "<>", "a b@c.example"])
def test_a_sender_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be an e-mail address"):
        read_sender(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a@", "@b.example", "a@b.example,c@d.example", "a <a@b.example>", "a@b..example",
        "a@b.example\n", "ä@b.example", "a@bücher.example", "x" * 65 + "@b.example",
        "a@" + "b." * 130 + "example",
    ],
)  # fmt: skip
def test_what_is_no_single_plain_address_is_told_apart(text: str) -> None:
    assert not is_address(text)
