"""Connect accounts: by keys that the host product holds, or by a link for the user's browser."""

from __future__ import annotations

from typing import Any

from flask import url_for
from marshmallow import fields

from connector.connect_sessions import Wish
from connector.errors import FieldInvalid
from connector.manifest import AuthorizationCode, KeyMode
from connector.models import ApiKey
from connector.web.api.fields import Flag, Shape, Text, TextMap, Time
from connector.web.api.resource import Resource
from connector.web.api.schemas import ConnectionSchema, connection_form, external_id_field
from connector.web.guards import project_or_404, runtime

resource = Resource("Connecting", __name__, "Ways to connect an account.")


class NewConnectionSchema(Shape):
    """An account to connect by keys."""

    user = external_id_field(
        "The id that the host product gives the user, who is made if new.", required=True
    )
    connector = Text(longest=64, required=True)
    auth_mode = Text(
        longest=64,
        required=True,
        metadata={"description": "One of the connector's auth modes that have fields."},
    )
    filled = TextMap(
        longest=4000,
        required=True,
        data_key="fields",
        metadata={"description": "A value for each field of the auth mode."},
    )
    external_id = external_id_field(
        "An id of the host product's own for the connection.", allow_none=True
    )
    allow_multiple = Flag(
        load_default=False,
        metadata={
            "description": "Keep the user's other connections on this connector. "
            "Otherwise they are disconnected."
        },
    )


class LinkWishSchema(Shape):
    """What a connect link is for."""

    user = external_id_field(
        "The id that the host product gives the user, who is made if new.", required=True
    )
    connector = Text(longest=64, required=True)
    return_url = Text(
        longest=2000,
        allow_none=True,
        metadata={
            "description": "Where to go afterwards; on one of the project's allowed origins."
        },
    )
    connection_id = Text(
        longest=64,
        allow_none=True,
        metadata={"description": "The connection to renew, when it is to be the same account."},
    )


class LinkSchema(Shape):
    """A link to open in the user's browser, once."""

    url = fields.URL(required=True)
    expires_at = Time(required=True)


@resource.route(
    "POST",
    "/connections",
    scope="connections:write",
    body=NewConnectionSchema,
    answer=ConnectionSchema,
    status=201,
    fails=(502, 504),
)
def connect_by_keys(key: ApiKey, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Connect an account by keys.

    The keys are checked with the provider first. The same account of the same user keeps the id
    that its connection had.
    """
    mode = _key_mode(wanted["connector"], wanted["auth_mode"])
    _refuse_unknown(mode, wanted["filled"])
    wish = Wish(
        connector=wanted["connector"],
        external_id=wanted.get("external_id"),
        allow_multiple=wanted["allow_multiple"],
    )
    session, _ = runtime().connect_sessions.start(
        project_or_404(key.project_id), wanted["user"], wish
    )
    try:
        connection = runtime().connecting.connect_with_keys(session, mode.name, wanted["filled"])
    except FieldInvalid as error:
        pointer = f"/fields{error.meta.get('pointer', '')}"
        raise FieldInvalid(error.message, pointer=pointer) from error
    location = url_for("Connections.get_connection", connection_id=connection.id)
    return connection_form(connection, wanted["user"]), {"Location": location}


@resource.route(
    "POST",
    "/connect-links",
    scope="connections:write",
    body=LinkWishSchema,
    answer=LinkSchema,
    status=201,
    fails=(404,),
)
def make_connect_link(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make a connect link.

    Give it to the user alone: whoever opens it connects an account in the user's name.
    """
    _check_connector(wanted["connector"])
    wish = Wish(
        connector=wanted["connector"],
        return_url=wanted.get("return_url"),
        reconnect_id=wanted.get("connection_id"),
        allow_multiple=True,
    )
    session, link = runtime().connect_sessions.start(
        project_or_404(key.project_id), wanted["user"], wish
    )
    url = runtime().settings.public_url + url_for("connect.start", link=link)
    return {"url": url, "expires_at": session.expires_at}


def _check_connector(name: str) -> None:
    known = runtime().connectors
    if name not in known:
        raise FieldInvalid(
            f"There is no connector {name!r}. Known are: {', '.join(known)}.", pointer="/connector"
        )


def _key_mode(connector: str, name: str) -> KeyMode:
    _check_connector(connector)
    modes = {
        mode.name: mode
        for mode in runtime().connectors[connector].auth_modes.values()
        if not isinstance(mode, AuthorizationCode)
    }
    if name not in modes:
        raise FieldInvalid(
            f"{connector} has no auth mode {name!r} with fields. Known are: {', '.join(modes)}.",
            pointer="/auth_mode",
        )
    return modes[name]


def _refuse_unknown(mode: KeyMode, filled: dict[str, str]) -> None:
    known = {one.id for one in mode.fields}
    unknown = sorted(set(filled) - known)
    if unknown:
        raise FieldInvalid(
            f"{mode.title} has no field {unknown[0]!r}. Known are: {', '.join(sorted(known))}.",
            pointer=f"/fields/{unknown[0]}",
        )
