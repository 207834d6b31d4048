"""The keys that the host product signs user tokens with; only public halves are kept."""

from __future__ import annotations

import dataclasses
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from connector.database import Transaction
from connector.errors import NotFound
from connector.models import ApiKey, SigningKeyRecord
from connector.store import keys as store
from connector.tokens import new_signing_key, read_public_key
from connector.web.api.fields import Flag, Lines, Shape, Text, Time
from connector.web.api.paging import next_cursor_field, whole
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource("Signing keys", __name__, "Keys that user tokens are signed with.")


class SigningKeySchema(Shape):
    """A registered signing key."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    public_key = fields.String(required=True, metadata={"description": "As PEM."})
    created_at = Time(required=True)
    revoked_at = Time(required=True, allow_none=True)


class NewSigningKeySchema(SigningKeySchema):
    """A signing key that was just registered."""

    private_key = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "As PEM, when it was made here. It is shown this once and not kept."
        },
    )


class SigningKeyListSchema(Shape):
    """Every signing key of the project, newest first."""

    items = fields.List(fields.Nested(SigningKeySchema), required=True)
    next_cursor = next_cursor_field()


class SigningKeyWishSchema(Shape):
    """A public key to register, or the wish to have a pair made."""

    name = Text(longest=200, load_default="API")
    public_key = Lines(
        longest=16_000,
        metadata={"description": "An RSA public key of at least 2048 bits, as PEM."},
    )
    generate = Flag(load_default=False, metadata={"description": "Make a new pair."})

    @validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("public_key")) == data["generate"]:
            raise ValidationError("Give either public_key, or generate: true.", "public_key")


@resource.route(
    "GET",
    "/signing-keys",
    scope="settings:read",
    answer=SigningKeyListSchema,
)
def list_signing_keys(key: ApiKey) -> dict[str, Any]:
    """List signing keys."""
    with runtime().database.reading() as tx:
        return whole([_form(one) for one in store.signing_keys_of(tx, key.project_id)])


@resource.route(
    "POST",
    "/signing-keys",
    scope="settings:write",
    body=SigningKeyWishSchema,
    answer=NewSigningKeySchema,
    status=201,
)
def add_signing_key(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:
    """Add a signing key."""
    if wanted["generate"]:
        private, public = new_signing_key()
    else:
        private, public = None, read_public_key(wanted["public_key"])
    with runtime().database.transaction() as tx:
        record = store.add_signing_key(tx, key.project_id, wanted["name"], public)
    return {**_form(record), "private_key": private}


@resource.route(
    "DELETE",
    "/signing-keys/<id:signing_key_id>",
    scope="settings:write",
    answer=SigningKeySchema,
    fails=(404,),
)
def revoke_signing_key(key: ApiKey, signing_key_id: str) -> dict[str, Any]:
    """Revoke a signing key.

    Tokens signed with it stop working at once. A repeat changes nothing.
    """
    with runtime().database.transaction() as tx:
        store.revoke_signing_key(tx, key.project_id, signing_key_id)
        return _form(_find(tx, key.project_id, signing_key_id))


def _find(tx: Transaction, project_id: str, signing_key_id: str) -> SigningKeyRecord:
    for record in store.signing_keys_of(tx, project_id):
        if record.id == signing_key_id:
            return record
    raise NotFound


def _form(record: SigningKeyRecord) -> dict[str, Any]:
    return {**dataclasses.asdict(record), "public_key": record.public_pem}
