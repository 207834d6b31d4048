"""A program: runs functions in QuickJS, each in a process of its own, forked from this one.

It is started by :mod:`workflow.function_processes` with a socket as its standard input, and knows
nothing of the rest: no settings, no secrets, no data of earlier functions. A request and an answer
are JSON behind their length. Whatever a function does to its process, only that process dies.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import re
import resource
import signal
import sys
from typing import Any, NamedTuple

# Not the package quickjs around it: that starts a thread, and a process with threads cannot fork.
import _quickjs  # type: ignore[import-not-found]

_SOCKET = 0
_LENGTH_BYTES = 4
#: What a function's process may write: the largest result, and its cover.
LARGEST_ANSWER = 4 * 1024 * 1024
LARGEST_RESULT = 1024 * 1024
_LONGEST_MESSAGE = 1000
#: Of memory in use, this part of the limit means that it ran out: QuickJS then has often not even
#: the memory to say so.
_NEARLY_ALL = 0.75
#: For the interpreter and the text of input and result, beside what JavaScript may use.
_OWN_MEMORY = 512 * 1024 * 1024
#: Lines of a function's source that QuickJS puts before the code.
_HEAD_LINES = 2
_FRAME = re.compile(r"<input>:(\d+)")

#: All of it goes into one line, so that a higher line in a stack is one of the function's own.
#: ``flat`` makes a text whole: QuickJS keeps what was joined in pieces, which the binding cannot
#: read.
_PRELUDE = r"""
((largestDepth) => {
  const { parse, stringify } = JSON;
  const AsyncFunction = (async () => {}).constructor;
  const sourceOf = Function.prototype.call.bind(Function.prototype.toString);
  const tagOf = Function.prototype.call.bind(Object.prototype.toString);
  const plain = {
    __proto__: null, "[object Object]": true, "[object Array]": true, "[object String]": true,
    "[object Number]": true, "[object Boolean]": true,
  };
  const flat = (text) => parse(stringify(text));
  const { isArray } = Array;
  const { isFinite } = Number;
  class Refused { constructor(message) { this.message = message; } }
  globalThis.console = {};
  for (const name of ["log", "info", "warn", "error", "debug"]) { console[name] = () => {}; }

  const fault = (item) => {
    switch (typeof item) {
      case "number": return isFinite(item) ? null : `${item}`;
      case "bigint": return "a BigInt";
      case "function": return "a function";
      case "symbol": return "a symbol";
      case "object": {
        const tag = tagOf(item);
        return item === null || plain[tag] ? null : `an object of the kind ${tag.slice(8, -1)}`;
      }
    }
    return null;
  };

  const textOf = (value) => {
    const places = new WeakMap();
    const checked = function (key, item) {
      const holder = places.get(this);
      const name = isArray(this) ? `[${key}]` : `.${key}`;
      const place = holder ? holder.place + name : "result";
      const depth = holder ? holder.depth + 1 : 0;
      const found = fault(item);
      if (found) { throw new Refused(`${place} is ${found}`); }
      if (depth > largestDepth) { throw new Refused(`it has more than ${largestDepth} levels`); }
      if (typeof item === "object" && item !== null) { places.set(item, { place, depth }); }
      return item;
    };
    try {
      return stringify(value, checked) ?? "null";
    } catch (error) {
      if (error?.message !== "circular reference") { throw error; }
      throw new Refused("a part of it refers to the whole");
    }
  };

  return (codeText, input, run) => {
    let answer;
    const finish = (kind, name, text, stack) => {
      answer ??= flat(
        `[${stringify(kind)},${stringify(name)},${stringify(text)},${stringify(stack)}]`
      );
    };
    const tell = (kind, error) => {
      try {
        if (error instanceof Refused) { finish("refused", null, error.message, ""); }
        if (error instanceof Error) {
          finish(kind, `${error.name}`, `${error.message}`, `${error.stack}`);
        }
        finish(kind, null, typeof error === "string" ? error : stringify(error) ?? `${error}`, "");
      } catch {
        finish(kind, null, "something that cannot be shown", "");
      }
    };
    const code = parse(codeText);
    let call, source;
    try {
      call = new AsyncFunction("input", code);
      source = sourceOf(call);
    } catch (error) {
      if (error instanceof SyntaxError) { tell("syntax", error); }
    }
    if (source !== `async function anonymous(input\n) {\n${code}\n}`) {
      finish("syntax", null, "It closes a bracket that it does not open", "");
    } else if (run) {
      (async () => {
        try { finish("value", null, textOf(await call(parse(input))), ""); }
        catch (error) { tell("thrown", error); }
      })();
    } else {
      finish("value", null, "null", "");
    }
    return () => answer;
  };
})
"""
_LARGEST_DEPTH = 100


class Request(NamedTuple):
    """What is to be run, and within which limits."""

    code: str
    #: As JSON; none to see only whether the code can be understood.
    input: str | None
    seconds: float
    memory_bytes: int


class Engine(NamedTuple):
    """QuickJS with the prelude loaded, for one function."""

    context: Any
    #: Takes code, input, and whether to run; returns a function that returns what came of it.
    start: Any


Answer = dict[str, Any]


def serve() -> None:
    """Answer requests until the other side hangs up."""
    gc.disable()
    engine = _engine()
    while (request := _receive()) is not None:
        _send(_run_apart(request, engine))
        # A new one for each, made while nobody waits: random numbers begin with the engine.
        engine = _engine()


def _engine() -> Engine:
    context = _quickjs.Context()
    return Engine(context, context.eval(" ".join(_PRELUDE.split("\n")))(_LARGEST_DEPTH))


def _receive() -> Request | None:
    head = _read(_SOCKET, _LENGTH_BYTES)
    if len(head) < _LENGTH_BYTES:
        return None
    return Request(**json.loads(_read(_SOCKET, int.from_bytes(head))))


def _read(source: int, size: int) -> bytes:
    """Return so many bytes, or all that come before the end."""
    parts: list[bytes] = []
    while size and (part := os.read(source, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _send(answer: bytes) -> None:
    _write(_SOCKET, len(answer).to_bytes(_LENGTH_BYTES) + answer)


def _write(target: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(target, rest) :]


def _run_apart(request: Request, engine: Engine) -> bytes:
    """Return the answer of a function that runs in a process of its own."""
    source, target = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.close(_SOCKET)
            os.close(source)
            _write(target, json.dumps(_run(request, engine)).encode())
        os._exit(0)
    os.close(target)
    answer = _read(source, LARGEST_ANSWER)
    os.close(source)
    if len(answer) == LARGEST_ANSWER:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (
        answer if answer and not status else json.dumps({"kind": "ended", "by": -status}).encode()
    )


def _run(request: Request, engine: Engine) -> Answer:
    _limit(request)
    try:
        return _answer(request, _evaluate(request, engine))
    except MemoryError:
        return {"kind": "memory"}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit(request: Request) -> None:
    """Let this process do nothing but compute, and end it when its time is over."""
    memory = request.memory_bytes + _OWN_MEMORY
    for name, most in {"AS": memory, "CORE": 0, "FSIZE": 0, "NOFILE": 0, "NPROC": 0}.items():
        # Where a system does not keep one of them, the others and QuickJS's own limit remain.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    signal.setitimer(signal.ITIMER_PROF, request.seconds)
    signal.setitimer(signal.ITIMER_REAL, request.seconds * 10 + 5)


def _evaluate(request: Request, engine: Engine) -> list[Any]:
    """Return what the prelude says of the function."""
    engine.context.set_memory_limit(request.memory_bytes)
    try:
        read = engine.start(json.dumps(request.code), request.input, request.input is not None)
        while (text := read()) is None and engine.context.execute_pending_job():
            pass
    except _quickjs.JSException as error:
        message, _, stack = str(error).partition("\n    at ")
        return ["thrown", None, message.strip(), stack]
    return list(json.loads(text)) if text is not None else ["pending"]


def _answer(request: Request, said: list[Any]) -> Answer:
    match said:
        case ["value", _, str(text), _] if len(text.encode()) > LARGEST_RESULT:
            return {"kind": "refused", "message": "it is larger than 1 MiB"}
        case ["value", _, str(text), _]:
            return {"kind": "value", "text": text}
        case [_, "InternalError", "out of memory", _]:
            return {"kind": "memory"}
        case ["pending"] | [_, None | "InternalError", "null" | "", _] if _is_memory_gone(request):
            return {"kind": "memory"}
        case [kind, name, message, stack]:
            message = message[:_LONGEST_MESSAGE]
            line = _line(request.code, stack)
            return {"kind": kind, "name": name, "message": message, "line": line}
    return {"kind": "pending"}


def _is_memory_gone(request: Request) -> bool:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak > _NEARLY_ALL * request.memory_bytes


def _line(code: str, stack: str) -> int | None:
    """Return the line of the code where an error arose, if its stack says."""
    lines = [int(found) - _HEAD_LINES for found in _FRAME.findall(stack)]
    own = next((line for line in lines if line > 0), None)
    return own and min(own, len(code.splitlines()) or 1)


if __name__ == "__main__":
    serve()
