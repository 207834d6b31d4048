"""A corpus of attacks: each is refused with an error of ours, or comes to harmless data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.attacks import BOMBS, DATA, HARMLESS, REFUSED
from workflow.errors import ExpressionFailed, ExpressionInvalid
from workflow.expressions import parse, resolve

ROOT = Path(__file__).parents[2]
CASES = [
    pytest.param(source, id=f"{family} {number}")
    for family, sources in REFUSED.items()
    for number, source in enumerate(sources)
]


def test_the_corpus_has_more_than_two_hundred_attacks_and_none_twice() -> None:
    sources = [source for family in REFUSED.values() for source in family]
    assert len(sources) == len(set(sources)) >= 600
    assert len({source for source, _ in BOMBS}) == len(BOMBS) >= 100
    assert len({text for text, _ in HARMLESS}) == len(HARMLESS)


@pytest.mark.parametrize("source", CASES)
def test_an_attack_is_refused_in_words_that_name_it_and_give_nothing_away(source: str) -> None:
    with pytest.raises((ExpressionInvalid, ExpressionFailed)) as caught:
        parse(f"<<{source}>>").resolve(DATA)
    error = caught.value
    assert error.meta["expression"] in f"{source}>>" or error.meta["expression"].endswith("...")
    assert len(error.message) < 1_000
    assert "canary" not in error.message
    assert json.dumps(dict(error.meta))


@pytest.mark.parametrize(("text", "value"), HARMLESS, ids=[text for text, _ in HARMLESS])
def test_what_looks_like_an_attack_is_plain_data(text: str, value: Any) -> None:
    found = parse(text).resolve(DATA)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("source", CASES)
def test_an_attack_in_the_data_is_text_like_any_other(source: str) -> None:
    data = {"trigger": {"body": f"<<{source}>>"}}
    assert parse("<<trigger.body>>").resolve(data) == f"<<{source}>>"
    assert parse("a <<trigger.body>> b").resolve(data) == f"a <<{source}>> b"
    assert resolve(["<<[trigger.body] | first>>"], data) == [f"<<{source}>>"]


@pytest.mark.parametrize("source", [case for case in CASES if "<<" not in str(case.values[0])])
def test_an_attack_without_brackets_is_text_like_any_other(source: str) -> None:
    assert parse(source).resolve(DATA) == source


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What the whole corpus did in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "tests.workflow.attack_run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=110)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_whole_corpus_comes_to_what_the_tables_say(report: dict[str, Any]) -> None:
    assert report["wrong"] == []
    assert report["count"] >= 850


def test_no_attack_opens_a_file_imports_a_module_or_starts_a_process(
    report: dict[str, Any],
) -> None:
    assert report["events"] == []


def test_no_attack_takes_more_than_a_second_of_a_processor(report: dict[str, Any]) -> None:
    seconds, text = report["slowest"]
    assert seconds < 1, text


def test_all_attacks_together_raise_memory_by_less_than_a_hundred_megabytes(
    report: dict[str, Any],
) -> None:
    assert 0 < report["grown_mb"] < 100


def test_no_attack_changes_the_data_of_a_run(report: dict[str, Any]) -> None:
    assert report["data_changed"] is False


def test_a_text_that_would_grow_too_long_is_refused_before_it_is_written() -> None:
    with pytest.raises(ExpressionFailed, match="longer than"):
        parse("<<text>>" * 900).resolve({"text": "x" * 1_000_000})
