"""A message is read back as it was written, and nothing else is read at all (SPEC P-1, P-2, P-3, P-8)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import decode, encode
from ledger.errors import RemoteError
from protocol import limits
from protocol.messages import (
    MESSAGES,
    Adverts,
    AskDefinitions,
    AskEntries,
    AskOwnVotes,
    AskRange,
    AskViews,
    Blocks,
    Body,
    Certified,
    Definitions,
    Entries,
    Have,
    Hello,
    NewHead,
    OwnVotes,
    Pending,
    Proposed,
    Records,
    ShareAccepted,
    ShareOffer,
    Stands,
    Talk,
    Voted,
    read_message,
    write_message,
)

ID = b"i" * 32
STATEMENT = {"body": b"b", "key": ID, "sig": b"s" * 64}
VOTE = {"block": ID, "epoch": 1, "kind": "notarize", "sig": b"s" * 64, "view": 7, "witness": 3}
GIVEN_UP = {"epoch": 1, "kind": "nullify", "sig": b"s" * 64, "view": 7, "witness": 63}
EXAMPLES: tuple[Any, ...] = (
    Hello(network=ID, height=0, block=ID),
    Hello(network=ID, height=7, block=ID, record=STATEMENT),
    Hello(network=ID, height=7, block=ID, time=1),
    NewHead(height=1, block=ID),
    NewHead(height=1, block=ID, time=1_800_000_000_000),
    Proposed(vote=VOTE),
    Proposed(vote=VOTE, block=b"b"),
    Voted(votes=[VOTE, GIVEN_UP]),
    Voted(votes=[VOTE] * limits.VOTES_PER_MESSAGE),
    Certified(certificates=[b"c"] * limits.CERTIFICATES_PER_MESSAGE),
    Body(block=b"b"),
    AskViews(epoch=1, views=[], blocks=[]),
    AskViews(epoch=1, views=[7] * 64, blocks=[ID] * 4),
    Stands(epoch=1, floor=0, view=1, works=True),
    AskOwnVotes(epoch=1, token=0),
    OwnVotes(certificates=[], epoch=1, token=5, votes=[]),
    OwnVotes(certificates=[b"c"], epoch=1, token=5, votes=[VOTE]),
    AskRange(start=1, bytes=655_360),
    Blocks(start=1, blocks=[], certificate=b"", height=0),
    Blocks(start=9, blocks=[b"x", b"y"], certificate=b"c", height=10),
    Entries(entries=[[b"body", b"s" * 64]]),
    Pending(ids=[ID]),
    Pending(ids=[ID] * limits.IDS_PER_MESSAGE),
    AskEntries(ids=[ID] * limits.ENTRIES_PER_MESSAGE),
    Have(adverts=[[ID, 5]]),
    Have(adverts=[]),
    Adverts(adverts=[STATEMENT]),
    Records(records=[STATEMENT] * 64),
    AskDefinitions(hashes=[ID]),
    Definitions(definitions=[b"d"]),
    Talk(kind="refuse", body={"reason": "busy"}),
    ShareOffer(offer=STATEMENT),
    ShareAccepted(accept=STATEMENT),
)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda one: one.TYPE)
def test_a_message_is_read_back_as_it_was_written(message: Any) -> None:
    assert read_message(write_message(message)) == message


def test_there_is_an_example_of_every_message() -> None:
    assert {message.TYPE for message in EXAMPLES} == MESSAGES.keys()


HOSTILE = {
    "nothing": b"",
    "no map": encode([1, 2]),
    "a map without a type": encode({"height": 1}),
    "a type that is no text": encode({"t": 5}),
    "a type in bytes": encode({"t": b"head"}),
    "an unknown type": encode({"t": "gossip"}),
    "a nil": b"\xc0",
    "a float": b"\xcb" + bytes(8),
    "an ext": b"\xd4\x01\x00",
    "trailing bytes": write_message(NewHead(height=1, block=ID)) + b"\x00",
    "a long form of a small number": b"\x83\xa5block\xc4\x20" + ID + b"\xa6height\xcc\x01\xa1t\xa4head",
    "keys out of order": b"\x82\xa1t\xa4head\xa5block\xc0",
    "deeper than sixteen": encode([]).join([b"\x91" * 17, b"\x90"]),
    "a head at height 0": encode({"block": ID, "height": 0, "t": "head"}),
    "a head at a negative height": encode({"block": ID, "height": -1, "t": "head"}),
    "a height that is a bool": encode({"block": ID, "height": True, "t": "head"}),
    "a short id": encode({"block": ID[:31], "height": 1, "t": "head"}),
    "a field too many": encode({"block": ID, "height": 1, "more": 1, "t": "head"}),
    "a range of no bytes": encode({"bytes": 0, "start": 1, "t": "ask-range"}),
    "a range of too many bytes": encode({"bytes": limits.FRAME_BYTES_MAX + 1, "start": 1, "t": "ask-range"}),
    "no entries": encode({"entries": [], "t": "entries"}),
    "an entry of three parts": encode({"entries": [[b"a", b"b", b"c"]], "t": "entries"}),
    "too many entries": encode({"entries": [[b"a", b"b"]] * 257, "t": "entries"}),
    "a pair of one": encode({"adverts": [[ID]], "t": "have"}),
    "too many adverts": encode({"adverts": [STATEMENT] * 65, "t": "adverts"}),
    "a statement without a signature": encode({"records": [{"body": b"b", "key": ID}], "t": "records"}),
    "a kind with an escape": encode({"body": {}, "kind": "re\x1b[2Jfuse", "t": "talk"}),
    "a kind that turns the line": encode({"body": {}, "kind": "re\u202efuse", "t": "talk"}),
    "a record that is none": encode({"block": ID, "height": 1, "network": ID, "record": 7, "t": "hello"}),
}


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_frame_is_refused_with_a_sentence(frame: bytes) -> None:
    with pytest.raises(RemoteError) as problem:
        read_message(frame)
    assert problem.value.reason


def test_a_frame_over_the_limit_is_refused() -> None:
    frame = write_message(Blocks(start=1, blocks=[bytes(limits.FRAME_BYTES_MAX)], certificate=b"", height=1))
    with pytest.raises(RemoteError):
        read_message(frame)


def test_a_block_of_the_greatest_size_fits_into_a_frame() -> None:
    from ledger.charter import Limits

    body = bytes(Limits().block_bytes + 40_000)
    message = Blocks(start=1, blocks=[body], certificate=bytes(8192), height=1)
    assert read_message(write_message(message)) == message


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise_anything_else(frame: bytes) -> None:
    try:
        message = read_message(frame)
    except RemoteError:
        return
    assert write_message(message) == frame


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_frame_is_refused_or_says_exactly_something_else(message: Any, data: st.DataObject) -> None:
    frame = write_message(message)
    at = data.draw(st.integers(0, len(frame) - 1))
    damaged = frame[:at] + bytes([frame[at] ^ (1 << data.draw(st.integers(0, 7)))]) + frame[at + 1 :]
    try:
        read = read_message(damaged)
    except RemoteError:
        return
    assert read != message
    assert write_message(read) == damaged


def test_what_is_absent_is_left_out() -> None:
    assert "record" not in decode(write_message(Hello(network=ID, height=0, block=ID)))
