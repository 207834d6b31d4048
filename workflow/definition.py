"""A workflow's definition as the engine works with it: checked, immutable, with its hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.documents import canonical, content_hash
from workflow.retry import RetryPolicy

#: Steps that act on something outside; what they gave is recorded and never computed again.
RECORDED = frozenset({"request", "action", "http", "function", "workflow", "delay"})
#: Fields that every step may have; all others are its type's own.
_COMMON = frozenset({"id", "type", "title", "on_error", "on_interrupt", "retry", "timeout"})
_NESTED = frozenset({"steps", "branches", "else"})


@dataclass(frozen=True, slots=True)
class Branch:
    """Steps that are done if a condition holds."""

    condition: Any
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of a workflow."""

    id: str
    type: str
    #: JSON pointer within the definition.
    pointer: str
    #: The type's own fields, expressions unresolved; steps within it left out.
    fields: Mapping[str, Any]
    retry: RetryPolicy
    timeout: float | None
    #: ``fail``, ``continue`` or ``branch``.
    on_error: str
    #: Done instead, when ``on_error`` is ``branch``.
    error_steps: tuple[Step, ...]
    #: ``repeat`` or ``fail``.
    on_interrupt: str
    branches: tuple[Branch, ...] = ()
    else_steps: tuple[Step, ...] = ()
    #: Done for every item.
    body: tuple[Step, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """Say whether what it gave is kept, so that it is not done twice."""
        return self.type in RECORDED

    def blocks(self) -> Iterator[tuple[Step, ...]]:
        """Yield the lists of steps within it."""
        yield from (branch.steps for branch in self.branches)
        yield from (self.else_steps, self.body, self.error_steps)


@dataclass(frozen=True, slots=True)
class Definition:
    """A checked definition; equal content has the same hash, however it was written."""

    name: str
    title: str
    connector: str | None
    trigger: Mapping[str, Any]
    settings: tuple[Mapping[str, Any], ...]
    limits: Mapping[str, Any]
    on_failure: Mapping[str, Any]
    steps: tuple[Step, ...]
    hash: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    uses_secrets: bool = field(repr=False, compare=False, default=True)

    def walk(self) -> Iterator[Step]:
        """Yield every step, those within others after them."""
        waiting = list(self.steps)
        while waiting:
            step = waiting.pop(0)
            yield step
            waiting = [inner for block in step.blocks() for inner in block] + waiting

    def step(self, step_id: str) -> Step | None:
        """Return a step by id."""
        return next((step for step in self.walk() if step.id == step_id), None)

    def setting_defaults(self) -> dict[str, Any]:
        """Return the settings that have a value unless the user says otherwise."""
        return {one["id"]: one["default"] for one in self.settings if "default" in one}


def build(document: Mapping[str, Any]) -> Definition:
    """Build from a document that was found without faults; see ``workflow.checks``."""
    return Definition(
        name=document["name"],
        title=document.get("title") or document["name"],
        connector=document.get("connector"),
        trigger=document["trigger"],
        settings=tuple(document.get("settings", ())),
        limits=document.get("limits", {}),
        on_failure=document.get("on_failure", {}),
        steps=_steps(document["steps"], "/steps"),
        hash=content_hash(document),
        document=document,
        uses_secrets="secrets" in canonical(document),
    )


def _steps(documents: list[dict[str, Any]], pointer: str) -> tuple[Step, ...]:
    return tuple(_step(one, f"{pointer}/{place}") for place, one in enumerate(documents))


def _step(document: Mapping[str, Any], pointer: str) -> Step:
    on_error = document.get("on_error", "fail")
    branch = isinstance(on_error, dict)
    return Step(
        id=document["id"],
        type=document["type"],
        pointer=pointer,
        fields={
            name: value
            for name, value in document.items()
            if name not in _COMMON and name not in _NESTED
        },
        retry=RetryPolicy.from_document(document.get("retry", {})),
        timeout=document.get("timeout"),
        on_error="branch" if branch else on_error,
        error_steps=_steps(on_error["steps"], f"{pointer}/on_error/steps") if branch else (),
        on_interrupt=document.get("on_interrupt", "repeat"),
        branches=tuple(
            Branch(one["if"], _steps(one["steps"], f"{pointer}/branches/{place}/steps"))
            for place, one in enumerate(document.get("branches", ()))
        ),
        else_steps=_steps(document.get("else", []), f"{pointer}/else"),
        body=_steps(document.get("steps", []), f"{pointer}/steps"),
    )
