"""Toy blocks for the replica alone: an entry is a number, and everything else about a block is real."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from ledger.block import Block, Header
from ledger.canonical import digest
from ledger.consensus.tree import Verdict
from ledger.consensus.votes import Certificate, Vote
from ledger.keys import SigningKey

NETWORK = digest("test-network")
WALL_MS = 1_800_000_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    wall_ms: int
    monotonic_ms: int


@lru_cache
def voting_key(place: int) -> SigningKey:
    return SigningKey(digest("test-voting", bytes([place])))


def toy_block(parent: bytes, height: int, view: int, numbers: tuple[int, ...], epoch: int = 1) -> Block:
    body = repr((parent, height, view, numbers, epoch)).encode()
    header = Header(
        network=NETWORK,
        epoch=epoch,
        view=view,
        height=height,
        parent=parent,
        time_ms=WALL_MS + height,
        entries_root=body[:32],
        state_root=NETWORK,
        witnesses=NETWORK,
        body=body,
        id=digest("block", body),
    )
    return Block(header=header, entries=(), outcomes=tuple(str(n) for n in numbers))


@dataclass
class Disk:
    """What survives: the chain of final blocks and the journal."""

    final: list[Block] = field(default_factory=list)
    certificate: Certificate | None = None
    floor: int = 0
    journal: list[Certificate | Block | Vote] = field(default_factory=list)


class ToyTree:
    """Every body above the head; a block is valid where its parent is and its numbers are new."""

    def __init__(self, disk: Disk, pending: set[int]) -> None:
        self.disk = disk
        self.pending = pending
        self.bodies: dict[bytes, Block] = {}
        self.wrong: set[bytes] = set()
        self.closing: set[int] = set()
        """A block that holds one of these numbers closes the epoch."""
        self.untimely: set[bytes] = set()
        """Blocks whose time is far from our clock."""

    @property
    def base(self) -> bytes:
        return self.disk.final[-1].header.id if self.disk.final else NETWORK

    @property
    def height(self) -> int:
        return len(self.disk.final)

    def add(self, block: Block) -> None:
        if block.header.height > self.height:
            self.bodies[block.header.id] = block

    def block(self, block_id: bytes) -> Block | None:
        return self.bodies.get(block_id)

    def path(self, block_id: bytes) -> list[Block] | None:
        found: list[Block] = []
        while block_id != self.base:
            block = self.bodies.get(block_id)
            if block is None:
                return None
            found.append(block)
            block_id = block.header.parent
        return found[::-1]

    def judge(self, block_id: bytes) -> Verdict:
        path = self.path(block_id)
        if path is None:
            return Verdict.MISSING
        seen = {n for block in self.disk.final for n in block.outcomes}
        height, above = self.height, self.disk.floor
        for block in path:
            numbers = set(block.outcomes)
            header = block.header
            if header.height != height + 1 or header.view <= above or numbers & seen or "-1" in numbers:
                self.wrong.add(block_id)
                return Verdict.INVALID
            seen |= numbers
            height, above = header.height, header.view
        return Verdict.VALID

    def is_wrong(self, block_id: bytes) -> bool:
        return block_id in self.wrong

    def signed_for(self, block_id: bytes) -> None:
        assert self.judge(block_id) is Verdict.VALID

    def closes(self, block_id: bytes) -> bool:
        block = self.bodies.get(block_id)
        return block is not None and any(int(n) in self.closing for n in block.outcomes)

    def missing(self, block_id: bytes) -> tuple[bytes, ...]:
        while block_id != self.base and (block := self.bodies.get(block_id)) is not None:
            block_id = block.header.parent
        return () if block_id == self.base else (block_id,)

    def is_too_long(self, block_id: bytes) -> bool:
        return False

    def depth(self, block_id: bytes) -> int:
        path = self.path(block_id)
        return len(path) if path else 0

    def build(self, parent: bytes, view: int, wall_ms: int) -> Block | None:
        path = self.path(parent)
        assert path is not None
        taken = {int(n) for block in (*self.disk.final, *path) for n in block.outcomes}
        fresh = tuple(sorted(self.pending - taken))[:3]
        if not fresh:
            return None
        block = toy_block(parent, self.height + len(path) + 1, view, fresh)
        self.bodies[block.header.id] = block
        return block

    def is_timely(self, block_id: bytes, wall_ms: int) -> bool:
        return block_id not in self.untimely

    def has_work(self, wall_ms: int) -> bool:
        taken = {int(n) for block in self.disk.final for n in block.outcomes}
        return bool(self.pending - taken)

    def moved(self) -> None:
        self.bodies = {one: block for one, block in self.bodies.items() if block.header.height > self.height}
