"""Data and times given on the command line."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

from connector.errors import BodyInvalid, FieldInvalid, InputError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_data(text: str) -> Any:
    """Return the JSON of a text, of the file that it names, or with ``-`` of standard input.

    Raises
    ------
    InputError
        If there is no such file, or it holds no JSON.

    """
    from connector import plain_json

    try:
        return plain_json.parsed(text)
    except ValueError as error:
        if text.lstrip()[:1] in {"{", "[", '"'}:
            raise BodyInvalid(f"The data are no JSON: {error}.") from error
    source = "standard input" if text == "-" else text.removeprefix("@")
    try:
        content = sys.stdin.read() if text == "-" else Path(source).read_text(encoding="utf-8")
        return plain_json.parsed(content)
    except OSError as error:
        raise InputError(
            f"The data {source} are neither JSON nor a file that can be read: {error.strerror}."
        ) from error
    except ValueError as error:
        raise BodyInvalid(f"The data of {source} are no JSON: {error}.") from error


def read_since(text: str) -> float:
    """Return the moment that a text such as ``2h`` or ``2026-05-01T10:00:00Z`` stands for.

    Raises
    ------
    FieldInvalid
        If it stands for none.

    """
    from workflow.dates import timestamp
    from workflow.errors import WorkflowError

    span = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if span:
        return time.time() - int(span[1]) * _UNITS[span[2]]
    try:
        return float(timestamp(text))
    except WorkflowError as error:
        raise FieldInvalid(
            f"--since {text!r} is neither a time such as 2h nor a date and time: {error.message}"
        ) from error
