"""The simulator: whole cores on a virtual network, clock and disk, all of it from one seed.

One priority queue holds every delivery, wake-up and whim of the people. A message may be lost, delayed, doubled,
overtaken or damaged; a connection may end; a node may lose its power between any two effects, or while votes are
being written. What was synced survives, nothing else does, and the new incarnation starts from exactly that. A slow
disk makes a machine wait: what follows a write is done, and what arrives is heard, when it is on the disk. After the
faults come quiet minutes in which everything must become one. `Observer` watches each node's own rules at every step,
from outside.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from dpnode.shelf import Founded, pending_row, served_range, step_commit
from dpnode.store.rows import Commit as StoreCommit
from dpnode.voting import halt_record, records_of
from protocol.effects import (
    Addresses,
    Commit,
    DropPending,
    Effect,
    Halt,
    Journal,
    Keep,
    KeepPending,
    Misbehaved,
    Send,
    ServeRange,
)
from protocol.inputs import Input, Now, Quiet, Received, Stored, Tick
from protocol.messages import write_message
from tests.simulation.disks import grown, torn
from tests.simulation.links import Links, answer_of, pair_of
from tests.simulation.memo import memoised
from tests.simulation.observer import Observer
from tests.simulation.town import START_MS, Disk, Parts, Person, build, network, person
from tests.simulation.weather import Faults, PowerCut

__all__ = ["Cluster", "Faults", "Node", "PowerCut", "memoised"]

LIMITS = (("block_entries", 8), ("day_bytes", 1 << 30), ("day_entries", 10**6), ("invitations_open", 64))
"""Small blocks, so that there are many; allowances that no simulation reaches."""


def _nothing() -> None:
    """What there is to do where there is nothing to do."""


@dataclass(frozen=True)
class _Arrival:
    """An input, and what whoever watches does before and after it."""

    event: Input
    before: Callable[[], None]
    after: Callable[[], None]


@dataclass
class Node:
    """One member's machine: the disk stays, the core is new after every power cut."""

    who: Person
    disk: Disk
    skew_ms: int
    parts: Parts
    incarnation: int = 0
    wake: int = 0
    """Number of the wake-up that counts; earlier ones are void."""
    starts_ms: int = 0
    introducers: set[bytes] = field(default_factory=set)
    liar: Any = None
    """What this machine makes of its core's words, if it lies (`liars.Liar`, `crooks.Crook`)."""
    next_key: Any = None
    """A voting key that waits to sit (`fresh_keys.FreshKeys`)."""
    moment: Now = Now(wall_ms=0, monotonic_ms=0)
    """What its clocks showed at the step whose effects are being performed ..."""
    wrong_ms: int = 0
    """... and how wrong they were."""
    work: Iterator[int] | None = None
    """The effects that wait for the disk; None: nothing does."""
    writing: Journal | None = None
    """The votes that the disk is at."""
    inbox: deque[_Arrival] = field(default_factory=deque)
    """What arrived meanwhile."""

    @property
    def voting_keys(self) -> set[bytes]:
        """Under which this machine votes, or is about to."""
        return {self.who.voting.public} | ({self.next_key.public} if self.next_key else set())


class Cluster:
    """The nodes, what is between them, and the time."""

    def __init__(
        self,
        seed: int,
        *names: str,
        faults: Faults | None = None,
        limits: tuple[Any, ...] = LIMITS,
        witnesses: int = 1,
    ) -> None:
        self.dice = random.Random(seed)
        self.disk_dice = random.Random(f"disk {seed}")
        """For what disks do, so that a seed without it is the same network as ever."""
        self.faults = faults or Faults()
        self.founded: Founded = network(*names, more=limits, witnesses=witnesses)
        self.now_ms = 0
        self.nodes: dict[bytes, Node] = {}
        self.links = Links(self)
        self.observer = Observer()
        self.observer.day_entries = self.founded.charter.limits.day_entries
        self.observer.ballots.clock = lambda node: node.moment
        self.trace = hashlib.sha256()
        self.after_start: Callable[[Node], None] = lambda node: None
        self.on_effect: Callable[[Node, Effect], None] = lambda node, effect: None
        self.build: Callable[[Person, Disk], Parts] = build
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._written: tuple[Any, bytes] = (None, b"")
        for name in names:
            self.add(person(name))

    # -- time

    def at(self, after_ms: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now_ms + after_ms, self._count, act))

    def run(self, until_ms: int) -> None:
        """Everything up to this moment."""
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, act = heapq.heappop(self._queue)
            act()
        self.now_ms = until_ms

    def clock(self, node: Node) -> Now:
        return Now(wall_ms=START_MS + self.now_ms + node.skew_ms, monotonic_ms=self.now_ms - node.starts_ms + 1)

    def _moment(self, node: Node) -> Now:
        """The clocks are read for a step."""
        node.moment, node.wrong_ms = self.clock(node), node.skew_ms
        return node.moment

    # -- nodes

    def add(self, who: Person, introducer: bytes | None = None) -> Node:
        """A machine is switched on for the first time."""
        disk = Disk(self.founded)
        node = Node(who=who, disk=disk, skew_ms=self.dice.randrange(-20_000, 20_000), parts=self.build(who, disk))
        if introducer is not None:
            node.introducers.add(introducer)
        self.nodes[who.peer] = node
        self._begin(node)
        return node

    def _begin(self, node: Node) -> None:
        node.starts_ms = self.now_ms
        node.wake = 0
        node.parts.core.introducers |= node.introducers
        self.observer.started(node)
        incarnation = node.incarnation
        node.work = self._perform(node, node.parts.core.started(self._moment(node)))
        self._go_on(node, rests=False)
        if node.incarnation == incarnation:
            self.after_start(node)
            self._rest(node)

    def power_cut(self, node: Node, down_ms: int | None = None, mend: Callable[[], None] = lambda: None) -> None:
        """Everything but the disk is gone; it starts again a little later, after `mend` had its way with the disk."""
        node.incarnation += 1
        if node.writing is not None:
            self._tear(node, node.writing)
        node.work = node.writing = None
        node.inbox.clear()
        self.links.dead(node.who.peer)

        def again() -> None:
            mend()
            node.parts = self.build(node.who, node.disk)
            self._begin(node)

        self.at(self.dice.randrange(50, 3_000) if down_ms is None else down_ms, again)
        node.wake = -1

    def is_up(self, node: Node) -> bool:
        return node.wake >= 0

    def give(
        self, node: Node, event: Input, before: Callable[[], None] = _nothing, after: Callable[[], None] = _nothing
    ) -> None:
        """One input, its effects performed in order; then what the driver does between inputs.

        `after`: what is done once the machine has outlived it.
        """
        if not self.is_up(node):
            return
        arrival = _Arrival(event, before, after)
        if node.work is None:
            self._take(node, arrival)
            self._go_on(node)
        else:
            node.inbox.append(arrival)

    def _take(self, node: Node, arrival: _Arrival) -> None:
        arrival.before()
        self._note(node, type(arrival.event).__name__)
        node.work = self._whole(node, arrival)

    def _whole(self, node: Node, arrival: _Arrival) -> Iterator[int]:
        yield from self._perform(node, node.parts.core.handle(arrival.event, self._moment(node)))
        arrival.after()

    def _go_on(self, node: Node, *, rests: bool = True) -> None:
        """As far as it comes until the disk has to be waited for, or all that arrived is heard."""
        while node.work is not None:
            try:
                wait_ms = next(node.work, 0)
            except PowerCut:
                self._note(node, "power cut")
                self.power_cut(node)
                return
            if wait_ms:
                self.at(wait_ms, partial(self._written_to, node, node.incarnation))
                return
            node.work = None
            if rests:
                self._rest(node)
            if node.inbox:
                self._take(node, node.inbox.popleft())

    def _written_to(self, node: Node, incarnation: int) -> None:
        if node.incarnation == incarnation:
            self._go_on(node)

    def deliver(self, node: Node, source: bytes, event: Received, message: Any) -> None:
        """A frame arrives; whoever watches sees what it said and whether the machine outlived it."""
        if not self.is_up(node):
            return
        self.trace.update(event.frame)
        if node.liar is not None and message is not None:
            node.liar.hears(message)
        said = answer_of(event.frame) if message is None else message
        ballots = self.observer.ballots
        self.give(node, event, lambda: ballots.arriving(node, source, said), lambda: ballots.arrived(node, said))

    def _rest(self, node: Node) -> None:
        """Have it woken when it wants to be."""
        if not self.is_up(node):
            return
        core, now = node.parts.core, self.clock(node)
        wake_ms = 0 if core.has_work else core.wake_ms(now)
        if wake_ms is None:
            return
        self._count += 1
        node.wake = number = self._count
        self.at(max(1, wake_ms - now.monotonic_ms), lambda: self._woken(node, number))

    def _woken(self, node: Node, number: int) -> None:
        if node.wake != number or node.work is not None:
            return
        moment = self.clock(node)
        wake_ms = node.parts.core.wake_ms(moment)
        if wake_ms is not None and wake_ms <= moment.monotonic_ms:
            self.give(node, Tick())
        if self.is_up(node):
            self.give(node, Quiet())

    # -- effects, as the driver performs them

    def _perform(self, node: Node, effects: list[Effect]) -> Iterator[int]:
        """Yields how many milliseconds the disk has to be waited for, now and then."""
        waiting: list[Effect] = []
        read = node.moment, node.wrong_ms
        for effect in effects:
            self._note(node, type(effect).__name__)
            if isinstance(effect, Keep | KeepPending | DropPending):
                waiting.append(effect)
                continue
            self._flush(node, waiting)
            self._maybe_cut()
            if isinstance(effect, Journal | Commit):
                yield from self._synced(node, effect)
            node.moment, node.wrong_ms = read
            self.observer.before(node, effect)
            yield from self._perform_one(node, effect)
            self.on_effect(node, effect)
        self._flush(node, waiting)

    def _synced(self, node: Node, effect: Journal | Commit) -> Iterator[int]:
        """The disk takes its time over votes and blocks; nothing that follows is done before."""
        faults, dice = self.faults, self.disk_dice
        if isinstance(effect, Journal):
            node.writing = effect
            if faults.torn and dice.random() < faults.torn:
                raise PowerCut
        if faults.sync_ms:
            self.links.happened["slow-disk"] += 1
            yield dice.randrange(1, faults.sync_ms + 1)
        node.writing = None

    def _tear(self, node: Node, effect: Journal) -> None:
        """The power went while votes were being written: what the journal's own bytes have of them is there."""
        if not self.faults.torn:
            return
        self.links.happened["torn"] += 1
        part = torn(node.disk.journal, effect, self.disk_dice)
        if part is not None:
            self.observer.before(node, part)
            node.disk.journal += records_of(part)

    def _maybe_cut(self) -> None:
        if self.faults.cut and self.dice.random() < self.faults.cut:
            raise PowerCut

    def _flush(self, node: Node, waiting: list[Effect]) -> None:
        """Neighbouring small writes are one transaction."""
        if not waiting:
            return
        self._maybe_cut()
        kept, new, done = [], [], list[bytes]()
        for effect in waiting:
            match effect:
                case Keep():
                    kept.append((effect.kind, effect.id, effect.value))
                case KeepPending():
                    new += [pending_row(entry) for entry in effect.entries]
                case DropPending():
                    done += effect.ids
                case _:
                    raise AssertionError("only small writes wait")
        node.disk.commit(StoreCommit(kept=kept, pending_new=new, pending_done=done))
        waiting.clear()

    def _perform_one(self, node: Node, effect: Effect) -> Iterator[int]:
        match effect:
            case Send():
                self.say(node, effect.peer, effect.message)
            case Journal():
                chain = node.parts.core.chain
                node.disk.journal = grown(node.disk.journal, effect, chain.head, len(chain.voting_keys))
                if effect.votes and self.faults.unsaid and self.disk_dice.random() < self.faults.unsaid:
                    self.links.happened["unsaid"] += 1
                    raise PowerCut
            case Commit():
                node.disk.commit(step_commit(node.parts.core.chain, effect.step, effect.certificate))
                if node.liar is None:
                    self.observer.stored(node, effect.step)
                self._maybe_cut()
                yield from self._perform(node, node.parts.core.handle(Stored(), self._moment(node)))
                self.observer.ballots.settled(node)
                if node.liar is None:
                    self.observer.taken(node)
            case ServeRange():
                found = node.disk.served(effect.start, effect.bytes_max)
                message = served_range(effect.start, found, node.parts.core.chain.head.height)
                self.say(node, effect.peer, message)
            case Halt():
                node.disk.journal.append(halt_record(effect.reason))
            case Misbehaved(fatal=True):
                self.links.cut(pair_of(node.who.peer, effect.peer))
            case Addresses():
                self.observer.told_address(node, effect.peer, effect.addresses)
            case _:
                pass

    def frame(self, message: Any) -> bytes:
        """The bytes of a message, made once where it goes to several machines."""
        if self._written[0] is not message:
            self._written = (message, write_message(message))
        return self._written[1]

    def say(self, node: Node, peer: bytes, message: Any) -> None:
        """Send a message, or what the machine's liar makes of it."""
        said = [message] if node.liar is None else node.liar.instead(peer, message)
        for one in said:
            self.links.send(node.who.peer, peer, self.frame(one), one)

    def wire(self, one: Person, two: Person) -> None:
        """These two may connect from now on, and will."""
        self.links.wire(one, two)

    def _note(self, node: Node, what: str) -> None:
        self.trace.update(f"{self.now_ms} {node.who.name} {what}\n".encode())

    # -- the end

    def calm(self, delay_ms: int = 20, sync_ms: int = 0) -> None:
        """No more faults: from here on everything must become one."""
        self.faults = replace(Faults(), delay_ms=delay_ms, sync_ms=sync_ms)
