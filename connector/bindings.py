"""Bind a browser to a project's user by a signed cookie, so that attempts cannot change hands."""

from __future__ import annotations

import hashlib
import hmac

from connector.tokens import new_secret, same


class BrowserBindings:
    """Makes and checks the values of binding cookies."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def new(self, session_key: str) -> str:
        """Return a cookie value that binds a browser to one project's user."""
        nonce = new_secret()
        return f"{nonce}.{self._signature(nonce, session_key)}"

    def holds(self, binding: str, session_key: str) -> bool:
        """Say whether a cookie value was made here for that project's user."""
        nonce, _, signature = binding.partition(".")
        return bool(nonce) and same(signature, self._signature(nonce, session_key))

    def _signature(self, nonce: str, session_key: str) -> str:
        text = f"{nonce}\0{session_key}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
