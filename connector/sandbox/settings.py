"""What can be changed about a running sandbox, and the checks on each change."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

RefreshTokens = Literal["none", "static", "rotating"]
RetryAfterForm = Literal["seconds", "http-date", "none"]
Consent = Literal["ask", "allow", "deny"]


class InvalidSettingError(ValueError):
    """A setting is unknown or has a value that it cannot take."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How the sandbox behaves where Heap's documentation leaves room, or where a test needs it."""

    #: Lifetime of partner access tokens; None means that they do not expire and no
    #: `expires_in` is sent, which is what Heap's own examples show.
    access_token_seconds: float | None = None
    refresh_tokens: RefreshTokens = "none"
    #: How long the token endpoint waits before it decides.
    token_latency_seconds: float = 0.0
    #: How long an authorization code is good for.
    code_seconds: float = 600.0
    #: Lifetime of the tokens that `auth_token` gives out.
    api_token_seconds: float = 300.0
    #: How long a user deletion stays pending.
    deletion_seconds: float = 1.0
    #: Multiplies every rate limit; "off" means no limits.
    limits_scale: float | Literal["off"] = 1.0
    retry_after: RetryAfterForm = "seconds"
    #: Whether the consent page asks, or answers at once for `consent_app_id`.
    consent: Consent = "ask"
    consent_app_id: str = "2544353"

    def changed(self, changes: Mapping[str, object]) -> "Settings":
        """Return these settings with the given ones replaced.

        Raises InvalidSettingError, naming the setting and what it takes.
        """
        checked: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in _CHECKS:
                raise InvalidSettingError(
                    f"{name}: no such setting; there are {', '.join(_CHECKS)}"
                )
            checked[name] = _CHECKS[name](name, value)
        return dataclasses.replace(self, **checked)

    def as_json(self) -> dict[str, object]:
        """Return the settings by name."""
        return dataclasses.asdict(self)


_Check = Callable[[str, object], object]


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e9:
        raise InvalidSettingError(f"{name}: expected a number of seconds, 0 or more")
    return float(value)


def _seconds_or_null(name: str, value: object) -> float | None:
    return None if value is None else _seconds(name, value)


def _scale(name: str, value: object) -> float | str:
    if value == "off":
        return "off"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e9:
        raise InvalidSettingError(f'{name}: expected a number above 0, or "off"')
    return float(value)


def _one_of(*choices: str) -> _Check:
    def check(name: str, value: object) -> str:
        if value not in choices:
            raise InvalidSettingError(f"{name}: expected one of {', '.join(choices)}")
        return str(value)

    return check


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidSettingError(f"{name}: expected text")
    return value


_CHECKS: dict[str, _Check] = {
    "access_token_seconds": _seconds_or_null,
    "refresh_tokens": _one_of("none", "static", "rotating"),
    "token_latency_seconds": _seconds,
    "code_seconds": _seconds,
    "api_token_seconds": _seconds,
    "deletion_seconds": _seconds,
    "limits_scale": _scale,
    "retry_after": _one_of("seconds", "http-date", "none"),
    "consent": _one_of("ask", "allow", "deny"),
    "consent_app_id": _text,
}
