"""The difference of two definitions, told by step: for reviews, and before a deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from workflow.documents import canonical, step_pointer

#: What stands for steps within a step: they are compared by themselves.
_STEPS = "steps"


class Absent(Enum):
    """The one value that no document holds."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class What(StrEnum):
    """What became of a step, or of the workflow itself."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs; where there is none it is ``ABSENT``."""

    #: Within the step or the workflow; settings go by their ids.
    pointer: str
    old: Any
    new: Any

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        values = {"pointer": self.pointer, "old": self.old, "new": self.new}
        return {name: value for name, value in values.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step stands."""

    #: Blank, or the step and the part of it that it is in, such as ``check.else``.
    within: str = ""
    #: The step before it; blank: it is the first.
    after: str = ""

    def words(self) -> str:
        """Return it for people."""
        order = f"after {self.after}" if self.after else "first"
        return f"{order} in {self.within}" if self.within else order

    def told(self) -> dict[str, str]:
        """Return it as JSON."""
        return {"within": self.within, "after": self.after}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise."""

    what: What
    #: Blank: the workflow itself.
    step: str = ""
    step_type: str = ""
    changes: tuple[Change, ...] = ()
    old_place: Place | None = None
    new_place: Place | None = None

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        values: dict[str, Any] = {"what": str(self.what), "step": self.step, "type": self.step_type}
        if self.old_place is not None:
            values["from"] = self.old_place.told()
        if self.new_place is not None:
            values["to"] = self.new_place.told()
        if self.changes:
            values["changes"] = [change.told() for change in self.changes]
        return {name: value for name, value in values.items() if value != ""}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return how one checked definition differs from another; nothing if their hashes are equal.

    The workflow itself comes first, then its steps in the new order, then those that are gone.
    """
    before, after = _by_id(old), _by_id(new)
    found = list(_of_workflow(old, new))
    moved = _moved(before, after)
    for step_id in after:
        found += _of_step(step_id, before, after, has_moved=step_id in moved)
    for step_id, (step, place) in before.items():
        if step_id not in after:
            gone = (Change("", _own(step), ABSENT),)
            found.append(Difference(What.REMOVED, step_id, step["type"], gone, place))
    return found


_Steps = dict[str, tuple[Mapping[str, Any], Place]]


def _of_step(
    step_id: str, before: _Steps, after: _Steps, *, has_moved: bool
) -> Iterator[Difference]:
    step, place = after[step_id]
    if step_id not in before:
        whole = (Change("", ABSENT, _own(step)),)
        yield Difference(What.ADDED, step_id, step["type"], whole, new_place=place)
        return
    former, old_place = before[step_id]
    if has_moved:
        yield Difference(What.MOVED, step_id, step["type"], (), old_place, place)
    changes = tuple(_changes(_own(former), _own(step), ""))
    if changes:
        yield Difference(What.CHANGED, step_id, step["type"], changes)


def _by_id(document: Mapping[str, Any]) -> _Steps:
    return {step["id"]: (step, place) for step, place in _placed(document["steps"], "")}


def _placed(
    steps: Iterable[Mapping[str, Any]], within: str
) -> Iterator[tuple[Mapping[str, Any], Place]]:
    after = ""
    for step in steps:
        yield step, Place(within, after)
        after = step["id"]
        for name, block in _blocks(step):
            yield from _placed(block, f"{after}.{name}")


def _blocks(step: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    for place, branch in enumerate(step.get("branches", ())):
        yield f"branches[{place}]", branch["steps"]
    yield "else", step.get("else", [])
    yield "steps", step.get("steps", [])
    if isinstance(step.get("on_error"), Mapping):
        yield "on_error", step["on_error"]["steps"]


def _own(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step without its id and without the steps within it."""
    own = {name: value for name, value in step.items() if name not in {"id", "steps"}}
    if "branches" in step:
        own["branches"] = [
            {name: value for name, value in branch.items() if name != "steps"}
            for branch in step["branches"]
        ]
    if "else" in step:
        own["else"] = _STEPS
    if isinstance(step.get("on_error"), Mapping):
        own["on_error"] = _STEPS
    return own


def _of_workflow(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    changes = [*_changes(_frame(old), _frame(new), ""), *_order_of_settings(old, new)]
    if changes:
        yield Difference(What.CHANGED, changes=tuple(changes))


def _frame(document: Mapping[str, Any]) -> dict[str, Any]:
    frame = {name: value for name, value in document.items() if name != "steps"}
    if "settings" in frame:
        frame["settings"] = {one["id"]: one for one in frame["settings"]}
    return frame


def _order_of_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = ([one["id"] for one in side.get("settings", ())] for side in (old, new))
    if [one for one in before if one in after] != [one for one in after if one in before]:
        yield Change("/settings", before, after)


def _changes(old: Any, new: Any, pointer: str) -> Iterator[Change]:
    """Yield the innermost values that differ; lists of different lengths differ as a whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            inner = step_pointer(pointer, key)
            yield from _changes(old.get(key, ABSENT), new.get(key, ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(one, other, step_pointer(pointer, place))
    elif ABSENT in (old, new) or canonical(old) != canonical(new):
        yield Change(pointer, old, new)


def _moved(before: _Steps, after: _Steps) -> set[str]:
    """Return the steps that are in both and stand elsewhere; as few as explain the new order."""
    kept = [step_id for step_id in after if step_id in before]
    elsewhere = {one for one in kept if before[one][1].within != after[one][1].within}
    order = {step_id: place for place, step_id in enumerate(before)}
    within: dict[str, list[str]] = {}
    for step_id in kept:
        if step_id not in elsewhere:
            within.setdefault(after[step_id][1].within, []).append(step_id)
    for siblings in within.values():
        steady = _longest_rising([order[one] for one in siblings])
        elsewhere |= {one for place, one in enumerate(siblings) if place not in steady}
    return elsewhere


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """Return the places of the longest rising series among numbers."""
    series: list[list[int]] = []
    for place, number in enumerate(numbers):
        lower = [one for one in series if numbers[one[-1]] < number]
        series.append([*_longest(lower), place])
    return set(_longest(series))


def _longest(series: list[list[int]]) -> list[int]:
    return max(series, key=len) if series else []
