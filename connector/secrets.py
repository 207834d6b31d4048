"""Named secrets of projects: workflows use their values, and nobody is shown one again."""

from __future__ import annotations

import re
from collections.abc import Container

from connector.database import Database
from connector.errors import FieldInvalid, NotFound
from connector.models import ProjectSecret
from connector.redaction import remember
from connector.sealing import PROJECT_SECRETS, Sealer
from connector.store import secrets as store

LONGEST_VALUE = 8192
MOST_SECRETS = 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Secrets:
    """Keeps the secrets of projects."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def set(self, project_id: str, name: str, value: str) -> ProjectSecret:
        """Give a secret a value, whether it is there yet or not.

        Raises
        ------
        FieldInvalid
            If name or value cannot be used, or the project has as many secrets as it may.
        NotFound
            If the project has been deleted.

        """
        check_name(name)
        _check_value(value)
        remember(value)
        with self._database.transaction() as tx:
            if not store.lock(tx, project_id):
                raise NotFound
            sealed = self._sealer.seal(tx, PROJECT_SECRETS, project_id, name, value)
            if not store.replace(tx, project_id, name, sealed):
                if store.count(tx, project_id) >= MOST_SECRETS:
                    raise FieldInvalid(
                        f"A project can have {MOST_SECRETS} secrets. Delete one first.",
                        pointer="/name",
                    )
                store.add(tx, project_id, name, sealed)
            return store.get_existing(tx, project_id, name)

    def names(self, project_id: str) -> list[ProjectSecret]:
        """Return a project's secrets by name, still sealed."""
        with self._database.reading() as tx:
            return store.all_of(tx, project_id)

    def delete(self, project_id: str, name: str) -> None:
        """Forget a secret.

        Raises
        ------
        NotFound
            If there is none of that name.

        """
        with self._database.transaction() as tx:
            if not store.remove(tx, project_id, name):
                raise NotFound

    def open_all(self, project_id: str, *, only: Container[str] | None = None) -> dict[str, str]:
        """Return every value by name, for a run; they are masked in all text from now on.

        ``only``: those names, as far as they are there.

        Raises
        ------
        SetupError
            If one does not open.

        """
        with self._database.reading() as tx:
            opened = {
                one.name: self._sealer.open(tx, PROJECT_SECRETS, project_id, one.name, one.sealed)
                for one in store.all_of(tx, project_id)
                if only is None or one.name in only
            }
        remember(*opened.values())
        return opened


def check_name(name: str) -> None:
    """Refuse a name that cannot stand in an expression.

    Raises
    ------
    FieldInvalid
        If it is one.

    """
    if not _NAME.fullmatch(name):
        raise FieldInvalid(
            "The name of a secret begins with a small letter and has up to 64 small letters, "
            "digits and underscores.",
            pointer="/name",
        )


def _check_value(value: str) -> None:
    if not 1 <= len(value) <= LONGEST_VALUE:
        raise FieldInvalid(f"A secret has 1 to {LONGEST_VALUE} characters.", pointer="/value")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise FieldInvalid("The value holds half a character.", pointer="/value")
