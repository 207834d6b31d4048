"""Find what an address names, within the project that it names."""

from __future__ import annotations

from connector.errors import NotFound
from connector.models import Connection, User
from connector.store import connections as connection_store
from connector.store import users as user_store
from connector.web.console.blueprint import this_project
from connector.web.guards import runtime


def find_user(user_id: str) -> User:
    """Return a user of the project.

    Raises
    ------
    NotFound
        If it has none of that id.

    """
    with runtime().database.reading() as tx:
        found = user_store.find_by_id(tx, this_project().id, user_id)
    if found is None:
        raise NotFound
    return found


def find_connection(user: User, connection_id: str) -> Connection:
    """Return a connection of a user.

    Raises
    ------
    NotFound
        If they have none of that id.

    """
    with runtime().database.reading() as tx:
        found = connection_store.find_of_user(tx, user.project_id, user.id, connection_id)
    if found is None:
        raise NotFound
    return found
