"""The client's calls for workflows, events and runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from connector.client.calls import Calls
from connector.client.runs import Attempt, Run, RunNotEnded, WholeRun, Workflow, read
from connector.client.transport import quoted

_FIRST_WAIT_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 1.0


class WorkflowCalls:
    """What a client can do with workflows. Names of workflows may be their ids as well.

    Every call raises ``HeaplineApiError`` if Heapline answers with an error, such as
    ``workflow_unknown`` or ``scope_missing``, ``HeaplineUnreachable`` if it does not answer, and
    ``ValueError`` if there is no API key.
    """

    _calls: Calls

    def workflows(self) -> list[Workflow]:
        """Return the project's workflows by name."""
        return [read(Workflow, item) for item in self._calls.items("workflows")]

    def push_workflow(self, text: str, *, deploy: bool = False) -> Workflow:
        """Store a definition, JSON or YAML, as the draft of the workflow that it names.

        ``deploy`` puts it into service as well. For the code ``definition_invalid`` the error's
        ``meta["faults"]`` lists each fault with pointer, problem and line.
        """
        pushed = self._calls("POST", "workflows", json={"text": text, "deploy": deploy})
        return read(Workflow, pushed.get("workflow", {}))

    def deploy(self, name: str, version: str = "draft") -> Workflow:
        """Put a version into service: the draft, its number, or how its hash begins."""
        path = f"workflows/{quoted(name)}/deploy"
        deployed = self._calls("POST", path, json={"version": version})
        return read(Workflow, deployed.get("workflow", {}))

    def enable_workflow(
        self, name: str, *, user: str, settings: Mapping[str, Any] | None = None
    ) -> None:
        """Switch a workflow on for a user; settings that are left out stay as they are."""
        self._switch(name, user, {"enabled": True, "settings": dict(settings or {})})

    def disable_workflow(self, name: str, *, user: str) -> None:
        """Switch a workflow off for a user, whose settings are kept."""
        self._switch(name, user, {"enabled": False})

    def run_workflow(
        self, name: str, *, user: str | None = None, data: Any = None, key: str | None = None
    ) -> WholeRun:
        """Start a workflow that is started by hand or by request; return the run.

        The same ``key`` again for the same user starts nothing and returns the earlier run. Whoever
        has no answer may therefore call again with the same key.
        """
        wanted = _given(user=user, data=data, key=key)
        return read(WholeRun, self._calls("POST", f"workflows/{quoted(name)}/runs", json=wanted))

    def event(self, name: str, *, user: str, data: Any = None, key: str | None = None) -> list[str]:
        """Tell of an event; return the ids of the runs that it started, one of each workflow.

        The same ``key`` again starts nothing and returns the same ids.
        """
        wanted = _given(event=name, user=user, data=data, key=key)
        return [str(run_id) for run_id in self._calls("POST", "events", json=wanted)["runs"]]

    def runs(
        self,
        *,
        workflow: str | None = None,
        user: str | None = None,
        state: str | None = None,
        reason: str | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Run]:
        """Yield runs, newest first, a page fetched at a time.

        ``after`` and ``until`` are about when they were accepted, and need a time zone.
        """
        items = self._calls.items(
            "runs",
            workflow=workflow,
            user=user,
            state=state,
            reason=reason,
            after=after.isoformat() if after else None,
            until=until.isoformat() if until else None,
        )
        return (read(Run, item) for item in items)

    def run(self, run_id: str) -> WholeRun:
        """Return a run with what it was given and gave."""
        return read(WholeRun, self._calls("GET", f"runs/{quoted(run_id)}"))

    def attempts(self, run_id: str) -> Iterator[Attempt]:
        """Yield the attempts at a run's steps, in the order in which they began."""
        items = self._calls.items(f"runs/{quoted(run_id)}/attempts")
        return (read(Attempt, item) for item in items)

    def wait_for(self, run_id: str, seconds: float = 30.0) -> WholeRun:
        """Wait until a run has ended, well or not, and return it.

        Raises
        ------
        RunNotEnded
            If it takes longer; the run goes on.

        """
        deadline, pause = time.monotonic() + seconds, _FIRST_WAIT_SECONDS
        while True:
            run = self.run(run_id)
            left = deadline - time.monotonic()
            if run.has_ended:
                return run
            if left <= 0:
                raise RunNotEnded(run)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_WAIT_SECONDS)

    def _switch(self, name: str, user: str, wanted: Mapping[str, Any]) -> None:
        path = f"workflows/{quoted(name)}/users/{quoted(user)}"
        self._calls("PUT", path, json=wanted)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
