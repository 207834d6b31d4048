"""What steps need of the world outside: the engine asks, the product answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workflow.models import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that a step makes."""

    #: ``request``, ``action`` or ``http``.
    kind: str
    project_id: str
    user: str
    #: The run's own connection.
    connection_id: str
    connector: str | None
    #: The step's fields, expressions resolved.
    fields: Mapping[str, Any] = field(repr=False)
    idempotency_key: str
    #: For the whole attempt.
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    #: JSON data, or a text.
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed, in a form that policies, people and later steps can read."""

    #: ``timeout``, ``network``, ``rate_limit``, ``server_error``, ``client_error`` …: see retry.
    kind: str
    #: Stable, for programs.
    code: str
    message: str
    status: int | None = None
    #: Seconds that the other side asked to wait.
    retry_after: float | None = None
    #: What the other side answered, if it did.
    body: Any = None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return it as JSON, as later steps see it."""
        values = {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "status": self.status,
            "retry_after": self.retry_after,
            "body": self.body,
            "detail": dict(self.detail) or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_told(cls, told: Mapping[str, Any]) -> Failure:
        """Read what :meth:`told` gave."""
        return cls(**{"detail": {}, **told})


class StepFailed(Exception):
    """An attempt failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure
        #: Path of the step that the run failed at; known once it did.
        self.path: str | None = None


class Deferred(Exception):
    """Nothing was sent yet: a limit has no room, or the connection needs its user."""

    def __init__(self, reason: str, seconds: float | None, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        #: Nothing: until somebody wakes the run.
        self.seconds = seconds
        self.message = message


@dataclass(frozen=True, slots=True)
class Person:
    """For whom a run is: a user with the connection that it uses."""

    #: Blank: there is none.
    connection_id: str
    #: What expressions find as ``user`` and ``connection``.
    user: Mapping[str, Any] | None
    connection: Mapping[str, Any] | None


class Outside(Protocol):
    """The product around the engine."""

    def person(
        self, project_id: str, user: str, connector: str | None, connection: str = ""
    ) -> Person:
        """Return a user with a connection on a connector: the given one, else one that works."""

    def run_failed(
        self,
        run: Run,
        workflow: str,
        *,
        reason: str,
        detail: Mapping[str, Any],
        policy: Mapping[str, Any],
    ) -> None:
        """Tell people of a run that failed, as the workflow's ``on_failure`` says."""

    def send(self, call: Call) -> Reply:
        """Make a request.

        Raises
        ------
        StepFailed
            If it was not answered, or with an error.
        Deferred
            If it was not sent, and will be sent later.

        """

    def secrets(self, project_id: str) -> Mapping[str, str]:
        """Return a project's secrets by name, and have their values masked from now on."""

    def without_secrets(self, value: Any) -> Any:
        """Return JSON data with the values of secrets masked, wherever they stand."""

    def presentable(self, value: Any) -> Any:
        """Return JSON data as people may see it: what is named or shaped like a secret masked."""
