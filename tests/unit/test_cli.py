"""The command line, every command on a data folder of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import jwt
import pytest
from click.testing import CliRunner

from connector import tokens
from connector.cli import main
from connector.cli.grammar import Command
from connector.config import load
from connector.runtime import build, builtin_manifest

from ..command_line import Run, command_line
from ..conftest import SandboxClient
from ..mail_server import MailServer
from ..people import ACME
from ..readme import README


@pytest.fixture
def run(tmp_path: Path, sandbox: SandboxClient) -> Iterator[Run]:
    """Runs a command and insists on its exit status."""
    environ = {
        "HEAPLINE_DATA_DIR": str(tmp_path / "data"),
        "HEAPLINE_DEVELOPMENT_ORIGIN": sandbox.url,
    }
    with command_line(environ) as run_command:
        yield run_command


def test_an_expression_can_be_tried(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"trigger": {"name": "ann", "qty": [1, 2]}}', encoding="utf-8")
    shown = run("expression", "Hi <<trigger.name | title>>", "--data", str(file))
    assert (shown.stdout, shown.stderr) == ("Hi Ann\n", "text\n")
    shown = run("expression", "<<trigger.qty | sum>>", stdin=file.read_text(encoding="utf-8"))
    assert (shown.stdout, shown.stderr) == ("3\n", "number\n")
    shown = run("expression", "<<trigger.qty>>", "--data", str(file), "--json")
    assert json.loads(shown.stdout) == {"value": [1, 2], "type": "list"}


@pytest.mark.parametrize(
    ("text", "data", "words"),
    [
        ("<<trigger.nmae>>", '{"trigger": {"name": 1}}', "Did you mean 'name'?"),
        ("<<trigger", "{}", "has no >>"),
        ("x", "[]", "The data must be a JSON object."),
        ("x", "{", "The data are no JSON"),
    ],
)
def test_an_expression_that_has_no_value_says_why(
    run: Run, text: str, data: str, words: str
) -> None:
    assert words in run("expression", text, stdin=data, status=1).stderr


@pytest.fixture
def project_id(run: Run) -> str:
    made = run("projects", "create", "Acme Notes", "--origin", "https://notes.example", "--json")
    return str(json.loads(made.stdout)["id"])


@pytest.fixture
def key_file(run: Run, project_id: str, tmp_path: Path) -> Path:
    file = tmp_path / "private.pem"
    run("signing-keys", "new", "--out", str(file))
    return file


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, (*path, name))
    else:
        yield path


def resolve(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    return command


def group(path: tuple[str, ...]) -> click.Group:
    found = resolve(path)
    assert isinstance(found, click.Group)
    return found


LEAVES = [pytest.param(path, id=" ".join(path)) for path in leaves(main)]


GROUPS = sorted({path[:depth] for path in leaves(main) for depth in range(len(path))})


@pytest.mark.parametrize("path", GROUPS)
def test_the_help_of_a_group_says_of_each_command_what_it_does(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    listed = result.stdout.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...") or len(line.split()) == 1] == []
    assert sum(bool(line.strip()) for line in listed) == len(group(path).commands)


@pytest.mark.parametrize("path", LEAVES)
def test_the_examples_in_a_help_use_options_that_exist(path: tuple[str, ...]) -> None:
    command = resolve(path)
    if path == ("sandbox",):
        return
    assert isinstance(command, Command)
    assert command.examples, "no example"
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    ours = [example for example in command.examples if "heapline" in example]
    assert ours
    for example in ours:
        words = shlex.split(example.replace("$(", "").replace(")", ""))
        start = words.index("heapline") if "heapline" in words else 1
        assert tuple(words[start + 1 : start + 1 + len(path)]) == path or "export" in words
        assert {word for word in words if word.startswith("-") and word != "-"} <= known


def test_asking_for_help_loads_nothing_that_takes_long() -> None:
    script = (
        "import sys; from connector.cli import main; "
        "print({'flask', 'sqlalchemy', 'rich', 'requests', 'cryptography'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


def test_an_error_is_one_line_that_names_the_place(run: Run) -> None:
    result = run("projects", "create", "X", "--origin", "ftp://x", status=1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: origins: Line 1: ftp://x must start with https://")


def test_the_first_commands_of_the_readme_work_as_they_stand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    section = README.read_text(encoding="utf-8").partition("## Point your own product at it")[2]
    lines = section.partition("```sh\n")[2].partition("```")[0].splitlines()
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "heapline"
        run(*arguments, stdin="long enough pass\nlong enough pass\n")
    assert (tmp_path / "private.pem").exists()


def test_a_data_folder_that_cannot_be_made_is_an_error_in_one_line(run: Run) -> None:
    result = run("projects", "list", status=1, HEAPLINE_DATA_DIR="/dev/null/data")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: /dev/null/data")


def test_a_setting_that_cannot_be_read_stops_every_command(run: Run) -> None:
    result = run("projects", "list", status=1, HEAPLINE_PORT="many")
    assert "HEAPLINE_PORT: must be a whole number" in result.stderr


def test_projects_are_made_listed_and_given_origins(run: Run, project_id: str) -> None:
    run("projects", "origins", "Acme Notes", "--add", "http://localhost:3000/")
    run("projects", "origins", project_id, "--remove", "https://notes.example")
    (project,) = json.loads(run("projects", "list", "--json").stdout)
    assert (project["id"], project["origins"]) == (project_id, ["http://localhost:3000"])


def test_a_project_is_told_by_name_id_or_being_the_only_one(run: Run, project_id: str) -> None:
    assert run("projects", "origins").stdout == run("projects", "origins", project_id).stdout
    run("projects", "create", "Other")
    assert "Say which project with --project" in run("projects", "origins", status=1).stderr
    assert "There is no project 'Nope'" in run("projects", "origins", "Nope", status=1).stderr
    run("projects", "create", "Other")
    assert "Several projects" in run("projects", "origins", "Other", status=1).stderr


def test_a_missing_project_is_told_with_the_command_that_makes_one(run: Run) -> None:
    assert "heapline projects create" in run("signing-keys", "list", status=1).stderr


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_a_project_needs_a_name_of_some_length(run: Run, name: str) -> None:
    assert "1 to 200 characters" in run("projects", "create", name, status=1).stderr


def test_an_operator_sees_the_only_project_and_more_when_told(run: Run, project_id: str) -> None:
    run("operators", "add", "Me@Acme.example", "--password-file", "-", stdin="long enough pass\n")
    run("projects", "create", "Other")
    run("operators", "add", "me@acme.example", "--project", "Other")
    (operator,) = json.loads(run("operators", "list", "--json").stdout)
    assert (operator["email"], operator["projects"]) == ("me@acme.example", ["Acme Notes", "Other"])


def test_the_password_is_asked_for_twice(run: Run, project_id: str) -> None:
    asked = "long enough pass\nlong enough pass\n"
    result = run("operators", "add", "me@acme.example", stdin=asked)
    assert "long enough pass" not in result.output
    run("operators", "password", "me@acme.example", stdin="another long one\nanother long one\n")


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("me", "long enough pass", "not an e-mail address"),
        ("me@acme.example", "short", "at least 12 characters"),
        ("me@acme.example", "", "password file is empty"),
    ],
)
def test_an_operator_needs_an_address_and_a_password(
    run: Run, email: str, password: str, words: str
) -> None:
    result = run("operators", "add", email, "--password-file", "-", status=1, stdin=password)
    assert words in result.stderr


def test_the_password_of_an_unknown_operator_cannot_be_set(run: Run) -> None:
    result = run("operators", "password", "no@acme.example", "--password-file", "-", status=1)
    assert "There is no operator 'no@acme.example'" in result.stderr


def test_a_token_signed_on_the_command_line_is_taken_by_the_server(
    run: Run, project_id: str, key_file: Path
) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    options = ["--project", project_id, "--user", "alice", "--key", str(key_file)]
    text = run("token", *options, "--hours", "2").stdout.strip()
    claims = jwt.decode(text, options={"verify_signature": False})
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("alice", 7200)
    (key,) = json.loads(run("signing-keys", "list", "--json").stdout)
    assert key["active"]


def test_a_file_without_a_private_key_cannot_sign(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.pem"
    file.write_text("no key")
    result = run("token", "--project", "p", "--user", "u", "--key", str(file), status=1)
    assert "no RSA private key" in result.stderr


def test_a_private_key_is_never_written_over_a_file(
    run: Run, project_id: str, key_file: Path
) -> None:
    result = run("signing-keys", "new", "--out", str(key_file), status=1)
    assert "Name a file that is not there yet" in result.stderr
    assert len(json.loads(run("signing-keys", "list", "--json").stdout)) == 1


def test_a_public_key_of_ones_own_is_registered_and_revoked(
    run: Run, project_id: str, tmp_path: Path
) -> None:
    private, public = tokens.new_signing_key()
    file = tmp_path / "public.pem"
    file.write_text(private)
    assert "This is a private key" in run("signing-keys", "add", str(file), status=1).stderr
    file.write_text(public)
    key_id = json.loads(run("signing-keys", "add", str(file), "--json").stdout)["id"]
    run("signing-keys", "revoke", key_id)
    assert "no active signing key" in run("signing-keys", "revoke", key_id, status=1).stderr


def test_an_api_key_is_shown_once_and_revoked(run: Run, project_id: str) -> None:
    text = run("api-keys", "new", "--name", "backend", "--scope", "requests:read").stdout.strip()
    assert text.startswith(tokens.API_KEY_PREFIX)
    listed = run("api-keys", "list", "--json").stdout
    assert text not in listed
    (key,) = json.loads(listed)
    assert (key["scopes"], key["active"]) == (["requests:read"], True)
    run("api-keys", "revoke", key["id"])
    assert "no active API key" in run("api-keys", "revoke", key["id"], status=1).stderr


@pytest.mark.parametrize("scopes", [[], ["--scope", "everything"]])
def test_an_api_key_needs_scopes_that_exist(run: Run, project_id: str, scopes: list[str]) -> None:
    assert "requests:read" in run("api-keys", "new", "--name", "x", *scopes, status=1).stderr


def test_a_secret_is_read_from_standard_input_and_never_shown(run: Run, project_id: str) -> None:
    shown = run("secrets", "set", "crm_token", stdin="line one\nline two of it\n\n")
    assert "<<secrets.crm_token>>" in shown.stdout
    listed = run("secrets", "list", "--json").stdout
    assert "line" not in shown.output + listed
    assert [one["name"] for one in json.loads(listed)] == ["crm_token"]
    run("secrets", "delete", "crm_token")
    result = run("secrets", "delete", "crm_token", status=1)
    assert "Acme Notes has no secret 'crm_token'" in result.stderr
    assert "heapline secrets set NAME" in run("secrets", "list").stdout


def test_a_secret_s_value_is_what_was_read_without_the_last_line_breaks(
    run: Run, project_id: str, tmp_path: Path
) -> None:
    run("secrets", "set", "pem", stdin="\n one\ntwo \r\n\n")
    runtime = build(load({"HEAPLINE_DATA_DIR": str(tmp_path / "data")}))
    opened = runtime.secrets.open_all(project_id)
    runtime.close()
    assert opened == {"pem": "\n one\ntwo "}


def test_a_secret_is_asked_for_twice_on_a_terminal(
    run: Run, project_id: str, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "connector.cli", "secrets", "set", "typed"]
    environ = {**os.environ, "HEAPLINE_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = _until(ours, b"Value: ")
        os.write(ours, b"typed by hand\n")
        seen += _until(ours, b"Repeat for confirmation: ")
        os.write(ours, b"typed by hand\n")
        seen += _until(ours, b"<<secrets.typed>>")
        assert process.wait(30) == 0
    os.close(ours)
    assert b"by hand" not in seen
    assert [one["name"] for one in json.loads(run("secrets", "list", "--json").stdout)] == ["typed"]


def _until(terminal: int, words: bytes) -> bytes:
    """Read from a terminal up to some words."""
    seen, deadline = b"", time.monotonic() + 30
    while words not in seen:
        readable, _, _ = select.select([terminal], [], [], deadline - time.monotonic())
        assert readable, seen
        seen += os.read(terminal, 4096)
    return seen


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("Token", "x", "begins with a small letter"), ("token", "", "1 to 8192 characters")],
)
def test_a_secret_needs_a_name_and_a_value(
    run: Run, project_id: str, name: str, value: str, words: str
) -> None:
    assert words in run("secrets", "set", name, status=1, stdin=value).stderr


def test_notices_are_set_part_by_part_and_the_secret_is_printed_once(
    run: Run, project_id: str
) -> None:
    run("notices", "set", "--email", "a@acme.example", "--email", "b@acme.example")
    made = run("notices", "set", "--webhook", "https://ops.acme.example/x").stdout.strip()
    assert made.startswith("hln_")
    url = "https://ops.acme.example/y"
    assert run("notices", "set", "--webhook", url, "--no-email").stdout == ""
    shown = json.loads(run("notices", "show", "--json").stdout)
    assert shown == {"webhook": url, "emails": []}
    assert run("notices", "set", "--new-secret").stdout.strip() not in {"", made}
    both = run("notices", "set", "--webhook", url, "--no-webhook", status=1)
    assert "not both" in both.stderr
    run("notices", "set", "--no-webhook")
    assert "heapline notices set" in run("notices", "test").stdout


def test_a_test_notice_that_somebody_does_not_get_ends_with_status_1(
    run: Run, project_id: str
) -> None:
    server = MailServer(refused={"b@acme.example"})
    mails = {"HEAPLINE_SMTP_URL": f"smtp://{server.place}"}
    hint = run("notices", "set", "--email", "a@acme.example").stderr
    assert "set HEAPLINE_SMTP_URL" in hint
    assert "a@acme.example" in run("notices", "test", **mails).stdout
    run("notices", "set", "--email", "a@acme.example", "--email", "b@acme.example", **mails)
    rows = json.loads(run("notices", "test", "--json", status=1, **mails).stdout)
    server.close()
    assert [one["problem"] is None for one in rows] == [True, False]
    assert [mail.recipients for mail in server.mails] == [["a@acme.example"]] * 2


@pytest.fixture
def connection_id(run: Run, project_id: str, key_file: Path, tmp_path: Path) -> str:
    """Alice's account, connected by way of a connect link."""
    link = run("connections", "link", "--user", "alice").stdout.strip()
    runtime = build(load({"HEAPLINE_DATA_DIR": str(tmp_path / "data")}))
    session, _, _ = runtime.connect_sessions.by_link(link.rpartition("/")[2])
    runtime.connecting.connect_with_keys(session, "app_id", {"app_id": ACME["app_id"]})
    runtime.close()
    (connection,) = json.loads(run("connections", "list", "--json").stdout)
    return str(connection["id"])


def test_a_connection_is_shown_and_ended(run: Run, connection_id: str) -> None:
    shown = json.loads(run("connections", "show", connection_id, "--json").stdout)
    assert (shown["user"], shown["status"]) == ("alice", "connected")
    assert shown["account"] == {"app_id": ACME["app_id"]}
    run("connections", "disconnect", connection_id)
    listed = run("connections", "list", "--status", "disconnected", "--user", "alice").stdout
    assert connection_id in listed
    assert "There is no such connection." in run("connections", "list", "--user", "bob").stdout


@pytest.mark.parametrize("command", ["show", "disconnect"])
def test_an_unknown_connection_is_told_by_name(run: Run, project_id: str, command: str) -> None:
    result = run("connections", command, "nothing", status=1)
    assert "Acme Notes has no connection 'nothing'" in result.stderr


def test_a_user_is_deleted_after_a_question(run: Run, connection_id: str) -> None:
    run("connections", "delete-user", "alice", stdin="n\n", status=1)
    assert connection_id in run("connections", "list").stdout
    run("connections", "delete-user", "alice", "--yes")
    assert "has no user 'alice'" in run("connections", "delete-user", "alice", status=1).stderr


def test_a_request_arrives_with_the_account_of_the_user(
    run: Run, connection_id: str, sandbox: SandboxClient, tmp_path: Path
) -> None:
    body = tmp_path / "event.json"
    body.write_text('{"event": "Signed up", "identity": "a"}')
    result = run("request", "heap", "/track", "--user", "alice", "-d", f"@{body}", "-i")
    status, _, rest = result.stdout.partition("\n")
    assert (status, rest.splitlines()[-1]) == ("200 OK", "{}")
    assert "X-Heapline-Attempts: 1" in rest
    (event,) = sandbox.items("events")
    assert (event["app_id"], event["event"]) == (ACME["app_id"], "Signed up")


def test_an_answer_of_the_provider_is_no_failure_unless_asked(run: Run, connection_id: str) -> None:
    wrong = ["request", "heap", "/track", "--user", "alice", "-d", "{}"]
    result = run(*wrong)
    assert result.stderr.startswith("400")
    assert "should" in result.stdout
    run(*wrong, "--fail", status=1)


def test_a_request_for_nobodys_account_says_how_to_connect_one(run: Run, key_file: Path) -> None:
    result = run("request", "heap", "/track", "--user", "bob", status=1)
    assert "heapline connections link --user bob" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-H", "no colon"], "must be written as 'Name: value'"),
        (["-d", "@/nowhere"], "The body /nowhere cannot be read"),
    ],
)
def test_a_request_that_cannot_be_built_says_why(
    run: Run, key_file: Path, options: list[str], words: str
) -> None:
    assert words in run("request", "heap", "/x", "--user", "a", *options, status=1).stderr


def test_master_keys_are_rotated_verified_and_retired(run: Run, connection_id: str) -> None:
    (old,) = json.loads(run("keys", "list", "--json").stdout)
    assert "still in use" in run("keys", "retire", old["id"], status=1).stderr
    assert "heapline keys retire" in run("keys", "rotate").stdout
    new, kept = json.loads(run("keys", "list", "--json").stdout)
    assert (new["primary"], kept["id"], kept["data_keys"]) == (True, old["id"], 0)
    run("keys", "verify")
    run("keys", "retire", old["id"])
    assert [key["id"] for key in json.loads(run("keys", "list", "--json").stdout)] == [new["id"]]
    run("keys", "verify")
    assert "There is no master key" in run("keys", "retire", old["id"], status=1).stderr


def test_master_keys_from_the_environment_are_rotated_by_hand(run: Run) -> None:
    key = run("keys", "new").stdout.strip()
    result = run("keys", "rotate", status=1, HEAPLINE_MASTER_KEYS=key)
    assert "heapline keys rotate --no-new-master-key" in result.stderr
    newer = run("keys", "new").stdout.strip()
    both = f"{newer},{key}"
    run("keys", "rotate", "--no-new-master-key", HEAPLINE_MASTER_KEYS=both)
    run("keys", "verify", HEAPLINE_MASTER_KEYS=newer)


def test_the_database_is_upgraded_and_tells_its_revision(run: Run) -> None:
    before = json.loads(run("database", "revisions", "--json").stdout)
    assert (before["current"], before["up_to_date"]) == (None, False)
    run("database", "upgrade")
    assert json.loads(run("database", "revisions", "--json").stdout)["up_to_date"]


def test_settings_show_values_but_no_secrets(run: Run) -> None:
    rows = json.loads(
        run(
            "settings",
            "--json",
            HEAPLINE_PORT="9000",
            DATABASE_URL="postgresql://u:hidden-password@h/n",
            HEAPLINE_MASTER_KEYS="a:hidden-key",
        ).stdout
    )
    values = {row["setting"]: row["value"] for row in rows}
    assert (values["HEAPLINE_PORT"], values["DATABASE_URL"]) == ("9000", "(hidden)")
    assert "hidden-" not in json.dumps(rows)


def test_a_manifest_without_faults_passes(run: Run) -> None:
    assert "✓" in run("manifest", "check", str(builtin_manifest())).stdout


def test_every_fault_of_a_manifest_is_pointed_at(run: Run, tmp_path: Path) -> None:
    data = json.loads(builtin_manifest().read_text())
    data["limits"][0]["amount"] = "many"
    del data["title"]
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(data))
    lines = run("manifest", "check", str(file), status=1).stdout.splitlines()
    assert lines[0].endswith("2 faults")
    pointers = ["/limits/0/amount", "/title"]
    assert sorted(line.split(":")[0].strip() for line in lines[1:]) == pointers
    (result,) = json.loads(run("manifest", "check", "--json", str(file), status=1).stdout)
    assert [fault["pointer"] for fault in result["faults"]] == pointers


def test_a_manifest_that_is_not_there_is_a_fault(run: Run) -> None:
    assert "cannot be read" in run("manifest", "check", "/nowhere.json", status=1).stdout
