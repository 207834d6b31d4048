"""The errors of Heapline, all under one root.

    HeaplineError
    ├── InputError                  what the caller sent cannot be used
    │   ├── BodyInvalid             ├── PathInvalid          ├── RequestTooLarge
    │   ├── FieldInvalid            ├── HeaderInvalid        ├── MethodNotAllowed
    │   ├── RequestUnreadable       ├── UrlTooLong           ├── HeadersTooLarge
    │   └── ManifestInvalid
    ├── AccessError                 the caller may not do this
    │   ├── TokenMissing            ├── TokenInvalid         ├── TokenExpired
    │   ├── ApiKeyInvalid           ├── ScopeMissing         ├── SignInFailed
    │   ├── OriginNotAllowed        └── WebhookRefused
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
    │   ├── CredentialRefreshFailed ├── GrantRefused         └── NoticeNotTaken
    ├── SetupError                  the installation must be mended
    │   ├── SettingInvalid          ├── MasterKeyMissing     ├── MasterKeyInUse
    │   ├── SealBroken              └── DatabaseUnusable
    └── InternalError               a fault of ours

The docstring of a class is its default message; its code is stable and documented in the README;
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

    def __init_subclass__(cls, *, code: str, retryable: bool = False) -> None:
        cls.code = code
        # What may succeed later may do so whatever the particular reason.
        cls.retryable = retryable or cls.retryable

    def __init__(self, message: str | None = None, **meta: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        #: What a program can act on; JSON values only, never a secret.
        self.meta: Mapping[str, Any] = {key: val for key, val in meta.items() if val is not None}
        super().__init__(self.message)


class InputError(HeaplineError, code="input_invalid"):
    """The request cannot be used as it was sent."""


class BodyInvalid(InputError, code="body_invalid"):
    """The body cannot be read."""


class FieldInvalid(InputError, code="field_invalid"):
    """A field has a value that cannot be used."""


class PathInvalid(InputError, code="path_invalid"):
    """The path cannot be resolved to an address of the connector."""


class HeaderInvalid(InputError, code="header_invalid"):
    """A header has a value that cannot be used."""


class RequestUnreadable(InputError, code="request_unreadable"):
    """The request is not well-formed HTTP/1.1."""


class RequestTooLarge(InputError, code="request_too_large"):
    """The request body is larger than this server accepts."""


class UrlTooLong(InputError, code="url_too_long"):
    """The request line is longer than the 8,190 bytes that this server accepts."""


class HeadersTooLarge(InputError, code="headers_too_large"):
    """The request has more than 100 headers, or one of over 16,380 bytes."""


class MethodNotAllowed(InputError, code="method_not_allowed"):
    """This address does not take that method."""


class ManifestInvalid(InputError, code="manifest_invalid"):
    """The manifest has faults."""


class AccessError(HeaplineError, code="access_denied"):
    """You may not do this."""


class TokenMissing(AccessError, code="token_missing"):
    """No token was sent. Send the header Authorization: Bearer <token>."""


class TokenInvalid(AccessError, code="token_invalid"):
    """No active key of this project signed the token. Check project id and signing keys."""


class TokenExpired(AccessError, code="token_expired"):
    """The token has expired. Sign a new one."""


class ApiKeyInvalid(AccessError, code="api_key_invalid"):
    """The API key is unknown or has been revoked."""


class ScopeMissing(AccessError, code="scope_missing"):
    """The API key lacks the scope that this call needs."""


class SignInFailed(AccessError, code="sign_in_failed"):
    """The e-mail address or the password is wrong."""


class OriginNotAllowed(AccessError, code="origin_not_allowed"):
    """This origin is not among the project's allowed origins."""


class WebhookRefused(AccessError, code="webhook_refused"):
    """The delivery does not show that it comes from who may send it."""


class NotFound(HeaplineError, code="not_found"):
    """There is nothing here by that name or id."""


class ConnectError(HeaplineError, code="connect_failed"):
    """The account could not be connected."""


class ConnectExpired(ConnectError, code="connect_expired"):
    """This connect attempt has expired or was used already. Please start again."""


class ConnectForeignBrowser(ConnectError, code="connect_foreign_browser"):
    """This connect attempt was started in another browser. Please start again in this one."""


class ConnectRefused(ConnectError, code="connect_refused"):
    """Access was not granted, so nothing was connected."""


class ConnectProviderError(ConnectError, code="connect_provider_error"):
    """The provider reported a problem while connecting."""


class ConnectIssuerMismatch(ConnectError, code="connect_issuer_mismatch"):
    """The answer came from another provider than the one that was asked."""


class ConnectWrongAccount(ConnectError, code="connect_wrong_account"):
    """Another account was chosen than the one that this connection belongs to."""


class ConnectKeysRefused(ConnectError, code="connect_keys_refused"):
    """The provider did not accept these keys."""


class ConnectReturnNotAllowed(ConnectError, code="connect_return_not_allowed"):
    """The return address is not on one of the project's allowed origins."""


class ConnectionStateError(HeaplineError, code="connection_unusable"):
    """The connection cannot be used now."""


class NotConnected(ConnectionStateError, code="not_connected"):
    """Integration not enabled for user."""  # the SDK's users key on this very sentence


class NeedsReauthorisation(ConnectionStateError, code="needs_reauthorisation"):
    """The account must be connected again before it can be used."""


class LimitError(HeaplineError, code="limit_reached", retryable=True):
    """Too many requests."""


class RateLimited(LimitError, code="rate_limited"):
    """The connector's rate limit is used up for now."""


class Overloaded(LimitError, code="overloaded"):
    """The server is busy. Try again shortly."""


class SignInThrottled(LimitError, code="sign_in_throttled"):
    """Too many attempts to sign in. Wait a minute and try again."""


class UpstreamError(HeaplineError, code="upstream_error"):
    """The provider could not be reached."""


class UpstreamUnreachable(UpstreamError, code="upstream_unreachable", retryable=True):
    """No connection to the provider could be made."""


class UpstreamTimeout(UpstreamError, code="upstream_timeout", retryable=True):
    """The provider did not answer in time."""


class UpstreamBroken(UpstreamError, code="upstream_broken", retryable=True):
    """The provider closed the connection before its answer was complete."""


class DestinationRefused(UpstreamError, code="destination_refused"):
    """The destination is not one that this server may call."""


class RedirectRefused(UpstreamError, code="redirect_refused"):
    """The provider redirected to a destination that this server may not call."""


class ResponseTooLarge(UpstreamError, code="response_too_large"):
    """The provider's answer is larger than this server passes on."""


class CredentialRefreshFailed(UpstreamError, code="credential_refresh_failed", retryable=True):
    """The credential could not be renewed just now."""


class GrantRefused(UpstreamError, code="grant_refused"):
    """The provider refused to give a token."""


class NoticeNotTaken(UpstreamError, code="notice_not_taken", retryable=True):
    """The webhook or the mail server did not take a notice."""


class SetupError(HeaplineError, code="setup_invalid"):
    """The installation must be mended before this can work."""


class SettingInvalid(SetupError, code="setting_invalid"):
    """A setting has a value that cannot be used."""


class MasterKeyMissing(SetupError, code="master_key_missing"):
    """A master key that sealed data needs is not in the key ring."""


class MasterKeyInUse(SetupError, code="master_key_in_use"):
    """The master key still wraps data keys and cannot be retired."""


class SealBroken(SetupError, code="seal_broken"):
    """A sealed value does not open: it was altered, moved or sealed for another row."""


class DatabaseUnusable(SetupError, code="database_unusable"):
    """The database cannot be used."""


class InternalError(HeaplineError, code="internal_error"):
    """Something went wrong on our side. The request id helps to find it in the log."""
