"""Find the files that pages are made of: templates, and what the front end was built into."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

_HERE = Path(__file__).parent
STATIC_FOLDER = _HERE / "web" / "static"
#: An address with a content's hash always leads to the same content.
HASHED_MAX_AGE = 31_536_000


def asset(name: str) -> str:
    """Return the address of a built front-end file, with its content's hash as the query.

    Raises
    ------
    FileNotFoundError
        If the front end was not built, which `pip install` does.

    """
    file = STATIC_FOLDER / "dist" / name
    return f"/static/dist/{name}?v={_content_hash(file, file.stat().st_mtime_ns)}"


def template_folder() -> Path:
    """Return the folder of the templates, in a checkout or in an installed package."""
    installed = _HERE / "templates"
    return installed if installed.is_dir() else _HERE.parent / "templates"


@functools.lru_cache(maxsize=256)
def _content_hash(file: Path, _stamp: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
