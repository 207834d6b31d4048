"""Filters and tests of expressions: two fixed tables of pure functions over JSON data.

Each takes the value before the bar first. What a filter looks through and makes is counted
(:mod:`workflow.work`), and none repeats its work more often than its input is long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow import dates, encodings, lists, numbers, texts
from workflow.errors import ExpressionInvalid
from workflow.values import Missing, as_text, is_number, truth


@dataclass(frozen=True, slots=True)
class Function:
    """A filter or test: what it does, how it is written, how many arguments it takes."""

    call: Callable[..., Any]
    usage: str
    summary: str
    least: int = 0
    most: int = 0
    takes_missing: bool = False


def find(table: Mapping[str, Function], name: str, what: str) -> Function:
    """Return a function by name.

    Raises
    ------
    ExpressionInvalid
        If there is none; with the name that was probably meant.

    """
    if name not in table:
        nearest = Missing(name, "", table).nearest()
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        raise ExpressionInvalid(f"There is no {what} {name[:60]!r}.{hint}")
    return table[name]


def _default(value: Any, instead: Any, also_empty: Any = False) -> Any:
    missing = isinstance(value, Missing) or (also_empty and not truth(value))
    return instead if missing else value


def _missing(value: Any) -> bool:
    return isinstance(value, Missing)


FILTERS: Mapping[str, Function] = {
    "default": Function(
        _default,
        "value | default(instead, also_empty)",
        "Another value where there is none; with true also for null, false, 0 and empty.",
        1,
        2,
        takes_missing=True,
    ),
    # text
    "text": Function(as_text, "value | text", "Any value as text, as JSON writes it."),
    "upper": Function(texts.upper, "text | upper", "Large letters."),
    "lower": Function(texts.lower, "text | lower", "Small letters."),
    "title": Function(texts.title, "text | title", "A large letter at the start of each word."),
    "capitalize": Function(
        texts.capitalize, "text | capitalize", "A large letter at the start, the rest as it is."
    ),
    "trim": Function(texts.trim, "text | trim", "Without blanks and line ends around it."),
    "replace": Function(
        texts.replace, "text | replace(old, new)", "Every old replaced by the new.", 2, 2
    ),
    "truncate": Function(
        texts.truncate, "text | truncate(length, end)", "Cut to a length, with … at its end.", 1, 2
    ),
    "pad": Function(
        texts.pad, "text | pad(length, mark)", "Filled up from its start to a length.", 1, 2
    ),
    "before": Function(
        texts.before, "text | before(mark)", "What is before a mark; all if it has none.", 1, 1
    ),
    "after": Function(
        texts.after, "text | after(mark)", "What is after a mark; nothing if it has none.", 1, 1
    ),
    "split": Function(
        texts.split, "text | split(separator)", "The pieces between separators.", 1, 1
    ),
    "join": Function(texts.join, "list | join(separator)", "The items as one text.", 0, 1),
    "digits": Function(texts.digits, "text | digits", "Its digits alone."),
    "slug": Function(
        texts.slug, "text | slug", "As part of an address: small letters, digits, hyphens."
    ),
    # numbers
    "number": Function(numbers.number, "text | number", "The number that a text holds."),
    "int": Function(numbers.whole, "text | int", "The same without what is after its point."),
    "round": Function(
        numbers.rounded, "number | round(digits)", "Rounded, halves away from zero.", 0, 1
    ),
    "decimals": Function(
        numbers.decimals,
        "number | decimals(places, thousands, point)",
        "As text with so many digits after the point, such as 1,234.50.",
        1,
        3,
    ),
    "floor": Function(numbers.floor, "number | floor", "The next whole number below."),
    "ceil": Function(numbers.ceil, "number | ceil", "The next whole number above."),
    "abs": Function(numbers.absolute, "number | abs", "Without its sign."),
    "boolean": Function(
        numbers.boolean, "value | boolean", "True or false; yes, no, on, off and such as texts."
    ),
    # lists and objects
    "first": Function(lists.first, "list | first", "The first item, or character."),
    "last": Function(lists.last, "list | last", "The last item, or character."),
    "length": Function(lists.length, "value | length", "How many characters, items or keys."),
    "reverse": Function(lists.backwards, "list | reverse", "From its end to its start."),
    "unique": Function(lists.unique, "list | unique", "Without repeated items."),
    "sort": Function(
        lists.ordered, "list | sort(key)", "In order, smallest first; by a key of its items.", 0, 1
    ),
    "map": Function(lists.mapped, "list | map(key)", "What each item has at a key.", 1, 1),
    "where": Function(
        lists.where, "list | where(key, value)", "The items with a value at a key.", 2, 2
    ),
    "reject": Function(
        lists.reject, "list | reject(key, value)", "The items without a value at a key.", 2, 2
    ),
    "group": Function(
        lists.group, "list | group(key)", "An object: the items by their text at a key.", 1, 1
    ),
    "flatten": Function(lists.flattened, "list | flatten", "Lists in the list as their items."),
    "chunk": Function(lists.chunked, "list | chunk(size)", "In pieces of a size.", 1, 1),
    "sum": Function(
        lists.total,
        "list | sum(key, times)",
        "The sum of its items, of what they have at a key, or of that times another.",
        0,
        2,
    ),
    "average": Function(
        lists.average, "list | average(key)", "The mean of its items, or at a key.", 0, 1
    ),
    "min": Function(lists.least, "list | min", "The smallest item."),
    "max": Function(lists.most, "list | max", "The largest item."),
    "keys": Function(lists.keys, "object | keys", "Its keys."),
    "values": Function(lists.items_of, "object | values", "What it holds, without the keys."),
    "items": Function(lists.pairs, "object | items", "A list of its keys and values."),
    "from_items": Function(
        lists.from_pairs, "list | from_items", "The object of a list of keys and values."
    ),
    "merge": Function(
        lists.merge, "object | merge(object)", "Both in one; the second's where both have.", 1, 1
    ),
    "pick": Function(lists.pick, "object | pick([keys])", "None but these keys.", 1, 1),
    "omit": Function(lists.omit, "object | omit([keys])", "All but these keys.", 1, 1),
    "compact": Function(lists.compact, "value | compact", "Without null and empty text in it."),
    # dates
    "iso": Function(dates.iso, "date | iso(zone)", "In ISO 8601, in a time zone.", 0, 1),
    "day": Function(dates.day, "date | day(zone)", "Its day in a time zone: 2026-03-29.", 0, 1),
    "date": Function(
        dates.date_text, "date | date(pattern, zone)", "As a pattern such as %d.%m.%Y says.", 1, 2
    ),
    "from_date": Function(
        dates.from_date,
        "text | from_date(pattern, zone)",
        "The date in a text that is written as a pattern says.",
        1,
        2,
    ),
    "add_time": Function(
        dates.add_time,
        "date | add_time(amount, unit, zone)",
        "So many seconds, minutes, hours, days, weeks, months, quarters or years later.",
        2,
        3,
    ),
    "start_of": Function(
        dates.start_of,
        "date | start_of(unit, zone)",
        "The start of its minute, hour, day, week, month, quarter or year.",
        1,
        2,
    ),
    "time_until": Function(
        dates.time_until,
        "date | time_until(date, unit)",
        "How long it is to another date, in seconds, minutes, hours, days or weeks.",
        1,
        2,
    ),
    "timestamp": Function(dates.timestamp, "date | timestamp", "Seconds since 1970."),
    # JSON, addresses, hashes
    "json": Function(encodings.to_json, "value | json", "As compact JSON, texts in quotes."),
    "from_json": Function(encodings.from_json, "text | from_json", "The data in a JSON text."),
    "url": Function(encodings.to_url, "text | url", "As it goes into an address."),
    "from_url": Function(encodings.from_url, "text | from_url", "The text in part of an address."),
    "query": Function(encodings.query, "object | query", "As the query of an address."),
    "html": Function(encodings.to_html, "text | html", "As it goes into HTML."),
    "base64": Function(encodings.to_base64, "text | base64", "In Base64."),
    "from_base64": Function(encodings.from_base64, "text | from_base64", "The text in Base64."),
    "md5": Function(encodings.digest("md5"), "text | md5", "Its MD5 hash, in hexadecimal."),
    "sha1": Function(encodings.digest("sha1"), "text | sha1", "Its SHA-1 hash."),
    "sha256": Function(encodings.digest("sha256"), "text | sha256", "Its SHA-256 hash."),
    "uuid": Function(
        encodings.named_uuid, "text | uuid", "An id that is the same for the same text."
    ),
}

TESTS: Mapping[str, Function] = {
    "defined": Function(
        lambda value: not _missing(value), "value is defined", "It is there.", takes_missing=True
    ),
    "missing": Function(_missing, "value is missing", "It is not there.", takes_missing=True),
    "null": Function(lambda value: value is None, "value is null", "It is null."),
    "none": Function(lambda value: value is None, "value is none", "It is null."),
    "empty": Function(
        lambda value: not truth(value) and value is not False,
        "value is empty",
        "It is null, 0, or an empty text, list or object.",
    ),
    "text": Function(lambda value: isinstance(value, str), "value is text", "It is a text."),
    "number": Function(is_number, "value is number", "It is a number."),
    "boolean": Function(
        lambda value: isinstance(value, bool), "value is boolean", "It is true or false."
    ),
    "list": Function(lambda value: isinstance(value, list), "value is list", "It is a list."),
    "object": Function(
        lambda value: isinstance(value, dict), "value is object", "It is an object."
    ),
    "even": Function(numbers.even, "number is even", "It is a whole number, and even."),
    "odd": Function(
        lambda value: not numbers.even(value), "number is odd", "It is a whole number, and odd."
    ),
    "starting": Function(texts.starting, "text is starting(start)", "It starts so.", 1, 1),
    "ending": Function(texts.ending, "text is ending(end)", "It ends so.", 1, 1),
}
