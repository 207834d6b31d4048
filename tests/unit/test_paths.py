"""Where a raw path leads: always to the connector, or nowhere."""

from __future__ import annotations

import json
import string
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.errors import DestinationRefused, PathInvalid
from connector.manifest import Manifest, Region
from connector.manifest_schema import parse_manifest
from connector.proxy.paths import allowed, resolve

MANIFEST: Manifest = parse_manifest(
    (Path(__file__).parents[1] / "data" / "courier.json").read_text(), "courier.json"
)
REGION: Region = MANIFEST.regions["one"]
HOSTS = set(REGION.allowed_hosts)

PIECES = st.sampled_from(
    [
        *("/", "//", "\\", ".", "..", "%2e", "%2E%2e", "%2f", "%5c", ";", "?", "#", "@", ":", "%"),
        *("https:", "http:", "//api.courier.example", "files.courier.example", "evil.example"),
        *(":443", ":80", "[", "]", "::1", " ", "\t", "\r\n", "\x00", "\xe9", "\ud800", "\u2100"),
        *("a", "v2", "parcels", "%00", "%zz", "127.0.0.1", "%61"),
    ]
)
TARGETS = st.one_of(st.lists(PIECES, max_size=8).map("".join), st.text(max_size=40))


@given(raw=TARGETS, query=TARGETS, method=st.sampled_from(["GET", "POST", "PUT"]))
@example(raw="https://[::1", query="", method="GET")
@example(raw="https://\u2100.example/", query="", method="GET")
@example(raw="/https://api.courier.example:443.:443/", query="", method="GET")
@example(raw="\ud800", query="\ud800", method="GET")
def test_whatever_comes_in_leads_to_an_allowed_host_or_is_refused(
    raw: str, query: str, method: str
) -> None:
    try:
        url = resolve(MANIFEST, REGION, method, raw, query).url
    except (PathInvalid, DestinationRefused):
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc in HOSTS) == ("https", True)
    assert set(url) <= set(string.ascii_letters + string.digits + string.punctuation)
    assert "#" not in url
    segments = parts.path.lower().replace("%2e", ".").replace("%5c", "/").replace("%2f", "/")
    assert not {".", ".."} & set(segments.split("/"))


@given(raw=TARGETS.filter(lambda raw: "http" not in raw.lower()))
def test_a_relative_path_stays_below_the_base_address(raw: str) -> None:
    try:
        target = resolve(MANIFEST, REGION, "GET", raw, "")
    except PathInvalid:
        return
    assert target.url.startswith("https://api.courier.example/v2/")
    assert target.url == f"https://api.courier.example/v2/{raw.removeprefix('/')}" or not (
        raw.isascii()
    )


@given(raw=st.text("abc%2F/.;,@:+-_~!$&'()*=[]|^{}\"<>`", max_size=30))
def test_ascii_stays_as_it_was_sent(raw: str) -> None:
    try:
        target = resolve(MANIFEST, REGION, "GET", "x/" + raw, "")
    except PathInvalid:
        return
    assert target.url == "https://api.courier.example/v2/x/" + raw


@pytest.mark.parametrize(
    ("raw", "query", "url"),
    [
        ("a?b=1", "c=2", "https://api.courier.example/v2/a?b=1&c=2"),
        ("a?", "c=2", "https://api.courier.example/v2/a?c=2"),
        ("a?", "", "https://api.courier.example/v2/a?"),
        ("a", "c=2", "https://api.courier.example/v2/a?c=2"),
        ("a", "", "https://api.courier.example/v2/a"),
        ("a", "c=\xe9", "https://api.courier.example/v2/a?c=%C3%A9"),
    ],
)
def test_the_query_is_what_stands_in_path_and_request_together(
    raw: str, query: str, url: str
) -> None:
    assert resolve(MANIFEST, REGION, "GET", raw, query).url == url


@pytest.mark.parametrize(
    ("method", "raw", "action", "host"),
    [
        ("POST", "/parcels", "send", "api.courier.example"),
        ("POST", "parcels", "send", "api.courier.example"),
        ("POST", "/parcels?x=1", "send", "api.courier.example"),
        ("POST", "/%70%61rcels", "send", "api.courier.example"),
        ("POST", "https://api.courier.example/v2/parcels", "send", "api.courier.example"),
        ("PUT", "/files/a.txt", "upload", "files.courier.example"),
        ("PUT", "/files/a%2Fb", "upload", "files.courier.example"),
        ("PUT", "https://files.courier.example/files/a", "upload", "files.courier.example"),
        ("PUT", "/files/", None, "api.courier.example"),
        ("PUT", "/files/a/b", None, "api.courier.example"),
        ("GET", "/parcels", None, "api.courier.example"),
        ("POST", "/parcels/", None, "api.courier.example"),
        ("POST", "/Parcels", None, "api.courier.example"),
        ("POST", "https://api.courier.example/v1/parcels", None, "api.courier.example"),
    ],
)
def test_the_action_is_found_however_its_path_is_written(
    method: str, raw: str, action: str | None, host: str
) -> None:
    target = resolve(MANIFEST, REGION, method, raw, "")
    assert [one.name for one in target.actions] == ([action] if action else [])
    assert urlsplit(target.url).netloc == host


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://api.courier.example", "https://api.courier.example/"),
        ("https://API.courier.example./a?b", "https://api.courier.example/a?b"),
        ("https://api.courier.example:443", "https://api.courier.example/"),
        ("http://api.courier.example/", None),
        ("//api.courier.example/", None),
        ("/a", None),
        ("", None),
        ("https://a@api.courier.example/", None),
        ("https://[", None),
    ],
)
def test_an_allowed_address_has_one_form(url: str, normal: str | None) -> None:
    assert allowed(REGION, url) == normal


def test_a_refusal_names_what_is_allowed() -> None:
    with pytest.raises(DestinationRefused) as caught:
        resolve(MANIFEST, REGION, "GET", "https://evil.example/x?secret=1", "")
    assert "https://api.courier.example" in caught.value.message
    assert "secret" not in caught.value.message + json.dumps(dict(caught.value.meta))
