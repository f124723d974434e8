"""The network room between honest nodes, over real sockets on loopback.

SPEC L-4, L-6, L-8, L-9.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio

from dpnode.net import (
    Admission,
    Frame,
    NotConnected,
    PeerDown,
    PeerId,
    PeerUp,
    Polite,
    Refusal,
    RequestFailed,
    RequestRefused,
)
from tests.dpnode.net.nets import WAIT_S, Book, Node, node, until

QUIET: dict[str, Any] = {"gossip": False}


async def linked(a: Node, b: Node) -> None:
    await a.net.connect(b.net.peer_id, b.net.addresses)
    assert (await a.next(PeerUp)).peer_id == b.net.peer_id
    assert (await b.next(PeerUp)).peer_id == a.net.peer_id


async def test_frames_arrive_whole_and_in_order_in_both_directions() -> None:
    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        await linked(a, b)
        bodies = [os.urandom(size) for size in (1, 4, 65_535, 65_536, 1 << 20, 3)]
        for one, other in ((a, b), (b, a)):
            for body in bodies:
                assert one.net.send(other.net.peer_id, body)
            for body in bodies:
                got = await other.next(Frame)
                assert (got.peer_id, got.body) == (one.net.peer_id, body)


async def test_who_dialled_is_known_on_both_sides() -> None:
    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        await a.net.connect(b.net.peer_id, b.net.addresses)
        up = await a.next(PeerUp)
        assert not up.inbound
        assert up.address in b.net.addresses[0]
        assert (await b.next(PeerUp)).inbound
        await until(lambda: a.net.peers()[0].round_trip_ms is not None)
        (view,) = a.net.peers()
        assert (view.peer_id, view.linked, view.member, view.inbound) == (b.net.peer_id, True, True, False)


async def test_both_dialling_at_once_makes_one_link_each() -> None:
    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(a.net.connect, b.net.peer_id, b.net.addresses)
            nursery.start_soon(b.net.connect, a.net.peer_id, a.net.addresses)
        await a.next(PeerUp)
        await b.next(PeerUp)
        assert a.net.send(b.net.peer_id, b"x")
        assert (await b.next(Frame)).body == b"x"
        assert b.net.send(a.net.peer_id, b"y")
        assert (await a.next(Frame)).body == b"y"
        assert not a.hears(PeerDown)


async def test_what_cannot_be_queued_is_said_at_once() -> None:
    async with node("a", outbox_frames_max=3, outbox_bytes_max=1000, **QUIET) as a, node("b", **QUIET) as b:
        assert not a.net.send(b.net.peer_id, b"nobody there")
        await linked(a, b)
        assert [a.net.send(b.net.peer_id, b"x") for _ in range(5)] == [True, True, True, False, False]
        await b.next(Frame)
        await until(lambda: a.net.peers()[0].waiting_frames == 0)
        assert [a.net.send(b.net.peer_id, b"x" * 600) for _ in range(2)] == [True, False]
        for wrong in (b"", b"x" * (2 << 20)):
            with pytest.raises(ValueError, match="a frame has"):
                a.net.send(b.net.peer_id, wrong)


async def test_a_kept_peer_is_dialled_when_it_appears_and_again_when_it_is_lost() -> None:
    async with node("a", redial_ms_min=20, redial_ms_max=100, **QUIET) as a:
        async with node("b", **QUIET) as b:
            listen, peer_id = b.net.addresses[0], b.net.peer_id
        a.net.keep(peer_id, [listen])
        for _ in range(2):
            async with node("b", listen=(listen,), **QUIET):
                assert (await a.next(PeerUp)).peer_id == peer_id
            assert (await a.next(PeerDown)).peer_id == peer_id
        a.net.forget(peer_id)
        async with node("b", listen=(listen,), **QUIET):
            await trio.sleep(0.3)
            assert not a.net.peers()


async def test_a_kept_peer_that_moved_is_dialled_at_its_new_address_at_once() -> None:
    async with node("a", redial_ms_min=60_000, **QUIET) as a, node("b", **QUIET) as b:
        a.net.keep(b.net.peer_id, ["/ip4/127.0.0.1/tcp/1"])
        await trio.sleep(0.1)
        a.net.keep(b.net.peer_id, b.net.addresses)
        assert (await a.next(PeerUp)).peer_id == b.net.peer_id


async def test_a_stranger_that_joined_is_linked_on_the_connection_it_has() -> None:
    """The newcomer's ledger is behind: it learns of itself, and of the others, only after they know it."""
    a_gate, b_gate = Book(Admission.STRANGER), Book(Admission.STRANGER)
    async with node("a", gate=a_gate, **QUIET) as a, node("b", gate=b_gate, **QUIET) as b:
        await a.net.connect(b.net.peer_id, b.net.addresses)
        b_gate.of_others = Admission.MEMBER
        b.net.recheck()
        await trio.sleep(0.2)
        assert not a.hears(PeerUp)
        a_gate.of_others = Admission.MEMBER
        a.net.recheck()
        assert (await a.next(PeerUp)).peer_id == b.net.peer_id
        assert (await b.next(PeerUp)).peer_id == a.net.peer_id
        assert len(a.net.peers()) == 1
        assert a.net.send(b.net.peer_id, b"hello") and (await b.next(Frame)).body == b"hello"
        assert b.net.send(a.net.peer_id, b"hello") and (await a.next(Frame)).body == b"hello"


async def test_who_is_no_longer_a_member_is_cut_off_at_the_recheck() -> None:
    gate = Book()
    async with node("a", gate=gate, **QUIET) as a, node("b", **QUIET) as b:
        await linked(a, b)
        gate.written[b.net.peer_id] = Admission.STRANGER
        a.net.recheck()
        assert (await a.next(PeerDown)).reason == "it is no longer a member"
        assert (await b.next(PeerDown)).peer_id == a.net.peer_id
        await until(lambda: not a.net.peers())


async def test_a_request_needs_a_connection_and_has_a_deadline() -> None:
    async def never(peer_id: PeerId, body: bytes) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        b.net.answer("/dpnode/never/1", never)
        with pytest.raises(NotConnected):
            await a.net.request(b.net.peer_id, "/dpnode/never/1", b"", deadline_ms=1000)
        await linked(a, b)
        with pytest.raises(RequestFailed, match="within 100 ms"):
            await a.net.request(b.net.peer_id, "/dpnode/never/1", b"", deadline_ms=100)
        with pytest.raises(RequestFailed, match="cannot open"):
            await a.net.request(b.net.peer_id, "/dpnode/unknown/1", b"", deadline_ms=5000)


async def test_a_request_and_its_answer_may_be_large() -> None:
    async def twice(peer_id: PeerId, body: bytes) -> bytes:
        return body + body

    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        b.net.answer("/dpnode/twice/1", twice)
        await linked(a, b)
        body = os.urandom(200_000)
        assert await a.net.request(b.net.peer_id, "/dpnode/twice/1", body, deadline_ms=5000) == body + body


async def chunks(body: bytes) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(body), 65_536):
        yield body[at : at + 65_536]


async def test_a_file_is_fetched_whole() -> None:
    body = os.urandom(3_000_001)

    async def source(peer_id: PeerId, request: bytes) -> tuple[int, AsyncGenerator[bytes, None]]:
        assert request == b"which"
        return len(body), chunks(body)

    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        b.net.offer_files(source)
        await linked(a, b)
        got = bytearray()

        async def write_chunk(chunk: bytes) -> None:
            got.extend(chunk)

        assert await a.net.fetch(b.net.peer_id, b"which", len(body), write_chunk) == len(body)
        assert got == body


@pytest.mark.parametrize(
    ("announced", "sent", "size_max", "says"),
    [(1000, 1000, 999, "at most 999"), (1000, 900, 1000, None), (1000, 1100, 1000, None)],
    ids=["larger than asked for", "shorter than announced", "longer than announced"],
)
async def test_a_file_of_another_size_than_announced_is_an_error_and_never_longer(
    announced: int, sent: int, size_max: int, says: str | None
) -> None:
    async def source(peer_id: PeerId, request: bytes) -> tuple[int, AsyncGenerator[bytes, None]]:
        return announced, chunks(b"x" * sent)

    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        b.net.offer_files(source)
        await linked(a, b)
        got = 0

        async def write_chunk(chunk: bytes) -> None:
            nonlocal got
            got += len(chunk)

        with pytest.raises(RequestFailed, match=says):
            await a.net.fetch(b.net.peer_id, b"", size_max, write_chunk)
        assert got <= announced


async def test_a_file_that_is_not_there_is_declined_with_its_reason() -> None:
    async def source(peer_id: PeerId, request: bytes) -> tuple[int, AsyncGenerator[bytes, None]]:
        raise Polite(Refusal.NOT_FOUND, "no such file")

    async def write_chunk(chunk: bytes) -> None:
        raise AssertionError

    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        b.net.offer_files(source)
        await linked(a, b)
        with pytest.raises(RequestRefused) as refusal:
            await a.net.fetch(b.net.peer_id, b"", 10, write_chunk)
        assert refusal.value.reason is Refusal.NOT_FOUND


async def test_hanging_up_is_heard_on_both_sides() -> None:
    async with node("a", **QUIET) as a, node("b", **QUIET) as b:
        await linked(a, b)
        a.net.disconnect(b.net.peer_id)
        assert (await a.next(PeerDown)).reason == "we hung up"
        assert (await b.next(PeerDown)).peer_id == a.net.peer_id
        with trio.fail_after(WAIT_S):
            await linked(a, b)
