"""What the browser tests run against: a real server process, the sandbox and a host product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connector.models import Connection, Project
from connector.runtime import Runtime

from ..conftest import SandboxClient
from ..people import Host
from .host_site import ENVIRONMENT_KEYS, HostSite


@dataclass(frozen=True)
class Platform:
    """A running server, its runtime opened a second time, and the sandbox on another site."""

    url: str
    #: The sandbox's origin as browsers and the server know it.
    sandbox_url: str
    runtime: Runtime
    site: HostSite


@dataclass(frozen=True)
class Acme:
    """The product Acme Notes: a project of the server and the pages of the product."""

    platform: Platform
    sandbox: SandboxClient
    host: Host
    origin: str

    @property
    def project(self) -> Project:
        return self.host.project

    @property
    def environments(self) -> dict[str, str]:
        return dict.fromkeys(ENVIRONMENT_KEYS, self.platform.url)

    def page(self, user: str | None = "alice", *, name: str = "acme", **config: Any) -> str:
        """Publish a page of the product that signs a user in; return its address."""
        known: dict[str, Any] = {"projectId": self.project.id}
        if user is not None:
            known["userToken"] = self.host.token(user)
        return self.platform.site.publish(name, **{**known, **config})

    def api(self, path: str) -> str:
        """Return the address of one of the SDK's routes of this project."""
        return f"{self.platform.url}{self.host.path(path)}"

    def connections(self, user: str = "alice") -> list[Connection]:
        """Return a user's connections, oldest first."""
        return self.platform.runtime.connections.of_user(self.project.id, user)[1]
