"""Being reached, and reaching others, through a member that relays (circuit relay v2).

Mend 13: upstream's `connect` refuses circuit addresses and its relay discovery ticks every five minutes. Here circuits
are dialled through the relay's transport itself, and a place is reserved as soon as the relay is connected and again
before it lapses. What travels through a relay is Noise between the two ends: the relay sees sizes and times.

A relay serves members only, within limits; strangers join over direct addresses. Circuits towards us are taken from the
relays we chose and from nobody else. Source: libp2p circuit-v2 specification.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import trio
from libp2p.abc import INetStream
from libp2p.host.basic_host import BasicHost
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.config import RelayConfig, RelayRole
from libp2p.relay.circuit_v2.protocol import PROTOCOL_ID as HOP
from libp2p.relay.circuit_v2.protocol import STOP_PROTOCOL_ID as STOP
from libp2p.relay.circuit_v2.protocol import CircuitV2Protocol
from libp2p.relay.circuit_v2.resources import RelayLimits
from libp2p.relay.circuit_v2.transport import CircuitV2Transport
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from dpnode.net.addresses import Address, BadAddress, parse_address
from dpnode.net.api import Admission, CannotConnect, Gate, NetError, NetSettings, PeerId
from dpnode.net.host import StreamHandler, put_down
from dpnode.net.peer_ids import show_peer_id
from dpnode.net.streams import Gone, connections_of, finish, open_stream

log = logging.getLogger(__name__)

Connect = Callable[[PeerId, Iterable[str]], Awaitable[None]]
_RENEW_S = 600.0
_RETRY_S = (2.0, 300.0)


class Relays:
    """Dials circuits and keeps our reservations; built by `open_relays`."""

    def __init__(self, host: BasicHost, transport: CircuitV2Transport, settings: NetSettings) -> None:
        self._host = host
        self._transport = transport
        self._settings = settings
        self._reserved: dict[PeerId, Address] = {}
        self.connect: Connect | None = None

    @property
    def addresses(self) -> list[str]:
        """The circuit addresses under which we can be dialled now."""
        return [
            Address(family=one.family, host=one.host, port=one.port, relay=relay).text
            for relay, one in self._reserved.items()
        ]

    async def dial(self, peer_id: PeerId, address: Address) -> None:
        """Connect to `peer_id` through the relay of a circuit address. Errors: CannotConnect, ConnectionError."""
        assert address.relay is not None and self.connect is not None
        await self.connect(address.relay, [address.transport])
        relay = f"{address.transport}/p2p/{show_peer_id(address.relay)}"
        await self._transport.dial(Multiaddr(f"{relay}/p2p-circuit/p2p/{show_peer_id(peer_id)}"))

    async def keep_reserved(self, text: str) -> None:
        """Hold a place at one relay for ever; a relay that is away is asked again with growing pauses."""
        relay = parse_address(text)
        assert relay.peer_id is not None and self.connect is not None
        pause_s = _RETRY_S[0]
        while True:
            try:
                await self.connect(relay.peer_id, [relay.transport])
                async with trio.open_nursery() as nursery:  # upstream keeps its own refresher in it
                    if await self._reserve(relay.peer_id, nursery):
                        self._reserved[relay.peer_id] = relay
                        pause_s = _RETRY_S[0]
                        live = connections_of(self._host, relay.peer_id)
                        with trio.move_on_after(_RENEW_S):
                            if live:
                                await live[0].event_closed.wait()
                    nursery.cancel_scope.cancel()
            except (CannotConnect, NetError, Gone) as error:
                log.info("no place at the relay %s: %s", text, error)
            if not connections_of(self._host, relay.peer_id):
                self._reserved.pop(relay.peer_id, None)
            if relay.peer_id not in self._reserved:
                await trio.sleep(pause_s)
                pause_s = min(2 * pause_s, _RETRY_S[1])

    async def _reserve(self, peer_id: PeerId, nursery: trio.Nursery) -> bool:
        try:
            with trio.move_on_after(self._settings.dial_deadline_ms / 1000):
                stream = await open_stream(self._host, peer_id, HOP)
                try:
                    return await self._transport.reserve(stream, ID(peer_id), nursery)
                finally:
                    await finish(stream)
        except (CannotConnect, NetError, Gone) as error:
            # Caught within the nursery, which would wrap it in a group: a relay that hung up felled the whole room.
            log.info("no place at the relay %s: %s", show_peer_id(peer_id), error)
        return False


@asynccontextmanager
async def open_relays(host: BasicHost, settings: NetSettings, gate: Gate) -> AsyncIterator[Relays]:
    """Serve and use relays on a running host for the length of the block."""
    limits = RelayLimits(
        duration=settings.relay_circuit_ms_max // 1000,
        data=settings.relay_circuit_bytes_max,
        max_circuit_conns=settings.relay_circuits_max,
        max_reservations=settings.relay_reservations_max,
    )
    chosen: set[bytes] = set()
    for text in settings.relays:
        try:
            relay = parse_address(text)
        except BadAddress as error:
            raise ValueError(f"[network] relays: {text!r}: {error}") from None
        if relay.peer_id is None:
            raise ValueError(f"[network] relays: {text!r} must end with /p2p/ and the relay's peer id")
        chosen.add(relay.peer_id)
    protocol = CircuitV2Protocol(host, limits=limits, allow_hop=settings.relay_serve)
    roles = RelayRole.STOP | (RelayRole.HOP if settings.relay_serve else RelayRole(0))
    transport = CircuitV2Transport(host, protocol, RelayConfig(roles=roles, limits=limits))
    async with background_trio_service(protocol):
        await protocol.event_started.wait()
        handlers = host.multiselect.handlers
        for name, allowed in (
            (HOP, lambda peer: gate.may(peer) is Admission.MEMBER),
            (STOP, lambda peer: peer in chosen),
        ):
            handler = handlers.get(name)
            if handler is not None:
                host.set_stream_handler(name, _only(handler, allowed))
        yield Relays(host, transport, settings)


def _only(handler: StreamHandler, allowed: Callable[[PeerId], bool]) -> StreamHandler:
    async def admitted(stream: INetStream) -> None:
        if allowed(PeerId(stream.muxed_conn.peer_id.to_bytes())):
            await handler(stream)
        else:
            await put_down(stream)

    return admitted
