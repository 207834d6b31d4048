"""JSON of strangers: the standard's, finite and not nested without end."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.plain_json import DEEPEST, parsed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_comes_back(value: object) -> None:
    if "Infinity" not in (text := json.dumps(value)):
        assert parsed(text) == value
        assert parsed(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "nul", "NaN", "[Infinity]", "-Infinity", "1e999", "[-1e400]", "'a'", "{a: 1}"),
        *("\ufeff1", "[" * 100_000, '{"a":' * 5000, "[" * (DEEPEST + 2) + "]" * (DEEPEST + 2)),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(text)


def test_as_deep_as_allowed_is_fine() -> None:
    value = parsed("[" * DEEPEST + "]" * DEEPEST)
    depth = 0
    while value:
        value, depth = value[0], depth + 1
    assert depth + 1 == DEEPEST


def test_wide_values_are_no_deep_ones() -> None:
    assert len(parsed("[" + ",".join(["[]"] * 1000) + "]")) == 1000
    assert math.isclose(parsed("1e308"), 1e308)
