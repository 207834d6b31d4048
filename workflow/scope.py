"""What the expressions of a step can see: the run's data, and within loops the item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.models import Run


@dataclass(slots=True)
class Scope:
    """Data by root, and the path of the steps within."""

    data: dict[str, Any]
    prefix: str = ""
    #: What the last step gave.
    last: Any = field(default=None)

    def path(self, step_id: str) -> str:
        """Return the path of a step: its id, after those of the loops around it."""
        return self.prefix + step_id

    def put(self, step_id: str, output: Any) -> None:
        """Let later steps see what a step gave."""
        self.data["steps"][step_id] = output
        self.last = output

    def item(self, step_id: str, index: int, item: Any) -> Scope:
        """Return the scope of one round of a loop; what its steps give is not seen outside."""
        data = {**self.data, "steps": dict(self.data["steps"]), "item": item, "index": index}
        return Scope(data, f"{self.prefix}{step_id}[{index}].")


def opening(run: Run, secrets: Mapping[str, str]) -> Scope:
    """Return the scope that a run begins with."""
    return Scope(
        {
            "trigger": run.trigger,
            "steps": {},
            "user": run.context.get("user"),
            "connection": run.context.get("connection"),
            "settings": run.context.get("settings", {}),
            "secrets": dict(secrets),
            "run": {"id": run.id, "created_at": run.created_at, "is_test": run.is_test},
        }
    )
