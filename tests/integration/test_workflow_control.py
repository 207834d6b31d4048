"""Steering runs: cancel, replay, many at once, in order, once only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workflow.control import Control
from workflow.errors import RunStateUnfit, RunUnknown, TriggerRefused, VersionUnfit
from workflow.models import RunState

from ..conftest import eventually
from ..people import make_host
from ..upstream import Exchange
from .workshop import Document, Workshop, http, setting, told

HOUR = {"id": "wait", "type": "delay", "seconds": 3600}


class Gate:
    """Answers of the other API that come when the test says so."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        exchange.read_body()
        self.opened.wait(20)
        told({"ok": True})(exchange)


def cancel(workshop: Workshop, run_id: str) -> RunState:
    return workshop.engine.control.cancel(workshop.project, run_id).state


# cancel


def _of_delay(workshop: Workshop) -> str:
    run_id = workshop.start(workshop.deploy(workshop.write([HOUR])))
    return workshop.waits(run_id, "delay").id


def _of_retry(workshop: Workshop) -> str:
    step = http("call", workshop.at("/down", told({}, 500)), retry={"attempts": 3, "wait": 3600})
    return workshop.waits(workshop.start(workshop.deploy(workshop.write([step]))), "retry").id


def _of_user(workshop: Workshop) -> str:
    step = {"id": "r", "type": "request", "method": "POST", "path": "/track", "body": {}}
    name = workshop.deploy(workshop.write([step], connector="heap"))
    return workshop.waits(workshop.start(name, user="alice"), "needs_reauthorisation").id


def _of_child(workshop: Workshop) -> str:
    child = workshop.deploy(workshop.write([HOUR]))
    step = {"id": "c", "type": "workflow", "workflow": child, "input": {}}
    return workshop.waits(workshop.start(workshop.deploy(workshop.write([step]))), "workflow").id


def _of_order(workshop: Workshop) -> str:
    name = workshop.deploy(workshop.write([HOUR], limits={"in_order_of": "<<trigger.k>>"}))
    workshop.start(name, {"k": 1})
    run = workshop.look(workshop.start(name, {"k": 1}))
    assert (run.state, run.reason) == (RunState.QUEUED, "order")
    return run.id


WAITING: list[Callable[[Workshop], str]] = [_of_delay, _of_retry, _of_user, _of_child, _of_order]


@pytest.mark.parametrize("waiting", WAITING, ids=["delay", "retry", "user", "child", "order"])
def test_a_run_that_waits_is_cancelled_at_once(
    workshop: Workshop, waiting: Callable[[Workshop], str]
) -> None:
    run_id = waiting(workshop)
    assert cancel(workshop, run_id) is RunState.CANCELLED
    run = workshop.look(run_id)
    assert (run.reason, run.due_at, run.worker_id) == ("cancelled", None, None)
    assert run.finished_at is not None


@pytest.mark.parametrize("after", ["a step", "a delay", "a retry"])
def test_a_run_that_is_under_way_ends_after_its_step(stored_workshop: Workshop, after: str) -> None:
    workshop, gate = stored_workshop, Gate()
    url = workshop.at("/slow", gate)
    never = {
        "a step": http("never", workshop.at("/never", told({}))),
        "a delay": HOUR,
        "a retry": setting("never", x=1),
    }[after]
    steps = [http("slow", url), never]
    if after == "a retry":
        workshop.at("/slow", lambda exchange: _then_fail(gate, exchange))
        steps[0]["retry"] = {"attempts": 3, "wait": 3600}
    run_id = workshop.start(workshop.deploy(workshop.write(steps)))
    eventually(lambda: workshop.asked("/slow"))
    assert cancel(workshop, run_id) is RunState.RUNNING
    assert workshop.look(run_id).cancel_requested
    gate.opened.set()
    assert workshop.ended(run_id).state is RunState.CANCELLED
    assert workshop.asked("/never") == []
    assert workshop.states(run_id, "slow") == ["failed" if after == "a retry" else "succeeded"]
    assert workshop.states(run_id, "never") in ([], ["succeeded"])


def _then_fail(gate: Gate, exchange: Exchange) -> None:
    exchange.read_body()
    gate.opened.wait(20)
    told({}, 500)(exchange)


def test_no_more_items_of_a_loop_are_begun_after_a_cancel(workshop: Workshop) -> None:
    gate = Gate()
    steps = [http("slow", workshop.at("/slow", gate), query={"n": "<<item>>"})]
    loop = {"id": "each", "type": "for_each", "in": list(range(30)), "steps": steps, "at_once": 3}
    run_id = workshop.start(workshop.deploy(workshop.write([loop])))
    eventually(lambda: len(workshop.asked("/slow")) == 3)
    cancel(workshop, run_id)
    gate.opened.set()
    assert workshop.ended(run_id).state is RunState.CANCELLED
    assert len(workshop.asked("/slow")) == 3
    assert {str(one.state) for one in workshop.attempts(run_id)} == {"succeeded"}


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_run_that_has_ended_cannot_be_cancelled(workshop: Workshop, state: str) -> None:
    step = {
        "succeeded": setting("a", x=1),
        "failed": {"id": "f", "type": "fail", "message": "no"},
        "cancelled": HOUR,
    }[state]
    run_id = workshop.start(workshop.deploy(workshop.write([step])))
    if state == "cancelled":
        workshop.waits(run_id, "delay")
        cancel(workshop, run_id)
    before = workshop.ended(run_id)
    with pytest.raises(RunStateUnfit, match=state):
        cancel(workshop, run_id)
    assert workshop.look(run_id) == before


def test_a_cancelled_child_fails_its_parents_step_at_once(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    parent = _of_child(workshop)
    [child] = [one for one in workshop.engine.control.runs(workshop.project) if one.parent_id]
    workshop.waits(child.id, "delay")
    cancel(workshop, child.id)
    ended = workshop.ended(parent)
    assert ended.detail is not None
    assert ended.detail["error"]["code"] == "workflow_failed"
    assert ended.detail["error"]["detail"]["reason"] == "cancelled"


def test_a_cancelled_run_can_be_retried_from_where_it_was(workshop: Workshop) -> None:
    first = http("first", workshop.at("/first", told({})))
    steps = [first, {"id": "w", "type": "delay", "seconds": "<<trigger.s>>"}]
    run_id = workshop.start(workshop.deploy(workshop.write(steps)), {"s": 1})
    workshop.waits(run_id, "delay")
    cancel(workshop, run_id)
    workshop.engine.control.retry(workshop.project, run_id)
    run = workshop.ended(run_id)
    assert (run.state, run.cancel_requested) == (RunState.SUCCEEDED, False)
    assert len(workshop.asked("/first")) == 1


def test_a_cancel_races_with_the_worker_and_always_wins_or_says_why(
    stored_workshop: Workshop,
) -> None:
    """Each run hops between running and waiting while it is cancelled."""
    workshop = stored_workshop
    hop = {"id": "hop", "type": "delay", "seconds": 0.001}
    loop = {"id": "each", "type": "for_each", "in": list(range(1000)), "steps": [hop]}
    name = workshop.deploy(workshop.write([loop]))
    ids = [workshop.start(name) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda one: cancel(workshop, one), ids))
    assert set(states) <= {RunState.CANCELLED, RunState.RUNNING}
    assert {workshop.ended(one).state for one in ids} == {RunState.CANCELLED}


# replay


def test_a_replay_is_a_new_run_with_the_same_trigger(workshop: Workshop) -> None:
    run = workshop.run([http("call", workshop.at("/x", told({})))], {"n": 1})
    again = workshop.engine.control.replay(workshop.project, run.id)
    ended = workshop.ended(again.id)
    assert (ended.trigger, ended.replay_of, ended.state) == ({"n": 1}, run.id, RunState.SUCCEEDED)
    keys = {one.values("Idempotency-Key")[0] for one in workshop.asked("/x")}
    assert len(keys) == 2


def test_a_replay_takes_an_edited_trigger_and_the_version_in_service(workshop: Workshop) -> None:
    definition = workshop.write([{"id": "a", "type": "response", "body": "<<trigger.n>>"}])
    run = workshop.ended(workshop.start(workshop.deploy(definition), {"n": 1}))
    settings = [{"id": "new", "title": "New", "type": "text", "default": "x"}]
    body = "<<trigger.n>> <<settings.new>>"
    newer = {"settings": settings, "steps": [{"id": "a", "type": "response", "body": body}]}
    workshop.deploy({**definition, **newer})
    again = workshop.engine.control.replay(workshop.project, run.id, trigger={"n": 2})
    ended = workshop.ended(again.id)
    assert ended.response is not None, ended.detail
    assert ended.response["body"] == "2 x"


def test_an_edited_trigger_must_fit_the_schema(workshop: Workshop) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    definition = workshop.write([setting("a", x=1)], trigger={"type": "manual", "schema": schema})
    run = workshop.ended(workshop.start(workshop.deploy(definition), {"n": 1}))
    with pytest.raises(TriggerRefused, match="/n"):
        workshop.engine.control.replay(workshop.project, run.id, trigger={"n": "no"})
    with pytest.raises(TriggerRefused):
        workshop.engine.control.replay(workshop.project, run.id, trigger={"a": "x" * 1_000_000})


def test_what_is_not_in_service_cannot_be_replayed(workshop: Workshop) -> None:
    run = workshop.run([setting("a", x=1)])
    workshop.engine.catalogue.withdraw(workshop.project, run.workflow_id, by="tests")
    with pytest.raises(VersionUnfit):
        workshop.engine.control.replay(workshop.project, run.id)


# many at once


def _many(workshop: Workshop) -> tuple[list[str], list[str]]:
    fails = workshop.deploy(workshop.write([{"id": "f", "type": "fail", "message": "no"}]))
    works = workshop.deploy(workshop.write([setting("a", x=1)]))
    failed = [workshop.start(fails) for _ in range(5)]
    done = [workshop.start(works) for _ in range(3)]
    for run_id in (*failed, *done):
        workshop.ended(run_id)
    return failed, done


def test_a_dry_run_changes_nothing(workshop: Workshop) -> None:
    failed, _ = _many(workshop)
    chosen = workshop.engine.control.in_bulk(workshop.project, "retry", {}, limit=100, dry=True)
    assert sorted(chosen) == sorted(failed)
    assert {workshop.look(one).round for one in failed} == {0}


@pytest.mark.parametrize(("limit", "number"), [(100, 5), (2, 2)])
def test_many_are_retried_up_to_a_limit(workshop: Workshop, limit: int, number: int) -> None:
    failed, done = _many(workshop)
    chosen = workshop.engine.control.in_bulk(workshop.project, "retry", {}, limit=limit, dry=False)
    assert len(chosen) == number
    rounds = {one: workshop.ended(one).round for one in (*failed, *done)}
    assert rounds == {one: int(one in chosen) for one in rounds}


def test_many_are_replayed_but_those_that_cannot_be(workshop: Workshop) -> None:
    failed, done = _many(workshop)
    workshop.engine.catalogue.withdraw(
        workshop.project, workshop.look(failed[0]).workflow_id, by="tests"
    )
    chosen = workshop.engine.control.in_bulk(workshop.project, "replay", {}, limit=9, dry=False)
    assert sorted(chosen) == sorted(done)
    copies = [one for one in workshop.engine.control.runs(workshop.project) if one.replay_of]
    assert sorted(str(one.replay_of) for one in copies) == sorted(done)


def test_many_are_cancelled_by_filter(workshop: Workshop) -> None:
    names = [workshop.deploy(workshop.write([HOUR])) for _ in range(2)]
    mine, others = ([workshop.start(name) for _ in range(3)] for name in names)
    for run_id in (*mine, *others):
        workshop.waits(run_id, "delay")
    filters = {"workflow_id": workshop.look(mine[0]).workflow_id}
    chosen = workshop.engine.control.in_bulk(
        workshop.project, "cancel", filters, limit=100, dry=False
    )
    assert sorted(chosen) == sorted(mine)
    assert {workshop.look(one).state for one in mine} == {RunState.CANCELLED}
    assert {workshop.look(one).state for one in others} == {RunState.WAITING}


# in order


def _in_order(workshop: Workshop, steps: list[Document]) -> str:
    return workshop.deploy(workshop.write(steps, limits={"in_order_of": "<<trigger.key>>"}))


def test_runs_of_one_key_are_strictly_one_after_another(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    steps = [
        http("one", workshop.at("/one", told({})), query={"n": "<<trigger.n>>"}),
        {"id": "pause", "type": "delay", "seconds": 0.02},
        http("two", workshop.at("/two", told({})), query={"n": "<<trigger.n>>"}),
    ]
    name = _in_order(workshop, steps)
    ids = [workshop.start(name, {"key": "a", "n": n}) for n in range(6)]
    for run_id in ids:
        assert workshop.ended(run_id).state is RunState.SUCCEEDED
    asked = [one.target.replace("?n=", "") for one in workshop.upstream.received]
    assert asked == [f"/{which}{n}" for n in range(6) for which in ("one", "two")]


def test_runs_of_other_keys_do_not_wait(workshop: Workshop) -> None:
    name = _in_order(workshop, [HOUR])
    for key in ("a", "b", 1, None, True):
        workshop.waits(workshop.start(name, {"key": key}), "delay")
    assert workshop.look(workshop.start(name, {"key": "a"})).reason == "order"


@pytest.mark.parametrize("ending", ["succeeded", "failed", "cancelled", "deleted"])
def test_the_next_of_a_key_begins_however_the_one_before_ends(
    stored_workshop: Workshop, ending: str
) -> None:
    workshop, gate = stored_workshop, Gate()
    step = http("call", workshop.at("/gate", gate))
    last = (
        {"id": "last", "type": "fail", "message": "no"}
        if ending == "failed"
        else setting("last", x=1)
    )
    name = _in_order(workshop, [step, last])
    first = workshop.start(name, {"key": 1}, user="bob")
    eventually(lambda: workshop.asked("/gate"))
    second = workshop.start(name, {"key": 1})
    assert workshop.look(second).reason == "order"
    if ending == "cancelled":
        cancel(workshop, first)
    if ending == "deleted":
        workshop.host.runtime.connections.set_meta(workshop.project, "bob", {})
        workshop.host.runtime.connections.delete_user(workshop.project, "bob")
    gate.opened.set()
    assert workshop.ended(second).state.is_final
    assert len(workshop.asked("/gate")) == 2


def test_accepting_and_ending_at_the_same_moment_leaves_nobody_behind(
    stored_workshop: Workshop,
) -> None:
    workshop = stored_workshop
    name = _in_order(workshop, [setting("a", x=1)])
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: workshop.start(name, {"key": 1}), range(80)))
    for run_id in ids:
        assert workshop.ended(run_id, 60).state is RunState.SUCCEEDED


def test_a_run_that_is_retried_takes_its_turn(workshop: Workshop) -> None:
    gate = Gate()
    fails = http("call", workshop.at("/gate", told({}, 400), gate))
    name = _in_order(workshop, [fails])
    first = workshop.ended(workshop.start(name, {"key": 1}))
    second = workshop.start(name, {"key": 1})
    eventually(lambda: len(workshop.asked("/gate")) == 2)
    again = workshop.engine.control.retry(workshop.project, first.id)
    assert (again.state, again.reason) == (RunState.QUEUED, "order")
    gate.opened.set()
    ended, retried = workshop.ended(second), workshop.ended(first.id)
    assert (ended.state, retried.state) == (RunState.SUCCEEDED, RunState.SUCCEEDED)


def test_a_key_without_a_value_is_refused(workshop: Workshop) -> None:
    name = _in_order(workshop, [HOUR])
    with pytest.raises(TriggerRefused, match="in_order_of"):
        workshop.start(name, {})


# once only


def test_the_same_delivery_fifty_times_at_once_is_one_run(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    url = workshop.at("/once", told({}))
    name = workshop.deploy(workshop.write([http("call", url)]))
    with ThreadPoolExecutor(50) as pool:
        ids = set(pool.map(lambda _: workshop.start(name, {"n": 1}, key="delivery-1"), range(50)))
    assert len(ids) == 1
    workshop.ended(ids.pop())
    assert len(workshop.asked("/once")) == 1
    assert len(workshop.engine.control.runs(workshop.project)) == 1


def test_an_event_with_a_key_starts_each_of_its_workflows_once(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    trigger = {"type": "event", "event": "paid"}
    for _ in range(2):
        workshop.deploy(workshop.write([setting("a", x=1)], trigger=trigger))

    def send(_: int) -> tuple[str, ...]:
        starter = workshop.engine.starter
        return tuple(starter.event(workshop.project, "paid", {}, user="", key="k"))

    with ThreadPoolExecutor(10) as pool:
        found = set(pool.map(send, range(20)))
    assert len(found) == 1
    assert len(workshop.engine.control.runs(workshop.project)) == 2


def test_keys_are_each_workflows_own(workshop: Workshop) -> None:
    names = [workshop.deploy(workshop.write([setting("a", x=1)])) for _ in range(2)]
    assert len({workshop.start(name, key="k") for name in names}) == 2


# of another project


def test_another_projects_runs_are_not_there(workshop: Workshop) -> None:
    run = workshop.run([setting("a", x=1)])
    other = make_host(workshop.host.runtime, "Other Product").project.id
    control: Control = workshop.engine.control
    looks: list[Callable[[], Any]] = [
        lambda: control.run(other, run.id),
        lambda: control.attempts(other, run.id),
        lambda: control.cancel(other, run.id),
        lambda: control.retry(other, run.id),
        lambda: control.replay(other, run.id),
    ]
    for look in looks:
        with pytest.raises(RunUnknown):
            look()
    assert control.runs(other) == []
    assert control.in_bulk(other, "replay", {}, limit=10, dry=False) == []
    assert control.runs(other, {"workflow_id": run.workflow_id}) == []
