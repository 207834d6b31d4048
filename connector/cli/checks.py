"""What `heapline doctor` looks at. It changes nothing and makes nothing."""

from __future__ import annotations

import enum
import ipaddress
import os
import platform
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from connector import __version__
from connector.assets import STATIC_FOLDER
from connector.config import Settings, load, unknown_settings
from connector.errors import HeaplineError, ManifestInvalid, NoticeNotTaken, SettingInvalid
from connector.notices import mailer
from connector.runtime import load_connectors

_BUILT_FILES = ("app.js", "app.css", "connect.js", "portal.js", "portal.css", "theme.js")
_SANDBOX_SECONDS = 2


class Mark(enum.StrEnum):
    """How something is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and how to mend it unless it is good."""

    mark: Mark
    subject: str
    words: str
    remedy: str = ""


Findings = Iterator[Finding]


def versions() -> Findings:
    """Name what runs."""
    yield Finding(
        Mark.GOOD,
        "Versions",
        f"Heapline {__version__}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}",
    )


def settings(environ: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """Read the settings; without them nothing else can be looked at."""
    found: list[Finding] = []
    for name, nearest in unknown_settings(environ).items():
        remedy = f"Did you mean {nearest}?" if nearest else "Unset it."
        found.append(Finding(Mark.NOTE, "Settings", f"{name} is no setting.", remedy))
    try:
        read = load(environ)
    except SettingInvalid as error:
        for fault in error.meta["faults"]:
            remedy = "`heapline settings --help` says how settings are given."
            words = f"{fault['setting']}: {fault['problem']}"
            found.append(Finding(Mark.BAD, "Settings", words, remedy))
        return None, found
    return read, [*found, Finding(Mark.GOOD, "Settings", "All of them can be read.")]


def data_folder(given: Settings) -> Findings:
    """Look whether the data folder can be written, by its owner alone."""
    folder = given.data_dir.resolve()
    if not folder.exists():
        yield Finding(
            Mark.NOTE, "Data folder", f"{folder} is not there yet.", "The first start makes it."
        )
    elif not os.access(folder, os.W_OK | os.X_OK):
        remedy = f"Give it to the user that runs the server: chown -R USER {folder}"
        yield Finding(Mark.BAD, "Data folder", f"{folder} cannot be written.", remedy)
    elif _others_may(folder):
        words = f"{folder} can be read by other users of this machine."
        yield Finding(Mark.NOTE, "Data folder", words, f"chmod 700 {folder}")
    else:
        yield Finding(Mark.GOOD, "Data folder", f"{folder} can be written.")


def key_file(given: Settings) -> Findings:
    """Look where the master keys are and who can read them."""
    file = given.data_dir / "master-keys"
    if given.master_keys:
        yield Finding(Mark.GOOD, "Master keys", "They come from HEAPLINE_MASTER_KEYS.")
    elif not file.exists():
        remedy = "The first start makes it. Keep a copy: without it no stored secret opens."
        yield Finding(Mark.NOTE, "Master keys", f"{file} is not there yet.", remedy)
    elif _others_may(file):
        words = f"{file} can be read by other users of this machine."
        yield Finding(Mark.BAD, "Master keys", words, f"chmod 600 {file}")
    else:
        yield Finding(Mark.GOOD, "Master keys", f"{file} can be read by its owner alone.")


def public_url(given: Settings) -> Findings:
    """Look whether browsers reach the server over TLS."""
    url = given.public_url
    if given.secure:
        yield Finding(Mark.GOOD, "Public URL", url)
        if not given.trusted_proxies:
            yield Finding(
                Mark.NOTE,
                "Public URL",
                "It is https, so a reverse proxy stands in front, but none is trusted.",
                "Set HEAPLINE_TRUSTED_PROXIES=1, so that clients are told apart by address.",
            )
    elif _is_loopback(urlsplit(url).hostname or ""):
        yield Finding(Mark.GOOD, "Public URL", f"{url}, on this machine alone.")
    else:
        yield Finding(
            Mark.BAD,
            "Public URL",
            f"{url} is not https: tokens and cookies can be read on the way.",
            "Put a reverse proxy with TLS in front and set HEAPLINE_PUBLIC_URL=https://…",
        )


def development_origin(given: Settings) -> Findings:
    """Look whether the sandbox answers; only projects with development keys need it."""
    origin = given.development_origin
    session = requests.Session()
    session.trust_env = False
    try:
        session.get(origin, timeout=_SANDBOX_SECONDS, allow_redirects=False).close()
    except requests.RequestException:
        yield Finding(
            Mark.NOTE,
            "Sandbox",
            f"Nothing answers at {origin}.",
            "Projects with development keys need it: heapline sandbox",
        )
    else:
        yield Finding(Mark.GOOD, "Sandbox", f"Something answers at {origin}.")


def mail_server(given: Settings) -> Findings:
    """Look whether the mail server lets us in; nothing is sent."""
    sender = mailer(given)
    if sender is None:
        yield Finding(
            Mark.GOOD, "E-mail", "No mail server is set, so notices go to webhooks alone."
        )
        return
    try:
        sender.check()
    except NoticeNotTaken as error:
        yield Finding(Mark.BAD, "E-mail", error.message, "Check HEAPLINE_SMTP_URL and the server.")
    else:
        yield Finding(Mark.GOOD, "E-mail", f"The mail server lets us in, as {given.sender()}.")


def front_end(_given: Settings, folder: Path = STATIC_FOLDER / "dist") -> Findings:
    """Look whether the pages' scripts and styles were built."""
    missing = [name for name in _BUILT_FILES if not (folder / name).is_file()]
    if missing:
        words = f"{', '.join(missing)} of the front end are missing."
        yield Finding(Mark.BAD, "Front end", words, "Build it: pip install -e . (in a checkout)")
    else:
        yield Finding(Mark.GOOD, "Front end", "It is built.")


def manifests(given: Settings) -> Findings:
    """Look whether every manifest can be loaded."""
    try:
        names = ", ".join(load_connectors(given))
    except ManifestInvalid as error:
        first, *rest = error.message.splitlines()
        words = " ".join([first, *(line.strip() for line in rest[:3])])
        yield Finding(Mark.BAD, "Manifests", words, "See all: heapline manifest check FILE")
    except HeaplineError as error:
        yield Finding(Mark.BAD, "Manifests", error.message, "Change HEAPLINE_MANIFESTS.")
    else:
        yield Finding(Mark.GOOD, "Manifests", f"Loaded: {names}")


def _others_may(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
