"""Named secrets of projects: sealed, opened for runs alone, rotated with everything else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from connector import sealing, vault
from connector.database import Database
from connector.errors import FieldInvalid, NotFound, SealBroken
from connector.redaction import redact_text
from connector.sealing import Sealer
from connector.secrets import MOST_SECRETS, Secrets
from connector.store import keys as key_store
from connector.store import projects as project_store
from connector.tables import project_secrets, projects
from connector.vault import KeyRing

VALUE = "sk-live-secret-of-the-crm"


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([vault.new_master_key()])


@pytest.fixture
def secrets(database: Database, ring: KeyRing) -> Secrets:
    return Secrets(database, Sealer(ring))


@pytest.fixture
def project_id(database: Database) -> str:
    return new_project(database, "Acme")


def new_project(database: Database, name: str) -> str:
    with database.transaction() as tx:
        return project_store.create(tx, name, []).id


def names(secrets: Secrets, project_id: str) -> list[str]:
    return [one.name for one in secrets.names(project_id)]


def test_a_secret_is_set_used_replaced_and_deleted(secrets: Secrets, project_id: str) -> None:
    first = secrets.set(project_id, "crm_token", VALUE)
    secrets.set(project_id, "a1", "x")
    assert secrets.open_all(project_id) == {"a1": "x", "crm_token": VALUE}
    again = secrets.set(project_id, "crm_token", "another")
    assert secrets.open_all(project_id)["crm_token"] == "another"
    assert (again.created_at, again.updated_at > first.updated_at) == (first.created_at, True)
    assert names(secrets, project_id) == ["a1", "crm_token"]
    secrets.delete(project_id, "crm_token")
    assert secrets.open_all(project_id) == {"a1": "x"}
    with pytest.raises(NotFound):
        secrets.delete(project_id, "crm_token")


@pytest.mark.parametrize("value", ["x", " \n", "ä" * 8192, "-----BEGIN\nline\n\tend\0"])
def test_any_text_can_be_a_secret(secrets: Secrets, project_id: str, value: str) -> None:
    secrets.set(project_id, "it", value)
    assert secrets.open_all(project_id) == {"it": value}


@pytest.mark.parametrize(
    ("name", "value", "pointer"),
    [
        ("", "x", "/name"), ("A", "x", "/name"), ("1a", "x", "/name"), ("_a", "x", "/name"),
        ("a-b", "x", "/name"), ("a.b", "x", "/name"), ("a" * 65, "x", "/name"),
        ("ä", "x", "/name"), ("a\n", "x", "/name"),
        ("a", "", "/value"), ("a", "x" * 8193, "/value"), ("a", "\ud800", "/value"),
    ],
)  # fmt: skip
def test_a_name_or_value_that_cannot_be_used_is_refused(
    secrets: Secrets, project_id: str, name: str, value: str, pointer: str
) -> None:
    with pytest.raises(FieldInvalid) as caught:
        secrets.set(project_id, name, value)
    assert caught.value.meta["pointer"] == pointer
    assert secrets.names(project_id) == []


def test_a_project_has_a_hundred_secrets_at_most(
    database: Database, secrets: Secrets, project_id: str
) -> None:
    for number in range(MOST_SECRETS - 5):
        secrets.set(project_id, f"s{number}", "x")

    def add(number: int) -> int:
        try:
            secrets.set(project_id, f"t{number}", "x")
        except FieldInvalid:
            return 0
        return 1

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(add, range(20))) == 5
    with pytest.raises(FieldInvalid, match="100 secrets"):
        secrets.set(project_id, "one_more", "x")
    secrets.set(project_id, "s0", "changed")
    assert secrets.open_all(project_id)["s0"] == "changed"
    other = new_project(database, "Other")
    secrets.set(other, "one_more", "x")


def test_one_name_set_by_many_at_once_is_one_secret(secrets: Secrets, project_id: str) -> None:
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda n: secrets.set(project_id, "it", f"value {n}"), range(20)))
    ((name, value),) = secrets.open_all(project_id).items()
    assert (name, value.startswith("value ")) == ("it", True)


def test_projects_have_secrets_of_their_own(
    database: Database, secrets: Secrets, project_id: str
) -> None:
    other = new_project(database, "Other")
    secrets.set(project_id, "crm_token", VALUE)
    assert (secrets.names(other), secrets.open_all(other)) == ([], {})
    secrets.set(other, "crm_token", "theirs")
    with pytest.raises(NotFound):
        secrets.delete(other, "nothing")
    secrets.delete(other, "crm_token")
    assert secrets.open_all(project_id) == {"crm_token": VALUE}


def test_a_value_is_sealed_at_rest_and_opens_in_its_own_row_alone(
    database: Database, secrets: Secrets, project_id: str
) -> None:
    secrets.set(project_id, "one", VALUE)
    secrets.set(project_id, "two", "another value")
    with database.transaction() as tx:
        rows = {row.name: row.sealed for row in tx.execute(select(project_secrets))}
        tx.execute(
            update(project_secrets)
            .where(project_secrets.c.name == "two")
            .values(sealed=rows["one"])
        )
    assert VALUE not in repr(rows)
    with pytest.raises(SealBroken):
        secrets.open_all(project_id)


def test_what_was_opened_is_masked_in_every_text(
    database: Database, ring: KeyRing, project_id: str
) -> None:
    secrets = Secrets(database, Sealer(ring))
    with database.transaction() as tx:
        value = f"set by another process for {project_id}"
        sealed = Sealer(ring).seal(tx, sealing.PROJECT_SECRETS, project_id, "it", value)
        tx.execute(
            project_secrets.insert().values(
                project_id=project_id, name="it", sealed=sealed, created_at=0.0, updated_at=0.0
            )
        )
    text = f"It said: {value}."
    assert redact_text(text) == text
    secrets.open_all(project_id)
    assert redact_text(text) == "It said: [redacted]."


def test_rotation_seals_secrets_anew(
    database: Database, ring: KeyRing, secrets: Secrets, project_id: str
) -> None:
    secrets.set(project_id, "crm_token", VALUE)
    with database.reading() as tx:
        before = secrets.names(project_id)[0].sealed
        old = key_store.active_data_key(tx, project_id)
    newer = KeyRing([vault.new_master_key(), *ring._keys])
    list(sealing.rotate(database, Sealer(newer)))
    after = secrets.names(project_id)[0].sealed
    assert old is not None
    assert (old.id in before, old.id in after) == (True, False)
    alone = Secrets(database, Sealer(KeyRing([newer.primary])))
    assert alone.open_all(project_id) == {"crm_token": VALUE}


def test_deleting_a_project_takes_its_secrets(
    database: Database, secrets: Secrets, project_id: str
) -> None:
    secrets.set(project_id, "crm_token", VALUE)
    with database.transaction() as tx:
        tx.execute(projects.delete())
    assert secrets.names(project_id) == []
    with pytest.raises(NotFound):
        secrets.set(project_id, "crm_token", VALUE)
