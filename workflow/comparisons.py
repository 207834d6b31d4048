"""The operators of conditions: one table of pure functions over plain JSON data.

Nothing is coerced: a text is never a number, true is never 1. A function says None when it makes
no sense for the kinds of its values; the operator then says which kinds it takes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.dates import timestamp
from workflow.errors import ExpressionFailed
from workflow.values import Missing, is_number, kind

LONGEST_PATTERN = 1_000
Answer = Callable[..., bool | None]


@dataclass(frozen=True, slots=True)
class Operator:
    """A way to look at one value or to compare two."""

    name: str
    #: As people read it between the two values.
    title: str
    sides: Literal[1, 2]
    #: The kinds of values it makes sense for, in words.
    takes: str
    function: Answer = field(repr=False)
    #: Whether it looks at letters: its function then takes ``ignore_case``.
    letters: bool = False
    sees_missing: bool = False

    def answer(self, *sides: Any, ignore_case: bool = False) -> bool:
        """Say whether it is so for one value, or for two.

        Raises
        ------
        ExpressionFailed
            If it makes no sense for values of these kinds.

        """
        options = {"ignore_case": True} if ignore_case else {}
        try:
            answer = self.function(*sides, **options)
        except ExpressionFailed as error:
            raise ExpressionFailed(f"{self.name!r}: {error.message}", **error.meta) from error
        if answer is None:
            raise ExpressionFailed(
                f"{self.name!r} takes {self.takes}, not {' and '.join(map(_shape, sides))}.",
                operator=self.name,
            )
        return answer


def _shape(value: Any) -> str:
    """Return the kind of a value; of a short list also what is in it."""
    if isinstance(value, list) and 0 < len(value) <= 3:
        return f"a list of {', '.join(map(kind, value))}"
    return kind(value)


def same(one: Any, other: Any, *, ignore_case: bool = False) -> bool:
    """Say whether two values are the same JSON: 1 is 1.0 and true is not 1, however deep.

    The keys of objects keep their case.
    """
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
            waiting += zip(left, right, strict=True)
        elif _same_keys(left, right):
            waiting += [(item, right[key]) for key, item in left.items()]
        elif not _same_single(left, right, ignore_case):
            return False
    return True


def _same_keys(one: Any, other: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys()


def _same_single(one: Any, other: Any, ignore_case: bool) -> bool:
    # Lists and objects come here only if they differ in size or keys.
    if any(isinstance(side, bool | list | Mapping) for side in (one, other)):
        return one is other
    if ignore_case and _both_texts(one, other):
        return bool(one.casefold() == other.casefold())
    return bool(one == other)


# Order


def _ordered(compare: Callable[[Any, Any], bool]) -> Answer:
    def function(value: Any, to: Any) -> bool | None:
        return compare(value, to) if _have_order(value, to) else None

    return function


def _have_order(one: Any, other: Any) -> bool:
    return _both_texts(one, other) or (is_number(one) and is_number(other))


def _both_texts(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str)


def _between(value: Any, to: Any) -> bool | None:
    match to:
        case [low, high] if _have_order(low, value) and _have_order(value, high):
            return bool(low <= value <= high)
        case _:
            return None


def _dated(compare: Callable[[Any, Any], bool]) -> Answer:
    def function(value: Any, to: Any) -> bool | None:
        if not all(isinstance(side, str) or is_number(side) for side in (value, to)):
            return None
        return compare(timestamp(value), timestamp(to))

    return function


# Texts and what holds something


def _of_texts(compare: Callable[[str, str], bool]) -> Answer:
    def function(value: Any, to: Any, *, ignore_case: bool = False) -> bool | None:
        if not _both_texts(value, to):
            return None
        return compare(value.casefold(), to.casefold()) if ignore_case else compare(value, to)

    return function


def _contains(value: Any, to: Any, *, ignore_case: bool = False) -> bool | None:
    if isinstance(value, list):
        return any(same(item, to, ignore_case=ignore_case) for item in value)
    if not isinstance(value, str | Mapping) or not isinstance(to, str):
        return None
    if not ignore_case:
        return to in value
    wanted = to.casefold()
    if isinstance(value, str):
        return wanted in value.casefold()
    return any(key.casefold() == wanted for key in value)


def _one_of(value: Any, to: Any, *, ignore_case: bool = False) -> bool | None:
    return _contains(to, value, ignore_case=ignore_case) if isinstance(to, list) else None


def _not(function: Answer) -> Answer:
    def opposite(*sides: Any, **options: bool) -> bool | None:
        answer = function(*sides, **options)
        return None if answer is None else not answer

    return opposite


def _matches(text: str, pattern: str) -> bool:
    # Each bit stands for a place in the pattern that the text read so far may have led to. A
    # character moves all of them at once, so no pattern makes the work grow with its stars.
    letters, any_letter, stars, end = _places(pattern)
    places = 1
    for letter in text:
        places = (places & letters.get(letter, any_letter)) << 1 | places & stars
        if not places or places & stars & end:
            break
    return bool(places & end)


def _places(pattern: str) -> tuple[dict[str, int], int, int, int]:
    """Return where each letter, any letter, and any number of them may come; and the end."""
    if len(pattern) > LONGEST_PATTERN:
        raise ExpressionFailed(f"The pattern is longer than {LONGEST_PATTERN:,} characters.")
    letters: dict[str, int] = {}
    any_letter, stars, place = 0, 0, 1
    for sign in pattern:
        if sign == "*":
            stars |= place
            continue
        if sign == "?":
            any_letter |= place
        else:
            letters[sign] = letters.get(sign, 0) | place
        place <<= 1
    return {sign: at | any_letter for sign, at in letters.items()}, any_letter, stars, place


# One value


def _exactly(wanted: bool) -> Answer:
    def function(value: Any) -> bool | None:
        return value is wanted if isinstance(value, bool) else None

    return function


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | Mapping) and not value)


def _absent(value: Any) -> bool:
    return isinstance(value, Missing)


def _of_kind(wanted: str) -> Answer:
    return lambda value: kind(value) == wanted


_ANY, _ANY_TWO, _ORDERED = "any value", "any two values", "two numbers or two texts"
_HOLDING = "a text and a text, a list and any value, or an object and a key"
_LISTED, _TEXTS = "any value and a list", "two texts"
_DATES = "two dates (ISO 8601 texts or seconds since 1970)"
_RANGE = "a number and a list of two numbers, or a text and a list of two texts"

#: By name, in the order in which people look for them.
OPERATORS: Mapping[str, Operator] = {
    one.name: one
    for one in (
        Operator("equal", "equals", 2, _ANY_TWO, same, letters=True),
        Operator("not_equal", "does not equal", 2, _ANY_TWO, _not(same), letters=True),
        Operator("greater", "is greater than", 2, _ORDERED, _ordered(operator.gt)),
        Operator("at_least", "is at least", 2, _ORDERED, _ordered(operator.ge)),
        Operator("less", "is less than", 2, _ORDERED, _ordered(operator.lt)),
        Operator("at_most", "is at most", 2, _ORDERED, _ordered(operator.le)),
        Operator("between", "is between (both ends included)", 2, _RANGE, _between),
        Operator("contains", "contains", 2, _HOLDING, _contains, letters=True),
        Operator("not_contains", "does not contain", 2, _HOLDING, _not(_contains), letters=True),
        Operator("starts_with", "starts with", 2, _TEXTS, _of_texts(str.startswith), letters=True),
        Operator("ends_with", "ends with", 2, _TEXTS, _of_texts(str.endswith), letters=True),
        Operator("matches", "matches (* and ?)", 2, _TEXTS, _of_texts(_matches), letters=True),
        Operator("one_of", "is one of", 2, _LISTED, _one_of, letters=True),
        Operator("not_one_of", "is none of", 2, _LISTED, _not(_one_of), letters=True),
        Operator("before", "is before (dates)", 2, _DATES, _dated(operator.lt)),
        Operator("after", "is after (dates)", 2, _DATES, _dated(operator.gt)),
        Operator("empty", "is empty", 1, _ANY, _empty),
        Operator("not_empty", "is not empty", 1, _ANY, _not(_empty)),
        Operator("present", "is there", 1, _ANY, _not(_absent), sees_missing=True),
        Operator("absent", "is not there", 1, _ANY, _absent, sees_missing=True),
        Operator("true", "is true", 1, "a boolean", _exactly(True)),
        Operator("false", "is false", 1, "a boolean", _exactly(False)),
        Operator("null", "is null", 1, _ANY, _of_kind("null")),
        Operator("a_text", "is a text", 1, _ANY, _of_kind("text")),
        Operator("a_number", "is a number", 1, _ANY, _of_kind("number")),
        Operator("a_boolean", "is true or false", 1, _ANY, _of_kind("boolean")),
        Operator("a_list", "is a list", 1, _ANY, _of_kind("list")),
        Operator("an_object", "is an object", 1, _ANY, _of_kind("object")),
    )
}
