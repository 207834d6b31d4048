"""Conditions: whether a branch of a workflow is taken, for the data of a run.

A condition is one expression, a comparison, or a group of conditions::

    "<<trigger.body.active>>"
    {"value": "<<trigger.body.plan>>", "is": "one_of", "to": ["pro", "team"]}
    {"all": [..]}   {"any": [..]}   {"not": ..}

Groups look at their conditions in order and no further than they must.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from workflow.comparisons import OPERATORS, Operator
from workflow.errors import ConditionInvalid, ValueMissing, WorkflowError
from workflow.expressions import Expression, parse, resolve
from workflow.values import Missing, kind, truth

#: How many groups may stand in one another.
DEEPEST_GROUP = 10
_GROUPS = {"all", "any", "not"}
_KEYS = {"value", "is", "to", "ignore_case"}


def operators() -> tuple[Operator, ...]:
    """Return every operator, in the order in which people look for them."""
    return tuple(OPERATORS.values())


def holds(condition: Any, data: Mapping[str, Any]) -> bool:
    """Say whether the data of a run meet a condition.

    ``meta["pointer"]`` of an error says which part of the condition it is about.

    Raises
    ------
    ConditionInvalid
        If it is no condition.
    ExpressionInvalid
        If an expression in it cannot be understood.
    ValueMissing
        If it needs a value that is not there.
    ExpressionFailed
        If an operator makes no sense for its values.

    """
    check_condition(condition)
    return _holds(condition, data, "")


def check_condition(condition: Any) -> None:
    """Check the form of a condition; the expressions in its comparisons are left alone.

    Raises
    ------
    ConditionInvalid
        If it is no condition; ``meta["pointer"]`` says where.
    ExpressionInvalid
        If an expression that stands for a condition cannot be understood.

    """
    _check(condition, "", 0)


def _check(condition: Any, pointer: str, depth: int) -> None:
    with _at(pointer):
        parts = _parts(condition)
        if parts is not None and depth == DEEPEST_GROUP:
            raise ConditionInvalid(f"More than {DEEPEST_GROUP} groups stand in one another.")
        if parts is None:
            _check_single(condition)
    for place, part in (parts or {}).items():
        _check(part, f"{pointer}/{place}", depth + 1)


def _holds(condition: Any, data: Mapping[str, Any], pointer: str) -> bool:
    parts = _parts(condition)
    if parts is None:
        with _at(pointer):
            return _single_holds(condition, data)
    answers = (_holds(part, data, f"{pointer}/{place}") for place, part in parts.items())
    if "not" in condition:
        return not next(answers)
    return all(answers) if "all" in condition else any(answers)


@contextmanager
def _at(pointer: str) -> Iterator[None]:
    try:
        yield
    except WorkflowError as error:
        raise type(error)(error.message, **{**error.meta, "pointer": pointer}) from error


def _parts(condition: Any) -> dict[str, Any] | None:
    """Return the conditions in a group, each by its place; nothing for a single condition."""
    if not isinstance(condition, Mapping) or not _GROUPS & condition.keys():
        return None
    match tuple(condition.items()):
        case [("not", part)]:
            return {"not": part}
        case [(group, list() as parts)]:
            return {f"{group}/{index}": part for index, part in enumerate(parts)}
        case _:
            raise ConditionInvalid(
                "A group is one of all and any, with a list of conditions, or not, with one."
            )


def _check_single(condition: Any) -> None:
    match condition:
        case str():
            _check_expression(condition)
        case Mapping():
            _check_comparison(condition)
        case _:
            raise ConditionInvalid(
                f"A condition is an expression, a comparison or a group, not {kind(condition)}."
            )


def _check_expression(condition: str) -> None:
    parts = parse(condition).parts
    if len(parts) != 1 or not isinstance(parts[0], Expression):
        # With a blank after it, the value false would be the text "false ", which counts as true.
        raise ConditionInvalid("A condition in one text is one expression, nothing around it.")


def _check_comparison(condition: Mapping[str, Any]) -> None:
    if unknown := sorted(map(str, condition.keys() - _KEYS)):
        raise ConditionInvalid(f"A comparison has no {unknown[0]!r}.{_hint(unknown[0], _KEYS)}")
    if not {"value", "is"} <= condition.keys():
        raise ConditionInvalid('A comparison has a "value" and an operator at "is".')
    found = _operator(condition["is"])
    if found.sides == 1 and "to" in condition:
        raise ConditionInvalid(f'{found.name!r} looks at the value alone: leave out "to".')
    if found.sides == 2 and "to" not in condition:
        raise ConditionInvalid(f'{found.name!r} compares with a value at "to".')
    ignore_case = condition.get("ignore_case", False)
    if not isinstance(ignore_case, bool):
        raise ConditionInvalid(f'"ignore_case" is true or false, not {kind(ignore_case)}.')
    if ignore_case and not found.letters:
        raise ConditionInvalid(f'{found.name!r} does not look at letters: no "ignore_case" here.')


def _operator(name: Any) -> Operator:
    found = OPERATORS.get(name) if isinstance(name, str) else None
    if found is None:
        raise ConditionInvalid(
            f"There is no operator {name!r}."
            + (_hint(str(name), OPERATORS) or f" There is: {', '.join(OPERATORS)}."),
        )
    return found


def _hint(name: str, known: Any) -> str:
    nearest = Missing(name, "", known).nearest()
    return f" Did you mean {nearest!r}?" if nearest else ""


def _single_holds(condition: Any, data: Mapping[str, Any]) -> bool:
    if isinstance(condition, str):
        return truth(resolve(condition, data))
    found = _operator(condition["is"])
    value = _value(condition["value"], data, found)
    if found.sides == 1:
        return found.answer(value)
    to = resolve(condition["to"], data)
    return found.answer(value, to, ignore_case=condition.get("ignore_case", False))


def _value(value: Any, data: Mapping[str, Any], found: Operator) -> Any:
    try:
        return resolve(value, data)
    except ValueMissing as error:
        if not found.sees_missing:
            raise
        return Missing(str(error.meta.get("path")), error.message)
