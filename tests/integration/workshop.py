"""Where tests write workflows as plain data, run them for real, and look at what came of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow.engine import Engine
from workflow.models import Attempt, Run, RunState

from ..conftest import SandboxClient, eventually
from ..people import Host
from ..upstream import Received, Upstream, answering

Document = dict[str, Any]
#: Ways in which the tests start whatever they have deployed.
KINDS = ("manual", "request", "event", "hook", "webhook")
JSON_TYPE = [("Content-Type", "application/json")]


@dataclass
class Workshop:
    """One project with its engine at work, the sandbox as Heap and a scripted other API."""

    host: Host
    upstream: Upstream
    sandbox: SandboxClient
    _names: int = field(default=0)

    @property
    def engine(self) -> Engine:
        return self.host.runtime.engine

    @property
    def project(self) -> str:
        return self.host.project.id

    def write(self, steps: list[Document], **more: Any) -> Document:
        """Return a definition with a name of its own, started by hand unless it says otherwise."""
        self._names += 1
        known = {"name": f"w{self._names}", "trigger": {"type": "manual"}, "steps": steps}
        return {**known, **more}

    def deploy(self, definition: Document, *users: str, **settings: Any) -> str:
        """Push a definition, put it into service, and switch it on for alice unless for others."""
        name = str(definition["name"])
        self.engine.catalogue.push(self.project, json.dumps(definition))
        self.engine.catalogue.deploy(self.project, name, by="tests")
        if "connector" in definition:
            for user in users or ("alice",):
                self.engine.catalogue.enable(
                    self.project, name, user, enabled=True, settings=settings
                )
        return name

    def start(self, name: str, trigger: Any = None, *, user: str = "", **more: Any) -> str:
        """Start a workflow and return the run's id."""
        started = self.engine.starter.start(
            self.project, name, {} if trigger is None else trigger, user=user, kinds=KINDS, **more
        )
        return started.id

    def run(self, steps: list[Document], trigger: Any = None, **more: Any) -> Run:
        """Deploy steps, run them, and return how the run ended."""
        definition = self.write(steps, **more)
        user = "alice" if "connector" in definition else ""
        return self.ended(self.start(self.deploy(definition), trigger, user=user))

    def give(self, steps: list[Document], wanted: Any, trigger: Any = None, **more: Any) -> Any:
        """Run steps and return what a text with expressions gives after them."""
        run = self.run(
            [*steps, {"id": "answer", "type": "response", "body": wanted}], trigger, **more
        )
        assert run.state is RunState.SUCCEEDED, (run.reason, run.detail)
        assert run.response is not None
        return run.response["body"]

    def look(self, run_id: str) -> Run:
        return self.engine.control.run(self.project, run_id)

    def ended(self, run_id: str, seconds: float = 20.0) -> Run:
        """Wait until a run has ended."""
        return self.reached(
            run_id, *(state for state in RunState if state.is_final), seconds=seconds
        )

    def reached(self, run_id: str, *states: RunState, seconds: float = 20.0) -> Run:
        """Wait until a run is in one of some states."""

        def there() -> Run | None:
            run = self.look(run_id)
            return run if run.state in states else None

        run: Run = eventually(there, seconds)
        return run

    def waits(self, run_id: str, reason: str) -> Run:
        """Wait until a run waits for a reason."""

        def there() -> Run | None:
            run = self.look(run_id)
            return run if (run.state, run.reason) == (RunState.WAITING, reason) else None

        run: Run = eventually(there)
        return run

    def attempts(self, run_id: str, path: str | None = None) -> list[Attempt]:
        """Return the attempts of a run, or those at one step, as people see them."""
        found = self.engine.control.attempts(self.project, run_id)
        return [one for one in found if path in (None, one.path)]

    def states(self, run_id: str, path: str) -> list[str]:
        return [str(one.state) for one in self.attempts(run_id, path)]

    def at(self, path: str, *scripts: Any) -> str:
        """Script the other API's answers at a path; return the address."""
        self.upstream.on(path, *scripts)
        return self.upstream.url + path

    def asked(self, path: str) -> list[Received]:
        return self.upstream.requests(path)


def told(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Any:
    """Return a script that answers with JSON."""
    sent = [*JSON_TYPE, *(headers or {}).items()]
    return answering(status, json.dumps(value).encode(), sent)


def http(step_id: str, url: str, **more: Any) -> Document:
    """Return a step that gets an address."""
    return {"id": step_id, "type": "http", "method": "GET", "url": url, **more}


def setting(step_id: str, **values: Any) -> Document:
    """Return a step that names values."""
    return {"id": step_id, "type": "set", "values": values}


def error_of(run: Run) -> Document:
    """Return the error that a run failed with."""
    assert run.state is RunState.FAILED, run
    assert run.detail is not None
    found: Document = run.detail["error"]
    return found
