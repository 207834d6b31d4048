"""The SDK's blueprint, and what its routes share: who calls, and what a user has."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, jsonify

from connector import sdk_protocol as protocol
from connector.database import Transaction
from connector.errors import FieldInvalid, NotFound
from connector.models import Configuration, Connection, User
from connector.selector import choose
from connector.store import configurations as configuration_store
from connector.store import connections as connection_store
from connector.store import users as user_store
from connector.web.guards import runtime, user_claims
from workflow.offers import Offer

blueprint = Blueprint("sdk", __name__, url_prefix="/projects/<project_id>/sdk")

LARGEST_META = 16 * 1024


def caller(project_id: str) -> User:
    """Return the caller, made at their first call."""
    claims = user_claims(project_id)
    with runtime().database.reading() as tx:
        found = user_store.find(tx, project_id, claims.user_id)
    if found is not None:
        return found
    with runtime().database.transaction() as tx:
        return user_store.ensure(tx, project_id, claims.user_id)


def offers_to(project_id: str, user: User) -> list[Offer]:
    """Return the workflows that a user may switch on."""
    return runtime().engine.offers.of_user(project_id, user.external_id)


def connections_of(project_id: str, user: User, connector: str | None = None) -> list[Connection]:
    """Return a user's connections, those of one connector when it is named."""
    with runtime().database.reading() as tx:
        return connection_store.of_user(tx, project_id, user.id, connector)


def own_connection(project_id: str, user: User, selector: str) -> Connection:
    """Return the connection that the caller chose; raises NotFound if it is none of theirs."""
    return choose(connections_of(project_id, user), selector)


def configurations_of(
    tx: Transaction, project_id: str, connections: list[Connection]
) -> dict[str, list[Configuration]]:
    """Return the configurations of connections."""
    ids = [one.id for one in connections]
    return configuration_store.of_connections(tx, project_id, ids)


def credential_answer(project_id: str, user: User, connection: Connection) -> Response:
    """Return a connection as it is now, in the SDK's words."""
    with runtime().database.reading() as tx:
        known = configurations_of(tx, project_id, [connection])
    offers = offers_to(project_id, user)
    return jsonify(protocol.credential(connection, known[connection.id], offers))


def connector_named(project_id: str, integration: str) -> str:
    """Return the connector that an integration's id or name stands for; raises NotFound."""
    name = protocol.connector_of(project_id, integration, list(runtime().connectors))
    if name is None:
        raise NotFound
    return name


def check_size(data: dict[str, Any], pointer: str, most: int = LARGEST_META) -> None:
    """Refuse an object that is too large to be kept; raises FieldInvalid."""
    if len(json.dumps(data)) > most:
        name = pointer.rpartition("/")[2]
        raise FieldInvalid(f"{name} must be shorter than {most} bytes.", pointer=pointer)
