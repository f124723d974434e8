"""The simulator: whole cores on a virtual network, clock and disk, all of it from one seed.

One priority queue holds every delivery, wake-up and whim of the people. A message may be lost, delayed, doubled,
overtaken or damaged; a connection may end; a node may lose its power between any two effects. What was committed
survives, nothing else does, and the new incarnation starts from exactly that. After the faults come quiet minutes in
which everything must become one. `Observer` watches each node's own rules at every step, from outside.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import pytest
from nacl import bindings

from dpnode.shelf import Founded, pending_row, step_commit
from dpnode.store.rows import Commit as StoreCommit
from dpnode.voting import halt_record, records_of
from ledger import keys as curve
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
from protocol.inputs import Input, Now, PeerConnected, PeerLost, Quiet, Received, Stored, Tick
from protocol.messages import Blocks, write_message
from tests.simulation.observer import Observer
from tests.simulation.town import START_MS, Disk, Parts, Person, build, network, person

LIMITS = (("block_entries", 8), ("day_bytes", 1 << 30), ("day_entries", 10**6), ("invitations_open", 64))
"""Small blocks, so that there are many; allowances that no simulation reaches."""


class PowerCut(Exception):
    """The machine stopped between two effects."""


@dataclass
class Faults:
    """How bad the world is; all zero: as good as it gets."""

    loss: float = 0.0
    twice: float = 0.0
    damage: float = 0.0
    delay_ms: int = 5
    cut: float = 0.0
    """Chance of a power cut at each effect."""
    break_ms: int = 0
    """Mean time between two broken connections; 0: none."""

    @classmethod
    def drawn(cls, dice: random.Random) -> Faults:
        return cls(
            loss=dice.choice([0.0, 0.05, 0.3]),
            twice=dice.choice([0.0, 0.1, 0.3]),
            damage=dice.choice([0.0, 0.0, 0.02]),
            delay_ms=dice.choice([5, 50, 800]),
            cut=dice.choice([0.0, 0.002, 0.01]),
            break_ms=dice.choice([0, 1_000, 5_000]),
        )


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


@dataclass(order=True)
class _Event:
    at_ms: int
    number: int
    act: Callable[[], None] = field(compare=False)


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
        self.faults = faults or Faults()
        self.founded: Founded = network(*names, more=limits, witnesses=witnesses)
        self.now_ms = 0
        self.nodes: dict[bytes, Node] = {}
        self.links: dict[tuple[bytes, bytes], int] = {}
        """Which pairs are connected, and which connection of the pair it is."""
        self.wires: set[tuple[bytes, bytes]] = set()
        """Which pairs may connect at all."""
        self.observer = Observer()
        self.trace = hashlib.sha256()
        self.after_start: Callable[[Node], None] = lambda node: None
        self.on_effect: Callable[[Node, Effect], None] = lambda node, effect: None
        self.build: Callable[[Person, Disk], Parts] = build
        self._queue: list[_Event] = []
        self._count = 0
        self._connections = 0
        for name in names:
            self.add(person(name))

    # -- time

    def at(self, after_ms: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, _Event(self.now_ms + after_ms, self._count, act))

    def run(self, until_ms: int) -> None:
        """Everything up to this moment."""
        while self._queue and self._queue[0].at_ms <= until_ms:
            event = heapq.heappop(self._queue)
            self.now_ms = event.at_ms
            event.act()
        self.now_ms = until_ms

    def clock(self, node: Node) -> Now:
        return Now(wall_ms=START_MS + self.now_ms + node.skew_ms, monotonic_ms=self.now_ms - node.starts_ms + 1)

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
        self._guarded(node, lambda: self._perform(node, node.parts.core.started(self.clock(node))))
        if node.incarnation == incarnation:
            self.after_start(node)
            self._rest(node)

    def power_cut(self, node: Node) -> None:
        """Everything but the disk is gone; it starts again a little later."""
        node.incarnation += 1
        for pair in [pair for pair in self.links if node.who.peer in pair]:
            self.cut_link(pair)

        def again() -> None:
            node.parts = self.build(node.who, node.disk)
            self._begin(node)

        self.at(self.dice.randrange(50, 3_000), again)
        node.wake = -1

    def is_up(self, node: Node) -> bool:
        return node.wake >= 0

    def give(self, node: Node, event: Input) -> None:
        """One input, its effects performed in order; then what the driver does between inputs."""
        if not self.is_up(node):
            return
        self._note(node, type(event).__name__)
        self._guarded(node, lambda: self._perform(node, node.parts.core.handle(event, self.clock(node))))
        self._rest(node)

    def _guarded(self, node: Node, act: Callable[[], None]) -> None:
        try:
            act()
        except PowerCut:
            self._note(node, "power cut")
            self.power_cut(node)

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
        if node.wake != number:
            return
        moment = self.clock(node)
        wake_ms = node.parts.core.wake_ms(moment)
        if wake_ms is not None and wake_ms <= moment.monotonic_ms:
            self.give(node, Tick())
        if self.is_up(node):
            self.give(node, Quiet())

    # -- effects, as the driver performs them

    def _perform(self, node: Node, effects: list[Effect]) -> None:
        waiting: list[Effect] = []
        for effect in effects:
            self._note(node, type(effect).__name__)
            if isinstance(effect, Keep | KeepPending | DropPending):
                waiting.append(effect)
                continue
            self._flush(node, waiting)
            self._maybe_cut()
            self.observer.before(node, effect)
            self._perform_one(node, effect)
            self.on_effect(node, effect)
        self._flush(node, waiting)

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

    def _perform_one(self, node: Node, effect: Effect) -> None:
        match effect:
            case Send():
                self._send(node.who.peer, effect.peer, write_message(effect.message))
            case Journal():
                node.disk.journal += records_of(effect)
            case Commit():
                node.disk.commit(step_commit(node.parts.core.chain, effect.step, effect.certificate))
                self.observer.committed(node)
                self._maybe_cut()
                self._perform(node, node.parts.core.handle(Stored(), self.clock(node)))
            case ServeRange():
                found = node.disk.served(effect.start, effect.bytes_max)
                message = Blocks(
                    start=effect.start,
                    blocks=[block.body for block in found],
                    certificate=(found[-1].certificate or b"") if found else b"",
                    height=node.parts.core.chain.head.height,
                )
                self._send(node.who.peer, effect.peer, write_message(message))
            case Halt():
                node.disk.journal.append(halt_record(effect.reason))
            case Misbehaved(fatal=True):
                self.cut_link(_pair(node.who.peer, effect.peer))
            case Addresses():
                self.observer.told_address(node, effect.peer, effect.addresses)
            case _:
                pass

    # -- the network

    def wire(self, one: Person, two: Person) -> None:
        """These two may connect from now on, and will."""
        pair = _pair(one.peer, two.peer)
        self.wires.add(pair)
        self._dial(pair)

    def _dial(self, pair: tuple[bytes, bytes]) -> None:
        if pair in self.links:
            return
        one, two = (self.nodes.get(peer) for peer in pair)
        if one is None or two is None or not (self._admits(one, two) and self._admits(two, one)):
            self.at(200, lambda: self._dial(pair))
            return
        self._connections += 1
        self.links[pair] = self._connections
        if self.faults.break_ms:
            connection = self._connections
            self.at(1 + int(self.dice.expovariate(1 / self.faults.break_ms)), lambda: self._broken(pair, connection))
        for node, other in ((one, two), (two, one)):
            self.give(node, PeerConnected(peer=other.who.peer))

    def _admits(self, node: Node, other: Node) -> bool:
        """The gate: members' machines, and whoever brought us in."""
        if not self.is_up(node):
            return False
        known = node.parts.core.chain.state.get(b"peer/" + other.who.peer) is not None
        return known or other.who.peer in node.introducers

    def _broken(self, pair: tuple[bytes, bytes], connection: int) -> None:
        if self.links.get(pair) == connection and self.faults.break_ms:
            self.cut_link(pair)

    def cut_link(self, pair: tuple[bytes, bytes]) -> None:
        """The connection ends; it is dialled again."""
        if self.links.pop(pair, None) is None:
            return
        for peer, other in (pair, pair[::-1]):
            node = self.nodes[peer]
            incarnation = node.incarnation

            def lost(node: Node = node, other: bytes = other, incarnation: int = incarnation) -> None:
                if node.incarnation == incarnation:
                    self.give(node, PeerLost(peer=other))

            self.at(1, lost)
        self.at(self.dice.randrange(2, 1_000), lambda: self._dial(pair))

    def _send(self, source: bytes, target: bytes, frame: bytes) -> None:
        pair = _pair(source, target)
        connection = self.links.get(pair)
        if connection is None:
            return
        faults, dice = self.faults, self.dice
        if faults.loss and dice.random() < faults.loss:
            return
        for _ in range(2 if faults.twice and dice.random() < faults.twice else 1):
            carried = frame
            if faults.damage and dice.random() < faults.damage:
                at = dice.randrange(len(frame))
                carried = frame[:at] + bytes([frame[at] ^ (1 << dice.randrange(8))]) + frame[at + 1 :]
            self.at(dice.randrange(1, faults.delay_ms + 1), self._delivery(pair, connection, source, target, carried))

    def _delivery(
        self, pair: tuple[bytes, bytes], connection: int, source: bytes, target: bytes, frame: bytes
    ) -> Callable[[], None]:
        def arrive() -> None:
            if self.links.get(pair) == connection:
                self.give(self.nodes[target], Received(peer=source, frame=frame))

        return arrive

    def _note(self, node: Node, what: str) -> None:
        self.trace.update(f"{self.now_ms} {node.who.name} {what}\n".encode())

    # -- the end

    def calm(self) -> None:
        """No more faults: from here on everything must become one."""
        self.faults = replace(Faults(), delay_ms=20)


def _pair(one: bytes, two: bytes) -> tuple[bytes, bytes]:
    return (one, two) if one < two else (two, one)


@contextmanager
def memoised() -> Iterator[None]:
    """Checking the same signature again costs nothing: most of a simulation's time goes there."""
    real = bindings.crypto_sign_open

    class Memo:
        def __getattr__(self, name: str) -> Any:
            return getattr(bindings, name)

        crypto_sign_open = staticmethod(lru_cache(maxsize=100_000)(real))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "bindings", Memo())
        yield
