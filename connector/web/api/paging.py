"""Lists a page at a time; a cursor is opaque text that the caller hands back to read on."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from marshmallow import ValidationError, fields

from connector.web.api.fields import QueryCount, Shape, Text, unfit

LARGEST_PAGE = 200
USUAL_PAGE = 50
_LONGEST_CURSOR = 2000
_LARGEST_NUMBER = 2**53
_NOT_OURS = "Must be a next_cursor that this list gave."

Row = TypeVar("Row")
Place = tuple[str | int | float, ...]


class Cursor(Text):
    """A place in a list: values of the kinds that the list is ordered by."""

    def __init__(self, *kinds: type[str] | type[int] | type[float]) -> None:
        super().__init__(
            longest=_LONGEST_CURSOR,
            metadata={"description": "The next_cursor of the page before."},
        )
        self.kinds = kinds

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        place = _read(text)
        if len(place) != len(self.kinds) or not all(map(_is, place, self.kinds)):
            raise ValidationError(_NOT_OURS)
        return place


class PageQuery(Shape):
    """What every list takes; its own cursor is added to it."""

    limit = QueryCount(
        least=1,
        most=LARGEST_PAGE,
        load_default=USUAL_PAGE,
        metadata={"description": "How many items to return."},
    )


def next_cursor_field() -> fields.String:
    """Return the field that leads to the next page."""
    return fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The cursor of the next page; null on the last one."},
    )


def page(
    rows: Sequence[Row], limit: int, form: Callable[[Row], Any], place: Callable[[Row], Place]
) -> dict[str, Any]:
    """Return a page; one row more than ``limit`` was read, to see whether there are more."""
    shown = rows[:limit]
    return {
        "items": [form(row) for row in shown],
        "next_cursor": write(place(shown[-1])) if len(rows) > limit else None,
    }


def whole(items: Sequence[Any]) -> dict[str, Any]:
    """Return a list that is never so long that it has pages."""
    return {"items": items, "next_cursor": None}


def write(place: Place) -> str:
    """Write the place of a row as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


def _read(cursor: str) -> list[Any]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValidationError(_NOT_OURS) from error
    return place if isinstance(place, list) else []


def _is(value: object, kind: type) -> bool:
    if type(value) is not kind:
        return False
    if isinstance(value, str):
        return not unfit(value)
    return isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER
