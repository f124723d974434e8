"""The mends of libp2p 0.8.1 on what is said over connections, gossip and slow readers: upstream alone, and our room.

When an upstream half fails after an upgrade, that mend has become needless and may go. SPEC L-7, L-10, L-12.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, GossipSub
from libp2p.pubsub.pubsub import Pubsub
from libp2p.stream_muxer.exceptions import MuxedStreamError
from libp2p.stream_muxer.yamux.yamux import YamuxStream
from libp2p.tools.anyio_service import background_trio_service

from dpnode.net import (
    Gossip,
    PeerDown,
    PeerUp,
)
from dpnode.net.streams import Gone, write
from tests.dpnode.net.nets import (
    Node,
    node,
    peer_of,
    raw_host,
    until,
)

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
        await a.net.connect(peer_of("frozen"), [line.decode().strip()])
        assert (await a.next(PeerUp)).peer_id == peer_of("frozen")
        await until(lambda: a.net.peers()[0].round_trip_ms is not None)
        child.send_signal(signal.SIGSTOP)
        try:
            down = await a.next(PeerDown)
        finally:
            child.kill()
        assert "ping" in down.reason


async def _child(command: list[str], env: dict[str, str], *, task_status: trio.TaskStatus[Any]) -> None:
    await trio.run_process(command, env=env, stdout=subprocess.PIPE, check=False, task_status=task_status)
