"""What the values of a manifest must look like, in marshmallow's terms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jsonschema
import marshmallow.fields as f
from marshmallow import Schema, ValidationError, post_load, validate

SLUG = validate.Regexp(
    r"^[a-z][a-z0-9_]{0,62}$",
    error="must be lower-case letters, digits and underscores, starting with a letter",
)
POINTER = validate.Regexp(r"^(/[^/]+)+$", error="must be a JSON pointer such as /app_id (RFC 6901)")
PATH = validate.Regexp(r"^/\S*$", error="must be a path that starts with /")
HEADER = validate.Regexp(r"^[A-Za-z0-9_-]+$", error="must be a header name")
TEXT = validate.Length(min=1, error="must not be blank")


def https(value: str) -> None:
    """Refuse what is not an https address."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise ValidationError("must be an https address without user name and fragment")


def host(value: str) -> None:
    """Refuse what is not a host name."""
    if not re.fullmatch(r"[a-z0-9.-]+(:\d{1,5})?", value):
        raise ValidationError("must be a lower-case host name, with a port if not 443")


def regex(value: str) -> None:
    """Refuse what is not a regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValidationError(f"must be a regular expression ({error})") from error


def json_schema(value: Mapping[str, Any]) -> None:
    """Refuse what is not a JSON Schema (draft 2020-12)."""
    try:
        jsonschema.Draft202012Validator.check_schema(value)
    except jsonschema.SchemaError as error:
        where = "".join(f"/{part}" for part in error.absolute_path)
        raise ValidationError(
            f"must be a JSON Schema; at {where or '/'}: {error.message}"
        ) from error


def text_field(**options: Any) -> f.String:
    """Return a required field of text that is not blank."""
    values: dict[str, Any] = {"required": True, "validate": TEXT}
    return f.String(**values | options)


class Strict(Schema):
    """A schema that makes a frozen dataclass and refuses what it does not know."""

    makes: ClassVar[type | None] = None
    error_messages = {  # noqa: RUF012 - marshmallow reads it from the class
        "unknown": "is not a field here",
        "type": "must be an object",
    }

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        if self.makes is None:
            return data
        frozen = {key: tuple(val) if isinstance(val, list) else val for key, val in data.items()}
        return self.makes(**frozen)
