r"""``<<…>>``: values of a run put into the fields of a step.

The grammar is that of Jinja2's expressions, read by its parser. The evaluation is ours: a closed
list of syntax nodes, compiled once to closures over plain JSON data. There are no attributes, no
calls but filters and tests from two fixed tables, and nothing that repeats, so the work is bounded
by the length of the expression and the size of the data.

A field that is one expression and nothing else keeps the value's type; within text, strings go in
as they are and other values as compact JSON. ``\<<`` stands for two literal brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from workflow.compiler import Evaluate
from workflow.errors import ExpressionFailed, ExpressionInvalid, WorkflowError
from workflow.evaluation import compiled
from workflow.paths import Reference, present
from workflow.values import LARGEST, Missing, as_text, size_of
from workflow.work import charge, counted

LONGEST_TEXT = 100_000
LONGEST_EXPRESSION = 4_000
MOST_EXPRESSIONS = 1_000
#: Longer texts are taken apart anew each time: what is kept must not fill the memory.
_LONGEST_KEPT = 500
#: The root under which a run's data hold what no message may show.
_SECRETS = "secrets"
_OPEN, _CLOSE, _ESCAPED = "<<", ">>", "\\<<"
_PARTS = re.compile(r"\\<<|<<")
#: What stands in an expression up to its end: texts in quotes may hold anything.
_INSIDE = re.compile(r"""(?:[^"'>]|>(?!>)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*""", re.DOTALL)
#: What a backslash may stand before in a text in quotes.
_ESCAPE = re.compile(
    r"""\\(?:(?P<known>[\\'"nrtbf]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|.?)""",
    re.DOTALL,
)
#: Statements and comments get marks that no text can hold.
_SYNTAX = Environment(
    variable_start_string=_OPEN,
    variable_end_string=_CLOSE,
    block_start_string="\0a",
    block_end_string="\0b",
    comment_start_string="\0c",
    comment_end_string="\0d",
    autoescape=True,  # of no effect: nothing is rendered by it
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression."""

    source: str
    references: tuple[Reference, ...]
    _evaluate: Evaluate = field(repr=False, compare=False)

    def resolve(self, data: Mapping[str, Any]) -> Any:
        """Return the value for the data of a run.

        Raises
        ------
        ValueMissing
            If it refers to what is not there; ``meta["nearest"]`` is what was probably meant.
        ExpressionFailed
            If an operation does not fit its values, or the result is too large.

        """
        try:
            return present(self._evaluate(data))
        except RecursionError:
            error: WorkflowError = ExpressionFailed("The data are nested too deeply.")
        except WorkflowError as found:
            error = found
        raise self._named(error) from None

    def _named(self, error: WorkflowError) -> WorkflowError:
        """Return an error that names the expression, and shows nothing made from a secret."""
        message, meta = error.message, dict(error.meta)
        secret = any(reference.parts[0] == _SECRETS for reference in self.references)
        if secret and not str(meta.get("path", "")).startswith(f"{_SECRETS}."):
            message, meta = "It does not fit its values, which are secret.", {}
        short = _shortened(self.source)
        return type(error)(f"<<{short}>>: {message}", **{"expression": short, **meta})


@dataclass(frozen=True, slots=True)
class Template:
    """A field's text, taken apart: what stays, and expressions between."""

    text: str
    parts: tuple[str | Expression, ...] = field(repr=False)

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Return its expressions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def resolve(self, data: Mapping[str, Any]) -> Any:
        """Return the field's value for the data of a run.

        Raises
        ------
        ValueMissing
            If an expression refers to what is not there.
        ExpressionFailed
            If an operation does not fit its values, or the result is too large.

        """
        if len(self.parts) == 1 and isinstance(self.parts[0], Expression):
            return self.parts[0].resolve(data)
        return counted(self._written, data)

    def _written(self, data: Mapping[str, Any]) -> str:
        texts, left = [], LARGEST
        for part in self.parts:
            text = part if isinstance(part, str) else as_text(part.resolve(data))
            left -= len(text)
            if left < 0:
                raise ExpressionFailed(f"The text is longer than {LARGEST:,} characters.")
            texts.append(text)
        return "".join(texts)


def parse(text: str) -> Template:
    """Take a field's text apart and compile its expressions.

    Raises
    ------
    ExpressionInvalid
        If one cannot be understood; ``meta["expression"]`` and ``meta["position"]`` say which.

    """
    if len(text) > LONGEST_TEXT:
        raise ExpressionInvalid(f"The text is longer than {LONGEST_TEXT} characters.")
    return _kept(text) if len(text) <= _LONGEST_KEPT else _parsed(text)


@lru_cache(1024)
def _kept(text: str) -> Template:
    return _parsed(text)


def _parsed(text: str) -> Template:
    count = 0
    parts: list[str | Expression] = []
    for part in _split(text):
        if isinstance(part, str) and parts and isinstance(parts[-1], str):
            parts[-1] += part
        else:
            parts.append(part)
            count += isinstance(part, Expression)
            if count > MOST_EXPRESSIONS:
                raise ExpressionInvalid(f"The text has more than {MOST_EXPRESSIONS:,} expressions.")
    return Template(text, tuple(parts) or ("",))


def _split(text: str) -> Iterator[str | Expression]:
    position = 0
    while found := _PARTS.search(text, position):
        if found.start() > position:
            yield text[position : found.start()]
        position = found.end()
        if found.group() == _ESCAPED:
            yield _OPEN
            continue
        inside = _INSIDE.match(text, position)
        end = inside.end() if inside else position
        if not text.startswith(_CLOSE, end):
            raise ExpressionInvalid(
                "An expression begins with << and has no >>. Write \\<< for the two characters "
                "themselves.",
                expression=text[position : position + 80].strip(),
                position=found.start(),
            )
        yield _expression(text[position:end], found.start())
        position = end + len(_CLOSE)
    if position < len(text):
        yield text[position:]


def _expression(source: str, position: int) -> Expression:
    source = source.strip()
    try:
        return _compiled(source, _tree(source))
    except ExpressionInvalid as error:
        raise ExpressionInvalid(
            f"<<{_shortened(source)}>> cannot be used: {error.message}",
            expression=_shortened(source),
            position=position,
        ) from error


def _compiled(source: str, tree: nodes.Expr) -> Expression:
    evaluate, references, plain = compiled(tree)
    return Expression(source, references, evaluate if plain else _bounded(evaluate))


def _bounded(evaluate: Evaluate) -> Evaluate:
    def whole(data: Mapping[str, Any]) -> Any:
        value = evaluate(data)
        if not isinstance(value, Missing):
            charge(size_of(value))
        return value

    return lambda data: counted(whole, data)


def _tree(source: str) -> nodes.Expr:
    if not source:
        raise ExpressionInvalid("It is empty.")
    if len(source) > LONGEST_EXPRESSION:
        raise ExpressionInvalid(f"It is longer than {LONGEST_EXPRESSION} characters.")
    _check_escapes(source)
    try:
        parser = Parser(_SYNTAX, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise ExpressionInvalid(f"{parser.stream.current.value!r} was not expected.")
    except TemplateSyntaxError as error:
        raise ExpressionInvalid(f"{error.message}.".replace("..", ".")) from error
    except (RecursionError, ValueError, OverflowError, SyntaxError) as error:
        raise ExpressionInvalid("It is nested too deeply, or a number is too long.") from error
    return tree


def _check_escapes(source: str) -> None:
    for found in _ESCAPE.finditer(source):
        if found["known"] is None:
            raise ExpressionInvalid(
                f"{found.group()} is no escape. Write \\\\ for a backslash in a text."
            )


def resolve(value: Any, data: Mapping[str, Any], step: str | None = None) -> Any:
    """Return JSON data with the expressions in all its strings resolved, keys left as they are.

    An error names the step and, with ``meta["pointer"]``, the place in the data.

    Raises as :meth:`Template.resolve` does.
    """
    try:
        return counted(_resolved, value, data, "")
    except RecursionError:
        raise ExpressionInvalid("It is nested too deeply.", step=step) from None
    except WorkflowError as error:
        place = [f"Step {step!r}"] if step else []
        place += [error.meta["pointer"]] if error.meta["pointer"] else []
        message = f"{', '.join(place)}: {error.message}" if place else error.message
        raise type(error)(message, **{**error.meta, "step": step}) from error


def _resolved(value: Any, data: Mapping[str, Any], pointer: str) -> Any:
    match value:
        case str():
            try:
                return parse(value).resolve(data)
            except WorkflowError as error:
                raise type(error)(error.message, **{**error.meta, "pointer": pointer}) from error
        case Mapping():
            return {
                key: _resolved(item, data, f"{pointer}/{_token(key)}")
                for key, item in value.items()
            }
        case Sequence():
            return [_resolved(item, data, f"{pointer}/{at}") for at, item in enumerate(value)]
        case _:
            return value


def _token(key: str) -> str:
    """Return a key as a JSON pointer has it (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def escape(text: str) -> str:
    """Return a text that resolves to the given one."""
    return text.replace(_OPEN, _ESCAPED)


def _shortened(source: str) -> str:
    return source if len(source) <= 200 else f"{source[:197]}..."
