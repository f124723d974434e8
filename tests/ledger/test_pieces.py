"""A state in pieces: each is right or wrong by itself, and together they are exactly what a quorum signed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from ledger.errors import LocalError, RemoteError
from ledger.merkle import HASH_BYTES, bucket_of
from ledger.pieces import (
    DEPTH_MAX,
    PIECE_BYTES_AIM,
    PIECE_BYTES_MAX,
    Outline,
    Sizes,
    place_of,
    read_outline,
    read_piece,
    write_outline,
    write_piece,
)
from ledger.proof_making import Certified
from ledger.snapshot import Gathering
from ledger.state import State
from tests.ledger.proving import History
from tests.ledger.town import Town

HISTORY = History()
PAIRS = list(HISTORY.state.raw_range(b""))


def made(depth: int, pairs: Any = None, certified: Certified | None = None, block: Any = None) -> tuple[bytes, bytes]:
    """Beginning and hashes for a depth."""
    gathered = Gathering()
    for key, value in PAIRS if pairs is None else pairs:
        gathered.add(key, value)
    return write_outline(certified or HISTORY.standing(), block or HISTORY.head, gathered, depth)


def outline(depth: int) -> Outline:
    """What was made, as a stranger reads it."""
    return read_outline(*made(depth), HISTORY.charter)


def pieces(depth: int) -> dict[bytes, bytes]:
    """The bytes of every piece by its name."""
    read = outline(depth)
    return {
        node: write_piece(pair for pair in PAIRS if place_of(pair[0], depth) == place)
        for node, place in read.pieces.items()
    }


def why(begins: bytes, nodes: bytes, charter: Any = None) -> str:
    """Why an outline is refused, which it must be."""
    with pytest.raises(RemoteError) as refused:
        read_outline(begins, nodes, charter or HISTORY.charter)
    return refused.value.reason


@pytest.mark.parametrize("depth", [0, 1, 3, DEPTH_MAX])
def test_all_pieces_together_are_the_state_at_any_depth(depth: int) -> None:
    """O-18, O-19."""
    read = outline(depth)
    got = [pair for node, data in pieces(depth).items() for pair in read_piece(data, read, node)]
    assert sorted(got) == PAIRS
    assert State(got).root == read.start.block.header.state_root
    assert read.depth == depth


def test_the_outline_shows_the_block_as_a_snapshot_does() -> None:
    """O-18."""
    start = outline(2).start
    assert start.block == HISTORY.head
    assert start.pairs == len(PAIRS)


@pytest.mark.parametrize("node", range(4))
def test_hashes_that_do_not_lead_to_the_root_are_refused(node: int) -> None:
    """O-18."""
    begins, nodes = made(2)
    changed = bytearray(nodes)
    changed[node * HASH_BYTES] ^= 1
    assert "do not lead to the state root of block" in why(begins, bytes(changed))


@pytest.mark.parametrize("size", [0, 1, HASH_BYTES * 3, HASH_BYTES * 4 - 1, HASH_BYTES << (DEPTH_MAX + 1)])
def test_hashes_of_no_depth_are_refused(size: int) -> None:
    """O-18."""
    begins, nodes = made(2)
    assert "no hashes of the pieces" in why(begins, (nodes * ((size >> 7) + 1))[:size])


def test_an_outline_of_another_network_damaged_or_cut_short_is_refused() -> None:
    """O-18: as a snapshot of it is."""
    begins, nodes = made(2)
    assert why(begins, nodes, Town(people=1).charter)
    assert "something follows the totals" in why(begins + b"\0", nodes)
    for cut in range(0, len(begins), 97):
        assert why(begins[:cut], nodes)
    for at in range(0, len(begins), 61):
        damaged = begins[:at] + bytes([begins[at] ^ 0x10]) + begins[at + 1 :]
        try:
            read = read_outline(damaged, nodes, HISTORY.charter)
        except RemoteError:
            continue
        assert read.start.block == HISTORY.head, "only the totals are nobody's word"


def test_a_piece_with_any_bit_changed_or_of_another_place_is_refused() -> None:
    """O-19."""
    read, found = outline(3), pieces(3)
    for node, data in found.items():
        for at in range(0, len(data), 53):
            with pytest.raises(RemoteError):
                read_piece(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], read, node)
        for cut in range(0, len(data), 71):
            with pytest.raises(RemoteError):
                read_piece(data[:cut], read, node)
        other = next(one for one in found if one != node)
        with pytest.raises(RemoteError):
            read_piece(data, read, other)


def test_pairs_in_another_order_are_another_piece() -> None:
    """O-19: there is one spelling of it."""
    read, (node, *_) = outline(0), list(outline(0).pieces)
    ordered = sorted(PAIRS, key=lambda pair: (bucket_of(pair[0]), pair[0]))
    swapped = [*ordered[:-2], ordered[-1], ordered[-2]]
    data = b"".join(write_piece([pair]) for pair in swapped)
    with pytest.raises(RemoteError):
        read_piece(data, read, node)
    assert read_piece(b"".join(write_piece([pair]) for pair in ordered), read, node) == ordered


def test_a_piece_that_is_too_large_is_refused_before_it_is_read() -> None:
    """O-19."""
    read = outline(0)
    (node,) = read.pieces
    with pytest.raises(RemoteError, match="a piece of"):
        read_piece(bytes(PIECE_BYTES_MAX + 1), read, node)
    with pytest.raises(RemoteError, match="a piece of"):
        read_piece(b"", read, node)


def test_an_empty_part_of_the_state_has_no_piece() -> None:
    """O-19."""
    read = outline(DEPTH_MAX)
    assert 0 < len(read.pieces) <= len(PAIRS) < len(read.nodes)


def test_where_nothing_changed_the_piece_of_a_later_state_is_the_same() -> None:
    """O-19: so what was fetched of one block serves for the next."""
    before = set(read_outline(*made(8), HISTORY.charter).pieces)
    later = [(key, value + b"!" if place == 3 else value) for place, (key, value) in enumerate(PAIRS)]
    gathered = Gathering()
    for key, value in later:
        gathered.add(key, value)
    after = gathered.nodes(8)
    assert len(before - set(after)) == 1


def test_the_least_depth_is_taken_that_keeps_pieces_small() -> None:
    """O-20."""
    dice = random.Random(20)
    sizes = Sizes()
    for _ in range(2_000):
        sizes.add(dice.randbytes(32), bytes(1_000))
    found = sizes.pieces()
    assert max(found) <= PIECE_BYTES_AIM
    assert max(found[i] + found[i + 1] for i in range(0, len(found), 2)) > PIECE_BYTES_AIM
    few = Sizes()
    few.add(b"key", b"value")
    assert len(few.pieces()) == 1


def test_a_bucket_that_nobody_could_fetch_makes_no_outline() -> None:
    """O-19, O-20: keys chosen for one bucket."""
    sizes = Sizes()
    for _ in range(17):
        sizes.add(b"key", bytes(128 << 10))
    with pytest.raises(LocalError, match="more than anybody fetches"):
        sizes.pieces()


def test_pairs_of_another_state_make_no_outline() -> None:
    with pytest.raises(LocalError):
        made(1, pairs=PAIRS[:-1])
