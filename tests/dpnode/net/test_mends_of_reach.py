"""The mends of libp2p 0.8.1 on reaching each other, by radio, by relay and after a crash: upstream alone, and our room.

When an upstream half fails after an upgrade, that mend has become needless and may go. SPEC L-14, L-15.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from dpnode.net import (
    Admission,
    Frame,
    Neighbour,
    NetCrashed,
    PeerUp,
    Restarted,
    show_peer_id,
    supervise,
)
from dpnode.net.room import Net
from tests.dpnode.net.nets import (
    LOOPBACK,
    WAIT_S,
    Book,
    forget_what_others_left_open,
    node,
    peer_of,
    seed,
    until,
)

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
    forget_what_others_left_open()


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
        gate.written[peer_of("hidden")] = Admission.STRANGER
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
