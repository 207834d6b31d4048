"""Definitions as text: JSON or YAML read strictly, with the line of every value.

YAML is read as JSON with other punctuation: no anchors (they multiply), no tags, no dates, no
``yes`` for true, no key twice. The rules for plain values are YAML 1.2's core schema.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from workflow.errors import DefinitionInvalid

LONGEST = 300_000
_DEEPEST = 60
_MOST_VALUES = 50_000
_WORDS: dict[str, bool | None] = {"null": None, "~": None, "": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Document:
    """A definition as data, with the text that it came from."""

    data: Any
    text: str
    #: JSON pointer -> line, from 1.
    lines: Mapping[str, int] = field(repr=False)

    def line(self, pointer: str) -> int | None:
        """Return the line of what a pointer points at, or of what holds it."""
        while pointer and pointer not in self.lines:
            pointer = pointer.rpartition("/")[0]
        return self.lines.get(pointer)


def read(text: str) -> Document:
    """Read a definition, JSON or YAML.

    Raises
    ------
    DefinitionInvalid
        If it is neither, or uses what definitions do not have; ``meta["faults"]`` says where.

    """
    if len(text) > LONGEST:
        raise _fault("", f"is longer than {LONGEST:,} characters", None)
    try:
        _check_events(text)
        root = _yaml().compose(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        told = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise _fault("", f"cannot be read: {told}", mark.line + 1 if mark else None) from error
    except (YAMLError, RecursionError, ValueError) as error:
        told = str(error).splitlines()[0] if str(error) else "it is nested too deeply"
        raise _fault("", f"cannot be read: {told}", None) from error
    if root is None:
        raise _fault("", "is empty", None)
    lines: dict[str, int] = {}
    return Document(_plain(root, "", lines), text, lines)


def canonical(data: Any) -> str:
    """Return data as the one JSON text that stands for it: keys sorted, no blanks."""
    return json.dumps(
        data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def content_hash(data: Any) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(canonical(data).encode("utf-8", "surrogatepass")).hexdigest()


def write_yaml(data: Any) -> str:
    """Return data as YAML that :func:`read` reads back to the same data."""
    yaml = _yaml()
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def step_pointer(pointer: str, key: str | int) -> str:
    """Return the pointer of a member (RFC 6901)."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _check_events(text: str) -> None:
    """Refuse what would take the parser's next stage long, while it is still read bit by bit."""
    depth = values = 0
    for event in _yaml().parse(io.StringIO(text)):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise _fault("", "uses an anchor; write the value twice", line)
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        values += isinstance(event, ScalarEvent)
        if depth > _DEEPEST:
            raise _fault("", "is nested too deeply", line)
        if values > _MOST_VALUES:
            raise _fault("", f"has more than {_MOST_VALUES:,} values", line)


def _plain(node: Node, pointer: str, lines: dict[str, int]) -> Any:
    line = node.start_mark.line + 1
    lines[pointer] = line
    if pointer.count("/") > _DEEPEST:
        raise _fault(pointer, "is nested too deeply", line)
    match node:
        case MappingNode():
            return _members(node, pointer, lines)
        case SequenceNode():
            return [
                _plain(item, step_pointer(pointer, place), lines)
                for place, item in enumerate(node.value)
            ]
        case ScalarNode():
            return _scalar(node, pointer, line)
        case _:
            raise _fault(pointer, "is neither an object, a list nor a value", line)


def _members(node: MappingNode, pointer: str, lines: dict[str, int]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode):
            raise _fault(pointer, "has a key that is no text", line)
        name = _whole_characters(key, pointer, line)
        inner = step_pointer(pointer, name)
        if name in members:
            raise _fault(inner, "is there twice", line)
        if name == "<<" and key.style is None:
            raise _fault(pointer, "uses <<: to merge; write the members out", line)
        members[name] = _plain(value, inner, lines)
        lines[inner] = line
    return members


def _scalar(node: ScalarNode, pointer: str, line: int) -> Any:
    if node.tag not in _TAGS:
        raise _fault(pointer, f"has the tag {node.tag}; there are no tags here", line)
    text = _whole_characters(node, pointer, line)
    if node.style is not None:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise _fault(pointer, "is too large a number", line)
        return number
    return text


def _whole_characters(node: ScalarNode, pointer: str, line: int) -> str:
    """Return a text whose characters beyond the first 65,536 are not in the halves of JSON."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError as error:
        raise _fault(pointer, "holds half of a character", line) from error


#: What YAML makes of values without a tag; we look at the text alone.
_TAGS = {
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "null", "bool", "int", "float", "timestamp", "merge", "value")
}


def _fault(pointer: str, problem: str, line: int | None) -> DefinitionInvalid:
    where = f"Line {line}: " if line else ""
    subject = pointer or "The definition"
    return DefinitionInvalid(
        f"{where}{subject} {problem}.",
        faults=[{"pointer": pointer, "problem": problem, "line": line}],
    )
