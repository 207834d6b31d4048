"""Who is told when something goes wrong. The webhook's secret is shown once."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from connector.models import ApiKey, NoticeSettings
from connector.notices import MOST_ADDRESSES
from connector.web.api.fields import Flag, Shape, Text, Time
from connector.web.api.resource import Resource
from connector.web.guards import runtime

resource = Resource("Notices", __name__, "Who is told when something goes wrong.")


class NoticeSettingsSchema(Shape):
    """Where the project's notices go."""

    webhook_url = fields.String(required=True, allow_none=True)
    emails = fields.List(fields.String(), required=True)
    can_mail = fields.Boolean(
        required=True, metadata={"description": "Whether the server has a mail server set."}
    )
    updated_at = Time(required=True, allow_none=True)


class SavedNoticeSettingsSchema(NoticeSettingsSchema):
    """Where the project's notices go from now on."""

    webhook_secret = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "What notices are signed with, when it was made just now. It is shown "
            "this once."
        },
    )


class NewNoticeSettingsSchema(Shape):
    """Where notices shall go from now on: all of it."""

    webhook_url = Text(
        longest=2000,
        required=True,
        allow_none=True,
        metadata={
            "description": "An https address. Each notice is posted as JSON with the header "
            "`Heapline-Signature: t=<seconds>,v1=<hex>`: HMAC-SHA256, keyed with the secret, of "
            "the seconds, a dot and the body."
        },
    )
    emails = fields.List(
        Text(longest=254), required=True, validate=validate.Length(max=MOST_ADDRESSES)
    )
    new_secret = Flag(
        load_default=False, metadata={"description": "Sign with a new secret from now on."}
    )


class OutcomeSchema(Shape):
    """What came of a test at one receiver."""

    channel = fields.String(required=True, validate=validate.OneOf(["webhook", "email"]))
    target = fields.String(
        required=True, metadata={"description": "The webhook's origin, or the e-mail address."}
    )
    problem = fields.String(
        required=True, allow_none=True, metadata={"description": "Null when it was taken."}
    )


class OutcomeListSchema(Shape):
    """What came of a test at every receiver."""

    items = fields.List(fields.Nested(OutcomeSchema), required=True)


@resource.route("GET", "/notices", scope="settings:read", answer=NoticeSettingsSchema)
def get_notice_settings(key: ApiKey) -> dict[str, Any]:
    """Get where notices go."""
    return _form(runtime().notices.settings(key.project_id))


@resource.route(
    "PUT",
    "/notices",
    scope="settings:write",
    body=NewNoticeSettingsSchema,
    answer=SavedNoticeSettingsSchema,
)
def set_notice_settings(key: ApiKey, wanted: dict[str, Any]) -> dict[str, Any]:
    """Set where notices go.

    The webhook's secret is made with the first webhook and stays when its address changes.
    """
    saved, secret = runtime().notices.save(
        key.project_id,
        webhook_url=wanted["webhook_url"],
        emails=wanted["emails"],
        fresh_secret=wanted["new_secret"],
    )
    return {**_form(saved), "webhook_secret": secret}


@resource.route("POST", "/notices/test", scope="settings:write", answer=OutcomeListSchema)
def test_notices(key: ApiKey) -> dict[str, Any]:
    """Send a test notice.

    It goes to every receiver at once, and the answer says who took it.
    """
    return {"items": runtime().notices.test(key.project_id)}


def _form(found: NoticeSettings) -> dict[str, Any]:
    return {
        "webhook_url": found.webhook_url,
        "emails": list(found.emails),
        "can_mail": runtime().notices.can_mail,
        "updated_at": found.updated_at or None,
    }
