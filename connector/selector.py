"""How a caller says which of a user's connections is meant: by id, or by an external id."""

from __future__ import annotations

from collections.abc import Sequence

from connector.errors import NotFound
from connector.models import Connection, Status

_PREFIX = "ext:"


def choose(connections: Sequence[Connection], selector: str) -> Connection:
    """Return the connection that is meant, a live one before one that was disconnected.

    Raises
    ------
    NotFound
        If none of them has that id or external id.

    """
    external_id = selector.removeprefix(_PREFIX)
    by_id = [one for one in connections if one.id == selector]
    by_external_id = [one for one in connections if one.external_id == external_id]
    ended = [one for one in by_external_id if one.status is Status.DISCONNECTED]
    for found in (by_id, [one for one in by_external_id if one not in ended], ended):
        if found:
            return found[0]
    raise NotFound
