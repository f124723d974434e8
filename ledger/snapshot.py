"""A snapshot: the whole state at one block that a quorum signed, so that who comes late need not replay what was.

It begins with a proof of the witness list and with the block that this proof is of, so the charter alone shows that
the block is final; every pair of the state follows in key order, in chunks. The pairs count once the tree over all of
them leads to the root in the block's header, and not before (SPEC O-13 to O-17). Both sides go through the pairs one
chunk at a time: beside a hash a bucket nothing is held, so the size of a snapshot is bounded by its announcement alone.

Not here: files, and how a node begins with one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

from ledger.block import BLOCK_BYTES_MAX, Block, read_block, write_block
from ledger.canonical import Value, decode, encode
from ledger.charter import Charter
from ledger.consensus.votes import WITNESSES_MAX, Certificate, VoteKind, write_certificate
from ledger.errors import LocalError, RemoteError
from ledger.form import ID, Int, List, Map
from ledger.merkle import BUCKET_BITS, BUCKETS, bucket_of, node_hash
from ledger.proof import EMPTY, PROOF_BYTES_MAX, WITNESSES_KEY, Shown, ShownPair, check
from ledger.proof_making import Certified, Taken, prove_pair

MAGIC = b"dpnode/snapshot/1"
CHUNK_BYTES_MAX = 512 << 10
"""What is held at a time: some thousands of pairs."""
KEY_BYTES_MAX = 256
"""The longest key of any family has 73."""
VALUE_BYTES_MAX = 128 << 10
"""Nothing larger than an entry, 64 KiB, gets into the state at once."""
STATE_BYTES_MAX = 4 << 30
"""More than a node could hold in memory, which it has to."""
PAIRS_MAX = 1 << 25
"""128 bytes a pair at the least: what the largest state has room for."""

_LENGTH_BYTES = 4
_TOTALS_BYTES_MAX = 64
_TOTALS = Map({"bytes": Int(1, STATE_BYTES_MAX), "pairs": Int(1, PAIRS_MAX)})
_WITNESSES = Map({"epoch": Int(1), "list": List(Map({"key": ID, "member": ID}), 1, WITNESSES_MAX)})
_length = Struct(">I")
_BUCKET_TAG = b"dpnode/bucket/1"
_ROOT_OF_NOTHING = node_hash(EMPTY[-1], EMPTY[-1])

Pair = tuple[bytes, bytes]


class BadSnapshot(RemoteError):
    """This is not the state of a block of this network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The block that a snapshot is of, shown by the charter; its pairs are not checked yet."""

    shown: Shown
    block: Block
    certificate: bytes
    """Finalizes that very block."""
    view: int
    """The view it was finalized in; 0 where it closed its epoch, since the next one has had none."""
    epoch: int
    """Of the blocks above it: what the state names."""
    epoch_ends: tuple[bytes, ...]
    """What shows the witnesses of each later epoch, the oldest first (O-4)."""
    state_bytes: int
    """Of all pairs, as they stand in the chunks."""
    pairs: int


class Gathering:
    """The tree over pairs that come in key order, none of which is kept but those beside the witness list (S-2)."""

    __slots__ = ("_beside", "_buckets", "_last", "_levels", "bytes", "pairs")

    def __init__(self) -> None:
        # Pairs in key order are in key order within each bucket too, so a bucket's hash grows as they come.
        self._buckets: dict[int, Any] = {}
        self._beside: list[Pair] = []
        self._last = b""
        self._levels: list[dict[int, bytes]] = []
        self.bytes = 0
        self.pairs = 0

    def add(self, key: bytes, value: bytes) -> None:
        """The next pair; raises `BadSnapshot` where it is out of order, doubled or too large (O-15)."""
        if not 1 <= len(key) <= KEY_BYTES_MAX or not 1 <= len(value) <= VALUE_BYTES_MAX:
            raise BadSnapshot(f"pair {self.pairs} has a key or value of a size that none has")
        if key <= self._last:
            doubled = "stands twice" if key == self._last else "is out of order"
            raise BadSnapshot(f"the key of pair {self.pairs} {doubled}")
        bucket = bucket_of(key)
        hasher = self._buckets.get(bucket)
        if hasher is None:
            hasher = self._buckets[bucket] = hashlib.sha256(_BUCKET_TAG)
        hasher.update(framed(key, value))
        if bucket == _WITNESSES_BUCKET:
            self._beside.append((key, value))
        self._last = key
        self.bytes += _pair_bytes(key, value)
        self.pairs += 1

    @property
    def root(self) -> bytes:
        """The state root that all pairs added so far lead to."""
        level: dict[int, bytes] = {bucket: hasher.digest() for bucket, hasher in self._buckets.items()}
        self._levels = [level]
        for blank in EMPTY:
            above = {i >> 1 for i in level}
            level = {i: node_hash(level.get(2 * i, blank), level.get(2 * i + 1, blank)) for i in above}
            self._levels.append(level)
        return level.get(0, _ROOT_OF_NOTHING)

    def nodes(self, depth: int) -> list[bytes]:
        """The hashes of all nodes so far below the root."""
        root = self.root
        level, blank = self._levels[BUCKET_BITS - depth], [*EMPTY, root][BUCKET_BITS - depth]
        return [level.get(i, blank) for i in range(1 << depth)]

    def taken(self) -> Taken:
        """What a proof of the witness list needs of these pairs."""
        root = self.root
        path, empty, i = b"", 0, _WITNESSES_BUCKET
        for depth in range(BUCKET_BITS):
            sibling = self._levels[depth].get(i ^ 1)
            if sibling is None:
                empty |= 1 << depth
            else:
                path += sibling
            i >>= 1
        keys = [key for key, _ in self._beside]
        place = keys.index(WITNESSES_KEY) if WITNESSES_KEY in keys else None
        pairs: list[Value] = [list(pair) for pair in self._beside]
        bucket: dict[str, Value] = {"empty": empty, "pairs": pairs, "path": path}
        return Taken(key=WITNESSES_KEY, root=root, bucket=bucket, place=place)


_WITNESSES_BUCKET = bucket_of(WITNESSES_KEY)
assert len(EMPTY) == BUCKET_BITS and BUCKETS == 1 << BUCKET_BITS


def write_snapshot(certified: Certified, block: Block, pairs: Callable[[], Iterable[Pair]]) -> Iterator[bytes]:
    """The bytes of a snapshot, piece by piece (O-13 to O-15).

    Args:
        certified: the block's header, a certificate of its own, and the epochs before it.
        pairs: gives the state after the block in key order, the same at each of two calls.

    Errors:
        LocalError: the pairs are those of another block's state, or the block has no certificate of its own.
    """
    gathered = Gathering()
    for key, value in pairs():
        gathered.add(key, value)
    yield from beginning(certified, block, gathered)
    chunk: list[bytes] = []
    size = 0
    for key, value in pairs():
        more = _pair_bytes(key, value)
        if size + more > CHUNK_BYTES_MAX:
            yield _length.pack(size) + b"".join(chunk)
            chunk, size = [], 0
        chunk.append(framed(key, value))
        size += more
    yield _length.pack(size) + b"".join(chunk)


def beginning(certified: Certified, block: Block, gathered: Gathering) -> Iterator[bytes]:
    """What comes before the pairs, of which `gathered` has had every one (O-13, O-14); raises as `write_snapshot`."""
    if certified.above or block.header.body != certified.header:
        raise LocalError("a snapshot is of a block that has a certificate of its own")
    proof = prove_pair(certified, gathered.taken())
    yield MAGIC
    for part in (proof, write_block(block), encode({"bytes": gathered.bytes, "pairs": gathered.pairs})):
        yield _length.pack(len(part)) + part


class Snapshot:
    """A snapshot that is being read: first what it is of, then, once, its pairs.

    Args:
        read: gives that many bytes, or fewer where there are no more, like a file's method.

    Errors:
        RemoteError: from here and from `chunks`; `BadSnapshot` and what `ledger.proof.check` raises.
    """

    def __init__(self, read: Callable[[int], bytes], charter: Charter) -> None:
        self._read = read
        if self._exactly(len(MAGIC), "the beginning") != MAGIC:
            raise BadSnapshot("this does not begin as a snapshot does")
        proof = self._section("the proof", PROOF_BYTES_MAX)
        shown = check(proof, charter)
        block = _block(self._section("the block", BLOCK_BYTES_MAX), shown)
        totals: dict[str, Any] = decode(self._section("the totals", _TOTALS_BYTES_MAX))
        _TOTALS.check(totals)
        self.start = _start(shown, block, decode(proof), totals)

    def chunks(self) -> Iterator[list[Pair]]:
        """All pairs, chunk by chunk; none of them counts unless this comes to its end (O-15, O-16)."""
        start, gathered = self.start, Gathering()
        filled = CHUNK_BYTES_MAX
        while gathered.bytes < start.state_bytes:
            data = self._section("a chunk", min(CHUNK_BYTES_MAX, start.state_bytes - gathered.bytes))
            pairs = chunk_pairs(data)
            if filled + _pair_bytes(*pairs[0]) <= CHUNK_BYTES_MAX:
                raise BadSnapshot(f"the chunk before pair {gathered.pairs} ends too early")
            for key, value in pairs:
                gathered.add(key, value)
            if gathered.pairs > start.pairs:
                raise BadSnapshot(f"more than the {start.pairs} pairs are there that are announced")
            filled = len(data)
            yield pairs
        if gathered.pairs != start.pairs:
            raise BadSnapshot(f"{gathered.pairs} pairs are there, announced are {start.pairs}")
        if self._read(1):
            raise BadSnapshot("something follows the last pair")
        header = start.block.header
        if gathered.root != header.state_root:
            raise BadSnapshot(f"the pairs do not lead to the state root of block {header.height}")

    def _section(self, what: str, bytes_max: int) -> bytes:
        (size,) = _length.unpack(self._exactly(_LENGTH_BYTES, what))
        if not 1 <= size <= bytes_max:
            raise BadSnapshot(f"{what} is said to have {size} bytes where 1 to {bytes_max} can be")
        return self._exactly(size, what)

    def _exactly(self, size: int, what: str) -> bytes:
        data = self._read(size)
        if len(data) != size:
            raise BadSnapshot(f"the snapshot is cut off within {what}")
        return data


def chunk_pairs(data: bytes) -> list[Pair]:
    """The pairs of one chunk, at least one; raises `BadSnapshot` where the lengths do not add up (O-15)."""
    pairs, at = [], 0
    while at < len(data):
        key, at = _item(data, at)
        value, at = _item(data, at)
        pairs.append((key, value))
    if not pairs:
        raise BadSnapshot("a chunk holds no pair")
    return pairs


def _item(data: bytes, at: int) -> tuple[bytes, int]:
    start = at + _LENGTH_BYTES
    if start > len(data):
        raise BadSnapshot("a chunk ends within a pair")
    (size,) = _length.unpack_from(data, at)
    if start + size > len(data):
        raise BadSnapshot("a chunk ends within a pair")
    return data[start : start + size], start + size


def framed(key: bytes, value: bytes) -> bytes:
    """A pair as it is written and hashed: each part behind its length (S-2, O-15)."""
    return b"".join((_length.pack(len(key)), key, _length.pack(len(value)), value))


def _pair_bytes(key: bytes, value: bytes) -> int:
    return 2 * _LENGTH_BYTES + len(key) + len(value)


def _block(data: bytes, shown: Shown) -> Block:
    """The block that the proof is of (O-14)."""
    block = read_block(data)
    if block.header.body != shown.header.body:
        raise BadSnapshot(f"the block is not block {shown.header.height} that the proof is of")
    return block


def _start(shown: Shown, block: Block, proof: dict[str, Any], totals: dict[str, Any]) -> Start:
    """Where whoever begins with this stands (O-14, O-17)."""
    what, header = shown.what, shown.header
    if not isinstance(what, ShownPair) or what.key != WITNESSES_KEY or what.value is None:
        raise BadSnapshot("a snapshot begins with a proof of the witness list")
    if "above" in proof:
        raise BadSnapshot(f"block {header.height} has no certificate of its own")
    signed = proof["certificate"]
    certificate = Certificate(
        epoch=header.epoch,
        view=signed["view"],
        kind=VoteKind.FINALIZE,
        block=header.id,
        votes=tuple(zip(signed["places"], signed["signatures"], strict=True)),
    )
    named: dict[str, Any] = decode(what.value)
    _WITNESSES.check(named)
    epoch: int = named["epoch"]
    closes = epoch != header.epoch
    ends = list(proof.get("epochs", ()))
    if closes:
        if epoch != header.epoch + 1:
            raise BadSnapshot(f"the state after block {header.height} of epoch {header.epoch} names epoch {epoch}")
        # The proof is of the very key, block and certificate that show the next epoch's witnesses.
        ends.append({"block": header.body, "bucket": proof["pair"]["bucket"], "certificate": signed})
    return Start(
        shown=shown,
        block=block,
        certificate=write_certificate(certificate),
        view=0 if closes else certificate.view,
        epoch=epoch,
        epoch_ends=tuple(encode(one) for one in ends),
        state_bytes=totals["bytes"],
        pairs=totals["pairs"],
    )
