"""Definitions of workflows in files: found, read, checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from workflow.definition import Definition

SUFFIXES = (".yaml", ".yml", ".json")
Fault = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file whose definition has no fault."""

    path: Path
    text: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class FaultyFile:
    """A file that cannot be used, and why."""

    path: Path
    faults: Sequence[Fault]


def load_files(paths: Iterable[Path]) -> list[SoundFile | FaultyFile]:
    """Read the definitions of files and folders; two of one name are a fault of the second."""
    first: dict[str, Path] = {}
    return [_once(file, first) for path in paths for file in _load(path)]


def load_file(path: Path) -> SoundFile | FaultyFile:
    """Read the definition of a file."""
    from workflow import checks
    from workflow.errors import DefinitionInvalid

    try:
        text = read_text(path)
        return SoundFile(path, text, checks.load(text))
    except OSError as error:
        return FaultyFile(path, [_whole(f"cannot be read: {error.strerror}")])
    except UnicodeDecodeError:
        return FaultyFile(path, [_whole("is no UTF-8 text")])
    except DefinitionInvalid as error:
        return FaultyFile(path, error.meta["faults"])


def read_text(path: Path) -> str:
    """Return a file's text with its line ends as they are, so that it can come back as it was."""
    return path.read_bytes().decode("utf-8")


def definition_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold definitions, by name."""
    return sorted(one for one in folder.iterdir() if one.suffix in SUFFIXES and one.is_file())


def show_faults(file: FaultyFile) -> None:
    """Print every fault on a line that editors understand: file, line, pointer, problem."""
    for fault in file.faults:
        line = f":{fault['line']}" if fault.get("line") else ""
        pointer = f"{fault['pointer']} " if fault["pointer"] else ""
        click.echo(f"{file.path}{line}: {pointer}{fault['problem']}")


def _load(path: Path) -> Iterator[SoundFile | FaultyFile]:
    if not path.is_dir():
        yield load_file(path)
        return
    found = definition_files(path)
    if not found:
        names = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        yield FaultyFile(path, [_whole(f"is a folder without {names}")])
    yield from map(load_file, found)


def _once(file: SoundFile | FaultyFile, first: dict[str, Path]) -> SoundFile | FaultyFile:
    """Return a file, or its fault if an earlier one defines a workflow of that name."""
    if isinstance(file, FaultyFile):
        return file
    known = first.setdefault(file.definition.name, file.path)
    if known == file.path:
        return file
    problem = f"is {file.definition.name!r}, which {known} defines already"
    return FaultyFile(file.path, [{"pointer": "/name", "problem": problem}])


def _whole(problem: str) -> Fault:
    return {"pointer": "", "problem": problem}
