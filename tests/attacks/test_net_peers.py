"""Hostile peers on the wire: raw libp2p hosts that never heard of our encoder.

Each attack ends with the same question: does an honest member still get through? SPEC L-2, L-3, L-4, L-5,
L-8, L-10, L-11, L-12.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import psutil
import pytest
import trio
from libp2p.host.exceptions import StreamFailure
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils import encode_varint_prefixed

from dpnode.net import (
    JOIN_PROTOCOL,
    Admission,
    CannotConnect,
    Frame,
    PeerDown,
    PeerId,
    PeerUp,
    Polite,
    Refusal,
    RequestRefused,
    parse_peer_id,
)
from tests.dpnode.net.nets import (
    WAIT_S,
    Book,
    Node,
    behave_like_a_member,
    drain,
    id_of,
    node,
    raw_connect,
    raw_host,
    read_all,
    until,
)

PEER = "/dpnode/peer/1"


@asynccontextmanager
async def hostile_member(**changes: Any) -> AsyncIterator[tuple[Node, Any, Any]]:
    """A net, a raw member linked with it, and that member's welcomed stream."""
    async with node("target", gossip=False, **changes) as target, raw_host("hostile") as hostile:
        behave_like_a_member(hostile)
        peer_id = await raw_connect(hostile, target)
        stream = await hostile.new_stream(peer_id, [PEER])
        assert await stream.read(1) == b"\0"
        await target.next(PeerUp)
        yield target, hostile, stream


async def an_honest_member_gets_through(target: Node) -> None:
    async with node("honest", gossip=False) as honest:
        await honest.net.connect(target.net.peer_id, target.net.addresses)
        await honest.next(PeerUp)
        assert honest.net.send(target.net.peer_id, b"still here?")
        while (got := await target.next(Frame)).peer_id != honest.net.peer_id:
            pass
        assert got.body == b"still here?"


# -- frames


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\xff\xff\xff", b"\0\0\0\0", (1 << 31).to_bytes(4, "big") + b"x" * 1000, b"GET / HTTP/1.1\r\n\r\n"],
    ids=["oversize length", "empty frame", "oversize with bytes", "another protocol"],
)
async def test_a_frame_that_cannot_be_ends_that_members_link_and_no_other(garbage: bytes) -> None:
    async with hostile_member() as (target, hostile, stream):
        await stream.write(garbage)
        down = await target.next(PeerDown)
        assert down.peer_id == id_of(hostile)
        assert "announced" in down.reason
        await an_honest_member_gets_through(target)


async def test_well_framed_garbage_is_handed_up_as_it_came() -> None:
    async with hostile_member() as (target, _, stream):
        body = os.urandom(5000)
        await stream.write(len(body).to_bytes(4, "big") + body)
        assert (await target.next(Frame)).body == body


@pytest.mark.parametrize("drip", [False, True], ids=["silence after the head", "a byte now and then"])
async def test_a_frame_that_never_ends_is_given_a_deadline(drip: bool) -> None:
    async with hostile_member(frame_deadline_ms=400) as (target, _, stream):

        async def send() -> None:
            with suppress(Exception):
                await stream.write((1000).to_bytes(4, "big"))
                while drip:
                    await stream.write(b"x")
                    await trio.sleep(0.02)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert "longer than 400 ms" in (await target.next(PeerDown)).reason
            nursery.cancel_scope.cancel()
        await an_honest_member_gets_through(target)


async def test_a_silent_but_honest_stream_may_stay_idle() -> None:
    async with hostile_member(frame_deadline_ms=100) as (target, _, stream):
        await trio.sleep(0.4)
        await stream.write(b"\0\0\0\1x")
        assert (await target.next(Frame)).body == b"x"


async def test_a_flood_is_read_no_faster_than_the_inbox_is_emptied() -> None:
    async with hostile_member(inbox=4) as (target, _, stream), trio.open_nursery() as nursery:
        sent = 0

        async def flood() -> None:
            nonlocal sent
            frame = (1 << 20).to_bytes(4, "big") + b"x" * (1 << 20)
            with suppress(Exception):
                while True:
                    await stream.write(frame)
                    sent += len(frame)

        before = psutil.Process().memory_info().rss
        nursery.start_soon(flood)
        await trio.sleep(1.5)
        assert psutil.Process().memory_info().rss - before < 200 << 20
        assert target.events.statistics().current_buffer_used <= 4
        assert sent < 64 << 20
        nursery.cancel_scope.cancel()


async def test_a_member_over_its_share_is_slowed_and_not_dropped() -> None:
    async with hostile_member(frames_per_s=50, frames_burst=10) as (target, _, stream):
        await stream.write(b"\0\0\0\1x" * 40)
        await stream.write(b"\0\0\0\1y" * 10)
        began_s = trio.current_time()
        while (await target.next(Frame)).body != b"y":
            pass
        assert trio.current_time() - began_s > 0.3
        assert not target.hears(PeerDown)


async def test_a_peer_that_ignores_flow_control_is_cut_off_before_it_fills_the_memory() -> None:
    async with hostile_member(inbox=1, receive_bytes_max=4 << 20) as (target, _, stream):
        yamux, number = stream.muxed_conn, stream.muxed_stream.stream_id
        header = bytes([0, 0, 0, 0]) + number.to_bytes(4, "big") + (60_000).to_bytes(4, "big")
        frame = (59_996).to_bytes(4, "big").ljust(60_000, b"x")
        sent = 0
        with trio.fail_after(WAIT_S), suppress(Exception):
            while sent < 64 << 20 and not yamux.is_closed:
                await yamux._write_frame(header + frame)
                sent += 60_000
        assert 4 << 20 < sent < 32 << 20
        await until(lambda: not target.net._host.get_network().get_connections())
        await an_honest_member_gets_through(target)


# -- strangers


async def test_a_stranger_on_the_member_stream_gets_a_reason_and_no_data() -> None:
    async with node("target", gate=Book(Admission.STRANGER)) as target, raw_host("stranger") as stranger:
        peer_id = await raw_connect(stranger, target)
        stream = await stranger.new_stream(peer_id, [PEER])
        said = await read_all(stream)
        assert said[0] == Refusal.NOT_A_MEMBER
        assert said[1] == len(said) - 2
        assert b"members" in said
        assert not target.hears(PeerUp)


@pytest.mark.parametrize("protocol", ["/dpnode/file/1", "/dpnode/question/1"])
async def test_a_stranger_may_ask_nothing_but_to_join(protocol: str) -> None:
    asked: list[bytes] = []

    async def tell(peer_id: PeerId, body: bytes) -> bytes:
        asked.append(body)
        return b"welcome"

    gate = Book()
    async with node("target", gate=gate) as target, node("stranger") as stranger:
        gate.written[stranger.net.peer_id] = Admission.STRANGER
        target.net.answer("/dpnode/question/1", tell)
        target.net.answer(JOIN_PROTOCOL, tell, strangers=True)
        target.net.offer_files(None)  # type: ignore[arg-type]
        await stranger.net.connect(target.net.peer_id, target.net.addresses)
        with pytest.raises(RequestRefused) as refusal:
            await stranger.net.request(target.net.peer_id, protocol, b"secret?", deadline_ms=5000)
        assert refusal.value.reason is Refusal.NOT_A_MEMBER
        assert asked == []
        assert await stranger.net.request(target.net.peer_id, JOIN_PROTOCOL, b"me", deadline_ms=5000) == b"welcome"


async def test_a_strangers_gossip_is_not_read() -> None:
    async with node("target", gate=Book(Admission.STRANGER)) as target, raw_host("stranger") as stranger:
        target.net.subscribe("t", lambda body: True)
        peer_id = await raw_connect(stranger, target)
        with suppress(StreamFailure):  # the reset may overtake the end of the negotiation
            stream = await stranger.new_stream(peer_id, [PROTOCOL_ID_V11])
            assert await read_all(stream) == b"", "reset at once, and not read until the stranger tires"
        assert not target.net._gossip._pubsub.peers  # type: ignore[union-attr]


async def test_strangers_cannot_take_the_members_places() -> None:
    gate = Book(Admission.STRANGER)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(
            node("target", gate=gate, connections_max=8, strangers_max=2, gossip=False)
        )
        for number in range(7):
            stranger = await stack.enter_async_context(raw_host(f"stranger {number}"))
            with suppress(Exception):
                await raw_connect(stranger, target)
        await until(lambda: len(target.net._host.get_network().get_connections()) <= 2)
        gate.of_others = Admission.MEMBER
        await an_honest_member_gets_through(target)


async def test_a_stranger_does_not_stay_for_ever() -> None:
    gate = Book(Admission.STRANGER)
    async with node("target", gate=gate, stranger_ms_max=200) as target, raw_host("stranger") as stranger:
        await raw_connect(stranger, target)
        await until(lambda: not target.net._host.get_network().get_connections(), 3)


async def test_half_made_connections_do_not_keep_members_out() -> None:
    async with node("target", gossip=False) as target, AsyncExitStack() as stack:
        port = int(target.net.addresses[0].rsplit("/", 1)[1])
        for _ in range(50):
            await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
        await an_honest_member_gets_through(target)


async def test_a_banned_peer_is_hung_up_on() -> None:
    gate = Book()
    async with node("target", gate=gate) as target, raw_host("banned") as banned:
        gate.written[id_of(banned)] = Admission.BANNED
        with suppress(Exception):
            await raw_connect(banned, target)
        await until(lambda: not target.net._host.get_network().get_connections())


# -- streams and requests


async def test_a_peer_gets_only_so_many_streams() -> None:
    gate = Book(Admission.STRANGER)
    async with node("target", gate=gate, streams_per_peer_max=5) as target, raw_host("hostile") as hostile:
        peer_id = await raw_connect(hostile, target)
        cut = 0

        async def hold() -> None:
            nonlocal cut
            stream = await hostile.get_network().new_stream(peer_id)
            await drain(stream)  # never negotiates
            cut += 1

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(hold)
            await until(lambda: cut >= 30)
            nursery.cancel_scope.cancel()


async def test_a_request_of_impossible_length_is_refused_before_it_is_read() -> None:
    async def echo(peer_id: PeerId, body: bytes) -> bytes:
        return body

    async with node("target") as target, raw_host("hostile") as hostile:
        behave_like_a_member(hostile)
        target.net.answer("/dpnode/question/1", echo)
        peer_id = await raw_connect(hostile, target)
        stream = await hostile.new_stream(peer_id, ["/dpnode/question/1"])
        await stream.write(b"\xff\xff\xff\xff" + b"x" * 1000)
        assert (await read_all(stream))[0] == Refusal.TOO_BIG


async def test_a_request_that_never_ends_is_given_a_deadline_and_its_place_is_freed() -> None:
    async def echo(peer_id: PeerId, body: bytes) -> bytes:
        return body

    bounds = {"request_deadline_ms": 1000, "requests_per_peer_max": 2}
    async with node("target", **bounds) as target, raw_host("hostile") as hostile:
        behave_like_a_member(hostile)
        target.net.answer("/dpnode/question/1", echo)
        peer_id = await raw_connect(hostile, target)
        slow = [await hostile.new_stream(peer_id, ["/dpnode/question/1"]) for _ in range(2)]
        third = await hostile.new_stream(peer_id, ["/dpnode/question/1"])
        assert (await read_all(third))[0] == Refusal.BUSY
        for stream in slow:
            assert await read_all(stream) == b""
        fourth = await hostile.new_stream(peer_id, ["/dpnode/question/1"])
        await fourth.write(b"\0\0\0\2hi")
        assert await read_all(fourth) == b"\0\0\0\0\2hi"


async def test_our_own_failure_to_answer_tells_the_peer_no_detail_and_breaks_nothing() -> None:
    async def fail(peer_id: PeerId, body: bytes) -> bytes:
        raise KeyError("/home/owner/secret")

    async def decline(peer_id: PeerId, body: bytes) -> bytes:
        raise Polite(Refusal.DECLINED, "not today")

    async with node("target") as target, node("asker") as asker:
        target.net.answer("/dpnode/fail/1", fail)
        target.net.answer("/dpnode/decline/1", decline)
        await asker.net.connect(target.net.peer_id, target.net.addresses)
        for protocol, reason, text in (
            ("/dpnode/fail/1", Refusal.FAILED, "this node failed to answer"),
            ("/dpnode/decline/1", Refusal.DECLINED, "not today"),
        ):
            with pytest.raises(RequestRefused) as refusal:
                await asker.net.request(target.net.peer_id, protocol, b"?", deadline_ms=5000)
            assert (refusal.value.reason, refusal.value.text) == (reason, text)


# -- gossip


async def test_a_gossiped_message_with_a_malformed_key_does_not_end_the_network() -> None:
    async with node("target") as target, raw_host("hostile") as hostile:
        behave_like_a_member(hostile)
        hostile.set_stream_handler(PROTOCOL_ID_V11, drain)
        target.net.subscribe("t", lambda body: True)
        peer_id = await raw_connect(hostile, target)
        stream = await hostile.new_stream(peer_id, [PROTOCOL_ID_V11])
        for key in (b"", b"\xff\xff", b"\x08\x01\x12\x20" + b"\xff" * 32):
            message = rpc_pb2.Message(
                data=b"x", topicIDs=["t"], from_id=b"\x12\x20" + b"q" * 32, seqno=b"1", key=key, signature=b"s"
            )
            await stream.write(encode_varint_prefixed(rpc_pb2.RPC(publish=[message]).SerializeToString()))
        await stream.write(encode_varint_prefixed(b"\xff\xff not protobuf"))
        await trio.sleep(0.2)
        await an_honest_member_gets_through(target)


async def test_a_gossip_frame_of_impossible_length_is_not_read() -> None:
    async with node("target", gossip_bytes_max=1000) as target, raw_host("hostile") as hostile:
        behave_like_a_member(hostile)
        hostile.set_stream_handler(PROTOCOL_ID_V11, drain)
        peer_id = await raw_connect(hostile, target)
        stream = await hostile.new_stream(peer_id, [PROTOCOL_ID_V11])
        with suppress(Exception):
            await stream.write(b"\xff\xff\xff\x7f" + b"x" * 1000)
            assert await read_all(stream) == b""
        await an_honest_member_gets_through(target)


async def test_a_peer_that_claims_another_peers_id_is_not_believed() -> None:
    """The id is proven by the Noise handshake: dialling X at Y's address fails and connects nobody."""
    async with node("a", gossip=False) as a, node("mallory", gossip=False) as mallory, node("b", gossip=False) as b:
        with pytest.raises(CannotConnect):
            await a.net.connect(b.net.peer_id, mallory.net.addresses)
        assert not a.net._host.get_network().get_connections(ID(b.net.peer_id))
        assert parse_peer_id(b.net.peer_id_text) == b.net.peer_id
