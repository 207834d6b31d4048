"""The function step: what JavaScript can do, what it cannot, and what becomes of those who try."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workflow.errors import (
    FunctionFailed,
    FunctionInvalid,
    FunctionOutOfMemory,
    FunctionTimeout,
)
from workflow.function_processes import FunctionProcesses
from workflow.functions import LONGEST_CODE, check_function, run_function

INPUT = {"name": "Ann", "tags": ["a", "b"], "order": {"price": 12.5, "count": 3}}

VALUES: list[tuple[str, Any]] = [
    ("return input.name", "Ann"),
    ("return input", INPUT),
    ("return input.order.price * input.order.count", 37.5),
    ("return input.tags.map((tag) => tag.toUpperCase())", ["A", "B"]),
    ("const { name, ...rest } = input; return Object.keys(rest)", ["tags", "order"]),
    ("return { ...input.order, price: 1 }", {"price": 1, "count": 3}),
    ("return input.missing?.deep ?? 'none'", "none"),
    ("return input.missing", None),
    ("", None),
    ("// nothing", None),
    ("return 1 // the last line is a comment", 1),
    ("return [undefined, , null]", [None, None, None]),
    ("return { a: undefined, b: 1 }", {"b": 1}),
    ("return [0.1 + 0.2, 1e21, -0, 2 ** 53]", [0.1 + 0.2, 1e21, 0, 2**53]),
    ("return new Date(0)", "1970-01-01T00:00:00.000Z"),
    ("return new Date(2026, 0, 1).toISOString()", "2026-01-01T00:00:00.000Z"),
    ("return [...new Set([1, 1, 2])]", [1, 2]),
    ("return Object.fromEntries(new Map([['a', 1]]))", {"a": 1}),
    ("return 'Ünï😀'.length", 5),
    ("return '😀'.slice(0, 1) + '!'", "\N{REPLACEMENT CHARACTER}!"),
    ("return { '\\ud83d': 1 }", {"\N{REPLACEMENT CHARACTER}": 1}),
    ("return 'a\\u0000b'", "a\0b"),
    ("return await Promise.all([1, 2].map(async (one) => one * 2))", [2, 4]),
    ("const wait = async () => { await null; return 7; }; return await wait()", 7),
    ("return Promise.resolve(5)", 5),
    ("total = 0; for (const n of [1, 2]) total += n; return total", 3),
    ("console.log('seen'); console.error(1); return 1", 1),
    ("return atob(btoa('text'))", "text"),
    ("return /(?<year>\\d{4})/.exec('in 2026').groups.year", "2026"),
    ("return JSON.parse('{\"a\": [1]}')", {"a": [1]}),
    ("class Point { constructor() { this.x = 1; } } return new Point()", {"x": 1}),
    ("return { toJSON() { return 'mine'; } }", "mine"),
    ("return eval('1 + 1')", 2),
]


@pytest.mark.parametrize(("code", "value"), VALUES, ids=[code for code, _ in VALUES])
def test_a_function_gives_the_value_that_it_returns(code: str, value: Any) -> None:
    assert run_function(code, INPUT) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc \"'\\é😀"), inner),
    max_leaves=20,
)


#: Its answer is a text that QuickJS keeps in pieces.
IN_PIECES = {
    "a": None,
    'a😀é"  "c\\\\\\é': {
        "\\": None,
        "'b": None,
        '\\"\'"""': None,
        '"': -9007199254740990,
        'c😀\\c" c ': None,
        "'éb\"😀éc \\ \\''\"\\é\"  'c😀'😀a'ac\\c \"b é": None,
    },
    "\"c'céc''aé": [None, None, False, False, 181165708, 1e16, -1e15, -1e15, 1e14],
    "\\" * 10: None,
    "\\" * 9: None,
    "": 1e13,
    "\\" * 6: {"\\": None},
}


@settings(max_examples=100, deadline=None)
@example(IN_PIECES)
@given(JSON)
def test_json_data_come_back_as_they_went_in(data: Any) -> None:
    assert run_function("return input", data) == data


@pytest.mark.parametrize("count", [1, 10, 60, 120, 200, 500, 1_000, 10_000, 30_000])
def test_a_result_of_any_length_comes_back(count: int) -> None:
    data = {f'"{place}\\': [place, None, "é"] for place in range(count)}
    assert run_function("return input", data) == data


def test_a_whole_number_that_javascript_would_round_is_refused() -> None:
    with pytest.raises(FunctionFailed, match=r"input\.a\[1\]\.id is 9007199254740993, more than"):
        run_function("return 1", {"a": [0, {"id": 2**53 + 1}]})
    assert run_function("return input.id", {"id": "9007199254740993"}) == "9007199254740993"


THROWN: list[tuple[str, str, int | None]] = [
    ("throw new Error('no plan')", "Line 1: Error: no plan", 1),
    ("const a = 1;\n\nreturn b;", "Line 3: ReferenceError: b is not defined", 3),
    (
        "function deep() {\n  return input.none.x;\n}\nreturn deep();",
        "Line 2: TypeError: cannot read property 'x' of undefined",
        2,
    ),
    ("await null;\nthrow new RangeError('late')", "Line 2: RangeError: late", 2),
    ("return [1].map(\n  (one) => one.x.y\n)", "Line 2: TypeError: cannot read property 'y'", 2),
    ("throw 'just a text'", "just a text", None),
    ("throw { code: 7 }", '{"code":7}', None),
    ("throw null", "null", None),
    ("throw undefined", "undefined", None),
    ("queueMicrotask(() => { throw new Error('aside'); }); await 0; await 0", "aside", 1),
    ("return Promise.reject(new Error('refused'))", "Line 1: Error: refused", 1),
    ("throw new Error('cut \\ud83d')", "cut \N{REPLACEMENT CHARACTER}", 1),
    ("return new Promise(() => {})", "waits for a promise that nothing will settle", None),
    (
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { value: 7 }); throw e",
        "Error: x",
        None,
    ),
    ("throw { toJSON() { throw 1; } }", "something that cannot be shown", None),
]


@pytest.mark.parametrize(
    ("code", "message", "line"), THROWN, ids=[message for _, message, _ in THROWN]
)
def test_what_a_function_throws_is_told_with_its_line(
    code: str, message: str, line: int | None
) -> None:
    with pytest.raises(FunctionFailed) as caught:
        run_function(code, INPUT)
    assert message in caught.value.message
    assert caught.value.meta.get("line") == line
    assert caught.value.code == "function_failed"


REFUSED: list[tuple[str, str]] = [
    ("return NaN", "result is NaN"),
    ("return { rows: [1, { price: 1 / 0 }] }", "result.rows[1].price is Infinity"),
    ("return 10n", "result is a BigInt"),
    ("return { go() {} }", "result.go is a function"),
    ("return [Symbol('s')]", "result[0] is a symbol"),
    ("return new Map([['a', 1]])", "result is an object of the kind Map"),
    ("return { set: new Set() }", "result.set is an object of the kind Set"),
    ("return { e: new Error('x') }", "result.e is an object of the kind Error"),
    ("return new Uint8Array(3)", "result is an object of the kind Uint8Array"),
    ("return { later: Promise.resolve(1) }", "result.later is an object of the kind Promise"),
    ("return /x/", "result is an object of the kind RegExp"),
    ("const o = {}; o.inner = [o]; return o", "a part of it refers to the whole"),
    ("let o = {}; for (let i = 0; i < 101; i++) o = { o }; return o", "more than 100 levels"),
    ("return 'x'.repeat(1024 * 1024)", "larger than 1 MiB"),
    ("return 'é'.repeat(600 * 1024)", "larger than 1 MiB"),
]


@pytest.mark.parametrize(("code", "message"), REFUSED, ids=[code for code, _ in REFUSED])
def test_a_result_that_is_no_plain_json_is_refused(code: str, message: str) -> None:
    with pytest.raises(FunctionFailed) as caught:
        run_function(code, INPUT)
    assert message in caught.value.message


def test_a_result_of_just_one_mebibyte_is_returned() -> None:
    assert len(run_function("return 'x'.repeat(1024 * 1024 - 2)", None)) == 1024 * 1024 - 2


SYNTAX: list[tuple[str, int | None]] = [
    ("return 1 +", 1),
    ("let a;\nlet a;", 2),
    ("\n\nreturn 'open", 3),
    ("if (true) {", 1),
    ("let input = 3", 1),
    ("import os from 'os'", 1),
    ("export default function (input) { return 1; }", 1),
    ("yield 1", 1),
    ("/(/.test('a')", None),
    ("}); globalThis.out = 1; (function () {", None),
    ("} async function more() {", 1),
    ("}, function () {", None),
    ("/*", 1),
    ("return `${", 1),
    ("return 1 }", 1),
    ("\ud83d", 1),
]


@pytest.mark.parametrize(("code", "line"), SYNTAX, ids=[ascii(code) for code, _ in SYNTAX])
def test_code_that_cannot_be_read_is_refused_at_save(code: str, line: int | None) -> None:
    with pytest.raises(FunctionInvalid) as caught:
        check_function(code)
    assert caught.value.meta.get("line") == line
    with pytest.raises(FunctionInvalid):
        run_function(code, None)


def test_a_check_does_not_run_the_code() -> None:
    check_function("for (;;);")
    check_function("throw 1")


def test_code_longer_than_a_person_writes_is_refused() -> None:
    check_function("/".ljust(LONGEST_CODE, "/"))
    with pytest.raises(FunctionInvalid, match=r"longer than 50,000 characters"):
        check_function("/".ljust(LONGEST_CODE + 1, "/"))


#: What it tries, the code, and what it gets: a value, or a kind of error.
ATTACKS: list[tuple[str, str, Any]] = [
    # ways out
    ("require", "return require('fs')", FunctionFailed),
    ("import of std", "return import('std')", FunctionFailed),
    ("import of os", "return import('os')", FunctionFailed),
    ("import of a file", "return import('/etc/passwd')", FunctionFailed),
    ("import of a data URL", "return import('data:text/javascript,1')", FunctionFailed),
    (
        "names of other hosts",
        """return ['process', 'require', 'std', 'os', 'scriptArgs', 'Deno', 'fetch', 'Worker',
        'XMLHttpRequest', 'setTimeout', 'WebAssembly', 'print', 'loadScript', 'gc', 'bjson']
        .filter((name) => name in globalThis)""",
        [],
    ),
    ("constructor chain", "return [].constructor.constructor('return typeof os')()", "undefined"),
    ("Function", "return Function('return this.process')()", None),
    ("indirect eval", "return (0, eval)('typeof std')", "undefined"),
    (
        "async constructor",
        "return (async () => {}).constructor('return typeof os')()",
        "undefined",
    ),
    (
        "generator constructor",
        "return (function* () {}).constructor('yield typeof os')().next().value",
        "undefined",
    ),
    (
        "stack trap",
        "Error.prepareStackTrace = (e, s) => s; return new Error('x').stack",
        FunctionFailed,
    ),
    ("callee", "return (function () { return arguments.callee.caller; })()", None),
    ("Python's names", "return input.__class__ ?? null", None),
    ("prototype of input", "return input.__proto__ === Object.prototype", True),
    # time
    ("endless loop", "for (;;);", FunctionTimeout),
    ("endless loop that catches", "for (;;) { try { for (;;); } catch {} }", FunctionTimeout),
    ("endless loop in finally", "try { for (;;); } finally { return 1; }", FunctionTimeout),
    ("endless loop after await", "await 0; for (;;);", FunctionTimeout),
    ("endless awaiting", "for (;;) await 0;", FunctionTimeout),
    (
        "endless generator",
        "for (const _ of (function* () { for (;;) yield; })());",
        FunctionTimeout,
    ),
    ("regular expression", "return /^(a+)+$/.test('a'.repeat(40) + 'b')", FunctionTimeout),
    (
        "regular expression that looks ahead",
        "return /(?=(x+x+)+y)/.test('x'.repeat(50))",
        FunctionTimeout,
    ),
    ("replace", "return 'a'.repeat(40).replace(/(a|a)*c/g, '')", FunctionTimeout),
    ("sort", "[2, 1].sort(() => { for (;;); })", FunctionTimeout),
    ("getter", "return { get x() { for (;;); } }", FunctionTimeout),
    ("toJSON", "return { toJSON() { for (;;); } }", FunctionTimeout),
    ("proxy", "return new Proxy({}, { ownKeys() { for (;;); } })", FunctionTimeout),
    ("then", "return { then() { for (;;); } }", FunctionTimeout),
    ("valueOf", "return 1 + { valueOf() { for (;;); } }", FunctionTimeout),
    ("message of an error", "throw { get message() { for (;;); } }", FunctionTimeout),
    ("big power", "return String(7n ** 4000000n).length", (FunctionTimeout, FunctionFailed)),
    ("JSON of a sparse list", "return new Array(2 ** 32 - 1)", (FunctionTimeout, FunctionFailed)),
    ("own eval", "eval('for (;;);')", FunctionTimeout),
    # memory
    ("objects", "const a = []; for (;;) a.push({ x: 1, y: 2, z: 3 });", FunctionOutOfMemory),
    ("arrays in arrays", "let a = []; for (;;) a = [a];", FunctionOutOfMemory),
    ("text that doubles", "let s = 'x'; for (;;) s += s;", FunctionFailed),
    ("texts", "const a = []; for (;;) a.push('x'.repeat(1e6) + a.length);", FunctionOutOfMemory),
    ("repeat", "return 'x'.repeat(2 ** 30)", FunctionFailed),
    ("padding", "return 'x'.padEnd(2 ** 29)", FunctionFailed),
    ("fill", "return new Array(2 ** 32 - 1).fill(0)", FunctionOutOfMemory),
    ("buffer", "return new ArrayBuffer(2 ** 31)", FunctionFailed),
    ("buffers", "const a = []; for (;;) a.push(new Uint8Array(2 ** 20));", FunctionFailed),
    ("growing buffer", "new ArrayBuffer(8, { maxByteLength: 2 ** 40 })", FunctionFailed),
    ("shared buffer", "return new SharedArrayBuffer(2 ** 30).byteLength", FunctionFailed),
    (
        "promises",
        "const f = () => Promise.resolve().then(f); f(); await new Promise(() => {})",
        (FunctionOutOfMemory, FunctionTimeout),
    ),
    ("jobs", "for (;;) queueMicrotask(() => {});", (FunctionOutOfMemory, FunctionTimeout)),
    ("closures", "let f = () => 1; for (;;) { const g = f; f = () => g; }", FunctionOutOfMemory),
    ("keys", "for (let i = 0; ; i++) globalThis['k' + i] = 1;", FunctionOutOfMemory),
    ("symbols", "const a = []; for (;;) a.push(Symbol());", FunctionOutOfMemory),
    (
        "memory taken and caught again and again",
        "for (;;) { try { const a = []; for (;;) a.push({ x: [1] }); } catch {} }",
        (FunctionTimeout, FunctionFailed),
    ),
    ("big integers", "let n = 2n; for (;;) n *= n;", FunctionFailed),
    ("join", "return new Array(1e6).fill('x'.repeat(1000)).join()", FunctionFailed),
    # depth
    ("recursion", "const f = () => f(); f()", FunctionFailed),
    (
        "recursion that catches",
        "const f = () => { try { f(); } catch { f(); } }; f()",
        FunctionTimeout,
    ),
    (
        "recursion through toString",
        "const o = { toString() { return `${o}`; } }; `${o}`",
        FunctionFailed,
    ),
    (
        "recursion through a proxy",
        "const t = {}; const p = new Proxy(t, {}); Object.setPrototypeOf(t, p); return p.x",
        FunctionFailed,
    ),
    ("deep JSON", "return JSON.parse('['.repeat(1e6))", FunctionFailed),
    ("deep code", "return eval('('.repeat(1e5) + '1' + ')'.repeat(1e5))", FunctionFailed),
    ("deep pattern", "return new RegExp('('.repeat(1e5) + ')'.repeat(1e5))", FunctionFailed),
    ("deep list", "let a = 1; for (let i = 0; i < 1e5; i++) a = [a]; return a", FunctionFailed),
    (
        "deep flattening",
        "let a = 1; for (let i = 0; i < 1e5; i++) a = [a]; return a.flat(1e9)",
        FunctionFailed,
    ),
    ("long spread", "return Math.max(...new Array(1e6).fill(1))", FunctionFailed),
    # blocking
    (
        "Atomics.wait",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        FunctionFailed,
    ),
    # confusion of what runs the function
    ("own JSON", "JSON.stringify = () => 'broken'; JSON.parse = null; return 1", 1),
    ("own Promise", "Promise.prototype.then = null; globalThis.Promise = null; return 1", 1),
    ("own WeakMap", "WeakMap.prototype.get = () => ({ place: 'x', depth: 0 }); return [1]", [1]),
    ("own toString", "Function.prototype.toString = () => 'x'; return 1", 1),
    ("own Object.prototype.toJSON", "Object.prototype.toJSON = () => 'x'; return {}", "x"),
    ("own Error", "globalThis.Error = null; throw 1", FunctionFailed),
    ("own Array.prototype.includes", "Array.prototype.includes = () => true; return [1]", [1]),
    ("frozen globals", "Object.freeze(globalThis); return 1", 1),
    ("settled twice", "return { then(yes) { yes(1); yes(2); } }", 1),
    (
        "revoked proxy",
        "const r = Proxy.revocable({}, {}); r.revoke(); return r.proxy",
        FunctionFailed,
    ),
    ("false out of memory", "throw new InternalError('out of memory')", FunctionOutOfMemory),
    (
        "result that looks like an answer",
        "return ['thrown', null, 'x', '']",
        ["thrown", None, "x", ""],
    ),
    ("thrown proxy", "throw new Proxy(Error, { get() { throw 1; } })", FunctionFailed),
    ("late answer", "Promise.resolve().then(() => { throw 'x'; }); return 1", 1),
    ("finalizer", "new FinalizationRegistry(() => { for (;;); }).register({}, 1); return 1", 1),
]


@pytest.mark.parametrize(
    ("code", "outcome"), [attack[1:] for attack in ATTACKS], ids=[name for name, *_ in ATTACKS]
)
def test_an_attack_ends_in_an_error_of_ours_or_in_a_plain_value(code: str, outcome: Any) -> None:
    errors = outcome if isinstance(outcome, tuple) else (outcome,)
    seconds = 0.3 if FunctionTimeout in errors else 5
    if isinstance(errors[0], type):
        with pytest.raises(errors):
            run_function(code, {}, seconds=seconds)
    else:
        assert run_function(code, {}, seconds=seconds) == outcome
    assert run_function("return input + 1", 1) == 2


@pytest.mark.parametrize(
    ("change", "look"),
    [
        ("Array.prototype.evil = 1", "return 'evil' in []"),
        ("Object.prototype.evil = 1", "return 'evil' in {}"),
        ("globalThis.evil = input", "return 'evil' in globalThis"),
        ("JSON.evil = 1", "return 'evil' in JSON"),
        ("input.constructor.evil = 1", "return 'evil' in Object"),
    ],
)
def test_a_call_leaves_nothing_to_the_next(change: str, look: str) -> None:
    run_function(change, {"secret": 1})
    assert run_function(look, {}) is False


def test_random_numbers_differ_from_call_to_call() -> None:
    assert len({run_function("return Math.random()", None) for _ in range(20)}) == 20


def test_a_small_memory_limit_is_kept() -> None:
    code = "return new Array(300000).fill(1).length"
    assert run_function(code, None) == 300_000
    with pytest.raises(FunctionOutOfMemory, match="more than 2 MiB"):
        run_function(code, None, memory_bytes=2 * 1024 * 1024)


def test_the_time_limit_is_of_computing_not_of_waiting_for_a_turn() -> None:
    code = "const end = Date.now() + 150; while (Date.now() < end); return 1"
    with ThreadPoolExecutor(20) as threads:
        calls = [threads.submit(run_function, code, None, seconds=0.5) for _ in range(20)]
        assert [call.result() for call in calls] == [1] * 20


def test_many_threads_get_each_its_own_answer() -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda n: run_function("return input * 2", n), range(200))
        assert list(answers) == [n * 2 for n in range(200)]


def _processes() -> list[int]:
    """Return the processes in which functions run, ours alone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"javascript.py" in command and parent == os.getpid():
            found.append(int(folder.name))
    return found


def _children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in found]


def wait_until(met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.01)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


@needs_proc
def test_a_process_that_was_killed_is_replaced() -> None:
    run_function("return 1", None)
    for process in _processes():
        os.kill(process, signal.SIGKILL)
    assert run_function("return 2", None) == 2


@needs_proc
def test_a_function_that_is_killed_from_outside_fails_and_others_go_on() -> None:
    run_function("return 1", None)
    errors: list[Exception] = []

    def endless() -> None:
        try:
            run_function("for (;;);", None, seconds=60)
        except FunctionFailed as error:
            errors.append(error)

    thread = threading.Thread(target=endless)
    thread.start()
    wait_until(lambda: any(_children(process) for process in _processes()))
    for process in _processes():
        for child in _children(process):
            os.kill(child, signal.SIGKILL)
    thread.join(20)
    assert [str(error) for error in errors] == ["The function brought the JavaScript engine down."]
    assert run_function("return 2", None) == 2


@needs_proc
def test_a_process_of_functions_knows_none_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "hidden")
    known = set(_processes())
    processes = FunctionProcesses(1)
    request = {"code": "return 1", "input": "null", "seconds": 1, "memory_bytes": 2**26}
    try:
        assert processes.ask(request, 30) == {"kind": "value", "text": "1"}
        (process,) = set(_processes()) - known
        names = {
            entry.partition(b"=")[0]
            for entry in Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
        }
        assert names <= {b"PYTHONPATH", b"TZ", b"LC_CTYPE", b""}
    finally:
        processes.end()
    assert set(_processes()) <= known


PROGRAM = """
import os, sys, time
from workflow.functions import run_function
assert run_function("return 1", None) == 1
child = os.fork()
if not child:
    assert run_function("return 2", None) == 2
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert run_function("return 3", None) == 3
print("done")
"""


def test_a_forked_program_and_its_parent_each_have_processes_of_their_own() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("done\n", "", 0)


@needs_proc
def test_the_processes_end_with_the_program_that_is_killed() -> None:
    code = (
        "import time; from workflow.functions import run_function; run_function('return 1', 0);"
        "print('ready', flush=True); time.sleep(600)"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert program.stdout is not None
    with program, program.stdout as output:
        assert output.readline() == b"ready\n"
        children = _children(program.pid)
        program.kill()
    assert children
    wait_until(lambda: not any(_is_alive(child) for child in children))


def _is_alive(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


SIGNS = (
    "{ } ( ) [ ] ; , ... ?. => = ! ` ${ ' \" / // /* */ \\ \0 \u2028 \ud800 😀 #x 0n 1e9 @ \n \r"
)
WORDS = (
    "async await yield function return class extends static get let a input for of in new if else "
    "try catch throw import export default switch case super this label: break"
)
PIECES = st.sampled_from([*SIGNS.split(" "), *WORDS.split(" ")])


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_any_text_is_code_or_is_refused_with_its_line(pieces: list[str]) -> None:
    code, line = " ".join(pieces), None
    try:
        check_function(code)
    except FunctionInvalid as error:
        line = error.meta.get("line")
    assert line is None or 1 <= line <= len(code.splitlines())


def test_answers_are_json_that_any_program_can_write() -> None:
    value = run_function("return ['\\udc00', { '\\ud800x': '\\ud83d\\ude00' }]", None)
    json.dumps(value, ensure_ascii=False).encode()
