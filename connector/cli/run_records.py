"""Runs of workflows as records: rows for lists, everything about one for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector.cli.output import moment

if TYPE_CHECKING:
    from connector.runtime import Runtime
    from workflow.models import Attempt, Run

_PAGE = 1000


def row(run: Run, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what a list shows of a run; ``names`` are workflows by id."""
    return {
        "id": run.id,
        "workflow": names.get(run.workflow_id, run.workflow_id),
        "user": run.user or None,
        "state": str(run.state),
        "reason": run.reason,
        "trigger": run.trigger_type,
        "created_at": moment(run.created_at),
        "seconds": _seconds(run.started_at, run.finished_at),
    }


def record(runtime: Runtime, run: Run) -> dict[str, Any]:
    """Return everything about a run, with what its steps were given and gave."""
    from connector.redaction import redact

    workflow = runtime.engine.catalogue.workflow(run.project_id, run.workflow_id)
    versions = runtime.engine.catalogue.versions(run.project_id, run.workflow_id)
    number = next((one.number for one in versions if one.hash == run.version), None)
    told = row(run, {workflow.id: workflow.name})
    told |= {"version": number, "started_at": moment(run.started_at)}
    told |= {"finished_at": moment(run.finished_at), "due_at": moment(run.due_at)}
    told |= {"connection_id": run.connection_id or None, "replay_of": run.replay_of}
    told |= {"parent_id": run.parent_id, "detail": _shown_failure(run.detail)}
    told |= {"trigger_data": redact(run.trigger), "response": redact(run.response)}
    told |= {"output": redact(run.output)}
    return told | {"attempts": [attempt_record(one) for one in attempts_of(runtime, run)]}


def attempt_record(attempt: Attempt) -> dict[str, Any]:
    """Return everything about an attempt at a step."""
    from connector.redaction import redact

    return {
        "step": attempt.path,
        "attempt": attempt.number,
        "type": attempt.step_type,
        "state": str(attempt.state),
        "status": attempt.status,
        "started_at": moment(attempt.started_at),
        "seconds": _seconds(attempt.started_at, attempt.finished_at),
        "input": redact(attempt.input),
        "output": redact(attempt.output),
        "error": _shown_failure(attempt.error),
    }


def attempts_of(runtime: Runtime, run: Run) -> list[Attempt]:
    """Return all that a run's steps were given and gave, in order."""
    found: list[Attempt] = []
    while True:
        page = runtime.engine.control.attempts(run.project_id, run.id, skip=len(found), limit=_PAGE)
        found += page
        if len(page) < _PAGE:
            return found


def duration(seconds: float | None) -> str:
    """Return a time for people: milliseconds while it is short."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def failure_words(run: Run) -> str:
    """Return on one line why a run has not succeeded."""
    detail = _shown_failure(run.detail) or {}
    message = detail.get("message") or detail.get("error", {}).get("message", "")
    step = f" at {detail['step']}" if detail.get("step") else ""
    return f"{run.state}{step}: {message}" if message else f"{run.state}{step}"


def _shown_failure(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what went wrong with secrets masked; its own code is none, for all its name."""
    from connector.redaction import redact, redact_text

    if told is None:
        return None
    shown: dict[str, Any] = redact(told)
    if isinstance(told.get("code"), str):
        shown["code"] = redact_text(told["code"])
    if isinstance(told.get("error"), Mapping):
        shown["error"] = _shown_failure(told["error"])
    return shown


def _seconds(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(0.0, end - begin), 3)
