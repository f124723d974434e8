"""What each node may never do, checked from outside at every effect; and what all of them must agree on.

The local rules find in one step what a comparison at the end would miss: a promise before its record, a height before
its blocks, a second vote. Source: invariants 1 to 5 and 8 of the ledger; consensus rules 10 and 11.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ledger.block import read_block
from ledger.chain import Advance
from ledger.entry import Entry, entry_from_value
from ledger.fold import is_fully_signed
from ledger.operations.registry import OPERATIONS
from ledger.queries import unbalanced
from protocol.effects import Commit, Effect, Final, Recorded, Send
from protocol.limits import CLOCK_TOLERANCE_MS, POOL_ENTRIES_MAX
from protocol.messages import Adverts, Entries, Hello, NewHead, Talk
from tests.simulation.ballots import EVIDENCE, Ballots, Violation
from tests.simulation.books import Books


class Observer:
    """The memory of everything that was ever final, voted or acknowledged."""

    def __init__(self) -> None:
        self.final: dict[int, tuple[bytes, bytes]] = {}
        """Height -> (block id, state root)."""
        self.standing: dict[bytes, int] = {}
        """Entry id -> height of the block it stands in."""
        self.outcomes: dict[bytes, str] = {}
        self.ballots = Ballots()
        self.acknowledged: dict[bytes, Entry | None] = {}
        """Entries the owner was told are recorded."""
        self.addresses: dict[bytes, dict[bytes, tuple[str, ...]]] = {}
        """What each node's network room was told last, by peer."""
        self.lost_pending: set[bytes] = set()
        """Machines whose database was put back: what they had written since, the owners write again."""
        self._given_up: set[tuple[bytes, int]] = set()
        """(key, number) of entries given up by a clock that was wrong."""
        self.books = Books()
        self.day_entries = 0
        """What the charter lets a member make in a day; no simulation lasts longer."""
        self.numbers: dict[bytes, int] = {}
        """Key -> number of its last entry that is final."""
        self._made: Counter[bytes] = Counter()
        self._seen: dict[bytes, int] = {}
        """Up to which height a node's disk was looked at."""

    def started(self, node: Any) -> None:
        self._seen[node.who.peer] = min(self._seen.get(node.who.peer, 0), len(node.disk.blocks))
        self.ballots.started(node)
        if node.liar is None:
            self.committed(node)
        self.addresses[node.who.peer] = {
            record.peer: record.addresses for record in node.parts.core.directory.records.all()
        }

    def told_address(self, node: Any, peer: bytes, addresses: tuple[str, ...]) -> None:
        self.addresses[node.who.peer][peer] = addresses

    # -- each node's own rules

    def before(self, node: Any, effect: Effect) -> None:
        disk = node.disk
        self.ballots.before(node, effect)
        if node.liar is not None:
            return
        is_restored = node.who.peer in self.lost_pending
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
                    if own and not is_restored and not any(advert["body"] in value for value in disk.kept.values()):
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
                entry = self.acknowledged.get(effect.entry_id)
                number = None if entry is None else (entry.key, entry.sequence)
                if abs(node.wrong_ms) > CLOCK_TOLERANCE_MS or number in self._given_up:
                    # Whose clock is wrong gives up what the others may still record, and its number to another.
                    self._given_up |= set() if number is None else {number}
                    self.acknowledged.pop(effect.entry_id, None)
                elif effect.entry_id in self.standing:
                    raise Violation(f"{node.who.name} called an entry lapsed that is final")
            case Commit() if node.parts.core.ledger.orderer.is_alone and node.who.peer not in self.ballots.restored:
                last = effect.step.blocks[-1].header.id
                if not any(vote.block == last for vote in self.ballots.journal(node).values()):
                    raise Violation(f"{node.who.name} made a block final without its vote in the journal")
            case _:
                pass
        if len(node.parts.core.ledger.pool) > POOL_ENTRIES_MAX:
            raise Violation(f"the pool of {node.who.name} has no bound")

    def _own_is_kept(self, node: Any, entry: Entry) -> None:
        own = entry.key == node.who.working.public and node.who.peer not in self.lost_pending
        if own and entry.id not in node.disk.pending and entry.id not in self.standing:
            raise Violation(f"{node.who.name} sent an entry of its own that is not on its disk")

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
                    self._stands(entry)
                    if entry.name == EVIDENCE and not outcome:
                        self.ballots.accused(bytes(entry.operation["first"]["key"]), "the ledger")
                    self.outcomes[entry.id] = outcome
            elif self.final[height] != here:
                raise Violation(f"two blocks are final at height {height}")
        self._seen[node.who.peer] = len(node.disk.blocks)

    def _stands(self, entry: Entry) -> None:
        """What each member may do: sign for themselves alone, use a number once, and so much a day."""
        if not is_fully_signed(entry):
            raise Violation(f"an entry is final that nobody signed: {entry.name}")
        if entry.sequence <= self.numbers.get(entry.key, 0):
            raise Violation(f"number {entry.sequence} of a key is final twice")
        self.numbers[entry.key] = entry.sequence
        operation = OPERATIONS[entry.name]
        self._made[entry.key] += not operation.is_reserved
        if self._made[entry.key] > self.day_entries:
            raise Violation(f"a member has made more than {self.day_entries} entries in a day")

    def stored(self, node: Any, step: Advance) -> None:
        """What a node holds for final has grown: invariants 1 to 3 of what the blocks changed, once for all nodes."""
        self.committed(node)
        if step.head.height > self.books.height:
            wrong = self.books.take(step.head.height, step.settled.changes)
            if wrong:
                raise Violation(f"block {step.head.height}: {wrong}")

    def taken(self, node: Any) -> None:
        """A step is in the state, which is the one its block names; equal roots are equal states."""
        chain = node.parts.core.chain
        if self.final[chain.head.height][1] != chain.state.root:
            raise Violation(f"block {chain.head.height} names another state than {node.who.name} has come to")

    def balanced(self, node: Any) -> None:
        """Invariant 1 again, over everything and in the ledger's own words."""
        wrong = unbalanced(node.parts.core.chain.state)
        if wrong:
            raise Violation(f"{node.who.name}: the sums are wrong: {wrong[0]}")
