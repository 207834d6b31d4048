"""The fields of a step, as they are for the data of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.definition import Step
from workflow.expressions import resolve

#: Fields without expressions.
_LITERAL = frozenset({"code", "connector"})


def resolved(step: Step, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's own fields with their expressions resolved; raises as ``resolve`` does."""
    literal = {name: step.fields[name] for name in _LITERAL & step.fields.keys()}
    given = {name: value for name, value in step.fields.items() if name not in literal}
    values: dict[str, Any] = resolve(given, data, step=step.id)
    return literal | values
