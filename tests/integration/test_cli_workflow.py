"""Workflows as files, through the command line: checked, pushed, pulled, compared, deployed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow.documents import read, write_yaml
from workflow.schema import definition_schema

from ..command_line import Run, command_line
from ..readme import README

HEAD = "name: w\ntrigger: {type: manual}\n"
UPCASE = {
    "name": "w",
    "trigger": {"type": "manual"},
    "steps": [{"id": "a", "type": "set", "values": {"x": "<<1 | upcase>>"}}],
}
STEPS = "steps: [{id: a, type: set, values: {x: 1}}]\n"
WELCOME = """\
# Greets whoever signs up.
name: welcome
connector: heap
trigger: {type: event, event: signed_up}
settings:
  - {id: plan, title: Plan, type: choice, choices: [free, pro], required: true}
  - {id: limit, title: Limit, type: number}
  - {id: loud, title: Loud, type: boolean}
steps:
  - {id: person, type: set, values: {plan: <<settings.plan>>}}  # more to come
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs commands on a data folder with one project."""
    with command_line({"HEAPLINE_DATA_DIR": str(tmp_path / "data")}) as found:
        found("projects", "create", "Acme Notes")
        yield found


@pytest.fixture
def stored_run(storage_url: str, tmp_path: Path) -> Iterator[Run]:
    """The same on an empty database, once on SQLite and once on PostgreSQL."""
    environ = {"HEAPLINE_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": storage_url}
    with command_line(environ) as found:
        found("projects", "create", "Acme Notes")
        yield found


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file below the folder ``files`` and gives its path."""

    def written(text: str | bytes, name: str = "w.yaml") -> str:
        file = tmp_path / "files" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    return written


BAD = {
    "empty": (b"", ": is empty"),
    "no text": (b"name: \xff\n", ": is no UTF-8 text"),
    "not closed": (b"name: [\n", ":2: cannot be read: while parsing a flow node"),
    "no steps": (HEAD.encode(), ":1: must have 'steps'"),
    "a member that is none": (
        f"{HEAD}conector: heap\n{STEPS}".encode(),
        ":3: /conector is not known here; did you mean 'connector'?",
    ),
    "a member twice": (f"{HEAD}name: v\n{STEPS}".encode(), ":3: /name is there twice"),
    "an anchor": (f"{HEAD}x: &a 1\n{STEPS}".encode(), ":3: uses an anchor"),
    "a type that is none": (
        f"{HEAD}steps:\n  - {{id: a, type: reqest}}\n".encode(),
        ":4: /steps/0/type must be one of request, action",
    ),
    "an id twice": (
        f"{HEAD}steps:\n".encode() + b"  - {id: a, type: set, values: {x: 1}}\n" * 2,
        ":5: /steps/1/id 'a' is also the id of /steps/0",
    ),
    "a later step": (
        f"{HEAD}steps:\n  - id: a\n    type: set\n    values:\n      x: <<steps.b>>\n"
        "  - {id: b, type: set, values: {x: 1}}\n".encode(),
        ":7: /steps/0/values/x <<steps.b>>: the step b comes later",
    ),
    "a setting that is none": (
        WELCOME.replace("settings.plan", "settings.plna").encode(),
        ":10: /steps/0/values/plan <<settings.plna>>: there is no setting plna; did you mean plan?",
    ),
    "a filter that is none": (
        json.dumps(UPCASE, indent=1).encode(),
        ":11: /steps/0/values/x <<1 | upcase>> cannot be used: There is no filter 'upcase'",
    ),
    "a schedule that is none": (
        f"name: w\ntrigger:\n  type: schedule\n  cron: 99 * * * *\n{STEPS}".encode(),
        ":2: /trigger The minute '99' of the cron expression cannot be understood",
    ),
    "code that is none": (
        f"{HEAD}steps:\n  - {{id: f, type: function, code: 'return ('}}\n".encode(),
        ":4: /steps/0/code Line 1: SyntaxError",
    ),
}


@pytest.mark.parametrize(("content", "told"), [pytest.param(*BAD[one], id=one) for one in BAD])
def test_a_fault_is_told_with_file_line_and_pointer(
    write: Callable[..., str], content: bytes, told: str
) -> None:
    file = write(content)
    # No data folder: validating needs no database.
    with command_line({"HEAPLINE_DATA_DIR": "/dev/null/data"}) as run:
        (line,) = run("workflow", "validate", file, status=1).stdout.splitlines()
    assert line.startswith(f"{file}{told}")


def test_the_workflow_of_the_readme_is_one(write: Callable[..., str]) -> None:
    text = README.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    with command_line({}) as run:
        assert "welcome, 3 steps" in run("workflow", "validate", write(text)).stdout


def test_every_fault_of_every_file_is_told_and_good_files_too(
    run: Run, write: Callable[..., str]
) -> None:
    write(WELCOME, "a.yaml")
    two = write(f"{HEAD}steps:\n  - {{id: a, type: set}}\n  - {{id: b, type: stop, why: x}}\n")
    folder = str(Path(two).parent)
    good, *faults = run("workflow", "validate", folder, status=1).stdout.splitlines()
    assert good == f"✓ {folder}/a.yaml: welcome, 1 step"
    assert [fault.split()[1] for fault in faults] == ["/steps/0", "/steps/1/why"]
    shown = json.loads(run("workflow", "validate", folder, "--json", status=1).stdout)
    assert [(one.get("workflow"), len(one["faults"])) for one in shown] == [
        ("welcome", 0),
        (None, 2),
    ]
    assert (shown[1]["faults"][1]["line"], shown[1]["faults"][1]["step"]) == (5, "b")


def test_files_that_are_not_there_or_define_the_same_workflow_are_faults(
    run: Run, write: Callable[..., str], tmp_path: Path
) -> None:
    first, second = write(HEAD + STEPS, "a.yaml"), write(HEAD + STEPS, "b.json")
    (line,) = run("workflow", "validate", first, second, status=1).stdout.splitlines()[1:]
    assert line == f"{second}: /name is 'w', which {first} defines already"
    gone = str(tmp_path / "gone.yaml")
    assert "cannot be read: No such file" in run("workflow", "validate", gone, status=1).stdout
    (tmp_path / "empty").mkdir()
    empty = run("workflow", "validate", str(tmp_path / "empty"), status=1)
    assert "is a folder without *.yaml, *.yml, *.json" in empty.stdout
    assert "Name a file" in run("workflow", "validate", status=2).stderr


def test_the_schema_of_definitions_is_printed(run: Run) -> None:
    assert json.loads(run("workflow", "validate", "--schema").stdout) == definition_schema()


def test_pushing_says_what_is_new_and_what_is_not(
    stored_run: Run, write: Callable[..., str]
) -> None:
    run, file = stored_run, write(WELCOME)

    def push(*more: str) -> tuple[str, int, str]:
        (row,) = json.loads(run("workflow", "push", file, "--json", *more).stdout)
        return row["result"], row["version"], row["deployed"]

    assert push("--dry-run", "--deploy") == ("created", 1, "now")
    assert json.loads(run("workflow", "list", "--json").stdout) == []
    assert push() == ("created", 1, "no")
    assert push() == ("unchanged", 1, "no")
    assert push("--deploy") == ("unchanged", 1, "now")
    write(WELCOME.replace("more to come", "no more"))
    assert push("--deploy") == ("new_text", 1, "already")
    write(WELCOME.replace("[free, pro]", "[free]"))
    assert push() == ("new_version", 2, "no")
    write(WELCOME)
    assert push() == ("draft_again", 1, "already")
    assert f"{file}: welcome v1: unchanged" in run("workflow", "push", file).stdout


def test_one_fault_keeps_all_files_from_being_pushed(run: Run, write: Callable[..., str]) -> None:
    write(WELCOME, "a.yaml")
    bad = write(HEAD, "b.yaml")
    result = run("workflow", "push", str(Path(bad).parent), "--deploy", status=1)
    assert result.stdout == f"{bad}:1: must have 'steps'\n"
    assert "Nothing was stored" in result.stderr
    assert json.loads(run("workflow", "list", "--json").stdout) == []


def test_a_connector_that_is_not_loaded_is_told_when_pushing(
    run: Run, write: Callable[..., str]
) -> None:
    assert run("workflow", "push", write(WELCOME)).stderr == ""
    pushed = run("workflow", "push", write(WELCOME.replace("connector: heap", "connector: hep")))
    assert "there is no connector 'hep' here. Loaded are: heap." in pushed.stderr


_texts = st.text(st.characters(exclude_categories=["C"]), max_size=12)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _texts.filter(lambda text: "<<" not in text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_written: list[Callable[[Any], str]] = [
    write_yaml,
    lambda data: f"# A comment\n\n{write_yaml(data)}# and the end",
    lambda data: write_yaml(data).replace("\n", "\r\n"),
    json.dumps,
    lambda data: json.dumps(data, indent=4, ensure_ascii=False) + "\n\n",
]


@given(values=st.dictionaries(_texts, _values, min_size=1, max_size=3), style=st.data())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_pushed_comes_back_byte_for_byte(
    run: Run, tmp_path: Path, values: dict[str, Any], style: st.DataObject
) -> None:
    steps = [{"id": "a", "type": "set", "values": values}]
    definition = {"name": "w", "trigger": {"type": "manual"}, "steps": steps}
    text = style.draw(st.sampled_from(_written))(definition)
    assert read(text).data == definition
    file = tmp_path / "w.yaml"
    file.write_bytes(text.encode())
    run("workflow", "push", str(file))
    assert run("workflow", "pull", "w").stdout_bytes == text.encode()
    assert run("workflow", "pull", "--to", str(tmp_path)).stdout == f"{file}: unchanged\n"


def test_however_json_writes_a_character_the_version_is_the_same(
    run: Run, write: Callable[..., str]
) -> None:
    steps = [{"id": "a", "type": "set", "values": {"\U0001f600": "\U0001f600"}}]
    definition = {"name": "w", "trigger": {"type": "manual"}, "steps": steps}
    run("workflow", "push", write(json.dumps(definition, ensure_ascii=True)))
    pushed = run("workflow", "push", write(json.dumps(definition, ensure_ascii=False)))
    assert "v1: same version, its text is new" in pushed.stdout


def test_a_byte_order_mark_comes_back_too(run: Run, write: Callable[..., str]) -> None:
    file = write(b"\xef\xbb\xbf" + WELCOME.encode())
    run("workflow", "push", file)
    assert run("workflow", "pull", "welcome").stdout_bytes == Path(file).read_bytes()


def test_pulling_writes_over_the_file_that_defines_the_workflow(
    run: Run, write: Callable[..., str]
) -> None:
    welcome, other = write(WELCOME, "01-welcome.yml"), write(HEAD + STEPS, "other.json")
    folder = str(Path(welcome).parent)
    run("workflow", "push", folder)
    write(WELCOME.replace("Greets", "Welcomes"), "01-welcome.yml")
    Path(other).unlink()
    lines = run("workflow", "pull", "--to", folder).stdout.splitlines()
    assert lines == [f"{folder}/w.yaml: written", f"{welcome}: written"]
    assert Path(welcome).read_text() == WELCOME
    assert sorted(one.name for one in Path(folder).iterdir()) == ["01-welcome.yml", "w.yaml"]


def test_pulling_never_writes_over_another_file(run: Run, write: Callable[..., str]) -> None:
    folder = Path(write(WELCOME, "w.yaml")).parent
    run("workflow", "push", write(HEAD + STEPS, "x.yaml"))
    (folder / "x.yaml").unlink()
    result = run("workflow", "pull", "--to", str(folder), status=1)
    assert "w.yaml is there and does not define w. Move it away." in result.stderr
    assert (folder / "w.yaml").read_text() == WELCOME
    assert "Name one workflow" in run("workflow", "pull", status=2).stderr


@pytest.fixture
def versions(run: Run, write: Callable[..., str]) -> str:
    """Three versions of a workflow; the second is in service, the third is the draft."""
    for count in (1, 2, 3):
        file = write(WELCOME.replace("{plan: <<", f"{{n: {count}, plan: <<"), "welcome.yaml")
        run("workflow", "push", file, *(["--deploy"] if count < 3 else []))
    return file


def test_a_difference_is_shown_step_by_step(run: Run, versions: str) -> None:
    shown = run("workflow", "diff", "welcome").stdout.splitlines()
    assert shown == [
        "welcome v2 → welcome v3",
        "~ person (set)",
        "    /values/n",
        "      - 2",
        "      + 3",
    ]
    run("workflow", "diff", "welcome", "1", "3", "--exit-code", status=1)
    same = run("workflow", "diff", versions, "--exit-code")
    assert same.stdout == f"welcome v3 and {versions} are the same.\n"
    (told,) = json.loads(run("workflow", "diff", versions, "deployed", "--json").stdout)
    assert told["changes"] == [{"pointer": "/values/n", "old": 2, "new": 3}]
    assert "Too many versions" in run("workflow", "diff", versions, "1", "2", status=2).stderr
    assert "has no version 9" in run("workflow", "diff", "welcome", "9", status=1).stderr


def test_code_and_whole_steps_are_compared_line_by_line(
    run: Run, write: Callable[..., str]
) -> None:
    code = "  - id: f\n    type: function\n    code: |\n      var x = 1;\n      return x;\n"
    run("workflow", "push", write(f"{HEAD}steps:\n{code}"))
    changed = code.replace("x = 1", "x = 2") + "  - {id: a, type: stop}\n"
    shown = run("workflow", "diff", write(f"{HEAD}steps:\n{changed}")).stdout.splitlines()
    assert shown[1:] == [
        "~ f (function)",
        "    /code",
        "      - var x = 1;",
        "      + var x = 2;",
        "        return x;",
        "+ a (stop), after f",
        "    + type: stop",
    ]


def deployed(run: Run) -> int | None:
    (row,) = json.loads(run("workflow", "list", "--json").stdout)
    number: int | None = row["deployed"]
    return number


def test_versions_are_deployed_rolled_back_and_withdrawn(run: Run, versions: str) -> None:
    assert "v3 is in service" in run("workflow", "deploy", "welcome").stdout
    assert "v3 is in service already" in run("workflow", "deploy", "welcome").stdout
    run("workflow", "rollback", "welcome")
    assert deployed(run) == 2
    run("workflow", "rollback", "welcome")
    assert deployed(run) == 3
    run("workflow", "deploy", "welcome", "--version", "1")
    run("workflow", "withdraw", "welcome")
    assert deployed(run) is None
    run("workflow", "rollback", "welcome")
    assert deployed(run) == 1


def test_there_is_nothing_to_roll_back_to_at_first(run: Run, write: Callable[..., str]) -> None:
    run("workflow", "push", write(WELCOME), "--deploy")
    result = run("workflow", "rollback", "welcome", status=1)
    assert "No other version of welcome was in service before" in result.stderr


def test_a_workflow_is_shown_with_trigger_steps_and_versions(run: Run, versions: str) -> None:
    shown = json.loads(run("workflow", "show", "welcome", "--json").stdout)
    assert (shown["draft"], shown["deployed"], shown["connector"]) == (3, 2, "heap")
    assert shown["trigger"] == {"type": "event", "event": "signed_up"}
    assert [(one["version"], one["deployed"]) for one in shown["versions"]] == [
        (3, False),
        (2, True),
        (1, False),
    ]
    words = run("workflow", "show", "welcome").stdout
    assert "event signed_up" in words
    assert "person" in words
    unknown = run("workflow", "show", "nothing", status=1)
    assert unknown.stderr == "Error: The project has no workflow 'nothing'.\n"


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ("{type: manual}", "manual"),
        (
            "{type: schedule, cron: 0 9 * * 1, time_zone: Asia/Tokyo}",
            "schedule 0 9 * * 1 Asia/Tokyo",
        ),
        ("{type: schedule, every_seconds: 90}", "schedule every 90 s"),
        ("{type: webhook, verify: {scheme: github, secret: hub}}", "webhook github"),
        ("{type: hook, hook: segment.joined}", "hook segment.joined"),
    ],
)
def test_a_list_says_what_starts_each_workflow(
    run: Run, write: Callable[..., str], trigger: str, words: str
) -> None:
    run("workflow", "push", write(f"name: w\ntrigger: {trigger}\n{STEPS}"))
    (row,) = json.loads(run("workflow", "list", "--json").stdout)
    assert row["trigger"] == words


def test_a_workflow_is_deleted_after_a_question(run: Run, versions: str) -> None:
    run("workflow", "delete", "welcome", stdin="n\n", status=1)
    assert "welcome" in run("workflow", "list").stdout
    run("workflow", "delete", "welcome", "--yes")
    assert "heapline workflow push FILE" in run("workflow", "list").stdout


def test_a_workflow_is_switched_on_with_settings_of_their_types(run: Run, versions: str) -> None:
    chosen = ["--set", "plan=pro", "--set", "limit=1.5", "--set", "loud=true"]
    result = run("workflow", "enable", "welcome", "--user", "alice", *chosen)
    assert result.stdout == "welcome is switched on for alice.\n"
    assert "there is no user 'alice' yet" in result.stderr
    again = run("workflow", "enable", "welcome", "--user", "alice")
    assert "switched on" in again.stdout, "the settings that are there are enough"
    off = run("workflow", "disable", "welcome", "--user", "alice")
    assert off.stdout == "welcome is switched off for alice.\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "say for whom with --user"),
        (["--user", "alice"], "/plan is required"),
        (["--user", "alice", "--set", "plan=gold"], "/plan must be one of free, pro"),
        (["--user", "alice", "--set", "plan=pro", "--set", "limit=x"], "/limit must be a number"),
        (["--user", "alice", "--set", "plna=pro"], "no setting 'plna'; did you mean plan?"),
        (["--user", "alice", "--set", "plan"], "must be written as key=value"),
    ],
)
def test_settings_that_do_not_fit_are_told(
    run: Run, versions: str, options: list[str], words: str
) -> None:
    assert words in run("workflow", "enable", "welcome", *options, status=1).stderr


def test_a_workflow_without_a_connector_is_switched_for_the_project(
    run: Run, write: Callable[..., str]
) -> None:
    run("workflow", "push", write(HEAD + STEPS))
    hint = run("workflow", "enable", "w", status=1).stderr
    assert hint == "Error: w is not in service: heapline workflow deploy w\n"
    run("workflow", "deploy", "w")
    assert "for Acme Notes itself" in run("workflow", "disable", "w").stdout
    result = run("workflow", "enable", "w", "--user", "alice", status=1)
    assert "leave out --user" in result.stderr
