"""Filters and tests of expressions: two fixed tables of pure functions over JSON data.

Each takes the value before the bar first. None repeats its work more often than its input is long,
and none makes text or lists much longer than what goes in without checking first.
"""

from __future__ import annotations

import base64
import json
import math
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from workflow import dates, encodings
from workflow.arguments import need_list, need_number, need_object, need_text, need_whole
from workflow.errors import ExpressionFailed
from workflow.values import (
    LARGEST,
    Missing,
    as_json,
    as_text,
    charge,
    check_size,
    is_number,
    kind,
    truth,
)


@dataclass(frozen=True, slots=True)
class Function:
    """A filter or test: how it is written, how many arguments it takes, what it does."""

    call: Callable[..., Any]
    usage: str
    least: int = 0
    most: int = 0
    takes_missing: bool = False


# What may be missing


def _default(value: Any, instead: Any, also_empty: Any = False) -> Any:
    missing = isinstance(value, Missing) or (also_empty and not truth(value))
    return instead if missing else value


def _defined(value: Any) -> bool:
    return not isinstance(value, Missing)


# Text


def _replace(value: Any, old: Any, new: Any) -> str:
    text, old, new = (
        need_text(value),
        need_text(old, "What is replaced"),
        need_text(new, "What replaces it"),
    )
    if not old:
        raise ExpressionFailed("What is replaced must not be empty.")
    if len(text) + text.count(old) * (len(new) - len(old)) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    return text.replace(old, new)


def _truncate(value: Any, length: Any, end: Any = "…") -> str:
    text, most = need_text(value), need_whole(length, "The length")
    ending = need_text(end, "The ending")
    return (
        text if len(text) <= most else text[: max(0, most - len(ending))] + ending[: max(0, most)]
    )


def _split(value: Any, separator: Any) -> list[str]:
    mark = need_text(separator, "The separator")
    if not mark:
        raise ExpressionFailed("The separator must not be empty.")
    return need_text(value).split(mark)


def _join(value: Any, separator: Any = "") -> str:
    mark = need_text(separator, "The separator")
    items = need_list(value)
    if len(mark) * len(items) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    return check_size(mark.join(map(as_text, check_size(items))))


def _title(value: Any) -> str:
    return " ".join(word[:1].upper() + word[1:].lower() for word in need_text(value).split(" "))


# Numbers


def _to_number(value: Any) -> int | float:
    if is_number(value):
        return value  # type: ignore[no-any-return]
    text = need_text(value).strip()
    try:
        number: int | float = int(text) if text.lstrip("+-").isdigit() else float(text)
    except ValueError:
        raise ExpressionFailed(f"{text[:40]!r} is no number.") from None
    if not math.isfinite(number):
        raise ExpressionFailed(f"{text[:40]!r} is no finite number.")
    return number


def _to_whole(value: Any) -> int:
    return int(_to_number(value))


def _rounded(value: Any, digits: Any = 0) -> int | float:
    number, places = need_number(value), need_whole(digits, "The digits")
    if not -400 <= places <= 400:
        raise ExpressionFailed("The digits are from -400 to 400.")
    try:
        exact = Decimal(str(number)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    except InvalidOperation:
        return number
    return int(exact) if places <= 0 else float(exact)


# Lists and objects


def _first(value: Any) -> Any:
    items = value if isinstance(value, str) else need_list(value)
    return items[0] if items else Missing("first", "the list is empty")


def _last(value: Any) -> Any:
    items = value if isinstance(value, str) else need_list(value)
    return items[-1] if items else Missing("last", "the list is empty")


def _length(value: Any) -> int:
    if not isinstance(value, str | list | Mapping):
        raise ExpressionFailed(f"{kind(value)} has no length.")
    return len(value)


def _reversed(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else need_list(value)[::-1]


def _unique(value: Any) -> list[Any]:
    seen: dict[str, Any] = {}
    for item in check_size(need_list(value)):
        seen.setdefault(json.dumps(item, sort_keys=True), item)
    return list(seen.values())


def _sorted(value: Any, key: Any = None) -> list[Any]:
    items = need_list(value)
    charge(4 * len(items))
    by = items if key is None else [_looked_up(item, key) for item in items]
    if not (all(map(is_number, by)) or all(isinstance(one, str) for one in by)):
        raise ExpressionFailed("Only numbers, or only texts, can be sorted.")
    return [items[number] for number in sorted(range(len(items)), key=lambda at: by[at])]


def _looked_up(item: Any, key: Any) -> Any:
    if not isinstance(item, Mapping) or key not in item:
        raise ExpressionFailed(f"An item of the list has no {as_json(key)[:60]}.")
    return item[key]


def _mapped(value: Any, key: Any) -> list[Any]:
    return [_looked_up(item, need_text(key, "The key")) for item in need_list(value)]


def _where(value: Any, key: Any, wanted: Any) -> list[Any]:
    name = need_text(key, "The key")
    return [
        item
        for item in need_list(value)
        if isinstance(item, Mapping)
        and name in item
        and kind(item[name]) == kind(wanted)
        and item[name] == wanted
    ]


def _total(value: Any) -> int | float:
    return sum(need_number(item, "Each item") for item in need_list(value))


def _least(value: Any) -> Any:
    return _first(_sorted(value))


def _most(value: Any) -> Any:
    return _last(_sorted(value))


def _keys(value: Any) -> list[str]:
    return list(need_object(value))


def _object_values(value: Any) -> list[Any]:
    return list(need_object(value).values())


def _items(value: Any) -> list[dict[str, Any]]:
    return [{"key": key, "value": item} for key, item in need_object(value).items()]


def _merge(value: Any, other: Any) -> dict[str, Any]:
    return {**need_object(value), **need_object(other)}


def _compact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if item not in (None, "")}
    return [item for item in need_list(value) if item not in (None, "")]


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0", ""}:
            return False
        raise ExpressionFailed(f"{value[:40]!r} is neither true nor false.")
    return truth(value)


FILTERS: Mapping[str, Function] = {
    "default": Function(_default, "value | default(instead)", 1, 2, takes_missing=True),
    # text
    "text": Function(as_text, "value | text"),
    "upper": Function(lambda value: need_text(value).upper(), "text | upper"),
    "lower": Function(lambda value: need_text(value).lower(), "text | lower"),
    "title": Function(_title, "text | title"),
    "trim": Function(lambda value: need_text(value).strip(), "text | trim"),
    "replace": Function(_replace, "text | replace(old, new)", 2, 2),
    "truncate": Function(_truncate, "text | truncate(length)", 1, 2),
    "split": Function(_split, "text | split(separator)", 1, 1),
    "join": Function(_join, "list | join(separator)", 0, 1),
    # numbers
    "number": Function(_to_number, "text | number"),
    "int": Function(_to_whole, "text | int"),
    "round": Function(_rounded, "number | round(digits)", 0, 1),
    "floor": Function(lambda value: math.floor(need_number(value)), "number | floor"),
    "ceil": Function(lambda value: math.ceil(need_number(value)), "number | ceil"),
    "abs": Function(lambda value: abs(need_number(value)), "number | abs"),
    "boolean": Function(_boolean, "value | boolean"),
    # lists and objects
    "first": Function(_first, "list | first"),
    "last": Function(_last, "list | last"),
    "length": Function(_length, "value | length"),
    "reverse": Function(_reversed, "list | reverse"),
    "unique": Function(_unique, "list | unique"),
    "sort": Function(_sorted, "list | sort(key)", 0, 1),
    "map": Function(_mapped, "list | map(key)", 1, 1),
    "where": Function(_where, "list | where(key, value)", 2, 2),
    "sum": Function(_total, "list | sum"),
    "min": Function(_least, "list | min"),
    "max": Function(_most, "list | max"),
    "keys": Function(_keys, "object | keys"),
    "values": Function(_object_values, "object | values"),
    "items": Function(_items, "object | items"),
    "merge": Function(_merge, "object | merge(object)", 1, 1),
    "compact": Function(_compact, "value | compact"),
    # dates
    "iso": Function(dates.iso, "date | iso(zone)", 0, 1),
    "day": Function(dates.day, "date | day(zone)", 0, 1),
    "date": Function(dates.date_text, "date | date(pattern, zone)", 1, 2),
    "add_time": Function(dates.add_time, "date | add_time(amount, unit)", 2, 2),
    "timestamp": Function(dates.timestamp, "date | timestamp"),
    # JSON, addresses, hashes
    "json": Function(lambda value: as_json(check_size(value)), "value | json"),
    "from_json": Function(encodings.from_json, "text | from_json"),
    "url": Function(lambda value: urllib.parse.quote(as_text(value), safe=""), "text | url"),
    "query": Function(encodings.query, "object | query"),
    "base64": Function(
        lambda value: base64.b64encode(as_text(value).encode()).decode(), "text | base64"
    ),
    "from_base64": Function(encodings.from_base64, "text | from_base64"),
    "md5": Function(encodings.digest("md5"), "text | md5"),
    "sha1": Function(encodings.digest("sha1"), "text | sha1"),
    "sha256": Function(encodings.digest("sha256"), "text | sha256"),
    "uuid": Function(encodings.named_uuid, "text | uuid"),
}

TESTS: Mapping[str, Function] = {
    "defined": Function(_defined, "value is defined", takes_missing=True),
    "missing": Function(lambda value: not _defined(value), "value is missing", takes_missing=True),
    "null": Function(lambda value: value is None, "value is null"),
    "none": Function(lambda value: value is None, "value is none"),
    "empty": Function(lambda value: not truth(value) and value is not False, "value is empty"),
    "text": Function(lambda value: isinstance(value, str), "value is text"),
    "number": Function(is_number, "value is number"),
    "boolean": Function(lambda value: isinstance(value, bool), "value is boolean"),
    "list": Function(lambda value: isinstance(value, list), "value is list"),
    "object": Function(lambda value: isinstance(value, Mapping), "value is object"),
    "even": Function(lambda value: need_whole(value, "It") % 2 == 0, "number is even"),
    "odd": Function(lambda value: need_whole(value, "It") % 2 == 1, "number is odd"),
    "starting": Function(
        lambda value, start: need_text(value).startswith(need_text(start, "The start")),
        "text is starting(start)",
        1,
        1,
    ),
    "ending": Function(
        lambda value, end: need_text(value).endswith(need_text(end, "The end")),
        "text is ending(end)",
        1,
        1,
    ),
}
