"""Start runs: by a request, an event, a webhook, a schedule, a connection, by hand, by a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from workflow import accepting
from workflow.catalogue import next_due
from workflow.database import Database, Transaction
from workflow.definition import Definition
from workflow.definitions import Definitions
from workflow.errors import TriggerRefused, WorkflowError, WorkflowUnknown
from workflow.models import Run, RunState
from workflow.outside import Outside, Person
from workflow.store import runs as run_store
from workflow.store import workflows as store
from workflow.store.workflows import Enablement, Workflow

log = structlog.get_logger(__name__)
_USERS_AT_ONCE = 1000
_DUE_AT_ONCE = 200


class Starter:
    """Accepts runs; ``wake`` is told when there are some."""

    def __init__(
        self,
        database: Database,
        outside: Outside,
        definitions: Definitions,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outside = outside
        self._wake = wake
        self._clock = clock
        self._definitions = definitions

    def start(
        self,
        project_id: str,
        name: str,
        trigger: Any,
        *,
        user: str = "",
        kinds: tuple[str, ...] = ("manual",),
        **more: Any,
    ) -> Run:
        """Accept a run of one workflow and return it; with a key that was used, the earlier run.

        Takes what :meth:`prepare` takes, and raises what it raises.
        """
        run, _ = self.prepare(project_id, name, trigger, user=user, kinds=kinds, **more)
        with self._database.transaction() as tx:
            accepted = accepting.accept(tx, run)
            stored = run_store.load(tx, accepted) if accepted != run.id or run.order_key else run
        if stored is None:  # pragma: no cover - deleted in between
            raise WorkflowUnknown
        if stored.state is RunState.QUEUED:
            self._wake()
        return stored

    def prepare(
        self,
        project_id: str,
        name: str,
        trigger: Any,
        *,
        user: str = "",
        kinds: tuple[str, ...] = ("manual",),
        key: str | None = None,
        connection: str = "",
        **more: Any,
    ) -> tuple[Run, Definition]:
        """Return a run of one workflow that is ready to be accepted.

        ``connection``: the one of the user's that it is to use; else the first that works.

        Raises
        ------
        WorkflowUnknown
            If there is none in service.
        TriggerRefused
            If it is started in another way, is not switched on for the user, or the data do not
            fit.

        """
        workflow, definition = self._deployed(project_id, name)
        if definition.trigger["type"] not in kinds:
            raise TriggerRefused(
                f"The workflow {name} is started by {definition.trigger['type']}, not by "
                f"{kinds[0]}."
            )
        settings = self._settings(workflow, definition, user)
        run = self._run(
            workflow, definition, user, settings, trigger, key=key, connection=connection, **more
        )
        return run, definition

    def event(
        self,
        project_id: str,
        event: str,
        data: Any,
        *,
        user: str,
        key: str | None,
        connection: str = "",
    ) -> list[str]:
        """Accept a run of every workflow that waits for an event and is switched on for the user.

        All of them are accepted in one transaction, or none is. ``connection``: the one of the
        user's that is used where it fits.
        """
        wanted = self._waiting_for(project_id, "event", event)
        return self._accept_all(wanted, data, user=user, key=key, connection=connection)

    def hook(
        self, project_id: str, hook: str, data: Any, *, user: str, key: str | None
    ) -> list[str]:
        """Accept runs for what a connector tells; as :meth:`event`."""
        wanted = self._waiting_for(project_id, "hook", hook)
        return self._accept_all(wanted, data, user=user, key=key)

    def connected(
        self, tx: Transaction, project_id: str, connector: str, user: str, person: Person
    ) -> None:
        """Let what waits for a connection go on, and accept runs for an account that is new.

        In the caller's transaction: the connection is there together with them.
        """
        run_store.wake_user(tx, project_id, user, self._clock())
        for workflow, definition in self._in_service(project_id, "connection"):
            enablement = store.enablement(tx, workflow.id, user)
            if definition.connector != connector or not enablement or not enablement.enabled:
                continue
            run = accepting.new_run(
                definition,
                project_id=project_id,
                workflow_id=workflow.id,
                user=user,
                person=person,
                settings=enablement.settings,
                trigger=person.connection,
                clock=self._clock,
            )
            accepting.accept(tx, run)

    def child(self, parent: Run, key: str, name: str, trigger: Any) -> str:
        """Accept a run for a run, once for each key; return its id."""
        if parent.depth >= accepting.DEEPEST_CHILD:
            raise TriggerRefused(
                f"Workflows start one another {accepting.DEEPEST_CHILD} deep; do they go round?"
            )
        return self.start(
            parent.project_id,
            name,
            trigger,
            user=parent.user,
            kinds=("manual", "request", "event", "hook", "webhook"),
            key=f"child:{parent.id}:{key}",
            parent_id=parent.id,
            depth=parent.depth + 1,
            is_test=parent.is_test,
        ).id

    def handle_failure(self, run: Run, workflow: str, told: Mapping[str, Any]) -> None:
        """Start the workflow that handles the failures of another, once for each run."""
        if run.depth >= accepting.DEEPEST_CHILD:
            return  # a handler that fails is not handled for ever
        try:
            self.start(
                run.project_id,
                workflow,
                dict(told),
                user=run.user,
                key=f"failure:{run.id}:{run.round}",
                depth=run.depth + 1,
            )
        except WorkflowError as error:
            log.warning("failure_handler_refused", run=run.id, error=error.code)

    def due(self) -> int:
        """Accept the runs of schedules that are due; return how many."""
        now = self._clock()
        with self._database.reading() as tx:
            waiting = store.due_schedules(tx, now, _DUE_AT_ONCE)
        for enablement in waiting:
            try:
                self._scheduled(enablement, now)
            except WorkflowError as error:
                log.warning("schedule_refused", workflow=enablement.workflow_id, error=error.code)
        if waiting:
            self._wake()
        return len(waiting)

    def _scheduled(self, enablement: Enablement, now: float) -> None:
        """Accept the run of one due time; how often it is tried, it is one run."""
        with self._database.reading() as tx:
            workflow = store.by_id(tx, enablement.project_id, enablement.workflow_id)
        if workflow is None or workflow.deployed is None:
            with self._database.transaction() as tx:
                store.set_next(tx, enablement, None)
            return
        definition = self._definitions.of(workflow.id, workflow.deployed)
        due_at, after = enablement.next_at or now, next_due(definition, now)
        trigger = {"due_at": due_at, "next_at": after}
        key = f"schedule:{enablement.user}:{due_at}"
        user, settings = enablement.user, enablement.settings
        run = None
        try:
            run = self._run(workflow, definition, user, settings, trigger, key=key)
        except TriggerRefused as error:
            # The next time may fit; others that are due must not wait behind it.
            log.warning("schedule_refused", workflow=workflow.id, message=error.message)
        with self._database.transaction() as tx:
            if store.set_next(tx, enablement, after) and run is not None:
                accepting.accept(tx, run)

    def _waiting_for(
        self, project_id: str, kind: str, name: str
    ) -> list[tuple[Workflow, Definition]]:
        """Return the workflows in service that wait for an event or hook of that name."""
        found = self._in_service(project_id, kind)
        return [pair for pair in found if pair[1].trigger[kind] == name]

    def _accept_all(
        self,
        wanted: list[tuple[Workflow, Definition]],
        trigger: Any,
        *,
        user: str,
        key: str | None,
        connection: str = "",
    ) -> list[str]:
        found = []
        for workflow, definition in wanted:
            with self._database.reading() as tx:
                enablement = store.enablement(tx, workflow.id, _owner(definition, user))
            if enablement is not None and enablement.enabled:
                settings = enablement.settings
                found.append(
                    self._run(
                        workflow,
                        definition,
                        user,
                        settings,
                        trigger,
                        key=key,
                        connection=connection,
                    )
                )
        with self._database.transaction() as tx:
            accepted = [accepting.accept(tx, run) for run in found]
        if accepted:
            self._wake()
        return accepted

    def _run(
        self,
        workflow: Workflow,
        definition: Definition,
        user: str,
        settings: Mapping[str, Any],
        trigger: Any,
        *,
        key: str | None,
        connection: str = "",
        **more: Any,
    ) -> Run:
        person = self._outside.person(workflow.project_id, user, definition.connector, connection)
        run = accepting.new_run(
            definition,
            project_id=workflow.project_id,
            workflow_id=workflow.id,
            user=user,
            person=person,
            settings=settings,
            trigger=trigger,
            clock=self._clock,
            **more,
        )
        return run if key is None else replace(run, dedupe_key=accepting.dedupe_key(key))

    def _settings(self, workflow: Workflow, definition: Definition, user: str) -> Mapping[str, Any]:
        with self._database.reading() as tx:
            enablement = store.enablement(tx, workflow.id, _owner(definition, user))
        if enablement is None or not enablement.enabled:
            raise TriggerRefused(
                f"The workflow {workflow.name} is not switched on for this user.",
                workflow=workflow.name,
            )
        return enablement.settings

    def _deployed(self, project_id: str, name: str) -> tuple[Workflow, Definition]:
        with self._database.reading() as tx:
            workflow = store.find(tx, project_id, name) or store.by_id(tx, project_id, name)
        definition = None if workflow is None else self.in_service(workflow)
        if workflow is None or definition is None:
            raise WorkflowUnknown(
                f"The project has no workflow {name!r} in service.", workflow=name
            )
        return workflow, definition

    def in_service(self, workflow: Workflow) -> Definition | None:
        """Return what a workflow is in service as; nothing if it is not."""
        if workflow.deployed is None:
            return None
        return self._definitions.of(workflow.id, workflow.deployed)

    def _in_service(self, project_id: str, kind: str) -> list[tuple[Workflow, Definition]]:
        with self._database.reading() as tx:
            found = store.of_project(tx, project_id)
        pairs = [
            (workflow, self._definitions.of(workflow.id, workflow.deployed))
            for workflow in found
            if workflow.deployed is not None
        ]
        return [pair for pair in pairs if pair[1].trigger["type"] == kind]


def _owner(definition: Definition, user: str) -> str:
    """Return whose switch counts: the user's, or the project's where there is no connector."""
    return user if definition.connector is not None else ""
