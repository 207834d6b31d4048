"""How senders of webhooks show who they are: a table of schemes by name.

A scheme looks at the raw bytes, before anybody parses them. What it compares takes as long whether
it fits or not, and no error tells what would have fitted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.errors import WebhookRefused

DEFAULT_SECONDS = 300
_SHA256_BYTES = 32
_LONGEST_ID = 255
#: More signatures than a sender with a few keys has are not looked at.
_MOST_SIGNATURES = 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came to a webhook's address; nobody knows from whom."""

    #: Names in small letters.
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, Any]
    body: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What a sender has to show."""

    #: Any of them will do: two while one takes the place of the other.
    secrets: tuple[str, ...] = field(repr=False)
    header: str
    #: How far the delivery's time may be from ours.
    seconds: int
    now: float


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to show who sends."""

    #: Raises WebhookRefused.
    verify: Callable[[Delivery, Proof], None]
    #: Where the proof is, unless the workflow says otherwise.
    header: str = ""
    needs_secret: bool = True
    #: The id that the sender gives a delivery, which a repetition has too.
    id_of: Callable[[Delivery, Any], str | None] = lambda _delivery, _body: None
    #: What a delivery that only makes sure of the address wants to be answered.
    greeting: Callable[[Any], Mapping[str, Any] | None] = lambda _body: None


def _none(_delivery: Delivery, _proof: Proof) -> None:
    """Accept whoever knows the address."""


def _shared_secret(delivery: Delivery, proof: Proof) -> None:
    given = _header(delivery, proof.header)
    if proof.header == "authorization":
        given = given.removeprefix("Bearer ")
    _expect(_equals(given, proof.secrets))


def _basic(delivery: Delivery, proof: Proof) -> None:
    scheme, _, encoded = _header(delivery, proof.header).partition(" ")
    content = _decoded_base64(encoded.strip())
    _expect(scheme.lower() == "basic" and content is not None)
    _expect(_any_same(content or b"", (secret.encode() for secret in proof.secrets)))


def _hmac_sha256(delivery: Delivery, proof: Proof) -> None:
    given = _header(delivery, proof.header).removeprefix("sha256=")
    _check_signatures([given], _keys(proof), delivery.body)


def _github(delivery: Delivery, proof: Proof) -> None:
    kind, _, given = _header(delivery, proof.header).partition("=")
    _expect(kind == "sha256")
    _check_signatures([given], _keys(proof), delivery.body)


def _stripe(delivery: Delivery, proof: Proof) -> None:
    parts = [part.strip().partition("=") for part in _header(delivery, proof.header).split(",")]
    moment = next((value for name, _, value in parts if name == "t"), "")
    _check_moment(moment, proof)
    signed = f"{moment}.".encode() + delivery.body
    _check_signatures([value for name, _, value in parts if name == "v1"], _keys(proof), signed)


def _slack(delivery: Delivery, proof: Proof) -> None:
    version, _, given = _header(delivery, proof.header).partition("=")
    _expect(version == "v0")
    moment = _header(delivery, "x-slack-request-timestamp")
    _check_moment(moment, proof)
    _check_signatures([given], _keys(proof), f"v0:{moment}:".encode() + delivery.body)


def _standard(delivery: Delivery, proof: Proof) -> None:
    """Check as https://www.standardwebhooks.com has it."""
    own_id, moment = _header(delivery, "webhook-id"), _header(delivery, "webhook-timestamp")
    _check_moment(moment, proof)
    given = [part.partition(",") for part in _header(delivery, proof.header).split(" ")]
    signatures = [signature for version, _, signature in given if version == "v1"]
    keys = [_decoded_base64(secret.removeprefix("whsec_")) for secret in proof.secrets]
    signed = f"{own_id}.{moment}.".encode("latin-1", "replace") + delivery.body
    _check_signatures(signatures, [key for key in keys if key], signed)


def _challenge(body: Any) -> Mapping[str, Any] | None:
    """Answer Slack's check of the address (https://docs.slack.dev, "url_verification")."""
    if isinstance(body, dict) and body.get("type") == "url_verification":
        return {"challenge": body.get("challenge")}
    return None


def _in_header(name: str) -> Callable[[Delivery, Any], str | None]:
    return lambda delivery, _body: _short(delivery.headers.get(name))


def _in_body(name: str) -> Callable[[Delivery, Any], str | None]:
    return lambda _delivery, body: _short(body.get(name) if isinstance(body, dict) else None)


SCHEMES: Mapping[str, Scheme] = {
    "none": Scheme(_none, needs_secret=False),
    "shared_secret": Scheme(_shared_secret, "x-webhook-secret"),
    "basic": Scheme(_basic, "authorization"),
    "hmac_sha256": Scheme(_hmac_sha256, "x-signature"),
    "github": Scheme(_github, "x-hub-signature-256", id_of=_in_header("x-github-delivery")),
    "stripe": Scheme(_stripe, "stripe-signature", id_of=_in_body("id")),
    "slack": Scheme(_slack, "x-slack-signature", id_of=_in_body("event_id"), greeting=_challenge),
    "standard": Scheme(_standard, "webhook-signature", id_of=_in_header("webhook-id")),
}


def _header(delivery: Delivery, name: str) -> str:
    value = delivery.headers.get(name)
    if not value:
        raise WebhookRefused(f"The header {name} is missing.")
    return value.strip()


def _check_moment(text: str, proof: Proof) -> None:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise WebhookRefused("The delivery does not say when it was sent.")
    if abs(proof.now - int(text)) > proof.seconds:
        raise WebhookRefused(
            f"The delivery was sent more than {proof.seconds} seconds before or after now."
        )


def _check_signatures(given: list[str], keys: Iterable[bytes], signed: bytes) -> None:
    expected = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    found = [_any_same(_digest(one), expected) for one in given[:_MOST_SIGNATURES]]
    _expect(any(found))


def _digest(text: str) -> bytes:
    """Return the bytes of a signature in hexadecimal or Base64; none of another length."""
    try:
        content = bytes.fromhex(text) if len(text) == 2 * _SHA256_BYTES else _decoded_base64(text)
    except ValueError:
        content = None
    return content if content is not None and len(content) == _SHA256_BYTES else b""


def _decoded_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("latin-1"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _keys(proof: Proof) -> list[bytes]:
    return [secret.encode() for secret in proof.secrets]


def _equals(given: str, secrets: Iterable[str]) -> bool:
    """Compare a header, whose bytes are read as Latin-1, with secrets."""
    content = given.encode("latin-1", "replace")
    return _any_same(content, (secret.encode() for secret in secrets))


def _any_same(content: bytes, expected: Iterable[bytes]) -> bool:
    """Compare with all of them: how long it takes does not tell which one fits."""
    found = [hmac.compare_digest(content, one) for one in expected]
    return any(found)


def _expect(fits: bool) -> None:
    if not fits:
        raise WebhookRefused


def _short(value: Any) -> str | None:
    fits = isinstance(value, str) and 0 < len(value) <= _LONGEST_ID
    return value if fits else None
