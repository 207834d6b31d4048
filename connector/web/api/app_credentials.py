"""What a project registered with a provider. The secret goes in and never comes out."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import fields, validate

from connector.models import ApiKey, AppCredentials
from connector.web.api.fields import Flag, Shape, Text, Time
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource(
    "App credentials", __name__, "What the project registered with a connector's provider."
)


class AppCredentialsSchema(Shape):
    """The app credentials of a project for one connector."""

    connector = fields.String(required=True)
    client_id = fields.String(required=True)
    has_secret = fields.Boolean(
        required=True, metadata={"description": "Whether a client secret is stored."}
    )
    scopes = fields.List(fields.String(), required=True)
    region = fields.String(required=True)
    without_app = fields.Boolean(
        required=True,
        metadata={"description": "Go to the provider itself though there is no client id."},
    )
    development = fields.Boolean(
        required=True,
        metadata={"description": "Whether the development keys and the sandbox stand in."},
    )
    redirect_uri = fields.String(
        required=True, metadata={"description": "What to register with the provider."}
    )
    updated_at = Time(required=True, allow_none=True)


class NewAppCredentialsSchema(Shape):
    """The app credentials to set. What is left out gets the connector's default."""

    client_id = Text(
        longest=500,
        shortest=0,
        required=True,
        metadata={"description": "Blank, and no secret: use the development keys."},
    )
    client_secret = Text(
        longest=4000,
        allow_none=True,
        metadata={"description": "Left out: keep the one that is stored.", "writeOnly": True},
    )
    scopes = fields.List(Text(longest=200), allow_none=True, validate=validate.Length(max=100))
    region = Text(longest=64, allow_none=True)
    without_app = Flag(load_default=False)


@resource.route(
    "GET",
    "/integrations/<id:connector>/credentials",
    scope="settings:read",
    answer=AppCredentialsSchema,
    fails=(404,),
)
def get_app_credentials(key: ApiKey, connector: str) -> dict[str, Any]:
    """Get app credentials."""
    with runtime().database.reading() as tx:
        return _form(runtime().apps.settings(tx, key.project_id, connector))


@resource.route(
    "PUT",
    "/integrations/<id:connector>/credentials",
    scope="settings:write",
    body=NewAppCredentialsSchema,
    answer=AppCredentialsSchema,
    fails=(404,),
)
def set_app_credentials(key: ApiKey, wanted: dict[str, Any], connector: str) -> dict[str, Any]:
    """Set app credentials.

    Connections made with another client id are marked as needing re-authorisation.
    """
    manifest = runtime().apps.connector(connector)
    scopes = wanted.get("scopes")
    saved = runtime().apps.save(
        key.project_id,
        connector,
        client_id=wanted["client_id"],
        client_secret=wanted.get("client_secret"),
        scopes=manifest.default_scopes() if scopes is None else tuple(scopes),
        region=wanted.get("region") or manifest.default_region,
        without_app=wanted["without_app"],
    )
    return _form(saved)


def _form(credentials: AppCredentials) -> dict[str, Any]:
    return {
        **dataclasses.asdict(credentials),
        "has_secret": bool(credentials.client_secret_sealed),
        "development": credentials.development,
        "redirect_uri": runtime().connecting.redirect_uri(credentials.connector),
        "updated_at": credentials.updated_at or None,
    }
