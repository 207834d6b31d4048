"""What the demo keeps from one start to the next: a file that its owner alone can read."""

from __future__ import annotations

import json
import os
import secrets
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from connector import tokens
from connector.errors import SetupError

FILE_NAME = "demo.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The demo's project, the private half of its signing key, and its operator."""

    project_id: str
    private_pem: str = field(repr=False)
    public_pem: str
    email: str
    password: str = field(repr=False)


def recall(data_dir: Path, email: str) -> Memory:
    """Return what is kept in the data folder, made and stored the first time.

    Raises
    ------
    SetupError
        If the file cannot be read.

    """
    file = data_dir / FILE_NAME
    if not file.exists():
        memory = _new(email)
        _write(file, memory)
        return memory
    try:
        return Memory(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(
            f"{file} cannot be read ({error}). Delete it, and the demo makes a new project."
        ) from error


def _new(email: str) -> Memory:
    private_pem, public_pem = tokens.new_signing_key()
    return Memory(
        project_id=str(uuid.uuid4()),
        private_pem=private_pem,
        public_pem=public_pem,
        email=email,
        password=secrets.token_urlsafe(12),
    )


def _write(file: Path, memory: Memory) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(asdict(memory), stream)
    draft.replace(file)
