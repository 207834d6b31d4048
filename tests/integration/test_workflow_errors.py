"""What a failing step does: every policy, with every kind of failure, wherever the step stands."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from workflow.models import RunState

from ..conftest import eventually
from ..upstream import Exchange
from .workshop import Document, Workshop, http, setting, told


def _reset(exchange: Exchange) -> None:
    exchange.reset()


def _silent(exchange: Exchange) -> None:
    exchange.gone(10)
    exchange.reset()


def _asking(script: Any, **more: Any) -> Callable[[Workshop], Document]:
    return lambda workshop: http("broken", workshop.at("/broken", script), **more)


FAILURES: dict[str, Callable[[Workshop], Document]] = {
    "expression": lambda _: setting("broken", x="<<trigger.nothing>>"),
    "client_error": _asking(told({"why": "no"}, 404)),
    "server_error": _asking(told({"why": "down"}, 500)),
    "network": _asking(_reset),
    "timeout": _asking(_silent, timeout=0.2),
    "function": lambda _: {"id": "broken", "type": "function", "code": "throw new Error('no')"},
    "fail_step": lambda _: {"id": "broken", "type": "fail", "message": "no"},
}
POLICIES: dict[str, Any] = {
    "fail": "fail",
    "continue": "continue",
    "branch": {"steps": [setting("instead", of="<<steps.broken.error.kind>>")]},
}


def at_top(step: Document) -> list[Document]:
    return [step]


def in_branch(step: Document) -> list[Document]:
    branches = [{"if": "<<true>>", "steps": [step]}]
    return [{"id": "choose", "type": "condition", "branches": branches}]


def in_loop(step: Document) -> list[Document]:
    wanted = {"steps": "<<steps>>"}
    return [{"id": "each", "type": "for_each", "in": [1], "steps": [step], "result": wanted}]


#: Where the failing step stands -> the path of it.
PLACES: dict[Callable[[Document], list[Document]], str] = {
    at_top: "broken",
    in_branch: "broken",
    in_loop: "each[0].broken",
}
MATRIX = list(itertools.product(POLICIES, FAILURES, PLACES))


@pytest.mark.parametrize(
    ("policy", "kind", "place"), MATRIX, ids=[f"{p}-{k}-{w.__name__}" for p, k, w in MATRIX]
)
def test_a_failure_does_what_the_policy_says(
    workshop: Workshop, policy: str, kind: str, place: Callable[[Document], list[Document]]
) -> None:
    step = {**FAILURES[kind](workshop), "on_error": POLICIES[policy]}
    after = http("after", workshop.at("/after", told(1)))
    seen = setting("seen", steps="<<steps>>")
    answer = {"id": "answer", "type": "response", "body": "<<steps.seen.steps>>"}
    run = workshop.run([*place(step), after, seen, answer])
    if policy == "fail":
        assert (run.state, run.reason) == (RunState.FAILED, "step_failed"), run.detail
        assert run.detail is not None
        assert (run.detail["step"], run.detail["error"]["kind"]) == (PLACES[place], kind)
        assert workshop.asked("/after") == []
        return
    assert run.state is RunState.SUCCEEDED, run.detail
    assert len(workshop.asked("/after")) == 1
    assert run.response is not None
    steps = run.response["body"]
    steps = steps["each"]["items"][0]["steps"] if place is in_loop else steps
    assert steps["broken"]["error"]["kind"] == kind
    assert steps.get("instead") == ({"of": kind} if policy == "branch" else None)


@pytest.mark.parametrize("kind", FAILURES)
def test_the_failed_attempt_is_in_the_history_with_its_error(workshop: Workshop, kind: str) -> None:
    run = workshop.run([FAILURES[kind](workshop)])
    [attempt] = workshop.attempts(run.id, "broken")
    assert str(attempt.state) == "failed"
    assert attempt.error is not None
    assert attempt.error["kind"] == kind
    assert run.detail is not None
    assert attempt.error == run.detail["error"]
    statuses = {"client_error": 404, "server_error": 500}
    assert attempt.status == statuses.get(kind)


@pytest.mark.parametrize("kind", ["client_error", "server_error"])
def test_later_steps_see_what_the_other_side_answered(workshop: Workshop, kind: str) -> None:
    step = {**FAILURES[kind](workshop), "on_error": "continue"}
    seen = {"why": "<<steps.broken.error.body.why>>", "status": "<<steps.broken.error.status>>"}
    wanted = {
        "client_error": {"why": "no", "status": 404},
        "server_error": {"why": "down", "status": 500},
    }
    assert workshop.give([step], seen) == wanted[kind]


@pytest.mark.parametrize("place", [in_branch, in_loop])
@pytest.mark.parametrize("policy", ["continue", "branch"])
def test_a_step_around_handles_what_fails_within(
    workshop: Workshop, place: Callable[[Document], list[Document]], policy: str
) -> None:
    [around] = place(FAILURES["client_error"](workshop))
    around["on_error"] = (
        "continue"
        if policy == "continue"
        else {"steps": [setting("instead", of=f"<<steps.{around['id']}.error.kind>>")]}
    )
    given = workshop.give([around, setting("seen", steps="<<steps>>")], "<<steps.seen.steps>>")
    assert given[around["id"]]["error"]["kind"] == "client_error"
    assert ("instead" in given) is (policy == "branch")


def test_a_failure_while_handling_one_fails_the_run(workshop: Workshop) -> None:
    step = FAILURES["client_error"](workshop)
    step["on_error"] = {"steps": [{"id": "worse", "type": "fail", "message": "worse"}]}
    run = workshop.run([step])
    assert run.detail is not None
    assert (run.detail["step"], run.detail["error"]["message"]) == ("worse", "worse")


def test_what_is_handled_innermost_is_not_told_further_out(workshop: Workshop) -> None:
    inner = {**FAILURES["fail_step"](workshop), "on_error": "continue"}
    [around] = in_loop(inner)
    around |= {"on_item_error": "collect", "result": "<<steps.broken.error.code>>"}
    given = workshop.give([around], "<<steps.each>>")
    assert given == {"items": ["failed_by_step"], "errors": [], "count": 1}


def test_the_notice_of_a_failure_names_step_and_message(workshop: Workshop) -> None:
    handler = workshop.write([setting("a", x="<<trigger>>")])
    workshop.deploy(handler)
    run = workshop.run(
        [FAILURES["fail_step"](workshop)], on_failure={"workflow": handler["name"], "notify": False}
    )
    name = handler["name"]
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)

    def handled() -> list[Any]:
        return workshop.engine.control.runs(workshop.project, {"workflow_id": workflow.id})

    [found] = eventually(handled)
    trigger = workshop.ended(found.id).trigger
    assert (trigger["run"], trigger["step"], trigger["message"]) == (run.id, "broken", "no")
