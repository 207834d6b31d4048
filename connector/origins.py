"""Read the origins (RFC 6454) that an operator allows, as a person types them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from connector.errors import FieldInvalid

MOST_ORIGINS = 50
#: Origins end up in response headers, so nothing but the characters of a host may be in one.
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def read_origins(lines: Iterable[str]) -> tuple[str, ...]:
    """Return origins in normal form, each once; blank lines do not count.

    Raises
    ------
    FieldInvalid
        Naming the line and what is wrong with it.

    """
    found: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found[read_origin(line)] = None
            except ValueError as error:
                raise FieldInvalid(f"Line {number}: {error}", pointer="/origins") from error
    if len(found) > MOST_ORIGINS:
        raise FieldInvalid(f"There can be at most {MOST_ORIGINS} origins.", pointer="/origins")
    return tuple(found)


def read_origin(text: str) -> str:
    """Return one origin in normal form: lower case, without the scheme's own port.

    Raises
    ------
    ValueError
        In words for the person who typed it.

    """
    value = text.strip()
    try:
        parts = urlsplit(value)
        scheme, host, port = parts.scheme.lower(), parts.netloc.lower(), parts.port
    except ValueError as error:
        raise ValueError(f"{value} is not an address.") from error
    if scheme not in _DEFAULT_PORTS or not host:
        raise ValueError(f"{value} must start with https:// or http:// and name a host.")
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in host:
        raise ValueError(f"{value} must be scheme, host and port alone, without a path.")
    name = host if port is None and not host.endswith(":") else host.rpartition(":")[0]
    if not _HOST.fullmatch(name):
        raise ValueError(f"{value} has a host name that cannot be used.")
    return f"{scheme}://{name}" + ("" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}")
