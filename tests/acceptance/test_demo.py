"""`heapline demo`: what `make run` runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.cli.demo import demo

from ..conftest import eventually
from .demo import STOP_SECONDS, DemoProcess
from .server import clean_environment

pytestmark = pytest.mark.slow


@pytest.fixture
def running(tmp_path: Path) -> Iterator[DemoProcess]:
    with DemoProcess(tmp_path) as started:
        yield started


def events(demo: DemoProcess) -> list[dict[str, Any]]:
    answer = requests.get(f"{demo.sandbox_url}/sandbox/api/events", timeout=10)
    return list(answer.json()["items"])


def page_config(demo: DemoProcess) -> dict[str, Any]:
    page = requests.get(demo.product_url, timeout=10)
    (text,) = re.findall(r'id="demo-config">(.*?)</script>', page.text)
    config: dict[str, Any] = json.loads(text)
    return config


def sign_in(demo: DemoProcess) -> str:
    """Sign in to the console by what the panel shows; return the page that follows."""
    email, password = (
        re.search(rf"{name} +(\S+)", demo.output()) for name in ("e-mail", "password")
    )
    assert email
    assert password
    session = requests.Session()
    form = session.get(f"{demo.server_url}/console/sign-in", timeout=10).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token
    values = {"csrf_token": token[1], "email": email[1], "password": password[1]}
    answer = session.post(f"{demo.server_url}/console/sign-in", data=values, timeout=10)
    assert answer.status_code == 200
    return answer.text


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_demo_shows_where_everything_is_and_starts_again_as_it_was(tmp_path: Path) -> None:
    with DemoProcess(tmp_path) as first:
        for url in (first.product_url, first.server_url, f"{first.sandbox_url}/sandbox/"):
            assert url in first.output()
        names = [event["event"] for event in events(first)]
        assert "Plan Upgraded" in names
        assert "Acme Notes" in sign_in(first)
        project = page_config(first)["projectId"]
        assert (first.data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
        assert first.interrupt() == 0
        ports = (first.port, first.sandbox_port, first.product_port)
        assert all(is_free(port) for port in ports)
    with DemoProcess(tmp_path) as second:
        assert page_config(second)["projectId"] == project
        assert [event["event"] for event in events(second)] == names
        assert "Acme Notes" in sign_in(second)


def test_the_demo_product_signs_in_as_alice_and_names_no_other_host(running: DemoProcess) -> None:
    config = page_config(running)
    assert set(config["environments"].values()) == {running.server_url}
    me = requests.get(
        f"{running.server_url}/projects/{config['projectId']}/sdk/me",
        headers={
            "Authorization": f"Bearer {config['userToken']}",
            "Origin": running.product_url,
        },
        timeout=10,
    )
    assert me.json()["userId"] == "alice"
    assert me.headers["Access-Control-Allow-Origin"] == running.product_url
    page = requests.get(running.product_url, timeout=10)
    assert running.server_url in page.headers["Content-Security-Policy"]
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert requests.get(running.product_url + path, timeout=10).status_code == 200


def test_when_one_process_dies_the_others_end_and_its_last_lines_are_shown(
    running: DemoProcess,
) -> None:
    sandbox = running.children()[0]
    os.kill(sandbox, signal.SIGKILL)
    assert running.process.wait(STOP_SECONDS) == 1
    assert "The sandbox ended unexpectedly with status -9." in running.output()
    assert "App ID" in running.output(), "the sandbox's own lines"
    eventually(lambda: is_free(running.port) and is_free(running.product_port))


@pytest.mark.parametrize("option", ["--port", "--sandbox-port", "--product-port"])
def test_a_port_that_is_taken_is_named_with_the_option_that_changes_it(
    option: str, tmp_path: Path
) -> None:
    assert option in {name for parameter in demo.params for name in parameter.opts}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        others = {"--port": "0", "--sandbox-port": "0", "--product-port": "0", option: port}
        answer = subprocess.run(
            [sys.executable, "-m", "connector.cli", "demo", *sum(others.items(), ())],
            env=clean_environment() | {"HEAPLINE_DATA_DIR": str(tmp_path / "data")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert answer.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in answer.stderr
    assert f"choose another port with {option}" in answer.stderr
    assert not (tmp_path / "data").exists()
