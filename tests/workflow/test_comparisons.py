"""Operators of conditions: tables of what holds, which kinds they take, and laws of equality."""

from __future__ import annotations

import contextlib
import fnmatch
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflow.comparing import compared
from workflow.comparisons import LONGEST_PATTERN, OPERATORS
from workflow.conditions import holds, operators
from workflow.errors import ExpressionFailed


def test_operators_have_unique_names_and_say_how_people_read_them() -> None:
    listed = operators()
    assert len({one.name for one in listed}) == len({one.title for one in listed}) == len(listed)
    for one in listed:
        assert OPERATORS[one.name] is one
        assert one.title
        assert one.takes
    assert {one.name for one in listed if one.sees_missing} == {"present", "absent"}


# One value: of each, the operators that hold. All others do not, but those that do not take it.

ONE_SIDED: list[tuple[Any, str]] = [
    (None, "null empty present"),
    (True, "true a_boolean not_empty present"),
    (False, "false a_boolean not_empty present"),
    (0, "a_number not_empty present"),
    (1, "a_number not_empty present"),
    (-2.5, "a_number not_empty present"),
    (2**70, "a_number not_empty present"),
    ("", "a_text empty present"),
    (" ", "a_text not_empty present"),
    ("true", "a_text not_empty present"),
    ("null", "a_text not_empty present"),
    ("0", "a_text not_empty present"),
    ([], "a_list empty present"),
    ([None], "a_list not_empty present"),
    ({}, "an_object empty present"),
    ({"a": None}, "an_object not_empty present"),
]


@pytest.mark.parametrize("operator", [one.name for one in operators() if one.sides == 1])
@pytest.mark.parametrize(
    ("value", "true_of_it"), ONE_SIDED, ids=[repr(row[0]) for row in ONE_SIDED]
)
def test_an_operator_of_one_value_holds_for_what_the_table_says(
    value: Any, true_of_it: str, operator: str
) -> None:
    condition = compared("<<it>>", operator)
    if operator in {"true", "false"} and not isinstance(value, bool):
        with pytest.raises(ExpressionFailed, match=f"^'{operator}' takes a boolean, not "):
            holds(condition, {"it": value})
    else:
        assert holds(condition, {"it": value}) is (operator in true_of_it.split())


# Two values

TWO_SIDED: list[tuple[Any, str, Any, bool]] = [
    # equality, strictly as JSON has it
    (1, "equal", 1, True),
    (1, "equal", 1.0, True),
    (1, "equal", 2, False),
    (0, "equal", -0.0, True),
    (2**53 + 1, "equal", float(2**53), False),
    (1, "equal", "1", False),
    (1, "equal", True, False),
    (0, "equal", False, False),
    (0, "equal", None, False),
    ("", "equal", None, False),
    (None, "equal", None, True),
    (True, "equal", True, True),
    (True, "equal", False, False),
    (True, "equal", "true", False),
    ("a", "equal", "a", True),
    ("a", "equal", "A", False),
    ("a", "equal", "a ", False),
    ("\u00e9", "equal", "e\u0301", False),
    ([], "equal", [], True),
    ([], "equal", {}, False),
    ([1, [2]], "equal", [1.0, [2.0]], True),
    ([1, 2], "equal", [2, 1], False),
    ([1], "equal", [1, 1], False),
    ([1], "equal", [True], False),
    ([[0]], "equal", [[False]], False),
    ({"a": 1, "b": 2}, "equal", {"b": 2, "a": 1}, True),
    ({"a": 1}, "equal", {"a": 1, "b": None}, False),
    ({"a": 1}, "equal", {"b": 1}, False),
    ({"a": {"b": 1}}, "equal", {"a": {"b": True}}, False),
    (1, "not_equal", 2, True),
    (1, "not_equal", 1.0, False),
    (1, "not_equal", "1", True),
    (1, "not_equal", True, True),
    (None, "not_equal", "", True),
    ([1], "not_equal", [True], True),
    # order
    (2, "greater", 1, True),
    (2, "greater", 2, False),
    (2, "greater", 2.5, False),
    (2**53 + 1, "greater", float(2**53), True),
    (-1, "greater", -2, True),
    ("b", "greater", "a", True),
    ("10", "greater", "9", False),
    ("a", "greater", "B", True),
    (2, "at_least", 2, True),
    (2, "at_least", 2.01, False),
    ("a", "at_least", "a", True),
    (1, "less", 2, True),
    (2, "less", 2, False),
    ("", "less", "a", True),
    (2, "at_most", 2, True),
    (3, "at_most", 2, False),
    ("b", "at_most", "a", False),
    (1, "between", [1, 3], True),
    (3, "between", [1, 3], True),
    (2, "between", [1.5, 2.5], True),
    (0, "between", [1, 3], False),
    (4, "between", [1, 3], False),
    (2, "between", [3, 1], False),
    ("b", "between", ["a", "c"], True),
    ("d", "between", ["a", "c"], False),
    # what holds something
    ("abc", "contains", "b", True),
    ("abc", "contains", "", True),
    ("abc", "contains", "d", False),
    ("abc", "contains", "B", False),
    (["a", "b"], "contains", "a", True),
    (["ab"], "contains", "a", False),
    ([1, 2], "contains", 1.0, True),
    ([1, 2], "contains", "1", False),
    ([1], "contains", True, False),
    ([None], "contains", None, True),
    ([], "contains", None, False),
    ([[1], {"a": 2}], "contains", {"a": 2}, True),
    ([[1], {"a": 2}], "contains", [True], False),
    ({"a": 1}, "contains", "a", True),
    ({"a": None}, "contains", "a", True),
    ({"a": "b"}, "contains", "b", False),
    ("abc", "not_contains", "d", True),
    ("abc", "not_contains", "c", False),
    ([1], "not_contains", True, True),
    ([1], "not_contains", 1, False),
    ({"a": 1}, "not_contains", "b", True),
    ({"a": 1}, "not_contains", "a", False),
    ("abc", "starts_with", "ab", True),
    ("abc", "starts_with", "", True),
    ("abc", "starts_with", "b", False),
    ("abc", "starts_with", "AB", False),
    ("abc", "ends_with", "bc", True),
    ("abc", "ends_with", "abcd", False),
    ("abc", "ends_with", "C", False),
    ("a", "one_of", ["a", "b"], True),
    ("c", "one_of", ["a", "b"], False),
    ("a", "one_of", [], False),
    (1, "one_of", [True, "1"], False),
    (1, "one_of", [1.0], True),
    (None, "one_of", [None], True),
    ([1], "one_of", [[1], [2]], True),
    ({"a": 1}, "one_of", [{"a": 1}], True),
    ("c", "not_one_of", ["a", "b"], True),
    ("a", "not_one_of", ["a", "b"], False),
    (True, "not_one_of", [1], True),
    # patterns
    ("", "matches", "", True),
    ("", "matches", "*", True),
    ("", "matches", "?", False),
    ("abc", "matches", "abc", True),
    ("abc", "matches", "ab", False),
    ("abc", "matches", "bc", False),
    ("abc", "matches", "abcd", False),
    ("abc", "matches", "*", True),
    ("abc", "matches", "a*", True),
    ("abc", "matches", "*c", True),
    ("abc", "matches", "*b*", True),
    ("abc", "matches", "a?c", True),
    ("abc", "matches", "???", True),
    ("abc", "matches", "????", False),
    ("abc", "matches", "?*?*?", True),
    ("abc", "matches", "A*", False),
    ("a.c", "matches", "a.c", True),
    ("abc", "matches", "a.c", False),
    ("abc", "matches", "[a]bc", False),
    ("[a]", "matches", "[a]", True),
    ("a\\b", "matches", "a\\b", True),
    ("a\nb", "matches", "a*b", True),
    ("a\n", "matches", "a", False),
    ("ann@example.com", "matches", "*@example.com", True),
    ("ann@example.com.evil.net", "matches", "*@example.com", False),
    ("aab", "matches", "*ab", True),
    ("\U0001f600", "matches", "?", True),
    # dates
    ("2026-01-01T00:00:00Z", "before", "2026-01-01T00:00:01Z", True),
    ("2026-01-01T00:00:00Z", "before", "2026-01-01T00:00:00Z", False),
    ("2026-01-01T01:00:00+02:00", "before", "2026-01-01T00:00:00Z", True),
    ("2026-01-01T01:00:00+01:00", "before", "2026-01-01T00:00:00Z", False),
    ("2026-01-01T00:00:00.000001Z", "after", "2026-01-01T00:00:00Z", True),
    ("2026-01-02", "after", "2026-01-01", True),
    ("2026-01-01", "after", "2026-01-01T00:00:00Z", False),
    ("9999-12-31", "after", "2026-01-01", True),
    ("9999-12-31T23:59:59-14:00", "after", "9999-12-31T23:59:59Z", True),
    ("0001-01-01T00:00:00+14:00", "before", "0001-01-01T00:00:00Z", True),
    (0, "before", "1970-01-01T00:00:01Z", True),
    (1_767_225_600, "after", "2026-01-01T00:00:00Z", False),
    (1_767_225_600.5, "after", "2026-01-01T00:00:00Z", True),
    (1, "before", 2, True),
    (-1, "before", 0, True),
]

IGNORING_CASE: list[tuple[Any, str, Any, bool]] = [
    ("Pro", "equal", "PRO", True),
    ("Pro", "equal", "Prö", False),
    ("Straße", "equal", "STRASSE", True),
    ("Pro", "not_equal", "PRO", False),
    (1, "equal", 1, True),
    (True, "equal", 1, False),
    (["A", 1], "equal", ["a", 1.0], True),
    ({"A": 1}, "equal", {"a": 1}, False),
    ({"a": ["B"]}, "equal", {"a": ["b"]}, True),
    ("Hello", "contains", "ELL", True),
    ("Hello", "not_contains", "ELL", False),
    (["New", "VIP", 1], "contains", "vip", True),
    (["New", "VIP", 1], "contains", 1, True),
    ([["New"], {"A": "B"}], "contains", ["NEW"], True),
    ([["New"], {"A": "B"}], "contains", {"A": "b"}, True),
    ({"Content-Type": 1}, "contains", "content-type", True),
    ({"Content-Type": 1}, "contains", "CONTENT", False),
    ("Hello", "starts_with", "hE", True),
    ("Hello", "ends_with", "LO", True),
    ("Ann@Example.COM", "matches", "*@example.com", True),
    ("Ann@Example.COM", "matches", "*@EXAMPLE.c?m", True),
    ("pro", "one_of", ["PRO", "Team"], True),
    ("free", "one_of", ["PRO", "Team"], False),
    ("pro", "not_one_of", ["PRO", "Team"], False),
]


def test_the_tables_have_at_least_150_rows() -> None:
    assert len(TWO_SIDED) + len(IGNORING_CASE) + len(ONE_SIDED) >= 150


@pytest.mark.parametrize(("value", "operator", "to", "expected"), TWO_SIDED)
def test_an_operator_of_two_values_holds_as_the_table_says(
    value: Any, operator: str, to: Any, expected: bool
) -> None:
    assert holds(compared(value, operator, to), {}) is expected
    assert holds(compared("<<it>>", operator, "<<to>>"), {"it": value, "to": to}) is expected


@pytest.mark.parametrize(("value", "operator", "to", "expected"), IGNORING_CASE)
def test_letters_can_be_compared_whatever_their_case(
    value: Any, operator: str, to: Any, expected: bool
) -> None:
    assert holds(compared(value, operator, to, ignore_case=True), {}) is expected


@pytest.mark.parametrize("operator", [one for one in operators() if one.letters])
def test_case_counts_unless_it_is_to_be_ignored(operator: Any) -> None:
    to = ["LETTERS"] if operator.name in {"one_of", "not_one_of"} else "LETTERS"
    counted = holds(compared("letters", operator.name, to, ignore_case=False), {})
    assert counted is holds(compared("letters", operator.name, to), {})
    assert counted is not holds(compared("letters", operator.name, to, ignore_case=True), {})


# Kinds that do not go together

SAMPLES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "number": 1,
    "text": "2026-01-01",
    "list": [1, 2],
    "object": {"a": 1},
}
ALL_PAIRS = set(product(SAMPLES, SAMPLES))
SAME_ORDER = {("number", "number"), ("text", "text")}
HOLDING = {("text", "text"), ("object", "text")} | {("list", kind) for kind in SAMPLES}
DATES = set(product(["number", "text"], repeat=2))
TAKEN: dict[str, set[tuple[str, str]]] = {
    "equal": ALL_PAIRS,
    "not_equal": ALL_PAIRS,
    "greater": SAME_ORDER,
    "at_least": SAME_ORDER,
    "less": SAME_ORDER,
    "at_most": SAME_ORDER,
    "between": {("number", "list")},
    "contains": HOLDING,
    "not_contains": HOLDING,
    "starts_with": {("text", "text")},
    "ends_with": {("text", "text")},
    "matches": {("text", "text")},
    "one_of": {(kind, "list") for kind in SAMPLES},
    "not_one_of": {(kind, "list") for kind in SAMPLES},
    "before": DATES,
    "after": DATES,
}


@pytest.mark.parametrize(
    ("operator", "one", "other"),
    [(name, *pair) for name in TAKEN for pair in sorted(ALL_PAIRS)],
)
def test_an_operator_takes_the_kinds_it_makes_sense_for_and_names_the_others(
    operator: str, one: str, other: str
) -> None:
    condition = compared(SAMPLES[one], operator, SAMPLES[other])
    if (one, other) in TAKEN[operator]:
        assert holds(condition, {}) in {True, False}
        return
    with pytest.raises(ExpressionFailed) as caught:
        holds(condition, {})
    assert type(caught.value) is ExpressionFailed
    takes, _, found = caught.value.message.partition(", not ")
    assert takes == f"'{operator}' takes {OPERATORS[operator].takes}"
    assert one in found
    assert other in found


def test_every_operator_of_two_values_is_in_the_table_of_kinds() -> None:
    assert set(TAKEN) == {one.name for one in operators() if one.sides == 2}


FAULTY: list[tuple[Any, str, Any, str]] = [
    (1, "greater", "1", "'greater' takes two numbers or two texts, not number and text."),
    (True, "less", 2, "'less' takes two numbers or two texts, not boolean and number."),
    (None, "at_least", 2, "'at_least' takes two numbers or two texts, not null and number."),
    (1, "between", [1], "not number and a list of number."),
    (1, "between", [], "not number and list."),
    (1, "between", [1, 2, 3], "not number and a list of number, number, number."),
    (1, "between", [1, 2, 3, 4], "not number and list."),
    (1, "between", ["1", 2], "not number and a list of text, number."),
    (1, "between", ["1", "2"], "not number and a list of text, text."),
    ("b", "between", ["a", 3], "not text and a list of text, number."),
    (1, "between", {"low": 0, "high": 2}, "not number and object."),
    ("a1", "contains", 1, "not text and number."),
    ({"1": 1}, "contains", 1, "not object and number."),
    ("a", "one_of", "abc", "'one_of' takes any value and a list, not text and text."),
    ("soon", "before", "2026-01-01", "'before': 'soon' is no date (ISO 8601)."),
    ("2026-01-01", "after", "2026-02-30", "'after': '2026-02-30' is no date (ISO 8601)."),
    (1e300, "before", 0, "is no date"),
    ("", "after", 0, "'after': '' is no date (ISO 8601)."),
    ("a", "matches", "*" * (LONGEST_PATTERN + 1), "The pattern is longer than 1,000 characters."),
]


@pytest.mark.parametrize(("value", "operator", "to", "message"), FAULTY)
def test_a_message_says_what_does_not_fit(value: Any, operator: str, to: Any, message: str) -> None:
    with pytest.raises(ExpressionFailed, match=re.escape(message)):
        holds(compared(value, operator, to), {})


# Bombs


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("a" * 1_000_000, "*a" * 499 + "b", False),
        ("a" * 1_000_000, "*" + "a" * 900 + "b", False),
        ("a" * 1_000_000, "*" + "a?" * 400 + "b", False),
        ("ab" * 500_000, "*?a" * 300 + "*c", False),
        ("a" * 1_000_000, "*" * 1_000, True),
        ("a" * 1_000_000, "*a*" * 333, True),
    ],
)
def test_no_pattern_takes_long(text: str, pattern: str, expected: bool) -> None:
    assert holds(compared("<<text>>", "matches", pattern), {"text": text}) is expected


@pytest.mark.timeout(20)
def test_deep_and_wide_data_are_compared_without_trouble() -> None:
    one: Any = 1
    other: Any = 1.0
    for _ in range(100_000):
        one, other = [one], [other]
    data = {"one": one, "other": other, "wide": [*range(200_000), [1, "a"]]}
    assert holds(compared("<<one>>", "equal", "<<other>>"), data)
    assert holds(compared("<<wide>>", "contains", [1, "A"], ignore_case=True), data)
    assert not holds(compared("<<wide>>", "contains", "<<one>>"), data)


# Laws

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_every_value_equals_itself(value: Any) -> None:
    data = {"it": value}
    assert holds(compared("<<it>>", "equal", "<<it>>"), data)
    assert holds(compared("<<it>>", "one_of", [0, "<<it>>"]), data)


@given(JSON, JSON)
def test_equality_has_no_direction_and_an_opposite(one: Any, other: Any) -> None:
    data = {"one": one, "other": other}
    equal = holds(compared("<<one>>", "equal", "<<other>>"), data)
    assert holds(compared("<<other>>", "equal", "<<one>>"), data) is equal
    assert holds(compared("<<one>>", "not_equal", "<<other>>"), data) is not equal


LETTERS = st.recursive(
    st.text("aAb", max_size=2) | st.integers(0, 1) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text("aA", max_size=1), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(LETTERS, LETTERS)
@pytest.mark.parametrize("operator", ["equal", "contains", "starts_with", "ends_with", "one_of"])
def test_what_holds_with_case_holds_without(operator: str, one: Any, other: Any) -> None:
    data = {"one": one, "other": other}
    condition = compared("<<one>>", operator, "<<other>>")
    with contextlib.suppress(ExpressionFailed):
        answer = holds(condition, data)
        assert holds({**condition, "ignore_case": True}, data) or not answer


@given(JSON, JSON)
@pytest.mark.parametrize("operator", [one.name for one in operators() if one.sides == 2])
def test_an_operator_answers_or_says_that_it_cannot_for_any_json(
    operator: str, one: Any, other: Any
) -> None:
    condition = compared("<<one>>", operator, "<<other>>")
    with contextlib.suppress(ExpressionFailed):
        assert holds(condition, {"one": one, "other": other}) in {True, False}


@given(st.text("ab\n", max_size=8), st.text("ab\n*?", max_size=8))
def test_patterns_mean_what_they_mean_for_file_names(text: str, pattern: str) -> None:
    expected = re.fullmatch(fnmatch.translate(pattern), text) is not None
    data = {"text": text, "pattern": pattern}
    assert holds(compared("<<text>>", "matches", "<<pattern>>"), data) is expected


@given(JSON, JSON)
@pytest.mark.parametrize(
    ("operator", "expression"),
    [
        ("equal", "<<one == other>>"),
        ("not_equal", "<<one != other>>"),
        ("greater", "<<one > other>>"),
        ("at_least", "<<one >= other>>"),
        ("less", "<<one < other>>"),
        ("at_most", "<<one <= other>>"),
        ("contains", "<<other in one>>"),
    ],
)
def test_an_operator_agrees_with_that_of_expressions(
    operator: str, expression: str, one: Any, other: Any
) -> None:
    data = {"one": one, "other": other}
    assert outcome(compared("<<one>>", operator, "<<other>>"), data) is outcome(expression, data)


def outcome(condition: Any, data: dict[str, Any]) -> bool | type[Exception]:
    try:
        return holds(condition, data)
    except ExpressionFailed as error:
        return type(error)
