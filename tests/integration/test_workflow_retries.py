"""Trying again: by policy, by hand, on a newer version, and when the world is in the way."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connector.models import Status
from connector.store import connections as connection_store
from workflow.errors import RunStateUnfit, VersionUnfit
from workflow.models import Run, RunState

from ..upstream import Exchange
from .workshop import Document, Workshop, http, setting, told

AT_ONCE = {"wait": 0.02, "jitter": 0}


def _reset(exchange: Exchange) -> None:
    exchange.reset()


def _silent(exchange: Exchange) -> None:
    exchange.gone(10)
    exchange.reset()


#: What the other side does, what the policy retries, and how many attempts of three there are.
RETRIED: list[tuple[str, Any, Document, int]] = [
    ("500", told({}, 500), {}, 3),
    ("502", told({}, 502), {}, 3),
    ("503", told({}, 503), {}, 3),
    ("504", told({}, 504), {}, 3),
    ("408", told({}, 408), {}, 3),
    ("429", told({}, 429), {}, 3),
    ("connection broken off", _reset, {}, 3),
    ("no answer in time", _silent, {}, 3),
    ("400", told({}, 400), {}, 1),
    ("401", told({}, 401), {}, 1),
    ("404", told({}, 404), {}, 1),
    ("409", told({}, 409), {}, 1),
    ("409 if named", told({}, 409), {"on": [409]}, 3),
    ("404 by its group", told({}, 404), {"on": ["4xx"]}, 3),
    ("404 by its kind", told({}, 404), {"on": ["client_error"]}, 3),
    ("500 if others are named", told({}, 500), {"on": ["timeout"]}, 1),
    ("500 by its group", told({}, 500), {"on": ["5xx"]}, 3),
    ("nothing is named", told({}, 500), {"on": []}, 1),
    ("500 without a policy", told({}, 500), {"attempts": 1}, 1),
]


@pytest.mark.parametrize(
    ("script", "policy", "attempts"), [one[1:] for one in RETRIED], ids=[one[0] for one in RETRIED]
)
def test_what_may_pass_is_tried_again(
    workshop: Workshop, script: Any, policy: Document, attempts: int
) -> None:
    url = workshop.at("/broken", script)
    step = http("call", url, timeout=0.3, retry={"attempts": 3, **AT_ONCE, **policy})
    run = workshop.run([step])
    assert run.state is RunState.FAILED
    assert workshop.states(run.id, "call") == ["failed"] * attempts
    assert len(workshop.asked("/broken")) == attempts


NEVER: list[tuple[str, Document]] = [
    ("a missing value", {"url": "<<trigger.nothing>>"}),
    ("no address", {"url": "nowhere"}),
    ("a private host", {"url": "http://127.0.0.1:1/"}),
]


@pytest.mark.parametrize("step", [one[1] for one in NEVER], ids=[one[0] for one in NEVER])
def test_what_cannot_pass_is_not_tried_again(workshop: Workshop, step: Document) -> None:
    retry = {"attempts": 5, **AT_ONCE, "on": ["network", "client_error", "server_error", "4xx"]}
    run = workshop.run([{"id": "call", "type": "http", "method": "GET", "retry": retry, **step}])
    assert workshop.states(run.id, "call") == ["failed"]


def test_a_function_is_tried_again_if_its_policy_says_so(workshop: Workshop) -> None:
    step = {"id": "f", "type": "function", "code": "throw new Error('no')"}
    for on, attempts in ((["function"], 2), (["timeout"], 1)):
        run = workshop.run([{**step, "retry": {"attempts": 2, **AT_ONCE, "on": on}}])
        assert workshop.states(run.id, "f") == ["failed"] * attempts


@pytest.mark.parametrize("policy", ["fail", "continue", "branch"])
def test_a_success_after_failures_is_the_success_alone(workshop: Workshop, policy: str) -> None:
    url = workshop.at("/shaky", told({}, 500), told({}, 503), told({"n": 7}))
    on_error: Any = {"steps": [setting("instead", x=1)]} if policy == "branch" else policy
    step = http("call", url, retry={"attempts": 5, **AT_ONCE}, on_error=on_error)
    given = workshop.give([step, setting("seen", all="<<steps>>")], "<<steps.seen.all>>")
    assert list(given) == ["call"]
    assert (given["call"]["status"], given["call"]["body"]) == (200, {"n": 7})
    assert len(workshop.asked("/shaky")) == 3


@pytest.mark.parametrize("policy", ["continue", "branch"])
def test_attempts_that_are_used_up_are_handled_by_the_policy(
    workshop: Workshop, policy: str
) -> None:
    url = workshop.at("/down", told({}, 500))
    on_error: Any = {"steps": [setting("instead", x=1)]} if policy == "branch" else policy
    step = http("call", url, retry={"attempts": 2, **AT_ONCE}, on_error=on_error)
    given = workshop.give([step, setting("seen", all="<<steps>>")], "<<steps.seen.all>>")
    assert given["call"]["error"]["status"] == 500
    assert ("instead" in given) is (policy == "branch")
    assert len(workshop.asked("/down")) == 2


def test_the_wait_for_another_attempt_is_in_the_database(workshop: Workshop) -> None:
    url = workshop.at("/down", told({}, 500))
    step = http("call", url, retry={"attempts": 3, "wait": 600, "jitter": 0})
    name, begun = workshop.deploy(workshop.write([step])), time.time()
    run = workshop.waits(workshop.start(name), "retry")
    assert run.due_at == pytest.approx(begun + 600, abs=5)
    assert run.detail == {"step": "call", "attempt": 2}
    assert run.worker_id is None


WAITS = [
    ("503", told({}, 503, {"Retry-After": "1000"}), "retry", 1000),
    ("429", told({}, 429, {"Retry-After": "1000"}), "rate_limit", 1000),
    ("a day at most", told({}, 503, {"Retry-After": "9999999"}), "retry", 86_400),
    ("less than the policy", told({}, 503, {"Retry-After": "1"}), "retry", 60),
    ("no number", told({}, 503, {"Retry-After": "soon"}), "retry", 60),
]


@pytest.mark.parametrize(
    ("script", "reason", "seconds"), [one[1:] for one in WAITS], ids=[one[0] for one in WAITS]
)
def test_the_other_sides_wish_is_kept(
    workshop: Workshop, script: Any, reason: str, seconds: float
) -> None:
    step = http(
        "call", workshop.at("/busy", script), retry={"attempts": 3, "wait": 60, "jitter": 0}
    )
    name, begun = workshop.deploy(workshop.write([step])), time.time()
    run = workshop.waits(workshop.start(name), reason)
    assert run.due_at == pytest.approx(begun + seconds, abs=5)


def test_every_attempt_has_the_same_idempotency_key(workshop: Workshop) -> None:
    url = workshop.at("/keyed", told({}, 500), _reset, told({}))
    call = http("call", url, retry={"attempts": 5, **AT_ONCE})
    other = http("other", workshop.at("/other", told({})))
    run = workshop.run([call, other])
    assert run.state is RunState.SUCCEEDED
    keys = [one.values("Idempotency-Key")[0] for one in workshop.asked("/keyed")]
    assert len(keys) == 3
    assert len({*keys, *workshop.asked("/other")[0].values("Idempotency-Key")}) == 2


# by hand


def failed(workshop: Workshop, steps: list[Document], **more: Any) -> Run:
    run = workshop.run(steps, **more)
    assert run.state is RunState.FAILED, run.detail
    return run


def again(workshop: Workshop, run: Run, *, newest: bool = False) -> Run:
    workshop.engine.control.retry(workshop.project, run.id, newest=newest)
    return workshop.ended(run.id)


def test_a_retry_by_hand_goes_on_from_the_step_that_failed(workshop: Workshop) -> None:
    first = http("first", workshop.at("/first", told({"n": 1})))
    second = http("second", workshop.at("/second", told({}, 400), told({"n": 2})))
    run = failed(workshop, [first, second])
    ended = again(workshop, run)
    assert ended.state is RunState.SUCCEEDED, ended.detail
    assert (ended.round, ended.detail) == (1, None)
    assert (len(workshop.asked("/first")), len(workshop.asked("/second"))) == (1, 2)
    assert workshop.states(run.id, "second") == ["failed", "succeeded"]


def test_a_retry_by_hand_begins_a_new_round_of_attempts(workshop: Workshop) -> None:
    url = workshop.at("/down", told({}, 500))
    run = failed(workshop, [http("call", url, retry={"attempts": 3, **AT_ONCE})])
    again(workshop, run)
    assert [one.round for one in workshop.attempts(run.id, "call")] == [0, 0, 0, 1, 1, 1]
    keys = {one.values("Idempotency-Key")[0] for one in workshop.asked("/down")}
    assert len(keys) == 1


@pytest.mark.parametrize("handled", ["continue", "branch", "collect", "around"])
def test_a_failure_that_was_handled_stays_so_in_a_retry(workshop: Workshop, handled: str) -> None:
    """What was done instead stands: that the other side works again must not turn it around."""
    shaky = http("shaky", workshop.at("/shaky", told({}, 400), told({})))
    instead = http("instead", workshop.at("/instead", told({})))
    steps: dict[str, Document] = {
        "continue": {**shaky, "on_error": "continue"},
        "branch": {**shaky, "on_error": {"steps": [instead]}},
        "collect": {
            "id": "each",
            "type": "for_each",
            "in": [1],
            "steps": [shaky],
            "on_item_error": "collect",
        },
        "around": {
            "id": "choose",
            "type": "condition",
            "branches": [{"if": "<<true>>", "steps": [shaky]}],
            "on_error": "continue",
        },
    }
    last = http("last", workshop.at("/last", told({}, 400), told({})))
    run = failed(workshop, [steps[handled], last])
    ended = again(workshop, run)
    assert ended.state is RunState.SUCCEEDED, ended.detail
    assert len(workshop.asked("/shaky")) == 1
    assert len(workshop.asked("/instead")) == (1 if handled == "branch" else 0)


@pytest.mark.parametrize("state", ["succeeded", "waiting"])
def test_only_what_has_failed_can_be_retried(workshop: Workshop, state: str) -> None:
    seconds = 0 if state == "succeeded" else 3600
    name = workshop.deploy(workshop.write([{"id": "w", "type": "delay", "seconds": seconds}]))
    run_id = workshop.start(name)
    workshop.reached(run_id, RunState(state))
    with pytest.raises(RunStateUnfit, match=state):
        workshop.engine.control.retry(workshop.project, run_id)


def test_a_failed_child_is_started_anew_in_a_retry(workshop: Workshop) -> None:
    url = workshop.at("/child", told({}, 400), told({"n": 3}))
    child = workshop.deploy(workshop.write([http("call", url)]))
    run = failed(workshop, [{"id": "c", "type": "workflow", "workflow": child, "input": {}}])
    ended = again(workshop, run)
    assert ended.state is RunState.SUCCEEDED
    children = [one for one in workshop.engine.control.runs(workshop.project) if one.parent_id]
    assert sorted(str(one.state) for one in children) == ["failed", "succeeded"]


# on the newest version


def versions(workshop: Workshop, old: list[Document], new: list[Document]) -> Run:
    """Fail on one version, put another into service, and return the run."""
    definition = workshop.write(old)
    run = workshop.ended(workshop.start(workshop.deploy(definition)))
    assert run.state is RunState.FAILED, run.detail
    workshop.deploy({**definition, "steps": new})
    return run


def test_a_retry_on_the_newest_version_does_its_mended_step(workshop: Workshop) -> None:
    first = http("first", workshop.at("/first", told({"n": 1})))
    broken = http("second", workshop.at("/wrong", told({}, 404)))
    mended = http("second", workshop.at("/right", told({})))
    run = versions(workshop, [first, broken], [setting("new", x=1), first, mended])
    ended = again(workshop, run, newest=True)
    assert ended.state is RunState.SUCCEEDED, ended.detail
    assert ended.version != run.version
    assert (len(workshop.asked("/first")), len(workshop.asked("/right"))) == (1, 1)


def test_a_retry_on_its_own_version_does_not_see_a_newer_one(workshop: Workshop) -> None:
    broken = http("call", workshop.at("/old", told({}, 404), told({})))
    run = versions(workshop, [broken], [http("call", workshop.at("/new", told({})))])
    assert again(workshop, run).version == run.version
    assert workshop.asked("/new") == []


def _loop(items: Any, step: Document) -> Document:
    return {"id": "each", "type": "for_each", "in": items, "steps": [step]}


DONE = {"id": "done", "type": "http", "method": "GET", "url": "{api}/done"}
UNFIT: list[tuple[str, Document, list[Document], str]] = [
    ("gone", DONE, [], "done is not there"),
    ("of another type", DONE, [setting("done", x=1)], "done was http and is set"),
    ("elsewhere", DONE, [{**DONE, "url": "{api}/other"}], "done has another url"),
    ("with a body", DONE, [{**DONE, "body": {}}], "done has another body"),
    ("in a loop now", DONE, [_loop([1], DONE)], "done is not there"),
    (
        "for other items",
        _loop([1], DONE),
        [_loop([2], DONE)],
        "each.done is done for other items of each",
    ),
]


def _at(workshop: Workshop, step: Any) -> Any:
    if isinstance(step, dict):
        return {key: _at(workshop, value) for key, value in step.items()}
    if isinstance(step, list):
        return [_at(workshop, one) for one in step]
    return step.replace("{api}", workshop.upstream.url) if isinstance(step, str) else step


@pytest.mark.parametrize(
    ("old", "new", "difference"), [one[1:] for one in UNFIT], ids=[one[0] for one in UNFIT]
)
def test_a_version_with_other_steps_is_refused_with_the_differences(
    workshop: Workshop, old: Document, new: list[Document], difference: str
) -> None:
    last = {"id": "last", "type": "fail", "message": "no"}
    run = versions(workshop, [_at(workshop, old), last], [*_at(workshop, new), last])
    with pytest.raises(VersionUnfit) as refused:
        workshop.engine.control.retry(workshop.project, run.id, newest=True)
    assert refused.value.meta["differences"] == [difference]
    assert workshop.look(run.id).state is RunState.FAILED


FIT: list[tuple[str, Document]] = [
    ("another title", {**DONE, "title": "New"}),
    ("another policy", {**DONE, "retry": {"attempts": 3}, "on_error": "continue"}),
    ("a branch around it", {"id": "b", "type": "condition", "branches": [], "else": [DONE]}),
]


@pytest.mark.parametrize("new", [one[1] for one in FIT], ids=[one[0] for one in FIT])
def test_a_version_with_the_same_steps_otherwise_is_taken(
    workshop: Workshop, new: Document
) -> None:
    if new["type"] == "condition":
        new = {**new, "branches": [{"if": "<<false>>", "steps": []}]}
    last = {"id": "last", "type": "fail", "message": "no"}
    run = versions(
        workshop, [_at(workshop, DONE), last], [_at(workshop, new), setting("last", x=1)]
    )
    assert again(workshop, run, newest=True).state is RunState.SUCCEEDED
    assert len(workshop.asked("/done")) == 1


def test_without_a_version_in_service_there_is_no_newest(workshop: Workshop) -> None:
    run = failed(workshop, [{"id": "f", "type": "fail", "message": "no"}])
    workshop.engine.catalogue.withdraw(workshop.project, run.workflow_id, by="tests")
    with pytest.raises(VersionUnfit):
        workshop.engine.control.retry(workshop.project, run.id, newest=True)


# connections


def track(event: str, **more: Any) -> Document:
    body = {"event": event, "identity": "ann@example.com"}
    return {
        "id": "send",
        "type": "request",
        "method": "POST",
        "path": "/track",
        "body": body,
        **more,
    }


def test_a_run_waits_for_a_connection_that_needs_its_user_and_goes_on_by_itself(
    workshop: Workshop,
) -> None:
    connection = workshop.host.connect("alice")
    with workshop.host.runtime.database.transaction() as tx:
        connection_store.set_status(
            tx, workshop.project, connection.id, Status.NEEDS_REAUTHORISATION, "x"
        )
    name = workshop.deploy(workshop.write([track("E")], connector="heap"))
    run_id = workshop.start(name, user="alice")
    run = workshop.waits(run_id, "needs_reauthorisation")
    assert (run.due_at, workshop.states(run_id, "send")) == (None, ["deferred"])
    workshop.host.connect("alice")
    assert workshop.ended(run_id).state is RunState.SUCCEEDED
    assert workshop.states(run_id, "send") == ["succeeded"]


def test_a_run_waits_for_a_user_who_has_connected_nothing_yet(workshop: Workshop) -> None:
    name = workshop.deploy(workshop.write([track("E")], connector="heap"))
    run_id = workshop.start(name, user="alice")
    workshop.waits(run_id, "needs_reauthorisation")
    workshop.host.connect("bob")
    assert workshop.look(run_id).state is RunState.WAITING
    workshop.host.connect("alice")
    assert workshop.ended(run_id).state is RunState.SUCCEEDED


def test_reconnecting_wakes_a_loop_in_which_other_items_wait_longer(workshop: Workshop) -> None:
    """One item waits for an hour, one for its user: the user comes back first."""
    steps = [
        {
            "id": "choose",
            "type": "condition",
            "branches": [
                {"if": "<<index == 0>>", "steps": [{"id": "w", "type": "delay", "seconds": 3600}]}
            ],
            "else": [track("E")],
        }
    ]
    loop = {"id": "each", "type": "for_each", "in": [0, 1], "steps": steps, "at_once": 2}
    name = workshop.deploy(workshop.write([loop], connector="heap"))
    run = workshop.waits(workshop.start(name, user="alice"), "needs_reauthorisation")
    assert run.due_at is not None
    workshop.host.connect("alice")
    workshop.waits(run.id, "delay")
    assert len(workshop.sandbox.items("events")) == 1


def test_the_manifests_rate_limit_puts_off_without_using_attempts(workshop: Workshop) -> None:
    workshop.host.connect("alice")
    loop = {
        "id": "each",
        "type": "for_each",
        "in": list(range(31)),
        "steps": [track("E <<index>>")],
    }
    name, begun = workshop.deploy(workshop.write([loop], connector="heap")), time.time()
    run = workshop.waits(workshop.start(name, user="alice"), "rate_limit")
    assert run.due_at is not None
    # The window of 30 s, a tenth of it as the limiter counts, and whole seconds.
    assert begun < run.due_at <= time.time() + 34
    assert workshop.states(run.id, "each[30].send") == ["deferred"]
    assert len(workshop.sandbox.items("events", limit=100)) == 30


FAULTS: list[tuple[str, Document]] = [
    ("an error", {"kind": "status", "status": 503, "times": 2}),
    ("a limit", {"kind": "status", "status": 429, "retry_after": 0.01, "times": 2}),
    ("no answer", {"kind": "drop", "times": 2}),
    ("no answer though it was done", {"kind": "drop", "processed": True, "times": 2}),
    ("half an answer", {"kind": "drop_mid_body", "processed": True, "times": 2}),
    ("an answer that comes too late", {"kind": "latency", "seconds": 1.0, "times": 1}),
]


@pytest.mark.parametrize("fault", [one[1] for one in FAULTS], ids=[one[0] for one in FAULTS])
def test_heap_has_each_event_once_however_often_it_was_sent(
    workshop: Workshop, fault: Document
) -> None:
    workshop.host.connect("alice")
    workshop.sandbox.fault(path="*track*", **fault)
    step = track("E", timeout=0.5, retry={"attempts": 4, **AT_ONCE})
    run = workshop.run([step], connector="heap")
    assert run.state is RunState.SUCCEEDED, run.detail
    assert len(workshop.attempts(run.id, "send")) == fault["times"] + 1
    assert len(workshop.sandbox.items("events")) == 1
