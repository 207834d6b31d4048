"""Expressions under invented data: JSON there and back, and errors of ours alone."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.errors import WorkflowError
from workflow.expressions import escape, parse
from workflow.filters import FILTERS, TESTS

from .test_expressions import DATA

TYPES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "whole number": st.integers(),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "text": st.text(),
}
JSON = st.recursive(
    st.one_of(*TYPES.values()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON)
def test_a_field_that_is_one_expression_keeps_value_and_type(value: Any) -> None:
    assert repr(parse("<<trigger.value>>").resolve({"trigger": {"value": value}})) == repr(value)
    assert (
        json.loads(parse("<<trigger.value | json>>").resolve({"trigger": {"value": value}}))
        == value
    )


@given(text=st.text(st.sampled_from("<>\\{}a '\"\n%#")))
def test_an_escaped_text_is_itself_again(text: str) -> None:
    assert parse(escape(text)).resolve({}) == text


@given(text=st.text(st.sampled_from("<>\\abc.[]()'\"|+-*/%~ 0149{}:,_=!nost")))
def test_whatever_is_typed_ends_in_a_value_or_an_error_of_ours(text: str) -> None:
    with contextlib.suppress(WorkflowError):
        json.dumps(parse(f"<<{text}>>").resolve(DATA))


@pytest.mark.parametrize("name", [*TYPES, "list", "object"])
@given(drawn=st.data())
def test_every_type_comes_out_as_it_went_in(name: str, drawn: st.DataObject) -> None:
    containers = {"list": st.lists(JSON), "object": st.dictionaries(st.text(), JSON)}
    value = drawn.draw({**TYPES, **containers}[name])
    data = {"trigger": {"value": value, "key": "value"}}
    for text in (
        "<<trigger.value>>",
        "<<trigger['value']>>",
        "<<trigger[trigger.key]>>",
        "<<[trigger.value][0]>>",
        "<<{'a': trigger.value}.a>>",
        "<<trigger.value | default('x')>>",
        "<<trigger.value if true else 0>>",
        "<<trigger.value | json | from_json>>",
        "<<[trigger.value] | json | base64 | from_base64 | url | from_url | from_json | first>>",
    ):
        assert repr(parse(text).resolve(data)) == repr(value)
    written = (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    )
    assert parse("a <<trigger.value>> b").resolve(data) == f"a {written} b"
    assert parse("<<trigger.value == trigger['value']>>").resolve(data) is True


@given(value=st.dictionaries(st.text(), JSON))
def test_an_object_is_itself_again_from_its_keys_and_values(value: dict[str, Any]) -> None:
    assert parse("<<a | items | from_items>>").resolve({"a": value}) == value


@given(value=st.text())
def test_a_text_written_out_in_quotes_is_itself(value: str) -> None:
    source = '<<"' + value.replace("\\", "\\\\").replace('"', '\\"') + '">>'
    found = parse(source).resolve({})
    assert found == value.replace("\r\n", "\n").replace("\r", "\n")


@settings(deadline=None)
@given(value=st.datetimes(timezones=st.timezones()))
def test_a_date_is_the_same_moment_in_every_time_zone(value: Any) -> None:
    with contextlib.suppress(WorkflowError):  # years before 1 and after 9999
        seconds = parse("<<a | timestamp>>").resolve({"a": value.isoformat()})
        for zone in ("UTC", "Asia/Kolkata", "Australia/Lord_Howe"):
            text = f"<<a | iso('{zone}') | timestamp>>"
            assert parse(text).resolve({"a": value.isoformat()}) == pytest.approx(seconds)


ANY = JSON | st.sampled_from([10**400, 1e308, "\ud800", "2026-03-29T01:30Z", "%Y", "day", "[[1]]"])


FORMS = {
    **{f"a | {name}": one for name, one in FILTERS.items()},
    **{f"a is {name}": one for name, one in TESTS.items()},
}


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None)
@given(value=ANY, arguments=st.lists(ANY, min_size=3, max_size=3))
def test_whatever_a_function_is_given_it_gives_json_or_an_error_of_ours(
    form: str, value: Any, arguments: list[Any]
) -> None:
    data = {"a": value, "arguments": arguments}
    before = repr(data)
    for count in range(FORMS[form].least, FORMS[form].most + 1):
        written = ", ".join(f"arguments[{at}]" for at in range(count))
        with contextlib.suppress(WorkflowError):
            found = parse(f"<<{form}({written})>>" if count else f"<<{form}>>").resolve(data)
            json.dumps(found, allow_nan=False)
    assert repr(data) == before
