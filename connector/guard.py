"""Decide which network addresses this server may call: public ones, and those it was told of."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from connector.errors import DestinationRefused, SettingInvalid

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: NAT64 (RFC 6052) and 6to4 (RFC 3056): IPv6 addresses that lead to an IPv4 one.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
#: All that IANA has given out of IPv6 for the public internet.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
#: Set aside since the standard library's table was made (RFC 6890, RFC 9637).
_SET_ASIDE = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv6Network("3fff::/20"))


class Guard:
    """Resolve host names to addresses that may be called, and refuse all others."""

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._places: set[tuple[str, int]] = set()
        self._networks: list[IPNetwork] = []
        for text in allow:
            self._allow(text)

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, each one checked.

        Raises
        ------
        DestinationRefused
            If any address that the name resolves to is not public and was not allowed. One bad
            address refuses the whole name: an attacker's name server mixes them.
        OSError
            If the name does not resolve.

        """
        found = _resolve(host, port)
        if (host.lower(), port) in self._places:
            return found
        for text in found:
            if not self._may_call(_address(text)):
                raise DestinationRefused(
                    f"{host} leads to {text}, which is not a public address. If it is yours, "
                    "allow it with HEAPLINE_OUTBOUND_ALLOW.",
                    host=host,
                )
        return found

    def _may_call(self, address: IPAddress) -> bool:
        if any(address in network for network in self._networks):
            return True
        return is_public(address)

    def _allow(self, text: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            host, _, port = text.rpartition(":")
            if not host or not port.isdigit():
                raise SettingInvalid(
                    f"HEAPLINE_OUTBOUND_ALLOW: {text!r} is neither host:port nor a network such "
                    "as 10.1.0.0/16.",
                    setting="HEAPLINE_OUTBOUND_ALLOW",
                ) from None
            self._places.add((host.strip("[]").lower(), int(port)))


def is_public(address: IPAddress) -> bool:
    """Say whether an address is routed on the public internet, embedded IPv4 looked through."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    set_aside = any(address in network for network in _SET_ASIDE)
    return address.is_global and not address.is_multicast and not set_aside


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:  # the latter: "IPv4-compatible", obsolete
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _resolve(host: str, port: int) -> list[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def _address(text: str) -> IPAddress:
    return ipaddress.ip_address(text.partition("%")[0])
