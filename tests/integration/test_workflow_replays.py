"""A run that is cut off anywhere comes to the same end as one that went through."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from connector.config import Settings
from connector.database import Database, Transaction
from connector.runtime import Runtime, build
from connector.steps import Steps
from workflow.engine import Engine, Options
from workflow.models import Run, RunState
from workflow.store import queue
from workflow.store import runs as run_store

from ..conftest import SandboxClient
from ..people import make_host
from ..upstream import Exchange, Upstream
from .workshop import Document, Workshop, http, setting, told

LONG_AFTER = 10 * 86_400.0
MOST_TURNS = 200


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class MortalDatabase:
    """A database whose process dies at one of its writes, before it is committed or after."""

    def __init__(self, database: Database, writes: int, *, after: bool) -> None:
        self._database = database
        self._left = writes
        self._after = after
        self._dead = False
        self._lock = threading.Lock()
        self.failures = database.failures
        self.dialect = database.dialect

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._database.reading()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Transaction]:
        with self._lock:
            self._left -= 1
            dies = self._left < 0 and not self._dead
            if self._dead:
                raise Killed
            self._dead = dies
        with self._database.transaction(durable=durable) as tx:
            yield tx
            if dies and not self._after:
                raise Killed
        if dies:
            raise Killed


class Clock:
    """Seconds since 1970, and whatever has been waited for."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Bench:
    """Runs runs by hand, one turn after another, on a database that may die."""

    def __init__(self, workshop: Workshop) -> None:
        runtime = workshop.host.runtime
        self.workshop = workshop
        self._database = runtime.database
        self._outside = Steps(
            runtime.database,
            runtime.connectors,
            runtime.proxy,
            runtime.outbound,
            runtime.secrets,
            runtime.notices,
        )
        self._outside.start_handler = runtime.engine.starter.handle_failure

    def lose(self, times: int) -> None:
        """Let workers take what is queued and die of it."""
        for turn in range(times):
            self._take(f"lost-{turn}", Clock())
            self._bury(f"lost-{turn}", Clock())

    def finish(self, run_id: str, dies_at: int, *, after: bool) -> tuple[Run, bool]:
        """Do a run and those it starts to the end; say whether the process died on the way."""
        clock, died = Clock(), False
        mortal = MortalDatabase(self._database, dies_at, after=after)
        engine = self._engine(mortal, clock)
        for turn in range(MOST_TURNS):
            if not any(self.workshop.engine.control.counts(self.workshop.project).values()):
                return self.workshop.look(run_id), died
            worker = f"worker-{turn}"
            for run in self._take(worker, clock):
                try:
                    engine.executor.advance(run)
                except Killed:
                    died, engine = True, self._engine(self._database, clock)
                    self._bury(worker, clock)
                    break
            else:
                clock.ahead += LONG_AFTER
        raise AssertionError(f"no end after {MOST_TURNS} turns: {self.workshop.look(run_id)}")

    def _engine(self, database: Any, clock: Clock) -> Engine:
        return Engine(database, self._outside, Options(slots=0), clock)

    def _take(self, worker: str, clock: Clock) -> list[Run]:
        with self._database.transaction() as tx:
            queue.wake_due(tx, clock(), 100)
            waiting = run_store.page(tx, self.workshop.project, {"state": "queued"}, None, 100)
            taken = [run.id for run in waiting if queue.take(tx, run.id, worker, clock())]
            return [run for one in taken if (run := run_store.load(tx, one)) is not None]

    def _bury(self, worker: str, clock: Clock) -> None:
        with self._database.transaction() as tx:
            queue.give_back(tx, worker, counted=True, now=clock())


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def resting_runtime(
    request: pytest.FixtureRequest,
    _shared_sandbox: Any,
    _other_api: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runtime]:
    """A runtime whose engine does nothing by itself."""
    values: dict[str, Any] = {}
    if request.param == "postgresql":
        values["database_url"] = request.getfixturevalue("postgres_server").new_database()
    built = build(
        Settings(
            data_dir=tmp_path_factory.mktemp("resting"),
            development_origin=_shared_sandbox.url,
            outbound_allow=(f"127.0.0.1:{_other_api.port}",),
            **values,
        )
    )
    yield built
    built.close()


@pytest.fixture
def bench(resting_runtime: Runtime, _other_api: Upstream, sandbox: SandboxClient) -> Bench:
    _other_api.reset()
    return Bench(Workshop(make_host(resting_runtime, "Acme Notes"), _other_api, sandbox))


def _counting() -> Callable[[Exchange], None]:
    """Answer with what was asked for, the first time of a key not at all."""
    seen: set[str] = set()

    def script(exchange: Exchange) -> None:
        [key] = exchange.received.values("Idempotency-Key")
        status = 200 if key in seen else 503
        seen.add(key)
        told({"target": exchange.received.target}, status)(exchange)

    return script


def echo(exchange: Exchange) -> None:
    told({"target": exchange.received.target})(exchange)


def _call(workshop: Workshop, step_id: str, wanted: str = "", **more: Any) -> Document:
    return http(step_id, workshop.at("/echo", echo) + f"?of={step_id}{wanted}", **more)


def _child(workshop: Workshop) -> str:
    steps = [_call(workshop, "inner"), {"id": "w", "type": "delay", "seconds": 60}]
    return workshop.deploy(workshop.write([*steps, setting("last", x="<<steps.inner.body>>")]))


TRACK = {"event": "E", "identity": "ann@example.com"}
SHAPES: dict[str, Callable[[Workshop], list[Document]]] = {
    "http": lambda shop: [_call(shop, "a"), _call(shop, "b")],
    "request": lambda _: [
        {"id": "a", "type": "request", "method": "POST", "path": "/track", "body": TRACK}
    ],
    "action": lambda _: [{"id": "a", "type": "action", "action": "track", "input": TRACK}],
    "set and function": lambda shop: [
        setting("s", n="<<trigger.n + 1>>"),
        {"id": "f", "type": "function", "input": "<<steps.s.n>>", "code": "return input * 2"},
        _call(shop, "a", "<<steps.f>>"),
    ],
    "condition": lambda shop: [
        {
            "id": "choose",
            "type": "condition",
            "branches": [
                {"if": "<<trigger.n > 5>>", "steps": [_call(shop, "a")]},
                {"if": "<<trigger.n > 1>>", "steps": [_call(shop, "b"), _call(shop, "c")]},
            ],
        }
    ],
    "for_each": lambda shop: [_each(shop, 1)],
    "for_each at once": lambda shop: [_each(shop, 3)],
    "delay": lambda shop: [
        _call(shop, "a"),
        {"id": "w", "type": "delay", "seconds": 60},
        {"id": "v", "type": "delay", "until": "2020-01-01T00:00:00Z"},
        _call(shop, "b"),
    ],
    "workflow": lambda shop: [
        {"id": "c", "type": "workflow", "workflow": _child(shop), "input": {}},
        _call(shop, "a", "<<steps.c.output.x.target>>"),
    ],
    "workflow not waited for": lambda shop: [
        {"id": "c", "type": "workflow", "workflow": _child(shop), "input": {}, "wait": False},
        _call(shop, "a"),
    ],
    "retry": lambda shop: [
        http("a", shop.at("/shaky", _counting()), retry={"attempts": 9, "wait": 60})
    ],
    "continue": lambda shop: [
        http("a", shop.at("/gone", told({}, 404)), on_error="continue"),
        {"id": "w", "type": "delay", "seconds": 60},
        _call(shop, "b", "<<steps.a.error.status>>"),
    ],
    "branch": lambda shop: [
        http("a", shop.at("/gone", told({}, 404)), on_error={"steps": [_call(shop, "b")]}),
        {"id": "w", "type": "delay", "seconds": 60},
    ],
    "response first": lambda shop: [
        {"id": "early", "type": "response", "body": "<<trigger>>"},
        _call(shop, "a"),
    ],
    "stop": lambda shop: [
        _call(shop, "a"),
        {"id": "s", "type": "stop", "reason": "<<steps.a.body.target>>"},
    ],
    "fail": lambda shop: [_call(shop, "a"), {"id": "s", "type": "fail", "message": "no"}],
}


def _each(workshop: Workshop, at_once: int) -> Document:
    steps = [
        _call(workshop, "a", "<<item>>"),
        {"id": "w", "type": "delay", "seconds": 60},
        _call(workshop, "b", "<<item>>"),
    ]
    return {
        "id": "each",
        "type": "for_each",
        "in": [1, 2, 3, 4],
        "steps": steps,
        "at_once": at_once,
        "result": "<<steps.b.body.target>>",
    }


def _without_chance(run: Run) -> str:
    """Return what came of a run as text, without ids and moments."""
    kept = json.dumps([run.state, run.reason, run.detail, run.response], sort_keys=True)
    told_values = json.loads(kept)

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items() if k not in {"run_id", "until"}}
        return [clean(one) for one in value] if isinstance(value, list) else value

    return json.dumps(clean(told_values))


@pytest.mark.parametrize(
    "after", [False, True], ids=["before it is written", "after it is written"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_comes_to_the_same_end_wherever_its_process_dies(
    bench: Bench, shape: str, after: bool
) -> None:
    workshop = bench.workshop
    workshop.host.connect("alice")
    steps = [*SHAPES[shape](workshop), setting("seen", all="<<steps>>")]
    answer = {"id": "answer", "type": "response", "body": "<<steps.seen.all>>"}
    name = workshop.deploy(workshop.write([*steps, answer], connector="heap"))
    wanted: str | None = None
    keys = 0
    for dies_at in itertools.chain([MOST_TURNS], range(MOST_TURNS)):
        workshop.upstream.received.clear()
        workshop.sandbox.post("reset")
        run_id = workshop.start(name, {"n": 3}, user="alice")
        run, died = bench.finish(run_id, dies_at, after=after)
        assert run.state is not RunState.CANCELLED
        asked = [one.values("Idempotency-Key")[0] for one in workshop.upstream.received]
        if wanted is None:
            wanted, keys = _without_chance(run), len(set(asked))
            continue
        assert _without_chance(run) == wanted, dies_at
        assert len(set(asked)) == keys, dies_at
        # What was under way when the process died may be done again: no more than that.
        under_way = steps[0].get("at_once", 1)
        extra = len(asked) - keys - (keys if shape == "retry" else 0)
        assert extra <= under_way, dies_at
        if shape in {"request", "action"}:
            assert len(workshop.sandbox.items("events")) == 1
        if not died:
            return
    raise AssertionError("the process never lived long enough")


def test_the_failure_of_a_run_that_its_workers_die_of_is_handled_too(bench: Bench) -> None:
    workshop = bench.workshop
    handler = workshop.deploy(workshop.write([setting("told", all="<<trigger>>")]))
    steps = [
        {"id": "early", "type": "response", "body": "kept"},
        {"id": "w", "type": "delay", "seconds": 60},
        setting("a", x=1),
    ]
    definition = workshop.write(steps, on_failure={"workflow": handler, "notify": False})
    run_id = workshop.start(workshop.deploy(definition))
    bench.lose(5)
    run, _ = bench.finish(run_id, MOST_TURNS, after=True)
    assert (run.state, run.reason) == (RunState.FAILED, "workers_lost")
    others = [one for one in workshop.engine.control.runs(workshop.project) if one.id != run_id]
    [handled] = [workshop.look(one.id) for one in others]
    assert (handled.state, handled.trigger["run"]) == (RunState.SUCCEEDED, run_id)


@pytest.mark.parametrize(
    "after", [False, True], ids=["before it is written", "after it is written"]
)
def test_a_step_that_must_not_be_repeated_fails_if_it_was_cut_off(
    bench: Bench, after: bool
) -> None:
    workshop = bench.workshop
    steps = [_call(workshop, "a", on_interrupt="fail"), _call(workshop, "b")]
    name = workshop.deploy(workshop.write(steps))
    codes = []
    for dies_at in range(MOST_TURNS):
        workshop.upstream.received.clear()
        run, died = bench.finish(workshop.start(name), dies_at, after=after)
        targets = [one.target for one in workshop.upstream.received]
        assert targets.count("/echo?of=a") <= 1
        if not died:
            break
        if run.state is RunState.FAILED:
            assert run.detail is not None
            codes.append(run.detail["error"]["code"])
            assert [str(one.state) for one in workshop.attempts(run.id)] == ["failed"]
    assert codes
    assert set(codes) == {"step_interrupted"}


def test_what_was_cut_off_is_shown_as_maybe_executed(bench: Bench) -> None:
    workshop = bench.workshop
    name = workshop.deploy(workshop.write([_call(workshop, "a")]))
    run, died = bench.finish(workshop.start(name), 0, after=True)
    assert (died, run.state) == (True, RunState.SUCCEEDED)
    assert workshop.states(run.id, "a") == ["interrupted", "succeeded"]
