"""Reading an authorization request as Heap's authorize endpoint would; no HTTP, no storage."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from connector.sandbox.partner_apps import PartnerApp

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class AuthorizationRequest:
    """A request that may be put before the person."""

    app: PartnerApp
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    #: PKCE S256 code challenge (RFC 7636), if one was sent.
    challenge: str | None

    def granted(self, code: str) -> str:
        """Return the address that carries the code back."""
        return _redirect(self.redirect_uri, {"code": code, "state": self.state})

    def refused(self) -> str:
        """Return the address that carries the person's refusal back."""
        return RefusedRequestError(
            self.redirect_uri, self.state, "access_denied", "The person did not allow access."
        ).location


class UnanswerableRequestError(Exception):
    """The app or its redirect address is wrong, so nothing may be sent there."""

    def __init__(self, title: str, explanation: str) -> None:
        """Keep what the person is told."""
        super().__init__(title)
        self.title = title
        self.explanation = explanation


class RefusedRequestError(Exception):
    """The app made a mistake that its redirect address is told about."""

    def __init__(self, redirect_uri: str, state: str | None, error: str, description: str) -> None:
        """Keep the answer's parts."""
        super().__init__(description)
        answer = {"error": error, "error_description": description}
        self.location = _redirect(redirect_uri, {**answer, **({"state": state} if state else {})})


def read_authorization_request(
    parameters: Mapping[str, list[str]], find_app: Callable[[str], PartnerApp | None]
) -> AuthorizationRequest:
    """Check the query of an authorization request.

    Raises UnanswerableRequestError when the app or the redirect address is at fault and
    RefusedRequestError when anything else is.
    """
    app = _app(parameters, find_app)
    redirect_uri = _redirect_uri(parameters, app)
    state = _only(parameters, "state")

    def refuse(error: str, description: str) -> RefusedRequestError:
        return RefusedRequestError(redirect_uri, state, error, description)

    repeated = [name for name, values in parameters.items() if len(values) > 1]
    if repeated:
        raise refuse("invalid_request", f"{repeated[0]} was sent more than once")
    if not state:
        raise refuse("invalid_request", "state is missing")
    if not _only(parameters, "response_type"):
        raise refuse("invalid_request", "response_type is missing")
    if _only(parameters, "response_type") != "code":
        raise refuse("unsupported_response_type", "response_type should be code")
    scopes = _scopes(parameters)
    unknown = [scope for scope in scopes if scope not in app.scopes]
    if unknown or not scopes:
        raise refuse("invalid_scope", _scope_fault(unknown))
    challenge = _only(parameters, "code_challenge")
    if challenge and not _is_s256(challenge, _only(parameters, "code_challenge_method")):
        raise refuse("invalid_request", "code_challenge should be of the method S256")
    return AuthorizationRequest(app, redirect_uri, state, scopes, challenge)


def _only(parameters: Mapping[str, list[str]], name: str) -> str | None:
    values = parameters.get(name)
    return values[0] or None if values else None


def _app(
    parameters: Mapping[str, list[str]], find_app: Callable[[str], PartnerApp | None]
) -> PartnerApp:
    values = parameters.get("client_id") or []
    app = find_app(values[0]) if len(values) == 1 else None
    if app is None:
        raise UnanswerableRequestError(
            "Unknown app",
            "The link that brought you here names no app that Heap knows. "
            "Its client_id is missing or wrong.",
        )
    return app


def _redirect_uri(parameters: Mapping[str, list[str]], app: PartnerApp) -> str:
    values = parameters.get("redirect_uri") or []
    if len(values) != 1 or not values[0]:
        raise UnanswerableRequestError(
            "No address to return to", f"{app.name} sent no single redirect_uri."
        )
    if "?" in values[0] or "#" in values[0]:
        raise UnanswerableRequestError(
            "Address to return to is not allowed",
            f"The redirect_uri of {app.name} has a query string or a fragment: {values[0]}",
        )
    if not app.may_redirect_to(values[0]):
        raise UnanswerableRequestError(
            "Address to return to is not registered",
            f"{app.name} asked to return to {values[0]}, which it has not registered.",
        )
    return values[0]


def _scopes(parameters: Mapping[str, list[str]]) -> tuple[str, ...]:
    # Heap separates scopes by commas, not by the spaces of RFC 6749.
    return tuple(dict.fromkeys((_only(parameters, "scope") or "").split(",")))


def _scope_fault(unknown: list[str]) -> str:
    if not any(unknown):
        return "scope is missing"
    # RFC 6749 allows printable ASCII without quotes and backslashes in a description.
    shown = re.sub(r"[^ !#-\[\]-~]", "?", ",".join(unknown))[:200]
    return f"unknown scope: {shown}"


def _is_s256(challenge: str, method: str | None) -> bool:
    return method == "S256" and _CHALLENGE.fullmatch(challenge) is not None


def _redirect(uri: str, answer: Mapping[str, str]) -> str:
    return f"{uri}?{urlencode(answer)}"


def origin_of(uri: str) -> str:
    """Return scheme, host and port of an address, to show where an answer goes."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
