"""What filters ask of the values they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import ExpressionFailed
from workflow.values import as_json, is_number, kind


def need_text(value: Any, what: str = "It") -> str:
    """Return the value, which must be a text."""
    if not isinstance(value, str):
        raise ExpressionFailed(f"{what} must be text, not {kind(value)}.")
    return value


def need_list(value: Any) -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise ExpressionFailed(f"It must be a list, not {kind(value)}.")
    return value


def need_number(value: Any, what: str = "It") -> int | float:
    """Return the value, which must be a number."""
    if not is_number(value):
        raise ExpressionFailed(f"{what} must be a number, not {kind(value)}.")
    return value  # type: ignore[no-any-return]


def need_whole(value: Any, what: str) -> int:
    """Return the value, which must be a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionFailed(f"{what} must be a whole number, not {as_json(value)[:40]}.")
    return value


def need_object(value: Any) -> Mapping[str, Any]:
    """Return the value, which must be an object."""
    if not isinstance(value, Mapping):
        raise ExpressionFailed(f"It must be an object, not {kind(value)}.")
    return value
