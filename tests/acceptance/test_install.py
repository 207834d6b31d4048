"""The built wheel, in an empty virtual environment, in a folder away from the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connector import __version__

from .demo import DemoProcess
from .server import clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

_ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns(
    ".*", "node_modules", "build", "*.egg-info", "__pycache__", "heapline-data", "tests"
)


def run(*command: str | Path, cwd: Path) -> str:
    answer = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that nothing is left behind in them."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(_ROOT, folder / "sources", ignore=_LEFT_OUT)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, "./sources", cwd=folder)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True)
    run(folder / "venv" / "bin" / "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "venv" / "bin"


@pytest.fixture(scope="module")
def demo(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    with DemoProcess(tmp_path_factory.mktemp("demo"), [str(programs / "heapline")]) as started:
        yield started


def test_the_command_runs(programs: Path, tmp_path: Path) -> None:
    assert run(programs / "heapline", "--version", cwd=tmp_path).strip().endswith(__version__)


def test_the_manifest_in_it_has_no_faults(programs: Path, tmp_path: Path) -> None:
    script = "from connector.runtime import builtin_manifest; print(builtin_manifest())"
    file = run(programs / "python", "-c", script, cwd=tmp_path).strip()
    assert Path(file).is_relative_to(programs.parent)
    assert "✓" in run(programs / "heapline", "manifest", "check", file, cwd=tmp_path)


def test_the_doctor_finds_nothing_that_must_be_mended(programs: Path, tmp_path: Path) -> None:
    found = run(programs / "heapline", "doctor", cwd=tmp_path)
    assert "✓ Front end" in found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/ready",
        "/ui",
        "/console/sign-in",
        "/api/v1/openapi.json",
        "/static/dist/app.js",
        "/static/dist/portal.css",
        "/static/dist/LICENSES.txt",
        "/integrations/heap.svg",
    ],
)
def test_the_server_has_all_its_files(demo: DemoProcess, path: str) -> None:
    assert requests.get(demo.server_url + path, timeout=10).status_code == 200


def test_the_sandbox_and_the_demo_product_have_theirs(demo: DemoProcess) -> None:
    for url in (f"{demo.sandbox_url}/sandbox/", demo.product_url):
        assert requests.get(url, timeout=10).status_code == 200
    answer = requests.get(f"{demo.sandbox_url}/sandbox/api/events", timeout=10)
    assert answer.json()["items"], "the sample went through the installed proxy"


def test_the_wheel_holds_the_product_alone(wheel: Path) -> None:
    names = run(sys.executable, "-m", "zipfile", "-l", wheel, cwd=wheel.parent)
    tops = {line.split("/")[0] for line in names.splitlines()[1:]}
    assert tops == {"connector", "workflow", f"heapline-{__version__}.dist-info"}
    assert "node_modules" not in names
