"""Allowed origins as operators type them."""

from __future__ import annotations

import pytest

from connector.errors import FieldInvalid
from connector.origins import MOST_ORIGINS, read_origins


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("  https://app.example.com/  ", "https://app.example.com"),
        ("HTTPS://App.Example.COM", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        ("http://[::1]:5173", "http://[::1]:5173"),
        ("http://[::1]", "http://[::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_kept_in_the_form_that_browsers_send(typed: str, origin: str) -> None:
    assert read_origins([typed]) == (origin,)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("app.example.com", "must start with https:// or http://"),
        ("ftp://app.example.com", "must start with https:// or http://"),
        ("javascript:alert(1)", "must start with https:// or http://"),
        ("https://", "must start with https:// or http:// and name a host"),
        ("*", "must start with https:// or http://"),
        ("https://*.example.com", "host name that cannot be used"),
        ("https://app.example.com; script-src *", "host name that cannot be used"),
        ("https://app.example.com script", "host name that cannot be used"),
        ("https://bücher.example", "host name that cannot be used"),
        ("https://app.example.com/path", "without a path"),
        ("https://app.example.com?x=1", "without a path"),
        ("https://app.example.com#x", "without a path"),
        ("https://user@app.example.com", "without a path"),
        ("https://app.example.com:99999", "is not an address"),
        ("https://app.example.com:http", "is not an address"),
        ("https://[::1", "is not an address"),
        ("https://-app.example.com", "host name that cannot be used"),
    ],
)
def test_what_is_no_origin_is_refused_with_its_line(typed: str, why: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        read_origins(["https://fine.example", "", typed])
    assert caught.value.message.startswith("Line 3: ")
    assert why in caught.value.message
    assert caught.value.meta["pointer"] == "/origins"


def test_blank_lines_and_repetitions_do_not_count() -> None:
    lines = ["", "https://a.example", "  ", "https://A.example/", "https://b.example"]
    assert read_origins(lines) == ("https://a.example", "https://b.example")


def test_there_is_a_most() -> None:
    lines = [f"https://app-{number}.example" for number in range(MOST_ORIGINS + 1)]
    assert len(read_origins(lines[:-1])) == MOST_ORIGINS
    with pytest.raises(FieldInvalid, match=f"at most {MOST_ORIGINS}"):
        read_origins(lines)
