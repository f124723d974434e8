"""Connections between the machines, and what may happen to a message on its way.

A connection ends for both at once, except that a machine without power notices nothing: what it had sent may still
arrive for a while, and the others learn late that it is gone. A blocked direction swallows messages and tells nobody.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ledger.consensus.votes import read_certificate, vote_from_value
from ledger.errors import RemoteError
from protocol.inputs import PeerConnected, PeerLost, Received
from protocol.messages import OwnVotes, read_message
from tests.simulation.town import Person

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster, Node

Pair = tuple[bytes, bytes]
SOON_MS = 20
"""What takes longer counts as delayed."""


class Links:
    """Who is connected with whom, and what is under way between them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.open: dict[Pair, int] = {}
        """Which pairs are connected, and which connection of the pair it is."""
        self.wires: set[Pair] = set()
        """Which pairs may connect at all."""
        self.parted: dict[bytes, int] = {}
        """On which side of a partition a machine is; no connection crosses it."""
        self.blocked: set[Pair] = set()
        """(source, target): nothing arrives, and nobody notices."""
        self.carried = 0
        """Frames that arrived."""
        self.sent = 0
        """Frames that went into an open connection."""
        self.happened: Counter[str] = Counter()
        """Fault -> how often it befell a message, a connection or a write."""
        self._latest: dict[tuple[int, bytes], int] = {}
        """(connection, target) -> when the last frame arrives, where the order is not kept."""
        self._connections = 0
        self._lingering: dict[int, tuple[bytes, int]] = {}
        """Connection -> (the machine without power, until when what it had sent arrives)."""
        self._last: dict[tuple[int, bytes], int] = {}
        """(connection, target) -> when the last frame arrives, where the order is kept."""

    def wire(self, one: Person, two: Person) -> None:
        """These two may connect from now on, and will."""
        pair = pair_of(one.peer, two.peer)
        self.wires.add(pair)
        self._dial(pair)

    def _dial(self, pair: Pair) -> None:
        if pair in self.open:
            return
        cluster = self._cluster
        one, two = (cluster.nodes.get(peer) for peer in pair)
        apart = self.parted.get(pair[0], 0) != self.parted.get(pair[1], 0)
        if apart or one is None or two is None or not (self._admits(one, two) and self._admits(two, one)):
            cluster.at(200, lambda: self._dial(pair))
            return
        self._connections += 1
        self.open[pair] = connection = self._connections
        if cluster.faults.break_ms:
            after_ms = 1 + int(cluster.dice.expovariate(1 / cluster.faults.break_ms))
            cluster.at(after_ms, lambda: self._broken(pair, connection))
        for node, other in ((one, two), (two, one)):
            cluster.give(node, PeerConnected(peer=other.who.peer))

    def _admits(self, node: Node, other: Node) -> bool:
        """The gate: members' machines, and whoever brought us in."""
        if not self._cluster.is_up(node):
            return False
        known = node.parts.core.chain.state.get(b"peer/" + other.who.peer) is not None
        return known or other.who.peer in node.introducers

    def _broken(self, pair: Pair, connection: int) -> None:
        if self.open.get(pair) == connection and self._cluster.faults.break_ms:
            self.happened["breaks"] += 1
            self.cut(pair)

    def cut(self, pair: Pair) -> None:
        """The connection ends; it is dialled again."""
        if self.open.pop(pair, None) is None:
            return
        cluster = self._cluster
        for peer, other in (pair, pair[::-1]):
            self._lose(peer, other, 1)
        cluster.at(cluster.dice.randrange(2, 1_000), lambda: self._dial(pair))

    def dead(self, peer: bytes) -> None:
        """A machine lost its power: all its connections end."""
        linger_ms = self._cluster.faults.linger_ms
        for pair in [pair for pair in self.open if peer in pair]:
            if not linger_ms:
                self.cut(pair)
                continue
            cluster = self._cluster
            other = pair[1] if pair[0] == peer else pair[0]
            after_ms = cluster.dice.randrange(1, linger_ms + 1)
            self._lingering[self.open.pop(pair)] = (peer, cluster.now_ms + after_ms)
            self._lose(other, peer, after_ms)
            cluster.at(after_ms + cluster.dice.randrange(2, 1_000), partial(self._dial, pair))

    def _lose(self, peer: bytes, other: bytes, after_ms: int) -> None:
        node = self._cluster.nodes[peer]
        incarnation = node.incarnation

        def lost() -> None:
            if node.incarnation == incarnation:
                self._cluster.give(node, PeerLost(peer=other))

        self._cluster.at(after_ms, lost)

    def send(self, source: bytes, target: bytes, frame: bytes, message: Any = None) -> None:
        """Carry a frame, or not; `message` is what the frame says where it is one of ours."""
        pair = pair_of(source, target)
        connection = self.open.get(pair)
        if connection is None or (source, target) in self.blocked:
            return
        self.sent += 1
        cluster = self._cluster
        faults, dice = cluster.faults, cluster.dice
        if faults.loss and dice.random() < faults.loss:
            self.happened["loss"] += 1
            return
        times = 2 if faults.twice and dice.random() < faults.twice else 1
        self.happened["duplication"] += times - 1
        for _ in range(times):
            carried, said = frame, message
            if faults.damage and dice.random() < faults.damage:
                self.happened["corruption"] += 1
                carried, said = flipped(frame, dice), None
            at_ms = cluster.now_ms + dice.randrange(1, faults.delay_ms + 1)
            self.happened["delay"] += at_ms > cluster.now_ms + SOON_MS
            if faults.in_order:
                at_ms = self._last[connection, target] = max(at_ms, self._last.get((connection, target), 0))
            else:
                before_ms = self._latest.get((connection, target), 0)
                self.happened["reordering"] += at_ms < before_ms
                self._latest[connection, target] = max(at_ms, before_ms)
            arrive = self._delivery(pair, connection, source, target, carried, said)
            cluster.at(at_ms - cluster.now_ms, arrive)

    def _delivery(
        self, pair: Pair, connection: int, source: bytes, target: bytes, frame: bytes, message: Any
    ) -> Callable[[], None]:
        def arrive() -> None:
            if self.open.get(pair) == connection or self._lingers(connection, source):
                self.carried += 1
                self._cluster.deliver(self._cluster.nodes[target], source, Received(peer=source, frame=frame), message)

        return arrive

    def _lingers(self, connection: int, source: bytes) -> bool:
        dead, until_ms = self._lingering.get(connection, (b"", 0))
        return dead == source and self._cluster.now_ms < until_ms


def pair_of(one: bytes, two: bytes) -> Pair:
    """The name of a connection, whoever made it."""
    return (one, two) if one < two else (two, one)


def flipped(frame: bytes, dice: random.Random) -> bytes:
    """A frame in which one bit is another."""
    at = dice.randrange(len(frame))
    return frame[:at] + bytes([frame[at] ^ (1 << dice.randrange(8))]) + frame[at + 1 :]


def answer_of(frame: bytes) -> OwnVotes | None:
    """A damaged answer to what a witness signed before counts, if it still reads as one."""
    try:
        message = read_message(frame)
        if isinstance(message, OwnVotes):
            for value in message.votes:
                vote_from_value(value)
            for certificate in message.certificates:
                read_certificate(certificate)
            return message
    except RemoteError:
        pass
    return None
