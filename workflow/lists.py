"""Filters of lists and objects. None changes what it is given."""

from __future__ import annotations

import json
from typing import Any

from workflow.arguments import need_list, need_number, need_object, need_text, need_whole
from workflow.errors import ExpressionFailed
from workflow.operators import same
from workflow.values import LARGEST, Missing, check_size, checked_number, is_number, kind, shown
from workflow.work import charge, charge_for

#: What an item costs that is written as JSON, sorted, compared, or becomes an object of its own.
_WRITTEN, _SORTED, _COMPARED, _OBJECT = 100, 24, 16, 100


def first(value: Any) -> Any:
    """Return the first item of a list, or character of a text."""
    items = value if isinstance(value, str) else need_list(value)
    return items[0] if items else Missing("first", "the list is empty")


def last(value: Any) -> Any:
    """Return the last item of a list, or character of a text."""
    items = value if isinstance(value, str) else need_list(value)
    return items[-1] if items else Missing("last", "the list is empty")


def length(value: Any) -> int:
    """Return how many characters, items or keys there are."""
    if not isinstance(value, str | list | dict):
        raise ExpressionFailed(f"{kind(value)} has no length.")
    return len(value)


def backwards(value: Any) -> Any:
    """Return a list or text from its end to its start."""
    return value[::-1] if isinstance(value, str) else need_list(value)[::-1]


def unique(value: Any) -> list[Any]:
    """Return a list without repeated items."""
    items = check_size(need_list(value))
    charge(_WRITTEN * len(items))
    seen: dict[str, Any] = {}
    for item in items:
        seen.setdefault(json.dumps(item, sort_keys=True), item)
    return list(seen.values())


def ordered(value: Any, key: Any = None) -> list[Any]:
    """Return a list in order, smallest first, by itself or by what its items have at a key."""
    items = need_list(value)
    charge(_SORTED * len(items))
    by = items if key is None else mapped(items, key)
    if not (all(map(is_number, by)) or all(isinstance(one, str) for one in by)):
        raise ExpressionFailed("Only numbers, or only texts, can be sorted.")
    return [items[at] for at in sorted(range(len(items)), key=by.__getitem__)]


def mapped(value: Any, key: Any) -> list[Any]:
    """Return what each item has at a key."""
    name = need_text(key, "The key")
    return [_looked_up(item, name) for item in need_list(value)]


def _looked_up(item: Any, key: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise ExpressionFailed(f"An item of the list has no {shown(key)}.")
    return item[key]


def where(value: Any, key: Any, wanted: Any) -> list[Any]:
    """Return the items that have a value at a key."""
    name = need_text(key, "The key")
    charge(_COMPARED * len(need_list(value)))
    return [item for item in value if _has(item, name, wanted)]


def reject(value: Any, key: Any, unwanted: Any) -> list[Any]:
    """Return the items that have not a value at a key."""
    name = need_text(key, "The key")
    charge(_COMPARED * len(need_list(value)))
    return [item for item in value if not _has(item, name, unwanted)]


def _has(item: Any, key: str, wanted: Any) -> bool:
    return isinstance(item, dict) and key in item and same(item[key], wanted)


def group(value: Any, key: Any) -> dict[str, list[Any]]:
    """Return the items by the text that they have at a key."""
    name, groups = need_text(key, "The key"), {}  # type: tuple[str, dict[str, list[Any]]]
    items = need_list(value)
    charge(_OBJECT * len(items))
    for item in items:
        text = need_text(_looked_up(item, name), f"What an item has at {shown(name)}")
        groups.setdefault(text, []).append(item)
    return groups


def flattened(value: Any) -> list[Any]:
    """Return the items of the lists in a list; other items stay."""
    items = need_list(value)
    if sum(len(item) for item in items if isinstance(item, list)) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    for item in items:
        charge_for(item)
    return [one for item in items for one in (item if isinstance(item, list) else [item])]


def chunked(value: Any, size: Any) -> list[list[Any]]:
    """Return a list in pieces of a size, the last one shorter if need be."""
    items, most = need_list(value), need_whole(size, "The size", 1, LARGEST)
    charge(_OBJECT * (len(items) // most))
    return [items[start : start + most] for start in range(0, len(items), most)]


def total(value: Any, key: Any = None, times: Any = None) -> int | float:
    """Return the sum of numbers: the items, what they have at a key, or that times another."""
    by = value if key is None else mapped(value, key)
    numbers = [need_number(item, "Each item") for item in need_list(by)]
    try:
        if times is not None:
            factors = [need_number(item, "Each item") for item in mapped(value, times)]
            numbers = [one * factor for one, factor in zip(numbers, factors, strict=True)]
        return checked_number(sum(numbers))
    except OverflowError:
        raise ExpressionFailed("A number is too large.") from None


def average(value: Any, key: Any = None) -> int | float | Missing:
    """Return the mean of numbers: the items, or what they have at a key."""
    if not need_list(value):
        return Missing("average", "the list is empty")
    try:
        return total(value, key) / len(value)
    except OverflowError:
        raise ExpressionFailed("A number is too large.") from None


def least(value: Any) -> Any:
    """Return the smallest item."""
    return first(ordered(value))


def most(value: Any) -> Any:
    """Return the largest item."""
    return last(ordered(value))


def keys(value: Any) -> list[str]:
    """Return the keys of an object."""
    return list(need_object(value))


def items_of(value: Any) -> list[Any]:
    """Return what an object holds, without its keys."""
    return list(need_object(value).values())


def pairs(value: Any) -> list[dict[str, Any]]:
    """Return the keys and values of an object, as a list of objects."""
    known = need_object(value)
    charge(_OBJECT * len(known))
    return [{"key": key, "value": item} for key, item in known.items()]


def from_pairs(value: Any) -> dict[str, Any]:
    """Return the object that a list of keys and values makes."""
    names = [need_text(key, "Each key") for key in mapped(value, "key")]
    charge(_OBJECT * len(names))
    return dict(zip(names, mapped(value, "value"), strict=True))


def merge(value: Any, other: Any) -> dict[str, Any]:
    """Return two objects in one; what both have is the second's."""
    charge_for(other)
    return {**need_object(value), **need_object(other)}


def pick(value: Any, names: Any) -> dict[str, Any]:
    """Return an object with none but the named keys."""
    wanted = set(_names(names))
    return {key: item for key, item in need_object(value).items() if key in wanted}


def omit(value: Any, names: Any) -> dict[str, Any]:
    """Return an object without the named keys."""
    unwanted = set(_names(names))
    return {key: item for key, item in need_object(value).items() if key not in unwanted}


def _names(value: Any) -> list[str]:
    charge_for(value)
    return [need_text(name, "Each name") for name in need_list(value, "What follows")]


def compact(value: Any) -> Any:
    """Return a list or object without what is null or empty text."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if item not in (None, "")}
    return [item for item in need_list(value) if item not in (None, "")]
