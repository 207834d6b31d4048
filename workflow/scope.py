"""What the expressions of a step can see: the run's data, and within loops the item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.definition import Step
from workflow.models import Run


@dataclass(slots=True)
class Scope:
    """Data by root, and the path of the steps within."""

    data: dict[str, Any]
    prefix: str = ""
    #: A failure here is handled by a step around: it does not fail the run.
    guarded: bool = False
    #: What the last step gave.
    last: Any = field(default=None)

    def path(self, step_id: str) -> str:
        """Return the path of a step: its id, after those of the loops around it."""
        return self.prefix + step_id

    def put(self, step_id: str, output: Any) -> None:
        """Let later steps see what a step gave."""
        # Never changed in place: somebody may hold what <<steps>> was.
        self.data["steps"] = {**self.data["steps"], step_id: output}
        self.last = output

    def guards(self, step: Step) -> bool:
        """Say whether the run goes on when a step fails."""
        return self.guarded or step.on_error != "fail"

    def within(self, step: Step) -> Scope:
        """Return the scope of the steps in a branch; what they give is seen outside too."""
        return Scope(self.data, self.prefix, self.guards(step))

    def item(self, step_id: str, index: int, item: Any, *, guarded: bool) -> Scope:
        """Return the scope of one round of a loop; what its steps give is not seen outside."""
        data = {**self.data, "item": item, "index": index}
        return Scope(data, f"{self.prefix}{step_id}[{index}].", guarded)


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
