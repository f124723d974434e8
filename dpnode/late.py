"""Beginning with a snapshot from other members' machines: carries the answers in and the questions out.

What is asked of whom stands in `protocol.replication.late_start`; here are its requests, its files and its clock. What
has come lies in the home's `late` folder until all of it is there and becomes the home's state in one transaction, so a
start at any moment goes on where the last one ended.
"""

from __future__ import annotations

import logging
import math
import shutil
from contextlib import suppress
from dataclasses import replace
from functools import partial

import trio

from dpnode.clock import now
from dpnode.files import FREE_BYTES_MIN
from dpnode.identity.private_files import write_private
from dpnode.net import SNAPSHOT_PROTOCOL, Admission, show_peer_id
from dpnode.net.api import NetError, PeerId
from dpnode.net.room import Net
from dpnode.node import Node
from dpnode.shelf import META_LATE, Founded, read_anchor, read_introducer, snapshot_commit
from dpnode.store.rows import Commit
from ledger.canonical import decode, encode
from ledger.errors import RemoteError
from ledger.pieces import BEGINNING_BYTES_MAX, DEPTH_MAX, Outline, read_piece
from ledger.snapshot import STATE_BYTES_MAX, Pair
from protocol.limits import PIECE_DEADLINE_MS
from protocol.replication.late_start import LateStart
from protocol.replication.late_words import (
    AskOutline,
    AskPiece,
    Begin,
    Brought,
    Connected,
    Dial,
    Effect,
    Input,
    KeepOutline,
    KeepPiece,
    LeftAside,
    Lost,
    Offered,
    Progress,
    Replay,
    Spoiled,
    Tick,
    Unanswered,
)
from protocol.replication.snapshot_words import OutlineRequest, PieceRequest, write_request

log = logging.getLogger("dpnode.late")
EVENTS_WAITING_MAX = 64
"""Answers and connections waiting to be looked at; at most eight of them are pieces."""
_OUTLINE = "outline"
_OUTLINE_BYTES_MAX = BEGINNING_BYTES_MAX + (32 << DEPTH_MAX) + 1024


class Late:
    """A home that has its network's charter and fetches a snapshot of its ledger."""

    def __init__(self, node: Node, founded: Founded, meta: dict[str, bytes]) -> None:
        self._node = node
        self._founded = founded
        self._anchor = read_anchor(meta)
        self._folder = node.home.late
        self._least_entries = node.settings.ledger.snapshot_from_entries
        self._dialled: dict[PeerId, tuple[str, ...]] = {}
        self._events, self._waiting = trio.open_memory_channel[Input](EVENTS_WAITING_MAX)
        self._core = self._restored()
        self._over = trio.Event()
        if (introducer := read_introducer(meta)) is not None:
            self._dialled[PeerId(introducer[0])] = introducer[1]
            node.gate.introducers.add(introducer[0])

    @property
    def progress(self) -> Progress:
        """How far it is, for showing."""
        return self._core.progress()

    async def wait(self) -> None:
        """Return once the node goes on with its ledger, however it begins."""
        await self._over.wait()

    def over(self, net: Net) -> None:
        """The node goes on with its ledger, which says by now whose machines these were."""
        for peer in self._dialled:
            if self._node.gate.may(peer) is not Admission.MEMBER:
                net.forget(peer)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._over.set()

    def prepare(self, net: Net) -> None:
        """Keep up the connections, also after a restart of the network room."""
        for peer, addresses in self._dialled.items():
            net.keep(peer, addresses)

    async def connected(self, peer: PeerId) -> None:
        """A machine is there."""
        await self._tell(Connected(peer=peer))

    async def lost(self, peer: PeerId) -> None:
        """A machine is gone."""
        await self._tell(Lost(peer=peer))

    async def _tell(self, event: Input) -> None:
        # Once nothing more is fetched nobody listens, and nobody waits for that.
        with suppress(trio.BrokenResourceError):
            await self._events.send(event)

    async def run(self) -> Commit:
        """Fetch a snapshot; returns what the home begins with, or only that it begins at the charter."""
        if not self._least_entries:
            # Its owner has set so since it joined.
            return Commit(meta=[(META_LATE, None)])
        with self._waiting:
            async with trio.open_nursery() as nursery:
                commit: Commit | None = None
                event: Input = Tick()
                while commit is None:
                    for effect in self._core.handle(event, now()):
                        commit = await self._perform(effect, nursery) or commit
                    if commit is None:
                        event = await self._next()
                nursery.cancel_scope.cancel()
        return commit

    async def _next(self) -> Input:
        moment = now()
        wake_ms = self._core.wake_ms(moment)
        with trio.move_on_after(math.inf if wake_ms is None else max(0, wake_ms - moment.monotonic_ms) / 1000):
            return await self._waiting.receive()
        return Tick()

    async def _perform(self, effect: Effect, nursery: trio.Nursery) -> Commit | None:
        match effect:
            case AskOutline():
                nursery.start_soon(self._ask_outline, PeerId(effect.peer))
            case AskPiece():
                nursery.start_soon(self._ask_piece, PeerId(effect.peer), effect.node)
            case KeepOutline():
                content = encode({"begins": effect.begins, "nodes": effect.nodes})
                await self._keep(_OUTLINE, content)
            case KeepPiece():
                await self._keep(effect.node.hex(), effect.data)
            case Dial():
                self._dial(PeerId(effect.peer), effect.addresses)
            case LeftAside():
                sentence = f"the machine {show_peer_id(PeerId(effect.peer))} was left aside: it {effect.sentence}"
                log.warning("%s", sentence)
                self._node.alarm(sentence)
            case Begin():
                return await self._begin(effect.outline, nursery)
            case Replay():
                log.info("the ledger is fetched from its beginning: %s", effect.reason)
                return Commit(meta=[(META_LATE, None)])
        return None

    async def _begin(self, outline: Outline, nursery: trio.Nursery) -> Commit | None:
        pairs, spoiled = await trio.to_thread.run_sync(self._read, outline)
        commit: Commit | None = None
        for node in spoiled:
            for effect in self._core.handle(Spoiled(node=node), now()):
                commit = await self._perform(effect, nursery) or commit
        if spoiled:
            return commit
        try:
            first = snapshot_commit(self._founded, outline.start, pairs, (self._anchor.height, self._anchor.block))
        except RemoteError as problem:
            log.warning("the ledger is fetched from its beginning: %s", problem.reason)
            return Commit(meta=[(META_LATE, None)])
        return replace(first, meta=[*first.meta, (META_LATE, None)])

    def _dial(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        net = self._node.net
        if net is not None and peer != net.peer_id and peer not in self._dialled:
            # Let in until the ledger says whose it is: all that is heard of it shows by itself to be right.
            self._node.gate.introducers.add(peer)
            self._dialled[peer] = addresses
            net.keep(peer, addresses)
            net.recheck()

    # -- questions

    async def _ask_outline(self, peer: PeerId) -> None:
        request = OutlineRequest(network=self._founded.charter.network, least_entries=self._least_entries)
        reply = await self._ask(peer, write_request(request))
        await self._events.send(Unanswered(peer=peer, node=None) if reply is None else Offered(peer=peer, reply=reply))

    async def _ask_piece(self, peer: PeerId, node: bytes) -> None:
        data = await self._ask(peer, write_request(PieceRequest(network=self._founded.charter.network, node=node)))
        await self._tell(Unanswered(peer=peer, node=node) if data is None else Brought(peer=peer, node=node, data=data))

    async def _ask(self, peer: PeerId, body: bytes) -> bytes | None:
        net = self._node.net
        if net is None:
            return None
        try:
            return await net.request(peer, SNAPSHOT_PROTOCOL, body, deadline_ms=PIECE_DEADLINE_MS)
        except (NetError, RemoteError) as problem:
            log.debug("%s did not answer: %s", show_peer_id(peer), problem)
            return None

    # -- the folder

    def _restored(self) -> LateStart:
        """What is on the disk; pieces are only counted, and read once all of them are there."""
        kept: tuple[bytes, bytes] | None = None
        pieces: dict[bytes, int] = {}
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for path in self._folder.iterdir():
            if len(path.name) == 64 and set(path.name) <= set("0123456789abcdef"):
                pieces[bytes.fromhex(path.name)] = path.stat().st_size
        try:
            value = decode((self._folder / _OUTLINE).read_bytes(), bytes_max=_OUTLINE_BYTES_MAX)
            assert isinstance(value, dict)
            kept = value["begins"], value["nodes"]
        except (OSError, RemoteError, KeyError):
            # None yet, or cut off: it is offered again.
            kept = None
        free_bytes = shutil.disk_usage(self._folder).free - FREE_BYTES_MIN
        return LateStart(
            self._founded.charter,
            least_entries=self._least_entries,
            anchor=(self._anchor.height, self._anchor.block),
            # Once as pieces and once in the database, whose log may hold all of it, too.
            room_bytes=max(0, min(STATE_BYTES_MAX, free_bytes // 3)),
            kept=kept,
            pieces=pieces,
            now=now(),
        )

    async def _keep(self, name: str, content: bytes) -> None:
        """On the disk when this returns, however long that takes on a full one."""
        write = partial(trio.to_thread.run_sync, write_private, self._folder / name, content)
        await self._node.space.until_written(write)

    def _read(self, outline: Outline) -> tuple[list[Pair], list[bytes]]:
        """All pairs in key order, or the names of the pieces that are not whole."""
        pairs: list[Pair] = []
        spoiled = []
        for node in outline.pieces:
            path = self._folder / node.hex()
            try:
                pairs += read_piece(path.read_bytes(), outline, node)
            except (OSError, RemoteError) as problem:
                log.warning("a piece of the snapshot on this disk is fetched again: %s", problem)
                path.unlink(missing_ok=True)
                spoiled.append(node)
        pairs.sort()
        return pairs, spoiled
