"""Harnesses for what a late joiner and whom it asks say to each other: requests, offers, outlines, pieces."""

from __future__ import annotations

from functools import cache

from ledger.errors import RemoteError
from ledger.merkle import HASH_BYTES
from ledger.pieces import Outline, place_of, read_outline, read_piece, write_outline, write_piece
from ledger.snapshot import Gathering
from protocol.replication.snapshot_words import (
    Machine,
    Offer,
    OutlineRequest,
    PieceRequest,
    read_offer,
    read_request,
    write_offer,
    write_request,
)
from tests.ledger.proving import History

DEPTH = 2
_BEGINS_LENGTH_BYTES = 4


@cache
def history() -> History:
    """A history whose state is fetched."""
    return History()


@cache
def written() -> tuple[bytes, bytes]:
    """Its outline."""
    gathered = Gathering()
    for key, value in history().state.raw_range(b""):
        gathered.add(key, value)
    return write_outline(history().standing(), history().head, gathered, DEPTH)


@cache
def outline() -> Outline:
    """The same, read."""
    return read_outline(*written(), history().charter)


def request(data: bytes) -> bool:
    """P-93."""
    try:
        read = read_request(data)
    except RemoteError:
        return False
    assert write_request(read) == data
    return True


def request_seeds() -> list[bytes]:
    """One of each."""
    network = history().charter.network
    return [
        write_request(OutlineRequest(network=network, least_entries=100)),
        write_request(PieceRequest(network=network, node=bytes(HASH_BYTES))),
    ]


def offer(data: bytes) -> bool:
    """P-93."""
    try:
        read = read_offer(data)
    except RemoteError:
        return False
    assert write_offer(read) == data
    return True


def offer_seeds() -> list[bytes]:
    """With and without an outline."""
    machine = Machine(peer=b"peer", addresses=("/ip4/127.0.0.1/tcp/4711",))
    return [
        write_offer(Offer(is_making=True)),
        write_offer(Offer(machines=(machine, machine), outline=(b"begins", bytes(2 * HASH_BYTES)))),
    ]


def split(data: bytes) -> bool:
    """O-18: a beginning behind its length, and hashes; what is taken leads to a root that a quorum signed."""
    size = int.from_bytes(data[:_BEGINS_LENGTH_BYTES], "big")
    begins, nodes = data[_BEGINS_LENGTH_BYTES:][:size], data[_BEGINS_LENGTH_BYTES:][size:]
    try:
        read = read_outline(begins, nodes, history().charter)
    except RemoteError:
        return False
    assert read.start.block == history().head
    assert b"".join(read.nodes) == nodes
    return True


def split_seeds() -> list[bytes]:
    """The history's."""
    begins, nodes = written()
    return [len(begins).to_bytes(_BEGINS_LENGTH_BYTES, "big") + begins + nodes]


def piece(data: bytes) -> bool:
    """O-19: of all bytes there can be, one piece is taken under a name."""
    taken = False
    for node in outline().pieces:
        try:
            pairs = read_piece(data, outline(), node)
        except RemoteError:
            continue
        assert write_piece(pairs) == data
        taken = True
    return taken


def piece_seeds() -> list[bytes]:
    """All of the history's."""
    pairs = list(history().state.raw_range(b""))
    return [write_piece(one for one in pairs if place_of(one[0], DEPTH) == place) for place in range(1 << DEPTH)]
