"""The errors of Heapline, all under one root.

    HeaplineError
    ├── InputError                  what the caller sent cannot be used
    │   ├── BodyInvalid             ├── PathInvalid          ├── RequestTooLarge
    │   ├── FieldInvalid            ├── HeaderInvalid        ├── MethodNotAllowed
    │   └── ManifestInvalid
    ├── AccessError                 the caller may not do this
    │   ├── TokenMissing            ├── TokenInvalid         ├── TokenExpired
    │   ├── ApiKeyInvalid           ├── ScopeMissing         ├── SignInFailed
    │   └── OriginNotAllowed
    ├── NotFound                    nothing of that id belongs to the caller
    ├── ConnectError                an account could not be connected
    │   ├── ConnectExpired          ├── ConnectForeignBrowser  ├── ConnectRefused
    │   ├── ConnectProviderError    ├── ConnectWrongAccount    ├── ConnectKeysRefused
    │   ├── ConnectIssuerMismatch   └── ConnectReturnNotAllowed
    ├── ConnectionStateError        the connection cannot be used now
    │   ├── NotConnected            └── NeedsReauthorisation
    ├── LimitError                  too much, too fast (retryable)
    │   ├── RateLimited             ├── Overloaded           └── SignInThrottled
    ├── UpstreamError               the provider could not be reached
    │   ├── UpstreamUnreachable     ├── UpstreamTimeout      ├── UpstreamBroken
    │   ├── DestinationRefused      ├── RedirectRefused      ├── ResponseTooLarge
    │   └── CredentialRefreshFailed └── GrantRefused
    ├── SetupError                  the installation must be mended
    │   ├── SettingInvalid          ├── MasterKeyMissing     ├── MasterKeyInUse
    │   ├── SealBroken              └── DatabaseUnusable
    └── InternalError               a fault of ours

The docstring of a class is its default message; ``code`` is stable and documented in the README;
``retryable`` says whether the same call may succeed later. HTTP statuses are known to
``connector.web.problems`` alone. An answer of the provider, whatever its status, is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class HeaplineError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str | None = None, **meta: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        #: What a program can act on; JSON values only, never a secret.
        self.meta: Mapping[str, Any] = {key: val for key, val in meta.items() if val is not None}
        super().__init__(self.message)


class InputError(HeaplineError):
    """The request cannot be used as it was sent."""

    code = "input_invalid"


class BodyInvalid(InputError):
    """The body cannot be read."""

    code = "body_invalid"


class FieldInvalid(InputError):
    """A field has a value that cannot be used."""

    code = "field_invalid"


class PathInvalid(InputError):
    """The path cannot be resolved to an address of the connector."""

    code = "path_invalid"


class HeaderInvalid(InputError):
    """A header has a value that cannot be used."""

    code = "header_invalid"


class RequestTooLarge(InputError):
    """The request body is larger than this server accepts."""

    code = "request_too_large"


class MethodNotAllowed(InputError):
    """This address does not take that method."""

    code = "method_not_allowed"


class ManifestInvalid(InputError):
    """The manifest has faults."""

    code = "manifest_invalid"


class AccessError(HeaplineError):
    """You may not do this."""

    code = "access_denied"


class TokenMissing(AccessError):
    """No token was sent. Send the header Authorization: Bearer <token>."""

    code = "token_missing"


class TokenInvalid(AccessError):
    """No active key of this project signed the token. Check project id and signing keys."""

    code = "token_invalid"


class TokenExpired(AccessError):
    """The token has expired. Sign a new one."""

    code = "token_expired"


class ApiKeyInvalid(AccessError):
    """The API key is unknown or has been revoked."""

    code = "api_key_invalid"


class ScopeMissing(AccessError):
    """The API key lacks the scope that this call needs."""

    code = "scope_missing"


class SignInFailed(AccessError):
    """The e-mail address or the password is wrong."""

    code = "sign_in_failed"


class OriginNotAllowed(AccessError):
    """This origin is not among the project's allowed origins."""

    code = "origin_not_allowed"


class NotFound(HeaplineError):
    """There is nothing here by that name or id."""

    code = "not_found"


class ConnectError(HeaplineError):
    """The account could not be connected."""

    code = "connect_failed"


class ConnectExpired(ConnectError):
    """This connect attempt has expired or was used already. Please start again."""

    code = "connect_expired"


class ConnectForeignBrowser(ConnectError):
    """This connect attempt was started in another browser. Please start again in this one."""

    code = "connect_foreign_browser"


class ConnectRefused(ConnectError):
    """Access was not granted, so nothing was connected."""

    code = "connect_refused"


class ConnectProviderError(ConnectError):
    """The provider reported a problem while connecting."""

    code = "connect_provider_error"


class ConnectIssuerMismatch(ConnectError):
    """The answer came from another provider than the one that was asked."""

    code = "connect_issuer_mismatch"


class ConnectWrongAccount(ConnectError):
    """Another account was chosen than the one that this connection belongs to."""

    code = "connect_wrong_account"


class ConnectKeysRefused(ConnectError):
    """The provider did not accept these keys."""

    code = "connect_keys_refused"


class ConnectReturnNotAllowed(ConnectError):
    """The return address is not on one of the project's allowed origins."""

    code = "connect_return_not_allowed"


class ConnectionStateError(HeaplineError):
    """The connection cannot be used now."""

    code = "connection_unusable"


class NotConnected(ConnectionStateError):
    """Integration not enabled for user."""  # the SDK's users key on this very sentence

    code = "not_connected"


class NeedsReauthorisation(ConnectionStateError):
    """The account must be connected again before it can be used."""

    code = "needs_reauthorisation"


class LimitError(HeaplineError):
    """Too many requests."""

    code = "limit_reached"
    retryable = True


class RateLimited(LimitError):
    """The connector's rate limit is used up for now."""

    code = "rate_limited"


class Overloaded(LimitError):
    """The server is busy. Try again shortly."""

    code = "overloaded"


class SignInThrottled(LimitError):
    """Too many attempts to sign in. Wait a minute and try again."""

    code = "sign_in_throttled"


class UpstreamError(HeaplineError):
    """The provider could not be reached."""

    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection to the provider could be made."""

    code = "upstream_unreachable"
    retryable = True


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time."""

    code = "upstream_timeout"
    retryable = True


class UpstreamBroken(UpstreamError):
    """The provider closed the connection before its answer was complete."""

    code = "upstream_broken"
    retryable = True


class DestinationRefused(UpstreamError):
    """The destination is not one that this server may call."""

    code = "destination_refused"


class RedirectRefused(UpstreamError):
    """The provider redirected to a destination that this server may not call."""

    code = "redirect_refused"


class ResponseTooLarge(UpstreamError):
    """The provider's answer is larger than this server passes on."""

    code = "response_too_large"


class CredentialRefreshFailed(UpstreamError):
    """The credential could not be renewed just now."""

    code = "credential_refresh_failed"
    retryable = True


class GrantRefused(UpstreamError):
    """The provider refused to give a token."""

    code = "grant_refused"


class SetupError(HeaplineError):
    """The installation must be mended before this can work."""

    code = "setup_invalid"


class SettingInvalid(SetupError):
    """A setting has a value that cannot be used."""

    code = "setting_invalid"


class MasterKeyMissing(SetupError):
    """A master key that sealed data needs is not in the key ring."""

    code = "master_key_missing"


class MasterKeyInUse(SetupError):
    """The master key still wraps data keys and cannot be retired."""

    code = "master_key_in_use"


class SealBroken(SetupError):
    """A sealed value does not open: it was altered, moved or sealed for another row."""

    code = "seal_broken"


class DatabaseUnusable(SetupError):
    """The database cannot be used."""

    code = "database_unusable"


class InternalError(HeaplineError):
    """Something went wrong on our side. The request id helps to find it in the log."""

    code = "internal_error"
