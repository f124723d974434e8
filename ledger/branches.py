"""The blocks above the last final one, executed once each: what the replica's `Tree` stands for (SPEC V-16, V-17).

Bodies are kept unjudged until the replica asks about one; then its ancestors are executed, each on its parent, in
overlays that are thrown away with the branch. When the head moves, what does not descend from it is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from ledger.block import Block, write_block
from ledger.chain import CLOCK_SKEW_MS, Advance, BadRange, Branch, Chain
from ledger.consensus.tree import Verdict
from ledger.consensus.votes import Certificate
from ledger.entry import Entry
from ledger.errors import LocalError, Refusal
from ledger.fold import is_fully_signed
from ledger.state import View

STEP_BYTES_MAX = 1 << 20
"""Several blocks that one certificate makes final are fetched together, so they fit one answer (P-30)."""
ROOM_BYTES_MIN = 96 << 10
"""Below it a leader makes no further block: the largest entry, its outcome and a header want that much."""
BODIES_MAX = 64
"""Blocks kept above the head: a few proposals ahead, a few notarized, a few orphaned; a megabyte each at worst."""


class Pending(Protocol):
    """The entries that wait to be put into a block."""

    def candidates(self, view: View) -> Iterator[Entry]:
        """Those that may be includable on a state, in the order they are to be tried."""

    def has_any(self, wall_ms: int) -> bool:
        """Whether one could be included now, or a due item's time has come."""

    def may_propose(self, wall_ms: int) -> bool:
        """Whether our clock and our view of the network are good enough to lead."""

    def knows(self, entry: Entry) -> bool:
        """Whether this entry waits here, its signatures checked."""

    def found(self, entries: Sequence[Entry], height: int) -> None:
        """Rightly signed entries of a valid block of this height: until it is final they wait here as well (V-16)."""

    def left(self, entries: Iterable[tuple[Entry, Refusal]], *, nothing: bool) -> None:
        """Candidates that could not be included in our own block; `nothing`: and so there was none."""


class Branches:
    """Every block above the head that this witness holds."""

    def __init__(self, chain: Chain, pending: Pending) -> None:
        self._chain = chain
        self._pending = pending
        self._bodies: dict[bytes, Block] = {}
        self._valid: dict[bytes, Branch] = {}
        self._wrong: dict[bytes, None] = {}

    @property
    def base(self) -> bytes:
        """The id of the last final block."""
        return self._chain.head.block

    def add(self, block: Block) -> None:
        """Keep a body above the head, the newest where there are too many."""
        if block.header.height <= self._chain.head.height or block.header.id in self._bodies:
            return
        if len(self._bodies) >= BODIES_MAX:
            self._make_room()
        self._bodies[block.header.id] = block

    def _make_room(self) -> None:
        """Forget the oldest body that was not found valid; where all were, the oldest that nothing stands on."""
        below = {branch.parent.block.header.id for branch in self._valid.values() if branch.parent is not None}
        unproven = (one for one in self._bodies if one not in self._valid)
        oldest = next(unproven, None) or next(one for one in self._bodies if one not in below)
        del self._bodies[oldest]
        self._valid.pop(oldest, None)
        self._wrong.pop(oldest, None)

    def block(self, block_id: bytes) -> Block | None:
        """A body that is here and not final, or None."""
        return self._bodies.get(block_id)

    def judge(self, block_id: bytes) -> Verdict:
        """Execute the block and whatever is below it, once."""
        waiting: list[Block] = []
        while block_id != self.base and block_id not in self._valid:
            block = self._bodies.get(block_id)
            if block_id in self._wrong:
                break
            if block is None:
                return Verdict.MISSING
            waiting.append(block)
            block_id = block.header.parent
        if block_id in self._wrong:
            self._wrong.update(dict.fromkeys(block.header.id for block in waiting))
            return Verdict.INVALID
        while waiting:
            block = waiting.pop()
            if not self._try(block):
                self._wrong.update(dict.fromkeys(one.header.id for one in (block, *waiting)))
                return Verdict.INVALID
        return Verdict.VALID

    def _try(self, block: Block) -> bool:
        fresh = [entry for entry in block.entries if not self._pending.knows(entry)]
        if not all(is_fully_signed(entry) for entry in fresh):
            return False
        try:
            branch = self._chain.try_block(self._valid.get(block.header.parent), block)
        except BadRange:
            return False
        self._valid[block.header.id] = branch
        return True

    def signed_for(self, block_id: bytes) -> None:
        """We voted for a valid block: its entries are not lost with it, if it is passed over."""
        block = self._bodies[block_id]
        fresh = [entry for entry in block.entries if not self._pending.knows(entry)]
        self._pending.found(fresh, block.header.height)

    def is_wrong(self, block_id: bytes) -> bool:
        """Whether it was executed and found invalid."""
        return block_id in self._wrong

    def closes(self, block_id: bytes) -> bool:
        """Whether a valid block ends its epoch."""
        branch = self._valid.get(block_id)
        return branch is not None and branch.closes

    def missing(self, block_id: bytes) -> tuple[bytes, ...]:
        """The lowest body that is needed and not here."""
        while block_id != self.base and (block := self._bodies.get(block_id)) is not None:
            block_id = block.header.parent
        return () if block_id == self.base else (block_id,)

    def depth(self, block_id: bytes) -> int:
        """How far above the head a valid block stands."""
        branch = self._valid.get(block_id)
        return 0 if branch is None else branch.block.header.height - self._chain.head.height

    def _bytes_above(self, block_id: bytes) -> int:
        branch = self._valid.get(block_id)
        return 0 if branch is None else sum(len(write_block(one.block)) for one in branch.path())

    def is_too_long(self, block_id: bytes) -> bool:
        """Whether a valid block and those between it and the head weigh more than one certificate may cover (V-16)."""
        return self.depth(block_id) > 1 and self._bytes_above(block_id) > STEP_BYTES_MAX

    def build(self, parent: bytes, view: int, wall_ms: int) -> Block | None:
        """A new block on a valid one, of what waits."""
        room_bytes = STEP_BYTES_MAX - self._bytes_above(parent) if parent != self.base else None
        if room_bytes is not None and room_bytes < ROOM_BYTES_MIN:
            return None
        if not self._pending.may_propose(wall_ms):
            return None
        ground = self._valid.get(parent)
        if ground is None and parent != self.base:
            raise LocalError("a block is built on a valid one")
        state = self._chain.state if ground is None else ground.after
        made = self._chain.make(ground, self._pending.candidates(state), wall_ms, view, room_bytes)
        if made is None:
            self._pending.left((), nothing=ground is None)
            return None
        # What could not stand on a block that is not final may stand on another yet.
        self._pending.left(made.left if ground is None else (), nothing=False)
        block = made.branch.block
        self._bodies[block.header.id] = block
        self._valid[block.header.id] = made.branch
        if len(self._bodies) > BODIES_MAX:
            self._make_room()
        return block

    def is_timely(self, block_id: bytes, wall_ms: int) -> bool:
        """Whether a block's time is near our own clock (V-13)."""
        block = self._bodies.get(block_id)
        return block is not None and abs(block.header.time_ms - wall_ms) <= CLOCK_SKEW_MS

    def has_work(self, wall_ms: int) -> bool:
        """Whether there is something to put into a block."""
        return self._pending.has_any(wall_ms)

    # -- finality

    def advance(self, block_id: bytes, certificate: Certificate) -> Advance:
        """The step from the head to a valid block that a certificate makes final."""
        return self._chain.step(self._valid[block_id].path(), certificate.view)

    def moved(self) -> None:
        """The head is another: forget what does not descend from it."""
        head = self._chain.head
        self._bodies = {one: block for one, block in self._bodies.items() if block.header.height > head.height}
        kept: dict[bytes, Branch] = {}
        for block_id, branch in sorted(self._valid.items(), key=lambda pair: pair[1].block.header.height):
            below = branch.block.header.parent
            if below == head.block:
                branch.after.rest_on(self._chain.state)
                kept[block_id] = replace(branch, parent=None)
            elif below in kept:
                kept[block_id] = replace(branch, parent=kept[below])
        self._valid = kept
        self._bodies |= {block_id: branch.block for block_id, branch in kept.items()}
        self._wrong = {one: None for one in self._wrong if one in self._bodies}
