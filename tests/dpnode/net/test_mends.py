"""The mends of libp2p 0.8.1, each shown twice: what upstream does alone, and what our room does instead.

When an upstream half fails after an upgrade, that mend has become needless and may go.
"""

from __future__ import annotations

import ast
import gc
import os
import signal
import subprocess
import sys
import warnings
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
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.stream_muxer.exceptions import MuxedStreamError
from libp2p.stream_muxer.yamux.yamux import YamuxStream
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from dpnode.net import (
    Admission,
    CannotConnect,
    Frame,
    Gossip,
    Neighbour,
    NetCrashed,
    PeerDown,
    PeerUp,
    PortTaken,
    Restarted,
    peer_id_of,
    show_peer_id,
    supervise,
)
from dpnode.net.host import DoorSwarm, bind, build_host
from dpnode.net.room import Net
from dpnode.net.streams import Gone, write
from tests.dpnode.net.nets import LOOPBACK, WAIT_S, Book, Node, node, raw_connect, raw_host, read_all, seed, until

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
    _forget_what_others_left_open()


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
        b_id = ID(_peer("b"))
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
            await a.net.connect(_peer("b"), [dead, "/ip4/0.0.0.0/tcp/4", "nonsense"])
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


# -- 8, 9


async def test_mend_8_upstream_loses_a_burst_of_gossip() -> None:
    assert await _burst_over_upstream(25) < 25


async def test_mend_8_a_burst_of_gossip_arrives() -> None:
    async with node("a") as a, node("b") as b:
        await _gossiping(a, b)
        for number in range(25):
            await a.net.publish("t", b"%d" % number)
        got = {(await b.next(Gossip)).body for _ in range(25)}
        assert got == {b"%d" % number for number in range(25)}


async def test_mend_8_a_peer_that_gossips_too_much_is_heard_for_its_share_only() -> None:
    async with node("a", gossip_burst=1000) as a, node("b", gossip_burst=5, gossip_per_s=1) as b:
        await _gossiping(a, b)
        for number in range(20):
            await a.net.publish("t", b"%d" % number)
        await b.next(Gossip)
        await trio.sleep(0.5)
        assert b.events.statistics().current_buffer_used <= 6


async def test_mend_9_a_validator_that_says_no_or_raises_stops_the_message_and_nothing_else() -> None:
    def form(body: bytes) -> bool:
        if body == b"raise":
            raise ValueError("a validator's own fault")
        return body != b"bad form"

    async with node("a") as a, node("b") as b:
        await _gossiping(a, b)
        b.net.subscribe("t", form)
        for body in (b"bad form", b"raise", b"good form"):
            await a.net.publish("t", body)
        assert (await b.next(Gossip)).body == b"good form"


async def _gossiping(a: Node, b: Node) -> None:
    for one in (a, b):
        one.net.subscribe("t", lambda body: True)
    await a.net.connect(b.net.peer_id, b.net.addresses)
    await a.next(PeerUp)
    await b.next(PeerUp)
    pubsub, other = a.net._gossip._pubsub, ID(b.net.peer_id)  # type: ignore[union-attr]
    await until(lambda: other in pubsub.peers and other in pubsub.peer_topics.get("t", ()))
    await until(lambda: ID(a.net.peer_id) in b.net._gossip._pubsub.peers)  # type: ignore[union-attr]


async def _burst_over_upstream(count: int) -> int:
    async with raw_host("p", "/ip4/127.0.0.1/tcp/0") as p, raw_host("q") as q:
        made = []
        for host in (p, q):
            router = GossipSub(protocols=[PROTOCOL_ID_V11], degree=4, degree_low=2, degree_high=8)
            made.append((Pubsub(host, router, strict_signing=True), router))
        (pub, pub_router), (sub, sub_router) = made
        async with (
            background_trio_service(pub),
            background_trio_service(pub_router),
            background_trio_service(sub),
            background_trio_service(sub_router),
        ):
            for service in (pub, sub):
                await service.wait_until_ready()
            subscription = await sub.subscribe("t")
            await pub.subscribe("t")
            await q.connect(PeerInfo(p.get_id(), p.get_transport_addrs()))
            await until(lambda: q.get_id() in pub.peers and q.get_id() in pub.peer_topics.get("t", ()))
            for number in range(count):
                await pub.publish("t", b"%d" % number)
            got = 0
            with trio.move_on_after(1):
                while got < count:
                    await subscription.get()
                    got += 1
            return got


# -- 10


class _Wire:
    """The least of a yamux connection that a stream needs to write."""

    def __init__(self) -> None:
        self.sent = 0

    async def _write_frame(self, data: bytes) -> None:
        self.sent += len(data) - 12


class _NetStream:
    def __init__(self, muxed: YamuxStream) -> None:
        self.muxed_stream = muxed

    async def write(self, data: bytes) -> None:
        await self.muxed_stream.write(data)


async def test_mend_10_upstream_gives_a_reader_five_seconds(autojump_clock: object) -> None:
    muxed = YamuxStream(1, _Wire(), True)  # type: ignore[arg-type]
    muxed.send_window = 0
    with pytest.raises(MuxedStreamError, match="Timed out"):
        await muxed.write(b"x")


async def test_mend_10_a_reader_that_pauses_for_twenty_seconds_is_waited_for(autojump_clock: object) -> None:
    wire = _Wire()
    muxed = YamuxStream(1, wire, True)  # type: ignore[arg-type]
    muxed.send_window = 10

    async def open_later() -> None:
        await trio.sleep(20)
        muxed.send_window += 1 << 20

    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_later)
        await write(_NetStream(muxed), b"x" * 100_000, 30_000)  # type: ignore[arg-type]
    assert wire.sent == 100_000


async def test_mend_10_a_reader_that_never_reads_is_given_up(autojump_clock: object) -> None:
    muxed = YamuxStream(1, _Wire(), True)  # type: ignore[arg-type]
    muxed.send_window = 0
    with pytest.raises(Gone, match="read nothing for 30000 ms"):
        await write(_NetStream(muxed), b"x", 30_000)  # type: ignore[arg-type]


_FROZEN = """
import trio
from tests.dpnode.net.nets import node
async def main():
    async with node("frozen", gossip=False) as one:
        print(one.net.addresses[0], flush=True)
        await trio.sleep_forever()
trio.run(main)
"""


async def test_mend_10_a_frozen_peer_is_noticed_by_the_ping(project: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(project)}
    async with node("a", gossip=False, ping_interval_ms=200, ping_deadline_ms=500) as a, trio.open_nursery() as nursery:
        child = await nursery.start(_child, [sys.executable, "-W", "ignore", "-c", _FROZEN], env)
        line = b""
        with trio.fail_after(30):
            while not line.endswith(b"\n"):
                line += await child.stdout.receive_some()
        await a.net.connect(_peer("frozen"), [line.decode().strip()])
        assert (await a.next(PeerUp)).peer_id == _peer("frozen")
        await until(lambda: a.net.peers()[0].round_trip_ms is not None)
        child.send_signal(signal.SIGSTOP)
        try:
            down = await a.next(PeerDown)
        finally:
            child.kill()
        assert "ping" in down.reason


async def _child(command: list[str], env: dict[str, str], *, task_status: trio.TaskStatus[Any]) -> None:
    await trio.run_process(command, env=env, stdout=subprocess.PIPE, check=False, task_status=task_status)


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


# -- 12


async def test_mend_12_neighbours_are_found_and_the_loop_is_never_held_up() -> None:
    radio: dict[str, Any] = {"mdns": True, "mdns_interfaces": ("127.0.0.1",), "network_tag": "0123456789abcdef"}
    worst_s = 0.0

    async def ticker() -> None:
        nonlocal worst_s
        while True:
            began_s = trio.current_time()
            await trio.sleep(0.01)
            worst_s = max(worst_s, trio.current_time() - began_s)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ticker)
        async with node("a", **radio) as a, node("b", **radio) as b:
            found = None
            with trio.move_on_after(8):
                found = await a.next(Neighbour)
            if found is None:
                pytest.skip("multicast on loopback does not work on this machine")
            assert found.peer_id == b.net.peer_id
            assert found.network_tag == "0123456789abcdef"
            assert list(found.addresses) == b.net.addresses
        nursery.cancel_scope.cancel()
    assert worst_s < 0.8, "upstream holds the loop for 1.6 s"


async def test_a_machine_without_multicast_opens_its_network_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async with node("a", mdns=True, mdns_interfaces=("192.0.2.1",)) as a, node("b") as b:
        await b.net.connect(a.net.peer_id, a.net.addresses)
        await until(lambda: "no neighbours" in caplog.text)
    _forget_what_others_left_open()


# -- 13


async def test_mend_13_a_member_that_nobody_can_dial_is_reached_through_a_relay() -> None:
    async with node("relay", relay_serve=True, gossip=False) as relay:
        at = f"{relay.net.addresses[0]}/p2p/{show_peer_id(relay.net.peer_id)}"
        async with node("hidden", listen=(), relays=(at,), gossip=False) as hidden, node("a", gossip=False) as a:
            await until(lambda: bool(hidden.net.addresses))
            circuit = hidden.net.addresses[0]
            assert circuit == f"{at}/p2p-circuit"
            with pytest.raises(SwarmException):  # upstream's connect refuses it
                await a.net._host.connect(PeerInfo(ID(hidden.net.peer_id), [Multiaddr(circuit)]))
            await a.net.connect(hidden.net.peer_id, hidden.net.addresses)
            while (await a.next(PeerUp)).peer_id != hidden.net.peer_id:
                pass
            body = os.urandom(300_000)
            assert a.net.send(hidden.net.peer_id, body)
            got = await hidden.next(Frame)
            assert (got.peer_id, got.body) == (a.net.peer_id, body)
            assert hidden.net.send(a.net.peer_id, b"and back")
            assert (await a.next(Frame)).body == b"and back"


async def test_mend_13_a_stranger_gets_no_place_at_a_relay() -> None:
    gate = Book()
    async with node("relay", relay_serve=True, gossip=False, gate=gate) as relay:
        gate.written[_peer("hidden")] = Admission.STRANGER
        at = f"{relay.net.addresses[0]}/p2p/{show_peer_id(relay.net.peer_id)}"
        async with node("hidden", listen=(), relays=(at,), gossip=False) as hidden:
            await until(lambda: bool(hidden.net._host.get_network().get_connections()))
            await trio.sleep(0.3)
            assert hidden.net.addresses == []


# -- 14


def test_mend_14_upstream_a_crash_in_a_listener_ends_the_program() -> None:
    async def fail() -> None:
        raise RuntimeError("in the listener")

    async def scenario() -> None:
        host = new_host(key_pair=create_new_key_pair(seed("up")))
        async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
            (listener,) = host.get_network().listeners.values()  # type: ignore[attr-defined]
            listener._nursery.start_soon(fail)
            try:
                await trio.sleep(5)
            except RuntimeError:
                pytest.fail("it could be caught")

    with pytest.raises(trio.TrioInternalError):
        trio.run(scenario)


async def test_mend_14_a_crash_in_the_listener_is_one_exception_of_the_room() -> None:
    async def fail() -> None:
        raise RuntimeError("in the listener")

    with pytest.raises(NetCrashed, match="in the listener"):
        async with node("a") as a:
            (listener,) = a.net._host.get_network().listeners.values()  # type: ignore[attr-defined]
            listener.background_nursery.start_soon(fail)
            await trio.sleep(WAIT_S)


async def test_mend_14_the_network_stands_again_after_a_crash_and_says_so() -> None:
    nets: list[Net] = []
    send, events = trio.open_memory_channel[Any](64)
    async with send, events, node("b") as b, trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[Net]) -> None:
            await supervise(LOOPBACK, seed("a"), Book(), send, nets.append, dice=lambda: 0.0, task_status=task_status)

        first = await nursery.start(run)
        assert nets == [first]

        async def fail() -> None:
            raise RuntimeError("somewhere in libp2p")

        first._host.get_network().manager.run_task(fail)  # type: ignore[attr-defined]
        with trio.fail_after(WAIT_S):
            event = await events.receive()
        assert isinstance(event, Restarted)
        assert "somewhere in libp2p" in event.reason
        assert len(nets) == 2
        await b.net.connect(nets[1].peer_id, nets[1].addresses)
        nursery.cancel_scope.cancel()


async def test_what_the_daemon_raises_inside_the_block_is_not_called_a_crash_of_the_network() -> None:
    with pytest.raises(ZeroDivisionError):
        async with node("a"):
            raise ZeroDivisionError


def _peer(name: str) -> Any:
    return peer_id_of(seed(name))


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error, *(_leaves(error.__cause__) if error.__cause__ else [])]


def _forget_what_others_left_open() -> None:
    """Upstream after a crash, and zeroconf after a failed start, leave sockets to the collector."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()
