"""Syntax trees of expressions, compiled to closures over plain JSON data.

Every node of the tree becomes a function from the data to a value. What is not in the table here
cannot be written. A value that is not there is carried as :class:`Missing` up to the first place
that needs it, so that ``default`` and ``is defined`` can see it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from workflow.errors import ExpressionFailed, ExpressionInvalid
from workflow.filters import FILTERS, TESTS, Function
from workflow.operators import COMPARISONS, calculated, check_number
from workflow.paths import Reference, follow, is_key, present
from workflow.values import (
    Missing,
    as_text,
    charge,
    check_size,
    is_number,
    kind,
    truth,
)

Evaluate = Callable[[Mapping[str, Any]], Any]
_MOST_NODES = 500
_DEEPEST = 100


class Compiler:
    """Turns nodes into closures and notes what they refer to; one an expression."""

    def __init__(self) -> None:
        self.references: list[Reference] = []
        self._left = _MOST_NODES
        self._depth = 0

    def compile(self, node: nodes.Node) -> Evaluate:
        """Return the closure of a node."""
        self._left -= 1
        if self._left < 0:
            raise ExpressionInvalid(f"It has more than {_MOST_NODES} parts.")
        compile_ = _NODES.get(type(node))
        if compile_ is None:
            raise ExpressionInvalid(_refusal(node))
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionInvalid("It is nested too deeply.")
        evaluate = compile_(self, node)
        self._depth -= 1
        return evaluate

    def needed(self, node: nodes.Node) -> Evaluate:
        """Return the closure of a node whose value must be there."""
        inner = self.compile(node)
        if isinstance(node, nodes.Const):
            return inner
        return lambda data: present(inner(data))

    def path(self, node: nodes.Node) -> Evaluate:
        """Compile a reference: as much of its path as is written out becomes one closure."""
        steps: list[str | int] = []
        while (step := _constant_step(node)) is not None:
            steps.append(step)
            node = node.node  # type: ignore[attr-defined]
        keys = tuple(reversed(steps))
        if isinstance(node, nodes.Name):
            if node.name == "null" and not keys:
                return lambda _data: None
            return self._from_root(node.name, keys)
        start = self.compile(node)
        return lambda data: follow(start(data), keys, "…")

    def _from_root(self, root: str, keys: tuple[str | int, ...]) -> Evaluate:
        self.references.append(Reference((root, *keys)))
        path = (root, *keys)

        def look_up(data: Mapping[str, Any]) -> Any:
            value: Any = data
            for key in path:
                if value.__class__ is dict and key in value:
                    value = value[key]
                else:
                    return follow(data, path, "")
            return value

        return look_up


def _constant_step(node: nodes.Node) -> str | int | None:
    """Return the key that a node looks up, when it is written out."""
    match node:
        case nodes.Getattr():
            return node.attr
        case nodes.Getitem(arg=nodes.Const(value=value)) if is_key(value):
            return value  # type: ignore[no-any-return]
        case _:
            return None


def _constant(_compiler: Compiler, node: nodes.Const) -> Evaluate:
    value = node.value
    if not (value is None or isinstance(value, bool | str) or is_number(value)):
        raise ExpressionInvalid(f"{value!r} is no JSON value.")
    check_number(value)
    return lambda _data: value


def _item(compiler: Compiler, node: nodes.Getitem) -> Evaluate:
    if _constant_step(node) is not None:
        return compiler.path(node)
    inner = compiler.compile(node.node)
    if isinstance(node.arg, nodes.Slice):
        return _slice(compiler, inner, node.arg)
    key = compiler.needed(node.arg)

    def look_up(data: Mapping[str, Any]) -> Any:
        at = key(data)
        if not is_key(at):
            raise ExpressionFailed(f"Look up by text or number, not by {kind(at)}.")
        return follow(inner(data), (at,), "…")

    return look_up


def _slice(compiler: Compiler, inner: Evaluate, node: nodes.Slice) -> Evaluate:
    ends = [compiler.needed(end) if end is not None else None for end in (node.start, node.stop)]
    if node.step is not None:
        raise ExpressionInvalid("A slice has a start and an end, no step.")

    def cut(data: Mapping[str, Any]) -> Any:
        value = present(inner(data))
        start, stop = (None if end is None else end(data) for end in ends)
        for number in (start, stop):
            if number is not None and (not isinstance(number, int) or isinstance(number, bool)):
                raise ExpressionFailed(f"The ends of a slice are whole numbers, not {number!r}.")
        if not isinstance(value, str | list):
            raise ExpressionFailed(
                f"A part can be cut from text and lists, not from {kind(value)}."
            )
        return value[start:stop]

    return cut


def _arithmetic(symbol: str, calculate: Callable[[Any, Any], Any]) -> Any:
    def compile_(compiler: Compiler, node: nodes.BinExpr) -> Evaluate:
        left, right = compiler.needed(node.left), compiler.needed(node.right)

        def evaluate(data: Mapping[str, Any]) -> Any:
            return calculated(symbol, calculate, left(data), right(data))

        return evaluate

    return compile_


def _signed(calculate: Callable[[Any], Any]) -> Any:
    def compile_(compiler: Compiler, node: nodes.UnaryExpr) -> Evaluate:
        inner = compiler.needed(node.node)

        def evaluate(data: Mapping[str, Any]) -> Any:
            value = inner(data)
            if not is_number(value):
                raise ExpressionFailed(f"A sign goes before a number, not before {kind(value)}.")
            return calculate(value)

        return evaluate

    return compile_


def _concat(compiler: Compiler, node: nodes.Concat) -> Evaluate:
    parts = [compiler.needed(part) for part in node.nodes]

    def evaluate(data: Mapping[str, Any]) -> str:
        text = check_size("".join([as_text(part(data)) for part in parts]))
        charge(len(text))
        return text

    return evaluate


def _not(compiler: Compiler, node: nodes.Not) -> Evaluate:
    inner = compiler.needed(node.node)
    return lambda data: not truth(inner(data))


def _and(compiler: Compiler, node: nodes.And) -> Evaluate:
    left, right = compiler.needed(node.left), compiler.needed(node.right)
    return lambda data: truth(left(data)) and truth(right(data))


def _or(compiler: Compiler, node: nodes.Or) -> Evaluate:
    left, right = compiler.needed(node.left), compiler.needed(node.right)
    return lambda data: truth(left(data)) or truth(right(data))


def _choice(compiler: Compiler, node: nodes.CondExpr) -> Evaluate:
    if node.expr2 is None:
        raise ExpressionInvalid("An if needs an else.")
    test = compiler.needed(node.test)
    yes, no = compiler.compile(node.expr1), compiler.compile(node.expr2)
    return lambda data: yes(data) if truth(test(data)) else no(data)


def _list(compiler: Compiler, node: nodes.List | nodes.Tuple) -> Evaluate:
    items = [compiler.needed(item) for item in node.items]
    return lambda data: [item(data) for item in items]


def _object(compiler: Compiler, node: nodes.Dict) -> Evaluate:
    pairs = [(compiler.needed(pair.key), compiler.needed(pair.value)) for pair in node.items]

    def evaluate(data: Mapping[str, Any]) -> dict[str, Any]:
        made = {}
        for key, value in pairs:
            name = key(data)
            if not isinstance(name, str):
                raise ExpressionFailed(f"The keys of an object are texts, not {kind(name)}.")
            made[name] = value(data)
        return made

    return evaluate


def _compare(compiler: Compiler, node: nodes.Compare) -> Evaluate:
    first = compiler.needed(node.expr)
    rest = [(COMPARISONS[one.op], compiler.needed(one.expr)) for one in node.ops]

    def evaluate(data: Mapping[str, Any]) -> bool:
        left = first(data)
        for compare, other in rest:
            right = other(data)
            if not compare(left, right):
                return False
            left = right
        return True

    return evaluate


def _filter(compiler: Compiler, node: nodes.Filter) -> Evaluate:
    if node.node is None:
        raise ExpressionInvalid("A filter needs something before it.")
    return _applied(compiler, node, _known(FILTERS, node.name, "filter"))


def _test(compiler: Compiler, node: nodes.Test) -> Evaluate:
    return _applied(compiler, node, _known(TESTS, node.name, "test"))


def _known(table: Mapping[str, Function], name: str, what: str) -> Function:
    if name not in table:
        nearest = Missing(name, "", table).nearest()
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        raise ExpressionInvalid(f"There is no {what} {name!r}.{hint}")
    return table[name]


def _applied(compiler: Compiler, node: nodes.Filter | nodes.Test, function: Function) -> Evaluate:
    if node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise ExpressionInvalid(
            f"The arguments of {node.name!r} have no names: give them in order."
        )
    if not function.least <= len(node.args) <= function.most:
        raise ExpressionInvalid(f"{node.name!r} is written {function.usage}.")
    subject: nodes.Expr = node.node  # type: ignore[assignment]
    inner = compiler.compile(subject) if function.takes_missing else compiler.needed(subject)
    arguments = [compiler.needed(argument) for argument in node.args]
    call = function.call

    def evaluate(data: Mapping[str, Any]) -> Any:
        value = inner(data)
        charge(len(value) if isinstance(value, str | list | dict) else 1)
        value = call(value, *[argument(data) for argument in arguments])
        return check_size(value) if isinstance(value, str) else value

    return evaluate


def _refusal(node: nodes.Node) -> str:
    match node:
        case nodes.Call():
            return "Expressions call nothing. Values are changed by filters: value | name."
        case nodes.Pow():
            return "There is no ** operator."
        case _:
            return f"{type(node).__name__} cannot stand in an expression."


_NODES: dict[type[nodes.Node], Callable[[Compiler, Any], Evaluate]] = {
    nodes.Const: _constant,
    nodes.Name: Compiler.path,
    nodes.Getattr: Compiler.path,
    nodes.Getitem: _item,
    nodes.Add: _arithmetic("+", operator.add),
    nodes.Sub: _arithmetic("-", operator.sub),
    nodes.Mul: _arithmetic("*", operator.mul),
    nodes.Div: _arithmetic("/", operator.truediv),
    nodes.FloorDiv: _arithmetic("//", operator.floordiv),
    nodes.Mod: _arithmetic("%", operator.mod),
    nodes.Neg: _signed(operator.neg),
    nodes.Pos: _signed(operator.pos),
    nodes.Concat: _concat,
    nodes.Not: _not,
    nodes.And: _and,
    nodes.Or: _or,
    nodes.CondExpr: _choice,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Dict: _object,
    nodes.Compare: _compare,
    nodes.Filter: _filter,
    nodes.Test: _test,
}
