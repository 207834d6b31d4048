"""Who may send to a webhook: every scheme, and what is tried against each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import WebhookRefused
from connector.webhook_schemes import SCHEMES, Delivery, Proof

from ..senders import SECRET, SENDERS, STANDARD_SECRET, Headers, Sender, mac

NOW = 1_800_000_000
BODY = b'{"id": "evt_1", "text": "\xc3\xa4"}'
OTHER = "another-secret-of-the-same-kind"
OTHER_STANDARD = "whsec_" + base64.b64encode(b"another twenty-four byte").decode()


def delivery(headers: Headers, body: bytes = BODY) -> Delivery:
    return Delivery({name.lower(): value for name, value in headers.items()}, {}, body)


def check(
    sender: Sender, given: Delivery, *secrets: str, now: float = NOW, seconds: int = 300
) -> None:
    scheme = SCHEMES[sender.scheme]
    proof = Proof(secrets or (sender.secret,), scheme.header, seconds, now)
    scheme.verify(given, proof)


def signed(sender: Sender, *, now: int = NOW, secret: str | None = None) -> Headers:
    return sender.sign(secret or sender.secret, BODY, now, "d1")


def other(sender: Sender) -> str:
    return OTHER_STANDARD if sender.secret == STANDARD_SECRET else OTHER


every = pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
timed = pytest.mark.parametrize(
    "sender", [one for one in SENDERS.values() if one.timed], ids=lambda one: one.scheme
)
signing = pytest.mark.parametrize(
    "sender", [one for one in SENDERS.values() if one.signs_body], ids=lambda one: one.sign.__name__
)


def test_every_scheme_but_none_has_a_sender_here() -> None:
    assert {one.scheme for one in SENDERS.values()} | {"none"} == set(SCHEMES)


@every
def test_a_delivery_that_is_signed_as_it_should_be_is_taken(sender: Sender) -> None:
    check(sender, delivery(signed(sender)))


@every
def test_either_of_two_secrets_will_do_while_one_takes_the_place_of_the_other(
    sender: Sender,
) -> None:
    given = delivery(signed(sender))
    check(sender, given, other(sender), sender.secret)
    check(sender, given, sender.secret, other(sender))
    with pytest.raises(WebhookRefused):
        check(sender, given, other(sender))


@every
def test_the_secret_of_somebody_else_is_refused(sender: Sender) -> None:
    with pytest.raises(WebhookRefused):
        check(sender, delivery(signed(sender, secret=other(sender))))


@signing
@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1], BODY.upper(), BODY[::-1]])
def test_a_body_that_was_altered_is_refused(sender: Sender, body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        check(sender, delivery(signed(sender), body))


ALTERED: dict[str, Callable[[str], str]] = {
    "missing": lambda _value: "",
    "blank": lambda _value: " ",
    "cut off": lambda value: value[:-1],
    "cut to its kind": lambda value: value[:3],
    "longer": lambda value: value + "0",
    "another end": lambda value: value[:-4] + ("AAA=" if value.endswith("=") else "0000"),
    "no ASCII": lambda value: value[:-1] + "\xe4",
    "null": lambda value: value[:-1] + "\x00",
    "only commas": lambda _value: ",,,",
    "only names": lambda _value: "t=,v1=",
    "no such version": lambda value: value.replace("v1", "v9").replace("v0=", "v9="),
    "empty signature": lambda value: value.replace(value[-70:], ""),
}


def altered() -> Iterator[tuple[Sender, str]]:
    """Yield every sender with each alteration that changes what it sends."""
    for sender in SENDERS.values():
        proof = signed(sender)[sender.header]
        yield from ((sender, name) for name, alter in ALTERED.items() if alter(proof) != proof)


@pytest.mark.parametrize(
    ("sender", "alteration"),
    list(altered()),
    ids=lambda one: one if isinstance(one, str) else one.sign.__name__,
)
def test_a_proof_that_was_altered_is_refused(sender: Sender, alteration: str) -> None:
    headers = signed(sender)
    headers[sender.header] = ALTERED[alteration](headers[sender.header])
    with pytest.raises(WebhookRefused):
        check(sender, delivery(headers))


@timed
@pytest.mark.parametrize(
    ("age", "fits"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_a_delivery_of_another_time_is_refused(sender: Sender, age: int, fits: bool) -> None:
    given = delivery(signed(sender, now=NOW - age))
    if fits:
        check(sender, given)
        return
    with pytest.raises(WebhookRefused, match="seconds before or after"):
        check(sender, given)


@timed
def test_how_far_a_time_may_be_is_the_workflows_choice(sender: Sender) -> None:
    given = delivery(signed(sender, now=NOW - 1000))
    check(sender, given, seconds=1000)
    with pytest.raises(WebhookRefused):
        check(sender, given, seconds=999)


@timed
@pytest.mark.parametrize(
    "moment", ["", "x", "-1", "1e9", "\uff11\uff18", "9" * 13, "1800000000.5", " "]
)
def test_a_time_that_is_none_is_refused(sender: Sender, moment: str) -> None:
    headers = {name: value.replace(str(NOW), moment) for name, value in signed(sender).items()}
    with pytest.raises(WebhookRefused):
        check(sender, delivery(headers))


def test_the_time_is_part_of_what_is_signed() -> None:
    for name in ("slack", "stripe", "standard"):
        sender = SENDERS[name]
        old = {
            key: value.replace(str(NOW - 9000), str(NOW))
            for key, value in signed(sender, now=NOW - 9000).items()
        }
        with pytest.raises(WebhookRefused):
            check(sender, delivery(old))


def test_the_id_is_part_of_what_a_standard_webhook_signs() -> None:
    sender = SENDERS["standard"]
    headers = {**signed(sender), "webhook-id": "d2"}
    with pytest.raises(WebhookRefused):
        check(sender, delivery(headers))


def test_a_secret_that_is_no_key_opens_nothing() -> None:
    """Were it read as an empty key, anybody could sign with it."""
    sender = SENDERS["standard"]
    headers = signed(sender)
    empty = base64.b64encode(mac(b"", f"d1.{NOW}.".encode() + BODY)).decode()
    for broken in ("whsec_", "whsec_not base64!", "whsec_===="):
        forged = {**headers, "webhook-signature": f"v1,{empty}"}
        with pytest.raises(WebhookRefused):
            check(sender, delivery(forged), broken)


def test_another_header_may_hold_the_proof() -> None:
    scheme = SCHEMES["shared_secret"]
    for header, value in (("x-token", SECRET), ("authorization", f"Bearer {SECRET}")):
        scheme.verify(delivery({header: value}), Proof((SECRET,), header, 300, NOW))
    with pytest.raises(WebhookRefused):
        scheme.verify(delivery({"x-token": f"Bearer {SECRET}"}), Proof((SECRET,), "x-token", 1, 1))


def test_the_same_secret_with_other_characters_is_read_as_bytes() -> None:
    scheme, secret = SCHEMES["shared_secret"], "schlüssel-ключ"
    sent = secret.encode().decode("latin-1")  # as a server reads headers
    scheme.verify(delivery({"x-webhook-secret": sent}), Proof((secret,), scheme.header, 300, NOW))


@pytest.mark.parametrize(
    ("scheme", "headers", "body", "expected"),
    [
        ("github", {"X-GitHub-Delivery": "d1"}, None, "d1"),
        ("standard", {"webhook-id": "d1"}, None, "d1"),
        ("stripe", {}, {"id": "evt_1"}, "evt_1"),
        ("slack", {}, {"event_id": "Ev1"}, "Ev1"),
        ("slack", {}, "text", None),
        ("stripe", {}, {"id": 5}, None),
        ("stripe", {}, {"id": "x" * 256}, None),
        ("github", {"X-GitHub-Delivery": ""}, None, None),
        ("hmac_sha256", {"X-GitHub-Delivery": "d1"}, {"id": "evt_1"}, None),
    ],
)
def test_the_id_that_a_sender_gives_a_delivery(
    scheme: str, headers: Headers, body: object, expected: str | None
) -> None:
    assert SCHEMES[scheme].id_of(delivery(headers), body) == expected


@every
@given(value=st.text(st.characters(max_codepoint=255), max_size=80), body=st.binary(max_size=20))
def test_whatever_is_sent_is_refused_and_nothing_else(
    sender: Sender, value: str, body: bytes
) -> None:
    headers = dict.fromkeys(signed(sender), value)
    with pytest.raises(WebhookRefused):
        check(sender, delivery(headers, body))
