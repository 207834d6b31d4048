"""The composition root: builds every long-lived object once, from the settings."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from connector import turnstile
from connector.access import Access
from connector.accounts import Accounts
from connector.apps import Apps
from connector.auth import TokenClient
from connector.bindings import BrowserBindings
from connector.config import Settings
from connector.connect_sessions import ConnectSessions
from connector.connecting import Connecting
from connector.connections import Connections
from connector.credentials import Credentials
from connector.database import Database
from connector.errors import HeaplineError, SettingInvalid
from connector.guard import Guard
from connector.manifest import Manifest
from connector.manifest_schema import load_manifest
from connector.notice_queue import NoticeQueue
from connector.notice_sending import NoticeSender
from connector.notices import Notices, mailer
from connector.outbound import Outbound
from connector.proxy.forward import Proxy
from connector.ratelimit import RateLimiter
from connector.requestlog import RequestLog
from connector.sealing import Sealer, system_secret
from connector.secrets import Secrets
from connector.steps import Steps
from connector.tokens import new_secret
from connector.vault import KeyRing
from connector.webhook_keys import WebhookKeys
from connector.webhooks import Webhooks
from workflow.dispatch import Limits
from workflow.engine import Engine, Options
from workflow.retention import Retention

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Everything that a server, a worker or a command uses."""

    settings: Settings
    database: Database
    connectors: Mapping[str, Manifest]
    sealer: Sealer
    outbound: Outbound
    limiter: RateLimiter
    request_log: RequestLog
    access: Access
    apps: Apps
    credentials: Credentials
    connections: Connections
    connect_sessions: ConnectSessions
    bindings: BrowserBindings
    connecting: Connecting
    proxy: Proxy
    secrets: Secrets
    notices: Notices
    engine: Engine
    webhooks: Webhooks
    session_key: str = field(repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def start_sweeping(self) -> None:
        """Delete what has expired, now and then, from a background thread."""
        threading.Thread(target=self._sweep, name="sweep", daemon=True).start()

    def close(self) -> None:
        """Store what waits and close every connection."""
        self._stop.set()
        self.engine.stop()
        self.notices.close()
        self.request_log.close()
        self.outbound.close()
        self.database.close()

    def _sweep(self) -> None:
        while not self._stop.wait(SWEEP_SECONDS):
            for chore in (
                self.connect_sessions.sweep,
                self.limiter.sweep,
                self.request_log.prune,
                self.notices.sweep,
            ):
                try:
                    chore()
                except Exception:
                    # The next round tries again; a chore that fails must not end the others.
                    log.exception("sweep_failed")


def builtin_manifest() -> Path:
    """Return the connector's manifest file, in a checkout or in an installed package."""
    here = Path(__file__).parent
    installed = here / "manifest.json"
    return installed if installed.exists() else here.parent / "manifest.json"


def load_connectors(settings: Settings) -> dict[str, Manifest]:
    """Load the built-in manifest and those that the settings name.

    Raises
    ------
    ManifestInvalid
        If one has faults.
    SettingInvalid
        If two have the same name.

    """
    found: dict[str, Manifest] = {}
    for file in (builtin_manifest(), *settings.manifests):
        manifest = load_manifest(file)
        if manifest.name in found:
            raise SettingInvalid(
                f"HEAPLINE_MANIFESTS: {file} declares the connector {manifest.name!r}, "
                "which is loaded already.",
                setting="HEAPLINE_MANIFESTS",
            )
        found[manifest.name] = manifest
    return found


def build(settings: Settings, *, upgrade: bool = True) -> Runtime:
    """Build the runtime; bring the database schema up to date first unless told not to.

    Raises
    ------
    SetupError
        If settings, master keys or database cannot be used.

    """
    connectors = load_connectors(settings)
    database = Database(settings.storage_url(), pool_size=min(32, settings.threads))
    try:
        if upgrade:
            database.upgrade()
        return _assemble(settings, database, connectors)
    except HeaplineError:
        database.close()
        raise


def _assemble(
    settings: Settings, database: Database, connectors: Mapping[str, Manifest]
) -> Runtime:
    sealer = Sealer(KeyRing.from_settings(settings.master_keys, settings.data_dir))
    outbound = Outbound(_guard(settings), pool_size=settings.threads)
    limiter = RateLimiter(database)
    request_log = RequestLog(database, settings.request_log_days)
    tokens = TokenClient(outbound)
    apps = Apps(database, sealer, connectors, settings.development_origin)
    credentials = Credentials(database, sealer, tokens, apps)
    connections = Connections(database, credentials)
    proxy = _proxy(settings, database, apps, credentials, outbound, limiter, request_log)
    secrets = Secrets(database, sealer)
    notices = _notices(settings, database, sealer, outbound)
    steps = Steps(database, connectors, proxy, outbound, secrets, notices)
    engine = _engine(settings, database, steps, connections)
    sessions = ConnectSessions(database, apps, connections, settings.public_url)
    connecting = _connecting(settings, database, sealer, apps, tokens, sessions)
    return Runtime(
        settings=settings,
        database=database,
        connectors=connectors,
        sealer=sealer,
        outbound=outbound,
        limiter=limiter,
        request_log=request_log,
        access=Access(database, limiter),
        apps=apps,
        credentials=credentials,
        connections=connections,
        connect_sessions=sessions,
        bindings=BrowserBindings(system_secret(database, sealer, "browser-binding", new_secret())),
        connecting=connecting,
        proxy=proxy,
        secrets=secrets,
        notices=notices,
        engine=engine,
        webhooks=_webhooks(database, sealer, engine, secrets),
        session_key=system_secret(database, sealer, "session", new_secret()),
    )


def _connecting(
    settings: Settings,
    database: Database,
    sealer: Sealer,
    apps: Apps,
    tokens: TokenClient,
    sessions: ConnectSessions,
) -> Connecting:
    accounts, url = Accounts(tokens, apps), settings.public_url
    return Connecting(database, sealer, apps, accounts, sessions, public_url=url)


def _proxy(
    settings: Settings,
    database: Database,
    apps: Apps,
    credentials: Credentials,
    outbound: Outbound,
    limiter: RateLimiter,
    request_log: RequestLog,
) -> Proxy:
    return Proxy(
        database,
        apps,
        credentials,
        outbound,
        limiter,
        request_log,
        max_request_bytes=settings.max_request_bytes,
        max_response_bytes=settings.max_response_bytes,
    )


def _notices(settings: Settings, database: Database, sealer: Sealer, outbound: Outbound) -> Notices:
    sender = NoticeSender(outbound, mailer(settings))
    return Notices(database, sealer, sender, NoticeQueue(), allowed=settings.outbound_allow)


def _webhooks(database: Database, sealer: Sealer, engine: Engine, secrets: Secrets) -> Webhooks:
    keys = WebhookKeys(system_secret(database, sealer, "webhook-keys", new_secret()))
    return Webhooks(database, engine.catalogue, engine.starter, secrets, keys)


def _engine(
    settings: Settings, database: Database, steps: Steps, connections: Connections
) -> Engine:
    """Build the engine, and tell it of what happens around it."""
    engine = Engine(database, steps, _engine_options(settings), pause=turnstile.pause)
    steps.start_handler = engine.starter.handle_failure
    connections.on_connected = steps.connection_hook(engine.starter.connected)
    return engine


def _engine_options(settings: Settings) -> Options:
    return Options(
        slots=settings.workflow_slots,
        limits=Limits(settings.runs_per_project, settings.runs_per_connection),
        retention=Retention(settings.run_days, settings.run_megabytes * 1_000_000),
    )


def _guard(settings: Settings) -> Guard:
    """Allow what the operator allows, and the place that the development keys lead to."""
    parts = urlsplit(settings.development_origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Guard([*settings.outbound_allow, f"{parts.hostname}:{port}"])
