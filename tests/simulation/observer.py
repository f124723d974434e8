"""What each node may never do, checked from outside at every effect; and what all of them must agree on.

The local rules find in one step what a comparison at the end would miss: a promise before its record, a height before
its blocks, a second vote. Source: invariants 1, 4, 5 and 8 of the ledger; consensus rules 10 and 11.
"""

from __future__ import annotations

from typing import Any

from dpnode.voting import Kind
from ledger.block import read_block
from ledger.canonical import decode
from ledger.consensus.votes import Vote, conflict, vote_from_value
from ledger.entry import Entry, entry_from_value
from ledger.queries import unbalanced
from protocol.effects import Commit, Effect, Final, Journal, Recorded, Send
from protocol.limits import POOL_ENTRIES_MAX
from protocol.messages import Adverts, Entries, Hello, NewHead, Proposed, Talk, Voted


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
        self.votes: dict[tuple[bytes, int, int], dict[str, Vote]] = {}
        """Every vote a machine's own key ever cast, by (machine, epoch, view) and kind."""
        self.told: set[tuple[bytes, int, int, str]] = set()
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
                    self._vote(node, vote)
            case Send(message=Voted() as message):
                for value in message.votes:
                    self._told_vote(node, vote_from_value(value))
            case Send(message=Proposed() as message):
                self._told_vote(node, vote_from_value(message.vote))
            case Commit() if node.parts.core.ledger.orderer.is_alone:
                voted = [decode(record.body) for record in disk.journal if record.kind == Kind.BALLOT]
                last = effect.step.blocks[-1].header.id
                if not any(vote.get("block") == last for vote in voted):
                    raise Violation(f"{node.who.name} made a block final without its vote in the journal")
            case _:
                pass
        if len(node.parts.core.ledger.pool) > POOL_ENTRIES_MAX:
            raise Violation(f"the pool of {node.who.name} has no bound")

    def _own_is_kept(self, node: Any, entry: Entry) -> None:
        own = entry.key == node.who.working.public
        if own and entry.id not in node.disk.pending and entry.id not in self.standing:
            raise Violation(f"{node.who.name} sent an entry of its own that is not on its disk")

    def _vote(self, node: Any, vote: Vote) -> None:
        cast = self.votes.setdefault((node.who.peer, vote.epoch, vote.view), {})
        before = cast.setdefault(vote.kind.value, vote)
        if before.block != vote.block or any(conflict(vote, other) for other in cast.values()):
            raise Violation(f"{node.who.name} cast two votes to {vote.kind.value} in view {vote.view}")

    def _told_vote(self, node: Any, vote: Vote) -> None:
        """Votes once, and never before it is on the disk (consensus rule 11)."""
        witnesses = node.parts.core.chain.witnesses
        own = vote.witness < len(witnesses) and witnesses[vote.witness]["key"] == node.who.voting.public
        mark = (node.who.peer, vote.epoch, vote.view, vote.kind.value)
        if not own or mark in self.told:
            return
        self.told.add(mark)
        held = [vote_from_value(decode(one.body)) for one in node.disk.journal if one.kind == Kind.BALLOT]
        if vote not in held:
            raise Violation(f"{node.who.name} told a vote of view {vote.view} that is not on its disk")

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

    def balanced(self, node: Any) -> None:
        """Invariant 1: nothing came from nowhere, holds included."""
        wrong = unbalanced(node.parts.core.chain.state)
        if wrong:
            raise Violation(f"{node.who.name}: the sums are wrong: {wrong[0]}")
