"""What starts runs, for whom, and with which settings."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from workflow import checks
from workflow.catalogue import next_due
from workflow.errors import SettingsInvalid, TriggerRefused, WorkflowUnknown
from workflow.models import Run, RunState
from workflow.store import workflows as store

from ..conftest import eventually
from ..people import GLOBEX, make_host
from .workshop import Document, Workshop, setting

ANSWER = {"id": "a", "type": "response", "body": "<<trigger>>"}


def runs(workshop: Workshop, name: str) -> list[Run]:
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    return workshop.engine.control.runs(workshop.project, {"workflow_id": workflow.id})


# settings

FORM = [
    {"id": "name", "title": "Name", "type": "text", "required": True},
    {"id": "count", "title": "Count", "type": "number", "default": 3},
    {"id": "loud", "title": "Loud", "type": "boolean"},
    {"id": "plan", "title": "Plan", "type": "choice", "choices": ["free", "pro"]},
]


def form(workshop: Workshop) -> str:
    """Deploy a workflow with settings, switched on for nobody."""
    body = {"id": "a", "type": "response", "body": "<<settings>>"}
    definition = workshop.write([body], connector="heap", settings=FORM)
    return workshop.deploy(definition, "nobody", name="x")


def switch(workshop: Workshop, of: str, /, *, enabled: bool = True, **settings: Any) -> Any:
    return workshop.engine.catalogue.enable(
        workshop.project, of, "alice", enabled=enabled, settings=settings
    )


FITTING: list[tuple[Document, Document]] = [
    ({"name": "x"}, {"name": "x", "count": 3}),
    ({"name": "x", "count": 1.5}, {"name": "x", "count": 1.5}),
    (
        {"name": "", "count": 0, "loud": False, "plan": "pro"},
        {"name": "", "count": 0, "loud": False, "plan": "pro"},
    ),
    ({"name": "x", "loud": None, "unknown": 1}, {"name": "x", "count": 3}),
]


@pytest.mark.parametrize(("given", "seen"), FITTING)
def test_settings_are_what_the_user_chose_and_defaults_beside(
    workshop: Workshop, given: Document, seen: Document
) -> None:
    name = form(workshop)
    switch(workshop, name, **given)
    run = workshop.ended(workshop.start(name, user="alice"))
    assert run.response is not None
    assert run.response["body"] == seen


UNFIT: list[tuple[Document, str]] = [
    ({}, "/name"),
    ({"name": None}, "/name"),
    ({"name": 1}, "/name"),
    ({"name": ["x"]}, "/name"),
    ({"name": "x" * 10_001}, "/name"),
    ({"name": "x", "count": "3"}, "/count"),
    ({"name": "x", "count": True}, "/count"),
    ({"name": "x", "loud": 1}, "/loud"),
    ({"name": "x", "loud": "true"}, "/loud"),
    ({"name": "x", "plan": "team"}, "/plan"),
    ({"name": "x", "plan": 1}, "/plan"),
]


@pytest.mark.parametrize(("given", "pointer"), UNFIT)
def test_settings_that_do_not_fit_are_refused(
    workshop: Workshop, given: Document, pointer: str
) -> None:
    name = form(workshop)
    with pytest.raises(SettingsInvalid) as refused:
        switch(workshop, name, **given)
    assert [fault["pointer"] for fault in refused.value.meta["faults"]] == [pointer]
    with pytest.raises(TriggerRefused, match="not switched on"):
        workshop.start(name, user="alice")


def test_settings_stay_when_it_is_switched_off_and_on(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    name = form(workshop)
    switch(workshop, name, name="x", plan="pro")
    switch(workshop, name, enabled=False)
    with pytest.raises(TriggerRefused):
        workshop.start(name, user="alice")
    assert switch(workshop, name).settings == {"name": "x", "plan": "pro"}


def test_settings_are_those_of_the_moment_of_acceptance(workshop: Workshop) -> None:
    steps = [
        {"id": "w", "type": "delay", "seconds": 0.3},
        {"id": "a", "type": "response", "body": "<<settings.name>>"},
    ]
    name = workshop.deploy(
        workshop.write(steps, connector="heap", settings=FORM), "alice", name="old"
    )
    run_id = workshop.start(name, user="alice")
    workshop.waits(run_id, "delay")
    switch(workshop, name, name="new")
    run = workshop.ended(run_id)
    assert run.response is not None
    assert run.response["body"] == "old"


def test_what_needs_settings_of_the_project_is_off_until_they_are_there(
    workshop: Workshop,
) -> None:
    body = {"id": "a", "type": "response", "body": "<<settings.name>>"}
    name = workshop.deploy(workshop.write([body], settings=FORM))
    with pytest.raises(TriggerRefused, match="not switched on"):
        workshop.start(name)
    workshop.engine.catalogue.enable(
        workshop.project, name, "", enabled=True, settings={"name": "x"}
    )
    run = workshop.ended(workshop.start(name))
    assert run.response is not None
    assert run.response["body"] == "x"


# events, hooks, connections


def test_an_event_starts_what_waits_for_it_and_is_switched_on(workshop: Workshop) -> None:
    event = {"type": "event", "event": "paid"}
    mine = workshop.deploy(workshop.write([ANSWER], trigger=event, connector="heap"), "alice")
    bobs = workshop.deploy(workshop.write([ANSWER], trigger=event, connector="heap"), "bob")
    both = workshop.deploy(workshop.write([ANSWER], trigger=event))
    other = workshop.deploy(workshop.write([ANSWER], trigger={**event, "event": "left"}))
    ids = workshop.engine.starter.event(workshop.project, "paid", {"n": 1}, user="alice", key=None)
    assert {workshop.ended(one).user for one in ids} == {"alice"}
    assert [len(runs(workshop, name)) for name in (mine, bobs, both, other)] == [1, 0, 1, 0]


def test_an_event_that_one_workflow_refuses_starts_none(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    event: Document = {"type": "event", "event": "paid"}
    workshop.deploy(workshop.write([ANSWER], trigger=event))
    workshop.deploy(workshop.write([ANSWER], trigger={**event, "schema": {"required": ["n"]}}))
    with pytest.raises(TriggerRefused):
        workshop.engine.starter.event(workshop.project, "paid", {}, user="", key=None)
    assert workshop.engine.control.runs(workshop.project) == []


def test_a_hook_starts_what_waits_for_it(workshop: Workshop) -> None:
    trigger = {"type": "hook", "hook": "segment.changed"}
    name = workshop.deploy(workshop.write([ANSWER], trigger=trigger, connector="heap"))
    starter = workshop.engine.starter
    assert starter.hook(workshop.project, "segment.other", {}, user="alice", key=None) == []
    [run_id] = starter.hook(workshop.project, "segment.changed", {"n": 1}, user="alice", key=None)
    assert workshop.ended(run_id).trigger == {"n": 1}
    assert len(runs(workshop, name)) == 1


def test_a_connection_starts_what_waits_for_it_once_per_connecting(
    stored_workshop: Workshop,
) -> None:
    workshop = stored_workshop
    definition = workshop.write([ANSWER], trigger={"type": "connection"}, connector="heap")
    name = workshop.deploy(definition)
    workshop.host.connect("bob")
    connection = workshop.host.connect("alice")
    [run] = eventually(lambda: runs(workshop, name))
    ended = workshop.ended(run.id)
    assert (ended.user, ended.connection_id) == ("alice", connection.id)
    assert ended.response is not None
    assert ended.response["body"]["id"] == connection.id
    workshop.host.connect("alice", GLOBEX)
    assert len(eventually(lambda: len(runs(workshop, name)) == 2 and runs(workshop, name))) == 2


def test_a_trigger_of_another_kind_is_refused(workshop: Workshop) -> None:
    name = workshop.deploy(
        workshop.write([ANSWER], trigger={"type": "schedule", "every_seconds": 3600})
    )
    with pytest.raises(TriggerRefused, match="schedule"):
        workshop.engine.starter.start(workshop.project, name, {})


def test_a_trigger_can_be_large_but_not_without_end(workshop: Workshop) -> None:
    name = workshop.deploy(workshop.write([setting("a", n="<<trigger.t | length>>")]))
    run = workshop.ended(workshop.start(name, {"t": "x" * 900_000}))
    assert run.state is RunState.SUCCEEDED, run.detail
    with pytest.raises(TriggerRefused, match="1,000,000"):
        workshop.start(name, {"t": "x" * 1_000_000})


SCHEMAS: list[tuple[Document, Any, bool]] = [
    ({"type": "object", "required": ["n"]}, {"n": 1}, True),
    ({"type": "object", "required": ["n"]}, {}, False),
    ({"type": "array"}, [1], True),
    ({"type": "array"}, {}, False),
    ({"properties": {"t": {"pattern": "^a"}}}, {"t": "b"}, False),
    (
        {"$defs": {"t": {"type": "string"}}, "properties": {"t": {"$ref": "#/$defs/t"}}},
        {"t": 1},
        False,
    ),
    ({"properties": {"t": {"$ref": "#/$defs/nowhere"}}}, {"t": 1}, False),
    ({"properties": {"t": {"$ref": "#"}}}, {"t": {"t": {}}}, True),
    ({"$ref": "#"}, {}, False),
]


@pytest.mark.parametrize(("schema", "data", "fits"), SCHEMAS)
def test_data_are_held_against_the_triggers_schema(
    workshop: Workshop, schema: Document, data: Any, fits: bool
) -> None:
    definition = workshop.write([ANSWER], trigger={"type": "manual", "schema": schema})
    name = workshop.deploy(definition)
    if fits:
        assert workshop.ended(workshop.start(name, data)).state is RunState.SUCCEEDED
        return
    with pytest.raises(TriggerRefused):
        workshop.start(name, data)


def test_another_projects_users_and_workflows_are_not_reached(workshop: Workshop) -> None:
    other = make_host(workshop.host.runtime, "Other Product")
    event = {"type": "event", "event": "paid"}
    name = workshop.deploy(workshop.write([ANSWER], trigger=event, connector="heap"))
    starter = workshop.engine.starter
    assert starter.event(other.project.id, "paid", {}, user="alice", key=None) == []
    with pytest.raises(WorkflowUnknown):
        workshop.engine.catalogue.enable(other.project.id, name, "alice", enabled=True)
    other.connect("alice")
    name = workshop.deploy(workshop.write([ANSWER], connector="heap"))
    assert workshop.look(workshop.start(name, user="alice")).connection_id == ""


# schedules


def late(workshop: Workshop, seconds: float, **more: Any) -> str:
    """Deploy a workflow that runs every minute and was due some time ago."""
    trigger = {"type": "schedule", "every_seconds": 60}
    name = workshop.deploy(workshop.write([ANSWER], trigger=trigger, **more))
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    with workshop.host.runtime.database.transaction() as tx:
        store.set_all_next(tx, workflow.id, time.time() - seconds)
    return name


def test_many_tickers_start_one_run_of_a_time_that_is_due(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    name = late(workshop, 1)
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(workshop.engine.starter.due) for _ in range(16)]:
            done.result()
    [run] = runs(workshop, name)
    assert workshop.ended(run.id).state is RunState.SUCCEEDED


def test_times_that_were_missed_are_made_up_for_once(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    begun = time.time()
    name = late(workshop, 3 * 86_400)
    workshop.engine.starter.due()
    workshop.engine.starter.due()
    [run] = runs(workshop, name)
    trigger = workshop.ended(run.id).trigger
    assert trigger["due_at"] == pytest.approx(begun - 3 * 86_400, abs=5)
    assert begun < trigger["next_at"] <= time.time() + 60


def test_a_schedule_runs_for_every_user_who_has_it_switched_on(workshop: Workshop) -> None:
    trigger = {"type": "schedule", "every_seconds": 60}
    definition = workshop.write([ANSWER], trigger=trigger, connector="heap")
    name = workshop.deploy(definition, "alice", "bob", "carol")
    catalogue = workshop.engine.catalogue
    catalogue.enable(workshop.project, name, "carol", enabled=False)
    with workshop.host.runtime.database.transaction() as tx:
        store.set_all_next(tx, catalogue.workflow(workshop.project, name).id, time.time() - 1)
    workshop.engine.starter.due()
    assert sorted(one.user for one in runs(workshop, name)) == ["alice", "bob"]


def test_a_schedule_that_is_refused_does_not_stop_the_others(workshop: Workshop) -> None:
    refused = late(workshop, 100, limits={"in_order_of": "<<trigger.nothing>>"})
    fine = late(workshop, 1)
    workshop.engine.starter.due()
    assert len(eventually(lambda: runs(workshop, fine))) == 1
    assert runs(workshop, refused) == []
    workflow = workshop.engine.catalogue.workflow(workshop.project, refused)
    with workshop.host.runtime.database.reading() as tx:
        enablement = store.enablement(tx, workflow.id, "")
    assert enablement is not None
    assert enablement.next_at is not None
    assert enablement.next_at > time.time() - 1


def test_what_is_out_of_service_is_not_due(workshop: Workshop) -> None:
    name = late(workshop, -3600)
    workshop.engine.catalogue.withdraw(workshop.project, name, by="tests")
    workflow = workshop.engine.catalogue.workflow(workshop.project, name)
    with workshop.host.runtime.database.transaction() as tx:
        enablement = store.enablement(tx, workflow.id, "")
        assert enablement is not None
        assert enablement.next_at is None
        store.set_all_next(tx, workflow.id, time.time() - 1)
    workshop.engine.starter.due()
    assert runs(workshop, name) == []


#: Half past two does not exist on 2026-03-29 in Berlin, and is there twice on 2026-10-25.
CLOCKS = [
    ("2026-03-28T12:00Z", "30 2 * * *", "2026-03-29T01:00Z"),
    ("2026-03-29T12:00Z", "30 2 * * *", "2026-03-30T00:30Z"),
    ("2026-10-24T12:00Z", "30 2 * * *", "2026-10-25T00:30Z"),
    ("2026-10-25T00:30Z", "30 2 * * *", "2026-10-26T01:30Z"),
    ("2026-10-25T00:30Z", "*/30 * * * *", "2026-10-25T01:00Z"),
    ("2026-03-29T00:30Z", "*/30 * * * *", "2026-03-29T01:00Z"),
]


@pytest.mark.parametrize(("now", "cron", "due"), CLOCKS)
def test_schedules_keep_to_the_clocks_of_their_zone(now: str, cron: str, due: str) -> None:
    definition = checks.check(
        {
            "name": "w",
            "trigger": {"type": "schedule", "cron": cron, "time_zone": "Europe/Berlin"},
            "steps": [ANSWER],
        }
    )
    found = next_due(definition, datetime.fromisoformat(now).timestamp())
    assert found is not None
    assert datetime.fromtimestamp(found, UTC) == datetime.fromisoformat(due)


# failures


def test_a_handler_that_fails_itself_does_not_go_round_for_ever(workshop: Workshop) -> None:
    definition = workshop.write([{"id": "f", "type": "fail", "message": "no"}])
    definition["on_failure"] = {"workflow": definition["name"], "notify": False}
    name = workshop.deploy(definition)
    workshop.ended(workshop.start(name))

    def all_ended() -> bool:
        found = runs(workshop, name)
        deepest = max(one.depth for one in found)
        return deepest == 10 and all(one.state.is_final for one in found)

    eventually(all_ended)
    assert len(runs(workshop, name)) == 11
