"""The documents say what is so: commands, settings, error codes, links and code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import __version__
from connector.cli import main
from connector.runtime import builtin_manifest
from connector.web.problems import every_error, every_workflow_error, status_of
from workflow import checks

from ..readme import README, TABLES, commands, with_tables

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")
_COMMAND = re.compile(r"(?<![\w./-])heapline ((?:[a-z][a-z-]+)(?: [a-z][a-z-]+){0,2})")
#: Those of the product and those of its workflows.
ERRORS = [*every_error(), *every_workflow_error()]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def files_that_name_commands() -> Iterator[Path]:
    yield README
    yield ROOT / "CHANGELOG.md"
    yield from sorted((ROOT / "templates").rglob("*.html"))
    yield from sorted((ROOT / "connector").rglob("*.py"))


def blocks(language: str) -> list[str]:
    return [code for name, code in _FENCE.findall(TEXT) if name == language]


def error_rows() -> dict[str, tuple[str, str]]:
    section = TEXT.partition("## Errors")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    assert len({code for code, _, _ in rows}) == len(rows), "a code stands there twice"
    return {code: (status, words) for code, status, words in rows}


@pytest.mark.parametrize("document", [pytest.param(one, id=one.name) for one in TABLES])
def test_the_tables_that_the_code_can_write_are_up_to_date(document: Path) -> None:
    assert with_tables(document) == document.read_text(), "run: python -m tests.readme"


def test_every_error_code_is_in_the_readme_and_no_other() -> None:
    assert set(error_rows()) == {error.code for error in ERRORS}


@pytest.mark.parametrize("error", [pytest.param(one, id=one.code) for one in ERRORS])
def test_the_readme_gives_the_status_of_an_error_and_words(error: type) -> None:
    status, words = error_rows()[error.code]  # type: ignore[attr-defined]
    assert int(status) == status_of(error)
    assert len(words.split()) >= 3


@pytest.mark.parametrize(
    "file", [pytest.param(one, id=str(one.relative_to(ROOT))) for one in files_that_name_commands()]
)
def test_every_command_that_a_file_names_exists(file: Path) -> None:
    known = {name for name, _ in commands(main)}
    groups = {name.rpartition(" ")[0] for name in known}
    for found in _COMMAND.findall(re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))):
        first, *more = found.split()
        if first in main.commands:
            beginnings = {" ".join([first, *more[:count]]) for count in range(3)}
            assert beginnings & known or found in groups, found
        else:
            assert not _is_quoted(file, first), f"heapline {first}"


def _is_quoted(file: Path, word: str) -> bool:
    """Say whether this is a command, and not a sentence that begins with the product's name."""
    text = file.read_text(encoding="utf-8")
    return f"`heapline {word}" in text or f": heapline {word}" in text


def test_every_setting_that_the_readme_names_exists() -> None:
    from connector.config import setting_names

    named = set(re.findall(r"\bHEAPLINE_[A-Z_]+", TEXT))
    assert {name.removesuffix("_FILE") for name in named} <= set(setting_names())


def test_the_readme_begins_with_the_two_commands() -> None:
    (first, *_) = blocks("sh")
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make run", "make test"]


def test_every_chore_that_the_readme_names_is_in_the_makefile() -> None:
    chores = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(
        re.findall(r"`?make ([a-z]+)", " ".join([*blocks("sh"), *re.findall("`.+?`", TEXT)]))
    )
    assert named
    assert named <= chores


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_of_the_readme_is_python(code: str) -> None:
    ast.parse(code)


def test_every_link_to_a_file_of_ours_leads_to_one() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", TEXT):
        assert (ROOT / target).exists(), target


def test_the_redirect_uri_in_the_readme_is_the_one_that_is_used() -> None:
    name = json.loads(builtin_manifest().read_text(encoding="utf-8"))["name"]
    assert f"https://connect.example.com/connect/{name}/callback" in TEXT


def test_the_changelog_has_a_place_for_what_is_not_released_yet() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[(Unreleased|{re.escape(__version__)})\]", text, re.MULTILINE)


@pytest.mark.parametrize("document", [pytest.param(one, id=one.name) for one in TABLES])
def test_the_workflows_that_a_document_shows_have_no_faults(document: Path) -> None:
    shown = [code for name, code in _FENCE.findall(document.read_text()) if name == "yaml"]
    assert shown
    for text in shown:
        checks.load(text)
