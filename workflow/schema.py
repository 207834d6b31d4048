"""Hold a definition against the published JSON Schema and say what is wrong in plain words."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError

from workflow.documents import step_pointer

_NAMES = {
    "object": "an object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


@cache
def definition_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a definition."""
    text = files("workflow").joinpath("definition.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def faults(data: Any) -> list[tuple[str, str]]:
    """Return the faults of a definition: JSON pointer and problem, in the document's order."""
    found = (fault for error in _validator().iter_errors(data) for fault in _told(error))
    return sorted(dict.fromkeys(found), key=lambda fault: fault[0])


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(definition_schema())


def _told(error: ValidationError) -> Iterator[tuple[str, str]]:
    pointer = ""
    for part in error.absolute_path:
        pointer = step_pointer(pointer, part)
    match error.validator:
        case "required":
            for name in _value(error):
                if name not in _instance(error):
                    yield pointer, f"must have {name!r}"
        case "additionalProperties" | "unevaluatedProperties":
            yield from _unknown(error, pointer)
        case "oneOf":
            names = [" and ".join(one["required"]) for one in _value(error)]
            yield pointer, f"must have exactly one of: {', '.join(names)}"
        case _:
            yield pointer, _problem(error)


def _unknown(error: ValidationError, pointer: str) -> Iterator[tuple[str, str]]:
    known = _known(error)
    if isinstance(_instance(error), dict) and "type" in _instance(error) and known is None:
        return  # the type itself is wrong and is told of; its members cannot be judged
    for name in _instance(error):
        if known is not None and name not in known:
            nearest = difflib.get_close_matches(name, known, 1, 0.6)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}"
            yield step_pointer(pointer, name), f"is not known here; {hint}"


def _known(error: ValidationError) -> list[str] | None:
    """Return the members that an object may have; nothing if that hangs on a type not known."""
    names = list(_schema(error).get("properties", ()))
    if error.validator == "additionalProperties":
        return names
    definitions, kind = definition_schema()["$defs"], _instance(error).get("type")
    family = "step" if "id" in names else "trigger"
    own = definitions.get(f"{kind}_{family}") if isinstance(kind, str) else None
    return None if own is None else [*names, *own["properties"]]


def _problem(error: ValidationError) -> str:
    tell = _PROBLEMS.get(str(error.validator))
    return tell(error, _value(error)) if tell else error.message


def _kinds(_error: ValidationError, wanted: Any) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return f"must be {' or '.join(_NAMES[name] for name in names)}"


def _choices(error: ValidationError, wanted: Any) -> str:
    return f"must be one of {', '.join(map(str, wanted))}{_nearest(error)}"


def _least(_error: ValidationError, wanted: Any) -> str:
    return "must not be empty" if wanted == 1 else f"must have at least {wanted}"


_PROBLEMS: dict[str, Callable[[ValidationError, Any], str]] = {
    "type": _kinds,
    "enum": _choices,
    "pattern": lambda error, _: f"must be {_described(error)}",
    "minLength": _least,
    "minItems": _least,
    "minProperties": _least,
    "maxLength": lambda _, wanted: f"must have at most {wanted} characters",
    "maxItems": lambda _, wanted: f"must have at most {wanted} entries",
    "maxProperties": lambda _, wanted: f"must have at most {wanted} entries",
    "minimum": lambda _, wanted: f"must be at least {wanted}",
    "maximum": lambda _, wanted: f"must be at most {wanted}",
    "uniqueItems": lambda *_: "must not hold the same twice",
}


def _nearest(error: ValidationError) -> str:
    found = difflib.get_close_matches(str(_instance(error)), map(str, _value(error)), 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""


def _described(error: ValidationError) -> str:
    text = str(_schema(error).get("description", f"like {_value(error)}"))
    first = text.split(". ", maxsplit=1)[0].rstrip(".")
    return first[0].lower() + first[1:]


def _value(error: ValidationError) -> Any:
    return error.validator_value


def _schema(error: ValidationError) -> dict[str, Any]:
    schema: Any = error.schema
    return dict(schema)


def _instance(error: ValidationError) -> Any:
    return error.instance
