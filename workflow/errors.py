"""The errors of the workflow engine, all under one root.

The docstring of a class is its default message; its code is stable and documented in the README.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class WorkflowError(Exception):
    """Something went wrong in a workflow."""

    code: ClassVar[str] = "workflow_error"

    def __init_subclass__(cls, *, code: str) -> None:
        cls.code = code

    def __init__(self, message: str | None = None, **meta: Any) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        #: What a program can act on; JSON values only, never a secret.
        self.meta: Mapping[str, Any] = {key: val for key, val in meta.items() if val is not None}
        super().__init__(self.message)


class ExpressionInvalid(WorkflowError, code="expression_invalid"):
    """An expression cannot be understood, or uses what expressions do not have."""


class ExpressionFailed(WorkflowError, code="expression_failed"):
    """An expression has no value for these data."""


class ValueMissing(ExpressionFailed, code="value_missing"):
    """An expression refers to a value that is not there."""


class DefinitionInvalid(WorkflowError, code="definition_invalid"):
    """The workflow's definition has faults."""


class ConditionInvalid(WorkflowError, code="condition_invalid"):
    """A condition cannot be understood."""


class RetryPolicyInvalid(WorkflowError, code="retry_policy_invalid"):
    """A retry policy cannot be understood."""


class ScheduleInvalid(WorkflowError, code="schedule_invalid"):
    """A schedule cannot be understood, or is never due."""


class FunctionInvalid(WorkflowError, code="function_invalid"):
    """The code of a function cannot be understood."""


class FunctionFailed(WorkflowError, code="function_failed"):
    """A function failed, or gave what is no plain JSON data."""


class FunctionTimeout(FunctionFailed, code="function_timeout"):
    """A function took more time than it may."""


class FunctionOutOfMemory(FunctionFailed, code="function_out_of_memory"):
    """A function took more memory than it may."""


class WorkflowUnknown(WorkflowError, code="workflow_unknown"):
    """The project has no workflow of that name."""


class VersionUnknown(WorkflowError, code="version_unknown"):
    """The workflow has no such version."""


class RunUnknown(WorkflowError, code="run_unknown"):
    """The project has no such run."""


class RunStateUnfit(WorkflowError, code="run_state_unfit"):
    """The run's state does not allow this."""


class VersionUnfit(WorkflowError, code="version_unfit"):
    """The run cannot go on with that version: steps that it has done are different there."""


class TriggerRefused(WorkflowError, code="trigger_refused"):
    """What was sent does not fit the workflow's trigger."""


class SettingsInvalid(WorkflowError, code="settings_invalid"):
    """The settings do not fit the workflow."""


class RunFailed(WorkflowError, code="run_failed"):
    """The workflow ended before it came to its response."""


class ClaimLost(WorkflowError, code="claim_lost"):
    """Another worker has taken the run over."""
