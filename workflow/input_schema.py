"""The JSON Schema that a trigger has for its data: written by strangers, so never trusted.

It refers to nothing but itself: nothing is fetched, whatever address stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from workflow.documents import step_pointer
from workflow.errors import TriggerRefused

_REFERENCES = ("$ref", "$dynamicRef")
_NOTHING_ELSE: Registry[Any] = Registry()


def schema_faults(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a schema: pointer within it and problem."""
    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    for error in meta.iter_errors(schema):
        pointer = ""
        for part in error.absolute_path:
            pointer = step_pointer(pointer, part)
        yield pointer, f"is no JSON Schema: {error.message:.200}"
    yield from _walk(schema, "")


def check_data(schema: Mapping[str, Any], data: Any) -> None:
    """Hold data against a schema.

    Raises
    ------
    TriggerRefused
        If they do not fit; ``meta["pointer"]`` says where.

    """
    try:
        error = next(_validator(schema).iter_errors(data), None)
    except (Unresolvable, RecursionError, re.error) as unusable:
        raise TriggerRefused("The schema of the trigger cannot be used.") from unusable
    if error is not None:
        raise TriggerRefused(_told(error), pointer=_pointer(error))


def _validator(schema: Mapping[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(dict(schema), registry=_NOTHING_ELSE)


def _told(error: ValidationError) -> str:
    return f"At {_pointer(error) or '/'}: {error.message:.1000}"


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{part}" for part in error.absolute_path)


def _walk(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield references to other documents, and patterns that are none."""
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from _walk(item, step_pointer(pointer, place))
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        inner = step_pointer(pointer, key)
        if key in _REFERENCES and isinstance(item, str) and not item.startswith("#"):
            yield inner, "refers to another document; write it out"
        elif key == "pattern" and isinstance(item, str):
            yield from _pattern(item, inner)
        else:
            yield from _walk(item, inner)


def _pattern(text: str, pointer: str) -> Iterator[tuple[str, str]]:
    try:
        re.compile(text)
    except re.error as error:
        yield pointer, f"is no regular expression: {error}"
