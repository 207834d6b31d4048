"""What each node of an expression does, and the closed list of those that may stand in one.

What is not in the table here cannot be written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from workflow.compiler import Compiler, Evaluate, constant_step
from workflow.errors import ExpressionFailed, ExpressionInvalid
from workflow.filters import FILTERS, TESTS, Function, find
from workflow.operators import COMPARISONS, calculated, cut, signed
from workflow.paths import Reference, follow, is_key, present
from workflow.values import as_text, check_size, checked_number, is_number, joined, kind, truth
from workflow.work import charge, charge_for

#: What a character costs that is written as JSON.
_WRITTEN = 3


def _constant(_compiler: Compiler, node: nodes.Const) -> Evaluate:
    value = node.value
    if isinstance(value, str):
        _check_characters(value)
    elif is_number(value):
        _check_number(value)
    elif not (value is None or isinstance(value, bool)):
        raise ExpressionInvalid("It holds what is no JSON value.")
    return lambda _data: value


def _check_number(number: Any) -> None:
    try:
        checked_number(number)
    except ExpressionFailed as error:
        raise ExpressionInvalid(error.message) from error


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ExpressionInvalid(
            "A text holds half of a character. Write the character itself, or as \\U0001F600."
        ) from None


def _item(compiler: Compiler, node: nodes.Getitem) -> Evaluate:
    if constant_step(node) is not None:
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
    compiler.plain = False

    def part(data: Mapping[str, Any]) -> Any:
        value = present(inner(data))
        return cut(value, *(None if end is None else end(data) for end in ends))

    return part


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
        return lambda data: signed(calculate, inner(data))

    return compile_


def _concat(compiler: Compiler, node: nodes.Concat) -> Evaluate:
    parts = [compiler.needed(part) for part in node.nodes]

    def evaluate(data: Mapping[str, Any]) -> str:
        texts = []
        for part in parts:
            value = part(data)
            texts.append(as_text(value))
            charge(len(texts[-1]) * (1 if isinstance(value, str) else _WRITTEN))
        return joined(texts)

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
    return _applied(compiler, node, find(FILTERS, node.name, "filter"))


def _test(compiler: Compiler, node: nodes.Test) -> Evaluate:
    return _applied(compiler, node, find(TESTS, node.name, "test"))


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
        result = call(value, *[argument(data) for argument in arguments])
        charge_for(value, result)
        return check_size(result) if isinstance(result, str) else result

    return evaluate


def compiled(tree: nodes.Node) -> tuple[Evaluate, tuple[Reference, ...], bool]:
    """Return a tree's closure, what it refers to, and whether it only looks up what is there.

    Raises
    ------
    ExpressionInvalid
        If it has what expressions have not, or too much.

    """
    compiler = Compiler(_NODES)
    evaluate = compiler.compile(tree)
    return evaluate, tuple(dict.fromkeys(compiler.references)), compiler.plain


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
