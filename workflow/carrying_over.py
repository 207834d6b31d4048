"""Whether a run can go on with another version: what it has done must be the same there.

Only what was recorded counts. Steps without an effect outside are computed anew in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from workflow.definition import Definition, Step
from workflow.models import Attempt, AttemptState

_ITEM = re.compile(r"\[\d+\]")
_DONE = frozenset({AttemptState.SUCCEEDED, AttemptState.WAITING})


@dataclass(frozen=True, slots=True)
class _Placed:
    step: Step
    #: The loops around it, from the outside in.
    loops: tuple[Step, ...]


def differences(
    old: Definition, new: Definition, history: Mapping[str, list[Attempt]]
) -> list[str]:
    """Return what differs in the new version of the steps that a run has done."""
    before, after = dict(_placed(old.steps)), dict(_placed(new.steps))
    done = {_ITEM.sub("", path) for path, one in history.items() if one[-1].state in _DONE}
    found: list[str] = []
    for place in sorted(done):
        if place in before and before[place].step.is_recorded:
            found += _compared(place, before[place], after.get(place))
    return found


def _compared(place: str, before: _Placed, after: _Placed | None) -> Iterator[str]:
    if after is None:
        yield f"{place} is not there"
        return
    old, new = before.step, after.step
    if old.type != new.type:
        yield f"{place} was {old.type} and is {new.type}"
        return
    changed = [
        name
        for name in sorted(old.fields.keys() | new.fields.keys())
        if old.fields.get(name) != new.fields.get(name)
    ]
    if changed:
        yield f"{place} has another {', another '.join(changed)}"
    for loop, same in zip(before.loops, after.loops, strict=True):
        if loop.fields["in"] != same.fields["in"]:
            yield f"{place} is done for other items of {loop.id}"


def _placed(
    steps: tuple[Step, ...], prefix: str = "", loops: tuple[Step, ...] = ()
) -> Iterator[tuple[str, _Placed]]:
    """Yield every step by its place: its id after those of the loops around it."""
    for step in steps:
        place = f"{prefix}{step.id}"
        yield place, _Placed(step, loops)
        yield from _placed(step.body, f"{place}.", (*loops, step))
        for block in (*(branch.steps for branch in step.branches), step.else_steps):
            yield from _placed(block, prefix, loops)
        yield from _placed(step.error_steps, prefix, loops)
