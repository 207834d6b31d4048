"""Filters and tests of the templates: moments, amounts and codes said in words."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.models import LoggedRequest
from connector.web.console.blueprint import blueprint
from connector.web.problems import every_error

_ERRORS = {error.code: (error.__doc__ or "").strip() for error in every_error()}


@blueprint.app_template_filter("moment")
def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as a time with its zone."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


@blueprint.app_template_filter("error_words")
def error_words(code: str) -> str:
    """Return what an error code means."""
    return _ERRORS.get(code, code)


@blueprint.app_template_filter("duration")
def duration(milliseconds: float) -> str:
    """Return a duration as a person reads it."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


@blueprint.app_template_filter("size")
def size(number: int) -> str:
    """Return a number of bytes as a person reads it."""
    amount, unit = float(number), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{number} B" if unit == "B" else f"{amount:.1f} {unit}"


@blueprint.app_template_test("failed_request")
def failed_request(entry: LoggedRequest) -> bool:
    """Say whether a request failed, at the provider or on the way."""
    return entry.error_code is not None or (entry.status or 0) >= 400
