"""The auth modes of a manifest."""

from __future__ import annotations

import string
from typing import Any, ClassVar

import marshmallow.fields as f
from marshmallow import Schema, ValidationError, post_load, validate, validates_schema

from connector import manifest as m
from connector.manifest_schema.rules import HEADER, POINTER, SLUG, Strict, https, regex, text_field


class _FieldSchema(Strict):
    makes = m.Field
    id = text_field(validate=SLUG)
    title = text_field()
    help = text_field()
    pattern = text_field(validate=regex)
    example = f.String(load_default="")
    secret = f.Boolean(required=True, truthy={True}, falsy={False})


class _InjectionSchema(Strict):
    makes = m.Injection
    place = f.String(required=True, data_key="in", validate=validate.OneOf(["header", "query"]))
    name = text_field(validate=HEADER)
    format = text_field()


class _LookupSchema(Strict):
    makes = m.AccountLookup
    url = text_field(validate=https)
    found = f.Dict(
        data_key="fields",
        attribute="fields",
        keys=f.String(validate=SLUG),
        values=f.String(validate=POINTER),
        required=True,
    )


class _TokenAccountSchema(Strict):
    makes = m.TokenAccount
    key = text_field(validate=POINTER)
    lookup = f.Nested(_LookupSchema, load_default=None)


class _FieldAccountSchema(Strict):
    makes = m.FieldAccount
    key_field = text_field(validate=SLUG)
    kept = f.List(f.String(validate=SLUG), data_key="fields", attribute="fields", load_default=list)


class _ModeSchema(Strict):
    type = f.String(required=True)
    title = text_field()
    description = text_field()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        return {key: tuple(val) if isinstance(val, list) else val for key, val in data.items()}


class _AuthorizationCodeSchema(_ModeSchema):
    authorize_url = text_field(validate=https)
    token_url = text_field(validate=https)
    pkce = f.Boolean(required=True, truthy={True}, falsy={False})
    client_authentication = f.String(required=True, validate=validate.OneOf(["body", "basic"]))
    token_body = f.String(required=True, validate=validate.OneOf(["form", "json"]))
    issuer = f.String(load_default=None, validate=https)
    account = f.Nested(_TokenAccountSchema, required=True)
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _injects_the_token(self, data: dict[str, Any], **_: Any) -> None:
        _check_template(data["inject"], {"access_token"})


class _KeyModeSchema(_ModeSchema):
    inputs = f.List(
        f.Nested(_FieldSchema),
        data_key="fields",
        attribute="fields",
        required=True,
        validate=validate.Length(min=1),
    )
    account = f.Nested(_FieldAccountSchema, required=True)

    @validates_schema
    def _fields_are_declared(self, data: dict[str, Any], **_: Any) -> None:
        open_fields = {one.id for one in data["fields"] if not one.secret}
        for name in (data["account"].key_field, *data["account"].fields):
            if name not in open_fields:
                raise ValidationError(
                    f"names {name!r}, which must be one of the fields and not secret", "account"
                )


class _ClientCredentialsSchema(_KeyModeSchema):
    token_url = text_field(validate=https)
    client_id_field = text_field()
    client_secret_field = text_field()
    client_authentication = f.String(required=True, validate=validate.OneOf(["body", "basic"]))
    token_body = f.String(required=True, validate=validate.OneOf(["form", "json", "none"]))
    token_seconds = f.Integer(required=True, strict=True, validate=validate.Range(min=10))
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _client_fields_are_declared(self, data: dict[str, Any], **_: Any) -> None:
        names = {one.id for one in data["fields"]}
        for key in ("client_id_field", "client_secret_field"):
            if data[key] not in names:
                raise ValidationError("must be the id of one of the fields", key)
        if data["client_authentication"] == "body" and data["token_body"] == "none":  # noqa: S105
            raise ValidationError("must be form or json to carry the client's keys", "token_body")
        _check_template(data["inject"], {"access_token"})


class _StaticKeySchema(_KeyModeSchema):
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _injects_a_field(self, data: dict[str, Any], **_: Any) -> None:
        _check_template(data["inject"], {one.id for one in data["fields"]})


class AuthModeField(f.Field[m.AuthMode]):
    """One auth mode; its ``type`` chooses schema and dataclass."""

    kinds: ClassVar[dict[str, tuple[type[Schema], type]]] = {
        m.AuthorizationCode.type: (_AuthorizationCodeSchema, m.AuthorizationCode),
        m.ClientCredentials.type: (_ClientCredentialsSchema, m.ClientCredentials),
        m.StaticKey.type: (_StaticKeySchema, m.StaticKey),
        m.AccountOnly.type: (_KeyModeSchema, m.AccountOnly),
    }

    def _deserialize(  # the base class fixes the arguments
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        kind = value.get("type")
        if kind not in self.kinds:
            raise ValidationError({"type": [f"must be one of {', '.join(self.kinds)}"]})
        schema, makes = self.kinds[kind]
        loaded = schema().load(value)
        loaded.pop("type")
        return makes(name="", **loaded)


def _check_template(inject: m.Injection, known: set[str]) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(inject.format) if name is not None}
    if not names or not names <= known:
        wanted = " or ".join(f"{{{name}}}" for name in sorted(known))
        raise ValidationError({"inject": {"format": [f"must contain {wanted}"]}})
