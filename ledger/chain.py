"""The chain as one node holds it: the charter, the final state, and the head they have come to.

`Chain` executes; it does not decide the order. A leader asks it to `make` a block, a witness to `try_block` one, a
reader to `advance` over a range that a certificate covers. Nothing changes the state but `take`, and what `take` made
final stays (invariants 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.block import HEADER_BYTES_MAX, Block, make_block, witnesses_hash
from ledger.charter import Charter, genesis
from ledger.consensus.votes import Certificate, VoteKind, check_certificate, write_certificate
from ledger.entry import Entry
from ledger.errors import Refusal, RemoteError
from ledger.fold import Executed, choose, execute
from ledger.keys import MemberId, PublicKey
from ledger.operations import due
from ledger.state import Overlay, Settled, State, View, merged

CLOCK_SKEW_MS = 120_000
"""How far a new block's time may be from a witness's clock (SPEC V-13)."""
STALL_MS = 30 * 86_400_000
"""A leader that far past the last block does not propose until its owner says the clock is right."""

ENDED_MAX = 256
"""Lists of witnesses that are remembered: years of changes, and a few kilobytes each."""


class BadRange(RemoteError):
    """These blocks do not continue this chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far the ledger has come."""

    height: int
    block: bytes
    """32 bytes: the id of the last final block; the network's name at height 0."""
    time_ms: int
    state_root: bytes
    epoch: int
    view: int
    """The view the head was finalized in; votes at or below it are void."""
    entries: int
    """How many entries stand in all blocks so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Blocks that are valid on top of the head, ready to be stored and taken."""

    blocks: tuple[Block, ...]
    settled: Settled
    head: Head
    left: tuple[tuple[Entry, Refusal], ...] = ()
    """Candidates a leader could not include; empty for blocks of others."""
    earlier: tuple[tuple[int, bytes], ...] = ()
    """(height, certificate) of blocks before the last that came with one of their own: stored with it, to be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A valid block above the head that is not final yet."""

    block: Block
    parent: Branch | None
    """None where it stands on the head."""
    after: Overlay
    """The state after it."""
    settled: Settled
    closes: bool
    """Whether it changes the witnesses and so ends its epoch."""

    def path(self) -> list[Branch]:
        """From above the head to this one."""
        found: list[Branch] = []
        branch: Branch | None = self
        while branch is not None:
            found.append(branch)
            branch = branch.parent
        return found[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A leader's own block."""

    branch: Branch
    left: tuple[tuple[Entry, Refusal], ...]
    """Candidates that could not be included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What a block stands on."""

    view: View
    height: int
    block: bytes
    time_ms: int
    above: int
    """The view that its own must be above."""
    voters: bytes
    """The hash of the witness list."""


class Chain:
    """The final state of one network and the rules for going on from it."""

    def __init__(self, charter: Charter, state: State, head: Head) -> None:
        self.charter = charter
        self.state = state
        self.head = head
        self.ended: dict[int, list[dict[str, Any]]] = {}
        """Epoch -> its witness list, of those that ended while this chain was followed: who signs there now lies."""

    @classmethod
    def founded(cls, charter: Charter) -> tuple[Chain, dict[bytes, bytes | None]]:
        """The chain at height 0, and the state pairs that the charter wrote."""
        tx = Overlay(State())
        genesis(charter, tx)
        state = State((key, value) for key, value in tx.changes.items() if value is not None)
        head = Head(
            height=0,
            block=charter.network,
            time_ms=charter.created_ms,
            state_root=state.root,
            epoch=1,
            view=0,
            entries=0,
        )
        return cls(charter, state, head), tx.changes

    @property
    def network(self) -> bytes:
        """The network's 32-byte name."""
        return self.charter.network

    @property
    def witnesses(self) -> list[dict[str, Any]]:
        """The epoch's witness list as it stands in the state: {key, member}."""
        found = self.state.get(b"witnesses") or {"list": []}
        return list(found["list"])

    @property
    def voting_keys(self) -> list[PublicKey]:
        """The keys whose quorum certifies, by place."""
        return [PublicKey(witness["key"]) for witness in self.witnesses]

    def place_of(self, member: MemberId) -> int | None:
        """A member's place among the witnesses, or None."""
        members = [witness["member"] for witness in self.witnesses]
        return members.index(member) if member in members else None

    def next_due_ms(self) -> int | None:
        """When the due list next wakes a quiet network."""
        return due.next_ms(self.state)

    def build(self, candidates: Iterable[Entry], time_ms: int, view: int) -> Advance | None:
        """The block that one witness alone makes final at `time_ms`; None where there is nothing to put into one."""
        made = self.make(None, candidates, time_ms, view)
        return None if made is None else self.step([made.branch], view, made.left)

    # -- blocks that are not final yet

    def make(
        self,
        parent: Branch | None,
        candidates: Iterable[Entry],
        time_ms: int,
        view: int,
        room_bytes: int | None = None,
    ) -> Made | None:
        """A leader's block on `parent` (None: on the head), or None where there is nothing for it (SPEC B-10).

        `room_bytes`: what it may weigh as it is written, where that is less than the charter lets it.
        """
        ground = self._ground([] if parent is None else [parent])
        time_ms = max(time_ms, ground.time_ms + 1)
        tx = Overlay(ground.view)
        limits = self.charter.limits
        if room_bytes is not None:
            # An entry's framing and outcome add up to a quarter to what the limit counts, and there is the header.
            limits = replace(limits, block_bytes=min(limits.block_bytes, 3 * (room_bytes - HEADER_BYTES_MAX) // 4))
        done = choose(tx, self.network, ground.height + 1, time_ms, candidates, limits)
        if not done.entries and not done.due_items:
            return None
        settled = self.state.settle(tx.changes, _below(parent))
        block = make_block(
            network=self.network,
            epoch=self.head.epoch,
            view=view,
            height=ground.height + 1,
            parent=ground.block,
            time_ms=time_ms,
            state_root=settled.root,
            witnesses=ground.voters,
            entries=done.entries,
            outcomes=done.outcomes,
        )
        return Made(branch=self._branch(parent, block, tx, settled), left=done.left)

    def try_block(self, parent: Branch | None, block: Block) -> Branch:
        """What `block` does on `parent` (None: on the head); raises `BadRange` unless every rule holds (SPEC B-11)."""
        ground = self._ground([] if parent is None else [parent])
        self._check_header(block, ground)
        tx = Overlay(ground.view)
        self._run(tx, block)
        settled = self.state.settle(tx.changes, _below(parent))
        if settled.root != block.header.state_root:
            raise BadRange(f"block {block.header.height} names another state than its entries make")
        return self._branch(parent, block, tx, settled)

    def step(self, path: Sequence[Branch], view: int, left: tuple[tuple[Entry, Refusal], ...] = ()) -> Advance:
        """Everything from the head to the end of `path` (branches, each on the one before), final in `view`."""
        blocks = tuple(branch.block for branch in path)
        settled = merged([branch.settled for branch in path])
        entries = sum(len(block.entries) for block in blocks)
        head = self._after(blocks[-1], settled, view, entries, closes=path[-1].closes)
        return Advance(blocks=blocks, settled=settled, head=head, left=left)

    def _branch(self, parent: Branch | None, block: Block, tx: Overlay, settled: Settled) -> Branch:
        below = self.state if parent is None else parent.after
        return Branch(block=block, parent=parent, after=tx, settled=settled, closes=_closes(below, settled.changes))

    def _ground(self, path: Sequence[Branch]) -> _Ground:
        if not path:
            head = self.head
            return _Ground(
                view=self.state,
                height=head.height,
                block=head.block,
                time_ms=head.time_ms,
                above=head.view,
                voters=witnesses_hash(self.witnesses),
            )
        header = path[-1].block.header
        return _Ground(
            view=path[-1].after,
            height=header.height,
            block=header.id,
            time_ms=header.time_ms,
            above=header.view,
            voters=header.witnesses,
        )

    def check(self, blocks: Sequence[Block], view: int, final: Mapping[bytes, int] | None = None) -> Advance:
        """What `blocks` do on top of the head; raises `BadRange` unless every rule holds (SPEC B-9 to B-12).

        The state root is compared at the end of the range, before anything is stored. A block that changes the
        witnesses closes its epoch, so it can only be the last. `final` tells the views in which blocks before the last
        are known to be final.
        """
        if not blocks:
            raise BadRange("the range is empty")
        tx = Overlay(self.state)
        ground = self._ground([])
        witnesses = self.state.raw(b"witnesses")
        closes = False
        for block in blocks:
            if closes:
                raise BadRange(f"block {block.header.height} follows a change of the witnesses that was not final")
            self._check_header(block, ground)
            final_view = (final or {}).get(block.header.id, block.header.view)
            if not block.header.view <= final_view <= view:
                raise BadRange(f"block {block.header.height} names a view beyond its certificate's")
            self._run(tx, block)
            closes = tx.raw(b"witnesses") != witnesses
            header = block.header
            ground = _Ground(
                view=tx,
                height=header.height,
                block=header.id,
                time_ms=header.time_ms,
                above=final_view,
                voters=header.witnesses,
            )
        settled = self.state.settle(tx.changes)
        last = blocks[-1]
        if settled.root != last.header.state_root:
            raise BadRange(f"block {last.header.height} names another state than its entries make")
        entries = sum(len(block.entries) for block in blocks)
        head = self._after(last, settled, view, entries, closes=closes)
        return Advance(blocks=tuple(blocks), settled=settled, head=head)

    def _check_header(self, block: Block, ground: _Ground) -> None:
        """B-11: it continues the one below."""
        header = block.header
        where = f"block {header.height}"
        if header.network != self.network:
            raise BadRange(f"{where} is of another network")
        if header.height != ground.height + 1 or header.parent != ground.block:
            raise BadRange(f"{where} does not follow block {ground.height}")
        if header.time_ms <= ground.time_ms:
            raise BadRange(f"{where} is not later than its parent")
        if header.epoch != self.head.epoch or header.witnesses != ground.voters:
            raise BadRange(f"{where} names another epoch or other witnesses")
        if header.view <= ground.above:
            raise BadRange(f"{where} names a view that is not above its parent's")

    def _run(self, tx: Overlay, block: Block) -> None:
        """B-10, B-12: it holds something, and every outcome is the one the rules give."""
        done = self._execute(tx, block)
        if not done.entries and not done.due_items:
            raise BadRange(f"block {block.header.height} holds nothing")
        if done.outcomes != block.outcomes:
            raise BadRange(f"block {block.header.height} records an outcome that the rules do not give")

    def advance(
        self, blocks: Sequence[Block], certificate: Certificate, earlier: Sequence[Certificate] = ()
    ) -> Advance:
        """What `blocks` do, once `certificate` shows the last of them final; raises `BadRange` or `BadCertificate`.

        `earlier` ones, which finalize blocks on the way, are checked just as strictly and kept with the step.
        """
        heights = {block.header.id: block.header.height for block in blocks}
        if not blocks or certificate.block != blocks[-1].header.id or any(one.block not in heights for one in earlier):
            raise BadRange("the certificate does not finalize the last block of the range")
        for one in (*earlier, certificate):
            if one.kind is not VoteKind.FINALIZE:
                raise BadRange("a certificate of the range finalizes nothing")
            check_certificate(one, self.network, self.head.epoch, self.voting_keys)
        step = self.check(blocks, certificate.view, {one.block: one.view for one in earlier})
        return replace(step, earlier=tuple((heights[one.block], write_certificate(one)) for one in earlier))

    def take(self, step: Advance) -> None:
        """Make a step final; whoever calls has made it durable."""
        if step.head.epoch != self.head.epoch:
            self.ended[self.head.epoch] = self.witnesses
            while len(self.ended) > ENDED_MAX:
                del self.ended[min(self.ended)]
        self.state.merge(step.settled)
        self.head = step.head

    def _execute(self, tx: Overlay, block: Block) -> Executed:
        header = block.header
        limits = self.charter.limits
        if len(block.entries) > limits.block_entries:
            raise BadRange(f"block {header.height} holds more entries than the charter allows")
        if sum(entry.size_bytes for entry in block.entries) > limits.block_bytes:
            raise BadRange(f"block {header.height} is larger than the charter allows")
        done = execute(tx, self.network, header.height, header.time_ms, block.entries, limits)
        if isinstance(done, Refusal):
            raise BadRange(f"block {header.height} holds an entry that may not stand there: {done.detail}")
        return done

    def _after(self, block: Block, settled: Settled, view: int, entries: int, *, closes: bool) -> Head:
        return Head(
            height=block.header.height,
            block=block.header.id,
            time_ms=block.header.time_ms,
            state_root=settled.root,
            epoch=block.header.epoch + closes,
            view=0 if closes else view,
            entries=self.head.entries + entries,
        )


def _below(parent: Branch | None) -> list[Settled]:
    """What is settled between the head and the end of `parent`, oldest first."""
    return [] if parent is None else [branch.settled for branch in parent.path()]


def _closes(before: View, changes: dict[bytes, bytes | None]) -> bool:
    """Whether these changes give the network other witnesses, so that the block ends its epoch (V-23)."""
    after = changes.get(b"witnesses")
    return after is not None and after != before.raw(b"witnesses")
