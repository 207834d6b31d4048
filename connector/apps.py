"""App credentials of projects: what the operator registered, else the development keys."""

from __future__ import annotations

import time
from collections.abc import Mapping

from connector.auth import App
from connector.database import Database, Transaction
from connector.errors import FieldInvalid, NotFound
from connector.manifest import AuthMode, AuthorizationCode, Manifest
from connector.models import AppCredentials
from connector.outbound import Route
from connector.redaction import remember
from connector.sealing import CLIENT_SECRETS, Sealer
from connector.store import connections as connection_store
from connector.store import projects as store


class Apps:
    """Reads and sets the app credentials of projects."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        connectors: Mapping[str, Manifest],
        development_origin: str,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self.connectors = connectors
        self._to_sandbox: dict[str, Route] = {
            name: dict.fromkeys(manifest.origins(), development_origin)
            for name, manifest in connectors.items()
        }

    def connector(self, name: str) -> Manifest:
        """Return a connector by name.

        Raises
        ------
        NotFound
            If no manifest of that name is loaded.

        """
        manifest = self.connectors.get(name)
        if manifest is None:
            raise NotFound
        return manifest

    def route(self, manifest: Manifest, *, development: bool) -> Route:
        """Return what takes the place of the connector's origins: nothing, or the sandbox."""
        return self._to_sandbox[manifest.name] if development else {}

    def settings(self, tx: Transaction, project_id: str, connector: str) -> AppCredentials:
        """Return what the project set, or the blank settings that mean development keys."""
        manifest = self.connector(connector)
        found = store.app_credentials_of(tx, project_id, connector)
        return found or AppCredentials(
            project_id=project_id,
            connector=connector,
            client_id="",
            client_secret_sealed="",
            scopes=manifest.default_scopes(),
            region=manifest.default_region,
            without_app=manifest.development is None,
            updated_at=0.0,
        )

    def modes(self, settings: AppCredentials) -> list[AuthMode]:
        """Return the auth modes that a project's users can choose: consent needs an app."""
        return [
            mode
            for mode in self.connector(settings.connector).auth_modes.values()
            if not (settings.without_app and isinstance(mode, AuthorizationCode))
        ]

    def app(self, tx: Transaction, project_id: str, connector: str) -> App:
        """Return the client that a project is to the provider, its secret opened."""
        manifest = self.connector(connector)
        found = self.settings(tx, project_id, connector)
        client_id, secret = found.client_id, ""
        if found.development and manifest.development:
            client_id, secret = manifest.development.client_id, manifest.development.client_secret
        elif found.client_secret_sealed:
            secret = self._sealer.open(
                tx, CLIENT_SECRETS, project_id, connector, found.client_secret_sealed
            )
            remember(secret)
        return App(
            client_id,
            secret,
            found.scopes,
            found.region,
            found.development,
            self.route(manifest, development=found.development),
        )

    def save(
        self,
        project_id: str,
        connector: str,
        *,
        client_id: str,
        client_secret: str | None,
        scopes: tuple[str, ...],
        region: str,
        without_app: bool,
    ) -> AppCredentials:
        """Set the app credentials; no secret given keeps the one that is stored.

        Connections made with another client id are marked: their tokens cannot be renewed.

        Raises
        ------
        FieldInvalid
            Naming the field, when the values do not make sense together.

        """
        manifest = self.connector(connector)
        _check(manifest, scopes, region)
        if manifest.development is None and not client_id and not without_app:
            raise FieldInvalid(
                f"{manifest.title} has no development keys. Fill in a client id and its secret, "
                "or say that users connect with their own keys.",
                pointer="/client_id",
            )
        with self._database.transaction() as tx:
            before = self.settings(tx, project_id, connector)
            sealed = self._sealed_secret(tx, before, client_id, client_secret)
            value = AppCredentials(
                project_id=project_id,
                connector=connector,
                client_id=client_id,
                client_secret_sealed=sealed,
                scopes=scopes,
                region=region,
                without_app=without_app and not client_id,
                updated_at=time.time(),
            )
            store.save_app_credentials(tx, value)
            app = self.app(tx, project_id, connector)
            connection_store.outdate(
                tx, project_id, connector, client_id=app.client_id, development=app.development
            )
        return value

    def _sealed_secret(
        self, tx: Transaction, before: AppCredentials, client_id: str, secret: str | None
    ) -> str:
        if not client_id:
            if secret:
                raise FieldInvalid(
                    "There is a client secret but no client id. Fill in both, or leave both "
                    "blank to use the development keys.",
                    pointer="/client_id",
                )
            return ""
        if secret:
            remember(secret)
            return self._sealer.seal(
                tx, CLIENT_SECRETS, before.project_id, before.connector, secret
            )
        if not before.client_secret_sealed or before.client_id != client_id:
            raise FieldInvalid(
                "There is a client id but no client secret for it. Fill in both, or leave both "
                "blank to use the development keys.",
                pointer="/client_secret",
            )
        return before.client_secret_sealed


def _check(manifest: Manifest, scopes: tuple[str, ...], region: str) -> None:
    known = {scope.name for scope in manifest.scopes.available}
    unknown = [scope for scope in scopes if scope not in known]
    if unknown:
        raise FieldInvalid(
            f"{manifest.title} has no scope {unknown[0]!r}. Known are: {', '.join(sorted(known))}.",
            pointer="/scopes",
        )
    if region not in manifest.regions:
        raise FieldInvalid(
            f"{manifest.title} has no region {region!r}. "
            f"Known are: {', '.join(sorted(manifest.regions))}.",
            pointer="/region",
        )
