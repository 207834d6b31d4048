"""Register the API with the application and describe it (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask_smorest import Api
from flask_wtf.csrf import CSRFProtect
from marshmallow import fields, validate
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from connector import __version__
from connector.access import SCOPES
from connector.web import guards, problems
from connector.web.api import (
    app_credentials,
    connecting,
    connections,
    connectors,
    deployments,
    notices,
    request_log,
    run_control,
    runs,
    secrets,
    signing_keys,
    starting,
    trials,
    users,
    workflow_addresses,
    workflow_users,
    workflows,
)
from connector.web.api.fields import Shape
from connector.web.api.resource import PREFIX, SECURITY, ExternalId, Id

_RESOURCES = (
    connectors.resource,
    users.resource,
    connections.resource,
    connecting.resource,
    request_log.resource,
    workflows.resource,
    deployments.resource,
    workflow_users.resource,
    workflow_addresses.resource,
    starting.resource,
    runs.resource,
    run_control.resource,
    trials.resource,
    app_credentials.resource,
    signing_keys.resource,
    secrets.resource,
    notices.resource,
)
_DESCRIPTION = """\
For servers of the host product. Send an API key as `Authorization: Bearer hlk_…`; it belongs to one
project and carries scopes.

Lists answer `items` and `next_cursor`; hand the cursor back as `cursor` for the next page. Times
are ISO 8601 in UTC. Fields that are not described are refused.

Every error has the same form: `message`, a stable `code`, `status`, and `meta` with the request id
and whether a repeat may succeed. For `field_invalid`, `body_invalid` and `definition_invalid`,
`meta.faults` names each fault by JSON pointer. An id of another project is answered like one that
does not exist.
"""


class FaultSchema(Shape):
    """What is wrong with one field."""

    pointer = fields.String(required=True)
    problem = fields.String(required=True)
    line = fields.Integer(allow_none=True)
    step = fields.String()


class MetaSchema(Shape):
    """What a program can act on; it may hold more than is named here."""

    class Meta:
        """Allow what an error adds."""

        unknown = "include"

    requestId = fields.String(required=True)  # noqa: N815 - as the npm SDK's users know it
    retryable = fields.Boolean(required=True)
    faults = fields.List(fields.Nested(FaultSchema))


class ErrorSchema(Shape):
    """The answer in every case of failure."""

    message = fields.String(required=True)
    code = fields.String(required=True)
    status = fields.Integer(required=True, validate=validate.Range(400, 599))
    meta = fields.Nested(MetaSchema, required=True)


class HeaplineApi(Api):  # type: ignore[misc] # flask-smorest has no types
    """The registry of resources, with errors in our envelope."""

    ERROR_SCHEMA = ErrorSchema
    #: Every status is described by its own number.
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer the framework's errors as the rest of the application does."""
        return problems.answer_framework(error)


def install(app: Flask, csrf: CSRFProtect) -> None:
    """Register every resource and the description at ``/api/v1/openapi.json``.

    The API takes no cookies, so it needs no protection against forged requests.
    """
    app.config.update(OPENAPI_URL_PREFIX=PREFIX)
    app.url_map.converters |= {"id": Id, "external_id": ExternalId}
    api = HeaplineApi(app, spec_kwargs=_about(app))
    for converter in (Id, ExternalId):
        api.register_converter(converter, _text)
    api.spec.components.security_scheme(
        SECURITY,
        {"type": "http", "scheme": "bearer", "description": _scopes()},
    )
    for resource in _RESOURCES:
        csrf.exempt(resource.blueprint)
        api.register_blueprint(resource.blueprint)


def _about(app: Flask) -> dict[str, Any]:
    with app.app_context():
        server = guards.runtime().settings.public_url
    return {
        "title": "Heapline",
        "version": __version__,
        "openapi_version": "3.1.0",
        "info": {"description": _DESCRIPTION},
        "servers": [{"url": server}],
    }


def _scopes() -> str:
    lines = [f"- `{name}`: {meaning}" for name, meaning in SCOPES.items()]
    return "An API key. Its scopes:\n\n" + "\n".join(lines)


def _text(converter: BaseConverter) -> dict[str, Any]:
    longest = getattr(converter, "longest", None)
    return {"type": "string", "minLength": 1, "maxLength": longest}
