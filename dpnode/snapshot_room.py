"""Serves snapshots to late joiners: made when somebody asks, once in so many entries, in a thread of its own.

What was made stays on the disk and is served from there, a piece at a time; two are kept, so that whoever fetches the
one before can go on. Making one takes turns with the rest of the node and never fills the disk (SPEC P-94).
"""

from __future__ import annotations

import logging
import shutil
import time

import trio

from dpnode.errors import Problem
from dpnode.files import FREE_BYTES_MIN
from dpnode.net import Polite
from dpnode.net.api import PeerId, Refusal
from dpnode.node import Node
from dpnode.reading.pieces import Made, forget, found, make
from dpnode.shelf import read_begins
from dpnode.store.errors import StoreError
from dpnode.store.offline import reading
from ledger.errors import LocalError, RemoteError
from protocol.limits import SNAPSHOT_STALE_ENTRIES
from protocol.replication.snapshot_words import (
    MACHINES_MAX,
    Machine,
    Offer,
    OutlineRequest,
    PieceRequest,
    read_request,
    write_offer,
)

log = logging.getLogger("dpnode.snapshots")
KEPT_MAX = 2
REST_S_MAX = 1.0
"""Between two parts of the work: a slow disk must not make it last for hours."""
AGAIN_MS = 600_000
"""How long it is not tried again to make one after that failed."""


class SnapshotRoom:
    """This node's snapshots."""

    def __init__(self, node: Node, nursery: trio.Nursery) -> None:
        self._node = node
        self._nursery = nursery
        self._made: list[Made] = []
        """The newest last."""
        self._is_read = False
        """Whether what was made before the last start is among them."""
        self._is_making = False
        self._not_before_ms = 0

    async def answer(self, peer: PeerId, body: bytes) -> bytes:
        """What a member's machine that begins late is told; raises `Polite`."""
        node = self._node
        try:
            request = read_request(body)
        except RemoteError as problem:
            raise Polite(Refusal.MALFORMED, f"that is no request for a snapshot: {problem.reason}") from problem
        if node.parts is None or request.network != node.core.chain.network:
            raise Polite(Refusal.DECLINED, "this machine has no ledger of that network")
        if not self._is_read:
            there = await trio.to_thread.run_sync(found, node.home.snapshots)
            if not self._is_read:
                self._made, self._is_read = there, True
        if isinstance(request, PieceRequest):
            return await self._piece(request, self._made)
        return write_offer(await self._offer(peer, request, self._made))

    async def _piece(self, request: PieceRequest, made: list[Made]) -> bytes:
        for one in reversed(made):
            try:
                piece = await trio.to_thread.run_sync(one.piece, request.node)
            except OSError as error:
                log.warning("a piece of the snapshot of block %d cannot be read: %s", one.height, error)
                continue
            if piece is not None:
                return piece
        raise Polite(Refusal.NOT_FOUND, "that piece is of no snapshot that is kept here")

    async def _offer(self, peer: PeerId, request: OutlineRequest, made: list[Made]) -> Offer:
        node = self._node
        entries, machines = node.core.chain.head.entries, self._others(peer)
        # Who began with a snapshot does not know how many entries there were: then, too, they were too many.
        if entries < request.least_entries and read_begins(await node.store.meta()) == 1:
            return Offer(machines=machines)
        age = entries - made[-1].entries if made else None
        if age is None or age >= SNAPSHOT_STALE_ENTRIES:
            self._begin_making()
        if age is None or age >= max(request.least_entries, SNAPSHOT_STALE_ENTRIES):
            return Offer(machines=machines, is_making=self._is_making)
        return Offer(machines=machines, outline=(made[-1].begins, made[-1].nodes))

    def _others(self, peer: PeerId) -> tuple[Machine, ...]:
        """Connected machines of members, to go on with where this one is gone."""
        node = self._node
        assert node.net is not None
        here = [one.peer_id for one in node.net.peers() if one.linked and one.peer_id != peer]
        records = [node.core.directory.records.get(one) for one in here]
        known = [Machine(peer=one.peer, addresses=one.addresses) for one in records if one is not None]
        return tuple(one for one in known if one.addresses)[:MACHINES_MAX]

    def _begin_making(self) -> None:
        if not self._is_making and self._node.core.chain.head.height and time.monotonic() * 1000 >= self._not_before_ms:
            self._is_making = True
            self._nursery.start_soon(self._make)

    async def _make(self) -> None:
        try:
            one = await trio.to_thread.run_sync(self._made_now)
        except (LocalError, RemoteError, Problem, StoreError, OSError) as problem:
            log.warning("no snapshot could be made for who joins late: %s", problem)
            self._not_before_ms = int(time.monotonic() * 1000) + AGAIN_MS
        else:
            log.info("made a snapshot of block %d for who joins late", one.height)
            kept = [*self._made, one][-KEPT_MAX:]
            await trio.to_thread.run_sync(forget, self._node.home.snapshots, kept)
            self._made = kept
        finally:
            self._is_making = False

    def _made_now(self) -> Made:
        """In a thread, over a connection of its own."""
        folder = self._node.home.snapshots
        since_s = time.monotonic()

        def rest() -> None:
            nonlocal since_s
            if shutil.disk_usage(self._node.home.root).free < FREE_BYTES_MIN:
                raise OSError(f"the disk has less than {FREE_BYTES_MIN} bytes left, which stay free")
            # As long as it worked: the rest of the node shares this interpreter.
            trio.from_thread.run(trio.sleep, min(REST_S_MAX, time.monotonic() - since_s))
            since_s = time.monotonic()

        with reading(self._node.home.database) as opened:
            return make(opened, folder, rest)
