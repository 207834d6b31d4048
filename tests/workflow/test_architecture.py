"""The engine stands on its own: it knows no connector, and its imports point one way."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import workflow

FOLDER = Path(workflow.__file__).parent
#: From the ground up; a module imports modules of lower layers alone.
LAYERS: list[set[str]] = [
    {"database", "errors", "function_processes", "javascript", "models", "store.texts", "tables"},
    {
        "documents",
        "functions",
        "outside",
        "prepared",
        "schedules",
        "signals",
        "store.orders",
        "store.workers",
        "values",
        "work",
    },
    {
        "arguments",
        "date_patterns",
        "diffs",
        "input_schema",
        "loops",
        "operators",
        "paths",
        "retry",
        "schema",
        "store.attempts",
        "store.queue",
        "store.responses",
        "store.runs",
        "store.workflows",
    },
    {
        "compiler",
        "definition",
        "dispatch",
        "encodings",
        "lists",
        "numbers",
        "retention",
        "store.parents",
        "texts",
        "zones",
    },
    {"carrying_over", "definitions", "dates", "journal", "scope"},
    {"comparisons", "filters", "offers", "recording"},
    {"evaluation", "waiting"},
    {"expressions"},
    {"accepting", "conditions", "fields"},
    {"checks", "control", "trial"},
    {"catalogue", "interpreter"},
    {"execution", "starting"},
    {"worker"},
    {"answering"},
    {"engine"},
]
LONGEST_MODULE = 350
LONGEST_FUNCTION = 40
#: Library -> the only modules that may import it.
FENCES = {
    "jinja2": {"compiler", "evaluation", "expressions"},
    "cronsim": {"schedules"},
    "ruamel": {"documents"},
    "_quickjs": {"javascript"},
}


def trees() -> dict[str, ast.Module]:
    return {
        ".".join(file.relative_to(FOLDER).with_suffix("").parts): ast.parse(
            file.read_text(encoding="utf-8")
        )
        for file in FOLDER.rglob("*.py")
        if file.stem != "__init__"
    }


def imported(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            if node.module in {"workflow", "workflow.store"}:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                found.add(str(node.module))
    return found


def test_imports_point_one_way_and_never_to_the_connector() -> None:
    assert sorted(trees()) == sorted(name for layer in LAYERS for name in layer)
    for name, tree in trees().items():
        used = imported(tree)
        assert not [one for one in used if one.partition(".")[0] == "connector"]
        ours = {one.removeprefix("workflow.") for one in used if one.startswith("workflow.")}
        lower = itertools.takewhile(lambda layer, name=name: name not in layer, LAYERS)
        assert ours <= set().union(*lower), name
        for library, allowed in FENCES.items():
            assert name in allowed or library not in {one.partition(".")[0] for one in used}


def test_modules_and_functions_are_short() -> None:
    for name, tree in trees().items():
        lines = (FOLDER / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8").count("\n")
        assert lines <= LONGEST_MODULE, name
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= LONGEST_FUNCTION, f"{name}.{node.name}"
