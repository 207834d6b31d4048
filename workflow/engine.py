"""The engine: everything that runs workflows, put together once a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from workflow.answering import Answer, Answerer
from workflow.catalogue import Catalogue
from workflow.control import Control
from workflow.database import Database
from workflow.definitions import Definitions
from workflow.dispatch import Limits
from workflow.execution import Executor
from workflow.models import Run
from workflow.offers import Offers
from workflow.outside import Outside
from workflow.retention import Retention, prune
from workflow.starting import Starter
from workflow.store import runs as run_store
from workflow.trial import Trials
from workflow.worker import Worker

log = structlog.get_logger(__name__)
_PRUNE_EVERY_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    """How much the engine does."""

    #: Runs at once in this process; with 0 it takes none.
    slots: int = 16
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)


class Engine:
    """The way in: ``catalogue``, ``offers``, ``starter`` and ``control`` are its use cases."""

    def __init__(
        self,
        database: Database,
        outside: Outside,
        options: Options,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._options = options
        self._clock = clock
        self._pruned_at = 0.0
        definitions = Definitions(database)
        self.catalogue = Catalogue(database, clock)
        self.starter = Starter(database, outside, definitions, self._wake, clock)
        self.trials = Trials(database, outside, self._wake, clock)
        self.control = Control(database, self._wake, clock)
        self.offers = Offers(database, definitions)
        self.executor = Executor(database, outside, self, definitions, clock)
        self._answerer = Answerer(
            database,
            self.starter,
            self.executor,
            options.limits,
            lambda: self.worker,
            pause,
            clock,
        )
        self.worker: Worker | None = None

    def start(self) -> None:
        """Begin to run runs in this process."""
        if self._options.slots == 0:
            return
        self.worker = Worker(
            self._database,
            self.executor,
            slots=self._options.slots,
            limits=self._options.limits,
            chores=self._chores,
            clock=self._clock,
        )
        self.worker.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Stop running runs; those that do not come to an end in time go on elsewhere."""
        if self.worker is not None:
            self.worker.stop(seconds)
            self.worker = None

    def answer(self, project_id: str, name: str, trigger: Any, **more: Any) -> Answer:
        """Start a workflow by a request; see ``Answerer.answer``."""
        return self._answerer.answer(project_id, name, trigger, **more)

    def start_child(self, parent: Run, key: str, workflow: str, trigger: Any) -> str:
        """Start a workflow for a run."""
        return self.starter.child(parent, key, workflow, trigger)

    def child(self, parent: Run, run_id: str) -> Run | None:
        """Return a run that was started for a run."""
        with self._database.reading() as tx:
            return run_store.find(tx, parent.project_id, run_id)

    def _wake(self) -> None:
        if self.worker is not None:
            self.worker.wake()

    def _chores(self) -> None:
        self.starter.due()
        if self._clock() - self._pruned_at > _PRUNE_EVERY_SECONDS:
            self._pruned_at = self._clock()
            deleted = prune(self._database, self._options.retention, self._clock())
            if deleted:
                log.info("runs_pruned", runs=deleted)
