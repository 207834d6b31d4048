"""The people of the tests: alice and bob of one project, charlie of another."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from connector import tokens
from connector.connect_sessions import Wish
from connector.models import Connection, Project
from connector.runtime import Runtime
from connector.store import keys as key_store
from connector.store import projects as project_store

HOST_ORIGIN = "http://127.0.0.1:5999"
ACME = {"app_id": "2544353", "api_key": "0c8a6f5e-7d43-4b1f-9a52-3e6d9b7c1f20"}
GLOBEX = {"app_id": "3207896401", "api_key": "9e2b4d17-56f8-4c0a-8f3d-71c5a0e4b682"}


@functools.cache
def key_pair(name: str) -> tuple[str, str]:
    """Return one RSA key pair a name: making them is slow, and the tests need not differ."""
    return tokens.new_signing_key()


@dataclass(frozen=True)
class Host:
    """A host product: its project and the private key that it signs with."""

    runtime: Runtime
    project: Project
    private_pem: str
    signing_key_id: str

    def token(self, user: str, lifetime_seconds: int = 3600) -> str:
        return tokens.sign(self.private_pem, self.project.id, user, lifetime_seconds)

    def headers(self, user: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(user)}"}

    def path(self, rest: str) -> str:
        return f"/projects/{self.project.id}/sdk{rest}"

    def connect(
        self, user: str, keys: dict[str, str] | None = None, mode: str = "app_keys", **wish: object
    ) -> Connection:
        """Connect an account by keys, without a browser."""
        options = {"connector": "heap", "allow_multiple": True, **wish}
        session, _ = self.runtime.connect_sessions.start(self.project, user, Wish(**options))  # type: ignore[arg-type]
        return self.runtime.connecting.connect_with_keys(session, mode, keys or ACME)


def make_host(runtime: Runtime, name: str, origins: tuple[str, ...] = (HOST_ORIGIN,)) -> Host:
    """Make a project with a signing key."""
    private, public = key_pair(name)
    with runtime.database.transaction() as tx:
        project = project_store.create(tx, name, origins)
        key = key_store.add_signing_key(tx, project.id, "tests", public)
    return Host(runtime, project, private, key.id)
