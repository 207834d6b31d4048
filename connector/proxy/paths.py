"""Resolve what a caller asks for to an address that the connector may be called at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from connector.errors import DestinationRefused, PathInvalid
from connector.manifest import Action, Manifest, Region

#: Left as they are when the rest is percent-encoded: RFC 3986 reserved characters and ``%``.
_SAFE = "/:@!$&'()*+,;=-._~%?"
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\#]")
_ABSOLUTE = re.compile(r"^/?(https?):/{1,2}([^/?]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a proxy request goes."""

    url: str
    #: The path as the manifest's actions write it, without base address and query.
    path: str
    #: Actions of this method and path; which one is meant may hang on the body.
    actions: tuple[Action, ...]


def resolve(manifest: Manifest, region: Region, method: str, raw: str, query: str) -> Target:
    """Resolve a path below the base address, or an absolute address on an allowed host.

    ``raw`` is percent-encoded as the caller sent it, and stays so.

    Raises
    ------
    PathInvalid
        If it cannot be an address, or would leave the base address by dot segments.
    DestinationRefused
        If it is absolute and not https, or on a host that the manifest does not allow.

    """
    path, _, own_query = raw.partition("?")
    query = "&".join(part for part in (own_query, query) if part)
    if _FORBIDDEN.search(path) or _FORBIDDEN.search(query):
        raise PathInvalid(
            "The path holds a space, a control character, a backslash or a #. Percent-encode it."
        )
    if _BAD_PERCENT.search(path):
        raise PathInvalid("The path holds a % that is not followed by two hexadecimal digits.")
    absolute = _ABSOLUTE.match(path)
    if absolute:
        url, relative = _absolute(
            region, absolute.group(1), absolute.group(2), path[absolute.end() :]
        )
    else:
        url, relative = "", "/" + path.lstrip("/")
        if path.startswith("//"):
            raise PathInvalid("The path must not start with two slashes.")
    if _DOT_SEGMENT.search(relative):
        raise PathInvalid("The path must not hold the segments . or .. .")
    actions = tuple(manifest.actions_for(method, relative))
    if not url:
        base = actions[0].base if actions else "default"
        url = region.base_urls[base].rstrip("/") + quote(relative, safe=_SAFE)
    suffix = "?" + quote(query, safe=_SAFE) if query else ""
    return Target(url + suffix, relative, actions)


def allowed(region: Region, url: str) -> bool:
    """Say whether an absolute address is https on a host that the manifest allows."""
    parts = urlsplit(url)
    return (
        parts.scheme == "https" and "@" not in parts.netloc and _host(url) in region.allowed_hosts
    )


def _absolute(region: Region, scheme: str, netloc: str, rest: str) -> tuple[str, str]:
    """Return the normal form of an absolute address and its path below the base address."""
    url = f"{scheme.lower()}://{netloc}{quote(rest or '/', safe=_SAFE)}"
    if not allowed(region, url):
        raise DestinationRefused(
            f"{scheme}://{netloc} is not an address of this connector. Allowed are: "
            + ", ".join(f"https://{host}" for host in region.allowed_hosts)
            + ".",
        )
    url = f"https://{_host(url)}{quote(rest or '/', safe=_SAFE)}"
    for base in region.base_urls.values():
        root = base.rstrip("/") + "/"
        if url.startswith(root):
            return url, "/" + url[len(root) :]
    return url, rest or "/"


def _host(url: str) -> str:
    netloc = urlsplit(url).netloc.lower().rstrip(".")
    return netloc.removesuffix(":443")
