"""`heapline doctor`: each thing that can be wrong is found, named, and told how to mend."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from connector import tokens
from connector.cli import checks, main
from connector.config import Settings
from connector.runtime import Runtime, build, builtin_manifest
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.vault import format_master_key, new_master_key

from ..conftest import SandboxClient
from ..mail_server import MailServer

Diagnose = Callable[..., list[dict[str, str]]]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def diagnose(data_dir: Path) -> Iterator[Diagnose]:
    """Returns what the doctor finds; its exit status must fit."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(**environ: str) -> list[dict[str, str]]:
        known = {"HEAPLINE_DATA_DIR": str(data_dir), "HEAPLINE_DEVELOPMENT_ORIGIN": NOWHERE}
        result = CliRunner().invoke(main, ["doctor", "--json"], env=known | environ)
        found: list[dict[str, str]] = json.loads(result.stdout)
        assert result.exit_code == any(one["mark"] == "bad" for one in found)
        return found

    yield run
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def runtime(data_dir: Path) -> Iterator[Runtime]:
    """An installation in good order: a project with a signing key, and an operator."""
    built = build(Settings(data_dir=data_dir))
    operator = built.access.new_operator("me@acme.example", "long enough pass")
    with built.database.transaction() as tx:
        project = project_store.create(tx, "Acme Notes", [])
        project_store.add_member(tx, project.id, operator.id)
        key_store.add_signing_key(tx, project.id, "web", tokens.new_signing_key()[1])
    yield built
    built.close()


def of(found: list[dict[str, str]], subject: str) -> dict[str, str]:
    (one,) = [one for one in found if one["subject"] == subject and one["mark"] != "good"]
    assert one["remedy"]
    return one


def test_a_folder_without_anything_is_only_worth_notes(diagnose: Diagnose, data_dir: Path) -> None:
    found = diagnose()
    assert {one["mark"] for one in found} == {"good", "note"}
    assert not data_dir.exists()


def test_an_installation_in_good_order_has_nothing_to_mend(
    diagnose: Diagnose, runtime: Runtime, sandbox: SandboxClient
) -> None:
    found = diagnose(HEAPLINE_DEVELOPMENT_ORIGIN=sandbox.url)
    assert [one for one in found if one["mark"] != "good"] == []
    subjects = {one["subject"] for one in found}
    assert {"Sealed data", "Projects", "Clock", "Front end", "Sandbox"} <= subjects


def test_for_people_a_finding_is_a_line_with_the_remedy_under_it(data_dir: Path) -> None:
    environ = {"HEAPLINE_DATA_DIR": str(data_dir), "HEAPLINE_DEVELOPMENT_ORIGIN": NOWHERE}
    lines = CliRunner().invoke(main, ["doctor"], env=environ).stdout.splitlines()
    assert f"! Sandbox: Nothing answers at {NOWHERE}." in lines
    assert "    → Projects with development keys need it: heapline sandbox" in lines


def test_an_unknown_variable_is_told_with_the_nearest_setting(diagnose: Diagnose) -> None:
    finding = of(diagnose(HEAPLINE_PUBLIC_ULR="x"), "Settings")
    assert (finding["mark"], finding["remedy"]) == ("note", "Did you mean HEAPLINE_PUBLIC_URL?")


def test_a_setting_that_cannot_be_read_is_bad(diagnose: Diagnose) -> None:
    finding = of(diagnose(HEAPLINE_PORT="many"), "Settings")
    assert finding["mark"] == "bad"
    assert finding["words"].startswith("HEAPLINE_PORT: must be a whole number")


def test_a_data_folder_open_to_others_is_noted(
    diagnose: Diagnose, runtime: Runtime, data_dir: Path
) -> None:
    assert data_dir.stat().st_mode & 0o777 == 0o700
    data_dir.chmod(0o755)
    assert of(diagnose(), "Data folder")["remedy"] == f"chmod 700 {data_dir}"


def test_a_key_file_open_to_others_is_bad(
    diagnose: Diagnose, runtime: Runtime, data_dir: Path
) -> None:
    file = data_dir / "master-keys"
    file.chmod(0o640)
    finding = of(diagnose(), "Master keys")
    assert (finding["mark"], finding["remedy"]) == ("bad", f"chmod 600 {file}")


def test_a_key_file_that_is_gone_is_bad_once_secrets_are_sealed(
    diagnose: Diagnose, runtime: Runtime, data_dir: Path
) -> None:
    (data_dir / "master-keys").unlink()
    assert of(diagnose(), "Sealed data")["mark"] == "bad"
    assert not (data_dir / "master-keys").exists()


def test_a_wrong_master_key_is_bad(diagnose: Diagnose, runtime: Runtime) -> None:
    other = format_master_key(new_master_key())
    assert of(diagnose(HEAPLINE_MASTER_KEYS=other), "Sealed data")["mark"] == "bad"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:1"])
def test_a_public_url_on_this_machine_needs_no_tls(diagnose: Diagnose, url: str) -> None:
    (finding,) = [
        one for one in diagnose(HEAPLINE_PUBLIC_URL=url) if one["subject"] == "Public URL"
    ]
    assert finding["mark"] == "good"


def test_a_public_url_without_tls_is_bad(diagnose: Diagnose) -> None:
    finding = of(diagnose(HEAPLINE_PUBLIC_URL="http://connect.example"), "Public URL")
    assert finding["mark"] == "bad"


def test_a_public_url_with_tls_and_no_trusted_proxy_is_noted(diagnose: Diagnose) -> None:
    url = "https://connect.example"
    finding = of(diagnose(HEAPLINE_PUBLIC_URL=url), "Public URL")
    assert (finding["mark"], "HEAPLINE_TRUSTED_PROXIES=1" in finding["remedy"]) == ("note", True)
    settled = diagnose(HEAPLINE_PUBLIC_URL=url, HEAPLINE_TRUSTED_PROXIES="1")
    assert {one["mark"] for one in settled if one["subject"] == "Public URL"} == {"good"}


def test_a_database_that_does_not_answer_is_bad(diagnose: Diagnose) -> None:
    finding = of(diagnose(DATABASE_URL="postgresql://u:hidden@127.0.0.1:9/n"), "Database")
    assert finding["mark"] == "bad"
    assert "hidden" not in finding["words"]


def test_a_database_in_good_order_is_so_on_either_storage(
    diagnose: Diagnose, data_dir: Path, storage_url: str
) -> None:
    build(Settings(data_dir=data_dir, database_url=storage_url)).close()
    found = diagnose(DATABASE_URL=storage_url)
    good = {one["subject"] for one in found if one["mark"] == "good"}
    assert {"Database", "Sealed data", "Clock"} <= good


@pytest.mark.parametrize(
    ("revision", "mark", "remedy"),
    [("0000", "note", "heapline database upgrade"), ("9999", "bad", "Install that version")],
)
def test_a_schema_of_another_version_is_told(
    diagnose: Diagnose, runtime: Runtime, revision: str, mark: str, remedy: str
) -> None:
    with runtime.database.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
    finding = of(diagnose(), "Database")
    assert finding["mark"] == mark
    assert finding["remedy"].startswith(remedy)


def test_a_project_without_a_signing_key_is_noted(diagnose: Diagnose, runtime: Runtime) -> None:
    with runtime.database.transaction() as tx:
        project = project_store.create(tx, "Other", [])
    finding = of(diagnose(), "Signing keys")
    assert (finding["mark"], project.id in finding["remedy"]) == ("note", True)


def test_a_server_without_projects_and_operators_is_noted(
    diagnose: Diagnose, data_dir: Path
) -> None:
    build(Settings(data_dir=data_dir)).close()
    found = diagnose()
    assert of(found, "Operators")["remedy"].startswith("heapline operators add")
    assert of(found, "Projects")["remedy"].startswith("heapline projects create")


def test_a_clock_behind_what_was_written_is_bad(diagnose: Diagnose, runtime: Runtime) -> None:
    with runtime.database.transaction() as tx:
        tx.execute(text("UPDATE projects SET created_at = :it"), {"it": time.time() + 3600})
    finding = of(diagnose(), "Clock")
    assert finding["mark"] == "bad"
    assert "behind" in finding["words"]


def test_a_mail_server_that_lets_us_in_is_good_and_gets_no_mail(diagnose: Diagnose) -> None:
    server = MailServer()
    (finding,) = [
        one
        for one in diagnose(
            HEAPLINE_SMTP_URL=f"smtp://{server.place}", HEAPLINE_SMTP_FROM="ops@acme.example"
        )
        if one["subject"] == "E-mail"
    ]
    server.close()
    assert (finding["mark"], "ops@acme.example" in finding["words"]) == ("good", True)
    assert server.mails == []


def test_a_mail_server_that_refuses_us_is_bad(diagnose: Diagnose) -> None:
    server = MailServer()
    finding = of(diagnose(HEAPLINE_SMTP_URL=f"smtp://me:wrong-password@{server.place}"), "E-mail")
    server.close()
    assert (finding["mark"], "HEAPLINE_SMTP_URL" in finding["remedy"]) == ("bad", True)
    assert "wrong-password" not in finding["words"]


def test_a_mail_server_that_is_not_there_is_bad(diagnose: Diagnose) -> None:
    finding = of(diagnose(HEAPLINE_SMTP_URL="smtp://127.0.0.1:9"), "E-mail")
    assert (finding["mark"], "cannot be reached" in finding["words"]) == ("bad", True)


def test_a_manifest_with_faults_is_bad(diagnose: Diagnose, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text("{}")
    finding = of(diagnose(HEAPLINE_MANIFESTS=str(file)), "Manifests")
    assert (finding["mark"], str(file) in finding["words"]) == ("bad", True)


def test_a_manifest_loaded_twice_is_bad(diagnose: Diagnose) -> None:
    finding = of(diagnose(HEAPLINE_MANIFESTS=str(builtin_manifest())), "Manifests")
    assert "loaded already" in finding["words"]


def test_a_front_end_that_was_not_built_is_bad(tmp_path: Path) -> None:
    (finding,) = checks.front_end(Settings(), tmp_path)
    assert (finding.mark, "pip install" in finding.remedy) == (checks.Mark.BAD, True)
