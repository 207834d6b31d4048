"""Take one run that is held as far as it goes, and write what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from workflow.database import Database
from workflow.definition import Definition
from workflow.definitions import Definitions
from workflow.errors import ClaimLost
from workflow.interpreter import Interpreter
from workflow.journal import Cancelled, Journal
from workflow.models import Reason, Run, RunState
from workflow.outside import Outside, StepFailed
from workflow.signals import HandedOn, Suspended
from workflow.waiting import Children

log = structlog.get_logger(__name__)
#: A run that so many workers died under is taken to be what kills them.
MOST_INTERRUPTIONS = 5


class Executor:
    """Runs runs. Safe among threads."""

    def __init__(
        self,
        database: Database,
        outside: Outside,
        children: Children,
        definitions: Definitions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._outside = outside
        self._children = children
        self._clock = clock
        self._definitions = definitions
        #: What ends the work on a run without ending the run.
        self._not_ours: tuple[type[Exception], ...] = (ClaimLost, *database.failures)

    def advance(
        self, run: Run, *, answered: bool = False, overdue: Callable[[], bool] = lambda: False
    ) -> Mapping[str, Any] | None:
        """Do a run's steps until it ends or waits; return its response, if it has one.

        ``answered``: somebody waits for the response; steps after it are left to a worker, and all
        that remain once ``overdue`` says that they have waited long enough.

        Raises
        ------
        ClaimLost
            If another worker has taken the run over.

        """
        resumed = run.claim > 1 or run.round > 0
        journal = Journal(self._database, run, resumed=resumed, clock=self._clock)
        try:
            definition = self._definitions.of(run.workflow_id, run.version)
        except Exception as error:
            log.warning("definition_unusable", run=run.id, error=type(error).__name__)
            self._fail(journal, Reason.DEFINITION, {"message": str(error)[:500]}, None)
            return None
        if run.interruptions >= MOST_INTERRUPTIONS:
            self._fail(journal, Reason.POISONED, _poisoned(run), run.response, definition)
            return None
        interpreter = Interpreter(
            definition,
            journal,
            self._outside,
            self._children,
            clock=self._clock,
            answered=answered,
            overdue=overdue,
        )
        self._interpret(interpreter, journal, definition)
        return interpreter.response

    def _interpret(
        self, interpreter: Interpreter, journal: Journal, definition: Definition
    ) -> None:
        try:
            outcome = interpreter.run()
        except Suspended as suspended:
            journal.suspend(
                RunState.WAITING,
                suspended.reason,
                due_at=suspended.until,
                detail=suspended.detail,
                response=interpreter.response,
            )
        except HandedOn:
            journal.suspend(
                RunState.QUEUED, None, due_at=self._clock(), response=interpreter.response
            )
        except StepFailed as failed:
            detail = {"step": failed.path, "error": failed.failure.told()}
            self._fail(journal, Reason.STEP_FAILED, detail, interpreter.response, definition)
        except Cancelled:
            journal.finish(RunState.CANCELLED, Reason.CANCELLED, response=interpreter.response)
        except self._not_ours:
            raise
        except Exception as error:
            # A fault of ours: the run must not stay as if somebody worked on it.
            log.exception("run_crashed", run=journal.run.id)
            detail = {"message": f"The engine failed: {type(error).__name__}."}
            self._fail(journal, Reason.INTERNAL, detail, interpreter.response, definition)
        else:
            stopped = outcome.stopped is not None
            journal.finish(
                RunState.SUCCEEDED,
                Reason.STOPPED if stopped else None,
                detail={"message": outcome.stopped} if outcome.stopped else None,
                output=outcome.output,
                response=interpreter.response,
            )

    def _fail(
        self,
        journal: Journal,
        reason: Reason,
        detail: Mapping[str, Any],
        response: Mapping[str, Any] | None,
        definition: Definition | None = None,
    ) -> None:
        journal.finish(RunState.FAILED, reason, detail=detail, response=response)
        if journal.run.is_test:
            return
        policy = definition.on_failure if definition else {}
        try:
            self._outside.run_failed(
                journal.run,
                definition.name if definition else "",
                reason=reason,
                detail=detail,
                policy=policy,
            )
        except Exception:
            log.exception("failure_not_told", run=journal.run.id)


def _poisoned(run: Run) -> dict[str, Any]:
    return {
        "message": f"{run.interruptions} workers ended while they ran it. Look at the step that "
        "was begun last; retry the run when its cause is mended."
    }
