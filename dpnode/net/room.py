"""The network room put together: one host, its links, requests, gossip, neighbours and relays, in one block.

The order of opening is the order of dependence; leaving goes backwards and is bounded. What happens to connections is
told by libp2p through `_Watcher`; who may stay is asked of the gate, at each connection and at each `recheck`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import trio
from libp2p.abc import INotifee
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from dpnode.net.addresses import reachable
from dpnode.net.api import (
    Admission,
    Answer,
    CannotListen,
    Dice,
    FileSource,
    Gate,
    NetCrashed,
    NetEvent,
    NetSettings,
    PeerId,
    PeerView,
)
from dpnode.net.dialer import Dialer
from dpnode.net.gossip import GossipRoom, Validator, open_gossip
from dpnode.net.host import bind, build_host, leave, place_of
from dpnode.net.links import PEER_PROTOCOL, PING_PROTOCOL, Links
from dpnode.net.neighbours import Neighbourhood
from dpnode.net.peer_ids import peer_id_of, show_peer_id
from dpnode.net.relay import Relays, open_relays
from dpnode.net.requests import Requests, WriteChunk
from dpnode.net.streams import connections_of

log = logging.getLogger(__name__)

_ADDRESSES_EVERY_S = 30.0
"""How soon neighbours hear that this machine changed networks."""


class Net:
    """What the daemon holds while the network is open. Every method belongs to the trio thread."""

    def __init__(self, settings: NetSettings, seed: bytes, gate: Gate) -> None:
        self.peer_id: PeerId = peer_id_of(seed)
        self._settings = settings
        self._gate = gate
        self._places: list[tuple[str, str, int]] = []
        self._host: BasicHost
        self._nursery: trio.Nursery
        self._links: Links
        self._dialer: Dialer
        self._requests: Requests
        self._relays: Relays
        self._gossip: GossipRoom | None = None
        self._neighbourhood: Neighbourhood | None = None
        self._strangers: dict[Any, PeerId] = {}

    @property
    def peer_id_text(self) -> str:
        """The peer id as libp2p writes it."""
        return show_peer_id(self.peer_id)

    @property
    def addresses(self) -> list[str]:
        """Where others can dial us now: each interface, then circuits at our relays; without /p2p/ at the end."""
        return reachable(self._places, self._settings) + self._relays.addresses

    # -- connections

    async def connect(self, peer_id: PeerId, addresses: Iterable[str]) -> None:
        """Have a connection to this peer. Errors: CannotConnect, with the reason of each address."""
        await self._dialer.connect(peer_id, addresses)

    def keep(self, peer_id: PeerId, addresses: Iterable[str]) -> None:
        """Stay connected to this peer: dial now, and again with growing, jittered pauses whenever it is lost."""
        self._dialer.keep(peer_id, addresses)

    def forget(self, peer_id: PeerId) -> None:
        """Stop redialling this peer; a standing connection stays."""
        self._dialer.forget(peer_id)

    def disconnect(self, peer_id: PeerId) -> None:
        """Close every connection to this peer."""
        link = self._links.get(peer_id)
        if link is not None:
            link.end("we hung up")
        self._hang_up(peer_id)

    def recheck(self) -> None:
        """Ask the gate anew about everybody connected: newly members are linked, no longer members are cut off."""
        for raw in list(self._host.get_network().connections):
            peer_id = PeerId(raw.to_bytes())
            link = self._links.get(peer_id)
            match self._gate.may(peer_id):
                case Admission.MEMBER:
                    if connections_of(self._host, peer_id):
                        self._links.begin(peer_id).poke.set()
                case Admission.STRANGER:
                    if link is not None:
                        link.end("it is no longer a member")
                case Admission.BANNED:
                    self.disconnect(peer_id)

    def peers(self) -> list[PeerView]:
        """Everybody connected, for showing."""
        views = []
        for raw in list(self._host.get_network().connections):
            peer_id = PeerId(raw.to_bytes())
            live, link = connections_of(self._host, peer_id), self._links.get(peer_id)
            if live:
                views.append(
                    PeerView(
                        peer_id=peer_id,
                        addresses=tuple(str(address) for address in live[0].get_transport_addresses()),
                        inbound=live[0].direction is Direction.INBOUND,
                        member=self._gate.may(peer_id) is Admission.MEMBER,
                        linked=link is not None and link.up,
                        round_trip_ms=link.round_trip_ms if link else None,
                        waiting_frames=len(link.outbox) if link else 0,
                        waiting_bytes=link.outbox_bytes if link else 0,
                    )
                )
        return views

    # -- talking

    def send(self, peer_id: PeerId, body: bytes) -> bool:
        """Queue one frame for a linked member; False when there is no link or its outbox is full.

        ValueError when the frame is empty or larger than `frame_bytes_max`.
        """
        return self._links.send(peer_id, body)

    async def request(self, peer_id: PeerId, protocol: str, body: bytes, *, deadline_ms: int) -> bytes:
        """Ask a connected peer one thing. Errors: NotConnected, RequestRefused, RequestFailed."""
        return await self._requests.request(peer_id, protocol, body, deadline_ms)

    def answer(self, protocol: str, handler: Answer, *, strangers: bool = False) -> None:
        """Answer requests on `protocol`; members only unless `strangers`."""
        self._requests.answer(protocol, handler, strangers=strangers)

    def offer_files(self, source: FileSource) -> None:
        """Serve files to members."""
        self._requests.offer_files(source)

    async def fetch(
        self, peer_id: PeerId, request: bytes, size_max: int, write_chunk: WriteChunk, *, stall_ms: int | None = None
    ) -> int:
        """Fetch one file from a connected member; see `Requests.fetch` for errors and duties."""
        return await self._requests.fetch(peer_id, request, size_max, write_chunk, stall_ms)

    async def publish(self, topic: str, body: bytes) -> None:
        """Gossip a hint; nothing may depend on its arrival. Does nothing when gossip is off."""
        if self._gossip is not None:
            await self._gossip.publish(topic, body)

    def subscribe(self, topic: str, validator: Validator) -> None:
        """Have `Gossip` events of a topic whose bodies `validator` finds well formed."""
        if self._gossip is not None:
            self._gossip.subscribe(topic, validator)

    def announce(self, network_tag: str) -> None:
        """Tell neighbours which network this is: the first 16 hex digits of its id."""
        if self._neighbourhood is not None:
            self._neighbourhood.announce(network_tag, reachable(self._places, self._settings))
        self._tag = network_tag

    _tag: str = ""

    # -- what happens to connections

    def _connected(self, connection: Any) -> None:
        peer_id = PeerId(connection.muxed_conn.peer_id.to_bytes())
        match self._gate.may(peer_id):
            case Admission.MEMBER:
                self._links.begin(peer_id)
                self._dialer.poke(peer_id)
            case Admission.STRANGER:
                self._nursery.start_soon(self._host_stranger, connection, peer_id)
            case Admission.BANNED:
                self._nursery.start_soon(_close, connection)

    async def _host_stranger(self, connection: Any, peer_id: PeerId) -> None:
        if len(self._strangers) >= self._settings.strangers_max:
            await _close(connection)
            return
        self._strangers[connection] = peer_id
        try:
            with trio.move_on_after(self._settings.stranger_ms_max / 1000):
                await connection.event_closed.wait()
        finally:
            del self._strangers[connection]
        if self._gate.may(peer_id) is not Admission.MEMBER:
            await _close(connection)

    async def _disconnected(self, connection: Any) -> None:
        peer_id = PeerId(connection.muxed_conn.peer_id.to_bytes())
        if self._gossip is not None and not connections_of(self._host, peer_id):
            await self._gossip.lost(peer_id)

    def _welcomed(self, peer_id: PeerId) -> None:
        if self._gossip is not None:
            self._gossip.admit(peer_id)

    def _hang_up(self, peer_id: PeerId) -> None:
        for connection in connections_of(self._host, peer_id):
            self._nursery.start_soon(_close, connection)

    async def _watch_addresses(self) -> None:
        assert self._neighbourhood is not None
        while True:
            await trio.sleep(_ADDRESSES_EVERY_S)
            self._neighbourhood.announce(self._tag, reachable(self._places, self._settings))


class _Watcher(INotifee):
    """Hears from the swarm what happens to connections."""

    def __init__(self, net: Net) -> None:
        self._net = net

    async def connected(self, network: Any, conn: Any) -> None:
        self._net._connected(conn)

    async def disconnected(self, network: Any, conn: Any) -> None:
        await self._net._disconnected(conn)

    async def opened_stream(self, network: Any, stream: Any) -> None:
        return None

    async def closed_stream(self, network: Any, stream: Any) -> None:
        return None

    async def listen(self, network: Any, multiaddr: Multiaddr) -> None:
        return None

    async def listen_close(self, network: Any, multiaddr: Multiaddr) -> None:
        return None


async def _close(connection: Any) -> None:
    with trio.CancelScope(shield=True), trio.move_on_after(2):
        try:
            await connection.close()
        except Exception as error:  # upstream's teardown of one connection
            log.debug("closing a connection: %r", error)


@asynccontextmanager
async def open_room(
    settings: NetSettings,
    seed: bytes,
    gate: Gate,
    inbox: trio.MemorySendChannel[NetEvent],
    *,
    dice: Dice | None = None,
) -> AsyncIterator[Net]:
    """See `dpnode.net.open_net`."""
    bound = await bind(settings.listen)
    # A crash is told from what the caller's own block raises by who raised it (mend 14).
    ours: BaseException | None = None
    try:
        async with _standing(settings, seed, gate, inbox, bound, dice or secrets.SystemRandom().random) as net:
            try:
                yield net
            except BaseException as error:
                ours = error
                raise
    except Exception as error:
        if ours is not None and not isinstance(ours, trio.Cancelled):
            raise ours from None
        log.exception("the network room fell over")
        raise NetCrashed(_first_line(error)) from error
    finally:
        for listener in bound.values():
            listener.socket.close()


@asynccontextmanager
async def _standing(
    settings: NetSettings,
    seed: bytes,
    gate: Gate,
    inbox: trio.MemorySendChannel[NetEvent],
    bound: dict[str, trio.SocketListener],
    dice: Dice,
) -> AsyncIterator[Net]:
    net = Net(settings, seed, gate)
    host = net._host = build_host(seed, settings, bound)
    assert host.get_id() == ID(net.peer_id)
    host.get_network().register_notifee(_Watcher(net))
    net._requests = Requests(host, settings, gate)
    async with host.run([Multiaddr(text) for text in bound]):
        try:
            net._places = [place_of(listener) for listener in bound.values()]
            if len(host.get_transport_addrs()) != len(bound):
                raise CannotListen(", ".join(bound), "libp2p opened fewer addresses than asked")
            async with AsyncExitStack() as stack:
                nursery = net._nursery = await stack.enter_async_context(trio.open_nursery())
                stack.callback(nursery.cancel_scope.cancel)
                net._relays = await stack.enter_async_context(open_relays(host, settings, gate))
                if settings.gossip:
                    net._gossip = await stack.enter_async_context(open_gossip(host, settings, gate, inbox))
                net._links = Links(host, settings, gate, inbox, nursery, net._welcomed, net._hang_up)
                net._dialer = Dialer(host, settings, nursery, dice, net._relays.dial)
                net._relays.connect = net._dialer.connect
                host.set_stream_handler(TProtocol(PEER_PROTOCOL), net._links.on_peer_stream)
                host.set_stream_handler(TProtocol(PING_PROTOCOL), net._links.on_ping_stream)
                for text in settings.relays:
                    nursery.start_soon(net._relays.keep_reserved, text)
                if settings.mdns:
                    net._tag = settings.network_tag
                    net._neighbourhood = Neighbourhood(settings, net.peer_id, inbox)
                    nursery.start_soon(net._neighbourhood.run, reachable(net._places, settings))
                    nursery.start_soon(net._watch_addresses)
                yield net
                nursery.cancel_scope.cancel()
        finally:
            await leave(host, settings.stop_ms_max)


def _first_line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
