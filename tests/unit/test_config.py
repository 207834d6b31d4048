"""Settings: every parser, the file twins, and faults in words that help."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from connector.config import Settings, load, setting_names, unknown_settings
from connector.errors import SettingInvalid


def faults(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingInvalid) as caught:
        load(environ)
    return {fault["setting"]: fault["problem"] for fault in caught.value.meta["faults"]}


def test_nothing_set_means_the_defaults() -> None:
    assert load({}) == Settings()
    assert load(dict.fromkeys(setting_names(), "")) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HEAPLINE_DATA_DIR", "/var/lib/heapline", "data_dir", Path("/var/lib/heapline")),
        ("DATABASE_URL", "postgresql://u:p@h/n", "database_url", "postgresql://u:p@h/n"),
        ("HEAPLINE_PUBLIC_URL", "https://x.example/", "public_url", "https://x.example"),
        ("HEAPLINE_PUBLIC_URL", "HTTPS://X.Example:443", "public_url", "https://x.example"),
        ("HEAPLINE_PUBLIC_URL", "http://[::1]:8700", "public_url", "http://[::1]:8700"),
        ("HEAPLINE_HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("HEAPLINE_PORT", "65535", "port", 65535),
        ("HEAPLINE_WORKERS", "1", "workers", 1),
        ("HEAPLINE_THREADS", "512", "threads", 512),
        ("HEAPLINE_TRUSTED_PROXIES", "0", "trusted_proxies", 0),
        ("HEAPLINE_MASTER_KEYS", "a:x, b:y ,", "master_keys", ("a:x", "b:y")),
        ("HEAPLINE_MANIFESTS", "a.json\nb.json", "manifests", (Path("a.json"), Path("b.json"))),
        ("HEAPLINE_DEVELOPMENT_ORIGIN", "http://LOCALHOST:1", "development_origin", "http://localhost:1"),
        ("HEAPLINE_OUTBOUND_ALLOW", "10.0.0.0/8,db:1", "outbound_allow", ("10.0.0.0/8", "db:1")),
        ("HEAPLINE_MAX_REQUEST_BYTES", "1", "max_request_bytes", 1),
        ("HEAPLINE_MAX_RESPONSE_BYTES", "2", "max_response_bytes", 2),
        ("HEAPLINE_PROXY_TIMEOUT", "300", "proxy_timeout", 300),
        ("HEAPLINE_REQUEST_LOG_DAYS", "0", "request_log_days", 0),
        ("HEAPLINE_SMTP_URL", "smtp://u:p@mail.example", "smtp_url", "smtp://u:p@mail.example"),
        ("HEAPLINE_SMTP_FROM", "Ops <ops@acme.example>", "smtp_from", "Ops <ops@acme.example>"),
        ("HEAPLINE_WORKFLOW_SLOTS", "0", "workflow_slots", 0),
        ("HEAPLINE_RUNS_PER_PROJECT", "5", "runs_per_project", 5),
        ("HEAPLINE_RUNS_PER_CONNECTION", "5", "runs_per_connection", 5),
        ("HEAPLINE_RUN_DAYS", "5", "run_days", 5),
        ("HEAPLINE_RUN_MEGABYTES", "5", "run_megabytes", 5),
        ("HEAPLINE_LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ],
)  # fmt: skip
def test_each_setting_is_read_in_its_own_form(
    name: str, text: str, field: str, value: object
) -> None:
    assert getattr(load({name: text}), field) == value


def test_the_table_above_tries_every_setting() -> None:
    (mark,) = test_each_setting_is_read_in_its_own_form.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(setting_names())


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("HEAPLINE_PORT", "http", "must be a whole number. Port to listen on."),
        ("HEAPLINE_PORT", "0", "must be a port number from 1 to 65535. Port to listen on."),
        ("HEAPLINE_PORT", "65536", "must be a port number from 1 to 65535. Port to listen on."),
        ("HEAPLINE_WORKERS", "0", "must be at least 1. Server processes."),
        ("HEAPLINE_TRUSTED_PROXIES", "-1", "must be 0 or more."),
        ("HEAPLINE_LOG_LEVEL", "LOUD", "must be one of DEBUG, INFO, WARNING, ERROR."),
        ("HEAPLINE_PUBLIC_URL", "connect.example.com", "must start with https:// or http://"),
        ("HEAPLINE_PUBLIC_URL", "ftp://connect.example.com", "must start with https:// or http://"),
        ("HEAPLINE_PUBLIC_URL", "https://x.example/base", "must be scheme, host and port alone"),
        ("HEAPLINE_PUBLIC_URL", "https://me:pass@x.example", "must be scheme, host and port alone"),
        ("HEAPLINE_PUBLIC_URL", "https://x.example?a=b", "must be scheme, host and port alone"),
        ("HEAPLINE_PUBLIC_URL", "http://x.example:99999", "is not an address"),
        ("HEAPLINE_PUBLIC_URL", "http://[::1", "is not an address"),
        ("HEAPLINE_PUBLIC_URL", "https://x.example; script-src *", "cannot be used"),
        ("HEAPLINE_DEVELOPMENT_ORIGIN", "localhost:8701", "must start with https:// or http://"),
        ("HEAPLINE_SMTP_URL", "mail.example:587", "must start with smtp:// or smtps://"),
        ("HEAPLINE_SMTP_FROM", "Ops", "must be an e-mail address, or Name <address>."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_is_expected(name: str, text: str, problem: str) -> None:
    found = faults({name: text})
    assert list(found) == [name]
    assert problem in found[name]
    assert (
        next(f.metadata["help"] for f in fields(Settings) if f.metadata["name"] == name)
        in (found[name])
    )


def test_all_faults_are_told_at_once() -> None:
    environ = {"HEAPLINE_PORT": "x", "HEAPLINE_WORKERS": "-2", "HEAPLINE_THREADS": "8"}
    assert list(faults(environ)) == ["HEAPLINE_PORT", "HEAPLINE_WORKERS"]


@pytest.mark.parametrize("name", setting_names())
def test_each_setting_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    text = {
        "HEAPLINE_LOG_LEVEL": "DEBUG",
        "HEAPLINE_SMTP_URL": "smtp://mail.example",
        "HEAPLINE_SMTP_FROM": "ops@acme.example",
    }.get(name, "7")
    if name in {"HEAPLINE_PUBLIC_URL", "HEAPLINE_DEVELOPMENT_ORIGIN"}:
        text = "https://x.example"
    file = tmp_path / "value"
    file.write_text(f"\n {text} \n")
    assert load({f"{name}_FILE": str(file)}) == load({name: text}) != load({})


def test_a_blank_file_counts_as_nothing_set(tmp_path: Path) -> None:
    (tmp_path / "blank").write_text("\n")
    assert load({"HEAPLINE_PORT_FILE": str(tmp_path / "blank")}) == Settings()


def test_a_file_that_cannot_be_read_is_told_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    found = faults(
        {
            "HEAPLINE_PORT_FILE": str(tmp_path / "absent"),
            "DATABASE_URL_FILE": str(tmp_path),
            "HEAPLINE_HOST_FILE": str(tmp_path / "binary"),
        }
    )
    assert found == {
        "HEAPLINE_PORT": "the file named by HEAPLINE_PORT_FILE cannot be read "
        "(No such file or directory)",
        "DATABASE_URL": "the file named by DATABASE_URL_FILE cannot be read (Is a directory)",
        "HEAPLINE_HOST": "the file named by HEAPLINE_HOST_FILE is not UTF-8 text",
    }


def test_a_setting_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("1")
    found = faults({"HEAPLINE_PORT": "1", "HEAPLINE_PORT_FILE": str(tmp_path / "port")})
    assert found == {"HEAPLINE_PORT": "set either HEAPLINE_PORT or HEAPLINE_PORT_FILE, not both"}


def test_an_unknown_setting_is_told_with_the_nearest_name() -> None:
    environ = {
        "HEAPLINE_WORKER": "3",
        "HEAPLINE_MASTERKEYS": "x",
        "HEAPLINE_ZZZZ": "1",
        "HEAPLINE_DATABASE_URL": "sqlite://",
        "HEAPLINE_PORT": "1",
        "HEAPLINE_PORT_FILE": "x",
        "HOME": "/",
    }
    assert unknown_settings(environ) == {
        "HEAPLINE_DATABASE_URL": "DATABASE_URL",
        "HEAPLINE_MASTERKEYS": "HEAPLINE_MASTER_KEYS",
        "HEAPLINE_WORKER": "HEAPLINE_WORKERS",
        "HEAPLINE_ZZZZ": None,
    }


@pytest.mark.parametrize(
    ("environ", "public_url"),
    [
        ({}, "http://127.0.0.1:8700"),
        ({"HEAPLINE_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"HEAPLINE_HOST": "0.0.0.0"}, "http://127.0.0.1:8700"),
        ({"HEAPLINE_HOST": "::1"}, "http://[::1]:8700"),
        ({"HEAPLINE_HOST": "10.1.2.3", "HEAPLINE_PORT": "80"}, "http://10.1.2.3"),
    ],
)
def test_the_public_url_follows_the_address_unless_it_is_set(
    environ: dict[str, str], public_url: str
) -> None:
    assert load(environ).public_url == public_url
    assert load({**environ, "HEAPLINE_PUBLIC_URL": "https://x.example"}).secure


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("", "sqlite:///heapline-data/heapline.db"),
        ("postgresql://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("postgres://u:p@h/n", "postgresql+psycopg://u:p@h/n"),
        ("sqlite:////x.db", "sqlite:////x.db"),
    ],
)
def test_the_database_address_gets_its_driver(given: str, used: str) -> None:
    assert load({"DATABASE_URL": given}).storage_url() == used


@pytest.mark.parametrize(
    ("environ", "sender"),
    [
        ({}, "heapline@127.0.0.1"),
        ({"HEAPLINE_PUBLIC_URL": "https://connect.acme.example"}, "heapline@connect.acme.example"),
        ({"HEAPLINE_PUBLIC_URL": "http://[::1]:8700"}, "heapline@localhost"),
        ({"HEAPLINE_SMTP_FROM": "ops@acme.example"}, "ops@acme.example"),
    ],
)
def test_e_mails_come_from_the_public_url_s_host_unless_told_otherwise(
    environ: dict[str, str], sender: str
) -> None:
    assert load(environ).sender() == sender


def test_secret_settings_do_not_show_when_settings_are_printed() -> None:
    environ = {
        "HEAPLINE_MASTER_KEYS": "k1:canary",
        "DATABASE_URL": "postgresql://u:canary@h/n",
        "HEAPLINE_SMTP_URL": "smtp://u:canary@h",
    }
    assert "canary" not in repr(load(environ))
