"""The plan of the house, kept by walking the syntax trees of every module."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import errors
from connector.errors import HeaplineError
from connector.web import problems
from connector.web.problems import every_error, every_workflow_error

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "connector"
LONGEST_MODULE = 350
LONGEST_FUNCTION = 40

#: From the ground up. A module imports modules of lower layers alone; within a package named here
#: its modules may import each other, but never in a circle.
LAYERS: list[set[str]] = [
    {"errors", "redaction", "turnstile", "durability", "assets", "models", "manifest", "tables"},
    {
        "origins",
        "tokens",
        "vault",
        "guard",
        "selector",
        "logs",
        "secret",
        "manifest_schema",
        "wire",
        "smtp",
        "notice_queue",
        "plain_json",
        "webhook_schemes",
    },
    {"config", "database", "bindings", "channels", "client", "webhook_keys"},
    {"store", "outbound"},
    {"ratelimit", "requestlog", "sealing", "auth", "notice_sending"},
    {"access", "apps", "secrets", "notices"},
    {"credentials"},
    {"connections", "proxy"},
    {"accounts", "connect_sessions", "sdk_workflows", "webhooks", "step_answers"},
    {"step_requests"},
    {"steps"},
    {"connecting", "sdk_protocol"},
    {"runtime"},
    {"web"},
    {"app"},
    {"server"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
#: They stand outside the layers: the sandbox is another program, migrations are history.
APART = {"sandbox", "migrations"}
#: What the blueprints of ``web`` share; otherwise they do not know of each other.
SHARED_BY_WEB = {"guards", "problems"}
#: Library -> the only parts of the package that may import it.
FENCES: dict[str, set[str]] = {
    "flask": {"web", "app", "server", "demo", "cli", "sandbox", "assets"},
    "flask_login": {"web"},
    "flask_wtf": {"web", "app"},
    "wtforms": {"web"},
    "flask_smorest": {"web"},
    "gunicorn": {"server"},
    "requests": {"outbound", "auth", "cli", "client", "sandbox", "demo"},
    "requests_oauthlib": {"auth"},
    "oauthlib": {"auth"},
    "cryptography": {"vault", "tokens"},
    "jwt": {"tokens", "cli"},
    "alembic": {"database", "migrations"},
    "sqlalchemy": {
        "database",
        "tables",
        "store",
        "sealing",
        "migrations",
        "web",
        "cli",
    },
    "marshmallow": {"manifest_schema", "web"},
    "click": {"cli", "sandbox"},
    "rich": {"cli"},
    "sqlite3": {"sandbox", "database", "cli"},
    "subprocess": {"demo"},
    "smtplib": {"smtp"},
}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module with its name below ``connector``; a package's is the package's own."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, file


MODULES = dict(modules())
TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}


def part(name: str) -> str:
    """Return the part of the house that a module belongs to."""
    return name.partition(".")[0]


def imports(name: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import statement of a module with the dotted name that it wants."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join(["connector", *filter(None, above)] if node.level else [])
            base = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                yield node, f"{base}.{alias.name}"


def own_imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports."""
    found = set()
    for _, wanted in imports(name):
        if wanted.partition(".")[0] == "connector":
            inner = wanted.removeprefix("connector").lstrip(".")
            while inner and inner not in MODULES:
                inner = inner.rpartition(".")[0]
            found.add(inner)
    return found - {name, ""}


GRAPH = {name: own_imports(name) for name in MODULES}
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}


def test_every_module_has_its_place() -> None:
    parts = {part(name) for name in MODULES if name} - APART
    assert parts == set(LAYER_OF)
    assert sum(map(len, LAYERS)) == len(LAYER_OF)


@pytest.mark.parametrize("name", [name for name in MODULES if name and part(name) not in APART])
def test_imports_point_downwards(name: str) -> None:
    own = part(name)
    upwards = [
        other
        for other in GRAPH[name]
        if part(other) not in APART
        and part(other) != own
        and LAYER_OF[part(other)] >= LAYER_OF[own]
    ]
    assert upwards == []


def test_nothing_is_imported_in_a_circle() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in GRAPH[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_the_blueprints_do_not_know_of_each_other() -> None:
    def unit(name: str) -> str:
        return name.split(".")[1] if name.count(".") else ""

    strangers = [
        (name, other)
        for name, others in GRAPH.items()
        if part(name) == "web" and unit(name)
        for other in others
        if part(other) == "web" and unit(other) not in {unit(name), *SHARED_BY_WEB, ""}
    ]
    assert strangers == []


def test_the_sandbox_knows_nothing_of_the_product_nor_the_product_of_it() -> None:
    inward = {name: GRAPH[name] for name in MODULES if part(name) == "sandbox"}
    for name, others in inward.items():
        assert {part(other) for other in others} <= {"sandbox"}, name
    outward = {name for name, others in GRAPH.items() if "sandbox" in {part(o) for o in others}}
    assert {part(name) for name in outward} <= {"sandbox", "cli", "demo"}


@pytest.mark.parametrize("library", FENCES)
def test_a_library_stays_behind_its_fence(library: str) -> None:
    users = {
        part(name)
        for name in MODULES
        for _, wanted in imports(name)
        if wanted.partition(".")[0] == library
    }
    assert users <= FENCES[library], f"{library} is imported outside its fence"
    assert users, f"nothing imports {library}: the fence can go"


def test_the_client_for_other_people_s_servers_needs_little() -> None:
    own = {part(other) for name in MODULES if part(name) == "client" for other in GRAPH[name]}
    assert own <= {"client", "tokens", "errors"}


def test_imports_stand_at_the_top() -> None:
    """Commands import what they need when they run, so that ``--help`` is fast."""
    within = [
        f"{name}:{inner.lineno}"
        for name, tree in TREES.items()
        if part(name) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert within == []


def test_what_is_the_provider_s_own_comes_from_the_manifest() -> None:
    """Its name stands in no module: a second connector must need no code."""
    name = re.compile(r"heap(?!line)", re.IGNORECASE)
    found = [
        f"{module}:{number}: {line.strip()}"
        for module, file in MODULES.items()
        if part(module) != "sandbox"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if name.search(line)
    ]
    assert found == []


def test_no_module_is_long() -> None:
    lengths = {
        name: len(file.read_text(encoding="utf-8").splitlines())
        for name, file in MODULES.items()
        if not name.startswith("migrations.versions")
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in TREES.items():
        if not name.startswith("migrations.versions"):
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield name, node


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its decorators and its docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def test_no_function_is_long() -> None:
    long = {
        f"{name}.{node.name}": _lines(node)
        for name, node in _functions()
        if _lines(node) > LONGEST_FUNCTION
    }
    assert long == {}


def test_functions_are_short_on_the_whole() -> None:
    lengths = sorted(_lines(node) for _, node in _functions())
    assert lengths[len(lengths) // 2] <= 9
    assert lengths[len(lengths) * 9 // 10] <= 25


def test_every_public_thing_says_what_it_is() -> None:
    undocumented = [
        f"{name}.{node.name}"
        for name, tree in TREES.items()
        if part(name) not in APART
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        if _is_public(tree, node) and not ast.get_docstring(node)
    ]
    assert undocumented == []
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def _is_public(tree: ast.Module, wanted: ast.AST) -> bool:
    """Say whether a definition stands at the top, or in a public class at the top."""
    tops = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    inner = [
        child
        for node in tops
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        for child in node.body
    ]
    return wanted in tops or wanted in inner


def test_every_error_has_a_code_a_status_and_words() -> None:
    found = [*every_error(), *every_workflow_error()]
    codes = [one.code for one in found]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)
    for one in found:
        assert one.__doc__, one
        assert one.__doc__.strip().endswith((".", ">")), one
        assert 400 <= problems.status_of(one) <= 599, one
        assert "code" in vars(one), f"{one.__name__} has no code of its own"
    assert {*problems.STATUS, *problems.WORKFLOW_STATUS} <= set(found)


def test_every_error_of_workflows_has_a_status_that_somebody_has_thought_of() -> None:
    """The root's is that of a fault of ours, which what people send must never be answered with."""
    root, *others = every_workflow_error()
    assert problems.status_of(root) == 500
    assert [one.__name__ for one in others if problems.status_of(one) == 500] == []


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = re.findall(
        r"\b[A-Z]\w+[a-z]\b",
        str(errors.__doc__).partition("\n\n    ")[2].partition("\n\nThe docstring")[0],
    )
    assert sorted(set(drawn)) == sorted(
        one.__name__ for one in every_error() if one.__name__ in drawn
    )
    assert {one.__name__ for one in every_error()} - set(drawn) == set()
    assert drawn[0] == HeaplineError.__name__


def test_only_errors_of_ours_are_raised_on_purpose() -> None:
    """What a caller is to handle comes from the tree; the rest are faults or a library's rules."""
    allowed = {one.__name__ for one in (*every_error(), *every_workflow_error())} | {
        "ValueError", "LookupError", "FileNotFoundError", "ValidationError", "NotImplementedError",
        "SystemExit", "TimeoutError", "StepFailed", "Deferred",
    }  # fmt: skip
    unknown = {
        f"{name}: {raised}"
        for name, tree in TREES.items()
        if part(name) not in {*APART, "cli", "client", "demo"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and node.exc is not None
        for raised in [_raised(node.exc)]
        if raised and raised[0].isupper() and raised not in allowed
        if raised not in _defined_here(tree)
    }
    assert {one for one in unknown if not one.endswith(("WireError", "HeadTooLarge"))} == set()


def _raised(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def _defined_here(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def test_the_product_runs_on_the_python_that_it_says() -> None:
    assert sys.version_info >= (3, 11)
    assert "python_requires = >=3.11" in (ROOT / "setup.cfg").read_text(encoding="utf-8")


def test_no_file_of_the_project_names_a_registry_or_a_place_on_a_developer_s_machine() -> None:
    """Nothing that installs may hang on one host, and nothing on one machine."""
    registries = ("pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js.org")
    places = ("/ho" + "me/", "/wo" + "rk/", "/ro" + "ot/")
    suffixes = {".py", ".ts", ".css", ".html", ".json", ".md", ".cfg", ".toml", ".in", ""}
    found = []
    for file in _project_files():
        if file.suffix in suffixes and file.name != "package-lock.json":
            text = file.read_text(encoding="utf-8", errors="replace")
            found += [f"{file}: {word}" for word in (*registries, *places) if word in text]
    assert found == []


def _project_files() -> Iterator[Path]:
    """Yield the files of a checkout that are the project's own."""
    tops = ["connector", "templates", "tests", "benchmarks", "frontend/src", "docs", ".ci"]
    for top in tops:
        for file in (ROOT / top).rglob("*"):
            made = {"__pycache__", "node_modules", "dist"} & set(file.parts)
            if file.is_file() and not made:
                yield file
    yield from (file for file in ROOT.glob("*") if file.is_file())
    yield from (file for file in (ROOT / "frontend").glob("*") if file.is_file())
