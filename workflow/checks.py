"""Check a definition: its shape by the schema, then what a schema cannot say.

Step ids are there once. Every expression can be read and refers to something that exists and comes
earlier. Conditions, schedules and functions are such as will run.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow import schema
from workflow.conditions import check_condition
from workflow.dates import timestamp
from workflow.definition import Definition, Step, build
from workflow.documents import Document, read, step_pointer
from workflow.errors import DefinitionInvalid, WorkflowError
from workflow.expressions import parse
from workflow.functions import check_function
from workflow.input_schema import schema_faults
from workflow.paths import Reference
from workflow.schedules import Schedule

ROOTS = ("trigger", "steps", "user", "connection", "settings", "secrets", "run")
_LOOP_ROOTS = ("item", "index")
#: The path of a step within has room in the record.
DEEPEST_LOOP = 6
#: Fields that hold conditions or code, which have checks of their own.
_NO_TEMPLATES = {"code"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at one place of a definition."""

    pointer: str
    problem: str
    line: int | None = None
    step: str | None = None

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        values = {
            "pointer": self.pointer,
            "problem": self.problem,
            "line": self.line,
            "step": self.step,
        }
        return {name: value for name, value in values.items() if value is not None}


def load(text: str) -> Definition:
    """Read and check a definition, JSON or YAML.

    Raises
    ------
    DefinitionInvalid
        If it has faults; ``meta["faults"]`` lists them with pointer, line and step.

    """
    document = read(text)
    return check(document.data, document)


def check(data: Any, document: Document | None = None) -> Definition:
    """Check a definition's data; raises as :func:`load` does."""
    faults = [Fault(pointer, problem) for pointer, problem in schema.faults(data)]
    definition = None
    if not faults:
        definition = build(data)
        faults = list(_meaning(definition))
    if definition is None or faults:
        raise _invalid([_placed(fault, data, document) for fault in faults])
    return definition


def _invalid(faults: list[Fault]) -> DefinitionInvalid:
    shown = [
        f"{f'line {fault.line}: ' if fault.line else ''}{fault.pointer or '/'} {fault.problem}"
        for fault in faults[:20]
    ]
    more = f"\n… and {len(faults) - 20} more" if len(faults) > 20 else ""
    count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
    return DefinitionInvalid(
        f"The workflow has {count}:\n" + "\n".join(shown) + more,
        faults=[fault.told() for fault in faults[:100]],
    )


def _placed(fault: Fault, data: Any, document: Document | None) -> Fault:
    """Add the line and the id of the innermost step."""
    step, value = None, data
    for part in fault.pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            break
        if isinstance(value, dict) and isinstance(value.get("id"), str) and "type" in value:
            step = value["id"] if "/settings/" not in fault.pointer else None
    line = document.line(fault.pointer) if document else None
    return Fault(fault.pointer, fault.problem, line, step)


def _meaning(definition: Definition) -> Iterator[Fault]:
    yield from _ids(definition)
    yield from _settings(definition)
    yield from _trigger(definition)
    scope = _Scope(
        known={step.id for step in definition.walk()},
        settings={one["id"] for one in definition.settings},
    )
    yield from _steps(definition.steps, scope)


def _ids(definition: Definition) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for step in definition.walk():
        if step.id in seen:
            yield Fault(f"{step.pointer}/id", f"{step.id!r} is also the id of {seen[step.id]}")
        seen.setdefault(step.id, step.pointer)


def _settings(definition: Definition) -> Iterator[Fault]:
    kinds = {"text": str, "choice": str, "number": (int, float), "boolean": bool}
    seen = set()
    for place, setting in enumerate(definition.settings):
        pointer = f"/settings/{place}"
        if setting["id"] in seen:
            yield Fault(f"{pointer}/id", f"{setting['id']!r} is there twice")
        seen.add(setting["id"])
        choices = setting.get("choices")
        if (setting["type"] == "choice") != (choices is not None):
            yield Fault(pointer, "must have 'choices' if its type is choice, and only then")
        default = setting.get("default")
        wrong = default is not None and (
            not isinstance(default, kinds[setting["type"]])  # type: ignore[arg-type]
            or (isinstance(default, bool) and setting["type"] != "boolean")
        )
        if wrong or (choices and default is not None and default not in choices):
            yield Fault(f"{pointer}/default", f"is no {setting['type']} that may be chosen")


def _trigger(definition: Definition) -> Iterator[Fault]:
    trigger = definition.trigger
    if trigger["type"] == "schedule":
        try:
            Schedule.from_document(trigger)
        except WorkflowError as error:
            yield Fault("/trigger", error.message)
    if trigger["type"] == "connection" and definition.connector is None:
        yield Fault("/trigger", "needs the workflow's 'connector'")
    for inner, problem in schema_faults(trigger.get("schema", {})):
        yield Fault(f"/trigger/schema{inner}", problem)
    scope = _Scope(known=set(), roots=("trigger", "user"))
    for name in ("user", "deduplicate"):
        if name in trigger:
            yield from _templates(trigger[name], f"/trigger/{name}", scope)
    if "in_order_of" in definition.limits:
        pointer = "/limits/in_order_of"
        yield from _templates(definition.limits["in_order_of"], pointer, scope)


@dataclass(slots=True)
class _Scope:
    """What expressions of a step may refer to."""

    known: set[str]
    earlier: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    roots: tuple[str, ...] = ROOTS
    #: The loops around it.
    loops: int = 0

    def within_loop(self) -> _Scope:
        roots = (*ROOTS, *_LOOP_ROOTS)
        return _Scope(self.known, set(self.earlier), self.settings, roots, self.loops + 1)

    def inner(self) -> _Scope:
        return _Scope(self.known, set(self.earlier), self.settings, self.roots, self.loops)


def _steps(steps: tuple[Step, ...], scope: _Scope) -> Iterator[Fault]:
    for step in steps:
        yield from _step(step, scope)
        scope.earlier.add(step.id)


def _step(step: Step, scope: _Scope) -> Iterator[Fault]:
    loop = scope.within_loop()
    for name, value in step.fields.items():
        if name in _NO_TEMPLATES:
            continue
        pointer = f"{step.pointer}/{name}"
        if step.type == "for_each" and name == "result":
            continue
        yield from _templates(value, pointer, scope)
    yield from _own(step)
    if step.type == "for_each" and scope.loops == DEEPEST_LOOP:
        yield Fault(step.pointer, f"is in {DEEPEST_LOOP} loops already; no more are taken")
    for place, branch in enumerate(step.branches):
        pointer = f"{step.pointer}/branches/{place}/if"
        yield from _condition(branch.condition, pointer, scope)
        yield from _within(branch.steps, scope)
    yield from _within(step.else_steps, scope)
    yield from _steps(step.body, loop)
    if "result" in step.fields and step.type == "for_each":
        yield from _templates(step.fields["result"], f"{step.pointer}/result", loop)
    instead = scope.inner()
    instead.earlier.add(step.id)  # its error is its output
    yield from _steps(step.error_steps, instead)
    scope.earlier |= instead.earlier


def _within(steps: tuple[Step, ...], scope: _Scope) -> Iterator[Fault]:
    """Check a branch; what it did can be referred to afterwards, though it may be missing."""
    inner = scope.inner()
    yield from _steps(steps, inner)
    scope.earlier |= {step.id for step in steps} | inner.earlier


def _own(step: Step) -> Iterator[Fault]:
    if step.type == "function":
        try:
            check_function(step.fields["code"])
        except WorkflowError as error:
            yield Fault(f"{step.pointer}/code", error.message)
    if step.type == "delay" and isinstance(step.fields.get("until"), str):
        try:
            until = parse(step.fields["until"])
            if not until.expressions:
                timestamp(until.resolve({}))
        except WorkflowError as error:
            yield Fault(f"{step.pointer}/until", error.message)


def _condition(condition: Any, pointer: str, scope: _Scope) -> Iterator[Fault]:
    try:
        check_condition(condition)
    except WorkflowError as error:
        yield Fault(pointer + error.meta.get("pointer", ""), error.message)
    else:
        yield from _templates(condition, pointer, scope)


def _templates(value: Any, pointer: str, scope: _Scope) -> Iterator[Fault]:
    match value:
        case str():
            try:
                expressions = parse(value).expressions
            except WorkflowError as error:
                yield Fault(pointer, error.message)
                return
            for expression in expressions:
                for reference in expression.references:
                    problem = _problem(reference, scope)
                    if problem:
                        yield Fault(pointer, f"<<{expression.source}>>: {problem}")
        case Mapping():
            for key, item in value.items():
                yield from _templates(item, step_pointer(pointer, key), scope)
        case list():
            for place, item in enumerate(value):
                yield from _templates(item, step_pointer(pointer, place), scope)


def _problem(reference: Reference, scope: _Scope) -> str | None:
    root, *rest = reference.parts
    if root not in scope.roots:
        if root in _LOOP_ROOTS:
            return f"{root} is there only within a for_each step"
        near = _near(str(root), scope.roots)
        return f"there is no {root}{near or '; there are ' + ', '.join(scope.roots)}"
    if root == "steps" and rest:
        return _step_problem(str(rest[0]), scope)
    if root == "settings" and rest and rest[0] not in scope.settings:
        return f"there is no setting {rest[0]}{_near(str(rest[0]), scope.settings)}"
    return None


def _step_problem(step_id: str, scope: _Scope) -> str | None:
    if step_id in scope.earlier:
        return None
    if step_id in scope.known:
        return f"the step {step_id} comes later, or within another step"
    return f"there is no step {step_id}{_near(step_id, scope.earlier or scope.known)}"


def _near(name: str, known: Any) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1, 0.5)
    return f"; did you mean {found[0]}?" if found else ""
