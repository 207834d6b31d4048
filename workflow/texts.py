"""Filters of text."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from workflow.arguments import need_list, need_mark, need_text, need_whole
from workflow.errors import ExpressionFailed
from workflow.values import LARGEST, as_text, check_size, joined
from workflow.work import charge

_LONGEST_PADDED = 1_000
#: To take accents off takes time that grows with the square of the length, at worst.
_LONGEST_TITLE = 1_000
#: What each piece costs beside its characters.
_PIECE = 20


def upper(value: Any) -> str:
    """Return a text in large letters."""
    return need_text(value).upper()


def lower(value: Any) -> str:
    """Return a text in small letters."""
    return need_text(value).lower()


def title(value: Any) -> str:
    """Return a text with a large letter at the start of each word."""
    text = need_text(value)
    charge(_PIECE * text.count(" "))
    return " ".join(word[:1].upper() + word[1:].lower() for word in text.split(" "))


def capitalize(value: Any) -> str:
    """Return a text with a large letter at its start, the rest as it is."""
    text = need_text(value)
    return text[:1].upper() + text[1:]


def trim(value: Any) -> str:
    """Return a text without blanks and line ends around it."""
    return need_text(value).strip()


def replace(value: Any, old: Any, new: Any) -> str:
    """Return a text with every place of one text taken by another."""
    text, mark = need_text(value), need_mark(old, "What is replaced")
    instead = need_text(new, "What replaces it")
    if len(text) + text.count(mark) * (len(instead) - len(mark)) > LARGEST:
        raise ExpressionFailed(f"The result is longer than {LARGEST:,}.")
    return text.replace(mark, instead)


def truncate(value: Any, length: Any, end: Any = "…") -> str:
    """Return a text cut to a length, its ending included."""
    text, most = need_text(value), need_whole(length, "The length", 0, LARGEST)
    ending = need_text(end, "The ending")[:most]
    return text if len(text) <= most else text[: most - len(ending)] + ending


def pad(value: Any, length: Any, mark: Any = " ") -> str:
    """Return a text filled up from its start to a length."""
    filling = need_text(mark, "The filling")
    if len(filling) != 1:
        raise ExpressionFailed("The filling is one character.")
    return need_text(value).rjust(need_whole(length, "The length", 0, _LONGEST_PADDED), filling)


def before(value: Any, mark: Any) -> str:
    """Return what is before the first place of a text; all if there is none."""
    return need_text(value).partition(need_mark(mark, "The mark"))[0]


def after(value: Any, mark: Any) -> str:
    """Return what is after the first place of a text; nothing if there is none."""
    return need_text(value).partition(need_mark(mark, "The mark"))[2]


def split(value: Any, separator: Any) -> list[str]:
    """Return the pieces between separators."""
    text, mark = need_text(value), need_mark(separator, "The separator")
    charge(_PIECE * text.count(mark))
    return text.split(mark)


def join(value: Any, separator: Any = "") -> str:
    """Return the items of a list as one text."""
    mark, items = need_text(separator, "The separator"), check_size(need_list(value))
    charge(_PIECE * len(items))
    return joined([as_text(item) for item in items], mark)


def digits(value: Any) -> str:
    """Return the digits of a text, as of a telephone number."""
    return re.sub("[^0-9]+", "", need_text(value))


def slug(value: Any) -> str:
    """Return a text as part of an address: small letters, digits and hyphens."""
    text = need_text(value)
    if len(text) > _LONGEST_TITLE:
        raise ExpressionFailed(f"It must have {_LONGEST_TITLE:,} characters or fewer.")
    bare = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", bare.replace("'", "")).strip("-")


def starting(value: Any, start: Any) -> bool:
    """Say whether a text starts so."""
    return need_text(value).startswith(need_text(start, "The start"))


def ending(value: Any, end: Any) -> bool:
    """Say whether a text ends so."""
    return need_text(value).endswith(need_text(end, "The end"))
