"""Workflows and their runs, as the API tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, TypeVar

from connector.client.answers import HeaplineClientError, unexpected

_ENDED = {"succeeded", "failed", "cancelled"}


class RunNotEnded(HeaplineClientError):
    """A run had not ended when the time was over; ``run`` is how it stood. It goes on."""

    def __init__(self, run: WholeRun) -> None:
        super().__init__(f"The run {run.id} has not ended; it is {run.state}.")
        self.run = run


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A workflow, whatever its versions."""

    id: str
    name: str
    #: Hash of the version that was pushed last.
    draft: str | None
    #: Hash of the version in service.
    deployed: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a version of a workflow."""

    id: str
    #: The workflow's name.
    workflow: str
    #: Hash of the version.
    version: str
    #: Nothing: it runs for the project.
    user: str | None
    connection_id: str | None
    trigger_type: str
    #: ``queued``, ``running``, ``waiting``, ``succeeded``, ``failed`` or ``cancelled``.
    state: str
    #: Why it waits, or ended as it did.
    reason: str | None
    #: More on the reason, such as the step and its error.
    detail: Any
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Say whether it has come to its end, well or not."""
        return self.state in _ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRun(Run):
    """A run with what it was given and gave, secrets masked."""

    trigger: Any = field(repr=False)
    context: Mapping[str, Any] = field(repr=False)
    #: What its response step answered: ``status``, ``headers``, ``body``.
    response: Any = field(repr=False)
    output: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a step of a run, secrets masked."""

    #: Ids of steps from the outside in, such as ``each[3].send``.
    step: str
    number: int
    type: str
    #: ``interrupted`` means that its worker was lost: maybe executed.
    state: str
    input: Any = field(repr=False)
    output: Any = field(repr=False)
    error: Mapping[str, Any] | None
    #: The HTTP status of a request, if it was answered.
    status: int | None
    started_at: datetime
    finished_at: datetime | None


Kind = TypeVar("Kind", Workflow, Run, WholeRun, Attempt)


def read(kind: type[Kind], item: Mapping[str, Any]) -> Kind:
    """Return one of them from the API's JSON, whatever else that may hold.

    Raises
    ------
    HeaplineApiError
        If it is none.

    """
    try:
        values = {one.name: item[one.name] for one in fields(kind)}
        for name, value in values.items():
            if name.endswith("_at") and value is not None:
                values[name] = datetime.fromisoformat(value)
    except (KeyError, TypeError, ValueError) as error:
        raise unexpected(200) from error
    return kind(**values)
