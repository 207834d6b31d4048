"""A connector, described as data: what a manifest file declares once it has been checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import urlsplit

_BEGINNING = re.compile(r"[^/?#]*//[^/?#]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where the provider's API lives for one group of customers."""

    title: str
    #: Base address by name; ``default`` is always there.
    base_urls: Mapping[str, str]
    allowed_hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A permission that can be asked for."""

    name: str
    title: str
    description: str
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRules:
    """The permissions of a connector and how a list of them is written."""

    separator: str
    available: tuple[Scope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something a person fills in to connect an account by keys."""

    id: str
    title: str
    help: str
    pattern: str
    example: str
    secret: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """How a credential is put on a request; ``format`` names what it takes in braces."""

    place: str
    name: str
    format: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLookup:
    """A request that tells more of the account, and where its answer holds what."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAccount:
    """Where the account key stands in a token answer."""

    key: str
    lookup: AccountLookup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAccount:
    """Which filled-in field is the account key, and which are kept in the open."""

    key_field: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    """OAuth 2.0 authorization code (RFC 6749, section 4.1): a person consents in a browser."""

    type: ClassVar[str] = "oauth2_authorization_code"
    name: str
    title: str
    description: str
    authorize_url: str
    token_url: str
    pkce: bool
    client_authentication: str
    token_body: str
    issuer: str | None
    account: TokenAccount
    inject: Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """OAuth 2.0 client credentials (RFC 6749, section 4.4) with keys that the person fills in."""

    type: ClassVar[str] = "oauth2_client_credentials"
    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    token_url: str
    client_id_field: str
    client_secret_field: str
    client_authentication: str
    token_body: str
    #: How long a token lives when the answer does not say.
    token_seconds: int
    account: FieldAccount
    inject: Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticKey:
    """Keys that are sent as they are with every request."""

    type: ClassVar[str] = "static_key"
    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    account: FieldAccount
    inject: Injection


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOnly:
    """No secret at all: the account's id is enough for what can be called."""

    type: ClassVar[str] = "account_only"
    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    account: FieldAccount


KeyMode = ClientCredentials | StaticKey | AccountOnly
AuthMode = AuthorizationCode | KeyMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A named request; paths that match no action are passed on all the same."""

    name: str
    title: str
    description: str
    docs_url: str
    method: str
    path: str
    base: str
    #: Whether the connection's credential is put on the request.
    authenticated: bool
    #: The action is meant only when the body holds this JSON pointer; blank means always.
    when_present: str = ""
    #: JSON pointer in the body -> field of the account put there when absent.
    account_fields: Mapping[str, str] = field(default_factory=dict)
    #: JSON pointer of the field that makes a repeat harmless.
    idempotency_key: str | None = None
    #: A repeat is harmless by itself, so it may be retried.
    repeatable: bool = False
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``amount`` in any ``per_seconds`` for each value of the key.

    ``key`` holds ``connection`` or JSON pointers into the body; where a pointer finds nothing the
    limit does not apply. ``cost`` points to an array whose length is counted; blank counts one.
    """

    name: str
    description: str
    actions: tuple[str, ...]
    key: tuple[str, ...]
    cost: str
    amount: int
    per_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """Which answers are tried again, how often, and after how long."""

    statuses: tuple[int, ...]
    attempts: int
    base_seconds: float
    longest_wait_seconds: float
    retry_after_header: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """How incoming webhooks are signed and where they name the account."""

    scheme: str
    header: str
    algorithm: str
    encoding: str
    timestamp_unit: str
    past_tolerance_seconds: int
    future_tolerance_seconds: int
    account_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentKeys:
    """App credentials for the sandbox, used when a project has none of its own."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A connector."""

    name: str
    title: str
    description: str
    docs_url: str
    brand_color: str
    regions: Mapping[str, Region]
    default_region: str
    scopes: ScopeRules
    auth_modes: Mapping[str, AuthMode]
    actions: Mapping[str, Action]
    limits: tuple[Limit, ...]
    retry: RetryRules
    webhook: WebhookRules | None
    development: DevelopmentKeys | None

    def region(self, name: str) -> Region:
        """Return a region, the default one for a name that is no longer declared."""
        return self.regions.get(name) or self.regions[self.default_region]

    def authorization_mode(self) -> AuthorizationCode | None:
        """Return the first mode that a person consents to in a browser, if there is one."""
        modes = self.auth_modes.values()
        return next((mode for mode in modes if isinstance(mode, AuthorizationCode)), None)

    def actions_for(self, method: str, path: str) -> list[Action]:
        """Return the actions of a method and path, the more particular ones first."""
        found = [
            action
            for action in self.actions.values()
            if action.method == method and path_matches(action.path, path)
        ]
        return sorted(found, key=lambda action: not action.when_present)

    def default_scopes(self) -> tuple[str, ...]:
        """Return the names of the scopes that are asked for unless chosen otherwise."""
        return tuple(scope.name for scope in self.scopes.available if scope.default)

    def origins(self) -> frozenset[str]:
        """Return every origin that the connector calls, in any region and auth mode."""
        urls = [url for region in self.regions.values() for url in region.base_urls.values()]
        for region in self.regions.values():
            urls.extend(f"https://{host}" for host in region.allowed_hosts)
        for mode in self.auth_modes.values():
            urls.extend(mode_urls(mode))
        return frozenset(origin_of(url) for url in urls)


def path_matches(template: str, path: str) -> bool:
    """Say whether a path is one that a template such as ``/users/{id}`` describes."""
    if "{" not in template:
        return template == path
    wanted, given = template.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        want == got or (want.startswith("{") and got != "")
        for want, got in zip(wanted, given, strict=True)
    )


def mode_urls(mode: AuthMode) -> list[str]:
    """Return the addresses that an auth mode calls."""
    match mode:
        case AuthorizationCode():
            lookup = mode.account.lookup
            return [mode.authorize_url, mode.token_url, *([lookup.url] if lookup else [])]
        case ClientCredentials():
            return [mode.token_url]
        case _:
            return []


def secret_fields(mode: AuthMode) -> frozenset[str]:
    """Return the ids of the fields of an auth mode that hold secrets."""
    return frozenset(one.id for one in getattr(mode, "fields", ()) if one.secret)


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, lower case, default port left out."""
    found = _BEGINNING.match(url)
    return _origin(found.group() if found else url)


@lru_cache(1024)
def _origin(url: str) -> str:
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme.lower()}://{host}{port}"
