"""Kinds of field that our API reads and writes, stricter than marshmallow's own.

What a field accepts is what its OpenAPI description says: no ``"yes"`` for true, no ``1_0`` for
ten, no text that a database could not store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import marshmallow
from marshmallow import ValidationError, fields, validate

from connector.sdk_protocol import iso

#: Control characters, and halves of surrogate pairs, which JSON can spell but UTF-8 cannot.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
#: The same in the words of ECMA 262, whose patterns OpenAPI uses; its text has no such halves.
_PATTERN = r"^[^\u0000-\u001f\u007f]*$"
_WORDS = {"true": True, "false": False}
#: RFC 3339, section 5.6, but for leap seconds.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_HALVES = re.compile(r"[\ud800-\udfff]")


class Shape(marshmallow.Schema):
    """An object with exactly the fields that are named."""

    class Meta:
        """Refuse all others, and say so in the description."""

        unknown = marshmallow.RAISE


class Text(fields.String):
    """One line of text."""

    def __init__(
        self,
        *,
        longest: int,
        shortest: int = 1,
        metadata: Mapping[str, Any] | None = None,
        **kw: Any,
    ) -> None:
        super().__init__(
            validate=validate.Length(shortest, longest),
            metadata={"pattern": _PATTERN, **(metadata or {})},
            **kw,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return _checked(super()._deserialize(value, attr, data, **kwargs))


class Lines(fields.String):
    """Text of several lines, such as PEM."""

    def __init__(self, *, longest: int, **kw: Any) -> None:
        super().__init__(validate=validate.Length(1, longest), **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        _checked("".join(text.splitlines()))
        return text


class TextMap(fields.Dict):
    """An object whose values are all text."""

    def __init__(self, *, longest: int, **kw: Any) -> None:
        super().__init__(values=Text(longest=longest, shortest=0), **kw)

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> dict[str, str]:
        try:
            found = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
            return dict(found)
        except ValidationError as error:
            if isinstance(error.messages, dict):
                # marshmallow tells faults of keys from those of values; here all are of values.
                found = {key: said["value"] for key, said in error.messages.items()}
                raise ValidationError(found) from error
            raise


class Flag(fields.Boolean):
    """True or false, as JSON has them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class QueryFlag(fields.Boolean):
    """True or false, spelt out in a query."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ARG002
        if value not in _WORDS:
            raise ValidationError("Must be true or false.")
        return _WORDS[value]


class QueryCount(fields.Integer):
    """A whole number of a query, in plain digits."""

    def __init__(self, *, least: int, most: int, **kw: Any) -> None:
        super().__init__(validate=validate.Range(least, most), **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:  # noqa: ARG002
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise ValidationError("Must be a whole number.")
        return int(value)


class Json(fields.Raw):
    """Any JSON value, as long as it can be stored: no half characters."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(allow_none=True, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        if any(_HALVES.search(text) for text in _texts(value)):
            raise ValidationError("Must not hold half of a character.")
        return value


class Moment(fields.DateTime):
    """A moment as a caller writes it; read as seconds since the epoch."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        try:
            if isinstance(value, str) and _MOMENT.fullmatch(value):
                return datetime.fromisoformat(value.upper()).timestamp()
        except (ValueError, OverflowError):
            pass  # such as the 30th of February
        raise ValidationError("Must be a time such as 2026-01-31T12:00:00Z.")


class Time(fields.DateTime):
    """Seconds since the epoch, written as ISO 8601 in UTC."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return None if value is None else iso(value)


def unfit(text: str) -> bool:
    """Say whether text holds what no database could store or no person would write."""
    return bool(_UNFIT.search(text))


def _checked(text: str) -> str:
    if unfit(text):
        raise ValidationError("Must not hold control characters.")
    return text


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of JSON data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
