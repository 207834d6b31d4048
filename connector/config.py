"""Settings, read once from the environment; each may come from a file named by ``NAME_FILE``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connector.errors import SettingInvalid
from connector.origins import read_origin
from connector.smtp import read_sender, read_server

PREFIX = "HEAPLINE_"


def _text(value: str) -> str:
    return value


def _items(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.replace("\n", ",").split(",") if item.strip())


def _paths(value: str) -> tuple[Path, ...]:
    return tuple(Path(item) for item in _items(value))


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _not_negative(value: str) -> int:
    number = int(value)
    if number < 0:
        raise ValueError("must be 0 or more")
    return number


def _port(value: str) -> int:
    number = int(value)
    if not 0 < number < 65536:
        raise ValueError("must be a port number from 1 to 65535")
    return number


def _level(value: str) -> str:
    if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be one of DEBUG, INFO, WARNING, ERROR")
    return value.upper()


def _smtp_url(value: str) -> str:
    read_server(value)
    return value


def _setting(
    name: str, parse: Callable[[str], Any], default: Any, help_: str, *, secret: bool = False
) -> Any:
    return field(
        default=default,
        repr=not secret,
        metadata={"name": name, "parse": parse, "help": help_, "secret": secret},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can set. Field metadata holds name, parser, help and secrecy."""

    data_dir: Path = _setting(
        "HEAPLINE_DATA_DIR", Path, Path("heapline-data"),
        "Folder for the SQLite file and the master key.",
    )  # fmt: skip
    database_url: str = _setting(
        "DATABASE_URL", _text, "",
        "Database; blank means one SQLite file in the data folder. "
        "PostgreSQL: postgresql://user:password@host/name.",
        secret=True,
    )  # fmt: skip
    public_url: str = _setting(
        "HEAPLINE_PUBLIC_URL", read_origin, "http://127.0.0.1:8700",
        "The address that browsers reach this server by. Must be https in production. "
        "Blank means http at the address and port it listens on.",
    )  # fmt: skip
    host: str = _setting("HEAPLINE_HOST", _text, "127.0.0.1", "Address to listen on.")
    port: int = _setting("HEAPLINE_PORT", _port, 8700, "Port to listen on.")
    workers: int = _setting("HEAPLINE_WORKERS", _positive, 2, "Server processes.")
    threads: int = _setting(
        "HEAPLINE_THREADS", _positive, 64,
        "Threads per process: how many calls one process holds open at a time.",
    )  # fmt: skip
    trusted_proxies: int = _setting(
        "HEAPLINE_TRUSTED_PROXIES", _not_negative, 0,
        "Reverse proxies in front whose X-Forwarded-* headers are believed.",
    )  # fmt: skip
    master_keys: tuple[str, ...] = _setting(
        "HEAPLINE_MASTER_KEYS", _items, (),
        "Keys that seal secrets, as id:base64 of 32 bytes, comma separated, the first one used "
        "for new data. Blank means a file made in the data folder at the first start.",
        secret=True,
    )  # fmt: skip
    manifests: tuple[Path, ...] = _setting(
        "HEAPLINE_MANIFESTS", _paths, (),
        "More connector manifests to load, comma separated paths.",
    )  # fmt: skip
    development_origin: str = _setting(
        "HEAPLINE_DEVELOPMENT_ORIGIN", read_origin, "http://127.0.0.1:8701",
        "Where requests go instead of the provider while a project uses the development keys: "
        "the address of `heapline sandbox`.",
    )  # fmt: skip
    outbound_allow: tuple[str, ...] = _setting(
        "HEAPLINE_OUTBOUND_ALLOW", _items, (),
        "Private destinations that may be called, as host:port or network, comma separated. "
        "Everything not public is refused otherwise.",
    )  # fmt: skip
    max_request_bytes: int = _setting(
        "HEAPLINE_MAX_REQUEST_BYTES", _positive, 256 * 1024 * 1024,
        "Largest body accepted for a proxy request, in bytes.",
    )  # fmt: skip
    max_response_bytes: int = _setting(
        "HEAPLINE_MAX_RESPONSE_BYTES", _positive, 1024 * 1024 * 1024,
        "Largest answer passed on from the provider, in bytes.",
    )  # fmt: skip
    proxy_timeout: int = _setting(
        "HEAPLINE_PROXY_TIMEOUT", _positive, 30,
        "Seconds that a proxy request may take with all its retries until the answer begins, "
        "when the caller does not say (X-Heapline-Timeout).",
    )  # fmt: skip
    request_log_days: int = _setting(
        "HEAPLINE_REQUEST_LOG_DAYS", _not_negative, 14,
        "Days that the request log is kept; 0 keeps nothing.",
    )  # fmt: skip
    smtp_url: str = _setting(
        "HEAPLINE_SMTP_URL", _smtp_url, "",
        "Mail server for notices: smtp://user:password@host:587, with STARTTLS when it offers it, "
        "or smtps:// for TLS at once. Blank means no e-mails.",
        secret=True,
    )  # fmt: skip
    smtp_from: str = _setting(
        "HEAPLINE_SMTP_FROM", read_sender, "",
        "Sender of notices by e-mail. Blank means heapline@ and the host of the public URL.",
    )  # fmt: skip
    workflow_slots: int = _setting(
        "HEAPLINE_WORKFLOW_SLOTS", _not_negative, 16,
        "Runs of workflows at once in each process; with 0 `heapline serve` leaves them to "
        "`heapline worker`.",
    )  # fmt: skip
    runs_per_project: int = _setting(
        "HEAPLINE_RUNS_PER_PROJECT", _positive, 100, "Runs of one project at once, in all.",
    )  # fmt: skip
    runs_per_connection: int = _setting(
        "HEAPLINE_RUNS_PER_CONNECTION", _positive, 10, "Runs of one connection at once, in all.",
    )  # fmt: skip
    run_days: int = _setting(
        "HEAPLINE_RUN_DAYS", _positive, 30, "Days that runs are kept after they have ended.",
    )  # fmt: skip
    run_megabytes: int = _setting(
        "HEAPLINE_RUN_MEGABYTES", _positive, 2000,
        "Megabytes of inputs and outputs that are kept for each project; then the oldest runs go.",
    )  # fmt: skip
    log_level: str = _setting(
        "HEAPLINE_LOG_LEVEL", _level, "INFO", "DEBUG, INFO, WARNING or ERROR."
    )

    def storage_url(self) -> str:
        """Return the database address, with the default filled in and the driver named."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir / 'heapline.db'}"
        for plain in ("postgresql://", "postgres://"):
            if self.database_url.startswith(plain):
                return "postgresql+psycopg://" + self.database_url.removeprefix(plain)
        return self.database_url

    def sender(self) -> str:
        """Return whom e-mails come from, with the default filled in."""
        host = urlsplit(self.public_url).hostname or ""
        return self.smtp_from or f"heapline@{'localhost' if ':' in host else host}"

    @property
    def secure(self) -> bool:
        """Say whether browsers reach this server over TLS."""
        return self.public_url.startswith("https://")


def setting_names() -> list[str]:
    """Return the environment name of every setting, in the order of the README."""
    return [item.metadata["name"] for item in fields(Settings)]


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment.

    Raises
    ------
    SettingInvalid
        With every fault found, each naming the setting and what it expects.

    """
    values: dict[str, Any] = {}
    faults: list[dict[str, str]] = []
    for item in fields(Settings):
        name = item.metadata["name"]
        try:
            raw = _raw(environ, name)
            if raw is not None:
                values[item.name] = item.metadata["parse"](raw)
        except (ValueError, OSError) as error:
            faults.append({"setting": name, "problem": _words(error, name, item.metadata)})
    if faults:
        lines = "".join(f"\n  {fault['setting']}: {fault['problem']}" for fault in faults)
        raise SettingInvalid(f"Settings cannot be used:{lines}", faults=faults)
    settings = Settings(**values)
    if "public_url" not in values:
        return replace(settings, public_url=_local_url(settings.host, settings.port))
    return settings


def unknown_settings(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return each HEAPLINE_ variable that is no setting, with the nearest name if there is one."""
    known = setting_names()
    twins = {name + "_FILE" for name in known}
    unknown = [name for name in environ if name.startswith(PREFIX) and name not in {*known, *twins}]
    # Compared without what all have in common, else any two names look alike.
    short = {name.removeprefix(PREFIX): name for name in known}
    return {
        name: next(
            map(short.get, difflib.get_close_matches(name.removeprefix(PREFIX), short, 1)), None
        )
        for name in sorted(unknown)
    }


def _local_url(listening: str, port: int) -> str:
    """Return the address that a browser on this machine reaches the server by."""
    name = "127.0.0.1" if listening in {"0.0.0.0", "::", ""} else listening  # noqa: S104
    host = f"[{name}]" if ":" in name else name
    return f"http://{host}" + ("" if port == 80 else f":{port}")


def _raw(environ: Mapping[str, str], name: str) -> str | None:
    value, file = environ.get(name) or None, environ.get(name + "_FILE")
    if value is not None and file:
        raise ValueError(f"set either {name} or {name}_FILE, not both")
    if file:
        return Path(file).read_text(encoding="utf-8").strip() or None
    return value


def _words(error: Exception, name: str, metadata: Mapping[str, Any]) -> str:
    if isinstance(error, OSError):
        return f"the file named by {name}_FILE cannot be read ({error.strerror})"
    if isinstance(error, UnicodeDecodeError):
        return f"the file named by {name}_FILE is not UTF-8 text"
    text = "must be a whole number" if "invalid literal" in str(error) else str(error).rstrip(".")
    return text if text.startswith("set either") else f"{text}. {metadata['help']}"
