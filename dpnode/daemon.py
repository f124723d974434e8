"""The composition root: builds the parts of a node and runs them in one nursery. No rules here.

Store first, then the ledger from it, then the network room, then the driver between them, and last the control
socket, so that whoever asks gets a whole answer. Stopping is cancelling; the store finishes the commit under way.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import trio

from config.settings import Settings
from dpnode.answers.capability import keep_offered, reload_offers
from dpnode.answers.guests import answer_guest
from dpnode.answers.network import addresses_of
from dpnode.answers.registry import answer
from dpnode.assembly import assemble, load_chain, voter_of
from dpnode.belonging import lost, remember
from dpnode.checking import NEWEST_BYTES, Unread, check_signatures, read_back
from dpnode.control.answers import Answer
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder, serve_control
from dpnode.damage import Damage, problem_in
from dpnode.driver import Driver
from dpnode.errors import FailKind, Problem
from dpnode.files import serve_file
from dpnode.gate import machine_named
from dpnode.identity.identity import Identity
from dpnode.identity.voting_key import ensure_pair, voting_key_in
from dpnode.late import Late
from dpnode.net import (
    JOIN_PROTOCOL,
    SNAPSHOT_PROTOCOL,
    Frame,
    Gossip,
    Neighbour,
    NetError,
    NetEvent,
    PeerDown,
    PeerUp,
    Restarted,
    peer_id_of,
    supervise,
)
from dpnode.net.api import CannotListen, PeerId, PortTaken
from dpnode.net.room import Net
from dpnode.net_settings import known_peers, net_settings
from dpnode.node import Node
from dpnode.paths import Home
from dpnode.rebuilding import known_ways
from dpnode.seat import Seat
from dpnode.shelf import META_LATE, Founded, read_founded, read_introducer
from dpnode.snapshot_room import SnapshotRoom
from dpnode.store.errors import StoreError
from dpnode.store.journal import Record
from dpnode.store.rows import Commit
from dpnode.store.store import Store, open_store
from dpnode.talk import Talk
from ledger.chain import Chain
from ledger.names import Kind, show_id
from ledger.operations.members import member_of_peer
from protocol.inputs import Offered, PeerConnected, PeerLost, Reachable, Received, Reseated

log = logging.getLogger("dpnode.daemon")
_STOPPING = (signal.SIGTERM, signal.SIGINT)
EVENTS_WAITING_MAX = 256
"""Events of the network room before peers are read more slowly."""


def run_daemon(home: Home, settings: Settings, ready: Callable[[dict[str, Any]], None]) -> None:
    """Run a node at `home` until SIGTERM, SIGINT or a `node.down` question.

    `ready` is called once the control socket answers. Raises `Problem` where the node cannot start or its disk fails.
    """
    identity = Identity.load(home)
    with ExitStack() as held:
        for one in _STOPPING:
            held.callback(signal.signal, one, signal.getsignal(one))
        seat = Seat(home, identity.member)
        held.callback(seat.close)
        trio.run(_Daemon(home, settings, identity, ready, seat).run)


class _Daemon:
    def __init__(
        self,
        home: Home,
        settings: Settings,
        identity: Identity,
        ready: Callable[[dict[str, Any]], None],
        seat: Seat,
    ) -> None:
        self._home = home
        self._settings = settings
        self._identity = identity
        self._ready = ready
        self._seat = seat
        self._node: Node
        self._nursery: trio.Nursery
        self._unread: Unread
        self._changing = trio.Lock()
        self._damage = Damage(home)
        self._snapshots: SnapshotRoom
        self._bringing: dict[bytes, tuple[str, ...]] = {}
        """Whose machines bring the ledger, as long as it does not hold here that we are a member, or was begun anew."""
        self._way_in: dict[bytes, tuple[str, ...]] = {}

    async def run(self) -> None:
        """The whole life of the node; raises `Problem` alone, however deep in the nurseries it arose."""
        try:
            await self._run()
        except BaseExceptionGroup as group:
            problem = problem_in(group)
            if problem is None:
                raise
            log.debug("how it came to that", exc_info=True)
        else:
            return
        raise problem

    async def _run(self) -> None:
        async with trio.open_nursery() as storing:
            store = await storing.start(open_store, self._home.database)
            try:
                await self._live(store)
            finally:
                storing.cancel_scope.cancel()

    async def _live(self, store: Store) -> None:
        founded = read_founded(await store.meta())
        if founded is None:
            ensure_pair(self._home)
            self._identity = replace(self._identity, voting=voting_key_in(self._home.votes))
        node = self._node = Node(self._home, self._settings, self._identity, store)
        node.begin, node.seat = self._begin, self._seat
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            node.on_talk = Talk(node, nursery).perform
            self._snapshots = SnapshotRoom(node, nursery)
            nursery.start_soon(self._watch_signals)
            nursery.start_soon(self._watch_damage)
            events, incoming = trio.open_memory_channel[NetEvent](EVENTS_WAITING_MAX)
            late = founded is not None and META_LATE in await store.meta()
            if founded is not None and not late:
                await self._assemble(founded)
            node.net = await self._open_network(events)
            if founded is not None and late:
                await self._begin_late(founded)
            elif founded is not None:
                await self._drive()
            nursery.start_soon(self._pump, incoming)
            await nursery.start(serve_control, self._home, self._answer)
            self._ready(self._report())
            log.info("ready at %s", " ".join(addresses_of(node)) or "no address")
            await node.stop.wait()
            log.info("stopping")
            nursery.cancel_scope.cancel()
        if self._damage.problem is not None:
            raise self._damage.problem

    def _report(self) -> dict[str, Any]:
        value: dict[str, Any] = {"addresses": addresses_of(self._node)}
        if self._node.founded is not None:
            charter = self._node.founded.charter
            value["network"] = {"id": show_id(Kind.NETWORK, charter.network), "name": charter.name}
        elif (sentence := lost(self._home)) is not None:
            log.warning("%s", sentence)
            value["lost"] = sentence
        return value

    async def _watch_signals(self) -> None:
        try:
            with trio.open_signal_receiver(*_STOPPING) as signals:
                async for _ in signals:
                    self._node.stop.set()
        finally:
            # Whoever asks a second time must not cut off the closing of the database, which empties its log.
            for one in _STOPPING:
                signal.signal(one, signal.SIG_IGN)

    async def _watch_damage(self) -> None:
        await self._damage.until_told()
        self._node.stop.set()

    async def _answer(self, question: Question, responder: Responder) -> Answer:
        return await self._damage.answer(question.name, lambda: answer(self._node, question, responder))

    # -- the network room

    async def _open_network(self, events: trio.MemorySendChannel[NetEvent]) -> Net:
        seed = self._identity.network_seed
        try:
            net: Net = await self._nursery.start(
                supervise, net_settings(self._settings), seed, self._node.gate, events, self._prepare
            )
        except (PortTaken, CannotListen) as error:
            raise Problem(FailKind.FAILED, error.sentence) from error
        except NetError as error:
            raise Problem(FailKind.FAILED, f"the network room cannot be opened: {error}") from error
        return net

    def _prepare(self, net: Net) -> None:
        """Before anything is dialled, also after a restart of the room."""
        node = self._node
        node.net = net
        net.answer(JOIN_PROTOCOL, self._guest, strangers=True)
        net.answer(SNAPSHOT_PROTOCOL, self._snapshots.answer)
        net.offer_files(self._file)
        self._introduce(net)

    async def _guest(self, peer: PeerId, body: bytes) -> bytes:
        try:
            return await answer_guest(self._node, peer, body)
        except StoreError as error:
            self._damage.seen(error)
            raise

    async def _file(self, peer: PeerId, request: bytes) -> tuple[int, AsyncGenerator[bytes, None]]:
        try:
            return await serve_file(self._node, peer, request)
        except StoreError as error:
            self._damage.seen(error)
            raise

    def _introduce(self, net: Net) -> None:
        """Tell the room whom to keep connected, and neighbours which network this is."""
        node = self._node
        if node.late is not None:
            node.late.prepare(net)
        if node.parts is None or node.founded is None:
            return
        net.announce(node.founded.charter.network.hex()[:16])
        # Whom we came in by tells its record within minutes (P-40); until then it is where it was when we came.
        ways = self._way_in | {record.peer: record.addresses for record in node.core.directory.records.all()}
        for machine, addresses in (ways | self._bringing).items():
            net.keep(PeerId(machine), addresses)
        for peer, where in known_peers(self._settings):
            net.keep(peer, [where])

    async def _pump(self, incoming: trio.MemoryReceiveChannel[NetEvent]) -> None:
        """Carry events of the network room to the driver."""
        async for event in incoming:
            driver = self._node.driver
            if driver is None:
                await self._pump_late(event)
                continue
            match event:
                case PeerUp():
                    log.info("connected with %s", machine_named(self._node.core.chain.state, event.peer_id))
                    await driver.give(PeerConnected(peer=event.peer_id))
                case PeerDown():
                    log.info("%s is gone: %s", machine_named(self._node.core.chain.state, event.peer_id), event.reason)
                    await driver.give(PeerLost(peer=event.peer_id))
                case Frame():
                    await driver.give(Received(peer=event.peer_id, frame=event.body))
                case Neighbour():
                    self._neighbour(event)
                case Restarted():
                    log.warning("the network room stands again: %s", event.reason)
                    await driver.give(Reachable(addresses=tuple(addresses_of(self._node))))
                case Gossip():
                    pass

    async def _pump_late(self, event: NetEvent) -> None:
        """Before there is a ledger only who is there matters."""
        late = self._node.late
        if late is not None and isinstance(event, PeerUp):
            await late.connected(event.peer_id)
        elif late is not None and isinstance(event, PeerDown):
            await late.lost(event.peer_id)

    def _neighbour(self, event: Neighbour) -> None:
        node = self._node
        if node.founded is None or node.net is None or event.network_tag != node.founded.charter.network.hex()[:16]:
            return
        if member_of_peer(node.core.chain.state, event.peer_id) is not None:
            node.net.keep(event.peer_id, event.addresses)

    # -- the network's ledger

    async def _begin(self, founded: Founded, first: Commit) -> None:
        """Take up a network that was just founded or joined."""
        async with self._changing:
            node = self._node
            if node.founded is not None:
                raise Problem(FailKind.REFUSED, "this home belongs to a network already: one home, one network")
            await node.store.commit(first)
            if any(name == META_LATE for name, _ in first.meta):
                await self._begin_late(founded)
            else:
                await self._take_up(founded)

    async def _take_up(self, founded: Founded) -> None:
        node = self._node
        await self._assemble(founded)
        await self._drive()
        assert node.net is not None
        self._introduce(node.net)
        node.net.recheck()

    async def _begin_late(self, founded: Founded) -> None:
        """Fetch a snapshot in the background, and only then take the ledger up."""
        node = self._node
        assert node.net is not None
        node.founded, node.late = founded, Late(node, founded, await node.store.meta())
        remember(self._home, founded)
        node.late.prepare(node.net)
        node.net.recheck()
        for peer in node.net.peers():
            if peer.linked:
                await node.late.connected(peer.peer_id)
        self._nursery.start_soon(self._damage.work, self._late)

    async def _late(self) -> None:
        node, late = self._node, self._node.late
        assert late is not None and node.founded is not None and node.net is not None
        first = await late.run()
        async with self._changing:
            await node.space.until_written(lambda: node.store.commit(first))
            # Who was let in for the snapshot's sake is let in from now on as the ledger says.
            node.gate.introducers.clear()
            await self._take_up(node.founded)
            late.over(node.net)
            node.late = None

    async def _assemble(self, founded: Founded) -> None:
        node = self._node
        chain = await load_chain(node.store, founded.charter)
        was_damaged = self._home.damage.exists()
        self._unread = await read_back(node.store, chain, None, None if was_damaged else NEWEST_BYTES)
        self._home.damage.unlink(missing_ok=True)
        records = self._seat.open(chain)
        node.parts = await assemble(
            node.store,
            chain,
            identity=replace(self._identity, voting=self._seat.key),
            settings=self._settings,
            home=self._home.root,
            peer=peer_id_of(self._identity.network_seed),
            records=records,
        )
        meta = await node.store.meta()
        found = read_introducer(meta)
        if found is not None and member_of_peer(chain.state, node.core.me.peer) is None:
            self._bringing[found[0]] = found[1]
        elif found is not None and member_of_peer(chain.state, found[0]) is not None:
            self._way_in = {found[0]: found[1]}
        self._bringing |= known_ways(meta, chain.head.height, known_peers(self._settings))
        node.gate.introducers |= self._bringing.keys()
        node.parts.core.introducers |= node.gate.introducers
        node.founded = founded
        remember(self._home, founded)

    async def _keep_seat(self) -> None:
        """Whenever the witnesses have changed: take the pair of key and journal into use that the ledger now names."""
        node, chain, seat = self._node, self._node.core.chain, self._seat
        assert node.driver is not None
        epoch = 0
        while True:
            moved = node.moved
            if chain.head.epoch != epoch:
                epoch = chain.head.epoch
                if seat.must_change(chain):
                    # The old key has no seat any more, so the core votes with none until it hears of the new one.
                    # Waits for the disk here, once per seat: nothing of the core runs meanwhile.
                    records = await node.space.until_written(partial(_opened, seat, chain))
                    node.driver.votes = seat.book
                    await node.driver.give(Reseated(voter=voter_of(chain, seat.key, records)))
            await moved.wait()

    async def _drive(self) -> None:
        node = self._node
        assert node.parts is not None and node.net is not None
        node.driver = Driver(node.core, node.store, node.net, self._seat.book, node.tell, node.negotiated, node.space)
        beside = (self._read_rest, self._keep_seat, partial(check_signatures, node), partial(keep_offered, node))
        for run in (node.driver.run, *beside):
            self._nursery.start_soon(self._damage.work, run)
        await node.driver.give(Reachable(addresses=tuple(addresses_of(node))))
        own = reload_offers(node)
        for problem in node.reminders:
            log.warning("%s", problem)
        await node.driver.give(Offered(offers=tuple(one.offer for one in own.values())))
        for peer in node.net.peers():
            if peer.linked:
                await node.driver.give(PeerConnected(peer=peer.peer_id))

    async def _read_rest(self) -> None:
        """The blocks that were not read back before the start."""
        await read_back(self._node.store, self._node.core.chain, self._unread, None)


async def _opened(seat: Seat, chain: Chain) -> list[Record] | None:
    return seat.open(chain)
