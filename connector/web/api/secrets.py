"""Secrets that workflows use by name. A value goes in and never comes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from connector.models import ApiKey
from connector.secrets import LONGEST_VALUE
from connector.web.api.fields import Shape, Time
from connector.web.api.paging import next_cursor_field, whole
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource("Secrets", __name__, "Values that workflows use as `<<secrets.NAME>>`.")


class SecretSchema(Shape):
    """A secret, without its value."""

    name = fields.String(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class SecretListSchema(Shape):
    """Every secret of the project, by name."""

    items = fields.List(fields.Nested(SecretSchema), required=True)
    next_cursor = next_cursor_field()


class SecretValueSchema(Shape):
    """The value that a secret gets."""

    value = fields.String(
        required=True,
        validate=validate.Length(1, LONGEST_VALUE),
        metadata={"writeOnly": True, "description": "Any text; it is never shown again."},
    )


@resource.route("GET", "/secrets", scope="secrets:read", answer=SecretListSchema)
def list_secrets(key: ApiKey) -> dict[str, Any]:
    """List secrets.

    Names and times, never values.
    """
    return whole(runtime().secrets.names(key.project_id))


@resource.route(
    "PUT",
    "/secrets/<id:secret_name>",
    scope="secrets:write",
    body=SecretValueSchema,
    answer=SecretSchema,
    fails=(404,),
)
def set_secret(key: ApiKey, wanted: dict[str, Any], secret_name: str) -> Any:
    """Set a secret.

    Its name begins with a small letter and has up to 64 small letters, digits and underscores. A
    project has up to 100 secrets.
    """
    return runtime().secrets.set(key.project_id, secret_name, wanted["value"])


@resource.route(
    "DELETE", "/secrets/<id:secret_name>", scope="secrets:write", status=204, fails=(404,)
)
def delete_secret(key: ApiKey, secret_name: str) -> None:
    """Delete a secret.

    Workflows that use it fail from now on.
    """
    runtime().secrets.delete(key.project_id, secret_name)
