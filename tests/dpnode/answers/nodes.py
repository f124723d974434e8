"""Nodes in one process: real homes, stores, journals, cores and drivers; only the network room is a wire that carries
frames in order between them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from config.settings import Settings
from dpnode.answers.registry import answer
from dpnode.assembly import assemble, load_chain
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.driver import Driver
from dpnode.errors import Problem
from dpnode.identity.identity import Identity
from dpnode.node import Node
from dpnode.paths import Home
from dpnode.shelf import Founded, founding_commit, read_founded
from dpnode.store import questions
from dpnode.store.offline import reading, writing
from dpnode.store.store import open_store
from dpnode.voting import VoteBook, open_votes, remembered
from ledger.keys import SigningKey
from ledger.operations.membership import peer_id_of
from protocol.inputs import PeerConnected, PeerLost, Received
from protocol.joining import Invitation, inviting, joining_entry
from tests.dpnode.answers.grown import Grown, new_home

FRAMES_MAX = 1_000
WITHIN_S = 20.0


class Wire:
    """Carries frames between the nodes that are plugged in; a node that is not there loses what is sent to it."""

    def __init__(self) -> None:
        self.drivers: dict[bytes, Driver] = {}
        self._frames: dict[bytes, trio.MemorySendChannel[Received]] = {}

    async def plug(self, peer: bytes, driver: Driver, nursery: trio.Nursery) -> None:
        """Connect a node with all that are there."""
        frames, waiting = trio.open_memory_channel[Received](FRAMES_MAX)
        nursery.start_soon(_pump, driver, waiting)
        others = dict(self.drivers)
        self.drivers[peer] = driver
        self._frames[peer] = frames
        for other, theirs in others.items():
            await theirs.give(PeerConnected(peer=peer))
            await driver.give(PeerConnected(peer=other))

    async def unplug(self, peer: bytes) -> None:
        """A node is gone."""
        self.drivers.pop(peer, None)
        self._frames.pop(peer, None)
        for driver in self.drivers.values():
            await driver.give(PeerLost(peer=peer))

    def carry(self, source: bytes, target: bytes, body: bytes) -> bool:
        """Queue a frame; False where nobody is there."""
        frames = self._frames.get(target)
        if frames is None or source not in self._frames:
            return False
        frames.send_nowait(Received(peer=source, frame=body))
        return True


class Plug:
    """One node's end of the wire, as its driver sees a network room."""

    def __init__(self, wire: Wire, peer: bytes) -> None:
        self._wire = wire
        self._peer = peer
        self.disconnected: list[bytes] = []

    def send(self, peer_id: bytes, body: bytes) -> bool:
        """Queue a frame."""
        return self._wire.carry(self._peer, peer_id, body)

    def keep(self, peer_id: bytes, addresses: Iterable[str]) -> None:
        """Everybody is on the wire already."""

    def forget(self, peer_id: bytes) -> None:
        """Nothing is redialled here."""

    def disconnect(self, peer_id: bytes) -> None:
        """Remember who was cut off."""
        self.disconnected.append(peer_id)

    def recheck(self) -> None:
        """The wire has no gate."""


async def _pump(driver: Driver, waiting: trio.MemoryReceiveChannel[Received]) -> None:
    async for received in waiting:
        await driver.give(received)


@asynccontextmanager
async def running(home: Home, wire: Wire | None = None) -> AsyncIterator[Node]:
    """A node on its home's disk until the block ends."""
    identity = Identity.load(home)
    peer = peer_id_of(SigningKey(identity.network_seed).public)
    wire = wire or Wire()
    async with trio.open_nursery() as storing:
        store = await storing.start(open_store, home.database)
        node = Node(home, Settings(), identity, store)
        node.founded = read_founded(await store.meta())
        assert node.founded is not None
        chain = await load_chain(store, node.founded.charter)
        with open_votes(home.votes, create=not any(home.votes.glob("*.journal"))) as (journal, records):
            node.parts = await assemble(
                store,
                chain,
                identity=identity,
                settings=node.settings,
                home=home.root,
                peer=peer,
                records=records if chain.place_of(identity.member) is not None else None,
            )
            plug = Plug(wire, peer)
            votes = VoteBook(journal, remembered(records))
            node.driver = Driver(node.core, store, plug, votes, node.tell, node.negotiated)
            async with trio.open_nursery() as driving:
                driving.start_soon(node.driver.run)
                await wire.plug(peer, node.driver, driving)
                try:
                    yield node
                finally:
                    driving.cancel_scope.cancel()
            await wire.unplug(peer)
        storing.cancel_scope.cancel()


async def asked(node: Node, question: Question) -> dict[str, Any]:
    """The answer of a node, which must be one, in reasonable time."""
    with trio.fail_after(WITHIN_S):
        found: Answer = await answer(node, question, _Unheard())  # type: ignore[arg-type]
    assert isinstance(found, Done), found
    return found.value


async def refused(node: Node, question: Question) -> Problem:
    """Why a node does not do it."""
    try:
        value = await asked(node, question)
    except Problem as problem:
        return problem
    raise AssertionError(value)


async def until(node: Node, is_so: Callable[[], object]) -> None:
    """Wait for something that comes with the ledger or a conversation going on."""
    with trio.fail_after(WITHIN_S):
        while not is_so():
            await node.moved.wait()


async def until_heard(node: Node, is_so: Callable[[], object]) -> None:
    """Wait for something that gossip brings: nobody says so, but it comes while the disk is asked again and again."""
    with trio.fail_after(WITHIN_S):
        while not is_so():
            await node.store.counts()


class _Unheard:
    """Somebody who asks and does not listen to progress."""

    async def progress(self, value: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()


def join_home(grown: Grown, folder: Path, name: str, number: int) -> Home:
    """A second home whose member has joined; its own ledger still stands at the charter."""
    home = new_home(folder, name, bytes([number]) * 32)
    identity = Identity.load(home)
    until_ms = grown.time_ms + 86_400_000
    invite = bytes([number, 99]) * 16
    operation = inviting(SigningKey(invite), member=grown.ada.id, network=grown.chain.network, until_ms=until_ms)
    grown.record(grown.ada, operation)
    from dpnode.identity.words import root_seed

    invitation = Invitation(
        network=grown.chain.network,
        peer=b"\x00",
        addresses=("/ip4/127.0.0.1/tcp/1",),
        seed=invite,
        until_ms=until_ms,
        height=0,
        block=grown.chain.network,
        certificate=b"",
    )
    entry = joining_entry(
        invitation,
        root=SigningKey(root_seed(bytes([number]) * 32, 0)),
        next_root_hash=identity.next_root_hash,
        member=identity.member,
        name=name,
        working=identity.working,
        sealing=identity.sealing,
        network_key=SigningKey(identity.network_seed),
        until_ms=until_ms,
    )
    grown._pending.append(entry)
    grown.block()
    with reading(grown.home.database) as opened:
        founded = read_founded(opened.ask(questions.meta()))
    assert isinstance(founded, Founded)
    with writing(home.database) as opened_to_write:
        opened_to_write.commit(founding_commit(founded))
    return home
