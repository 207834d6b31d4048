"""Look at runs and steer them: cancel, retry from the failed step, replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from workflow import accepting
from workflow.carrying_over import differences
from workflow.database import Database
from workflow.definition import build
from workflow.errors import RunStateUnfit, RunUnknown, VersionUnfit, WorkflowError
from workflow.models import Attempt, Reason, Run, RunState
from workflow.outside import Person
from workflow.store import attempts as attempt_store
from workflow.store import orders, parents
from workflow.store import runs as store
from workflow.store import workflows as workflow_store

PAGE = 50


class Control:
    """Use cases around runs that there are."""

    def __init__(
        self, database: Database, wake: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._wake = wake
        self._clock = clock

    def runs(
        self,
        project_id: str,
        filters: Mapping[str, Any] | None = None,
        *,
        before: str | None = None,
        limit: int = PAGE,
    ) -> list[Run]:
        """Return a page of runs without their documents, newest first."""
        with self._database.reading() as tx:
            return store.page(tx, project_id, filters or {}, before, limit)

    def run(self, project_id: str, run_id: str) -> Run:
        """Return a run; raises RunUnknown."""
        with self._database.reading() as tx:
            run = store.find(tx, project_id, run_id)
        if run is None:
            raise RunUnknown
        return run

    def attempts(
        self, project_id: str, run_id: str, *, skip: int = 0, limit: int = 1000
    ) -> list[Attempt]:
        """Return what a run's steps were given and gave, in order; raises RunUnknown."""
        self.run(project_id, run_id)
        with self._database.reading() as tx:
            return attempt_store.page(tx, run_id, ("", skip), limit)

    def counts(self, project_id: str) -> dict[str, int]:
        """Return how many runs of a project are in each state that is not final."""
        with self._database.reading() as tx:
            return store.counts(tx, project_id)

    def cancel(self, project_id: str, run_id: str) -> Run:
        """End a run that has not ended; one that is running ends after its step.

        Raises
        ------
        RunUnknown
            If there is none.
        RunStateUnfit
            If it has ended.

        """
        run = self.run(project_id, run_id)
        while not self._cancel(run):
            # It was taken, or put off, between the two looks.
            run = self.run(project_id, run_id)
            if run.state.is_final:
                raise RunStateUnfit(f"The run has {run.state} already.", state=str(run.state))
        self._wake()
        return self.run(project_id, run_id)

    def _cancel(self, run: Run) -> bool:
        now = self._clock()
        with self._database.transaction() as tx:
            if store.end_unheld(tx, run.id, RunState.CANCELLED, Reason.CANCELLED, None, now):
                orders.release_next(tx, run.project_id, run.order_key)
                if run.parent_id is not None:
                    parents.wake_parent(tx, run.parent_id, now)
                return True
            return store.request_cancel(tx, run.id)

    def retry(self, project_id: str, run_id: str, *, newest: bool = False) -> Run:
        """Go on with a run from the step that failed, on its version or on the one in service.

        Raises
        ------
        RunUnknown
            If there is none.
        RunStateUnfit
            If it has neither failed nor been cancelled.
        VersionUnfit
            If steps that it has done are different in the version in service; ``meta`` says which.

        """
        run = self.run(project_id, run_id)
        version = self._newest(run) if newest else run.version
        with self._database.transaction() as tx:
            ready = run.order_key is None or orders.is_first(tx, project_id, run.order_key)
            if not store.retry(tx, run_id, version, ready=ready):
                raise RunStateUnfit(
                    f"Only a run that has failed or was cancelled can be retried; this one is "
                    f"{run.state}.",
                    state=str(run.state),
                )
        self._wake()
        return self.run(project_id, run_id)

    def replay(self, project_id: str, run_id: str, *, trigger: Any = None) -> Run:
        """Start a new run on the version in service, with the same trigger or another.

        Raises
        ------
        RunUnknown
            If there is none.
        VersionUnfit
            If no version is in service.
        TriggerRefused
            If the trigger does not fit that version.

        """
        run = self.run(project_id, run_id)
        with self._database.reading() as tx:
            workflow = workflow_store.by_id(tx, project_id, run.workflow_id)
            if workflow is None or workflow.deployed is None:
                raise VersionUnfit("The workflow is not in service; deploy a version first.")
            newest = workflow_store.version(tx, workflow.id, workflow.deployed)
        if newest is None:
            raise VersionUnfit("The version in service is gone.")
        again = accepting.new_run(
            build(newest.document),
            project_id=project_id,
            workflow_id=run.workflow_id,
            user=run.user,
            person=Person(
                run.connection_id, run.context.get("user"), run.context.get("connection")
            ),
            settings=run.context.get("settings", {}),
            trigger=run.trigger if trigger is None else trigger,
            clock=self._clock,
            trial=run.context.get("trial"),
            replay_of=run.id,
            is_test=run.is_test,
        )
        with self._database.transaction() as tx:
            accepting.accept(tx, again)
        self._wake()
        return self.run(project_id, again.id)

    def in_bulk(
        self, project_id: str, what: str, filters: Mapping[str, Any], *, limit: int, dry: bool
    ) -> list[str]:
        """Cancel, retry or replay all runs that match, up to a limit, and return which.

        ``dry``: only say which it would be.
        """
        act = {"cancel": self.cancel, "retry": self.retry, "replay": self.replay}[what]
        fit = {
            "cancel": {RunState.QUEUED, RunState.RUNNING, RunState.WAITING},
            "retry": {RunState.FAILED, RunState.CANCELLED},
            "replay": set(RunState),
        }[what]
        chosen: list[str] = []
        before: str | None = None
        while len(chosen) < limit:
            page = self.runs(project_id, filters, before=before, limit=200)
            chosen += [run.id for run in page if run.state in fit]
            if len(page) < 200:
                break
            before = page[-1].id
        chosen = chosen[:limit]
        return chosen if dry else [one for one in chosen if _done(act, project_id, one)]

    def _newest(self, run: Run) -> str:
        """Return the hash of the version in service, if what the run has done is the same there."""
        with self._database.reading() as tx:
            workflow = workflow_store.by_id(tx, run.project_id, run.workflow_id)
            if workflow is None or workflow.deployed is None:
                raise VersionUnfit("The workflow is not in service.")
            newest = workflow_store.version(tx, run.workflow_id, workflow.deployed)
            present = workflow_store.version(tx, run.workflow_id, run.version)
            history = attempt_store.history(tx, run.id)
        if newest is None or present is None:
            raise VersionUnfit("The version is gone.")
        found = differences(build(present.document), build(newest.document), history)
        if found:
            raise VersionUnfit(
                "Steps that the run has done are different in the version in service: "
                + "; ".join(found)
                + ". Replay it instead.",
                differences=found,
            )
        return newest.hash


def _done(act: Callable[[str, str], Run], project_id: str, run_id: str) -> bool:
    """Do it to one of many runs; say whether it could be done."""
    try:
        act(project_id, run_id)
    except WorkflowError:
        return False  # it has moved on meanwhile, or does not fit the version in service
    return True
