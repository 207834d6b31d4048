"""What somebody who waits for a run looks for: little of its row, and often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from workflow.database import Transaction
from workflow.models import RunState
from workflow.prepared import Prepared
from workflow.store.texts import unpacked
from workflow.tables import runs

_STANDING = Prepared(select(runs.c.state, runs.c.response).where(runs.c.id == bindparam("run_id")))


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run has come."""

    state: RunState
    response: Mapping[str, Any] | None


def standing(tx: Transaction, run_id: str) -> Standing | None:
    """Return how far a run has come; nothing if there is none."""
    rows = _STANDING.run(tx, {"run_id": run_id})
    return Standing(RunState(rows[0]["state"]), unpacked(rows[0]["response"])) if rows else None
