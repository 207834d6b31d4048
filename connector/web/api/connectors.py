"""Connectors, as their manifests describe them; without secrets and addresses of tokens."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import fields

from connector.manifest import AuthMode, Manifest
from connector.models import ApiKey
from connector.web.api.fields import Shape
from connector.web.api.paging import next_cursor_field, whole
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource("Connectors", __name__, "The API providers that users can connect to.")


class ConnectorSummarySchema(Shape):
    """A connector."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    docs_url = fields.String(required=True)
    brand_color = fields.String(required=True)
    icon_url = fields.String(required=True)


class ConnectorListSchema(Shape):
    """Every connector that is loaded."""

    items = fields.List(fields.Nested(ConnectorSummarySchema), required=True)
    next_cursor = next_cursor_field()


class RegionSchema(Shape):
    """Where the provider's API lives for one group of customers."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    base_urls = fields.Dict(values=fields.String(), required=True)
    allowed_hosts = fields.List(fields.String(), required=True)


class ScopeSchema(Shape):
    """A permission that can be asked for."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    default = fields.Boolean(required=True)


class FieldSchema(Shape):
    """Something to fill in to connect an account by keys."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    help = fields.String(required=True)
    pattern = fields.String(required=True)
    example = fields.String(required=True)
    secret = fields.Boolean(required=True)


class AuthModeSchema(Shape):
    """A way to connect an account."""

    name = fields.String(required=True)
    type = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    asked = fields.List(
        fields.Nested(FieldSchema),
        required=True,
        data_key="fields",
        metadata={"description": "What to fill in; none for a sign-in in the browser."},
    )


class ActionSchema(Shape):
    """A named request."""

    name = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    docs_url = fields.String(required=True)
    method = fields.String(required=True)
    path = fields.String(required=True)
    authenticated = fields.Boolean(required=True)
    repeatable = fields.Boolean(required=True)
    idempotency_key = fields.String(required=True, allow_none=True)
    input = fields.Dict(required=True, metadata={"description": "JSON Schema of the body."})


class LimitSchema(Shape):
    """At most so many in a time, for each value of the key."""

    name = fields.String(required=True)
    description = fields.String(required=True)
    actions = fields.List(fields.String(), required=True)
    key = fields.List(fields.String(), required=True)
    cost = fields.String(required=True)
    amount = fields.Integer(required=True)
    per_seconds = fields.Integer(required=True)


class ConnectorSchema(ConnectorSummarySchema):
    """A connector with everything that can be done with it."""

    default_region = fields.String(required=True)
    regions = fields.List(fields.Nested(RegionSchema), required=True)
    scopes = fields.List(fields.Nested(ScopeSchema), required=True)
    auth_modes = fields.List(fields.Nested(AuthModeSchema), required=True)
    actions = fields.List(fields.Nested(ActionSchema), required=True)
    limits = fields.List(fields.Nested(LimitSchema), required=True)
    has_development_keys = fields.Boolean(required=True)


@resource.route(
    "GET",
    "/connectors",
    scope="connections:read",
    answer=ConnectorListSchema,
)
def list_connectors(_key: ApiKey) -> dict[str, Any]:
    """List connectors."""
    return whole([_summary(one) for one in runtime().connectors.values()])


@resource.route(
    "GET",
    "/connectors/<id:name>",
    scope="connections:read",
    answer=ConnectorSchema,
    fails=(404,),
)
def get_connector(_key: ApiKey, name: str) -> dict[str, Any]:
    """Get a connector."""
    manifest = runtime().apps.connector(name)
    return {
        **_summary(manifest),
        "default_region": manifest.default_region,
        "regions": [
            {"name": key, **dataclasses.asdict(region)} for key, region in manifest.regions.items()
        ],
        "scopes": manifest.scopes.available,
        "auth_modes": [_auth_mode(mode) for mode in manifest.auth_modes.values()],
        "actions": list(manifest.actions.values()),
        "limits": manifest.limits,
        "has_development_keys": manifest.development is not None,
    }


def _summary(manifest: Manifest) -> dict[str, Any]:
    icon_url = f"{runtime().settings.public_url}/integrations/{manifest.name}.svg"
    return {
        "name": manifest.name,
        "title": manifest.title,
        "description": manifest.description,
        "docs_url": manifest.docs_url,
        "brand_color": manifest.brand_color,
        "icon_url": icon_url,
    }


def _auth_mode(mode: AuthMode) -> dict[str, Any]:
    return {
        "name": mode.name,
        "type": mode.type,
        "title": mode.title,
        "description": mode.description,
        "asked": getattr(mode, "fields", ()),
    }
