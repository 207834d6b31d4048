"""Resolve what a caller asks for to an address that the connector may be called at."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from connector.errors import DestinationRefused, PathInvalid
from connector.manifest import Action, Manifest, Region

#: Whatever can stand in a request line stays as it is; only the rest is percent-encoded.
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: Also in the spellings that some servers take for one.
_DOT_SEGMENT = re.compile(
    r"(?:^|/|%2f|%5c)(?:\.|%2e){1,2}(?:;[^/]*)?(?:/|%2f|%5c|$)", re.IGNORECASE
)
_NEEDLESS = re.compile(r"%(?:2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)", re.IGNORECASE)
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
    path, mark, own_query = raw.partition("?")
    query = "&".join(part for part in (own_query, query) if part)
    _check_characters(path, query)
    absolute = _ABSOLUTE.match(path)
    if absolute:
        url, relative = _absolute(
            region, absolute.group(1), absolute.group(2), path[absolute.end() :]
        )
    elif path.startswith("//"):
        raise PathInvalid("The path must not start with two slashes.")
    else:
        url, relative = "", "/" + path.lstrip("/")
    if _DOT_SEGMENT.search(relative):
        raise PathInvalid("The path must not hold the segments . or .. .")
    actions = tuple(manifest.actions_for(method, _plain(relative)))
    if not url:
        base = actions[0].base if actions else "default"
        url = region.base_urls[base].rstrip("/") + _escaped(relative)
    suffix = "?" + _escaped(query) if query or mark else ""
    return Target(url + suffix, relative, actions)


def allowed(region: Region, url: str) -> str | None:
    """Return the normal form of an absolute address, if it is https on a host that is allowed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    host = parts.netloc.lower().removesuffix(":443").rstrip(".")
    if parts.scheme != "https" or host not in region.allowed_hosts:
        return None
    return f"https://{host}{url[url.index(parts.netloc) + len(parts.netloc) :] or '/'}"


def _check_characters(path: str, query: str) -> None:
    if _FORBIDDEN.search(path) or _FORBIDDEN.search(query):
        raise PathInvalid(
            "The path holds a space, a control character, a backslash or a #. Percent-encode it."
        )
    if _BAD_PERCENT.search(path):
        raise PathInvalid("The path holds a % that is not followed by two hexadecimal digits.")


def _absolute(region: Region, scheme: str, netloc: str, rest: str) -> tuple[str, str]:
    """Return the normal form of an absolute address and its path below the base address."""
    url = allowed(region, f"{scheme.lower()}://{netloc}{_escaped(rest)}")
    if url is None:
        raise DestinationRefused(
            f"{scheme}://{netloc} is not an address of this connector. Allowed are: "
            + ", ".join(f"https://{host}" for host in region.allowed_hosts)
            + ".",
        )
    for base in region.base_urls.values():
        root = base.rstrip("/") + "/"
        if url.startswith(root):
            return url, "/" + url[len(root) :]
    return url, rest or "/"


def _escaped(text: str) -> str:
    return quote(text, safe=_PRINTABLE, errors="replace")


def _plain(path: str) -> str:
    """Return the path with nothing percent-encoded that need not be (RFC 3986, section 6.2.2.2)."""
    return _NEEDLESS.sub(lambda found: unquote(found.group()), path)
