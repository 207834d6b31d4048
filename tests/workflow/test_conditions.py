"""Conditions: expressions, groups, values that are not there, and laws of logic."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflow.comparing import compared
from workflow.conditions import DEEPEST_GROUP, check_condition, holds, operators
from workflow.errors import (
    ConditionInvalid,
    ExpressionFailed,
    ExpressionInvalid,
    ValueMissing,
)

DATA: dict[str, Any] = {
    "trigger": {
        "plan": "Pro",
        "count": 3,
        "zero": 0,
        "yes": True,
        "no": False,
        "nothing": None,
        "blank": "",
        "tags": ["new", "vip"],
        "none_yet": [],
    }
}
YES, NO = "<<trigger.yes>>", "<<trigger.no>>"
MISSING = "<<trigger.plam>>"


# Expressions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("<<trigger.yes>>", True),
        ("<<trigger.no>>", False),
        ("<<trigger.nothing>>", False),
        ("<<trigger.zero>>", False),
        ("<<trigger.count>>", True),
        ("<<trigger.blank>>", False),
        ("<<trigger.plan>>", True),
        ("<<trigger.none_yet>>", False),
        ("<<trigger.tags>>", True),
        ("<<trigger.count > 2 and trigger.plan == 'Pro'>>", True),
        ("<<trigger.plam is defined>>", False),
        ("<<'false'>>", True),
    ],
)
def test_an_expression_holds_if_its_value_counts_as_true(expression: str, expected: bool) -> None:
    assert holds(expression, DATA) is expected


@pytest.mark.parametrize(
    "text",
    ["", "true", "false", f" {NO}", f"{NO} ", f"{YES}{NO}", "\\<<trigger.no>>", f"not {YES}"],
)
def test_a_text_that_is_not_one_expression_is_no_condition(text: str) -> None:
    with pytest.raises(ConditionInvalid, match="one expression"):
        holds(text, DATA)


def test_an_expression_that_cannot_be_understood_says_so() -> None:
    for condition in ("<<trigger.>>", compared("<<trigger.>>", "true")):
        with pytest.raises(ExpressionInvalid):
            holds(condition, DATA)


def test_all_parts_of_both_sides_are_resolved() -> None:
    data = {"it": {"low": 1, "high": 5, "name": "Ann"}}
    assert holds(compared(3, "between", ["<<it.low>>", "<<it.high>>"]), data)
    assert holds(compared({"a": ["<<it.name>>"]}, "equal", {"a": ["Ann"]}), data)
    assert holds(compared("Dear <<it.name>>", "ends_with", "Ann"), data)


# Values that are not there


def test_a_value_can_be_there_or_not_and_null_is_there() -> None:
    for value, there in [
        ("<<trigger.plan>>", True),
        ("<<trigger.nothing>>", True),
        (MISSING, False),
    ]:
        assert holds(compared(value, "present"), DATA) is there
        assert holds(compared(value, "absent"), DATA) is not there


def test_a_value_made_of_one_that_is_not_there_is_not_there() -> None:
    for value in (f"Hello {MISSING}", [MISSING], {"name": MISSING}, "<<trigger.plam | upper>>"):
        assert holds(compared(value, "absent"), DATA)
        assert not holds(compared(value, "present"), DATA)


def test_a_default_stands_in_for_a_missing_value() -> None:
    assert holds(compared("<<trigger.plam | default('x')>>", "equal", "x"), DATA)
    assert holds(compared("<<trigger.plam | default(null)>>", "present"), DATA)


@pytest.mark.parametrize("operator", [one for one in operators() if not one.sees_missing])
def test_all_other_operators_refuse_a_missing_value(operator: Any) -> None:
    to = [] if operator.sides == 1 else [[1, 2]]
    with pytest.raises(ValueMissing) as caught:
        holds(compared(MISSING, operator.name, *to), DATA)
    assert caught.value.meta["nearest"] == "plan"
    assert caught.value.meta["pointer"] == ""


def test_what_is_compared_with_must_be_there() -> None:
    with pytest.raises(ValueMissing):
        holds(compared(1, "equal", MISSING), DATA)


def test_present_does_not_hide_other_faults_of_an_expression() -> None:
    with pytest.raises(ExpressionFailed, match="must be text") as caught:
        holds(compared("<<trigger.count | upper>>", "present"), DATA)
    assert not isinstance(caught.value, ValueMissing)


# Groups


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"all": []}, True),
        ({"any": []}, False),
        ({"all": [YES]}, True),
        ({"all": [YES, NO]}, False),
        ({"any": [NO, YES]}, True),
        ({"any": [NO, NO]}, False),
        ({"not": YES}, False),
        ({"not": {"any": []}}, True),
        ({"not": {"not": {"all": [{"any": [NO, {"all": [YES, YES]}]}]}}}, True),
        ({"all": [compared("<<trigger.plan>>", "equal", "Pro"), {"not": NO}]}, True),
    ],
)
def test_groups_combine_conditions(condition: Any, expected: bool) -> None:
    assert holds(condition, DATA) is expected


@pytest.mark.parametrize(("group", "first", "result"), [("all", NO, False), ("any", YES, True)])
@pytest.mark.parametrize("broken", [MISSING, compared(1, "equal", MISSING)])
def test_a_group_looks_no_further_than_it_must(
    group: str, first: str, result: bool, broken: Any
) -> None:
    assert holds({group: [first, broken]}, DATA) is result
    with pytest.raises(ValueMissing) as caught:
        holds({group: [broken, first]}, DATA)
    assert caught.value.meta["pointer"] == f"/{group}/0"


def test_a_fault_says_where_in_the_condition_it_is() -> None:
    condition = {"all": [YES, {"not": {"any": [NO, compared(1, "less", "2")]}}]}
    with pytest.raises(ExpressionFailed) as caught:
        holds(condition, DATA)
    assert caught.value.meta["pointer"] == "/all/1/not/any/1"


def nested(depth: int) -> Any:
    condition: Any = YES
    for _ in range(depth):
        condition = {"not": condition}
    return condition


def test_groups_stand_in_one_another_up_to_ten_deep() -> None:
    assert DEEPEST_GROUP == 10
    assert holds(nested(10), DATA)
    for depth in (11, 100_000):
        with pytest.raises(ConditionInvalid, match="More than 10 groups"):
            holds(nested(depth), DATA)


# What is no condition

INVALID: list[tuple[Any, str, str]] = [
    (None, "", "A condition is an expression, a comparison or a group, not null."),
    (True, "", "not boolean."),
    (1, "", "not number."),
    ([], "", "not list."),
    ({}, "", 'A comparison has a "value" and an operator at "is".'),
    ({"value": 1}, "", '"is"'),
    ({"is": "empty"}, "", '"value"'),
    ({"value": 1, "is": "empty", "unless": 2}, "", "A comparison has no 'unless'."),
    ({"value": 1, "is": "equal", "too": 2}, "", "Did you mean 'to'?"),
    (compared(1, "equal"), "", "'equal' compares with a value at \"to\"."),
    (compared(1, "empty", None), "", "'empty' looks at the value alone"),
    (compared(1, "equals", 1), "", "There is no operator 'equals'. Did you mean 'equal'?"),
    (compared(1, "greater_than", 1), "", "Did you mean 'greater'?"),
    (compared(1, "start_with", 1), "", "Did you mean 'starts_with'?"),
    (compared(1, ">", 1), "", "There is no operator '>'. There is: equal, not_equal, greater"),
    ({"value": 1, "is": ["equal"], "to": 1}, "", "There is no operator ['equal']."),
    ({"value": 1, "is": None, "to": 1}, "", "There is no operator None."),
    ({**compared("a", "equal", "a"), "ignore_case": "yes"}, "", "is true or false, not text."),
    (compared(1, "greater", 1, ignore_case=True), "", "'greater' does not look at letters"),
    (compared(1, "empty", ignore_case=True), "", "'empty' does not look at letters"),
    ({"all": YES}, "", "A group is one of all and any, with a list"),
    ({"any": {"not": YES}}, "", "A group is one of"),
    ({"all": [], "any": []}, "", "A group is one of"),
    ({"not": YES, "value": 1}, "", "A group is one of"),
    ({"not": [YES]}, "/not", "not list."),
    ({"all": [YES, "yes"]}, "/all/1", "one expression"),
    ({"any": [YES, {"all": [YES, compared(1, "equals", 1)]}]}, "/any/1/all/1", "'equal'?"),
]


@pytest.mark.parametrize(("condition", "pointer", "message"), INVALID)
def test_what_is_no_condition_is_refused_before_anything_is_resolved(
    condition: Any, pointer: str, message: str
) -> None:
    for look in (check_condition, lambda one: holds(one, DATA)):
        with pytest.raises(ConditionInvalid, match=re.escape(message)) as caught:
            look(condition)
        assert caught.value.meta["pointer"] == pointer


def test_a_switch_that_is_off_is_allowed_anywhere() -> None:
    assert holds(compared(2, "greater", 1, ignore_case=False), {})


# Laws

LEAVES = st.sampled_from([YES, NO, compared(1, "less", 2), compared(1, "equal", "1")])
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3)),
    ),
    max_leaves=12,
)


def meant(condition: Any) -> bool:
    """Say what a condition of LEAVES comes to, without short cuts."""
    match condition:
        case {"all": parts}:
            return not [one for one in parts if not meant(one)]
        case {"any": parts}:
            return bool([one for one in parts if meant(one)])
        case {"not": part}:
            return not meant(part)
        case _:
            return condition == YES or condition == compared(1, "less", 2)


@given(CONDITIONS)
def test_a_tree_of_groups_means_what_its_words_say(condition: Any) -> None:
    assert holds(condition, DATA) is meant(condition)


@given(CONDITIONS)
def test_twice_not_is_the_condition_itself(condition: Any) -> None:
    assert holds({"not": {"not": condition}}, DATA) is holds(condition, DATA)


@given(st.lists(CONDITIONS, max_size=4))
def test_not_all_is_any_not_and_not_any_is_all_not(parts: list[Any]) -> None:
    turned = [{"not": one} for one in parts]
    assert holds({"not": {"all": parts}}, DATA) is holds({"any": turned}, DATA)
    assert holds({"not": {"any": parts}}, DATA) is holds({"all": turned}, DATA)
