"""Unguessable addresses of webhooks: a key says of itself whose it is and that we made it.

Nothing is stored. Whoever knows the system's secret can tell the address of a workflow again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from connector.tokens import same

_SIGNATURE_BYTES = 24


@dataclass(frozen=True, slots=True)
class Addressee:
    """What a key stands for."""

    workflow_id: str
    #: Blank: the address is not one user's.
    user: str


class WebhookKeys:
    """Makes and reads the keys in webhooks' addresses."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of(self, workflow_id: str, user: str = "") -> str:
        """Return the key of a workflow, or of one user's deliveries to it."""
        named = _text(bytes.fromhex(workflow_id) + user.encode())
        return f"{named}.{self._signature(named)}"

    def read(self, key: str) -> Addressee | None:
        """Return what a key stands for; nothing if it was not made here."""
        named, _, signature = key.partition(".")
        if not key.isascii() or not same(signature, self._signature(named)):
            return None
        try:
            content = base64.urlsafe_b64decode(named + "=" * (-len(named) % 4))
            return Addressee(content[:16].hex(), content[16:].decode())
        except (binascii.Error, UnicodeDecodeError):  # pragma: no cover - never signed by us
            return None

    def _signature(self, named: str) -> str:
        digest = hmac.digest(self._secret, named.encode("utf-8", "replace"), hashlib.sha256)
        return _text(digest[:_SIGNATURE_BYTES])


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
