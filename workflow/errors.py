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
