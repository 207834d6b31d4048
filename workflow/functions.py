"""The function step: JavaScript that gets ``input`` and returns a value.

The code is the body of an async function. It can compute and nothing else: there are no files, no
network, no modules, no timers. Each call has a fresh process, bounded in time and memory.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

from workflow.errors import (
    FunctionFailed,
    FunctionInvalid,
    FunctionOutOfMemory,
    FunctionTimeout,
    WorkflowError,
)
from workflow.function_processes import ProcessLostError, processes

LONGEST_CODE = 50_000
SECONDS = 1.0
MEMORY_BYTES = 64 * 1024 * 1024
#: JavaScript's numbers are exact up to here.
_LARGEST_WHOLE = 2**53 - 1
_LONG_NUMBER = re.compile(r"\d{16}")
_TIME_SIGNALS = (signal.SIGPROF, signal.SIGALRM)


def run_function(
    code: str, data: Any, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES
) -> Any:
    """Return what the code returns for JSON data, its ``input``.

    ``seconds`` are of processor time: a busy machine makes no function fail.

    Raises
    ------
    FunctionInvalid
        If the code cannot be understood.
    FunctionTimeout
        If it computes for longer.
    FunctionOutOfMemory
        If it needs more memory.
    FunctionFailed
        If it throws, or returns what is no plain JSON data; ``meta["line"]`` is where in the code.

    """
    text = json.dumps(data)
    if _LONG_NUMBER.search(text):
        _refuse_inexact(data)
    answer = _ask(code, text, seconds, memory_bytes)
    if answer["kind"] != "value":
        raise _failure(answer, seconds, memory_bytes)
    return _well_formed(json.loads(answer["text"], parse_int=_whole))


def check_function(code: str) -> None:
    """Check that code can be understood, without running it.

    Raises
    ------
    FunctionInvalid
        If it cannot; ``meta["line"]`` is where.

    """
    answer = _ask(code, None, SECONDS, MEMORY_BYTES)
    if answer["kind"] == "value":
        return
    failure = _failure(answer, SECONDS, MEMORY_BYTES)
    if isinstance(failure, FunctionInvalid):
        raise failure
    raise FunctionInvalid(f"The code cannot be read: {failure.message}") from failure


def _ask(code: str, text: str | None, seconds: float, memory_bytes: int) -> dict[str, Any]:
    if len(code) > LONGEST_CODE:
        raise FunctionInvalid(f"The code is longer than {LONGEST_CODE:,} characters.")
    request = {"code": code, "input": text, "seconds": seconds, "memory_bytes": memory_bytes}
    for _ in range(2):
        try:
            answer: dict[str, Any] = processes.ask(request, seconds * 10 + 30)
        except ProcessLostError:
            # It may be lost to something else, say a shortage of memory on the whole machine.
            # Functions do nothing but compute, so that a second time, elsewhere, does no harm.
            processes.end()
        else:
            return answer
    return {"kind": "ended", "by": 0}


def _failure(answer: dict[str, Any], seconds: float, memory_bytes: int) -> WorkflowError:
    error: WorkflowError
    match answer:
        case {"kind": "syntax", "line": line}:
            error = FunctionInvalid(f"{_told(answer)}.".replace("..", "."), line=line)
        case {"kind": "thrown", "line": line, "name": name}:
            error = FunctionFailed(_told(answer), line=line, error=name)
        case {"kind": "refused", "message": message}:
            error = FunctionFailed(f"A function returns plain JSON data, but {_readable(message)}.")
        case {"kind": "pending"}:
            error = FunctionFailed("The function waits for a promise that nothing will settle.")
        case {"kind": "memory"}:
            most = memory_bytes // 1024**2
            error = FunctionOutOfMemory(f"The function needs more than {most} MiB of memory.")
        case {"kind": "ended", "by": by} if by in _TIME_SIGNALS:
            error = FunctionTimeout(f"The function computes for longer than {seconds:g} s.")
        case _:
            error = FunctionFailed("The function brought the JavaScript engine down.")
    return error


def _told(answer: dict[str, Any]) -> str:
    parts = [
        f"Line {answer['line']}" if answer["line"] else None,
        answer["name"],
        answer["message"],
    ]
    return _readable(": ".join(part for part in parts if part))


def _whole(digits: str) -> int:
    """Return the number that JavaScript meant: it writes zeros for digits that it does not know."""
    return int(digits) if len(digits) < 16 else int(float(digits))


def _readable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _well_formed(value: Any) -> Any:
    """Return data whose texts can be written, though JavaScript may cut a character in half."""
    match value:
        case str():
            return value if value.isascii() else _readable(value)
        case list():
            return [_well_formed(item) for item in value]
        case dict():
            return {_readable(key): _well_formed(item) for key, item in value.items()}
        case _:
            return value


def _refuse_inexact(data: Any) -> None:
    for place, number in _wholes(data):
        if abs(number) > _LARGEST_WHOLE:
            raise FunctionFailed(
                f"{place} is {number}, more than JavaScript counts exactly; pass it as a text."
            )


def _wholes(data: Any) -> Iterator[tuple[str, int]]:
    waiting = [("input", data)]
    while waiting:
        place, value = waiting.pop()
        match value:
            case bool():
                pass
            case int():
                yield place, value
            case dict():
                waiting += [(f"{place}.{key}", item) for key, item in value.items()]
            case list():
                waiting += [(f"{place}[{index}]", item) for index, item in enumerate(value)]
            case _:
                pass
