"""What each node may never do, checked from outside at every effect; and what all of them must agree on.

The local rules find in one step what a comparison at the end would miss: a promise before its record, a height before
its blocks, a second vote. Source: invariants 1, 4, 5 and 8 of the ledger; consensus rules 10 and 11.
"""

from __future__ import annotations

from typing import Any

from dpnode.voting import BLOCK, VOTE
from ledger.block import read_block, read_header
from ledger.canonical import decode
from ledger.entry import Entry, entry_from_value
from ledger.queries import unbalanced
from protocol.effects import Commit, Effect, Final, Journal, Recorded, Send
from protocol.limits import POOL_ENTRIES_MAX
from protocol.messages import Adverts, Entries, Hello, NewHead, Talk


class Violation(AssertionError):
    """A rule was broken; the text says which, by whom and when."""


class Observer:
    """The memory of everything that was ever final, voted or acknowledged."""

    def __init__(self) -> None:
        self.final: dict[int, tuple[bytes, bytes]] = {}
        """Height -> (block id, state root)."""
        self.standing: dict[bytes, int] = {}
        """Entry id -> height of the block it stands in."""
        self.outcomes: dict[bytes, str] = {}
        self.votes: dict[tuple[int, int, str], bytes] = {}
        self.acknowledged: dict[bytes, Entry | None] = {}
        """Entries the owner was told are recorded."""
        self.addresses: dict[bytes, dict[bytes, tuple[str, ...]]] = {}
        """What each node's network room was told last, by peer."""
        self.cuts = 0
        self._seen: dict[bytes, int] = {}
        """Up to which height a node's disk was looked at."""

    def started(self, node: Any) -> None:
        self.committed(node)
        self.addresses[node.who.peer] = {
            record.peer: record.addresses for record in node.parts.core.directory.records.all()
        }

    def told_address(self, node: Any, peer: bytes, addresses: tuple[str, ...]) -> None:
        self.addresses[node.who.peer][peer] = addresses

    # -- each node's own rules

    def before(self, node: Any, effect: Effect) -> None:
        disk = node.disk
        match effect:
            case Send(message=NewHead() | Hello() as message) if message.height > len(disk.blocks):
                raise Violation(f"{node.who.name} told of block {message.height} before it was on the disk")
            case Send(message=Entries() as message):
                for pair in message.entries:
                    self._own_is_kept(node, entry_from_value(pair))
            case Send(message=Talk() as message) if message.kind in {"propose", "call"}:
                body = message.body["statement"]["body"]
                if not any(body in value for value in disk.kept.values()):
                    raise Violation(f"{node.who.name} said a {message.kind} that is not on its disk")
            case Send(message=Adverts() as message):
                for advert in message.adverts:
                    own = advert["key"] == node.who.working.public
                    if own and not any(advert["body"] in value for value in disk.kept.values()):
                        raise Violation(f"{node.who.name} sent an advert that is not on its disk")
            case Recorded():
                for entry_id in effect.entry_ids:
                    if entry_id not in disk.pending and entry_id not in self.standing:
                        raise Violation(f"{node.who.name} acknowledged an entry that is not on its disk")
                    kept = disk.pending.get(entry_id)
                    self.acknowledged.setdefault(
                        entry_id, None if kept is None else entry_from_value([kept.body, kept.signature])
                    )
            case Final(outcome="entry.lapsed" | "entry.sequence-used"):
                if effect.entry_id in self.standing:
                    raise Violation(f"{node.who.name} called an entry lapsed that is final")
            case Journal():
                for vote in effect.votes:
                    self._vote(vote.epoch, vote.view, vote.kind.value, vote.block)
            case Commit() if effect.step.head.view and node.parts.core.ledger._replica is not None:
                voted = [decode(record.body) for record in disk.journal if record.kind == VOTE]
                if not any(vote["block"] == effect.step.head.block for vote in voted):
                    raise Violation(f"{node.who.name} made a block final without its vote in the journal")
            case _:
                pass
        if len(node.parts.core.ledger.pool) > POOL_ENTRIES_MAX:
            raise Violation(f"the pool of {node.who.name} has no bound")

    def _own_is_kept(self, node: Any, entry: Entry) -> None:
        own = entry.key == node.who.working.public
        if own and entry.id not in node.disk.pending and entry.id not in self.standing:
            raise Violation(f"{node.who.name} sent an entry of its own that is not on its disk")

    def _vote(self, epoch: int, view: int, kind: str, block: bytes) -> None:
        before = self.votes.setdefault((epoch, view, kind), block)
        if before != block:
            raise Violation(f"two votes to {kind} in view {view}")

    # -- what all must agree on

    def committed(self, node: Any) -> None:
        """Compare what a node holds for final with what any node ever did."""
        start = self._seen.get(node.who.peer, 0)
        for height in range(start + 1, len(node.disk.blocks) + 1):
            block = read_block(node.disk.blocks[height - 1].body)
            here = (block.header.id, block.header.state_root)
            if height not in self.final:
                self.final[height] = here
                for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                    if entry.id in self.standing:
                        raise Violation(f"an entry stands in block {self.standing[entry.id]} and in {height}")
                    self.standing[entry.id] = height
                    self.outcomes[entry.id] = outcome
            elif self.final[height] != here:
                raise Violation(f"two blocks are final at height {height}")
        self._seen[node.who.peer] = len(node.disk.blocks)
        for record in node.disk.journal:
            if record.kind == BLOCK:
                header = read_header(decode(record.body)["header"])
                known = self.final.get(header.height)
                if known is not None and known[0] != header.id and header.height <= len(node.disk.blocks):
                    raise Violation(f"the journal finalized another block at height {header.height}")

    def balanced(self, node: Any) -> None:
        """Invariant 1: nothing came from nowhere, holds included."""
        wrong = unbalanced(node.parts.core.chain.state)
        if wrong:
            raise Violation(f"{node.who.name}: the sums are wrong: {wrong[0]}")
