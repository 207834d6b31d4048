"""Definitions: read strictly, kept as versions, put into service and taken back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow import checks, documents
from workflow.conditions import operators
from workflow.definition import build
from workflow.errors import DefinitionInvalid, VersionUnknown, WorkflowError, WorkflowUnknown
from workflow.models import RunState
from workflow.retry import RetryPolicy
from workflow.schema import definition_schema

from ..people import make_host
from .workshop import Document, Workshop, setting

WELCOME = """\
# Greets people who are new.
name: welcome   # the name in the address
title: "Welcome, é"
trigger: {type: event, event: signed_up}
steps:
- id: person
  type: set
  values:
    name: <<trigger.name>>


- {id: end, type: stop,
   reason: 'done'}
"""


BAD: list[Document] = documents.read(
    (Path(__file__).parents[1] / "data" / "bad_definitions.yaml").read_text(encoding="utf-8")
).data


@pytest.mark.parametrize("bad", BAD, ids=[one["title"] for one in BAD])
def test_every_fault_is_told_with_its_place(bad: Document) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        checks.load(bad["text"])
    fault = refused.value.meta["faults"][-1]
    assert (fault["pointer"], fault.get("line")) == (bad["pointer"], bad["line"])
    assert bad["problem"] in fault["problem"]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        checks.load(
            json.dumps(
                {
                    "name": "W",
                    "trigger": {"type": "x"},
                    "steps": [{"id": "a", "type": "delay", "seconds": -1}],
                }
            )
        )
    pointers = [fault["pointer"] for fault in refused.value.meta["faults"]]
    assert pointers == ["/name", "/steps/0/seconds", "/trigger/type"]


def test_schema_and_conditions_know_the_same_operators() -> None:
    comparison = definition_schema()["$defs"]["condition"]["else"]["else"]["properties"]
    assert comparison["is"]["enum"] == [one.name for one in operators()]


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(definition_schema())


POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "attempts": st.integers(-1, 25) | st.just(3.0) | st.booleans(),
        "wait": st.floats(-1, 4000) | st.just("1"),
        "factor": st.floats(0, 11),
        "longest_wait": st.floats(-1, 90_000),
        "jitter": st.floats(-0.5, 1.5),
        "on": st.lists(
            st.sampled_from(
                ["timeout", "network", "invalid", "4xx", "6xx", 404, 99, 600, 404.0, True]
            ),
            max_size=3,
        ),
        "tries": st.just(1),
    },
)


@given(POLICIES)
def test_schema_and_retry_policies_take_the_same_documents(document: dict[str, Any]) -> None:
    schema = definition_schema()["$defs"]["retry"]
    try:
        RetryPolicy.from_document(document)
    except WorkflowError:
        taken = False
    else:
        taken = True
    fits = jsonschema.Draft202012Validator(schema).is_valid(document)
    # Only the same failure twice is left to the schema.
    assert fits is taken or (taken and len({*document["on"]}) < len(document["on"]))


# versions


def test_what_is_pushed_is_pulled_byte_by_byte(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    catalogue = workshop.engine.catalogue
    version = catalogue.push(workshop.project, WELCOME)
    assert catalogue.pull(workshop.project, "welcome") == WELCOME
    again = catalogue.push(workshop.project, catalogue.pull(workshop.project, "welcome"))
    assert (again.hash, again.number) == (version.hash, 1)
    assert len(catalogue.versions(workshop.project, "welcome")) == 1


def test_json_and_yaml_of_the_same_content_are_one_version(workshop: Workshop) -> None:
    catalogue = workshop.engine.catalogue
    first = catalogue.push(workshop.project, WELCOME)
    second = catalogue.push(workshop.project, json.dumps(dict(first.document), indent=3))
    keys_turned = json.dumps(dict(reversed(first.document.items())))
    third = catalogue.push(workshop.project, keys_turned)
    assert {first.hash, second.hash, third.hash} == {build(first.document).hash}
    assert len(catalogue.versions(workshop.project, "welcome")) == 1
    assert catalogue.pull(workshop.project, "welcome") == keys_turned


def test_the_order_of_steps_is_content(workshop: Workshop) -> None:
    steps = [setting("a", x=1), setting("b", x=1)]
    definition = workshop.write(steps)
    push = workshop.engine.catalogue.push
    first = push(workshop.project, json.dumps(definition))
    second = push(workshop.project, json.dumps({**definition, "steps": steps[::-1]}))
    assert first.hash != second.hash
    assert (first.number, second.number) == (1, 2)


def _numbered(workshop: Workshop, count: int) -> Document:
    """Push versions of a workflow, each of which answers with its number."""
    definition = workshop.write([])
    for number in range(1, count + 1):
        step = {"id": "a", "type": "response", "body": number}
        workshop.engine.catalogue.push(
            workshop.project, json.dumps({**definition, "steps": [step]})
        )
    return definition


def test_a_version_is_found_by_number_hash_and_role(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    catalogue, project = workshop.engine.catalogue, workshop.project
    name = _numbered(workshop, 3)["name"]
    catalogue.deploy(project, name, version="2", by="ann")
    second = catalogue.version(project, name, "2")
    for wanted in ("v2", "deployed", second.hash, second.hash[:12]):
        assert catalogue.version(project, name, wanted) == second
    for wanted in ("draft", None, "3"):
        assert catalogue.version(project, name, wanted).number == 3
    for wanted in ("4", "x", "", second.hash[:3], "0", "-1", "draft "):
        with pytest.raises(VersionUnknown):
            catalogue.version(project, name, wanted)


def test_deploying_an_earlier_version_rolls_back(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    catalogue, project = workshop.engine.catalogue, workshop.project
    name = _numbered(workshop, 2)["name"]
    for version in ("1", "2", "1"):
        catalogue.deploy(project, name, version=version, by="ann")
        run = workshop.ended(workshop.start(name))
        assert run.response is not None
        assert run.response["body"] == int(version)
    catalogue.withdraw(project, name, by="bob")
    with pytest.raises(WorkflowUnknown):
        workshop.start(name)
    log = [(one["deployed_by"], bool(one["hash"])) for one in catalogue.deployments(project, name)]
    assert log == [("bob", False), ("ann", True), ("ann", True), ("ann", True)]


def test_versions_that_are_pushed_at_once_are_all_kept(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    definition = workshop.write([])

    def push(number: int) -> str:
        steps = [setting("a", x=number % 8)]
        text = json.dumps({**definition, "steps": steps})
        return workshop.engine.catalogue.push(workshop.project, text).hash

    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(push, range(24)))
    kept = workshop.engine.catalogue.versions(workshop.project, definition["name"])
    assert {one.hash for one in kept} == hashes
    assert sorted(one.number for one in kept) == list(range(1, 9))


def test_a_push_does_not_change_what_is_in_service(workshop: Workshop) -> None:
    definition = workshop.write([{"id": "a", "type": "response", "body": "old"}])
    name = workshop.deploy(definition)
    newer = {**definition, "steps": [{"id": "a", "type": "response", "body": "new"}]}
    workshop.engine.catalogue.push(workshop.project, json.dumps(newer))
    run = workshop.ended(workshop.start(name))
    assert run.response is not None
    assert run.response["body"] == "old"


def test_a_run_keeps_its_version_while_a_newer_one_is_deployed(workshop: Workshop) -> None:
    steps = [
        {"id": "w", "type": "delay", "seconds": 0.4},
        {"id": "a", "type": "response", "body": "old"},
    ]
    definition = workshop.write(steps)
    run_id = workshop.start(workshop.deploy(definition))
    workshop.waits(run_id, "delay")
    workshop.deploy({**definition, "steps": [{"id": "a", "type": "response", "body": "new"}]})
    run = workshop.ended(run_id)
    assert run.response is not None
    assert run.response["body"] == "old"


def test_deleting_a_workflow_deletes_its_runs(stored_workshop: Workshop) -> None:
    workshop = stored_workshop
    run = workshop.run([setting("a", x=1)])
    assert run.state is RunState.SUCCEEDED
    workshop.engine.catalogue.delete(workshop.project, run.workflow_id)
    assert workshop.engine.control.runs(workshop.project) == []
    with workshop.host.runtime.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM attempts").scalar() == 0


def test_another_projects_workflows_are_not_there(workshop: Workshop) -> None:
    run = workshop.run([setting("a", x=1)])
    catalogue = workshop.engine.catalogue
    other = make_host(workshop.host.runtime, "Other Product").project.id
    name = catalogue.workflow(workshop.project, run.workflow_id).name
    for wanted in (name, run.workflow_id):
        for look in (catalogue.workflow, catalogue.versions, catalogue.pull, catalogue.delete):
            with pytest.raises(WorkflowUnknown):
                look(other, wanted)
        with pytest.raises(WorkflowUnknown):
            catalogue.deploy(other, wanted, by="x")
        with pytest.raises(WorkflowUnknown):
            workshop.engine.starter.start(other, wanted, {})
    assert catalogue.workflows(other) == []


def test_two_projects_may_use_one_name(workshop: Workshop) -> None:
    other = make_host(workshop.host.runtime, "Other Product").project.id
    for project in (workshop.project, other):
        workshop.engine.catalogue.push(project, WELCOME)
    ids = {
        workshop.engine.catalogue.workflow(project, "welcome").id
        for project in (workshop.project, other)
    }
    assert len(ids) == 2
