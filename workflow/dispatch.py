"""Which runs a worker takes next: projects in turn, their connections in turn, within limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from workflow.database import Database, Transaction
from workflow.models import Run
from workflow.store import queue
from workflow.store import runs as run_store
from workflow.store.queue import Lane

_DISPATCH_LOCK = 0x6865_6171


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs may run at once, on all workers."""

    project: int = 100
    connection: int = 10


class Dispatcher:
    """Takes queued runs for one worker."""

    def __init__(
        self,
        database: Database,
        worker_id: str,
        slots: int,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._worker_id = worker_id
        self._limits = limits
        self._clock = clock
        #: Kept free of projects that have something running here: the next newcomer finds room.
        self._reserve = slots // 4
        self._after_project = ""
        self._after_lane: dict[str, str] = {}

    def take(self, free: int, here: Mapping[str, int]) -> list[Run]:
        """Take up to so many runs; ``here`` is what this worker runs, by project."""
        if free <= 0:
            return []
        with self._database.reading() as tx:
            if queue.next_project(tx, "") is None:
                return []
        with self._database.transaction(durable=False) as tx:
            if tx.dialect.name == "postgresql":
                tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_DISPATCH_LOCK})")
            taken = list(self._taken(tx, free, Counter(here)))
            found = [run_store.load(tx, run_id) for run_id in taken]
        return [run for run in found if run is not None]

    def _taken(self, tx: Transaction, free: int, here: Counter[str]) -> Iterator[str]:
        lanes = Counter(queue.running(tx))
        projects: Counter[str] = Counter()
        for lane, number in lanes.items():
            projects[lane.project_id] += number
        progress = True
        while progress and free > 0:
            progress = False
            for project_id in self._in_turn(tx):
                crowded = here[project_id] > 0 and free <= self._reserve
                if crowded or projects[project_id] >= self._limits.project:
                    continue
                run_id = self._next(tx, project_id, lanes)
                if run_id is None:
                    continue
                here[project_id] += 1
                projects[project_id] += 1
                free -= 1
                progress = True
                yield run_id
                if free == 0:
                    return

    def _in_turn(self, tx: Transaction) -> Iterator[str]:
        """Yield each project with queued runs once, from the one after the last served."""
        start = self._after_project
        project = queue.next_project(tx, start)
        wrapped = False
        while True:
            if project is None:
                if wrapped or not start:
                    return
                wrapped, project = True, queue.next_project(tx, "")
                continue
            if wrapped and project > start:
                return
            self._after_project = project
            yield project
            project = queue.next_project(tx, project)

    def _next(self, tx: Transaction, project_id: str, lanes: Counter[Lane]) -> str | None:
        """Take a run of the next connection that has room."""
        start = self._after_lane.get(project_id)
        for connection_id in _lanes(tx, project_id, start):
            lane = Lane(project_id, connection_id)
            limit = self._limits.connection if connection_id else self._limits.project
            if lanes[lane] >= limit:
                continue
            run_id = queue.oldest(tx, lane)
            if run_id and queue.take(tx, run_id, self._worker_id, self._clock()):
                lanes[lane] += 1
                self._after_lane[project_id] = connection_id
                return run_id
        self._after_lane.pop(project_id, None)
        return None


def _lanes(tx: Transaction, project_id: str, start: str | None) -> Iterator[str]:
    """Yield each connection with queued runs once, the blank one first after a full turn."""
    if start is not None:
        lane = queue.next_lane(tx, project_id, start)
        while lane is not None:
            yield lane
            lane = queue.next_lane(tx, project_id, lane)
    yield ""
    lane = queue.next_lane(tx, project_id, "")
    while lane is not None and (start is None or lane <= start):
        yield lane
        lane = queue.next_lane(tx, project_id, lane)
