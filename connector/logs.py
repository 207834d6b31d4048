"""Logging: one JSON line an event on standard error, redacted at the sink."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from connector.redaction import redact, redact_text

#: They write tokens, whole requests or bodies at DEBUG; nothing of that is ever wanted.
_TALKATIVE = (
    "requests_oauthlib",
    "oauthlib",
    "urllib3",
    "requests",
    "sqlalchemy",
    "alembic",
    "werkzeug",
)

#: The id and the route of the request that this thread answers; every line tells them.
request: ContextVar[tuple[str | None, str | None]] = ContextVar("request", default=(None, None))


def configure(level: str, *, for_good: bool = False) -> None:
    """Send structlog and the standard library's logging through one redacting formatter.

    ``for_good``: loggers keep what they are from their first line on, which costs less.
    """
    shared: list[Processor] = [
        name_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=for_good,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def name_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the id and the route of the request that the line is about."""
    request_id, route = request.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
        event.setdefault("route", route)
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask secrets in every value; the traceback is text like any other."""
    redacted: dict[str, Any] = redact(event)
    if "exception" in event:
        redacted["exception"] = redact_text(str(event["exception"]))
    return redacted
