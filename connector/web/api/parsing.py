"""Read arguments with marshmallow; every fault is named by a JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import flask
import marshmallow
from webargs.flaskparser import FlaskParser

from connector.errors import BodyInvalid, FieldInvalid
from connector.web.guards import json_object

#: marshmallow's key for what is wrong with an object as a whole.
_WHOLE = "_schema"


class Arguments(FlaskParser):
    """Refuses what no schema names, in the query as in the body."""

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as in the parent
        "query": marshmallow.RAISE,
        "json": marshmallow.RAISE,
    }

    def load_json(self, req: flask.Request, schema: marshmallow.Schema) -> Any:  # noqa: ARG002
        """Return the body as a JSON object, read the way every API of ours reads it."""
        return json_object()

    def handle_error(
        self,
        error: marshmallow.ValidationError,
        req: flask.Request,  # noqa: ARG002
        schema: marshmallow.Schema,  # noqa: ARG002
        *,
        error_status_code: int | None,  # noqa: ARG002
        error_headers: Mapping[str, str] | None,  # noqa: ARG002
    ) -> NoReturn:
        """Raise our error for marshmallow's."""
        located = error.messages if isinstance(error.messages, dict) else {"": error.messages}
        found = [fault for messages in located.values() for fault in faults(messages)]
        kind = FieldInvalid if any(fault["pointer"] for fault in found) else BodyInvalid
        raise kind(_sentence(found), faults=found) from error


def faults(messages: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield marshmallow's nested messages as a flat list of pointer and problem."""
    if isinstance(messages, dict):
        for key, nested in messages.items():
            yield from faults(nested, pointer if key == _WHOLE else f"{pointer}/{_escaped(key)}")
    elif isinstance(messages, list):
        for nested in messages:
            yield from faults(nested, pointer)
    else:
        yield {"pointer": pointer, "problem": str(messages)}


def _escaped(key: object) -> str:
    """Escape a name for a JSON pointer (RFC 6901, section 3)."""
    return str(key).replace("~", "~0").replace("/", "~1")


def _sentence(found: list[dict[str, str]]) -> str:
    return " ".join(f"{fault['pointer']}: {fault['problem']}".lstrip(": ") for fault in found[:3])
