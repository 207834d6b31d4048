"""The difference of two definitions: by step, complete, and no more than there is."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.diffs import ABSENT, Change, Difference, Place, What, differences
from workflow.documents import content_hash

Document = dict[str, Any]


def step(step_id: str, **fields: Any) -> Document:
    return {"id": step_id, "type": "set", "values": {"x": 1}, **fields}


def condition(step_id: str, *blocks: list[Document], **fields: Any) -> Document:
    branches = [{"if": "<<trigger.x>>", "steps": block} for block in blocks]
    return {"id": step_id, "type": "condition", "branches": branches, **fields}


def workflow(*steps: Document, **fields: Any) -> Document:
    return {"name": "w", "trigger": {"type": "manual"}, "steps": list(steps), **fields}


def told(old: Document, new: Document) -> list[tuple[str, str, list[str]]]:
    """Return differences in short: what, of which step, which fields."""
    return [
        (str(one.what), one.step, [change.pointer for change in one.changes])
        for one in differences(old, new)
    ]


def test_a_changed_field_is_told_with_old_and_new() -> None:
    old, new = workflow(step("a")), workflow(step("a", values={"x": 2, "y": None}))
    changes = (Change("/values/x", 1, 2), Change("/values/y", ABSENT, None))
    assert differences(old, new) == [Difference(What.CHANGED, "a", "set", changes)]


def test_added_and_removed_steps_are_told_whole_with_their_places() -> None:
    a, b = step("a"), step("b", values={"y": 1})
    own = {"type": "set", "values": {"y": 1}}
    assert differences(workflow(a), workflow(a, b)) == [
        Difference(What.ADDED, "b", "set", (Change("", ABSENT, own),), None, Place("", "a"))
    ]
    assert differences(workflow(a, b), workflow(a)) == [
        Difference(What.REMOVED, "b", "set", (Change("", own, ABSENT),), Place("", "a"))
    ]


@pytest.mark.parametrize(
    ("old", "new", "count", "any_of"),
    [
        ("abc", "cab", 1, "c"),
        ("abc", "bca", 1, "a"),
        ("abcde", "abdce", 1, "cd"),
        ("abc", "abc", 0, ""),
        ("abc", "axbc", 0, ""),
        ("abcd", "dcba", 3, "abcd"),
    ],
)
def test_as_few_steps_as_can_be_are_said_to_have_moved(
    old: str, new: str, count: int, any_of: str
) -> None:
    found = differences(workflow(*map(step, old)), workflow(*map(step, new)))
    moved = [one.step for one in found if one.what is What.MOVED]
    assert len(moved) == count
    assert set(moved) <= set(any_of)


def test_a_step_that_moves_into_a_branch_and_changes_is_told_twice() -> None:
    old = workflow(step("a"), condition("c", [step("b")]))
    new = workflow(condition("c", [step("b"), step("a", values={"x": 5})]))
    assert told(old, new) == [("moved", "a", []), ("changed", "a", ["/values/x"])]
    moved = differences(old, new)[0]
    assert (moved.old_place, moved.new_place) == (Place(), Place("c.branches[0]", "b"))
    assert moved.new_place is not None
    assert moved.new_place.words() == "after b in c.branches[0]"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            workflow(condition("c", [step("a")])),
            workflow(condition("c", [step("a")], **{"else": [step("b")]})),
            [("changed", "c", ["/else"]), ("added", "b", [""])],
        ),
        (
            workflow(step("a")),
            workflow(step("a", on_error={"steps": [step("b")]})),
            [("changed", "a", ["/on_error"]), ("added", "b", [""])],
        ),
        (
            workflow(condition("c", [step("a")], [step("b")])),
            workflow(condition("c", [step("a")])),
            [("changed", "c", ["/branches"]), ("removed", "b", [""])],
        ),
        (
            workflow(step("a"), title="Old", settings=[{"id": "p", "type": "text"}]),
            workflow(step("a"), settings=[{"id": "p", "type": "number"}]),
            [("changed", "", ["/title", "/settings/p/type"])],
        ),
        (
            workflow(step("a"), settings=[{"id": "p"}, {"id": "q"}]),
            workflow(step("a"), settings=[{"id": "q"}, {"id": "p"}]),
            [("changed", "", ["/settings"])],
        ),
        (
            workflow(step("a", type="http", url="u")),
            workflow(step("a", type="request", url="u")),
            [("changed", "a", ["/type"])],
        ),
        (
            workflow(step("a", values={"x/y": [1, 2]})),
            workflow(step("a", values={"x/y": [1, 3]})),
            [("changed", "a", ["/values/x~1y/1"])],
        ),
        (
            workflow(step("a", values={"x": [1, 2]})),
            workflow(step("a", values={"x": [1]})),
            [("changed", "a", ["/values/x"])],
        ),
    ],
)
def test_differences_are_told_where_they_are(
    old: Document, new: Document, expected: list[tuple[str, str, list[str]]]
) -> None:
    assert told(old, new) == expected


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), (1, "1"), (None, "null"), (1, 1.5), ([], {})]
)
def test_values_of_different_types_differ(one: Any, other: Any) -> None:
    old, new = workflow(step("a", values={"x": one})), workflow(step("a", values={"x": other}))
    assert told(old, new) == [("changed", "a", ["/values/x"])]


def test_as_json_a_value_that_is_not_there_has_no_member() -> None:
    (found,) = differences(workflow(step("a")), workflow(step("a", title="T")))
    assert found.told() == {
        "what": "changed",
        "step": "a",
        "type": "set",
        "changes": [{"pointer": "/title", "new": "T"}],
    }


_leaves = st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), min_size=1)


@st.composite
def definitions(draw: st.DrawFn) -> Document:
    """Small definitions whose steps have their ids once, some within others."""
    ids = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    steps: list[Document] = []
    for one in ids:
        leaf = step(one, values=draw(_leaves))
        within = [known for known in steps if known["type"] == "condition"]
        if within and draw(st.booleans()):
            place = draw(st.sampled_from(within))
            block = place.setdefault("else", []) if draw(st.booleans()) else None
            (place["branches"][0]["steps"] if block is None else block).append(leaf)
        else:
            steps.append(condition(one, []) if draw(st.booleans()) else leaf)
    return workflow(*steps, **draw(st.fixed_dictionaries({}, optional={"title": st.just("T")})))


@given(definitions(), definitions())
def test_there_are_differences_exactly_when_the_hashes_differ(old: Document, new: Document) -> None:
    assert bool(differences(old, new)) == (content_hash(old) != content_hash(new))


@given(definitions(), definitions())
def test_nothing_that_is_compared_is_changed_by_it(old: Document, new: Document) -> None:
    before = copy.deepcopy((old, new))
    differences(old, new)
    assert (old, new) == before


@given(definitions(), definitions())
def test_the_way_back_removes_what_the_way_there_added(old: Document, new: Document) -> None:
    there, back = differences(old, new), differences(new, old)
    added = {one.step for one in there if one.what is What.ADDED}
    assert {one.step for one in back if one.what is What.REMOVED} == added
    changed = {one.step: one.changes for one in there if one.what is What.CHANGED}
    returned = {one.step: one.changes for one in back if one.what is What.CHANGED}
    assert set(changed) == set(returned)
    for step_id, changes in changed.items():
        turned = {(one.pointer, repr(one.new), repr(one.old)) for one in returned[step_id]}
        assert {(one.pointer, repr(one.old), repr(one.new)) for one in changes} == turned
