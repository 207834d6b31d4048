"""The Retry-After header in the form that was asked for (RFC 9110, section 10.2.3)."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from connector.sandbox.settings import RetryAfterForm


def retry_after_text(seconds: float, form: RetryAfterForm) -> str | None:
    """Return the header's value, rounded up to whole seconds, or None for no header."""
    whole = max(1, math.ceil(seconds))
    if form == "none":
        return None
    if form == "seconds":
        return str(whole)
    # A date is read against the reader's own clock, which the sandbox's clock does not move.
    moment = datetime.now(UTC) + timedelta(seconds=whole)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return format_datetime(moment, usegmt=True)
