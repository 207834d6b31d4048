"""Request bodies: held or flowing, read to their end, and filled in without being rewritten."""

from __future__ import annotations

import io
import json
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import BodyInvalid, RequestTooLarge
from connector.manifest import Action
from connector.proxy import bodies
from connector.proxy.bodies import HELD_BYTES, Body, choose_action, read, with_account_fields

MOST = 8 * 1024 * 1024
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5) | st.just("app_id"), PLAIN, max_size=4)


def action(**fields: Any) -> Action:
    known = {"name": "a", "title": "A", "description": "A", "docs_url": "", "method": "POST"}
    rest = {"path": "/a", "base": "default", "authenticated": True}
    return Action(**{**known, **rest, **fields})


FILLING = action(account_fields={"/app_id": "app_id"})


def held(data: bytes) -> Body:
    return read(io.BytesIO(data), len(data), MOST)


class Dripping(io.RawIOBase):
    """Gives a few bytes at a time, as sockets do."""

    def __init__(self, data: bytes, step: int) -> None:
        self._left = io.BytesIO(data)
        self._step = step

    def read(self, size: int = -1) -> bytes:
        return self._left.read(min(size, self._step))


class Breaking(io.RawIOBase):
    """Gives its data, then an error such as a server raises for a caller who left."""

    def __init__(self, data: bytes, error: Exception) -> None:
        self._left = io.BytesIO(data)
        self._error = error

    def read(self, size: int = -1) -> bytes:
        data = self._left.read(size)
        if not data:
            raise self._error
        return data


@pytest.mark.parametrize("known", [True, False], ids=["length known", "length unknown"])
@pytest.mark.parametrize("size", [0, 1, HELD_BYTES - 1, HELD_BYTES, HELD_BYTES + 1, MOST])
def test_a_body_comes_out_as_it_went_in(size: int, known: bool) -> None:
    data = b"x" * size
    body = read(Dripping(data, 50_000), size if known else None, MOST)  # type: ignore[arg-type]
    assert b"".join(body.chunks()) == data
    assert (body.held is not None) == (size <= HELD_BYTES)
    assert body.length == (size if known or size <= HELD_BYTES else None)


def test_a_held_body_can_be_sent_again_and_a_flowing_one_cannot() -> None:
    short, long = held(b"x"), held(b"x" * (HELD_BYTES + 1))
    assert [short.replayable, long.replayable] == [True, True]
    for body in (short, long):
        list(body.chunks())
    assert [short.replayable, long.replayable] == [True, False]


@pytest.mark.parametrize("size", [HELD_BYTES // 2, HELD_BYTES, HELD_BYTES + 5, MOST - 1])
def test_a_body_that_ends_early_is_invalid(size: int) -> None:
    with pytest.raises(BodyInvalid):
        list(read(io.BytesIO(b"x" * size), MOST, MOST).chunks())


@pytest.mark.parametrize("error", [OSError(), ValueError(), RuntimeError(), EOFError()])
@pytest.mark.parametrize("size", [0, 10, HELD_BYTES + 1])
@pytest.mark.parametrize("length", [None, MOST])
def test_a_body_that_cannot_be_read_is_invalid(
    error: Exception, size: int, length: int | None
) -> None:
    stream: Any = Breaking(b"x" * size, error)
    with pytest.raises(BodyInvalid) as caught:
        list(read(stream, length, MOST).chunks())
    assert caught.value.__cause__ is error


def test_a_body_longer_than_the_cap_is_refused_before_it_is_read() -> None:
    stream: BinaryIO = io.BytesIO(b"x")
    with pytest.raises(RequestTooLarge):
        read(stream, MOST + 1, MOST)
    assert stream.tell() == 0


@pytest.mark.parametrize("most", [10, HELD_BYTES - 1, HELD_BYTES + 10])
def test_a_body_that_turns_out_longer_than_the_cap_is_refused(most: int) -> None:
    with pytest.raises(RequestTooLarge) as caught:
        list(read(io.BytesIO(b"x" * (most + 1)), None, most).chunks())
    assert caught.value.meta["most_bytes"] == most


def test_no_stream_is_an_empty_body() -> None:
    assert read(None, None, MOST).held == b""


@given(document=OBJECTS, indent=st.sampled_from([None, 1]), start=st.sampled_from(["", " \n\t"]))
def test_a_missing_field_is_put_in_once_and_the_rest_keeps_its_bytes(
    document: dict[str, Any], indent: int | None, start: str
) -> None:
    data = (start + json.dumps(document, indent=indent)).encode()
    filled = with_account_fields(held(data), FILLING, {"app_id": 'a"1\u00e9'})
    assert filled.held is not None
    if "app_id" in document:
        assert filled.held == data
        return
    assert json.loads(filled.held) == {"app_id": 'a"1\u00e9', **document}
    assert filled.held.endswith(data.lstrip()[1:])
    assert filled.length == len(filled.held)
    assert filled.document() == json.loads(filled.held)
    again = with_account_fields(filled, FILLING, {"app_id": "other"})
    assert again.held == filled.held


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1.10, "m": 1e400, "k": 123456789012345678901234567890}',
        '{"a": 1, "a": 2}',
        '{"z": "\\u00e9", "a": "\u00e9", "s": "\\ud800"}',
        "{ }",
        '{"deep": {"app_id": "mine"}}',
    ],
)
def test_numbers_duplicates_and_spelling_stay_as_they_were(text: str) -> None:
    filled = with_account_fields(held(text.encode()), FILLING, {"app_id": "1"})
    assert filled.held is not None
    assert filled.held.startswith(b'{"app_id": "1"')
    assert filled.held.endswith(text.encode()[1:])


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"[{}]", b"null", b'"text"', b"1", b"{", b'{"a": }', b"{'a': 1}", b"a=1"),
        *(b"\xff\xfe{}", b'{"a": "\xff"}', b'\xef\xbb\xbf{"a": 1}', b"[" * 100_000),
        *(b"{" * 10, b'{"app_id": null}', b'{"app_id": ""}'),
    ],
)
def test_a_body_that_lacks_no_field_or_is_no_object_stays_as_it_is(data: bytes) -> None:
    assert with_account_fields(held(data), FILLING, {"app_id": "1"}).held == data


def test_a_field_that_the_account_does_not_have_is_not_put_in() -> None:
    assert with_account_fields(held(b"{}"), FILLING, {"label": "x"}).held == b"{}"


def test_the_more_particular_action_is_meant_when_its_field_is_there() -> None:
    single, bulk = action(name="single"), action(name="bulk", when_present="/events")
    for data, name in ((b'{"events": []}', "bulk"), (b'{"event": 1}', "single"), (b"x", "single")):
        chosen = choose_action((bulk, single), held(data))
        assert chosen is not None
        assert chosen.name == name
    assert choose_action((bulk,), held(b"{}")) is None


@given(data=st.binary(max_size=60), pointer=st.sampled_from(["/a", "/a/b", "/0", "/a/0/b"]))
def test_looking_into_a_body_never_fails(data: bytes, pointer: str) -> None:
    bodies.at(held(data), pointer)


@given(document=PLAIN, pointer=st.sampled_from(["/a", "/a/b", "/0", "/-", "/a/0/b", "/01"]))
def test_looking_into_json_never_fails(document: Any, pointer: str) -> None:
    bodies.at(held(json.dumps({"a": document}).encode()), pointer)
    bodies.at(held(json.dumps([document]).encode()), pointer)
