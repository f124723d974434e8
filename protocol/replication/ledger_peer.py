"""One member's part in the shared ledger: submit, carry, order where we are a witness, catch up, tell the others.

Owns the chain, the pool and the replica. A step that makes blocks final goes out as ``Journal?, Commit`` and is taken
into memory only by `stored`, so nothing is shown or said that a power cut could take back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.block import Block
from ledger.canonical import Value
from ledger.chain import STALL_MS, Advance, Chain
from ledger.consensus.replica import Replica
from ledger.consensus.votes import write_certificate
from ledger.entry import Entry, entry_from_value, entry_id_of, entry_to_value, sign_entry
from ledger.errors import LocalError, Refusal, RemoteError
from ledger.fold import choose, last_sequence
from ledger.keys import MemberId, SigningKey
from ledger.state import Overlay
from protocol.effects import (
    Commit,
    DropPending,
    Effect,
    Final,
    HeadMoved,
    Journal,
    KeepPending,
    Misbehaved,
    NotRecorded,
    Recorded,
    Send,
    ServeRange,
)
from protocol.inputs import Carry, Now, PeerId, Submit
from protocol.limits import (
    CLOCK_TOLERANCE_MS,
    ENTRIES_PER_MESSAGE,
    PROPOSE_AGAIN_MS,
    RANGE_BYTES_MAX,
)
from protocol.messages import AskRange, Blocks, Entries, NewHead
from protocol.replication.anchor import Anchor
from protocol.replication.ballot import own_votes
from protocol.replication.neighbours import Neighbours
from protocol.replication.pool import Pool, Verdict
from protocol.replication.ranges import read_ranges
from protocol.replication.repeats import Repeats
from protocol.replication.sync import CatchingUp, QueuedRange
from protocol.replication.trial import Trial

MEMBERSHIP = "membership."
LAPSED = "entry.lapsed"
VOID = "entry.sequence-used"
FILLERS_MAX = 256
"""Numbers filled at once."""


class LedgerPeer:
    """The ledger as one member's machine keeps it."""

    def __init__(
        self, chain: Chain, *, member: MemberId, signer: SigningKey, replica: Replica | None, pending: Iterable[Entry]
    ) -> None:
        self.chain = chain
        self.pool = Pool(
            chain.network, own=signer.public, until_ahead_ms=chain.charter.limits.until_ms + CLOCK_TOLERANCE_MS
        )
        self.sync = CatchingUp()
        self.clock_is_confirmed = False
        """The owner said that the clock is right although the last block is long past; one block forgets it."""
        self.anchor = Anchor()
        self.neighbours = Neighbours(chain)
        self._member = member
        self._signer = signer
        self._replica = replica
        self._mine: set[bytes] = set()
        self._repeats = Repeats()
        self._step: tuple[Advance, PeerId | None] | None = None
        self._trial = Trial(chain, self.pool, signer.public)
        self._again_ms = 0
        """Before this moment there is nothing to put into a block, unless something new comes; 0: not known."""
        for entry in sorted(pending, key=lambda one: one.sequence):
            self.pool.add(entry)
            self._mine.add(entry.id)
            self._repeats.add(entry.id, 0, at_once=True)

    # -- what the owner wants recorded

    def started(self, now: Now) -> list[Effect]:
        """Once after a start: numbers whose entries lapsed just before it was stopped are filled."""
        numbers = self.pool.numbers(self._signer.public)
        last = last_sequence(self.chain.state, self._signer.public)
        return self._fill(sorted(set(range(last + 1, max(numbers, default=0))) - set(numbers)), now)

    def submit(self, wanted: Submit, now: Now) -> list[Effect]:
        """Sign operations as entries and keep them; refused as a whole where a rule already says no (SPEC P-14)."""
        entries = self._signed(wanted.operations, wanted.until_ms)
        if refusal := self._trial.refusal(entries, now):
            return [NotRecorded(token=wanted.token, code=refusal.code, detail=refusal.detail)]
        self._trial.keep()
        for entry in entries:
            self._hold(entry, now, mine=True)
        told = Recorded(token=wanted.token, entry_ids=tuple(entry.id for entry in entries))
        return [KeepPending(entries=tuple(entries)), told, *self._hand_on(entries, None)]

    def would_refuse(self, operations: Sequence[dict[str, Value]], until_ms: int, now: Now) -> Refusal | None:
        """What `submit` would be told, without keeping anything: a dry run."""
        return self._trial.refusal(self._signed(operations, until_ms), now)

    def _signed(self, operations: Sequence[dict[str, Value]], until_ms: int) -> list[Entry]:
        key = self._signer.public
        sequence = max(last_sequence(self.chain.state, key), self.pool.highest(key))
        return [
            sign_entry(self._signer, self.chain.network, sequence + i, until_ms, operation)
            for i, operation in enumerate(operations, start=1)
        ]

    def carry(self, wanted: Carry, now: Now) -> list[Effect]:
        """Take in entries that a guest or a file brought: all of them or none."""
        chain, accepted, time_ms = self.chain, list[Entry](), self._block_time_ms(now)
        for entry in wanted.entries:
            if self.pool.judge(chain.state, entry, time_ms) is Verdict.ACCEPT:
                accepted.append(entry)
            elif entry.id not in self.pool:
                return [NotRecorded(token=wanted.token, code="entry.unusable", detail="the entry cannot be carried")]
        tx = Overlay(chain.state)
        done = choose(tx, chain.network, chain.head.height + 1, time_ms, accepted, chain.charter.limits)
        for _, refusal in done.left:
            return [NotRecorded(token=wanted.token, code=refusal.code, detail=refusal.detail)]
        for entry in accepted:
            self._hold(entry, now, mine=True)
        kept = [KeepPending(entries=tuple(accepted))] if accepted else []
        told = Recorded(token=wanted.token, entry_ids=tuple(entry.id for entry in wanted.entries))
        return [*kept, told, *self._hand_on(accepted, None)]

    def _fill(self, lapsed: Sequence[int], now: Now) -> list[Effect]:
        """Use up numbers of ours that lapsed with an entry that changes nothing: what follows them waits for them.

        The lapsed entry can stand in no later block, so no two entries under one number ever compete.
        """
        if not lapsed:
            return []
        highest = self.pool.highest(self._signer.public)
        waiting = [entry.until_ms for entry in self.pool.of(self._signer.public)]
        fillers = [
            sign_entry(self._signer, self.chain.network, number, max(waiting), {"t": "membership.profile/1"})
            for number in lapsed[:FILLERS_MAX]
            if number < highest
        ]
        for entry in fillers:
            self._hold(entry, now, mine=True)
        return [KeepPending(entries=tuple(fillers)), *self._hand_on(fillers, None)] if fillers else []

    # -- peers

    def connected(self, peer: PeerId) -> list[Effect]:
        """A member's machine is there: offer it what is pending."""
        self.neighbours.peers[peer] = None
        return self._send_entries(self.pool.all()[: 4 * ENTRIES_PER_MESSAGE], [peer])

    def lost(self, peer: PeerId) -> None:
        """A machine is gone."""
        self.neighbours.peers.pop(peer, None)
        self.sync.lost(peer)
        self._again_ms = 0

    def heard_height(self, peer: PeerId, height: int, now: Now) -> list[Effect]:
        """A machine says how far it is."""
        self.sync.known(peer, height)
        # A word from behind: ours was lost, or came before the other could hear it.
        behind = self.neighbours.news(peer) if height < self.chain.head.height else []
        return behind + self._ask(now)

    def heard_entries(self, peer: PeerId, message: Entries, now: Now) -> list[Effect]:
        """Pending entries somebody hands on (SPEC P-10 to P-13)."""
        fresh, effects = [], list[Effect]()
        for pair in message.entries:
            # Entries are offered again until they are final; one that waits here is known without being read.
            if entry_id_of(pair[0]) in self.pool:
                continue
            try:
                entry = entry_from_value(pair)
            except RemoteError as problem:
                said = f"sent an entry that is none: {problem.reason}"
                effects.append(Misbehaved(peer=peer, sentence=said, fatal=True))
                break
            verdict = self.pool.judge(self.chain.state, entry, self._block_time_ms(now))
            if verdict is Verdict.ACCEPT:
                self._hold(entry, now, mine=False)
                fresh.append(entry)
            elif verdict is Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence="sent an entry that no honest member sends", fatal=True))
                break
        return effects + self._hand_on(fresh, peer)

    def heard_ask(self, peer: PeerId, message: AskRange) -> list[Effect]:
        """A machine wants blocks."""
        if message.start > self.chain.head.height:
            return [Send(peer=peer, message=self._no_blocks(message.start))]
        return [ServeRange(peer=peer, start=message.start, bytes_max=min(message.bytes, RANGE_BYTES_MAX))]

    def _no_blocks(self, start: int) -> Blocks:
        return Blocks(start=start, blocks=[], certificate=b"", height=self.chain.head.height)

    def heard_blocks(self, peer: PeerId, message: Blocks, now: Now) -> list[Effect]:
        """Blocks came; they are checked when nothing else is waiting."""
        self.sync.came(peer, message, self.chain.head.height)
        self._again_ms = 0
        return self._ask(now)

    # -- work

    def work(self, now: Now) -> list[Effect]:
        """The one thing worth doing now: check a fetched range, or make a block."""
        if self._step is not None:
            return []
        if ranges := self.sync.take():
            return self._ask(now) + self._check(ranges[0].peer, ranges, now)
        return self._propose(now)

    @property
    def step_blocks(self) -> tuple[Block, ...]:
        """The blocks being made durable just now."""
        return () if self._step is None else self._step[0].blocks

    @property
    def has_work(self) -> bool:
        """Whether `work` may have something to do."""
        may_propose = self._replica is not None and self._again_ms == 0 and len(self.pool) > 0
        return self._step is None and (self.sync.is_ready or may_propose)

    def _check(self, peer: PeerId, ranges: Sequence[QueuedRange], now: Now) -> list[Effect]:
        try:
            read, later = read_ranges(ranges, self.chain.head.height)
            self.sync.put_back(later)
            if read is None:
                return self._ask(now)
            step = self.chain.advance(read.blocks, read.certificates[-1], read.certificates[:-1])
            self.anchor.check(read.blocks)
        except RemoteError as problem:
            self.sync.failed(peer)
            return [
                Misbehaved(peer=peer, sentence=f"sent blocks that do not hold: {problem.reason}", fatal=True),
                *self._ask(now),
            ]
        self._step = (step, peer)
        return [Commit(step=step, certificate=write_certificate(read.certificates[-1]))]

    def _propose(self, now: Now) -> list[Effect]:
        replica = self._replica
        if replica is None or now.monotonic_ms < self._again_ms:
            return []
        effects = self._block(replica, now)
        if self._step is None:
            # Nothing but time or something new changes that: to look again at once would only burn the processor.
            due_ms = self.chain.next_due_ms() or 0
            wait_ms = min(PROPOSE_AGAIN_MS, due_ms - now.wall_ms) if due_ms > now.wall_ms else PROPOSE_AGAIN_MS
            self._again_ms = now.monotonic_ms + wait_ms
        return effects

    def is_stalled(self, now: Now) -> bool:
        """Whether so long after the last block that the clock may be wrong and nothing is proposed (SPEC V-13)."""
        head = self.chain.head
        return head.height > 0 and now.wall_ms > head.time_ms + STALL_MS and not self.clock_is_confirmed

    def _block(self, replica: Replica, now: Now) -> list[Effect]:
        head = self.chain.head
        if self.is_stalled(now) or not replica.is_leader or self.sync.target > head.height:
            return []
        due_ms = self.chain.next_due_ms()
        if not len(self.pool) and (due_ms is None or due_ms > now.wall_ms):
            return []
        candidates = self.pool.candidates(self.chain.state, self._block_time_ms(now), self.chain.charter.limits)
        step = self.chain.build(candidates, now.wall_ms, replica.view)
        effects = self._ended(self.pool.discard(self.pool.unknown() if step is None else step.left), now)
        if step is None:
            return effects
        block = step.blocks[0]
        votes, certificate = own_votes(replica, block)
        if certificate is None:
            raise LocalError("one witness alone is a quorum of one")
        self._step = (step, None)
        return [*effects, Journal(votes=tuple(votes), block=block), Commit(step=step, certificate=certificate)]

    def stored(self, now: Now) -> list[Effect]:
        """The step is on the disk: take it, tell the owner and the others."""
        if self._step is None:
            return []
        (step, source), self._step = self._step, None
        self.chain.take(step)
        self.clock_is_confirmed = False
        if self._replica is not None:
            self._replica.settle(step.head.view)
        self._trial.forget()
        self._again_ms = 0
        if source is not None:
            self.sync.proved(source)
        entries = [entry for block in step.blocks for entry in block.entries]
        void = self.pool.settle(self.chain.state, entries)
        members_changed = any(entry.name.startswith(MEMBERSHIP) for entry in entries)
        if members_changed:
            self.neighbours.members_changed()
        effects: list[Effect] = [HeadMoved(height=step.head.height, members_changed=members_changed)]
        for block in step.blocks:
            for entry, outcome in zip(block.entries, block.outcomes, strict=True):
                self._repeats.forget(entry.id)
                if entry.id in self._mine:
                    self._mine.discard(entry.id)
                    effects.append(Final(entry_id=entry.id, outcome=outcome, height=block.header.height))
        ended = [(entry, VOID) for entry in void] + [(entry, LAPSED) for entry in self.pool.lapse(step.head.time_ms)]
        effects += self._ended(ended, now)
        return effects + self._announce(step, source) + self._ask(now)

    def _announce(self, step: Advance, source: PeerId | None) -> list[Effect]:
        """Tell whoever is not known to be as far (SPEC P-34)."""
        height = step.head.height
        others = [peer for peer in self.neighbours.peers if peer != source and self.sync.height_of(peer) < height]
        return [Send(peer=peer, message=NewHead(height=height, block=step.head.block)) for peer in others]

    # -- time

    def tick(self, now: Now) -> list[Effect]:
        """Offer pending entries and our height again with growing pauses; ask another peer for an overdue range."""
        if now.monotonic_ms >= self._again_ms or self.clock_is_confirmed:
            self._again_ms = 0
        entries: list[Entry] = []
        for entry_id in self._repeats.due(now.monotonic_ms):
            if (entry := self.pool.get(entry_id)) is None:
                self._repeats.forget(entry_id)
            else:
                entries.append(entry)
        entries.sort(key=lambda one: (one.key, one.sequence))
        effects = self._send_entries(entries, self.neighbours.nearest(None))
        # In a quiet network no block says that time has passed, and what follows an entry of ours would wait for ever.
        stale = self.pool.lapse(now.wall_ms - CLOCK_TOLERANCE_MS, self._signer.public)
        effects += self._ended([(entry, LAPSED) for entry in stale], now)
        return effects + self.neighbours.tick(now) + self._ask(now)

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` or `work` is next needed, on the monotonic clock."""
        told = (self._repeats.next_ms(), self.sync.deadline_ms(), self.neighbours.wake_ms(now))
        moments = [moment for moment in told if moment is not None]
        if self._again_ms and len(self.pool):
            moments.append(self._again_ms)
        due_ms = self.chain.next_due_ms()
        if self._replica is not None and due_ms is not None:
            moments.append(max(self._again_ms, now.monotonic_ms + max(0, due_ms - now.wall_ms)))
        return min(moments, default=None)

    # -- helpers

    def _ask(self, now: Now) -> list[Effect]:
        target = self.sync.target
        asked = self.sync.ask(self.chain.head.height, now)
        if self.sync.target < target:
            # Whoever we waited for is doubted now.
            self._again_ms = 0
        return [] if asked is None else [Send(peer=asked[0], message=asked[1])]

    def _block_time_ms(self, now: Now) -> int:
        """The time of a block made now: what has lapsed by then must not come back."""
        return max(now.wall_ms, self.chain.head.time_ms + 1)

    def _hold(self, entry: Entry, now: Now, *, mine: bool) -> None:
        self.pool.add(entry)
        self._again_ms = 0
        if entry.key == self._signer.public and not mine:
            self._trial.forget()
        if mine:
            self._mine.add(entry.id)
        self._repeats.add(entry.id, now.monotonic_ms)

    def _hand_on(self, entries: Sequence[Entry], source: PeerId | None) -> list[Effect]:
        """Give what is new to a bounded number of others, once."""
        if self._replica is not None and len(self.chain.voting_keys) == 1:
            return []
        return self._send_entries(entries, self.neighbours.nearest(source))

    def _send_entries(self, entries: Sequence[Entry], peers: Sequence[PeerId]) -> list[Effect]:
        effects: list[Effect] = []
        for start in range(0, len(entries), ENTRIES_PER_MESSAGE):
            part = [entry_to_value(entry) for entry in entries[start : start + ENTRIES_PER_MESSAGE]]
            effects += [Send(peer=peer, message=Entries(entries=part)) for peer in peers]
        return effects

    def _ended(self, ended: Iterable[tuple[Entry, str]], now: Now) -> list[Effect]:
        """Entries that will never stand in a block: tell whose they are, and forget them on the disk."""
        mine = [(entry, code) for entry, code in ended if entry.id in self._mine]
        if not mine:
            return []
        self._trial.forget()
        ids, height = tuple(entry.id for entry, _ in mine), self.chain.head.height
        self._mine.difference_update(ids)
        finals: list[Effect] = [Final(entry_id=entry.id, outcome=code, height=height) for entry, code in mine]
        own = [entry.sequence for entry, code in mine if code == LAPSED and entry.key == self._signer.public]
        return [*finals, DropPending(ids=ids), *self._fill(own, now)]
