"""Which addresses may be called, whatever a name server says."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import DestinationRefused, SettingInvalid
from connector.guard import Guard, is_public

PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1"),
    *("172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1"),
    *("100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1"),
    *("2001:db8::1", "100::1", "2001:2::1", "5f00::1", "3fff::1", "4000::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0"),
    *("::127.0.0.1", "::10.0.0.1", "::7f00:1"),
    *("2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::"),
    *("64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("64:ff9b:1:a9fe:a9:fe00::",),
    # Teredo hides an IPv4 address, inverted, in its last 32 bits: 10.0.0.1 and 8.8.8.8.
    *("2001:0:808:808::f5ff:fffe", "2001:0:808:808::f7f7:f7f7"),
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1"),
    *("9.255.255.255", "11.0.0.1", "192.167.255.255", "169.253.255.255", "223.255.255.255"),
    *("2606:4700:4700::1111", "2a00:1450:4001::1"),
    *("::ffff:8.8.8.8", "2002:808:808::1", "64:ff9b::808:808"),
]
Resolver = Callable[..., None]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Have the system's resolver answer what a test says, as an attacker's name server would."""

    def answer(*addresses: str) -> None:
        def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            kind = socket.SOCK_STREAM
            return [(socket.AF_UNSPEC, kind, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return answer


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(
    resolver: Resolver, address: str
) -> None:
    resolver(address)
    with pytest.raises(DestinationRefused) as caught:
        Guard().addresses("api.example.com", 443)
    assert caught.value.meta["host"] == "api.example.com"
    assert "HEAPLINE_OUTBOUND_ALLOW" in caught.value.message


@pytest.mark.parametrize("address", PUBLIC)
def test_a_name_that_leads_to_a_public_address_is_called_at_that_very_address(
    resolver: Resolver, address: str
) -> None:
    resolver(address)
    assert Guard().addresses("api.example.com", 443) == [address]


@pytest.mark.parametrize("private", PRIVATE)
@pytest.mark.parametrize("first", [True, False], ids=["private first", "public first"])
def test_one_address_that_is_not_public_spoils_the_name(
    resolver: Resolver, private: str, first: bool
) -> None:
    resolver(*((private, "8.8.8.8") if first else ("8.8.8.8", "1.1.1.1", private)))
    with pytest.raises(DestinationRefused):
        Guard().addresses("api.example.com", 443)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "0.0.0.0", "::1", "127.1", "2130706433"]
)
def test_this_machine_is_refused_by_any_of_its_real_names(host: str) -> None:
    with pytest.raises(DestinationRefused):
        Guard().addresses(host, 80)


@pytest.mark.parametrize(
    ("allow", "host", "port", "address", "allowed"),
    [
        ("internal.example:8080", "internal.example", 8080, "10.0.0.1", True),
        ("internal.example:8080", "INTERNAL.example", 8080, "10.0.0.1", True),
        ("internal.example:8080", "internal.example", 8081, "10.0.0.1", False),
        ("internal.example:8080", "x.internal.example", 8080, "10.0.0.1", False),
        ("10.1.0.0/16", "any.example", 443, "10.1.2.3", True),
        ("10.1.0.0/16", "any.example", 443, "10.2.0.1", False),
        ("10.1.2.3", "any.example", 443, "10.1.2.3", True),
        ("10.1.2.3", "any.example", 443, "10.1.2.4", False),
        ("fd00::/8", "any.example", 443, "fd12::1", True),
        ("fd00::/8", "any.example", 443, "10.0.0.1", False),
        ("[::1]:8080", "::1", 8080, "::1", True),
        ("[::1]:8080", "::1", 80, "::1", False),
    ],
)
def test_what_the_operator_allows_is_allowed_and_nothing_beside_it(
    resolver: Resolver, allow: str, host: str, port: int, address: str, allowed: bool
) -> None:
    resolver(address)
    guard = Guard([allow])
    if allowed:
        assert guard.addresses(host, port) == [address]
    else:
        with pytest.raises(DestinationRefused):
            guard.addresses(host, port)


@pytest.mark.parametrize("text", ["internal.example", "x:y", ":80", "10.0.0.0/99", "", "http://x"])
def test_an_allowance_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Guard([text])
    assert caught.value.meta["setting"] == "HEAPLINE_OUTBOUND_ALLOW"
    assert repr(text) in caught.value.message


def test_a_name_that_does_not_resolve_is_no_refusal() -> None:
    with pytest.raises(socket.gaierror):
        Guard().addresses("nothing.invalid", 443)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_however_it_is_wrapped(
    address: ipaddress.IPv4Address,
) -> None:
    number = int(address)
    wrapped = [
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
    ]
    assert {is_public(one) for one in wrapped} == {is_public(address)}


@given(st.ip_addresses())
def test_what_counts_as_public_is_never_more_than_what_is_global(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address) and isinstance(address, ipaddress.IPv4Address):
        assert address.is_global
        assert not address.is_multicast
