"""The JSON that the npm SDK ``@useparagon/connect`` reads and sends, and our nouns in its place.

Pure functions.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector import sdk_workflows
from connector.connect_sessions import Wish
from connector.errors import FieldInvalid
from connector.manifest import AuthMode, AuthorizationCode, ClientCredentials, Manifest
from connector.models import (
    AppCredentials,
    Configuration,
    Connection,
    Project,
    Status,
    User,
)
from workflow.offers import Offer

#: What the SDK asks for before it offers a function; a self-hosted server has all of them.
FEATURES = [
    "byo",
    "dfm",
    "headless-cp",
    "th-api",
    "monitoring",
    "rbac",
    "user-metadata",
    "whitelabel",
    "workflow-permissions",
]
_STATUS = {
    Status.CONNECTED: "VALID",
    Status.NEEDS_REAUTHORISATION: "INVALID",
    Status.DISCONNECTED: "INVALID",
}
_NAMESPACE = uuid.UUID("3f0d5f0e-7b0c-5b0f-9d7a-6865617021aa")

Configurations = Mapping[str, Sequence[Configuration]]


def integration_id(project_id: str, connector: str) -> str:
    """Return the id of a connector within a project; the same one for ever."""
    return str(uuid.uuid5(_NAMESPACE, f"{project_id}/{connector}"))


def connector_of(project_id: str, integration: str, names: Sequence[str]) -> str | None:
    """Return the connector that an integration id or a connector name stands for."""
    for name in names:
        if integration in {name, integration_id(project_id, name)}:
            return name
    return None


def wish(connector: str, options: Mapping[str, Any]) -> Wish:
    """Read the options that the SDK sends when an account is to be connected.

    Raises
    ------
    FieldInvalid
        If an id among them is not text.

    """
    return Wish(
        connector=connector,
        allow_multiple=options.get("allowMultipleCredentials") is True,
        external_id=_text(options, "externalId"),
        reconnect_id=_text(options, "selectedCredentialId"),
    )


def me(
    project: Project,
    user: User,
    connectors: Mapping[str, Manifest],
    connections: Sequence[Connection],
    configurations: Configurations,
    offers: Sequence[Offer],
) -> dict[str, Any]:
    """Return ``GET /sdk/me``: who the user is and what they have connected."""
    return {
        "authenticated": True,
        "userId": user.external_id,
        "meta": dict(user.meta),
        "resources": [],
        "project": {
            "id": project.id,
            "name": project.name,
            "billingPlan": "self-hosted",
            "accessibleFeatures": FEATURES,
        },
        "integrations": {
            name: _integration_state(
                [one for one in connections if one.connector == name], configurations, offers
            )
            for name in connectors
        },
    }


def _integration_state(
    connections: Sequence[Connection], configurations: Configurations, offers: Sequence[Offer]
) -> dict[str, Any]:
    live = [one for one in connections if one.status is not Status.DISCONNECTED]
    if not live:
        return {"enabled": False, "allCredentials": []}
    first = next((one for one in live if one.status is Status.CONNECTED), live[0])
    default = configurations[first.id][0]
    states = sdk_workflows.states(sdk_workflows.of_connector(offers, first.connector))
    return {
        "enabled": True,
        "credentialId": first.id,
        "credentialStatus": _STATUS[first.status],
        "providerId": first.account_key,
        "providerData": dict(first.account),
        "sharedSettings": dict(default.shared_settings),
        "workflowSettings": states,
        "configuredWorkflows": states,
        "configMeta": dict(default.meta),
        "allCredentials": [credential(one, configurations[one.id], offers) for one in live],
    }


def credential(
    connection: Connection, configurations: Sequence[Configuration], offers: Sequence[Offer]
) -> dict[str, Any]:
    """Return a connection as the SDK's credential; never a secret."""
    states = sdk_workflows.states(sdk_workflows.of_connector(offers, connection.connector))
    return {
        "id": connection.id,
        "projectId": connection.project_id,
        "integrationId": integration_id(connection.project_id, connection.connector),
        "personaId": connection.user_id,
        "isPreviewCredential": False,
        "scheme": connection.auth_mode,
        "providerId": connection.account_key,
        "providerData": dict(connection.account),
        "status": _STATUS[connection.status],
        "statusReason": _reason(connection),
        "accountLabel": account_label(connection),
        "accountType": connection.auth_mode,
        "dateCreated": iso(connection.created_at),
        "dateUpdated": iso(connection.status_at),
        "dateRefreshed": iso(connection.status_at),
        "dateValidUntil": None,
        "refreshFailureCount": 0,
        "externalId": connection.external_id,
        "configurations": [configuration(one, states) for one in configurations],
    }


def configuration(value: Configuration, states: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration; workflows are switched on for a user, so all say the same of them."""
    return {
        "id": value.id,
        "connectCredentialId": value.connection_id,
        "isDefault": value.is_default,
        "externalId": value.external_id,
        "sharedSettings": dict(value.shared_settings),
        "workflowSettings": dict(states),
        "configMeta": {},
        "meta": dict(value.meta),
        "dateCreated": iso(value.created_at),
        "dateUpdated": iso(value.updated_at),
    }


def integration(
    project: Project,
    manifest: Manifest,
    connections: Sequence[Connection],
    settings: AppCredentials,
    modes: Sequence[AuthMode],
    offers: Sequence[Offer],
    *,
    public_url: str,
    webhook_key: Callable[[Offer], str],
) -> dict[str, Any]:
    """Return an item of ``GET /sdk/integrations``: a connector with its modes and workflows."""
    own = integration_id(project.id, manifest.name)
    consents = [isinstance(mode, AuthorizationCode) for mode in modes]
    live = [one for one in connections if one.status is not Status.DISCONNECTED]
    return {
        "id": own,
        "type": manifest.name,
        "name": manifest.title,
        "brandColor": manifest.brand_color,
        "icon": f"{public_url}/integrations/{manifest.name}.svg",
        "isActive": True,
        "authenticationType": "oauth" if any(consents) else "basic",
        # True has the SDK leave the choice of the account type to the portal.
        "needPreOauthInputs": consents[:1] != [True],
        "hasCredential": bool(live),
        "connectedUserLimitOnDevCred": 0,
        "connectedUserLimitReached": False,
        "projectId": project.id,
        "dateCreated": iso(project.created_at),
        "dateUpdated": iso(project.created_at),
        "noPermissionWorkflows": [],
        "providerData": None,
        "workflows": sdk_workflows.listed(offers, own, webhook_key),
        "configs": [{"id": own, "integrationId": own, "values": _portal_values(manifest, offers)}],
        "sdkIntegrationConfig": _connecting(manifest, modes, settings),
    }


def metadata(manifest: Manifest, *, public_url: str) -> dict[str, Any]:
    """Return an item of ``GET /sdk/metadata``."""
    return {
        "type": manifest.name,
        "name": manifest.title,
        "brandColor": manifest.brand_color,
        "icon": f"{public_url}/integrations/{manifest.name}.svg",
    }


def iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _reason(connection: Connection) -> str:
    return "" if connection.status is Status.CONNECTED else connection.status_reason


def account_label(connection: Connection) -> str:
    """Return what a person knows the account by."""
    account = connection.account
    return account.get("label") or next(iter(account.values()), "") or connection.account_key


def _text(options: Mapping[str, Any], name: str) -> str | None:
    value = options.get(name) or None
    if value is not None and not isinstance(value, str):
        raise FieldInvalid(f"{name} must be text.", pointer=f"/installOptions/{name}")
    return value


def _portal_values(manifest: Manifest, offers: Sequence[Offer]) -> dict[str, Any]:
    return {
        "accentColor": manifest.brand_color,
        "paragonLink": False,
        "description": manifest.description,
        "overview": "",
        "sharedMeta": {"inputs": []},
        "workflowMeta": sdk_workflows.meta(offers),
    }


def _connecting(
    manifest: Manifest, modes: Sequence[AuthMode], settings: AppCredentials
) -> dict[str, Any]:
    return {
        "oauthInputs": [],
        "accountTypes": [_account_type(manifest, mode, settings.scopes) for mode in modes],
        "authConfigInputs": [],
        "postOauthInputs": [],
        "dataSources": {},
    }


def _account_type(manifest: Manifest, mode: AuthMode, asked: Sequence[str]) -> dict[str, Any]:
    consents = isinstance(mode, AuthorizationCode)
    return {
        "id": mode.name,
        "scheme": _scheme(mode),
        "title": mode.title,
        "accountDescription": mode.title,
        "description": mode.description,
        "scopes": [
            {"name": scope.name, "description": scope.description}
            for scope in manifest.scopes.available
            if consents and scope.name in asked
        ],
        "oauthParameters": [],
        "endUserSuppliedValues": [
            {
                "id": one.id,
                "title": one.title,
                "type": "PASSWORD" if one.secret else "TEXT_NO_VARS",
                "required": True,
                "tooltip": one.help,
                "placeholder": one.example,
                "regex": one.pattern,
            }
            for one in getattr(mode, "fields", ())
        ],
        "skipPostOAuthInputs": True,
    }


def _scheme(mode: AuthMode) -> str:
    match mode:
        case AuthorizationCode():
            return "oauth"
        case ClientCredentials():
            return "oauth_client_credential"
        case _:
            return "api_key"
