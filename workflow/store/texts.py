"""JSON documents in text columns."""

from __future__ import annotations

import json
from typing import Any


def packed(value: Any) -> str | None:
    """Return a value as it is kept; nothing for nothing."""
    return None if value is None else dumped(value)


def dumped(value: Any) -> str:
    """Return a value as compact JSON; half of a character, which no database takes, is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def unpacked(text: str | None) -> Any:
    """Return what was kept."""
    return None if text is None else json.loads(text)
