"""Envelope encryption and the key file."""

from __future__ import annotations

import base64
import dataclasses
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import vault
from connector.errors import MasterKeyMissing, SealBroken, SettingInvalid
from connector.vault import KeyRing, MasterKey, Place

PLACE = Place("credentials", "sealed", "project-1", "row-1")
KEY = vault.new_data_key()
GOOD = base64.b64encode(b"x" * 32).decode()


@given(st.binary(max_size=5000))
def test_what_is_sealed_opens_at_its_place(plain: bytes) -> None:
    assert vault.open_sealed(KEY, vault.seal(KEY, plain, PLACE), PLACE) == plain


def test_the_same_value_never_looks_the_same_twice() -> None:
    sealed = {vault.seal(KEY, b"secret", PLACE) for _ in range(500)}
    nonces = {one.split(".")[2] for one in sealed}
    assert len(sealed) == len(nonces) == 500
    assert all(one.startswith(f"v1.{KEY.id}.") and "secret" not in one for one in sealed)


@pytest.mark.parametrize(
    "change",
    [
        {"table": "app_credentials"},
        {"column": "client_secret_sealed"},
        {"project_id": "project-2"},
        {"row_id": "row-2"},
        {"project_id": "project-1\0row-1", "row_id": ""},
        {"project_id": "", "row_id": "project-1\0row-1"},
    ],
)
def test_a_value_moved_to_another_place_does_not_open(change: dict[str, str]) -> None:
    sealed = vault.seal(KEY, b"secret", PLACE)
    with pytest.raises(SealBroken):
        vault.open_sealed(KEY, sealed, dataclasses.replace(PLACE, **change))


def test_a_value_with_any_character_changed_does_not_open() -> None:
    sealed = vault.seal(KEY, b"secret", PLACE)
    for index, char in enumerate(sealed):
        # The last character of a part may hold bits that decode to nothing: change them all.
        other = "B" if char == "A" else "A"
        changed = sealed[:index] + other + sealed[index + 1 :]
        if _same_bytes(changed, sealed):
            continue
        with pytest.raises(SealBroken):
            vault.open_sealed(KEY, changed, PLACE)


def _same_bytes(left: str, right: str) -> bool:
    """Say whether two sealed values differ in nothing but unused bits of their Base64."""
    parts = [text.rpartition(".") for text in (left, right)]
    decoded = [
        (head, base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))) for head, _, tail in parts
    ]
    return decoded[0] == decoded[1]


@pytest.mark.parametrize("sealed", ["", "secret", "v1", "v1.k", "v1.k.", "v2.k.a.b", "v1.k.!.?"])
def test_text_that_was_never_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBroken):
        vault.open_sealed(dataclasses.replace(KEY, id="k"), sealed, PLACE)


def test_another_data_key_of_the_same_id_does_not_open() -> None:
    sealed = vault.seal(KEY, b"secret", PLACE)
    with pytest.raises(SealBroken):
        vault.open_sealed(dataclasses.replace(KEY, secret=b"y" * 32), sealed, PLACE)


def test_a_data_key_is_bound_to_its_master_key_and_project() -> None:
    master = vault.new_master_key()
    wrapped = vault.wrap(master, KEY, "project-1")
    assert vault.unwrap(master, KEY.id, wrapped, "project-1") == KEY
    for other_master, key_id, project in (
        (vault.new_master_key(), KEY.id, "project-1"),
        (master, "d0", "project-1"),
        (master, KEY.id, "project-2"),
    ):
        with pytest.raises(SealBroken):
            vault.unwrap(other_master, key_id, wrapped, project)


def test_keys_do_not_show_when_they_are_printed() -> None:
    master = MasterKey("k1", b"canary-canary-canary-canary-cana")
    printed = repr([master, vault.DataKey("d1", master.secret)]) + str(master)
    assert "canary" not in printed
    assert "k1" in printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        f":{GOOD}",
        f"k-1:{GOOD}",
        f"é:{GOOD}",
        "k1:",
        "k1:AAAA",
        f"k1:{GOOD}=",
        "k1:é" * 11,
    ],
)
def test_a_malformed_master_key_is_refused_in_words(text: str) -> None:
    with pytest.raises(SettingInvalid, match="must be written as id:key") as caught:
        vault.parse_master_keys([text])
    assert GOOD not in caught.value.message


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(SettingInvalid, match="the same id"):
        vault.parse_master_keys([f"k1:{GOOD}", f"k1:{GOOD}"])


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ring = KeyRing.from_settings((), tmp_path / "data")
    finally:
        os.umask(before)
    assert ring.file == tmp_path / "data" / "master-keys"
    assert stat.S_IMODE(ring.file.stat().st_mode) == 0o600
    assert [file.name for file in ring.file.parent.iterdir()] == ["master-keys"]
    assert KeyRing.from_settings((), tmp_path / "data").primary == ring.primary


def test_rewriting_a_key_file_keeps_it_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "master-keys"
    keys = [vault.new_master_key(), vault.new_master_key()]
    vault.write_key_file(file, keys[:1])
    vault.write_key_file(file, keys)
    assert vault.read_key_file(file) == keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["master-keys"]


_RACER = """
import sys
from pathlib import Path
from connector.vault import KeyRing
sys.stdin.readline()
print(KeyRing.from_settings((), Path(sys.argv[1])).primary.id)
"""


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    ids = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert [racer.returncode for racer in racers] == [0] * 6
    assert ids == {vault.read_key_file(tmp_path / "data" / "master-keys")[0].id}


def test_keys_of_the_settings_leave_no_file(tmp_path: Path) -> None:
    ring = KeyRing.from_settings((f"new:{GOOD}", f"old:{GOOD}"), tmp_path)
    assert (ring.primary.id, ring.ids(), ring.file) == ("new", ["new", "old"], None)
    assert list(tmp_path.iterdir()) == []


def test_a_key_added_to_the_file_is_found_without_a_restart(tmp_path: Path) -> None:
    ring = KeyRing.from_settings((), tmp_path)
    added = vault.new_master_key()
    assert ring.file is not None
    vault.write_key_file(ring.file, [added, ring.primary])
    assert ring.get(added.id) == added
    assert ring.primary == added


def test_a_key_that_is_nowhere_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissing) as caught:
        KeyRing.from_settings((), tmp_path).get("kgone")
    assert caught.value.message == (
        "The master key 'kgone' is needed to open stored secrets but is not set. Put it back into "
        "HEAPLINE_MASTER_KEYS or the key file in the data folder."
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty. Put the right one back from your backup"),
        (b"\n\n", "is empty"),
        (b"\xff\xfe\x00", "cannot be read (it is no text)"),
        (b"k1:short\n", "must be written as id:key"),
    ],
)
def test_a_damaged_key_file_is_told_and_left_as_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "master-keys").write_bytes(content)
    with pytest.raises(SettingInvalid) as caught:
        KeyRing.from_settings((), tmp_path)
    assert words in caught.value.message
    assert (tmp_path / "master-keys").read_bytes() == content


def test_a_key_file_that_cannot_be_opened_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "master-keys").mkdir()
    with pytest.raises(SettingInvalid, match=r"master-keys cannot be read \(Is a directory\)"):
        KeyRing.from_settings((), tmp_path)
