"""One value has exactly one sequence of bytes, and every other sequence is refused."""

from __future__ import annotations

import hashlib
import tracemalloc
from enum import StrEnum
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import canonical
from ledger.canonical import (
    BYTES_MAX,
    CONTAINERS_MAX,
    DEPTH_MAX,
    INTEGER_MAX,
    NotCanonical,
    decode,
    decode_own,
    decode_unjudged,
    digest,
    encode,
)
from ledger.errors import LocalError
from ledger.letters import is_settled

TEXTS = st.text(max_size=12).filter(is_settled)
KEYS = st.text(st.characters(max_codepoint=127), min_size=1, max_size=6)
LEAVES = st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | TEXTS | st.binary(max_size=40)
VALUES = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS, below, max_size=4), max_leaves=20
)


@given(VALUES)
def test_what_is_encoded_comes_back_and_encodes_to_the_same_bytes(value: Any) -> None:
    """B-1 to B-4."""
    data = encode(value)
    assert decode(data) == value
    assert decode_own(data) == value
    assert encode(decode(data)) == data


@given(VALUES, st.data())
def test_a_changed_byte_is_refused_or_is_another_value(value: Any, data: st.DataObject) -> None:
    """B-1."""
    good = encode(value)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        other = decode(changed)
    except NotCanonical:
        return
    assert encode(other) == changed
    assert encode(value) != encode(other)


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_are_canonical(data: bytes) -> None:
    """B-1."""
    try:
        value = decode(data)
    except NotCanonical:
        return
    assert encode(value) == data


@given(st.dictionaries(KEYS, LEAVES, min_size=2, max_size=6))
def test_the_order_in_which_a_map_was_filled_leaves_no_trace(value: dict[str, Any]) -> None:
    """B-3."""
    assert encode(dict(reversed(value.items()))) == encode(value)


REFUSED = {
    "nothing": b"",
    "two values": b"\x01\x01",
    "cut short": b"\xa3ab",
    "nil": b"\xc0",
    "nil inside": b"\x91\xc0",
    "never used": b"\xc1",
    "a float": b"\xca\x3f\x80\x00\x00",
    "a double": b"\xcb" + bytes(8),
    "not a number": b"\xcb\x7f\xf8" + bytes(6),
    "an extension": b"\xd4\x05\x00",
    "a moment": b"\xd6\xff" + bytes(4),
    "an impossible moment": b"\xc7\x05\xff" + bytes(5),
    "5 in two bytes": b"\xcc\x05",
    "5 in three bytes": b"\xcd\x00\x05",
    "5 in five bytes": b"\xce\x00\x00\x00\x05",
    "5 in nine bytes": b"\xcf" + bytes(7) + b"\x05",
    "5 with a sign": b"\xd0\x05",
    "300 with a sign": b"\xd1\x01\x2c",
    "-1 in two bytes": b"\xd0\xff",
    "-1 in nine bytes": b"\xd3" + b"\xff" * 8,
    "2^53": b"\xcf\x00\x20\x00\x00\x00\x00\x00\x00",
    "-2^53": b"\xd3\xff\xe0\x00\x00\x00\x00\x00\x00",
    "2^64 - 1": b"\xcf" + b"\xff" * 8,
    "a text with a long head": b"\xd9\x01a",
    "a text that is no UTF-8": b"\xa1\xff",
    "an overlong UTF-8": b"\xa2\xc0\x80",
    "a surrogate": b"\xa3\xed\xa0\x80",
    "a text that is not NFC": b"\xa3e\xcc\x81",
    "a sign of Unicode 15": b"\xa4\xf0\x9f\xab\xa8",
    "a sign of Unicode 15.1": b"\xa4\xf0\xae\xaf\xb0",
    "a sign nobody assigned": b"\xa2\xcd\xb8",
    "bytes with a long head": b"\xc5\x00\x01a",
    "a list with a long head": b"\xdc\x00\x01\x01",
    "a map with a long head": b"\xde\x00\x01\xa1a\x01",
    "a key twice": b"\x82\xa1a\x01\xa1a\x02",
    "keys in disorder": b"\x82\xa1b\x01\xa1a\x02",
    "a key that is bytes": b"\x81\xc4\x01a\x01",
    "a key that is a number": b"\x81\x01\x01",
    "a key that is a list": b"\x81\x90\x01",
    "a key that is not ASCII": b"\x81\xa2\xc3\xa9\x01",
    "an empty key": b"\x81\xa0\x01",
    "more items than bytes": b"\xdd\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_encoder_would_not_write_is_refused(name: str) -> None:
    """B-1, B-2, B-3."""
    with pytest.raises(NotCanonical) as caught:
        decode(REFUSED[name])
    assert caught.value.reason


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, INTEGER_MAX])
def test_integers_are_taken_up_to_their_bound_on_both_sides(number: int) -> None:
    """B-2."""
    for one in (number, -number):
        assert decode(encode(one)) == one
    with pytest.raises(LocalError):
        encode(INTEGER_MAX + 1)
    with pytest.raises(LocalError):
        encode([-INTEGER_MAX - 1])


def test_the_bounds_are_those_of_the_specification() -> None:
    """B-2, B-4: each in digits, since another reader has no names of ours."""
    assert (INTEGER_MAX, BYTES_MAX, DEPTH_MAX, CONTAINERS_MAX) == (9_007_199_254_740_991, 1_048_576, 16, 20_000)
    assert decode(b"\xcf\x00\x1f" + b"\xff" * 6) == 9_007_199_254_740_991
    assert decode(b"\xd3\xff\xe0" + bytes(5) + b"\x01") == -9_007_199_254_740_991


def test_maps_in_maps_are_written_no_deeper_than_they_are_read() -> None:
    """B-4."""
    deep: Any = 1
    for _ in range(DEPTH_MAX):
        deep = {"a": deep}
    assert decode(encode(deep)) == deep
    with pytest.raises(LocalError, match="too deeply"):
        encode({"a": deep})


def test_a_value_of_many_bytes_is_read_as_a_small_one_is() -> None:
    """B-1, B-3: it takes another way through the decoder."""
    value = {"a": "é", "b": ["text", {"c": bytes(CONTAINERS_MAX)}]}
    assert decode(encode(value)) == value
    long = bytes(CONTAINERS_MAX)
    for wrong in (b"\x81\x01" + encode(long), b"\x82\xa1a\x01\xa1a" + encode(long), b"\x92\xcc\x05" + encode(long)):
        with pytest.raises(NotCanonical):
            decode(wrong)


@pytest.mark.parametrize(
    "name", ["5 in two bytes", "a text with a long head", "a key twice", "cut short", "two values"]
)
def test_what_is_left_to_its_reader_to_judge_is_the_shortest_form_all_the_same(name: str) -> None:
    """B-1."""
    assert decode_unjudged(encode([1, {"a": b"x"}])) == [1, {"a": b"x"}]
    with pytest.raises(NotCanonical):
        decode_unjudged(REFUSED[name])
    with pytest.raises(NotCanonical):
        decode_unjudged(b"\x91" * 5000 + b"\x01")


def test_what_is_remembered_of_key_lists_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """B-3: whatever others send, it is a quarter of a mebibyte."""
    remembered = set[tuple[str, ...]]()
    monkeypatch.setattr(canonical, "_ORDERLY", remembered)
    sixteen = {f"{number:x}": number for number in range(16)}
    for value in (
        sixteen,
        {**sixteen, "g": 16},
        {"a" * 17: 1},
        {"a" * 16: 1},
        *({f"{number}": 1} for number in range(2_000)),
    ):
        assert decode(encode(value)) == value
    assert len(remembered) == 1_024
    assert max(len(keys) for keys in remembered) == 16 == max(len(key) for keys in remembered for key in keys)


def test_only_sixteen_levels_are_taken() -> None:
    """B-4."""
    deep: Any = 1
    for _ in range(DEPTH_MAX):
        deep = [deep]
    assert decode(encode(deep)) == deep
    with pytest.raises(LocalError):
        encode([deep])
    with pytest.raises(NotCanonical):
        decode(b"\x91" + encode(deep))
    with pytest.raises(NotCanonical):
        decode(b"\x81\xa1a" * 17 + b"\x01")
    with pytest.raises(NotCanonical):
        decode(b"\x91" * 5000 + b"\x01")
    with pytest.raises(NotCanonical):
        decode(encode([[1]]), depth_max=1)


def test_a_bomb_of_empty_maps_costs_little_memory() -> None:
    """B-4: a mebibyte of empty maps would become 74 MiB."""
    bomb = b"\xdd" + (BYTES_MAX - 5).to_bytes(4, "big") + b"\x80" * (BYTES_MAX - 5)
    tracemalloc.start()
    try:
        with pytest.raises(NotCanonical):
            decode(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20 << 20


def test_the_bound_on_lists_and_maps_is_exact() -> None:
    """B-4: bytes that only look like containers do not count."""
    most: list[list[int]] = [[] for _ in range(CONTAINERS_MAX - 1)]
    assert decode(encode(most)) == most
    with pytest.raises(NotCanonical):
        decode(encode([*most, []]))
    assert decode(encode(b"\x80" * 30_000)) == b"\x80" * 30_000
    with pytest.raises(NotCanonical):
        decode(b"\xc6\x00\x01\x00\x00" + b"\x80" * 30_000)


def test_too_many_bytes_are_refused_before_they_are_looked_at() -> None:
    """B-4."""
    with pytest.raises(NotCanonical, match="at most"):
        decode(bytes(BYTES_MAX + 1))
    with pytest.raises(NotCanonical):
        decode(encode(b"12345"), bytes_max=6)


class Colour(StrEnum):
    """A text that is an enumeration's member."""

    RED = "red"


def test_a_value_without_bytes_is_our_own_mistake() -> None:
    """B-1, B-3."""
    for wrong in (None, 1.5, {1: 2}, {"": 1}, {"é": 1}, {"a": None}, {1, 2}, "e\u0301", "\ud800", "\U0001fae8", object):
        with pytest.raises(LocalError):
            encode(wrong)
    assert encode((1, Colour.RED)) == encode([1, "red"])


def test_the_library_alone_would_take_what_is_refused_here() -> None:
    """The reason for the comparison at the end: B-1."""
    assert msgpack.unpackb(REFUSED["a key twice"]) == {"a": 2}
    assert msgpack.unpackb(REFUSED["5 in nine bytes"]) == 5


def test_a_digest_is_tagged_with_its_purpose() -> None:
    """B-5."""
    assert digest("entry", b"ab", b"c") == hashlib.sha256(b"dpnode/entry/1abc").digest()
    assert digest("entry", b"x") != digest("vote", b"x")
