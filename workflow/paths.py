"""Paths into the data: followed as far as they lead, and named where they end."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow.errors import ValueMissing
from workflow.values import Missing, kind, shown

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Reference:
    """A path into the data, as far as it is written out: ``steps.lookup.body``."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return path_text(self.parts)


def path_text(parts: tuple[str | int, ...]) -> str:
    """Return a path as one would write it."""
    text = ""
    for part in parts:
        if isinstance(part, str) and part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]" if isinstance(part, int) else f'["{part}"]'
    return text


def is_key(value: object) -> bool:
    """Say whether a value can be looked up by."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def follow(value: Any, keys: tuple[str | int, ...], walked: str) -> Any:
    """Walk down a path; say where it ends if it does."""
    for position, key in enumerate(keys):
        match value:
            case Missing():
                return value
            case Mapping() if isinstance(key, str) and key in value:
                value = value[key]
            case list() if isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            case _:
                return _end(value, keys[: position + 1], walked)
    return value


def _end(value: Any, keys: tuple[str | int, ...], walked: str) -> Missing:
    """Say why a path ends before its last key."""
    here, key = walked + path_text(keys[:-1]), keys[-1]
    short = isinstance(key, int) or len(key) <= 60
    path = f"{walked}{path_text(keys)}" if short else f"{here}[{shown(key)}]"
    match value:
        case Mapping() if isinstance(key, str):
            return Missing(path, f"{here or 'the data'} has no {shown(key)}", value, key)
        case list() if isinstance(key, int):
            return Missing(path, f"{here} has {len(value)} items, none at {shown(key)}")
        case _:
            return Missing(path, f"{here} is {kind(value)} and has no {shown(key)}")


def present(value: Any) -> Any:
    """Return a value that is there.

    Raises
    ------
    ValueMissing
        If it is not.

    """
    if isinstance(value, Missing):
        nearest = value.nearest()
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        known = "" if nearest or not value.known else f" There is: {_some(value.known)}."
        raise ValueMissing(
            f"{value.path} is missing: {value.reason}.{hint}{known}",
            path=value.path,
            nearest=nearest,
        )
    return value


def _some(names: Iterable[Any]) -> str:
    first = list(itertools.islice((str(name)[:60] for name in names), 1_000))
    listed = sorted(first)[:_LISTED]
    return ", ".join(listed) + (", …" if len(first) > _LISTED else "")
