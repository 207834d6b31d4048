"""What runs are made of."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Where a run is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Say whether it stays so."""
        return self in FINAL


FINAL = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})
UNFINISHED = (RunState.QUEUED, RunState.RUNNING, RunState.WAITING)


class Reason(StrEnum):
    """Why a run waits or ended as it did."""

    DELAY = "delay"
    RETRY = "retry"
    RATE_LIMIT = "rate_limit"
    REAUTHORISATION = "needs_reauthorisation"
    CHILD = "workflow"
    ORDER = "order"
    STEP_FAILED = "step_failed"
    STOPPED = "stop_step"
    CANCELLED = "cancelled"
    POISONED = "workers_lost"
    DEFINITION = "definition_unusable"
    INTERNAL = "internal_error"


class AttemptState(StrEnum):
    """Where an attempt at a step is."""

    STARTED = "started"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    #: Cut off by the end of its worker: maybe executed.
    INTERRUPTED = "interrupted"
    #: Not sent yet, for want of room in a limit or of a working connection.
    DEFERRED = "deferred"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a version of a workflow."""

    id: str
    project_id: str
    workflow_id: str
    version: str
    user: str
    connection_id: str
    trigger_type: str
    trigger: Any = field(repr=False)
    context: Mapping[str, Any] = field(repr=False)
    state: RunState = RunState.QUEUED
    reason: str | None = None
    detail: Mapping[str, Any] | None = None
    ready: bool = True
    order_key: str | None = None
    dedupe_key: str | None = None
    due_at: float | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    claim: int = 0
    worker_id: str | None = None
    interruptions: int = 0
    round: int = 0
    cancel_requested: bool = False
    response: Mapping[str, Any] | None = field(default=None, repr=False)
    output: Any = field(default=None, repr=False)
    replay_of: str | None = None
    parent_id: str | None = None
    depth: int = 0
    is_test: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a step of a run."""

    path: str
    number: int
    round: int
    claim: int
    step_type: str
    state: AttemptState
    input: Any = None
    output: Any = None
    error: Mapping[str, Any] | None = None
    status: int | None = None
    started_at: float
    finished_at: float | None = None


def new_id(now: float | None = None) -> str:
    """Return an id that no other has and that sorts by time (RFC 9562, version 7)."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"
