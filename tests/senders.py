"""Senders of webhooks, each of which signs as its scheme has it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

SECRET = "a-secret-that-only-both-know"
STANDARD_SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes of key").decode()

Headers = dict[str, str]


def mac(secret: bytes | str, signed: bytes | str) -> bytes:
    key, content = (one.encode() if isinstance(one, str) else one for one in (secret, signed))
    return hmac.digest(key, content, hashlib.sha256)


def shared_secret(secret: str, _body: bytes, _now: int, _id: str) -> Headers:
    return {"X-Webhook-Secret": secret}


def basic(secret: str, _body: bytes, _now: int, _id: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def hmac_hex(secret: str, body: bytes, _now: int, _id: str) -> Headers:
    return {"X-Signature": mac(secret, body).hex()}


def hmac_base64(secret: str, body: bytes, _now: int, _id: str) -> Headers:
    return {"X-Signature": "sha256=" + base64.b64encode(mac(secret, body)).decode()}


def github(secret: str, body: bytes, _now: int, own_id: str) -> Headers:
    return {
        "X-Hub-Signature-256": "sha256=" + mac(secret, body).hex(),
        "X-GitHub-Delivery": own_id,
    }


def stripe(secret: str, body: bytes, now: int, _id: str) -> Headers:
    signature = mac(secret, f"{now}.".encode() + body).hex()
    return {"Stripe-Signature": f"t={now},v0=x,v1={'0' * 64},v1={signature}"}


def slack(secret: str, body: bytes, now: int, _id: str) -> Headers:
    signature = mac(secret, f"v0:{now}:".encode() + body).hex()
    return {"X-Slack-Signature": f"v0={signature}", "X-Slack-Request-Timestamp": str(now)}


def standard(secret: str, body: bytes, now: int, own_id: str) -> Headers:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(mac(key, f"{own_id}.{now}.".encode() + body)).decode()
    return {
        "webhook-id": own_id,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1a,AAAA v1,{signature}",
    }


@dataclass(frozen=True)
class Sender:
    """One that signs by a scheme."""

    scheme: str
    sign: Callable[[str, bytes, int, str], Headers]
    secret: str = SECRET
    #: Says in what it signs when it was sent.
    timed: bool = False
    #: What it proves depends on the body.
    signs_body: bool = True
    #: The header with the proof.
    header: str = field(default="")


SENDERS = {
    "shared_secret": Sender(
        "shared_secret", shared_secret, signs_body=False, header="X-Webhook-Secret"
    ),
    "basic": Sender("basic", basic, signs_body=False, header="Authorization"),
    "hmac_hex": Sender("hmac_sha256", hmac_hex, header="X-Signature"),
    "hmac_base64": Sender("hmac_sha256", hmac_base64, header="X-Signature"),
    "github": Sender("github", github, header="X-Hub-Signature-256"),
    "stripe": Sender("stripe", stripe, timed=True, header="Stripe-Signature"),
    "slack": Sender("slack", slack, timed=True, header="X-Slack-Signature"),
    "standard": Sender(
        "standard", standard, STANDARD_SECRET, timed=True, header="webhook-signature"
    ),
}
