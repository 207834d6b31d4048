"""Look at runs and steer them: cancel, retry from the failed step, replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from workflow import accepting
from workflow.database import Database
from workflow.definition import Definition, build
from workflow.errors import RunStateUnfit, RunUnknown, VersionUnfit
from workflow.models import Attempt, AttemptState, Reason, Run, RunState, new_id
from workflow.store import attempts as attempt_store
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
        now = self._clock()
        with self._database.transaction() as tx:
            ended = store.end_unheld(tx, run_id, RunState.CANCELLED, Reason.CANCELLED, None, now)
            if ended:
                store.release_next(tx, run)
                if run.parent_id is not None:
                    store.wake_parent(tx, run.parent_id, now)
            elif not store.request_cancel(tx, run_id):
                raise RunStateUnfit(f"The run has {run.state} already.", state=str(run.state))
        self._wake()
        return self.run(project_id, run_id)

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
            if not store.retry(tx, run_id, version):
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

        """
        run = self.run(project_id, run_id)
        with self._database.reading() as tx:
            workflow = workflow_store.by_id(tx, project_id, run.workflow_id)
        if workflow is None or workflow.deployed is None:
            raise VersionUnfit("The workflow is not in service; deploy a version first.")
        now = self._clock()
        again = Run(
            id=new_id(now),
            project_id=project_id,
            workflow_id=run.workflow_id,
            version=workflow.deployed,
            user=run.user,
            connection_id=run.connection_id,
            trigger_type=run.trigger_type,
            trigger=run.trigger if trigger is None else trigger,
            context=run.context,
            order_key=run.order_key,
            created_at=now,
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
        """Cancel, retry or replay all runs that match, up to a limit; dry: only say which."""
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
        if not dry:
            for run_id in chosen:
                try:
                    act(project_id, run_id)
                except RunStateUnfit:
                    continue  # it has moved on meanwhile
        return chosen

    def _newest(self, run: Run) -> str:
        """Return the hash of the version in service, if what the run has done is the same there."""
        with self._database.reading() as tx:
            workflow = workflow_store.by_id(tx, run.project_id, run.workflow_id)
            if workflow is None or workflow.deployed is None:
                raise VersionUnfit("The workflow is not in service.")
            newest = workflow_store.version(tx, run.workflow_id, workflow.deployed)
            history = attempt_store.history(tx, run.id)
        if newest is None:
            raise VersionUnfit("The version in service is gone.")
        differences = _differences(build(newest.document), history)
        if differences:
            raise VersionUnfit(
                "Steps that the run has done are different in the version in service: "
                + "; ".join(differences)
                + ". Replay it instead.",
                differences=differences,
            )
        return newest.hash


def _differences(definition: Definition, history: Mapping[str, list[Attempt]]) -> list[str]:
    types = {step.id: step.type for step in definition.walk()}
    found = []
    for path, attempts in history.items():
        step_id = path.rpartition(".")[2]
        done = attempts[-1]
        if done.state is not AttemptState.SUCCEEDED:
            continue
        if step_id not in types:
            found.append(f"{path} is not there")
        elif types[step_id] != done.step_type:
            found.append(f"{path} was {done.step_type} and is {types[step_id]}")
    return found
