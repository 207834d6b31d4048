"""Check a manifest file strictly and say where each fault is, by JSON pointer (RFC 6901)."""

from __future__ import annotations

import dataclasses
import json
import re
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jsonschema
import marshmallow.fields as f
from marshmallow import Schema, ValidationError, post_load, validate, validates_schema

from connector import manifest as m
from connector.errors import ManifestInvalid

MANIFEST_VERSION = 1

_SLUG = validate.Regexp(
    r"^[a-z][a-z0-9_]{0,62}$",
    error="must be lower-case letters, digits and underscores, starting with a letter",
)
_POINTER = validate.Regexp(
    r"^(/[^/]+)+$", error="must be a JSON pointer such as /app_id (RFC 6901)"
)
_PATH = validate.Regexp(r"^/\S*$", error="must be a path that starts with /")
_HEADER = validate.Regexp(r"^[A-Za-z0-9-]+$", error="must be a header name")
_TEXT = validate.Length(min=1, error="must not be blank")


def _https(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.fragment:
        raise ValidationError("must be an https address without user name and fragment")


def _host(value: str) -> None:
    if not re.fullmatch(r"[a-z0-9.-]+(:\d{1,5})?", value):
        raise ValidationError("must be a lower-case host name, with a port if not 443")


def _regex(value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise ValidationError(f"must be a regular expression ({error})") from error


def _json_schema(value: Mapping[str, Any]) -> None:
    try:
        jsonschema.Draft202012Validator.check_schema(value)
    except jsonschema.SchemaError as error:
        where = "".join(f"/{part}" for part in error.absolute_path)
        raise ValidationError(f"must be a JSON Schema; at {where or '/'}: {error.message}") from error


def _text(**options: Any) -> f.String:
    return f.String(**{"required": True, "validate": _TEXT} | options)


class _Strict(Schema):
    """A schema that makes a frozen dataclass and refuses what it does not know."""

    makes: ClassVar[type | None] = None
    error_messages: ClassVar[dict[str, str]] = {
        "unknown": "is not a field here",
        "type": "must be an object",
    }

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        if self.makes is None:
            return data
        frozen = {key: tuple(val) if isinstance(val, list) else val for key, val in data.items()}
        return self.makes(**frozen)


class _RegionSchema(_Strict):
    makes = m.Region
    title = _text()
    base_urls = f.Dict(
        keys=f.String(validate=_SLUG), values=f.String(validate=_https), required=True
    )
    allowed_hosts = f.List(
        f.String(validate=_host), required=True, validate=validate.Length(min=1)
    )

    @validates_schema
    def _hosts_are_allowed(self, data: dict[str, Any], **_: Any) -> None:
        if "default" not in data["base_urls"]:
            raise ValidationError("must have a default address", "base_urls")
        for name, url in data["base_urls"].items():
            if urlsplit(url).netloc not in data["allowed_hosts"]:
                raise ValidationError(
                    {"base_urls": {name: ["must be on one of allowed_hosts"]}},
                )


class _ScopeSchema(_Strict):
    makes = m.Scope
    name = _text()
    title = _text()
    description = _text()
    default = f.Boolean(required=True, truthy={True}, falsy={False})


class _ScopesSchema(_Strict):
    makes = m.ScopeRules
    separator = f.String(required=True, validate=validate.OneOf([" ", ","]))
    available = f.List(f.Nested(_ScopeSchema), required=True)


class _FieldSchema(_Strict):
    makes = m.Field
    id = _text(validate=_SLUG)
    title = _text()
    help = _text()
    pattern = _text(validate=_regex)
    example = f.String(load_default="")
    secret = f.Boolean(required=True, truthy={True}, falsy={False})


class _InjectionSchema(_Strict):
    makes = m.Injection
    place = f.String(
        required=True, data_key="in", validate=validate.OneOf(["header", "query"])
    )
    name = _text(validate=_HEADER)
    format = _text()


class _LookupSchema(_Strict):
    makes = m.AccountLookup
    url = _text(validate=_https)
    fields = f.Dict(
        keys=f.String(validate=_SLUG), values=f.String(validate=_POINTER), required=True
    )


class _TokenAccountSchema(_Strict):
    makes = m.TokenAccount
    key = _text(validate=_POINTER)
    lookup = f.Nested(_LookupSchema, load_default=None)


class _FieldAccountSchema(_Strict):
    makes = m.FieldAccount
    key_field = _text(validate=_SLUG)
    fields = f.List(f.String(validate=_SLUG), load_default=list)


class _ModeSchema(_Strict):
    type = f.String(required=True)
    title = _text()
    description = _text()

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        return {key: tuple(val) if isinstance(val, list) else val for key, val in data.items()}


class _AuthorizationCodeSchema(_ModeSchema):
    authorize_url = _text(validate=_https)
    token_url = _text(validate=_https)
    pkce = f.Boolean(required=True, truthy={True}, falsy={False})
    client_authentication = f.String(
        required=True, validate=validate.OneOf(["body", "basic"])
    )
    token_body = f.String(required=True, validate=validate.OneOf(["form", "json"]))
    issuer = f.String(load_default=None, validate=_https)
    account = f.Nested(_TokenAccountSchema, required=True)
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _injects_the_token(self, data: dict[str, Any], **_: Any) -> None:
        _check_template(data["inject"], {"access_token"})


class _KeyModeSchema(_ModeSchema):
    fields = f.List(
        f.Nested(_FieldSchema), required=True, validate=validate.Length(min=1)
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
    token_url = _text(validate=_https)
    client_id_field = _text()
    client_secret_field = _text()
    client_authentication = f.String(
        required=True, validate=validate.OneOf(["body", "basic"])
    )
    token_body = f.String(required=True, validate=validate.OneOf(["form", "json", "none"]))
    token_seconds = f.Integer(required=True, strict=True, validate=validate.Range(min=10))
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _client_fields_are_declared(self, data: dict[str, Any], **_: Any) -> None:
        names = {one.id for one in data["fields"]}
        for key in ("client_id_field", "client_secret_field"):
            if data[key] not in names:
                raise ValidationError("must be the id of one of the fields", key)
        if data["token_body"] == "none" and data["client_authentication"] == "body":
            raise ValidationError("must be form or json to carry the client's keys", "token_body")
        _check_template(data["inject"], {"access_token"})


class _StaticKeySchema(_KeyModeSchema):
    inject = f.Nested(_InjectionSchema, required=True)

    @validates_schema
    def _injects_a_field(self, data: dict[str, Any], **_: Any) -> None:
        _check_template(data["inject"], {one.id for one in data["fields"]})


class _AuthModeField(f.Field[m.AuthMode]):
    """One auth mode; its ``type`` chooses schema and dataclass."""

    kinds: ClassVar[dict[str, tuple[type[Schema], type]]] = {
        m.AuthorizationCode.type: (_AuthorizationCodeSchema, m.AuthorizationCode),
        m.ClientCredentials.type: (_ClientCredentialsSchema, m.ClientCredentials),
        m.StaticKey.type: (_StaticKeySchema, m.StaticKey),
        m.AccountOnly.type: (_KeyModeSchema, m.AccountOnly),
    }

    def _deserialize(self, value: Any, _attr: str | None, _data: Any, **_: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        kind = value.get("type")
        if kind not in self.kinds:
            raise ValidationError({"type": [f"must be one of {', '.join(self.kinds)}"]})
        schema, makes = self.kinds[kind]
        data = schema().load(value)
        data.pop("type")
        return makes(name="", **data)


class _ActionSchema(_Strict):
    title = _text()
    description = _text()
    docs_url = f.String(load_default="", validate=_https)
    method = f.String(
        required=True, validate=validate.OneOf(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    )
    path = _text(validate=_PATH)
    base = f.String(load_default="default")
    authenticated = f.Boolean(required=True, truthy={True}, falsy={False})
    when_present = f.String(load_default="", validate=_POINTER)
    account_fields = f.Dict(
        keys=f.String(validate=_POINTER),
        values=f.String(validate=_SLUG),
        load_default=dict,
    )
    idempotency_key = f.String(load_default=None, validate=_POINTER)
    repeatable = f.Boolean(load_default=False, truthy={True}, falsy={False})
    input = f.Dict(load_default=dict, validate=_json_schema)


class _LimitSchema(_Strict):
    makes = m.Limit
    name = _text(validate=_SLUG)
    description = _text()
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
    cost = f.String(load_default="", validate=_POINTER)
    amount = f.Integer(required=True, strict=True, validate=validate.Range(min=1))
    per_seconds = f.Integer(required=True, strict=True, validate=validate.Range(min=1))


class _RetrySchema(_Strict):
    makes = m.RetryRules
    statuses = f.List(
        f.Integer(strict=True, validate=validate.Range(400, 599)), required=True
    )
    attempts = f.Integer(required=True, strict=True, validate=validate.Range(1, 10))
    base_seconds = f.Float(required=True, validate=validate.Range(min=0.05))
    longest_wait_seconds = f.Float(required=True, validate=validate.Range(min=0.05))
    retry_after_header = _text(validate=_HEADER)


class _WebhookSchema(_Strict):
    makes = m.WebhookRules
    scheme = f.String(required=True, validate=validate.OneOf(["hmac_timestamp_body"]))
    header = _text(validate=_HEADER)
    algorithm = f.String(required=True, validate=validate.OneOf(["sha256"]))
    encoding = f.String(required=True, validate=validate.OneOf(["base64", "hex"]))
    timestamp_unit = f.String(
        required=True, validate=validate.OneOf(["seconds", "milliseconds"])
    )
    past_tolerance_seconds = f.Integer(required=True, strict=True)
    future_tolerance_seconds = f.Integer(required=True, strict=True)
    account_key = _text(validate=_POINTER)


class _DevelopmentSchema(_Strict):
    makes = m.DevelopmentKeys
    client_id = _text()
    client_secret = _text()


class ManifestSchema(_Strict):
    """The whole file."""

    manifest_version = f.Integer(
        required=True, strict=True, validate=validate.Equal(MANIFEST_VERSION)
    )
    name = _text(validate=_SLUG)
    title = _text()
    description = _text()
    docs_url = f.String(load_default="", validate=_https)
    brand_color = f.String(
        load_default="#475569",
        validate=validate.Regexp(r"^#[0-9a-fA-F]{6}$", error="must be a colour such as #475569"),
    )
    regions = f.Dict(
        keys=f.String(validate=_SLUG),
        values=f.Nested(_RegionSchema),
        required=True,
        validate=validate.Length(min=1),
    )
    default_region = f.String(required=True)
    scopes = f.Nested(
        _ScopesSchema, load_default=lambda: m.ScopeRules(separator=" ", available=())
    )
    auth_modes = f.Dict(
        keys=f.String(validate=_SLUG),
        values=_AuthModeField(),
        required=True,
        validate=validate.Length(min=1),
    )
    actions = f.Dict(
        keys=f.String(validate=_SLUG), values=f.Nested(_ActionSchema), load_default=dict
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


def load_manifest(file: Path) -> m.Manifest:
    """Read and check a manifest file.

    Raises
    ------
    ManifestInvalid
        With ``faults``: a list of ``{pointer, problem}``, every fault at once.

    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestInvalid(f"{file} cannot be read: {error}", file=str(file)) from error
    return parse_manifest(text, str(file))


def parse_manifest(text: str, source: str = "the manifest") -> m.Manifest:
    """Check a manifest given as text; see :func:`load_manifest`."""
    try:
        data = json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _invalid(source, [("", f"is no JSON: {error.msg} at {place}")]) from error
    except _TwinKeyError as error:
        raise _invalid(source, [("", f"has the key {error.args[0]!r} twice in one object")]) from None
    if not isinstance(data, dict):
        raise _invalid(source, [("", "must be an object")])
    try:
        loaded: m.Manifest = ManifestSchema().load(data)
    except ValidationError as error:
        raise _invalid(source, sorted(_faults(error.normalized_messages()))) from error
    return loaded


class _TwinKeyError(ValueError):
    """An object holds one key twice."""


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwinKeyError(key)
        found[key] = value
    return found


def _invalid(source: str, faults: list[tuple[str, str]]) -> ManifestInvalid:
    lines = "\n".join(f"  {pointer or '/'}: {problem}" for pointer, problem in faults)
    return ManifestInvalid(
        f"{source} has {len(faults)} fault{'s' * (len(faults) != 1)}:\n{lines}",
        faults=[{"pointer": pointer, "problem": problem} for pointer, problem in faults],
    )


def _faults(messages: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's nested messages; it wraps dictionary entries in key and value."""
    if isinstance(messages, list):
        for message in messages:
            yield from _faults(message, pointer)
    elif isinstance(messages, dict):
        for key, inner in messages.items():
            step = "" if key in {"value", "key", "_schema"} else "/" + _escape(str(key))
            yield from _faults(inner, pointer + step)
    else:
        yield pointer, _plain(str(messages))


def _plain(message: str) -> str:
    """Put marshmallow's standard sentences into the words of ours."""
    known = {
        "Missing data for required field.": "is required",
        "Unknown field.": "is not a field here",
        "Field may not be null.": "must not be null",
        "Not a valid string.": "must be text",
        "Not a valid integer.": "must be a whole number",
        "Not a valid number.": "must be a number",
        "Not a valid boolean.": "must be true or false",
        "Not a valid list.": "must be a list",
        "Not a valid mapping type.": "must be an object",
        "Invalid input type.": "must be an object",
    }
    text = known.get(message, message)
    return re.sub(r"^Must", "must", text).rstrip(".")


def _escape(step: str) -> str:
    return step.replace("~", "~0").replace("/", "~1")


def _check_template(inject: m.Injection, known: set[str]) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(inject.format) if name is not None}
    if not names or not names <= known:
        wanted = " or ".join(f"{{{name}}}" for name in sorted(known))
        raise ValidationError({"inject": {"format": [f"must contain {wanted}"]}})
