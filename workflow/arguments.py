"""What filters ask of the values they are given."""

from __future__ import annotations

from typing import Any

from workflow.errors import ExpressionFailed
from workflow.values import is_number, kind, shown


def need_text(value: Any, what: str = "It") -> str:
    """Return the value, which must be a text."""
    if not isinstance(value, str):
        raise ExpressionFailed(f"{what} must be text, not {kind(value)}.")
    return value


def need_mark(value: Any, what: str) -> str:
    """Return the value, which must be a text with something in it."""
    if not need_text(value, what):
        raise ExpressionFailed(f"{what} must not be empty.")
    return value  # type: ignore[no-any-return]


def need_list(value: Any, what: str = "It") -> list[Any]:
    """Return the value, which must be a list."""
    if not isinstance(value, list):
        raise ExpressionFailed(f"{what} must be a list, not {kind(value)}.")
    return value


def need_number(value: Any, what: str = "It") -> int | float:
    """Return the value, which must be a number."""
    if not is_number(value):
        raise ExpressionFailed(f"{what} must be a number, not {kind(value)}.")
    return value  # type: ignore[no-any-return]


def need_whole(value: Any, what: str, least: int, most: int) -> int:
    """Return the value, which must be a whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ExpressionFailed(f"{what} must be a whole number, not {shown(value)}.")
    if not least <= value <= most:
        raise ExpressionFailed(f"{what} must be from {least:,} to {most:,}, not {shown(value)}.")
    return value


def need_object(value: Any) -> dict[str, Any]:
    """Return the value, which must be an object."""
    if not isinstance(value, dict):
        raise ExpressionFailed(f"It must be an object, not {kind(value)}.")
    return value
