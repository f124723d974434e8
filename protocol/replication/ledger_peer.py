"""One member's part in the shared ledger: submit, carry, order where we are a witness, catch up, tell the others.

Owns the chain, the pool and the replica. A step that makes blocks final goes out as ``Journal?, Commit`` and is taken
into memory only by `stored`, so nothing is shown or said that a power cut could take back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from ledger.block import Block
from ledger.canonical import Value
from ledger.chain import Advance, Chain
from ledger.consensus.votes import write_certificate
from ledger.entry import Entry, entry_from_value, entry_id_of
from ledger.errors import Refusal, RemoteError
from ledger.fold import choose
from ledger.keys import MemberId, SigningKey
from ledger.state import Overlay
from protocol.effects import (
    Commit,
    DropPending,
    Effect,
    HeadMoved,
    KeepPending,
    Misbehaved,
    NotRecorded,
    Recorded,
    Send,
    ServeRange,
)
from protocol.inputs import Carry, Now, PeerId, Submit
from protocol.limits import CLOCK_TOLERANCE_MS, FIRST_WORD_MS, RANGE_BYTES_MAX
from protocol.messages import AskRange, Blocks, Entries, Hello, NewHead, Ordering
from protocol.replication.anchor import Anchor
from protocol.replication.awaited import Awaited, finals_of
from protocol.replication.carrying import Carrying
from protocol.replication.clocks import Clocks
from protocol.replication.door import Door, Engine, Voter
from protocol.replication.forks import Forked, alarm
from protocol.replication.lapsed import LAPSED, VOID, Lapsed, LapsedEntry
from protocol.replication.neighbours import Neighbours
from protocol.replication.orderer import Orderer
from protocol.replication.pool import Pool, Verdict
from protocol.replication.ranges import read_ranges
from protocol.replication.signing import Signing
from protocol.replication.sync import CatchingUp, QueuedRange
from protocol.replication.trial import Trial
from protocol.replication.waiting import Waiting

MEMBERSHIP = "membership."


class LedgerPeer:
    """The ledger as one member's machine keeps it."""

    engine: Engine = Orderer
    """What orders the entries: whoever uses this peer sees the door to it and nothing behind."""

    def __init__(
        self,
        chain: Chain,
        *,
        member: MemberId,
        signer: SigningKey,
        voter: Voter | None,
        pending: Iterable[Entry],
        lapsed: Iterable[LapsedEntry] = (),
    ) -> None:
        self.chain = chain
        self.pool = Pool(
            chain.network, own=signer.public, until_ahead_ms=chain.charter.limits.until_ms + CLOCK_TOLERANCE_MS
        )
        self.sync = CatchingUp()
        self.anchor = Anchor()
        self.neighbours = Neighbours(chain)
        self.carrying = Carrying(self.pool, self.neighbours)
        self.clocks = Clocks(chain, member)
        self.waiting = Waiting(chain, self.pool)
        self.orderer: Door = self.engine(chain, self.waiting, self.neighbours, member, voter)
        self._member = member
        self._signer = signer
        self._signing = Signing(chain, self.pool, member, signer)
        self._mine = Awaited()
        self.lapsed = Lapsed(lapsed)
        self._step: tuple[Advance, PeerId | None] | None = None
        self._certificate = b""
        """Of the step being made durable."""
        self._trial = Trial(chain, self.pool, signer.public)
        self._look = True
        """Whether the ordering has something new to look at."""
        self._doubted: set[PeerId] = set()
        """Machines that named another block than ours at our height, and were asked to show it."""
        self._held_ms = 0
        """Until when the only witness waits for a first word at its start; 0: no longer."""
        for entry in sorted(pending, key=lambda one: one.sequence):
            self.pool.add(entry)
            self._mine.add(entry)
            self.carrying.hold(entry.id, 0, at_once=True)

    def started(self, now: Now) -> list[Effect]:
        """Once after a start: numbers whose entries lapsed just before it was stopped are filled."""
        head = self.chain.head
        if head.height and self.orderer.is_alone and len(list(islice(self.chain.state.raw_range(b"member/"), 2))) > 1:
            # The disk may be a copy put back, and a block made on it would fork the ledger.
            self._held_ms = now.monotonic_ms + FIRST_WORD_MS
            self.waiting.is_held = True
        # A power cut right after a block: nobody was told yet whose number it used.
        effects = self._ended(self.pool.passed(self.chain.state), now)
        effects += self._keep(self._signing.fillers(self._signing.missing(), self._block_time_ms(now)), now)
        return effects + self._ordered(self.orderer.started(now), now)

    def submit(self, wanted: Submit, now: Now) -> list[Effect]:
        """Sign operations as entries and keep them; refused as a whole where a rule already says no (SPEC P-14)."""
        entries = self._signing.signed(wanted.operations, wanted.until_ms)
        if refusal := self._trial.refusal(entries, now):
            return [NotRecorded(token=wanted.token, code=refusal.code, detail=refusal.detail)]
        self._trial.keep()
        return self._keep(entries, now, Recorded(token=wanted.token, entry_ids=tuple(entry.id for entry in entries)))

    def would_refuse(self, operations: Sequence[dict[str, Value]], until_ms: int, now: Now) -> Refusal | None:
        """What `submit` would be told, without keeping anything: a dry run."""
        return self._trial.refusal(self._signing.signed(operations, until_ms), now)

    def carry(self, wanted: Carry, now: Now) -> list[Effect]:
        """Take in entries that a guest or a file brought: all of them or none."""
        chain, accepted, known, time_ms = self.chain, list[Entry](), list[Entry](), self._block_time_ms(now)
        for entry in wanted.entries:
            if self.pool.judge(chain.state, entry, time_ms) is Verdict.ACCEPT:
                accepted.append(entry)
            elif (waiting := self.pool.get(entry.id)) is not None:
                # Others handed it on before; what the owner is told of is on the disk all the same.
                known += [] if entry.id in self._mine else [waiting]
            else:
                return [NotRecorded(token=wanted.token, code="entry.unusable", detail="the entry cannot be carried")]
        tx = Overlay(chain.state)
        done = choose(tx, chain.network, chain.head.height + 1, time_ms, accepted, chain.charter.limits)
        for _, refusal in done.left:
            return [NotRecorded(token=wanted.token, code=refusal.code, detail=refusal.detail)]
        return self._keep(
            [*known, *accepted],
            now,
            Recorded(token=wanted.token, entry_ids=tuple(entry.id for entry in wanted.entries)),
        )

    # -- peers

    def connected(self, peer: PeerId, now: Now) -> list[Effect]:
        """A member's machine is there: offer it what is pending."""
        self.neighbours.peers[peer] = None
        return self.carrying.met(peer) + self._ordered(self.orderer.met(peer, now), now)

    def lost(self, peer: PeerId) -> None:
        """A machine is gone."""
        self.neighbours.peers.pop(peer, None)
        self.sync.lost(peer)
        self.clocks.lost(peer)
        self._doubted.discard(peer)
        self._changed()

    def reseated(self, voter: Voter, now: Now) -> list[Effect]:
        """The voting key is another one now (V-21)."""
        self._changed()
        return self._ordered(self.orderer.reseated(voter, now), now)

    def heard_order(self, peer: PeerId, message: Ordering, now: Now) -> list[Effect]:
        """A witness's word."""
        return self._ordered(self.orderer.heard(peer, message, now), now)

    def heard_head(self, peer: PeerId, message: Hello | NewHead, now: Now) -> list[Effect]:
        """A machine says how far it is, and what time."""
        height = message.height
        self.sync.known(peer, height)
        if message.time is not None:
            self.clocks.heard(peer, message.time, now)
        self._held_ms = 0
        self._hold_back()
        if height == self.chain.head.height and message.block != self.chain.head.block:
            # Either a lie or a second history: its certificate tells (V-24).
            self._doubted.add(peer)
            return [Send(peer=peer, message=AskRange(start=max(height, 1), bytes=RANGE_BYTES_MAX))]
        # A word from behind: ours was lost, or came before the other could hear it.
        return (self.neighbours.news(peer, now) if height < self.chain.head.height else []) + self._ask(now)

    def heard_entries(self, peer: PeerId, message: Entries, now: Now) -> list[Effect]:
        """Pending entries somebody hands on (SPEC P-10 to P-13)."""
        time_ms = self._block_time_ms(now)
        fresh, effects = list[Entry](), list[Effect]()
        for pair in message.entries:
            # Entries are offered again until they are final; one that waits here is known without being read.
            if self.carrying.is_known(entry_id_of(pair[0])):
                continue
            try:
                entry = entry_from_value(pair)
            except RemoteError as problem:
                said = f"sent an entry that is none: {problem.reason}"
                effects.append(Misbehaved(peer=peer, sentence=said, fatal=True))
                break
            verdict = self.pool.judge(self.chain.state, entry, time_ms)
            if verdict is Verdict.REJECT:
                effects.append(Misbehaved(peer=peer, sentence="sent an entry that no honest member sends", fatal=True))
                break
            if verdict is Verdict.ACCEPT:
                self._hold(entry, now, mine=False)
                fresh.append(entry)
        return effects + ([] if self.orderer.is_alone else self.carrying.heard(fresh, peer))

    def heard_ask(self, peer: PeerId, message: AskRange) -> list[Effect]:
        """A machine wants blocks."""
        height = self.chain.head.height
        if message.start > height:
            return [Send(peer=peer, message=Blocks(start=message.start, blocks=[], certificate=b"", height=height))]
        most = min(message.bytes, RANGE_BYTES_MAX)
        return [ServeRange(peer=peer, start=message.start, bytes_max=most, end=message.end)]

    def heard_blocks(self, peer: PeerId, message: Blocks, now: Now) -> list[Effect]:
        """Blocks came; they are checked when nothing else is waiting."""
        if peer in self._doubted and message.start == self.chain.head.height and self._step is None:
            self._doubted.discard(peer)
            return self._check(peer, [QueuedRange(peer=peer, blocks=message)], now)
        self.sync.came(peer, message, self.chain.head.height, now)
        self._changed()
        return self._ask(now)

    # -- work

    def work(self, now: Now) -> list[Effect]:
        """The one thing worth doing now: check a fetched range, or make a block."""
        if self._step is not None:
            return []
        if ranges := self.sync.take():
            return self._ask(now) + self._check(ranges[0].peer, ranges, now)
        self._look = False
        return self._ordered(self.orderer.look(now), now)

    @property
    def step_blocks(self) -> tuple[Block, ...]:
        """The blocks being made durable just now."""
        return () if self._step is None else self._step[0].blocks

    @property
    def has_work(self) -> bool:
        """Whether `work` may have something to do."""
        return self._step is None and (self.sync.is_ready or (self._look and self.orderer.is_seated))

    def _check(self, peer: PeerId, ranges: Sequence[QueuedRange], now: Now) -> list[Effect]:
        try:
            read, later = read_ranges(ranges, self.chain)
            self.sync.put_back(later)
            if read is None:
                return self._ask(now)
            step = self.chain.advance(read.blocks, read.certificates[-1], read.certificates[:-1])
            self.anchor.check(read.blocks)
        except Forked as fork:
            self.sync.failed(peer)
            return [*alarm(fork.reason, now), Misbehaved(peer=peer, sentence=fork.reason, fatal=False)]
        except RemoteError as problem:
            self.sync.failed(peer)
            return [
                Misbehaved(peer=peer, sentence=f"sent blocks that do not hold: {problem.reason}", fatal=True),
                *self._ask(now),
            ]
        self._step, self._certificate = (step, peer), write_certificate(read.certificates[-1])
        return [Commit(step=step, certificate=self._certificate)]

    def _ordered(self, effects: list[Effect], now: Now) -> list[Effect]:
        """What the ordering came to: entries that ended or were met in blocks, a step to store, guilt to record."""
        if self.orderer.step is not None and self._step is None:
            self._step, self._certificate = (self.orderer.step, None), self.orderer.certificate
        fresh, ended = self.waiting.taken()
        for entry in fresh:
            self.carrying.hold(entry.id, now.monotonic_ms)
        # Whoever first sees that a witness contradicts itself records it; it is as good as any.
        until_ms = now.wall_ms + self.chain.charter.limits.until_ms // 2
        accusations = self._signing.signed(self.orderer.accusations(), until_ms)
        return self._ended(ended, now) + effects + self._keep(accusations, now)

    def stored(self, now: Now) -> list[Effect]:
        """The step is on the disk: take it, tell the owner and the others."""
        if self._step is None:
            return []
        (step, source), self._step = self._step, None
        self.chain.take(step)
        self.waiting.clock_is_confirmed = False
        self._trial.forget()
        self._changed()
        if source is not None:
            self.sync.proved(source)
        entries = [entry for block in step.blocks for entry in block.entries]
        void = self.pool.settle(self.chain.state, entries, step.head.height)
        members_changed = any(entry.name.startswith(MEMBERSHIP) for entry in entries)
        if members_changed:
            self.neighbours.seats_changed()
        effects: list[Effect] = [HeadMoved(height=step.head.height, members_changed=members_changed)]
        self.carrying.ended(entries)
        effects += [final for block in step.blocks for final in self._mine.finals(block)]
        effects += self.lapsed.stand(entries)
        void += self._mine.rivals(entries)
        ended = [(entry, VOID) for entry in void] + [(entry, LAPSED) for entry in self.pool.lapse(step.head.time_ms)]
        effects += self._ended(ended, now)
        certificates = [*(one for _, one in step.earlier), self._certificate]
        ordered = self._ordered(self.orderer.stored(certificates, now), now)
        self._hold_back()
        others = [peer for peer in self.neighbours.peers if self.sync.height_of(peer) < step.head.height]
        news = [one for peer in others if peer != source for one in self.neighbours.news(peer, now)]
        return effects + news + self._ask(now) + ordered

    # -- time

    def tick(self, now: Now) -> list[Effect]:
        """Offer pending entries and our height again with growing pauses; ask another peer for an overdue range."""
        if self._held_ms and now.monotonic_ms >= self._held_ms:
            self._held_ms = 0
        self._hold_back()
        self._look = True
        effects = self.carrying.again(now)
        # In a quiet network no block says that time has passed, and what follows an entry of ours would wait for ever.
        stale = self.pool.lapse(now.wall_ms - CLOCK_TOLERANCE_MS, self._signer.public)
        effects += self._ended([(entry, LAPSED) for entry in stale], now)
        return effects + self.neighbours.tick(now) + self._ask(now)

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` or `work` is next needed, on the monotonic clock."""
        told = (self.carrying.next_ms(), self.sync.deadline_ms(), self.neighbours.wake_ms(now))
        moments = [moment for moment in told if moment is not None]
        if (order_ms := self.orderer.wake_ms(now)) is not None:
            moments.append(order_ms)
        if self._held_ms:
            moments.append(self._held_ms)
        return min(moments, default=None)

    # -- helpers

    def _changed(self) -> None:
        """Something came or went, or the head has moved: the ordering may have work."""
        self.waiting.changed()
        self._look = True
        self._hold_back()

    def _hold_back(self) -> None:
        """Propose nothing while our clock is not the others', or alone while somebody may know more of the ledger."""
        behind = self.orderer.is_alone and self.sync.target > self.chain.head.height
        off = self.clocks.is_off and not self.clocks.is_confirmed
        held = behind or off or self._held_ms > 0
        if self.waiting.is_held and not held:
            self._look = True
        self.waiting.is_held = held

    def _ask(self, now: Now) -> list[Effect]:
        target = self.sync.target
        asked = self.sync.ask_all(self.chain.head.height, now)
        if self.sync.target < target:
            # Whoever we waited for is doubted now.
            self._changed()
        return [Send(peer=peer, message=message) for peer, message in asked]

    def _block_time_ms(self, now: Now) -> int:
        """The time of a block made now: what has lapsed by then must not come back."""
        return max(now.wall_ms, self.chain.head.time_ms + 1)

    def _hold(self, entry: Entry, now: Now, *, mine: bool) -> None:
        self.pool.add(entry)
        self._changed()
        if entry.key == self._signer.public and not mine:
            self._trial.forget()
        if mine:
            self._mine.add(entry)
        self.carrying.hold(entry.id, now.monotonic_ms)

    def _keep(self, entries: Sequence[Entry], now: Now, answer: Effect | None = None) -> list[Effect]:
        """Hold entries of ours or a guest's: on the disk first, then the owner is told, then the others."""
        for entry in entries:
            self._hold(entry, now, mine=True)
        kept: list[Effect] = [KeepPending(entries=tuple(entries))] if entries else []
        said = [] if answer is None else [answer]
        return [*kept, *said, *([] if self.orderer.is_alone or not entries else self.carrying.signed(entries))]

    def _ended(self, ended: Iterable[tuple[Entry, str]], now: Now) -> list[Effect]:
        """Entries that will never stand in a block: tell whose they are, and forget them on the disk."""
        mine = self._mine.ended(ended)
        if not mine:
            return []
        self._trial.forget()
        time_ms = self._block_time_ms(now)
        own = [(entry, code) for entry, code in mine if self._signing.is_own(entry)]
        numbers = [entry.sequence for entry, code in own if code == LAPSED and entry.key == self._signer.public]
        return [
            *finals_of(mine, self.chain.head.height),
            # What was there and why it ended change places in one transaction.
            *self.lapsed.keep(own, time_ms),
            DropPending(ids=tuple(entry.id for entry, _ in mine)),
            *self._keep(self._signing.fillers(numbers, time_ms), now),
        ]
