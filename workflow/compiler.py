"""From syntax trees to closures: what every node of an expression has in common.

Every node of the tree becomes a function from the data to a value. A value that is not there is
carried as :class:`Missing` up to the first place that needs it, so that ``default`` and
``is defined`` can see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from workflow.errors import ExpressionInvalid
from workflow.paths import Reference, follow, is_key, present
from workflow.values import Missing

Evaluate = Callable[[Mapping[str, Any]], Any]
_MOST_NODES = 500
_DEEPEST = 100
#: Expressions of these alone give what is there already: nothing grows, nothing takes long.
_PLAIN = (nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const)


class Compiler:
    """Turns nodes into closures and notes what they refer to; one an expression."""

    def __init__(
        self, table: Mapping[type[nodes.Node], Callable[[Compiler, Any], Evaluate]]
    ) -> None:
        self._table = table
        self.references: list[Reference] = []
        #: Whether the expression only looks up what is there.
        self.plain = True
        self._left = _MOST_NODES
        self._depth = 0

    def compile(self, node: nodes.Node) -> Evaluate:
        """Return the closure of a node."""
        self._count(1)
        compile_ = self._table.get(type(node))
        if compile_ is None:
            raise ExpressionInvalid(_refusal(node))
        self.plain = self.plain and isinstance(node, _PLAIN)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionInvalid("It is nested too deeply.")
        evaluate = compile_(self, node)
        self._depth -= 1
        return evaluate

    def _count(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise ExpressionInvalid(f"It has more than {_MOST_NODES} parts.")

    def needed(self, node: nodes.Node) -> Evaluate:
        """Return the closure of a node whose value must be there."""
        inner = self.compile(node)
        if isinstance(node, nodes.Const):
            return inner

        def there(data: Mapping[str, Any]) -> Any:
            value = inner(data)
            return present(value) if isinstance(value, Missing) else value

        return there

    def path(self, node: nodes.Node) -> Evaluate:
        """Compile a reference: as much of its path as is written out becomes one closure."""
        steps: list[str | int] = []
        while (step := constant_step(node)) is not None:
            steps.append(step)
            node = node.node  # type: ignore[attr-defined]
        keys = tuple(reversed(steps))
        self._count(len(keys))
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
            try:
                for key in path:
                    if key.__class__ is int and value.__class__ is not list:
                        return follow(data, path, "")
                    value = value[key]
            except (KeyError, IndexError, TypeError):  # only objects have keys that are texts
                return follow(data, path, "")
            return value

        return look_up


def constant_step(node: nodes.Node) -> str | int | None:
    """Return the key that a node looks up, when it is written out."""
    match node:
        case nodes.Getattr():
            return node.attr
        case nodes.Getitem(arg=nodes.Const(value=value)) if is_key(value):
            return value  # type: ignore[no-any-return]
        case _:
            return None


def _refusal(node: nodes.Node) -> str:
    match node:
        case nodes.Call():
            return "Expressions call nothing. Values are changed by filters: value | name."
        case nodes.Pow():
            return "There is no ** operator."
        case _:
            return f"{type(node).__name__} cannot stand in an expression."
