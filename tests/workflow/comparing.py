"""Comparisons as they stand in a workflow."""

from __future__ import annotations

from typing import Any


def compared(value: Any, is_: str, *to: Any, ignore_case: bool | None = None) -> dict[str, Any]:
    condition = {"value": value, "is": is_}
    if to:
        (condition["to"],) = to
    if ignore_case is not None:
        condition["ignore_case"] = ignore_case
    return condition
