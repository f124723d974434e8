"""A snapshot gives whoever has the charter exactly the state that a quorum signed, or a sentence and nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable
from struct import pack
from typing import Any

import pytest

from ledger.block import write_block
from ledger.canonical import decode, encode
from ledger.consensus.votes import read_certificate
from ledger.errors import LocalError, RemoteError
from ledger.proof import check
from ledger.proof_making import Certified, prove_pair, take
from ledger.snapshot import (
    CHUNK_BYTES_MAX,
    KEY_BYTES_MAX,
    MAGIC,
    PAIRS_MAX,
    STATE_BYTES_MAX,
    VALUE_BYTES_MAX,
    BadSnapshot,
    Gathering,
    Snapshot,
    chunk_pairs,
    write_snapshot,
)
from ledger.state import State
from tests.ledger.proving import Epochs, History, changed, flipped
from tests.ledger.town import Town

HISTORY = History()
EPOCHS = Epochs()
PAIRS = list(HISTORY.state.raw_range(b""))
CLOSING, CLOSED_BY = EPOCHS.blocks[1]


def written(certified: Certified | None = None, block: Any = None, pairs: Iterable[Any] = PAIRS) -> bytes:
    """The history's snapshot, or one with another part."""
    pairs = list(pairs)
    return b"".join(write_snapshot(certified or HISTORY.standing(), block or HISTORY.head, lambda: pairs))


SNAPSHOT = written()


def sections(data: bytes) -> list[bytes]:
    """The proof, the block, the totals and the chunks."""
    at, found = len(MAGIC), []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def joined(*parts: bytes) -> bytes:
    """Sections as a snapshot."""
    return MAGIC + b"".join(pack(">I", len(part)) + part for part in parts)


def framed(*pairs: tuple[bytes, bytes]) -> bytes:
    """Pairs as a chunk."""
    return b"".join(pack(">I", len(key)) + key + pack(">I", len(value)) + value for key, value in pairs)


def holding_these(*chunks: list[tuple[bytes, bytes]], **totals: int) -> bytes:
    """A snapshot of the history's block with other pairs, honestly announced but for `totals`."""
    proof, block, _, _ = sections(SNAPSHOT)
    made = [framed(*chunk) for chunk in chunks]
    announced = {"bytes": sum(map(len, made)), "pairs": sum(map(len, chunks)), **totals}
    return joined(proof, block, encode(announced), *made)


def why(data: bytes, charter: Any = None) -> str:
    """Why a snapshot is refused, which it must be."""
    with pytest.raises(RemoteError) as refused:
        for _ in Snapshot(io.BytesIO(data).read, charter or HISTORY.charter).chunks():
            pass
    return refused.value.reason


def test_a_snapshot_gives_the_block_and_every_pair_of_the_state_after_it() -> None:
    """O-13, O-14, O-15, O-16."""
    read = Snapshot(io.BytesIO(SNAPSHOT).read, HISTORY.charter)
    assert [pair for chunk in read.chunks() for pair in chunk] == PAIRS
    assert (read.start.block, read.start.pairs) == (HISTORY.head, len(PAIRS))
    assert read.start.shown.signed == 3
    assert read.start.state_bytes == sum(len(key) + len(value) + 8 for key, value in PAIRS)


def test_whoever_begins_with_it_stands_where_the_certificate_says() -> None:
    """O-17: in the certificate's view, not the one of the header."""
    start = Snapshot(io.BytesIO(SNAPSHOT).read, HISTORY.charter).start
    assert (start.epoch, start.view) == (1, HISTORY.head.header.view + 1)
    assert start.certificate == HISTORY.certified(HISTORY.head)
    assert start.epoch_ends == ()


def test_after_a_block_that_closed_its_epoch_the_next_one_has_had_no_view() -> None:
    """O-17: and the proof in the snapshot shows the next epoch's witnesses as well."""
    state = State(EPOCHS.pairs(3, EPOCHS.LISTS[2]).items())
    certified = Certified(header=CLOSING.header.body, certificate=CLOSED_BY, epochs=tuple(EPOCHS.closings[:1]))
    data = written(certified, CLOSING, state.raw_range(b""))
    start = Snapshot(io.BytesIO(data).read, EPOCHS.town.charter).start
    assert (start.epoch, start.view) == (3, 0)
    assert start.epoch_ends == tuple(EPOCHS.closings)
    assert read_certificate(start.certificate).epoch == 2


def test_an_older_snapshot_holds_and_says_of_when_it_is() -> None:
    """O-9."""
    town = History()
    before = town.head
    older = b"".join(write_snapshot(town.standing(), before, lambda: town.state.raw_range(b"")))
    town.do(town.people[1].working, "membership.profile/1", {"about": "stone"})
    read = Snapshot(io.BytesIO(older).read, town.charter)
    assert sum(len(chunk) for chunk in read.chunks()) == read.start.pairs
    assert read.start.block.header == before.header
    assert read.start.block.header.height < town.head.header.height


def test_the_tree_made_on_the_way_is_the_one_of_the_state() -> None:
    """O-16, S-2: also of nothing, and of every number of pairs."""
    gathered, pairs = Gathering(), []
    assert gathered.root == State().root
    for key, value in PAIRS:
        gathered.add(key, value)
        pairs.append((key, value))
        assert gathered.root == State(pairs).root
    assert gathered.taken() == take(HISTORY.state, b"witnesses")
    proof = prove_pair(HISTORY.standing(), gathered.taken())
    assert check(proof, HISTORY.charter).header == HISTORY.head.header


def test_with_any_bit_of_it_turned_it_is_refused() -> None:
    """O-13 to O-16."""
    for at in range(len(SNAPSHOT)):
        why(flipped(SNAPSHOT, at))


def test_cut_off_anywhere_or_followed_by_anything_it_is_refused() -> None:
    """O-13."""
    for length in range(0, len(SNAPSHOT), 7):
        assert "cut off" in why(SNAPSHOT[:length])
    assert "cut off" in why(SNAPSHOT[:-1])
    assert "follows" in why(SNAPSHOT + b"\0")


def test_a_snapshot_is_refused_by_the_charter_of_another_network() -> None:
    """O-14, O-3."""
    assert "another network" in why(SNAPSHOT, Town(people=1).charter)


def test_it_begins_with_a_proof_of_the_witness_list_by_a_certificate_of_its_own_block() -> None:
    """O-14."""
    _, block, totals, chunk = sections(SNAPSHOT)
    assert "witness list" in why(joined(HISTORY.record(), block, totals, chunk))
    assert "witness list" in why(joined(HISTORY.entry_at(0), write_block(HISTORY.mixed), totals, chunk))
    assert "is not block" in why(joined(sections(SNAPSHOT)[0], write_block(HISTORY.mixed), totals, chunk))


def test_a_block_that_another_one_made_final_is_no_beginning() -> None:
    """O-14: who stands on it could not tell in which view."""
    town = History()
    before = town.state.raw_range(b"")
    pairs = list(before)
    block, state = town.head, State(pairs)
    town.do(town.people[1].working, "membership.profile/1", {"about": "stone"})
    certified = Certified(
        header=block.header.body, certificate=town.certified(town.head), above=(town.head.header.body,)
    )
    proof = prove_pair(certified, take(state, b"witnesses"))
    _, _, totals, chunk = sections(SNAPSHOT)
    assert "no certificate of its own" in why(joined(proof, write_block(block), totals, chunk), town.charter)
    with pytest.raises(LocalError):
        b"".join(write_snapshot(certified, block, lambda: pairs))


def test_pairs_that_are_others_missing_doubled_or_out_of_order_are_refused() -> None:
    """O-15, O-16."""
    key, value = PAIRS[3]
    assert "state root" in why(holding_these(PAIRS[:3] + PAIRS[4:]))
    assert "state root" in why(holding_these([*PAIRS[:3], (key, value + b"\0"), *PAIRS[4:]]))
    assert "stands twice" in why(holding_these(PAIRS[:4] + PAIRS[3:]))
    assert "out of order" in why(holding_these([*PAIRS[:3], PAIRS[4], PAIRS[3], *PAIRS[5:]]))


def test_announced_is_what_comes() -> None:
    """O-15: nothing is read beyond the announcement, and it has bounds."""
    size = sum(len(key) + len(value) + 8 for key, value in PAIRS)
    assert "announced are" in why(holding_these(PAIRS, pairs=len(PAIRS) + 1))
    assert "that are announced" in why(holding_these(PAIRS, pairs=len(PAIRS) - 1))
    assert "cut off" in why(holding_these(PAIRS, bytes=size + 1))
    assert "is said to have" in why(holding_these(PAIRS, bytes=size - 1))
    why(holding_these(PAIRS, bytes=STATE_BYTES_MAX + 1))
    why(holding_these(PAIRS, pairs=PAIRS_MAX + 1))


def test_one_state_has_one_division_into_chunks() -> None:
    """O-15: each chunk but the last is full, and none has more than it may."""
    assert "ends too early" in why(holding_these(PAIRS[:3], PAIRS[3:]))
    large = [(b"%04d" % i, bytes(VALUE_BYTES_MAX)) for i in range(9)]
    with pytest.raises(LocalError):
        written(pairs=large)
    assert "is said to have" in why(holding_these(large[:4], large[4:]))
    assert "state root" in why(holding_these(large[:3], large[3:6], large[6:]))


def test_a_bomb_is_refused_by_its_first_bytes() -> None:
    """O-13, O-15: no section is larger than its kind can be, whatever it says; keys and values have bounds."""
    proof, block, *_ = sections(SNAPSHOT)
    for size in (0, CHUNK_BYTES_MAX + 1, 2**32 - 1):
        announced = encode({"bytes": STATE_BYTES_MAX, "pairs": PAIRS_MAX})
        assert "is said to have" in why(joined(proof, block, announced) + pack(">I", size))
        assert "is said to have" in why(MAGIC + pack(">I", size and 2**32 - 1))
    assert "of a size" in why(holding_these([(b"", b"v")]))
    assert "of a size" in why(holding_these([(b"k", b"")]))
    assert "of a size" in why(holding_these([(bytes(KEY_BYTES_MAX + 1), b"v")]))
    assert "of a size" in why(holding_these([(b"k", bytes(VALUE_BYTES_MAX + 1))]))


def test_a_chunk_whose_lengths_do_not_add_up_is_refused() -> None:
    """O-15."""
    whole = framed(*PAIRS[:2])
    assert chunk_pairs(whole) == PAIRS[:2]
    for length in range(1, len(whole)):
        if whole[:length] != framed(PAIRS[0]):
            with pytest.raises(BadSnapshot):
                chunk_pairs(whole[:length])
    with pytest.raises(BadSnapshot):
        chunk_pairs(b"")


def test_only_a_state_that_its_block_names_can_be_written() -> None:
    """O-14."""
    with pytest.raises(LocalError):
        written(pairs=PAIRS[:-1])
    with pytest.raises(LocalError):
        written(block=HISTORY.mixed)


def test_a_certificate_of_too_few_carries_no_snapshot() -> None:
    """O-14, O-3."""
    proof, *rest = sections(SNAPSHOT)
    few = changed(proof, "certificate", to=lambda signed: {key: one[:2] if isinstance(one, list) else one
                                                          for key, one in signed.items()})  # fmt: skip
    assert "certificate" in why(joined(few, *rest))
    assert decode(few) != decode(proof)
