"""The code that the console's SDK page prints does what it says, as printed."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.serving import make_server

from connector.app import create_app
from connector.config import Settings
from connector.runtime import Runtime, build

from ..acceptance.server import free_port
from ..conftest import SandboxClient, eventually
from ..operators import Console, make_operator
from ..people import Host, make_host

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(make_settings: Callable[..., Settings]) -> Iterator[Runtime]:
    """A runtime whose server listens at the address that its pages print."""
    port = free_port()
    runtime = build(make_settings(public_url=f"http://127.0.0.1:{port}", port=port))
    server = make_server("127.0.0.1", port, create_app(runtime), threaded=True)
    Thread(target=server.serve_forever, name="server", daemon=True).start()
    yield runtime
    server.shutdown()
    server.server_close()
    runtime.close()


def _printed(runtime: Runtime, host: Host, label: str) -> str:
    make_operator(runtime, "olga@example.com", host.project)
    console = Console(create_app(runtime), host.project)
    console.sign_in("olga@example.com")
    page = console.get(console.path("/sdk"))
    found = re.search(rf'aria-label="{label}"><code>(.*?)</code>', page.html, re.DOTALL)
    assert found
    return html.unescape(found.group(1))


def test_the_python_code_sends_a_request_for_alice(
    served: Runtime, tmp_path: Path, sandbox: SandboxClient
) -> None:
    host = make_host(served, "Acme Notes")
    host.connect("alice")
    (tmp_path / "private.pem").write_text(host.private_pem, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", _printed(served, host, "Python")],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "200 {}\n"), done.stderr
    (event,) = eventually(lambda: sandbox.items("events"))
    assert (event["app_id"], event["identity"]) == ("2544353", "alice@example.com")


def test_the_javascript_code_names_this_project_and_every_address(served: Runtime) -> None:
    host = make_host(served, "Acme Notes")
    code = _printed(served, host, "JavaScript")
    assert f'const heapline = "{served.settings.public_url}";' in code
    assert f'paragon.authenticate("{host.project.id}", userToken)' in code
    assert len(re.findall(r"_URL: heapline,", code)) == 9
