"""The mends of libp2p 0.8.1 on a host and its connections, each shown twice: upstream alone, and our room.

When an upstream half fails after an upgrade, that mend has become needless and may go. SPEC L-1, L-11.
"""

from __future__ import annotations

import ast
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.exceptions import StreamFailure
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dpnode.net import (
    Admission,
    CannotConnect,
    PeerUp,
    PortTaken,
)
from dpnode.net.host import DoorSwarm, bind, build_host
from tests.dpnode.net.nets import (
    LOOPBACK,
    WAIT_S,
    Book,
    forget_what_others_left_open,
    node,
    peer_of,
    raw_connect,
    raw_host,
    read_all,
    seed,
    until,
)

BOOM = "/test/boom/1"


async def boom(stream: Any) -> None:
    raise RuntimeError("a handler's own fault")


async def a_dead_address() -> str:
    (listener,) = (await bind(["/ip4/127.0.0.1/tcp/0"])).values()
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    return f"/ip4/127.0.0.1/tcp/{port}"


# -- 1


def test_mend_1_upstream_falls_over_when_a_handler_raises() -> None:
    async def scenario() -> None:
        host = new_host(key_pair=create_new_key_pair(seed("up")))
        host.set_stream_handler(BOOM, boom)
        async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]), raw_host("caller") as caller:
            await caller.connect(PeerInfo(host.get_id(), host.get_transport_addrs()))
            await caller.new_stream(host.get_id(), [BOOM])
            await trio.sleep(5)

    with pytest.raises(BaseException) as caught:
        trio.run(scenario)
    assert "own fault" in "".join(map(str, _leaves(caught.value)))
    del caught
    forget_what_others_left_open()


async def test_mend_1_a_handler_that_raises_ends_its_stream_and_nothing_else() -> None:
    async with node("a", gate=Book(Admission.STRANGER)) as a, raw_host("caller") as caller:
        a.net._host.set_stream_handler(BOOM, boom)
        peer_id = await raw_connect(caller, a)
        for _ in range(3):
            with suppress(StreamFailure):  # the reset may overtake the end of the negotiation
                stream = await caller.new_stream(peer_id, [BOOM])
                assert await read_all(stream) == b""
        assert BOOM in await caller.send_command(peer_id, "ls")


# -- 2


@pytest.mark.parametrize(("swarm", "fifth_gets_in"), [(DoorSwarm, True), (Swarm, False)])
async def test_mend_2_an_inbound_place_is_given_back_when_the_connection_ends(
    swarm: type[Swarm], fifth_gets_in: bool
) -> None:
    bound = await bind(LOOPBACK.listen)
    host = build_host(seed("slots"), replace(LOOPBACK, connections_max=4), bound, swarm_class=swarm)
    async with host.run([Multiaddr(text) for text in bound]):
        info = PeerInfo(host.get_id(), host.get_transport_addrs())
        for guest in range(4):
            async with raw_host(f"guest {guest}") as caller:
                await caller.connect(info)
            await until(lambda: not host.get_network().get_connections())
        got_in = False
        async with raw_host("guest 5") as caller:
            with trio.move_on_after(1 if not fifth_gets_in else WAIT_S):
                try:
                    await caller.connect(info)
                    got_in = True
                except SwarmException:
                    pass
        assert got_in is fifth_gets_in
        await host.close()


# -- 3


async def test_mend_3_one_failed_dial_does_not_block_the_peer() -> None:
    dead = await a_dead_address()
    async with node("a") as a:
        b_id = ID(peer_of("b"))
        host = a.net._host
        with pytest.raises(SwarmException):
            await host.connect(PeerInfo(b_id, [Multiaddr(dead)]))
        async with node("b") as b:
            host.get_peerstore().clear_addrs(b_id)
            with pytest.raises(SwarmException, match="negative cache"):  # upstream, though the peer is there now
                await host.connect(PeerInfo(b_id, [Multiaddr(b.net.addresses[0])]))
            await a.net.connect(b.net.peer_id, b.net.addresses)
            assert not host.get_network()._negative_peer_cache.is_blocked(str(b_id))  # type: ignore[attr-defined]


# -- 4


async def test_mend_4_leaving_closes_the_sockets_we_dialled() -> None:
    me = psutil.Process()
    async with node("b") as b:
        port = int(b.net.addresses[0].rsplit("/", 1)[1])
        async with node("a") as a:
            await a.net.connect(b.net.peer_id, b.net.addresses)
            assert [c for c in me.net_connections("tcp") if c.raddr and c.raddr.port == port]
        left = [c for c in me.net_connections("tcp") if c.raddr and c.raddr.port == port and c.status == "ESTABLISHED"]
        assert not left


async def test_mend_4_leaving_closes_twelve_connections_at_once_and_not_one_after_the_other() -> None:
    apart: dict[str, Any] = {"gossip": False, "gate": Book(Admission.STRANGER)}  # no links: nobody hangs up for us
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(node(f"other {n}", **apart)) for n in range(12)]
        async with node("a", stop_ms_max=60_000, **apart) as a:
            for other in others:
                await a.net.connect(other.net.peer_id, other.net.addresses)
            began_s = trio.current_time()
        assert trio.current_time() - began_s < 1.5, "upstream takes 0.2 s for each"


# -- 5


async def test_mend_5_every_address_is_tried() -> None:
    dead = await a_dead_address()
    async with node("b") as b, raw_host("up") as host, node("a") as a:
        both = [dead, b.net.addresses[0]]
        with pytest.raises(SwarmException):
            await host.connect(PeerInfo(ID(b.net.peer_id), [Multiaddr(text) for text in both]))
        await a.net.connect(b.net.peer_id, both)
        assert (await a.next(PeerUp)).peer_id == b.net.peer_id


async def test_a_failed_dial_names_every_address_and_what_happened() -> None:
    dead = await a_dead_address()
    async with node("a") as a:
        with pytest.raises(CannotConnect) as caught:
            await a.net.connect(peer_of("b"), [dead, "/ip4/0.0.0.0/tcp/4", "nonsense"])
        reasons = dict(caught.value.reasons)
        assert "refused" in reasons[dead]
        assert reasons["/ip4/0.0.0.0/tcp/4"] == "not the address of one machine"
        assert "nonsense" in reasons


# -- 6


async def _offers(port: int, protocol: bytes) -> bool:
    """Ask a fresh connection for a security protocol, as bytes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        hello = b"\x13/multistream/1.0.0\n"
        await stream.send_all(hello + bytes([len(protocol) + 1]) + protocol + b"\n")
        got = b""
        with trio.fail_after(WAIT_S):
            while got.count(b"\n") < 2:
                data = await stream.receive_some(1000)
                if not data:
                    break
                got += data
        return got.endswith(protocol + b"\n")


async def test_mend_6_only_noise_is_spoken() -> None:
    async with raw_host("up", "/ip4/127.0.0.1/tcp/0") as host, node("a") as a:
        theirs = int(host.get_transport_addrs()[0].value_for_protocol("tcp"))
        ours = int(a.net.addresses[0].rsplit("/", 1)[1])
        assert await _offers(theirs, b"/plaintext/2.0.0")
        for protocol, spoken in ((b"/plaintext/2.0.0", False), (b"/tls/1.0.0", False), (b"/noise", True)):
            assert await _offers(ours, protocol) is spoken


async def test_mend_6_only_yamux_is_spoken() -> None:
    async with node("a") as a:
        assert list(a.net._host.get_network().upgrader.muxer_multistream.transports) == ["/yamux/1.0.0"]  # type: ignore[attr-defined]


# -- 7


async def test_mend_7_a_taken_port_is_an_error_with_a_sentence() -> None:
    async with raw_host("first", "/ip4/127.0.0.1/tcp/0") as first:
        taken = str(first.get_transport_addrs()[0])
        async with raw_host("second", taken) as second:
            assert [str(address) for address in second.get_transport_addrs()] == [taken]  # upstream shares it, silently
        with pytest.raises(PortTaken) as caught:
            async with node("a", listen=("/ip4/127.0.0.1/tcp/0", taken)):
                pass
        assert taken.rsplit("/", 1)[1] in caught.value.sentence


async def test_mend_7_a_wildcard_is_advertised_as_real_addresses() -> None:
    async with node("a", listen=("/ip4/0.0.0.0/tcp/0",)) as a, node("b") as b:
        assert a.net.addresses
        assert not [text for text in a.net.addresses if "0.0.0.0" in text]
        await b.net.connect(a.net.peer_id, [text for text in a.net.addresses if "127.0.0.1" in text])


# -- 11


async def test_mend_11_kademlia_is_not_served_and_nothing_of_ours_imports_it(project: Path) -> None:
    async with node("a", gate=Book(Admission.STRANGER)) as a, raw_host("up") as host:
        peer_id = await raw_connect(host, a)
        with pytest.raises(StreamFailure):
            await host.new_stream(peer_id, ["/ipfs/kad/1.0.0"])
        served = await host.send_command(peer_id, "ls")
        assert not [name for name in served if "kad" in name or "ipfs" in name]
    for file in (project / "dpnode").rglob("*.py"):
        for entry in ast.walk(ast.parse(file.read_text())):
            if isinstance(entry, ast.ImportFrom):
                assert not (entry.module or "").startswith("libp2p.kad_dht"), file


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error, *(_leaves(error.__cause__) if error.__cause__ else [])]
