"""The whole of a manifest file."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import marshmallow.fields as f
from marshmallow import ValidationError, post_load, validate, validates_schema

from connector import manifest as m
from connector.manifest_schema.auth_modes import AuthModeField
from connector.manifest_schema.rules import (
    HEADER,
    PATH,
    POINTER,
    SLUG,
    Strict,
    host,
    https,
    json_schema,
    text_field,
)

MANIFEST_VERSION = 1


class _RegionSchema(Strict):
    makes = m.Region
    title = text_field()
    base_urls = f.Dict(keys=f.String(validate=SLUG), values=f.String(validate=https), required=True)
    allowed_hosts = f.List(f.String(validate=host), required=True, validate=validate.Length(min=1))

    @validates_schema
    def _hosts_are_allowed(self, data: dict[str, Any], **_: Any) -> None:
        if "default" not in data["base_urls"]:
            raise ValidationError("must have a default address", "base_urls")
        for name, url in data["base_urls"].items():
            if urlsplit(url).netloc not in data["allowed_hosts"]:
                raise ValidationError(
                    {"base_urls": {name: ["must be on one of allowed_hosts"]}},
                )


class _ScopeSchema(Strict):
    makes = m.Scope
    name = text_field()
    title = text_field()
    description = text_field()
    default = f.Boolean(required=True, truthy={True}, falsy={False})


class _ScopesSchema(Strict):
    makes = m.ScopeRules
    separator = f.String(required=True, validate=validate.OneOf([" ", ","]))
    available = f.List(f.Nested(_ScopeSchema), required=True)


class _ActionSchema(Strict):
    title = text_field()
    description = text_field()
    docs_url = f.String(load_default="", validate=https)
    method = f.String(
        required=True, validate=validate.OneOf(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    )
    path = text_field(validate=PATH)
    base = f.String(load_default="default")
    authenticated = f.Boolean(required=True, truthy={True}, falsy={False})
    when_present = f.String(load_default="", validate=POINTER)
    account_fields = f.Dict(
        keys=f.String(validate=POINTER),
        values=f.String(validate=SLUG),
        load_default=dict,
    )
    idempotency_key = f.String(load_default=None, validate=POINTER)
    repeatable = f.Boolean(load_default=False, truthy={True}, falsy={False})
    input = f.Dict(load_default=dict, validate=json_schema)


class _LimitSchema(Strict):
    makes = m.Limit
    name = text_field(validate=SLUG)
    description = text_field()
    actions = f.List(f.String(), load_default=list)
    key = f.List(
        f.String(
            validate=validate.Regexp(
                r"^(connection|(/[^/]+)+)$", error="must be connection or a JSON pointer"
            )
        ),
        required=True,
        validate=validate.Length(min=1),
    )
    cost = f.String(load_default="", validate=POINTER)
    amount = f.Integer(required=True, strict=True, validate=validate.Range(min=1))
    per_seconds = f.Integer(required=True, strict=True, validate=validate.Range(min=1))


class _RetrySchema(Strict):
    makes = m.RetryRules
    statuses = f.List(f.Integer(strict=True, validate=validate.Range(400, 599)), required=True)
    attempts = f.Integer(required=True, strict=True, validate=validate.Range(1, 10))
    base_seconds = f.Float(required=True, validate=validate.Range(min=0.05))
    longest_wait_seconds = f.Float(required=True, validate=validate.Range(min=0.05))
    retry_after_header = text_field(validate=HEADER)


class _WebhookSchema(Strict):
    makes = m.WebhookRules
    scheme = f.String(required=True, validate=validate.OneOf(["hmac_timestamp_body"]))
    header = text_field(validate=HEADER)
    algorithm = f.String(required=True, validate=validate.OneOf(["sha256"]))
    encoding = f.String(required=True, validate=validate.OneOf(["base64", "hex"]))
    timestamp_unit = f.String(required=True, validate=validate.OneOf(["seconds", "milliseconds"]))
    past_tolerance_seconds = f.Integer(required=True, strict=True)
    future_tolerance_seconds = f.Integer(required=True, strict=True)
    account_key = text_field(validate=POINTER)


class _DevelopmentSchema(Strict):
    makes = m.DevelopmentKeys
    client_id = text_field()
    client_secret = text_field()


class ManifestSchema(Strict):
    """The whole file."""

    manifest_version = f.Integer(
        required=True, strict=True, validate=validate.Equal(MANIFEST_VERSION)
    )
    name = text_field(validate=SLUG)
    title = text_field()
    description = text_field()
    docs_url = f.String(load_default="", validate=https)
    brand_color = f.String(
        load_default="#475569",
        validate=validate.Regexp(r"^#[0-9a-fA-F]{6}$", error="must be a colour such as #475569"),
    )
    regions = f.Dict(
        keys=f.String(validate=SLUG),
        values=f.Nested(_RegionSchema),
        required=True,
        validate=validate.Length(min=1),
    )
    default_region = f.String(required=True)
    scopes = f.Nested(_ScopesSchema, load_default=lambda: m.ScopeRules(separator=" ", available=()))
    auth_modes = f.Dict(
        keys=f.String(validate=SLUG),
        values=AuthModeField(),
        required=True,
        validate=validate.Length(min=1),
    )
    actions = f.Dict(
        keys=f.String(validate=SLUG), values=f.Nested(_ActionSchema), load_default=dict
    )
    limits = f.List(f.Nested(_LimitSchema), load_default=list)
    retry = f.Nested(_RetrySchema, required=True)
    webhook = f.Nested(_WebhookSchema, load_default=None)
    development = f.Nested(_DevelopmentSchema, load_default=None)

    @validates_schema
    def _names_are_declared(self, data: dict[str, Any], **_: Any) -> None:
        faults: dict[str, Any] = {}
        if data["default_region"] not in data["regions"]:
            faults["default_region"] = ["must be the name of one of the regions"]
        bases = [set(region.base_urls) for region in data["regions"].values()]
        for name, action in data["actions"].items():
            if not all(action["base"] in known for known in bases):
                text = "must be a base address that every region has"
                faults.setdefault("actions", {})[name] = {"base": [text]}
        for index, limit in enumerate(data["limits"]):
            if not set(limit.actions) <= set(data["actions"]):
                text = "must be names of actions"
                faults.setdefault("limits", {})[index] = {"actions": [text]}
        if faults:
            raise ValidationError(faults)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> m.Manifest:
        data.pop("manifest_version")
        data["actions"] = {
            name: m.Action(name=name, **values) for name, values in data["actions"].items()
        }
        data["auth_modes"] = {
            name: dataclasses.replace(mode, name=name) for name, mode in data["auth_modes"].items()
        }
        data["limits"] = tuple(data["limits"])
        return m.Manifest(**data)
