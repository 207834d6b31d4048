"""Envelope encryption: master keys wrap data keys, data keys seal values (AES-256-GCM).

A sealed value reads ``v1.<data key id>.<nonce>.<ciphertext>``. Its associated data names table,
column, project and row, so that a value copied to another place does not open. This module holds
no key longer than its caller does and never writes one, but for the key file it makes.
"""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import MasterKeyMissing, SealBroken, SettingInvalid

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = "v1"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key-encryption key; its id is public."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"MasterKey({self.id!r})"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A project's unwrapped data key; its id is public."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"DataKey({self.id!r})"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands; part of what the seal authenticates."""

    table: str
    column: str
    project_id: str
    row_id: str

    def associated_data(self) -> bytes:
        """Return an unambiguous encoding of the four parts."""
        return "\0".join((self.table, self.column, self.project_id, self.row_id)).encode()


class KeyRing:
    """The master keys, the first one primary; re-read from their file when one is missing."""

    def __init__(self, keys: Sequence[MasterKey], file: Path | None = None) -> None:
        self._keys = list(keys)
        self._file = file
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, texts: Sequence[str], data_dir: Path) -> KeyRing:
        """Take the keys from the settings, else from the key file, made if there is none.

        Raises
        ------
        SettingInvalid
            If a key is not ``id:base64`` of 32 bytes.

        """
        if texts:
            return cls(parse_master_keys(texts))
        file = data_dir / "master-keys"
        if not file.exists():
            write_key_file(file, [new_master_key()], create=True)
        return cls(read_key_file(file), file)

    @property
    def primary(self) -> MasterKey:
        """Return the key that new data keys are wrapped with."""
        return self._keys[0]

    @property
    def file(self) -> Path | None:
        """Return the file the keys came from, or nothing when they came from the settings."""
        return self._file

    def ids(self) -> list[str]:
        """Return the ids of all keys, the primary first."""
        return [key.id for key in self._keys]

    def get(self, key_id: str) -> MasterKey:
        """Return a key by id.

        Raises
        ------
        MasterKeyMissing
            If it is neither known nor in the file by now.

        """
        found = self._find(key_id)
        if found is None and self._file is not None:
            self.reload()
            found = self._find(key_id)
        if found is None:
            raise MasterKeyMissing(
                f"The master key {key_id!r} is needed to open stored secrets but is not set. Put "
                "it back into HEAPLINE_MASTER_KEYS or the key file in the data folder.",
                key_id=key_id,
            )
        return found

    def reload(self) -> None:
        """Read the key file again, if the keys came from one."""
        if self._file is not None:
            with self._lock:
                self._keys = read_key_file(self._file)

    def _find(self, key_id: str) -> MasterKey | None:
        return next((key for key in self._keys if key.id == key_id), None)


def new_master_key() -> MasterKey:
    """Make a random master key."""
    return MasterKey("k" + secrets.token_hex(4), secrets.token_bytes(KEY_BYTES))


def new_data_key() -> DataKey:
    """Make a random data key."""
    return DataKey("d" + secrets.token_hex(8), secrets.token_bytes(KEY_BYTES))


def wrap(master: MasterKey, data_key: DataKey, project_id: str) -> str:
    """Encrypt a data key under a master key, bound to its project."""
    place = Place("data_keys", "wrapped", project_id, data_key.id)
    return _encrypt(master.secret, data_key.secret, place)


def unwrap(master: MasterKey, data_key_id: str, wrapped: str, project_id: str) -> DataKey:
    """Decrypt a data key.

    Raises
    ------
    SealBroken
        If it was altered, or wrapped by another key or for another project.

    """
    place = Place("data_keys", "wrapped", project_id, data_key_id)
    return DataKey(data_key_id, _decrypt(master.secret, wrapped, place))


def seal(data_key: DataKey, plain: bytes, place: Place) -> str:
    """Encrypt a value for one place."""
    return f"{VERSION}.{data_key.id}.{_encrypt(data_key.secret, plain, place)}"


def open_sealed(data_key: DataKey, sealed: str, place: Place) -> bytes:
    """Decrypt a value sealed for this place.

    Raises
    ------
    SealBroken
        If it was altered or belongs elsewhere.

    """
    version, key_id, body = split_sealed(sealed)
    if version != VERSION or key_id != data_key.id:
        raise SealBroken(place=place.table)
    return _decrypt(data_key.secret, body, place)


def split_sealed(sealed: str) -> tuple[str, str, str]:
    """Return version, data key id and body of a sealed value.

    Raises
    ------
    SealBroken
        If it does not have the form of one.

    """
    parts = sealed.split(".", 2)
    if len(parts) != 3:
        raise SealBroken
    return parts[0], parts[1], parts[2]


def parse_master_keys(texts: Sequence[str]) -> list[MasterKey]:
    """Read keys written as ``id:base64``.

    Raises
    ------
    SettingInvalid
        If one is malformed, of the wrong length, or an id is there twice.

    """
    keys = [_parse_master_key(text) for text in texts]
    if len({key.id for key in keys}) != len(keys):
        raise SettingInvalid("Two master keys have the same id.", setting="HEAPLINE_MASTER_KEYS")
    return keys


def format_master_key(key: MasterKey) -> str:
    """Write a key as ``id:base64``."""
    return f"{key.id}:{base64.b64encode(key.secret).decode()}"


def read_key_file(file: Path) -> list[MasterKey]:
    """Read a key file: one key a line, the first one primary.

    Raises
    ------
    SettingInvalid
        If it cannot be read, holds no key, or one that is malformed.

    """
    try:
        lines = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingInvalid(
            f"The key file {file} cannot be read ({reason}). Put the right one back from your "
            "backup: stored secrets cannot be opened without it.",
            setting="HEAPLINE_MASTER_KEYS",
        ) from error
    if not lines:
        raise SettingInvalid(
            f"The key file {file} is empty. Put the right one back from your backup, or remove "
            "it to start with a new key if nothing was stored yet.",
            setting="HEAPLINE_MASTER_KEYS",
        )
    return parse_master_keys(lines)


def write_key_file(file: Path, keys: Sequence[MasterKey], *, create: bool = False) -> None:
    """Write a key file, readable by its owner alone, in one atomic step.

    With ``create``, a file that another process made meanwhile is left as it is.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write("".join(format_master_key(key) + "\n" for key in keys))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        if create:
            os.link(draft, file)
            draft.unlink()
        else:
            draft.replace(file)
    except FileExistsError:
        draft.unlink()


def _parse_master_key(text: str) -> MasterKey:
    key_id, _, encoded = text.partition(":")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except ValueError:
        secret = b""
    if not (key_id.isascii() and key_id.isalnum()) or len(secret) != KEY_BYTES:
        raise SettingInvalid(
            "A master key must be written as id:key, the id of letters and digits, the key "
            "Base64 of 32 random bytes. `heapline keys new` prints one.",
            setting="HEAPLINE_MASTER_KEYS",
        )
    return MasterKey(key_id, secret)


def _encrypt(secret: bytes, plain: bytes, place: Place) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    cipher = AESGCM(secret).encrypt(nonce, plain, place.associated_data())
    return f"{_text(nonce)}.{_text(cipher)}"


def _decrypt(secret: bytes, body: str, place: Place) -> bytes:
    nonce, _, cipher = body.partition(".")
    try:
        return AESGCM(secret).decrypt(_bytes(nonce), _bytes(cipher), place.associated_data())
    except (InvalidTag, ValueError) as error:
        raise SealBroken(place=place.table) from error


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
