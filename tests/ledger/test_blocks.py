"""A block is its bytes: whatever is changed in it on the way is refused or is another block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.block import (
    BLOCK_BYTES_MAX,
    Block,
    entries_root,
    entry_places,
    leaf_hash,
    make_block,
    read_block,
    read_header,
    read_triple,
    witnesses_hash,
    write_block,
)
from ledger.canonical import NotCanonical, decode, digest, encode
from ledger.errors import Reason, RemoteError
from ledger.form import Malformed
from ledger.merkle import list_root
from ledger.operations.assets import AssetReason
from ledger.operations.credits import CreditReason
from ledger.operations.membership import MembershipReason
from ledger.operations.shares import ShareReason
from ledger.operations.work_reasons import WorkReason
from tests.ledger.town import START_MS, Town

HEADER: dict[str, Any] = {
    "epoch": 1,
    "height": 1,
    "network": b"n" * 32,
    "parent": b"p" * 32,
    "time_ms": START_MS,
    "state_root": b"s" * 32,
    "view": 3,
    "witnesses": b"w" * 32,
}


def block_of(count: int = 3) -> Block:
    town = Town()
    fields = {"decimals": 2, "redeemable": "bread", "unit": "EUR"}
    entries = [town.entry(town.people[0].working, "credits.open/1", fields) for _ in range(count)]
    outcomes = ["" if i % 2 else "account.too-little" for i in range(count)]
    return make_block(**HEADER, entries=entries, outcomes=outcomes)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17])
def test_a_block_reads_back_as_it_was_written(count: int) -> None:
    """B-9."""
    block = block_of(count)
    assert read_block(write_block(block)) == block
    assert block.header.id == digest("block", block.header.body)
    assert block.header.entries_root == list_root(
        [digest("leaf", e.id, e.signature, o.encode()) for e, o in zip(block.entries, block.outcomes, strict=True)]
    )


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(b"\xc0", id="nothing"),
        pytest.param(b"\xcb" + bytes(8), id="a float"),
        pytest.param(b"\x07", id="a number"),
        pytest.param(b"\xc3", id="true"),
        pytest.param(b"\xa3e\xcc\x81", id="text that is not NFC"),
        pytest.param(b"\xd4\x05x", id="an extension"),
        pytest.param(b"\xd6\xff" + bytes(4), id="a timestamp"),
        pytest.param(b"\x80", id="a map"),
        pytest.param(b"\x91" * 15 + b"\x90", id="a deep list"),
        pytest.param(b"\x91" * 600 + b"\x90", id="a list deeper than anything is written"),
    ],
)
def test_nothing_but_bytes_outcomes_and_signatures_stands_in_a_block(part: int, strange: bytes) -> None:
    """B-3, B-9."""
    value = decode(write_block(block_of(2)))
    value["entries"][1][part] = "here"
    data = encode(value).replace(encode("here"), strange)
    with pytest.raises(RemoteError):
        read_block(data)


@pytest.mark.parametrize("count", [1, 15, 16, 40])
def test_an_entry_can_be_read_from_its_place_without_the_others(count: int) -> None:
    """B-9."""
    block = block_of(count)
    data = write_block(block)
    for (offset, size), entry, outcome in zip(entry_places(block), block.entries, block.outcomes, strict=True):
        assert read_triple(data[offset : offset + size]) == (entry, outcome)


def test_a_block_of_very_many_entries_keeps_its_places() -> None:
    """B-9: a list of 65,536 and more has a longer head."""
    entry = block_of(1).entries[0]
    block = Block(header=block_of(1).header, entries=(entry,) * 65_536, outcomes=("",) * 65_536)
    offset, size = entry_places(block)[-1]
    assert read_triple(write_block(block)[offset : offset + size]) == (entry, "")


def test_a_leaf_covers_id_signature_and_outcome() -> None:
    """B-6."""
    block = block_of(1)
    (entry,) = block.entries
    assert leaf_hash(entry, "") != leaf_hash(entry, "account.too-little")
    assert entries_root([entry], [""]) == leaf_hash(entry, "")
    assert entries_root([], []) == list_root([])


def test_the_witness_list_is_hashed_as_it_stands_in_the_state() -> None:
    """B-9."""
    town = Town(witnesses=2)
    kept = town.state.get(b"witnesses")
    assert kept is not None
    assert witnesses_hash(kept["list"]) == digest("witnesses", encode(kept["list"]))


@settings(max_examples=300)
@given(st.data())
def test_no_byte_of_a_block_can_be_changed_on_the_way(data: st.DataObject) -> None:
    """B-1, B-6, B-9: what still reads has another id."""
    block = block_of(2)
    good = write_block(block)
    at = data.draw(st.integers(0, len(good) - 1))
    changed = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1 :]
    try:
        read = read_block(changed)
    except RemoteError:
        return
    assert read.header.id != block.header.id
    assert write_block(read) == changed


def changed(**what: Any) -> bytes:
    """The bytes of a block whose map was changed."""
    value = decode(write_block(block_of(2)))
    for name, change in what.items():
        if change is None:
            del value[name]
        else:
            value[name] = change(value[name]) if callable(change) else change
    return encode(value)


Change = Callable[[list[list[Any]]], list[Any]]
ENTRY_CHANGES: dict[str, Change] = {
    "a pair": lambda entries: [entries[0][:2]],
    "four parts": lambda entries: [[*entries[0], b""]],
    "no list": lambda entries: [b"x"],
    "text for bytes": lambda entries: [["x", *entries[0][1:]]],
    "no signature": lambda entries: [[*entries[0][:2], ""]],
    "a short signature": lambda entries: [[*entries[0][:2], bytes(63)]],
    "an outcome that is bytes": lambda entries: [[entries[0][0], b"", entries[0][2]]],
    "an outcome too long": lambda entries: [[entries[0][0], "x" * 49, entries[0][2]]],
    "an outcome with a line break": lambda entries: [[entries[0][0], "a\nb", entries[0][2]]],
    "an outcome that is not ASCII": lambda entries: [[entries[0][0], "é", entries[0][2]]],
    "another outcome": lambda entries: [[entries[0][0], "credit.unknown", entries[0][2]], entries[1]],
    "another signature": lambda entries: [[*entries[0][:2], bytes(64)], entries[1]],
    "one entry less": lambda entries: entries[:1],
    "one entry twice": lambda entries: [*entries, entries[1]],
    "another order": lambda entries: entries[::-1],
    "an entry that is none": lambda entries: [[b"\x80", *entries[0][1:]], entries[1]],
}


@pytest.mark.parametrize("name", ENTRY_CHANGES)
def test_a_block_whose_entries_were_changed_is_refused(name: str) -> None:
    """B-6, B-9."""
    with pytest.raises(RemoteError):
        read_block(changed(entries=ENTRY_CHANGES[name]))


@pytest.mark.parametrize(
    "what",
    [
        {"header": None},
        {"entries": None},
        {"more": 1},
        {"entries": b""},
        {"header": "x"},
        {"header": b""},
        {"header": bytes(1025)},
    ],
    ids=str,
)
def test_a_block_of_another_shape_is_refused(what: dict[str, Any]) -> None:
    """B-9, B-7."""
    with pytest.raises(RemoteError):
        read_block(changed(**what))


def test_what_is_no_map_and_what_is_too_large_is_no_block() -> None:
    """B-9."""
    for data in (b"", encode([]), encode("x"), bytes(BLOCK_BYTES_MAX + 1)):
        with pytest.raises(NotCanonical):
            read_block(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 0),
        ("height", 0),
        ("view", 0),
        ("view", True),
        ("time", -1),
        ("network", bytes(31)),
        ("parent", b""),
        ("state", None),
        ("entries", None),
        ("witnesses", "w"),
        ("extra", 1),
    ],
)
def test_a_header_of_another_form_is_refused(name: str, value: Any) -> None:
    """B-9, B-7."""
    content = decode(block_of(1).header.body)
    content[name] = value
    if value is None:
        del content[name]
    with pytest.raises(Malformed):
        read_header(encode(content))


def test_every_code_fits_its_place_in_a_block_and_names_one_reason() -> None:
    """B-6, F-5: 2,000 entries with the longest code fit beside a mebibyte of entries."""
    families = (Reason, MembershipReason, CreditReason, AssetReason, ShareReason, WorkReason)
    codes = [reason.value for family in families for reason in family]
    assert len(codes) == len(set(codes))
    assert all(code.isascii() and len(code) <= 48 for code in codes)
    longest = max(codes, key=len)
    framing = len(encode([bytes(256), longest, bytes(64)])) - 256 - 64
    assert 2000 * framing + 1024 + 64 < BLOCK_BYTES_MAX - (1 << 20)
