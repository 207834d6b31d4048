"""What is sealed behind a connection, and how it is put on a request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.manifest import AuthMode, AuthorizationCode, ClientCredentials, StaticKey
from connector.redaction import remember

_NAMED = re.compile(r"\{([a-z0-9_]+)\}")


@dataclass(frozen=True, slots=True)
class Secret:
    """What is sealed behind a connection."""

    access_token: str | None = field(repr=False, default=None)
    refresh_token: str | None = field(repr=False, default=None)
    #: Values that the person filled in, by field id.
    fields: Mapping[str, str] = field(repr=False, default_factory=dict)
    issued_at: float = 0.0

    def to_json(self) -> str:
        """Write it for sealing."""
        return json.dumps(
            {
                "access_token": self.access_token,
                "refresh_token": self.refresh_token,
                "fields": dict(self.fields),
                "issued_at": self.issued_at,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Secret:
        """Read what was opened, and have its tokens masked in every log from now on."""
        secret = cls(**json.loads(text))
        remember(secret.access_token, secret.refresh_token)
        return secret


@dataclass(frozen=True, slots=True)
class UsableCredential:
    """A credential ready to be put on a request; version 0 is the empty one."""

    version: int
    #: Where it goes: (``header`` or ``query``, name, value), or nothing to add.
    injection: tuple[str, str, str] | None = field(repr=False)


NOTHING = UsableCredential(0, None)


def ready(mode: AuthMode, version: int, secret: Secret) -> UsableCredential:
    """Return a secret in the form that the manifest wants it sent in."""
    return UsableCredential(version, _injection(mode, secret))


def _injection(mode: AuthMode, secret: Secret) -> tuple[str, str, str] | None:
    match mode:
        case AuthorizationCode() | ClientCredentials():
            value = mode.inject.format.replace("{access_token}", secret.access_token or "")
        case StaticKey():
            # In one pass: what a person filled in is never itself a template.
            value = _NAMED.sub(lambda one: secret.fields.get(one[1], ""), mode.inject.format)
        case _:
            return None
    return mode.inject.place, mode.inject.name, value
