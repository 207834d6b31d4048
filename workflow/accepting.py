"""Accept runs: what starts them is stored with them in one transaction, or nothing is."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from workflow.database import Transaction
from workflow.definition import Definition
from workflow.errors import TriggerRefused, WorkflowError
from workflow.expressions import resolve
from workflow.input_schema import check_data
from workflow.models import Reason, Run, RunState, new_id
from workflow.outside import Person
from workflow.store import orders
from workflow.store import runs as run_store
from workflow.values import as_text

LARGEST_TRIGGER = 1_000_000
DEEPEST_CHILD = 10


def new_run(
    definition: Definition,
    *,
    project_id: str,
    workflow_id: str,
    user: str,
    person: Person,
    settings: Mapping[str, Any],
    trigger: Any,
    clock: Callable[[], float] = time.time,
    trial: Mapping[str, Any] | None = None,
    **more: Any,
) -> Run:
    """Return a run that is ready to be accepted.

    Raises
    ------
    TriggerRefused
        If the trigger's data do not fit its schema, are too large, or the key of the order has no
        value.

    """
    _check(definition, trigger)
    now = clock()
    # What is tried waits for nobody, and nobody for it.
    order_key = _order_key(definition, workflow_id, user, trigger) if trial is None else None
    return Run(
        id=new_id(now),
        project_id=project_id,
        workflow_id=workflow_id,
        version=definition.hash,
        user=user,
        connection_id=person.connection_id,
        trigger_type=definition.trigger["type"],
        trigger=trigger,
        context=_context(definition, person, settings) | ({"trial": trial} if trial else {}),
        order_key=order_key,
        created_at=now,
        **more,
    )


def _context(definition: Definition, person: Person, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "user": person.user,
        "connection": person.connection,
        "settings": {**definition.setting_defaults(), **settings},
    }


def accept(tx: Transaction, run: Run) -> str:
    """Store a run and return its id, or that of the run that its key was accepted for before."""
    if run.order_key is not None and not orders.is_first(tx, run.project_id, run.order_key):
        run = _behind(run)
    if run_store.accept(tx, run):
        return run.id
    known = run_store.of_dedupe_key(tx, run.workflow_id, run.dedupe_key or "")
    if known is None:  # pragma: no cover - an id of ours that was there already
        raise WorkflowError("The run could not be stored.")
    return known


def dedupe_key(text: str) -> str:
    """Return a deduplication key of any text, short enough to be kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _behind(run: Run) -> Run:
    """Return a run as one that is queued behind another of its order, held by nobody."""
    return replace(
        run,
        ready=False,
        state=RunState.QUEUED,
        reason=Reason.ORDER,
        claim=0,
        worker_id=None,
        started_at=None,
    )


def _check(definition: Definition, trigger: Any) -> None:
    size = len(json.dumps(trigger, ensure_ascii=False))
    if size > LARGEST_TRIGGER:
        raise TriggerRefused(
            f"What starts a run may have {LARGEST_TRIGGER:,} characters, not {size:,}."
        )
    schema = definition.trigger.get("schema")
    if schema is None:
        return
    if definition.trigger["type"] == "request":
        trigger = trigger.get("body") if isinstance(trigger, dict) else None
    check_data(schema, trigger)


def _order_key(definition: Definition, workflow_id: str, user: str, trigger: Any) -> str | None:
    expression = definition.limits.get("in_order_of")
    if expression is None:
        return None
    try:
        value = resolve(expression, {"trigger": trigger, "user": {"id": user}})
    except WorkflowError as error:
        raise TriggerRefused(f"limits.in_order_of: {error.message}") from error
    return dedupe_key(f"{workflow_id}\0{as_text(value)}")
