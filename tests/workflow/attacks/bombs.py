"""Attacks on memory and time, with the data that are the worst for them."""

from __future__ import annotations

import re
from typing import Any

says = re.compile
_TOO_MUCH = says("too much data|larger than|longer than|too large|from 0 to|or fewer")


def large() -> dict[str, Any]:
    """Make data of about a megabyte each, of the kinds that are the worst for something."""
    deep: Any = 0
    for _ in range(900):
        deep = [deep]
    return {
        "text": "x" * 1_000_000,
        "letters": "😀" * 1_000_000,
        "blanks": " " * 1_000_000,
        "zeros": "\0" * 1_000_000,
        "quotes": '"' * 1_000_000,
        "marks": "\u0301\u0316" * 500_000,
        "brackets": "[" + "[]," * 330_000 + "[]]",
        "open": "[" * 1_000_000,
        "digits": "1" * 1_000_000,
        "list": [0] * 300_000,
        "words": [f"w{at * 7919 % 100_003}" for at in range(100_000)],
        "rows": [{"k": f"k{at % 1000}", "n": at, "l": [at]} for at in range(20_000)],
        "object": {f"key {at}": at for at in range(60_000)},
        "long": {"y" * 400_000 + "a": 1, "y" * 400_000 + "b": 2},
        "numbers": [10**399] * 20_000,
        "deep": deep,
        "wide": [[[[0] * 10] * 10] * 10] * 100,
    }


def _many(source: str, times: int = 60) -> str:
    return "[" + ", ".join([source] * times) + "]"


#: Expressions over the data above, with what they come to; a pattern is what their error says.
BOMBS: list[tuple[str, Any]] = [
    # Texts that grow
    (" ~ ".join(["text"] * 160), _TOO_MUCH),
    (" + ".join(["text"] * 90), _TOO_MUCH),
    (" ~ ".join(["list"] * 160), _TOO_MUCH),
    ("text | replace('x', 'yyyyyyyyyy')", _TOO_MUCH),
    ("text | replace('x', text)", _TOO_MUCH),
    ("text | replace('x', '') | length", 0),
    ("text" + " | replace('x', 'xx')" * 90, _TOO_MUCH),
    ("'x'" + " | replace('x', 'xxxx')" * 90, _TOO_MUCH),
    ("text | split('x') | length", _TOO_MUCH),
    ("text | split('x') | join(text)", _TOO_MUCH),
    ("list | join(text)", _TOO_MUCH),
    ("list | join('yyyyyyyyyyyyyyyyyyyyyyyy')", _TOO_MUCH),
    ("text | pad(1000000000)", _TOO_MUCH),
    ("quotes" + " | json" * 60, _TOO_MUCH),
    ("zeros | json", _TOO_MUCH),
    ("'\"'" + " | json" * 90, _TOO_MUCH),
    ("letters | url", _TOO_MUCH),
    ("letters | json | url", _TOO_MUCH),
    ("text" + " | base64" * 60, _TOO_MUCH),
    ("{'a': letters} | query", _TOO_MUCH),
    ("quotes | html", _TOO_MUCH),
    ("marks | slug", _TOO_MUCH),
    ("marks | upper | lower | title | length", 1_000_000),
    ("blanks | title | length", _TOO_MUCH),
    ("text | upper | lower | trim | length", 1_000_000),
    ("list" + " | json" * 60, _TOO_MUCH),
    ("digits | number", says("no number")),
    ("digits | int", says("no number")),
    ("digits | from_json", says("no JSON")),
    ("open | from_json", says("no JSON")),
    ("brackets | from_json | length", 330_001),
    (_many("brackets | from_json"), _TOO_MUCH),
    # Lists and objects that grow
    (_many("text", 160), _TOO_MUCH),
    (_many("list", 160), _TOO_MUCH),
    (_many("object", 160), _TOO_MUCH),
    (_many("list[1:]", 80), _TOO_MUCH),
    (_many("text[1:]", 80), _TOO_MUCH),
    (_many("list | reverse"), _TOO_MUCH),
    (_many("text | reverse"), _TOO_MUCH),
    (_many("object | items"), _TOO_MUCH),
    (_many("object | merge(object)"), _TOO_MUCH),
    (_many("object | keys"), _TOO_MUCH),
    ("(list + list + list + list) | length", 1_200_000),
    ("(" + " + ".join(["list"] * 90) + ") | length", _TOO_MUCH),
    ("list | chunk(1) | length", _TOO_MUCH),
    ("list | chunk(2) | length", 150_000),
    (_many("list | chunk(1)"), _TOO_MUCH),
    (_many("list") + " | flatten | length", _TOO_MUCH),
    ("wide | flatten | flatten | flatten | length", 100_000),
    ("rows | group('k') | length", 1000),
    ("object | items | from_items | length", 60_000),
    (
        "{'a': object, 'b': object} | json | length",
        2 * (sum(len(f'"key {n}":{n},') for n in range(60_000)) + 1) + 11,
    ),
    # What takes long
    ("list | unique | length", _TOO_MUCH),
    ("list[:100000] | unique | length", 1),
    (_many("list | unique"), _TOO_MUCH),
    ("words | sort | last", "w99999"),
    ("words" + " | sort" * 90 + " | first", _TOO_MUCH),
    ("words" + " | sort | reverse" * 45 + " | first", _TOO_MUCH),
    ("rows" + " | sort('n')" * 90 + " | first", _TOO_MUCH),
    ("rows | sum('n', 'n')", sum(n * n for n in range(20_000))),
    (_many("rows | where('l', [1])"), _TOO_MUCH),
    (_many("rows | where('k', text)"), _TOO_MUCH),
    ("rows | reject('k', 'k1') | length", 19_980),
    ("numbers | sum", _TOO_MUCH),
    ("numbers | max | abs | iso", says("no date")),
    (_many("list == list[0:]", 90), _TOO_MUCH),
    (_many("rows == rows[0:]", 90), _TOO_MUCH),
    (_many("wide == wide[0:]", 90), _TOO_MUCH),
    (_many("1 in list", 160), _TOO_MUCH),
    (_many("text in words", 160), _TOO_MUCH),
    (_many("'xy' in text", 160), _TOO_MUCH),
    (_many("(text ~ 'y') in text", 90), _TOO_MUCH),
    (_many("text | sha256", 120), _TOO_MUCH),
    (_many("letters | md5 | length", 120), _TOO_MUCH),
    (_many("text | truncate(10)", 120), _TOO_MUCH),
    (_many("text | before('y') | length", 120), _TOO_MUCH),
    (_many("text | digits", 120), _TOO_MUCH),
    (_many("text | from_base64 | length", 120), says("no Base64|too much")),
    (_many("text | from_url | length", 120), _TOO_MUCH),
    (_many("object | length", 120) + " | sum", _TOO_MUCH),
    # Names to look for the nearest of, and what else an error could tell at length
    ("object.key", says("Did you mean 'key")),
    ("object[text]", says("no text of length")),
    ("long[text]", says("no text of length")),
    ("long[(long | keys | first) ~ 'a']", says("no text of length")),
    ("object[letters]", says("no text of length")),
    ("text | iso", says("text of length 1,000,000 is no date")),
    ("text | boolean", says("text of length 1,000,000 is neither")),
    ("0 | iso(text)", says("no time zone text of length")),
    ("0 | date(text)", says("longer than")),
    ("text | from_date('%Y')", says("no date")),
    ("list[text:]", says("text of length")),
    ("rows | map(text)", says("text of length")),
    ("text | replace(text, text) | length", 1_000_000),
    ("text | split(text) | length", 2),
    # Depth
    ("deep | json", _TOO_MUCH),
    ("deep ~ ''", _TOO_MUCH),
    ("deep | from_json", says("must be text")),
    ("deep == deep", True),
    ("[deep] == [deep]", True),
    ("[deep] | unique", _TOO_MUCH),
    ("deep | flatten | length", 1),
    ("{'a': deep}", _TOO_MUCH),
    ("deep | base64", _TOO_MUCH),
    ("[deep]", _TOO_MUCH),
]

#: Whole texts over the same data: many expressions in one field.
FLOODS: list[tuple[str, re.Pattern[str]]] = [
    ("<<text>>" * 900, says("longer than")),
    ("<<letters>>" * 900, says("longer than")),
    ("<<list>>" * 900, says("longer than")),
    ("<<object>>" * 900, says("longer than")),
    ("<<text | sha256>>" * 900, says("too much data")),
    ("<<list | unique | length>>" * 900, says("too much data")),
    ("<<deep>> and more", says("larger than")),
    ("<<1>>" * 20_000, says("1,000 expressions")),
    ("<<" * 50_000, says("has no >>")),
    ("<<'" * 33_000, says("has no >>")),
    ("<<''" * 25_000, says("has no >>|cannot be used")),
    ("\\<<" * 33_000 + "<<", says("has no >>")),
    ("x" * 100_001, says("longer than")),
]
