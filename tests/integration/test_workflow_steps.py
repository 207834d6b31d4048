"""Every other type of step, run for real: what it gives and what it refuses."""

from __future__ import annotations

import time
from typing import Any

import pytest

from workflow.models import RunState

from ..upstream import answering
from .workshop import Document, Workshop, error_of, http, setting, told

# set


def test_set_keeps_types_and_later_steps_see_them(workshop: Workshop) -> None:
    values = {
        "n": 1,
        "f": 1.5,
        "t": "x",
        "none": None,
        "yes": True,
        "list": [1, [2]],
        "o": {"a": {}},
    }
    first = setting("first", **{name: f"<<trigger.{name}>>" for name in values})
    second = setting("second", all="<<steps.first>>")
    assert workshop.give([first, second], "<<steps.second.all>>", values) == values


# condition


def branching(*branches: tuple[Any, str], otherwise: str | None = None) -> Document:
    step: Document = {
        "id": "choose",
        "type": "condition",
        "branches": [
            {"if": condition, "steps": [setting(f"in_{name}", at=name)]}
            for condition, name in branches
        ],
    }
    if otherwise is not None:
        step["else"] = [setting(f"in_{otherwise}", at=otherwise)]
    return step


def at_least(number: int) -> Document:
    return {"value": "<<trigger.n>>", "is": "at_least", "to": number}


CHOICES: list[tuple[int, Any]] = [(25, 0), (15, 1), (5, 2), (-1, "else")]


@pytest.mark.parametrize(("n", "branch"), CHOICES)
def test_the_first_branch_that_holds_is_taken(workshop: Workshop, n: int, branch: Any) -> None:
    step = branching((at_least(20), "a"), (at_least(10), "b"), (at_least(0), "c"), otherwise="d")
    wanted = {"branch": "<<steps.choose.branch>>", "did": "<<steps | keys | sort>>"}
    given = workshop.give([step], wanted, {"n": n})
    letter = "d" if branch == "else" else "abc"[branch]
    assert given == {"branch": branch, "did": ["choose", f"in_{letter}"]}


def test_nothing_is_done_where_nothing_matches(workshop: Workshop) -> None:
    step = branching((at_least(20), "a"))
    given = workshop.give([step, setting("seen", all="<<steps>>")], "<<steps.seen.all>>", {"n": 1})
    assert given == {"choose": {"branch": "else"}}


@pytest.mark.parametrize(
    ("trigger", "taken"),
    [
        ({"n": 5, "plan": "pro", "off": False}, True),
        ({"n": 0, "plan": "team", "off": False}, True),
        ({"n": 0, "plan": "free", "off": False}, False),
        ({"n": 5, "plan": "pro", "off": True}, False),
    ],
)
def test_groups_stand_within_groups(
    workshop: Workshop, trigger: dict[str, Any], taken: bool
) -> None:
    condition = {
        "all": [
            {"any": [at_least(3), {"value": "<<trigger.plan>>", "is": "one_of", "to": ["team"]}]},
            {"not": "<<trigger.off>>"},
        ]
    }
    given = workshop.give([branching((condition, "a"))], "<<steps.choose.branch>>", trigger)
    assert given == (0 if taken else "else")


def test_conditions_stand_within_branches(workshop: Workshop) -> None:
    inner = {
        "id": "inner",
        "type": "condition",
        "branches": [{"if": at_least(5), "steps": [setting("deep", x="<<trigger.n>>")]}],
    }
    outer = {
        "id": "outer",
        "type": "condition",
        "branches": [{"if": at_least(1), "steps": [inner]}],
    }
    assert workshop.give([outer], "<<steps.deep.x>>", {"n": 7}) == 7


def test_a_condition_without_a_value_fails_and_names_its_branch(workshop: Workshop) -> None:
    run = workshop.run([branching((at_least(1), "a"))], {})
    error = error_of(run)
    assert error["kind"] == "expression"
    assert "Branch 1" in error["message"]


# for_each


def each(items: Any, steps: list[Document], **more: Any) -> Document:
    return {"id": "each", "type": "for_each", "in": items, "steps": steps, **more}


@pytest.mark.parametrize("at_once", [1, 4])
def test_for_each_does_its_steps_for_every_item(workshop: Workshop, at_once: int) -> None:
    url = workshop.at("/item", told({"ok": 1}))
    step = each(
        "<<trigger.items>>",
        [
            http("call", url, query={"n": "<<item.n>>"}),
            setting("sum", both="<<item.n + index>>"),
        ],
        at_once=at_once,
    )
    items = [{"n": n} for n in range(12)]
    given = workshop.give([step], "<<steps.each>>", {"items": items})
    assert given == {"items": [{"both": 2 * n} for n in range(12)], "errors": [], "count": 12}
    asked = [one.target.partition("=")[2] for one in workshop.asked("/item")]
    assert sorted(asked, key=int) == [str(n) for n in range(12)]
    assert at_once > 1 or asked == [str(n) for n in range(12)]


def test_for_each_collects_what_result_says(workshop: Workshop) -> None:
    step = each([1, 2], [setting("a", x="<<item * 10>>")], result="<<steps.a.x + index>>")
    assert workshop.give([step], "<<steps.each.items>>") == [10, 21]


@pytest.mark.parametrize("at_once", [1, 3])
def test_for_each_keeps_failed_items_apart(workshop: Workshop, at_once: int) -> None:
    fine, broken = workshop.at("/fine", told(1)), workshop.at("/broken", told({}, 404))
    step = each(
        "<<trigger>>",
        [http("call", "<<item>>", retry={"attempts": 1})],
        on_item_error="collect",
        result="<<steps.call.status>>",
        at_once=at_once,
    )
    given = workshop.give([step], "<<steps.each>>", [fine, broken, fine])
    assert (given["items"], given["count"]) == ([200, 200], 3)
    [error] = given["errors"]
    assert (error["index"], error["item"], error["error"]["status"]) == (1, broken, 404)


def test_a_result_without_a_value_is_the_items_error(workshop: Workshop) -> None:
    step = each([{"a": 1}, {}], [], result="<<item.a>>", on_item_error="collect")
    given = workshop.give([step], "<<steps.each>>")
    assert given["items"] == [1]
    assert [(one["index"], one["error"]["kind"]) for one in given["errors"]] == [(1, "expression")]


def test_a_failed_item_fails_the_step_and_the_rest_is_not_done(workshop: Workshop) -> None:
    fine, broken = workshop.at("/fine", told(1)), workshop.at("/broken", told({}, 404))
    run = workshop.run([each("<<trigger>>", [http("call", "<<item>>")])], [fine, broken, fine])
    assert run.detail is not None
    assert run.detail["step"] == "each[1].call"
    assert len(workshop.asked("/fine")) == 1


def test_a_failed_item_fails_the_run_though_another_waits(workshop: Workshop) -> None:
    steps = [
        {
            "id": "choose",
            "type": "condition",
            "branches": [
                {"if": "<<item == 0>>", "steps": [{"id": "wait", "type": "delay", "seconds": 3600}]}
            ],
            "else": [{"id": "no", "type": "fail", "message": "no"}],
        }
    ]
    run = workshop.run([each([0, 1], steps, at_once=2)])
    assert run.detail is not None
    assert run.detail["step"] == "each[1].no"


def test_loops_stand_within_loops(workshop: Workshop) -> None:
    inner = {
        "id": "inner",
        "type": "for_each",
        "in": "<<item.list>>",
        "steps": [setting("a", v="<<steps.name.x ~ item ~ index>>")],
        "result": "<<steps.a.v>>",
    }
    step = each(
        "<<trigger>>", [setting("name", x="<<item.name>>"), inner], result="<<steps.inner.items>>"
    )
    trigger = [{"name": "p", "list": [1, 2]}, {"name": "q", "list": []}]
    assert workshop.give([step], "<<steps.each.items>>", trigger) == [["p10", "p21"], []]


def test_what_a_round_does_is_not_seen_outside(workshop: Workshop) -> None:
    steps = [each([1], [setting("inside", a=1)]), setting("after", seen="<<steps | keys>>")]
    assert workshop.give(steps, "<<steps.after.seen>>") == ["each"]


NO_LISTS: list[Any] = ["text", 5, None, {"a": 1}, True]


@pytest.mark.parametrize("value", NO_LISTS)
def test_for_each_refuses_what_is_no_list(workshop: Workshop, value: Any) -> None:
    error = error_of(workshop.run([each("<<trigger.v>>", [setting("a", x=1)])], {"v": value}))
    assert error["kind"] == "expression"
    assert "takes a list" in error["message"]


def test_for_each_takes_10_000_items_at_most(workshop: Workshop) -> None:
    error = error_of(workshop.run([each("<<trigger>>", [])], [0] * 10_001))
    assert "10,000" in error["message"]


def test_an_empty_list_does_nothing(workshop: Workshop) -> None:
    given = workshop.give([each("<<trigger>>", [setting("a", x=1)])], "<<steps.each>>", [])
    assert given == {"items": [], "errors": [], "count": 0}


def test_a_thousand_items_are_done_in_their_order(workshop: Workshop) -> None:
    step = each("<<trigger>>", [setting("a", x="<<item>>")], at_once=8, result="<<steps.a.x>>")
    items = list(range(1000))
    assert workshop.give([step], "<<steps.each.items>>", items) == items


def test_items_one_after_another_wait_for_each_other(workshop: Workshop) -> None:
    """The second item is not begun while the first one waits: that is how people slow down."""
    url = workshop.at("/slowly", told(1))
    steps = [http("call", url), {"id": "pause", "type": "delay", "seconds": 0.3}]
    workshop.run([each([1, 2, 3], steps)])
    [run] = workshop.engine.control.runs(workshop.project)
    begun = {one.path: one for one in workshop.attempts(run.id)}
    for place in (1, 2):
        before, after = begun[f"each[{place - 1}].pause"], begun[f"each[{place}].call"]
        assert before.finished_at is not None
        assert after.started_at >= before.finished_at


def test_no_more_items_are_under_way_at_once_than_said_even_if_they_wait(
    workshop: Workshop,
) -> None:
    url = workshop.at("/many", told(1))
    steps = [http("call", url), {"id": "pause", "type": "delay", "seconds": 3600}]
    name = workshop.deploy(workshop.write([each(list(range(20)), steps, at_once=4)]))
    workshop.waits(workshop.start(name), "delay")
    assert len(workshop.asked("/many")) == 4


@pytest.mark.parametrize("at_once", [1, 4])
def test_a_stop_in_a_loop_ends_the_run_and_no_more_items_are_begun(
    workshop: Workshop, at_once: int
) -> None:
    url = workshop.at("/begun", told(1))
    steps = [http("call", url), {"id": "enough", "type": "stop", "reason": "enough"}]
    run = workshop.run([each(list(range(50)), steps, at_once=at_once)])
    assert (run.state, run.reason) == (RunState.SUCCEEDED, "stop_step")
    assert len(workshop.asked("/begun")) <= at_once


# delay


def test_a_delay_waits_in_the_database_and_goes_on(workshop: Workshop) -> None:
    steps = [{"id": "wait", "type": "delay", "seconds": "<<trigger.s>>"}, setting("after", x=1)]
    name = workshop.deploy(workshop.write(steps))
    begun = time.time()
    run_id = workshop.start(name, {"s": 0.6})
    run = workshop.waits(run_id, "delay")
    assert run.due_at == pytest.approx(begun + 0.6, abs=0.5)
    assert run.worker_id is None
    ended = workshop.ended(run_id)
    assert ended.state is RunState.SUCCEEDED
    assert ended.finished_at is not None
    assert ended.finished_at >= begun + 0.6


@pytest.mark.parametrize(
    "moment", ["2020-01-01T00:00:00Z", 1577836800, "2020-01-01T01:00:00+01:00"]
)
def test_a_moment_that_has_passed_is_no_delay(workshop: Workshop, moment: Any) -> None:
    step = {"id": "wait", "type": "delay", "until": "<<trigger.m>>"}
    assert workshop.give([step], "<<steps.wait.until>>", {"m": moment}) == 1577836800


def test_a_delay_until_a_moment_is_due_then(workshop: Workshop) -> None:
    name = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "until": "<<trigger.m>>"}]))
    moment = time.time() + 3600
    run = workshop.waits(workshop.start(name, {"m": moment}), "delay")
    assert run.due_at == pytest.approx(moment, abs=1)


def test_no_time_is_no_delay(workshop: Workshop) -> None:
    run = workshop.run([{"id": "wait", "type": "delay", "seconds": 0}])
    assert run.state is RunState.SUCCEEDED


NO_DELAYS: list[tuple[str, Any]] = [
    ("seconds", -1),
    ("seconds", "5"),
    ("seconds", None),
    ("seconds", True),
    ("seconds", [1]),
    ("seconds", 366 * 86_400 + 1),
    ("seconds", 10**300),
    ("seconds", 10**400),
    ("until", "tomorrow"),
    ("until", ""),
    ("until", None),
    ("until", "2999-01-01T00:00:00Z"),
    ("until", {"a": 1}),
]


@pytest.mark.parametrize(("field", "value"), NO_DELAYS)
def test_what_is_no_delay_fails_the_step(workshop: Workshop, field: str, value: Any) -> None:
    step = {"id": "wait", "type": "delay", field: "<<trigger.v>>"}
    run = workshop.run([step], {"v": value})
    assert run.reason == "step_failed", run.detail
    assert error_of(run)["kind"] == "expression"


# function


def test_a_function_computes_with_its_input(workshop: Workshop) -> None:
    step = {
        "id": "f",
        "type": "function",
        "input": {"n": "<<trigger.n>>"},
        "code": "return {twice: input.n * 2, text: `<<${input.n}>>`}",
    }
    assert workshop.give([step], "<<steps.f>>", {"n": 21}) == {"twice": 42, "text": "<<21>>"}


BAD_FUNCTIONS = [
    ("throw new TypeError('no')", "function_failed"),
    ("return input.a.b", "function_failed"),
    ("while (true) {}", "function_timeout"),
    ("return undefinedName", "function_failed"),
    ("return new Array(1e9).fill('x')", "function_out_of_memory"),
    ("return 'x'.repeat(1200000)", "function_failed"),
]


@pytest.mark.parametrize(("code", "error"), BAD_FUNCTIONS)
def test_a_function_that_fails_fails_the_step(workshop: Workshop, code: str, error: str) -> None:
    step = {"id": "f", "type": "function", "input": {}, "code": code, "timeout": 0.3}
    assert error_of(workshop.run([step]))["code"] == error


# workflow


def calling(name: str, **more: Any) -> Document:
    return {
        "id": "call",
        "type": "workflow",
        "workflow": name,
        "input": {"n": "<<trigger.n>>"},
        **more,
    }


def test_a_workflow_waits_for_another_and_takes_its_result(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([setting("twice", x="<<trigger.n * 2>>")]))
    given = workshop.give([calling(child)], "<<steps.call>>", {"n": 4})
    assert (given["status"], given["output"]) == ("succeeded", {"x": 8})
    run = workshop.look(given["run_id"])
    assert (run.parent_id is not None, run.depth, run.trigger) == (True, 1, {"n": 4})


def test_a_childs_response_is_its_result(workshop: Workshop) -> None:
    child = workshop.deploy(
        workshop.write([{"id": "a", "type": "response", "body": "hi"}, setting("b", x=1)])
    )
    assert workshop.give([calling(child)], "<<steps.call.output>>", {"n": 4}) == "hi"


def test_a_workflow_may_go_on_without_the_other(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "seconds": 3600}]))
    given = workshop.give([calling(child, wait=False)], "<<steps.call>>", {"n": 1})
    assert workshop.waits(given["run_id"], "delay").parent_id is not None
    assert list(given) == ["run_id"]


def test_a_child_that_waits_lets_its_parent_wait(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "seconds": 0.5}]))
    name = workshop.deploy(workshop.write([calling(child)]))
    run_id = workshop.start(name, {"n": 1})
    workshop.waits(run_id, "workflow")
    assert workshop.ended(run_id).state is RunState.SUCCEEDED


def test_a_failing_child_fails_the_step(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([{"id": "no", "type": "fail", "message": "no"}]))
    run = workshop.run([calling(child)], {"n": 1})
    error = error_of(run)
    assert (error["kind"], error["code"]) == ("workflow", "workflow_failed")
    assert error["detail"]["reason"] == "step_failed"
    assert workshop.look(error["detail"]["run_id"]).state is RunState.FAILED


def test_an_unknown_child_fails_the_step(workshop: Workshop) -> None:
    assert error_of(workshop.run([calling("nowhere")], {"n": 1}))["code"] == "workflow_unknown"


def test_a_child_that_refuses_its_input_fails_the_step(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "string"}}}
    child = workshop.deploy(
        workshop.write([setting("a", x=1)], trigger={"type": "manual", "schema": schema})
    )
    assert error_of(workshop.run([calling(child)], {"n": 1}))["code"] == "trigger_refused"


def test_workflows_that_go_round_are_stopped(workshop: Workshop) -> None:
    definition = workshop.write([])
    definition["steps"] = [calling(definition["name"])]
    run = workshop.ended(workshop.start(workshop.deploy(definition), {"n": 1}), seconds=40)
    assert error_of(run)["kind"] == "workflow"
    runs = workshop.engine.control.runs(workshop.project)
    assert max(one.depth for one in runs) == 10
    assert {one.state for one in runs} == {RunState.FAILED}
    assert len(runs) == 11


def test_many_children_of_one_loop_all_wake_their_parent(workshop: Workshop) -> None:
    child = workshop.deploy(workshop.write([setting("a", x="<<trigger.n>>")]))
    step = each(
        "<<trigger>>",
        [calling(child) | {"input": {"n": "<<item>>"}}],
        at_once=5,
        result="<<steps.call.output.x>>",
    )
    assert workshop.give([step], "<<steps.each.items>>", list(range(25))) == list(range(25))


# response, stop, fail


def test_a_response_says_status_headers_and_body(workshop: Workshop) -> None:
    step = {
        "id": "a",
        "type": "response",
        "status": "<<trigger.s>>",
        "headers": {"X-A": "<<trigger.s>>", "X-B": "b"},
        "body": {"s": "<<trigger.s>>"},
    }
    run = workshop.run([step], {"s": 201})
    assert run.response == {
        "status": 201,
        "headers": {"X-A": "201", "X-B": "b"},
        "body": {"s": 201},
    }


def test_the_first_response_counts(workshop: Workshop) -> None:
    steps = [{"id": f"r{n}", "type": "response", "body": n} for n in (1, 2)]
    run = workshop.run(steps)
    assert run.response is not None
    assert run.response["body"] == 1


@pytest.mark.parametrize("status", [99, 600, "200", None, True, 200.5])
def test_a_response_with_no_status_fails(workshop: Workshop, status: Any) -> None:
    step = {"id": "a", "type": "response", "status": "<<trigger.s>>"}
    assert error_of(workshop.run([step], {"s": status}))["kind"] == "expression"


def test_stop_ends_the_run_well(workshop: Workshop) -> None:
    url = workshop.at("/never", told(1))
    run = workshop.run(
        [{"id": "s", "type": "stop", "reason": "n is <<trigger.n>>"}, http("x", url)], {"n": 1}
    )
    assert (run.state, run.reason, run.detail) == (
        RunState.SUCCEEDED,
        "stop_step",
        {"message": "n is 1"},
    )
    assert workshop.asked("/never") == []


@pytest.mark.parametrize("more", [{}, {"error": "no_stock"}])
def test_fail_ends_the_run_with_its_message(workshop: Workshop, more: dict[str, str]) -> None:
    run = workshop.run(
        [{"id": "f", "type": "fail", "message": "<<trigger.m>>", **more}], {"m": "No"}
    )
    error = error_of(run)
    code = more.get("error", "failed_by_step")
    assert (error["kind"], error["message"], error["code"]) == ("fail_step", "No", code)


def test_what_is_no_text_is_written_as_json(workshop: Workshop) -> None:
    run = workshop.run(
        [{"id": "f", "type": "fail", "message": "<<trigger.m>>"}], {"m": {"a": None}}
    )
    assert error_of(run)["message"] == '{"a":null}'


def test_a_child_that_gives_too_much_fails(workshop: Workshop) -> None:
    url = workshop.at("/big", answering(200, b"x" * 600_000))
    child = workshop.deploy(
        workshop.write([http("a", url), setting("b", x="<<steps.a>>", y="<<steps.a>>")])
    )
    error = error_of(workshop.run([calling(child)], {"n": 1}))
    assert error["code"] == "workflow_failed"
