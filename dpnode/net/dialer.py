"""Reaching a peer: every address, soon one after the other, and again and again for those we keep.

Mend 3: upstream blacklists a peer for a minute after one failed dial; it is taken off that list before each of ours.
Mend 5: upstream's `connect` tries one address per transport and waits 250 ms first; here all addresses are tried,
each `dial_stagger_ms` after the one before, the first that answers wins.
Mend 13: circuit addresses go through the relay client, which upstream's `connect` refuses to ask.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import trio
from libp2p.host.basic_host import BasicHost
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from dpnode.net.addresses import Address, dialable
from dpnode.net.api import CannotConnect, Dice, NetSettings, PeerId
from dpnode.net.streams import connections_of

log = logging.getLogger(__name__)

CircuitDial = Callable[[PeerId, Address], Awaitable[None]]
KEPT_MAX = 4_096
"""Members of one network that are redialled."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    addresses: tuple[str, ...]
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    changed: trio.Event = field(default_factory=trio.Event)


class Dialer:
    """Dials once (`connect`) or keeps redialling (`keep`)."""

    def __init__(
        self, host: BasicHost, settings: NetSettings, nursery: trio.Nursery, dice: Dice, via_relay: CircuitDial
    ) -> None:
        self._host = host
        self._settings = settings
        self._nursery = nursery
        self._dice = dice
        self._via_relay = via_relay
        self._kept: dict[PeerId, _Kept] = {}
        self._dialing: dict[PeerId, trio.Lock] = {}

    async def connect(self, peer_id: PeerId, addresses: Iterable[str]) -> None:
        """Have a connection to `peer_id`. Errors: CannotConnect with a reason per address."""
        lock = self._dialing.setdefault(peer_id, trio.Lock())
        try:
            async with lock:
                if not connections_of(self._host, peer_id):
                    await self._dial(peer_id, addresses)
        finally:
            if not lock.statistics().tasks_waiting and not lock.locked():
                self._dialing.pop(peer_id, None)

    async def _dial(self, peer_id: PeerId, addresses: Iterable[str]) -> None:
        good, reasons = dialable(peer_id, addresses, self._settings)
        swarm = self._host.get_network()
        assert isinstance(swarm, Swarm)
        if peer_id == self._host.get_id().to_bytes():
            raise CannotConnect((("", "this is our own peer id"),))
        swarm.unblock_peer(ID(peer_id))
        won = False
        async with trio.open_nursery() as nursery:

            async def attempt(address: Address, done: trio.Event) -> None:
                nonlocal won
                try:
                    with trio.fail_after(self._settings.dial_deadline_ms / 1000):
                        if address.relay is not None:
                            await self._via_relay(peer_id, address)
                        else:
                            await swarm.dial_addr(Multiaddr(address.transport), ID(peer_id))
                except trio.TooSlowError:
                    reasons.append((address.text, f"no answer within {self._settings.dial_deadline_ms} ms"))
                except Exception as error:  # edge of one address: a broken handshake raises whatever it likes
                    log.debug("dialling %s: %r", address.text, error)
                    reasons.append((address.text, _plainly(error)))
                else:
                    won = True
                    nursery.cancel_scope.cancel()
                finally:
                    done.set()

            for address in good:
                done = trio.Event()
                nursery.start_soon(attempt, address, done)
                with trio.move_on_after(self._settings.dial_stagger_ms / 1000):
                    await done.wait()
        if not won and not connections_of(self._host, peer_id):
            raise CannotConnect(tuple(reasons))

    def keep(self, peer_id: PeerId, addresses: Iterable[str]) -> None:
        """Stay connected to this peer at these addresses; a later call replaces the addresses and dials at once."""
        texts = tuple(addresses)
        held = self._kept.get(peer_id)
        if held is not None:
            if held.addresses != texts:
                held.addresses = texts
                held.changed.set()
            return
        if peer_id == self._host.get_id().to_bytes() or len(self._kept) >= KEPT_MAX:
            return
        self._kept[peer_id] = held = _Kept(addresses=texts)
        self._nursery.start_soon(self._redial, peer_id, held)

    def forget(self, peer_id: PeerId) -> None:
        """Stop redialling; a connection that stands is left alone."""
        held = self._kept.pop(peer_id, None)
        if held is not None:
            held.scope.cancel()

    def kept(self) -> tuple[PeerId, ...]:
        """Whom we redial."""
        return tuple(self._kept)

    def poke(self, peer_id: PeerId) -> None:
        """Something changed for this peer: try it now instead of after the pause."""
        held = self._kept.get(peer_id)
        if held is not None:
            held.changed.set()

    async def _redial(self, peer_id: PeerId, held: _Kept) -> None:
        failures = 0
        with held.scope:
            while True:
                held.changed = trio.Event()
                live = connections_of(self._host, peer_id)
                if live:
                    since_s = trio.current_time()
                    await live[0].event_closed.wait()
                    # Both ends see the loss at once; without a pause each would dial the other. A peer that is lost
                    # again and again soon after connecting is as good as one that does not answer.
                    short = (trio.current_time() - since_s) * 1000 < self._settings.redial_ms_max
                    failures = failures + 1 if short else 0
                    await self._pause(held, self._dice() * pause_ms_most(failures - 1, self._settings))
                    continue
                try:
                    await self.connect(peer_id, held.addresses)
                except CannotConnect as error:
                    failures += 1
                    log.debug("redial %d of a kept peer: %s", failures, error)
                    await self._pause(held, self._dice() * pause_ms_most(failures, self._settings))

    @staticmethod
    async def _pause(held: _Kept, ms: float) -> None:
        with trio.move_on_after(ms / 1000):
            await held.changed.wait()


def pause_ms_most(failures: int, settings: NetSettings) -> int:
    """Upper end of the pause after so many failures; the pause is uniform below it (full jitter)."""
    return min(settings.redial_ms_max, settings.redial_ms_min << max(0, min(failures, 20)))


def _plainly(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
