"""Carries inputs into the core and its effects out, one after the other.

The core is a pure function; this is the loop around it. Effects are performed in order, and an effect that makes
something durable is on disk before the next one begins: neighbouring small writes go into one transaction, `Commit`
is followed at once by `Stored`, and nothing else happens in between. Inputs wait in one bounded channel, so a peer
that floods is slowed and the owner's command is not lost.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, assert_never

import trio

from dpnode.clock import now
from dpnode.gate import machine_named
from dpnode.net.api import PeerId as NetPeerId
from dpnode.shelf import pending_row, served_range, step_commit
from dpnode.space import Space
from dpnode.store.rows import Commit as StoreCommit
from dpnode.store.rows import PendingEntry, ServedBlock
from dpnode.voting import VoteBook
from protocol.core import Core
from protocol.effects import (
    Addresses,
    Alarm,
    Commit,
    DropPending,
    Effect,
    Final,
    Halt,
    HeadMoved,
    Journal,
    Keep,
    KeepPending,
    Misbehaved,
    Negotiated,
    NotRecorded,
    Recorded,
    Send,
    ServeRange,
)
from protocol.inputs import Input, Negotiate, PeerId, Quiet, Stored, Tick
from protocol.messages import write_message

log = logging.getLogger("dpnode.driver")

INPUTS_WAITING_MAX = 256
"""Inputs before the network is read more slowly: a megabyte frame each at worst, a few hundred bytes as a rule."""
INPUTS_AT_ONCE_MAX = 64
"""Inputs taken before the core gets a quiet moment, so that a steady stream does not keep blocks from being made."""


class Network(Protocol):
    """What the driver needs of the network room."""

    def send(self, peer_id: NetPeerId, body: bytes) -> bool:
        """Queue a frame; False where it cannot be sent."""

    def keep(self, peer_id: NetPeerId, addresses: Iterable[str]) -> None:
        """Stay connected."""

    def forget(self, peer_id: NetPeerId) -> None:
        """Stop redialling."""

    def disconnect(self, peer_id: NetPeerId) -> None:
        """Close every connection."""

    def recheck(self) -> None:
        """Ask the gate anew."""


class Shelf(Protocol):
    """What the driver needs of the store."""

    async def commit(self, commit: StoreCommit) -> None:
        """Make durable."""

    async def blocks(self, from_height: int, bytes_max: int) -> list[ServedBlock]:
        """Whole blocks for a peer."""


@dataclass(slots=True)
class _Batch:
    """Small durable effects that go into one transaction."""

    kept: list[tuple[str, bytes, bytes | None]] = field(default_factory=list)
    pending: list[PendingEntry] = field(default_factory=list)
    done: list[bytes] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.kept or self.pending or self.done)


class Driver:
    """One core, and the world it acts in."""

    def __init__(
        self,
        core: Core,
        store: Shelf,
        network: Network,
        votes: VoteBook | None,
        tell: Callable[[Effect], None],
        negotiated: Callable[[int], None],
        space: Space | None = None,
    ) -> None:
        self.core = core
        self._store = store
        self._network = network
        self.votes = votes
        """Where votes are made durable; None: this machine cannot vote."""
        self._tell = tell
        """Called with every effect that somebody of ours waits for; must not block."""
        self._negotiated = negotiated
        """Called with an order's token once all its effects were told."""
        self._space = space or Space()
        """Where whatever lasts waits while the disk is full."""
        self._inputs, self._waiting = trio.open_memory_channel[Input](INPUTS_WAITING_MAX)
        self._serving: set[PeerId] = set()
        self._last_message: tuple[object, bytes] | None = None
        self._batch = _Batch()
        self._unkept: trio.Event | None = None
        """Set once what the core came to by its last input is on disk; None: it is."""

    async def kept(self) -> None:
        """Return once all that the core has come to by now is on disk: only then may it be shown to anybody."""
        if self._unkept is not None:
            await self._unkept.wait()

    async def give(self, event: Input) -> None:
        """Queue an input; waits while the core is busy."""
        await self._inputs.send(event)

    async def run(self) -> None:
        """Drive the core until cancelled; an error of the disk ends it."""
        async with trio.open_nursery() as nursery:
            await self._perform(self.core.started(now()), nursery)
            while True:
                event = await self._next()
                taken = 0
                while event is not None:
                    await self._perform(self.core.handle(event, now()), nursery)
                    if isinstance(event, Negotiate):
                        self._negotiated(event.token)
                    taken += 1
                    event = self._waiting_event() if taken < INPUTS_AT_ONCE_MAX else None
                moment = now()
                wake_ms = self.core.wake_ms(moment)
                if wake_ms is not None and wake_ms <= moment.monotonic_ms:
                    await self._perform(self.core.handle(Tick(), moment), nursery)
                await self._perform(self.core.handle(Quiet(), now()), nursery)
                await trio.lowlevel.checkpoint()

    async def _next(self) -> Input | None:
        """The next input, or None when the core wants to be woken."""
        if self.core.has_work:
            return self._waiting_event()
        moment = now()
        wake_ms = self.core.wake_ms(moment)
        wait_s = math.inf if wake_ms is None else max(0, wake_ms - moment.monotonic_ms) / 1000
        with trio.move_on_after(wait_s) as scope:
            event = await self._waiting.receive()
        return None if scope.cancelled_caught else event

    def _waiting_event(self) -> Input | None:
        try:
            return self._waiting.receive_nowait()
        except trio.WouldBlock:
            return None

    async def _perform(self, effects: list[Effect], nursery: trio.Nursery) -> None:
        if self._unkept is not None:
            # What follows a commit belongs to the input that led to it.
            await self._perform_all(effects, nursery)
            return
        unkept = self._unkept = trio.Event()
        await self._perform_all(effects, nursery)
        self._unkept = None
        unkept.set()

    async def _perform_all(self, effects: list[Effect], nursery: trio.Nursery) -> None:
        for effect in effects:
            match effect:
                case Keep():
                    self._batch.kept.append((effect.kind, effect.id, effect.value))
                case KeepPending():
                    self._batch.pending += [pending_row(entry) for entry in effect.entries]
                case DropPending():
                    self._batch.done += effect.ids
                case _:
                    await self._flush()
                    await self._perform_one(effect, nursery)
        await self._flush()

    async def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, _Batch()
            kept = {(kind, key): value for kind, key, value in batch.kept}
            commit = StoreCommit(
                kept=[(kind, key, value) for (kind, key), value in kept.items()],
                pending_new=batch.pending,
                pending_done=batch.done,
            )
            await self._space.until_written(lambda: self._store.commit(commit))

    async def _perform_one(self, effect: Effect, nursery: trio.Nursery) -> None:
        match effect:
            case Send():
                self._send(effect)
            case Journal():
                await self._write_votes(effect)
            case Halt():
                if (votes := self.votes) is not None:
                    halt = partial(trio.to_thread.run_sync, votes.halt, effect.reason)
                    await self._space.until_written(halt)
            case Alarm():
                log.error("%s", effect.sentence)
                self._tell(effect)
            case Commit():
                commit = step_commit(self.core.chain, effect.step, effect.certificate)
                await self._space.until_written(lambda: self._store.commit(commit))
                await self._perform(self.core.handle(Stored(), now()), nursery)
            case ServeRange():
                if effect.peer not in self._serving:
                    self._serving.add(effect.peer)
                    nursery.start_soon(self._serve, effect)
            case Addresses():
                if effect.addresses:
                    self._network.keep(NetPeerId(effect.peer), effect.addresses)
                else:
                    self._network.forget(NetPeerId(effect.peer))
            case Misbehaved():
                log.warning("%s %s", machine_named(self.core.chain.state, effect.peer), effect.sentence)
                if effect.fatal:
                    self._network.disconnect(NetPeerId(effect.peer))
            case HeadMoved():
                if effect.members_changed:
                    self._network.recheck()
                self._tell(effect)
            case Recorded() | NotRecorded() | Final() | Negotiated():
                self._tell(effect)
            case Keep() | KeepPending() | DropPending():
                raise AssertionError("batched by the caller")
            case _:
                assert_never(effect)

    def _send(self, effect: Send) -> None:
        # One message often goes to several peers in a row; it is encoded once.
        if self._last_message is None or self._last_message[0] is not effect.message:
            self._last_message = (effect.message, write_message(effect.message))
        self._network.send(NetPeerId(effect.peer), self._last_message[1])

    async def _write_votes(self, effect: Journal) -> None:
        assert self.votes is not None, "only a witness with its journal votes"
        write = partial(trio.to_thread.run_sync, self.votes.write, effect, self.core.chain.head)
        await self._space.until_written(write)

    async def _serve(self, effect: ServeRange) -> None:
        """Read a range from the disk for one peer, beside the core's own work."""
        try:
            found = await self._store.blocks(effect.start, effect.bytes_max)
            message = served_range(effect.start, found, self.core.chain.head.height, effect.end)
            self._network.send(NetPeerId(effect.peer), write_message(message))
        finally:
            self._serving.discard(effect.peer)
