"""The state of a block in pieces that are each right or wrong by themselves, for who fetches it bit by bit.

A piece is all pairs below one node of the state tree, so the hashes of all nodes of one depth, which lead to the state
root that a quorum signed, show each piece alone to be the right one, whoever brings it and in whatever order. Where
nothing in a piece has changed it is the same in the state of another block. What a snapshot begins with (O-13, O-14)
shows the block (SPEC O-18 to O-20).

Not here: files, and who is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.block import Block
from ledger.charter import Charter
from ledger.errors import LocalError
from ledger.merkle import BUCKET_BITS, HASH_BYTES, bucket_hash, bucket_of, node_hash
from ledger.proof import EMPTY
from ledger.proof_making import Certified
from ledger.snapshot import BadSnapshot, Gathering, Pair, Snapshot, Start, beginning, chunk_pairs, framed

DEPTH_MAX = 14
"""16,384 pieces: of the largest state 256 KiB each, and half a megabyte of hashes."""
PIECE_BYTES_AIM = 256 << 10
"""No piece is larger if a greater depth helps: two seconds of a slow line, so that little is lost with a connection."""
PIECE_BYTES_MAX = 2 << 20
"""A piece that even the greatest depth leaves larger cannot be fetched; many keys were chosen for it then."""
BEGINNING_BYTES_MAX = 2_200_000
"""The largest proof and the largest block, and what stands around them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a state consists of: shown by the charter, before any pair of it is here."""

    start: Start
    nodes: tuple[bytes, ...]
    """The hashes of all nodes of one depth, from the first bucket to the last."""
    pieces: dict[bytes, int]
    """What is to be fetched: the hashes of those nodes below which there is something, and their places."""

    @property
    def depth(self) -> int:
        """How far below the root those nodes stand."""
        return len(self.nodes).bit_length() - 1


def read_outline(begins: bytes, nodes: bytes, charter: Charter) -> Outline:
    """What a snapshot's beginning and the hashes of its pieces show; raises `RemoteError` (O-18)."""
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        return begins[at - size : at]

    start = Snapshot(read, charter).start
    if at != len(begins):
        raise BadSnapshot("something follows the totals")
    count, rest = divmod(len(nodes), HASH_BYTES)
    if rest or count not in [1 << depth for depth in range(DEPTH_MAX + 1)]:
        raise BadSnapshot(f"{len(nodes)} bytes are no hashes of the pieces of a state")
    hashes = tuple(nodes[i : i + HASH_BYTES] for i in range(0, len(nodes), HASH_BYTES))
    if _root_over(hashes) != start.block.header.state_root:
        raise BadSnapshot(f"the pieces do not lead to the state root of block {start.block.header.height}")
    nothing = _nothing_at(len(hashes).bit_length() - 1)
    pieces = {node: place for place, node in enumerate(hashes) if node != nothing}
    return Outline(start=start, nodes=hashes, pieces=pieces)


def read_piece(data: bytes, outline: Outline, node: bytes) -> list[Pair]:
    """The pairs of the piece with this hash; raises `BadSnapshot` where the bytes are not exactly that piece (O-19)."""
    if not 1 <= len(data) <= PIECE_BYTES_MAX:
        raise BadSnapshot(f"a piece of {len(data)} bytes where 1 to {PIECE_BYTES_MAX} can be")
    pairs = chunk_pairs(data)
    below = BUCKET_BITS - outline.depth
    first = outline.pieces[node] << below
    buckets: dict[int, list[Pair]] = {}
    at = 0
    for pair in pairs:
        place = bucket_of(pair[0]) - first
        if not at <= place < 1 << below:
            raise BadSnapshot("a pair stands in a piece that is not its own, or out of order")
        at = place
        buckets.setdefault(place, []).append(pair)
    # Most buckets are empty as a rule, and so are most nodes above them.
    level = {place: bucket_hash(one) for place, one in buckets.items()}
    for blank in EMPTY[:below]:
        above = {i >> 1 for i in level}
        level = {i: node_hash(level.get(2 * i, blank), level.get(2 * i + 1, blank)) for i in above}
    if level[0] != node:
        raise BadSnapshot("the pairs of a piece do not lead to its hash")
    return pairs


# -- making


class Sizes:
    """How large the pieces of each depth are, counted while the pairs are hashed."""

    def __init__(self) -> None:
        self._buckets = [0] * (1 << BUCKET_BITS)

    def add(self, key: bytes, value: bytes) -> None:
        """One more pair."""
        self._buckets[bucket_of(key)] += len(framed(key, value))

    def pieces(self) -> list[int]:
        """The bytes of each piece of the depth to use; raises `LocalError` where one of them is too large (O-20)."""
        sizes = self._buckets
        while len(sizes) > 1:
            above = [sizes[i] + sizes[i + 1] for i in range(0, len(sizes), 2)]
            if len(sizes) <= 1 << DEPTH_MAX and max(above) > PIECE_BYTES_AIM:
                break
            sizes = above
        if max(sizes) > PIECE_BYTES_MAX:
            raise LocalError(f"a piece of the state has {max(sizes):,} bytes, more than anybody fetches")
        return sizes


def write_outline(certified: Certified, block: Block, gathered: Gathering, depth: int) -> tuple[bytes, bytes]:
    """What a snapshot begins with, and the hashes of its pieces; raises `LocalError` as `write_snapshot` does."""
    return b"".join(beginning(certified, block, gathered)), b"".join(gathered.nodes(depth))


def write_piece(pairs: Iterable[Pair]) -> bytes:
    """The bytes of a piece, of its pairs in any order."""
    ordered = sorted((bucket_of(key), key, value) for key, value in pairs)
    return b"".join([framed(key, value) for _, key, value in ordered])


def place_of(key: bytes, depth: int) -> int:
    """In which piece of a depth a key stands."""
    return bucket_of(key) >> (BUCKET_BITS - depth)


def _root_over(nodes: Sequence[bytes]) -> bytes:
    """The node above all of these, which are as many as a depth has."""
    level = list(nodes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def _nothing_at(depth: int) -> bytes:
    """The hash of a node of this depth with nothing below it."""
    return EMPTY[BUCKET_BITS - depth] if depth else node_hash(EMPTY[-1], EMPTY[-1])
