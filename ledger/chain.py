"""The chain as one node holds it: the charter, the final state, and the head they have come to.

`Chain` executes; it does not decide the order. A leader asks it to `build` a block, a witness to `check` one, a
reader to `advance` over a range that a certificate covers. Nothing changes the state but `take`, and what `take` made
final stays (invariants 4 and 5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.block import Block, make_block, witnesses_hash
from ledger.charter import Charter, genesis
from ledger.consensus.votes import Certificate, VoteKind, check_certificate, write_certificate
from ledger.entry import Entry
from ledger.errors import Refusal, RemoteError
from ledger.fold import Executed, choose, execute
from ledger.keys import MemberId, PublicKey
from ledger.operations import due
from ledger.state import Overlay, Settled, State

CLOCK_SKEW_MS = 120_000
"""How far a new block's time may be from a witness's clock (SPEC V-13)."""
STALL_MS = 30 * 86_400_000
"""A leader that far past the last block does not propose until its owner says the clock is right."""


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


class Chain:
    """The final state of one network and the rules for going on from it."""

    def __init__(self, charter: Charter, state: State, head: Head) -> None:
        self.charter = charter
        self.state = state
        self.head = head

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
        """The block a leader proposes at `time_ms`, or None where there is nothing to put into one (SPEC B-10)."""
        time_ms = max(time_ms, self.head.time_ms + 1)
        tx = Overlay(self.state)
        height = self.head.height + 1
        done = choose(tx, self.network, height, time_ms, candidates, self.charter.limits)
        if not done.entries and not done.due_items:
            return None
        settled = self.state.settle(tx.changes)
        block = make_block(
            network=self.network,
            epoch=self.head.epoch,
            view=view,
            height=height,
            parent=self.head.block,
            time_ms=time_ms,
            state_root=settled.root,
            witnesses=witnesses_hash(self.witnesses),
            entries=done.entries,
            outcomes=done.outcomes,
        )
        head = self._after(block, settled, view, len(done.entries))
        return Advance(blocks=(block,), settled=settled, head=head, left=done.left)

    def check(self, blocks: Sequence[Block], view: int, final: Mapping[bytes, int] | None = None) -> Advance:
        """What `blocks` do on top of the head; raises `BadRange` unless every rule holds (SPEC B-9 to B-12).

        The state root is compared at the end of the range, before anything is stored. `final` tells the views in which
        blocks before the last are known to be final.
        """
        if not blocks:
            raise BadRange("the range is empty")
        tx = Overlay(self.state)
        voters = witnesses_hash(self.witnesses)
        height, parent, time_ms = self.head.height, self.head.block, self.head.time_ms
        above = self.head.view
        for block in blocks:
            header = block.header
            where = f"block {header.height}"
            if header.network != self.network:
                raise BadRange(f"{where} is of another network")
            if header.height != height + 1 or header.parent != parent:
                raise BadRange(f"{where} does not follow block {height}")
            if header.time_ms <= time_ms:
                raise BadRange(f"{where} is not later than its parent")
            if header.epoch != self.head.epoch or header.witnesses != voters:
                raise BadRange(f"{where} names another epoch or other witnesses")
            final_view = (final or {}).get(header.id, header.view)
            if not above < header.view <= final_view <= view:
                raise BadRange(f"{where} names a view that is not between its parent's and the certificate's")
            done = self._execute(tx, block)
            if not done.entries and not done.due_items:
                raise BadRange(f"{where} holds nothing")
            if done.outcomes != block.outcomes:
                raise BadRange(f"{where} records an outcome that the rules do not give")
            height, parent, time_ms, above = header.height, header.id, header.time_ms, final_view
        settled = self.state.settle(tx.changes)
        last = blocks[-1]
        if settled.root != last.header.state_root:
            raise BadRange(f"block {height} names another state than its entries make")
        entries = sum(len(block.entries) for block in blocks)
        return Advance(blocks=tuple(blocks), settled=settled, head=self._after(last, settled, view, entries))

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

    def _after(self, block: Block, settled: Settled, view: int, entries: int) -> Head:
        return Head(
            height=block.header.height,
            block=block.header.id,
            time_ms=block.header.time_ms,
            state_root=settled.root,
            epoch=block.header.epoch,
            view=view,
            entries=self.head.entries + entries,
        )
