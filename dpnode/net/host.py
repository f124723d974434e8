"""A libp2p host with what it needs to live for weeks on a home machine: Noise over TCP, Yamux, nothing else.

Each class here is one mend of an upstream fault (numbers of the design's table), kept beside the others so that an
upgrade of libp2p is checked in one place; `tests/dpnode/net/test_mends*.py` show upstream's behaviour next to ours.

    1  guard          an exception in any stream handler ends that stream, not the host
    2  DoorSwarm      an inbound connection gives its place back when it ends
    4  leave          connections are closed before the host is left, all at once and bounded
    6  build_host     only /noise and /yamux/1.0.0 are spoken; identify, ping and Kademlia (11) are not served
    7  bind           the port is ours alone or PortTaken is raised; never SO_REUSEPORT
    14 DoorListener   the listener lives in the swarm's nursery, so its crash ends this room and not the program
    -  NoAutoConnector  upstream dials on its own account whomever a peer made it know
    -  BoundedYamux   a peer that ignores flow control is cut off instead of filling our memory
"""

from __future__ import annotations

import errno
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio
from libp2p.abc import IListener, IMuxedConn, INetStream, ISecureConn
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost
from libp2p.io.trio import TrioTCPStream
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.muxer_multistream import MuxerMultistream
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from libp2p.stream_muxer.yamux.yamux import Yamux
from libp2p.transport.tcp.tcp import TCP
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr  # type: ignore[import-untyped]

from dpnode.net.addresses import Address, BadAddress, parse_address
from dpnode.net.api import CannotListen, NetSettings, PortTaken

log = logging.getLogger(__name__)

StreamHandler = Callable[[INetStream], Awaitable[None]]
_BACKLOG = 128
_MEASURE_BYTES = 1 << 20
"""How much may arrive between two looks at what is held."""


class DoorSwarm(Swarm):
    """Mend 2: upstream holds an inbound place until the swarm ends; here it is held while the connection lives."""

    async def _do_handle_inbound_connection(self, read_write_closer: Any, maddr: Multiaddr, failure_event: Any) -> None:
        raw = RawConnection(read_write_closer, False)
        try:
            muxed: Any = await self.upgrade_inbound_raw_conn(raw, maddr)
            await muxed.event_closed.wait()
        except Exception as error:  # edge of one connection: whatever a stranger's handshake provokes ends here
            log.debug("an inbound connection failed: %r", error)
            with trio.move_on_after(1, shield=True):
                await raw.close()


class NoAutoConnector(AutoConnector):
    """Upstream dials whomever its peerstore knows until half the allowed connections are used; whom to dial is ours."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Start nothing."""

    async def maybe_connect(self) -> None:
        """Dial nobody."""


class BoundedYamux(Yamux):
    """Yamux that ends the connection once more than `held_bytes_max` undelivered bytes lie in its buffers.

    Upstream only logs when a peer exceeds its window and keeps what came, without bound.
    """

    held_bytes_max = 48 << 20
    _since_measured = 0

    async def _read_data_body(self, length: int) -> bytes:
        self._since_measured += length
        if self._since_measured > _MEASURE_BYTES:
            self._since_measured = 0
            held = sum(map(len, self.stream_buffers.values()))
            if held > self.held_bytes_max:
                log.warning("a peer ignored flow control: %d bytes held; its connection ends", held)
                raise trio.TooSlowError  # the one error upstream takes as "close this connection"
        return await super()._read_data_body(length)


class OneMuxer(MuxerMultistream):
    """Makes connections of the class it was given; upstream names its own Yamux whatever it is given."""

    async def new_conn(self, conn: ISecureConn, peer_id: ID) -> IMuxedConn:
        """Negotiate the muxer over a secured connection."""
        muxer = await self.select_transport(conn)
        return self._annotate_connection(muxer(conn, peer_id), conn, TProtocol(YAMUX))


class DoorListener(IListener):
    """Mends 7 and 14: serves sockets bound beforehand, in the nursery of the swarm that asked for it."""

    background_nursery: trio.Nursery  # set by Swarm.listen before `listen`

    def __init__(
        self, handler: Callable[[TrioTCPStream], Awaitable[None]], bound: dict[str, trio.SocketListener]
    ) -> None:
        self._handler = handler
        self._bound = bound
        self._listeners: list[trio.SocketListener] = []
        self._scope = trio.CancelScope()

    async def listen(self, maddr: Multiaddr) -> None:
        """Begin to accept on the socket bound for `maddr`."""
        listener = self._bound[str(maddr)]
        self._listeners.append(listener)
        await self.background_nursery.start(self._serve, listener)

    async def _serve(self, listener: trio.SocketListener, *, task_status: trio.TaskStatus[Any]) -> None:
        with self._scope:
            await trio.serve_listeners(self._accept, [listener], task_status=task_status)

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            await self._handler(TrioTCPStream(stream))
        except Exception as error:  # edge of one connection
            log.debug("a connection failed: %r", error)
        finally:
            with trio.move_on_after(1, shield=True):
                await stream.aclose()

    def get_addrs(self) -> tuple[Multiaddr, ...]:
        """The bound addresses; a wildcard stays one (see `addresses.reachable`)."""
        return tuple(Multiaddr("/{}/{}/tcp/{}".format(*place_of(listener))) for listener in self._listeners)

    async def close(self) -> None:
        """Stop accepting."""
        self._scope.cancel()
        for listener in self._listeners:
            await listener.aclose()
        self._listeners.clear()


class DoorTCP(TCP):
    """TCP that listens through `DoorListener`."""

    def __init__(self, bound: dict[str, trio.SocketListener]) -> None:
        super().__init__()
        self._bound = bound

    def create_listener(self, handler_function: Any) -> Any:
        """Called by the swarm for each address."""
        return DoorListener(handler_function, self._bound)


def place_of(listener: trio.SocketListener) -> tuple[str, str, int]:
    """Family (ip4, ip6), host and port a listener is bound to."""
    host, port = listener.socket.getsockname()[:2]
    return ("ip6" if listener.socket.family == socket.AF_INET6 else "ip4"), host, port


async def bind(texts: Sequence[str]) -> dict[str, trio.SocketListener]:
    """Bind every address or none. Errors: PortTaken, CannotListen, naming the address (mend 7)."""
    bound: dict[str, trio.SocketListener] = {}
    try:
        for text in texts:
            try:
                address = parse_address(text)
            except BadAddress as error:
                raise CannotListen(text, str(error)) from None
            if address.family not in ("ip4", "ip6") or address.peer_id or address.relay:
                raise CannotListen(text, "give an IP address and a port, /ip4/ADDRESS/tcp/PORT")
            bound[str(Multiaddr(address.text))] = await _bind_one(address)
    except BaseException:
        for listener in bound.values():
            listener.socket.close()
        raise
    return bound


async def _bind_one(address: Address) -> trio.SocketListener:
    family = socket.AF_INET6 if address.family == "ip6" else socket.AF_INET
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        # SO_REUSEADDR only steps over connections in TIME_WAIT after a restart; two live listeners stay impossible.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        await sock.bind((address.host, address.port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{address.host} port {address.port}") from None
        raise CannotListen(address.text, error.strerror or str(error)) from None
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(sock)


def guard(handler: StreamHandler, streams_per_peer_max: int) -> StreamHandler:
    """Mend 1: what a handler raises ends its stream, with a log line, and nothing else.

    A peer with `streams_per_peer_max` streams in hand gets no further one: each costs a task and a negotiation.
    """
    open_streams: Counter[ID] = Counter()

    async def guarded(stream: INetStream) -> None:
        peer_id = stream.muxed_conn.peer_id
        if open_streams[peer_id] >= streams_per_peer_max:
            await put_down(stream)
            return
        open_streams[peer_id] += 1
        try:
            await handler(stream)
        except Exception as error:  # edge of one peer's stream
            log.info("a stream of %s ended with %r", peer_id, error)
            await put_down(stream)
        finally:
            open_streams[peer_id] -= 1
            if not open_streams[peer_id]:
                del open_streams[peer_id]

    return guarded


async def put_down(stream: INetStream) -> None:
    """Reset a stream, whatever state it is in, within a second."""
    with trio.move_on_after(1, shield=True):
        try:
            await stream.reset()
        except Exception as error:  # upstream raises many things for "already gone"
            log.debug("resetting a stream: %r", error)


def build_host(
    seed: bytes,
    settings: NetSettings,
    bound: dict[str, trio.SocketListener],
    *,
    swarm_class: type[Swarm] = DoorSwarm,
) -> BasicHost:
    """A host that is not running yet, under the network key of `seed` (32 bytes).

    `swarm_class` exists so that a test can put upstream's swarm in the same place.
    """
    keys = create_new_key_pair(seed)
    peer_id = ID.from_pubkey(keys.public_key)
    peerstore = PeerStore()
    peerstore.add_key_pair(peer_id, keys)
    muxer = type("SizedYamux", (BoundedYamux,), {"held_bytes_max": settings.receive_bytes_max})
    upgrader = TransportUpgrader(
        secure_transports_by_protocol={NOISE: Noise(keys, noise_privkey=create_noise_key_pair().private_key)},
        muxer_transports_by_protocol={TProtocol(YAMUX): muxer},
        negotiate_timeout=10,
    )
    upgrader.muxer_multistream = OneMuxer({TProtocol(YAMUX): muxer}, negotiate_timeout=10)
    swarm = swarm_class(
        peer_id,
        peerstore,
        upgrader,
        [DoorTCP(bound)],
        retry_config=RetryConfig(max_retries=0),
        connection_config=ConnectionConfig(
            max_connections=settings.connections_max,
            min_connections=0,
            low_watermark=0,
            high_watermark=settings.connections_max,
            max_connections_per_peer=4,
        ),
    )
    swarm.auto_connector = NoAutoConnector(swarm)
    host = BasicHost(network=swarm, negotiate_timeout=10, disable_identify_address_discovery=True)
    # Identify would spawn system tasks (a crash there ends the program) and let peers fill the peerstore; nothing here
    # needs it, nor upstream's ping.
    host.multiselect.handlers.clear()
    for notifee in list(swarm.notifees):
        swarm.remove_notifee(notifee)
    swarm.set_stream_handler(guard(swarm.common_stream_handler, settings.streams_per_peer_max))
    return host


async def leave(host: BasicHost, ms_max: int) -> None:
    """Mend 4: close all connections at once, then the host, inside its block and within `ms_max`.

    Upstream closes one connection after the other at 0.2 s each, and none when the block is merely left.
    """
    with trio.move_on_after(ms_max / 1000, shield=True):
        async with trio.open_nursery() as nursery:
            for connection in host.get_network().get_connections():
                nursery.start_soon(_close, connection)
        await host.close()


async def _close(connection: Any) -> None:
    try:
        await connection.close()
    except Exception as error:  # upstream's own teardown may race ours
        log.debug("closing a connection: %r", error)
