"""Read a manifest file and say where each fault is, by JSON pointer (RFC 6901)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from connector import manifest as m
from connector.errors import ManifestInvalid
from connector.manifest_schema.schema import ManifestSchema


def load_manifest(file: Path) -> m.Manifest:
    """Read and check a manifest file.

    Raises
    ------
    ManifestInvalid
        With ``faults``: a list of ``{pointer, problem}``, every fault at once.

    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{file} cannot be read: {error}", file=str(file)) from error
    return parse_manifest(text, str(file))


def parse_manifest(text: str, source: str = "the manifest") -> m.Manifest:
    """Check a manifest given as text; see :func:`load_manifest`."""
    try:
        data = json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _invalid(source, [("", f"is no JSON: {error.msg} at {place}")]) from error
    except _TwinKeyError as error:
        raise _invalid(
            source, [("", f"has the key {error.args[0]!r} twice in one object")]
        ) from None
    if not isinstance(data, dict):
        raise _invalid(source, [("", "must be an object")])
    try:
        loaded: m.Manifest = ManifestSchema().load(data)
    except ValidationError as error:
        raise _invalid(source, sorted(_faults(error.messages, data))) from error
    return loaded


class _TwinKeyError(ValueError):
    """An object holds one key twice."""


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwinKeyError(key)
        found[key] = value
    return found


def _invalid(source: str, faults: list[tuple[str, str]]) -> ManifestInvalid:
    lines = "\n".join(f"  {pointer or '/'}: {problem}" for pointer, problem in faults)
    return ManifestInvalid(
        f"{source} has {len(faults)} fault{'s' * (len(faults) != 1)}:\n{lines}",
        faults=[{"pointer": pointer, "problem": problem} for pointer, problem in faults],
    )


def _faults(messages: Any, data: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's nested messages.

    It wraps those of a dictionary's entry in ``key`` and ``value``; they are steps of the pointer
    only where the data really has such a key.
    """
    if isinstance(messages, list):
        for message in messages:
            yield from _faults(message, data, pointer)
    elif isinstance(messages, dict):
        for key, inner in messages.items():
            if key == "_schema" or (key in {"key", "value"} and not _has(data, key)):
                yield from _faults(inner, data, pointer)
            else:
                yield from _faults(inner, _child(data, key), f"{pointer}/{_escape(str(key))}")
    else:
        yield pointer, _plain(str(messages))


def _has(data: Any, key: Any) -> bool:
    return isinstance(data, dict) and key in data


def _child(data: Any, key: Any) -> Any:
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return data[key]
    return data.get(key) if isinstance(data, dict) else None


def _plain(message: str) -> str:
    """Put marshmallow's standard sentences into the words of ours."""
    known = {
        "Missing data for required field.": "is required",
        "Unknown field.": "is not a field here",
        "Field may not be null.": "must not be null",
        "Not a valid string.": "must be text",
        "Not a valid integer.": "must be a whole number",
        "Not a valid number.": "must be a number",
        "Not a valid boolean.": "must be true or false",
        "Not a valid list.": "must be a list",
        "Not a valid mapping type.": "must be an object",
        "Invalid input type.": "must be an object",
    }
    text = known.get(message, message)
    return re.sub(r"^Must", "must", text).rstrip(".")


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")
