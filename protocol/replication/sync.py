"""Catching up: which member is ahead, which blocks to ask for, and the ranges that wait to be checked.

Ranges are fetched while others are checked, so both ends stay busy; what one peer brings in time is checked together.
A range is asked of one peer at a time and of the next one when it does not come; a peer's word on its height is only a
hint, since every range is checked against the certificate (consensus rules 20 and 21; SPEC P-30 to P-37). Whoever
claims a height and does not bring the blocks is doubted: asked last, and no reason for a witness to wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.inputs import Now, PeerId
from protocol.limits import LOST_OWING_MAX, RANGE_BYTES_MAX, RANGE_DEADLINE_MS, RANGES_QUEUED_MAX
from protocol.messages import AskRange, Blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRange:
    """A range that came and is not yet checked."""

    peer: PeerId
    blocks: Blocks


class CatchingUp:
    """What is known of the others' heights, and what was asked of whom."""

    def __init__(self) -> None:
        self._heights: dict[PeerId, int] = {}
        self._asked: tuple[PeerId, int, int] | None = None
        """(peer, start, deadline on the monotonic clock) of the range under way."""
        self._queue: deque[QueuedRange] = deque()
        self._failed: set[PeerId] = set()
        """Not asked before they say something new."""
        self._doubted: set[PeerId] = set()
        """Claimed blocks and did not bring them; outlives the connection, or a new one would be a new credit."""
        self._lost_owing: dict[PeerId, int] = {}
        """How many connections ended before the blocks asked for came."""
        self._next = 0
        """The height after the last block asked for, fetched or stored."""

    def known(self, peer: PeerId, height: int) -> None:
        """A peer says how far it is."""
        self._heights[peer] = max(height, self._heights.get(peer, 0))
        self._failed.discard(peer)

    def height_of(self, peer: PeerId) -> int:
        """How far a peer is known to be."""
        return self._heights.get(peer, 0)

    def lost(self, peer: PeerId) -> None:
        """A peer is gone."""
        self._heights.pop(peer, None)
        self._failed.discard(peer)
        if self._asked is not None and self._asked[0] == peer:
            self._asked = None
            self._lost_owing[peer] = self._lost_owing.get(peer, 0) + 1
            if self._lost_owing[peer] >= LOST_OWING_MAX:
                self._doubted.add(peer)

    def failed(self, peer: PeerId) -> None:
        """A peer sent a range that does not hold, or none in time: others first."""
        self._failed.add(peer)
        self._doubted.add(peer)
        self._queue.clear()
        self._asked = None
        self._next = 0

    def proved(self, peer: PeerId) -> None:
        """A range of this peer holds: its word counts again."""
        self._doubted.discard(peer)
        self._lost_owing.pop(peer, None)

    def ask(self, height: int, now: Now) -> tuple[PeerId, AskRange] | None:
        """The next range to ask for and of whom, if any, given our own height."""
        self._next = max(self._next, height + 1)
        if self._asked is not None:
            peer, start, deadline_ms = self._asked
            if now.monotonic_ms >= deadline_ms:
                # What it brought in time still waits to be checked: on a slow line that would be lost again and again.
                self._failed.add(peer)
                self._doubted.add(peer)
                self._asked = None
            elif peer in self._doubted and any(one not in self._doubted for one in self._ahead(start)):
                self._asked, self._next = None, start
            else:
                return None
        if len(self._queue) >= RANGES_QUEUED_MAX:
            return None
        ahead = self._ahead(self._next)
        if not ahead:
            return None
        # The one that is furthest, the first known among equals: no dice, same inputs give the same choice.
        peer = max(ahead, key=lambda one: (one not in self._doubted, self._heights[one]))
        self._asked = (peer, self._next, now.monotonic_ms + RANGE_DEADLINE_MS)
        return peer, AskRange(start=self._next, bytes=RANGE_BYTES_MAX)

    def came(self, peer: PeerId, blocks: Blocks, height: int) -> bool:
        """Queue a range; False where it is of no use to a node at `height`."""
        start = blocks.start
        was_asked = self._asked is not None and self._asked[0] == peer and self._asked[1] == start
        if was_asked:
            self._asked = None
        self.known(peer, max(blocks.height, start + len(blocks.blocks) - 1 if blocks.blocks else 0))
        if not blocks.blocks:
            self._heights[peer] = min(self._heights[peer], start - 1)
            if was_asked:
                self._doubted.add(peer)
            return False
        expected = self._next if was_asked else max(height + 1, self._queued_to() + 1)
        if start != expected or len(self._queue) >= RANGES_QUEUED_MAX:
            return False
        self._queue.append(QueuedRange(peer=peer, blocks=blocks))
        self._next = start + len(blocks.blocks)
        return True

    def take(self) -> list[QueuedRange]:
        """The ranges to check next, together: one machine's, each continuing the one before. Empty: nothing to do yet.

        Most of a range's cost is its root and its transaction, so whatever else is on its way is waited for (P-37).
        """
        taken: list[QueuedRange] = []
        if self.is_ready:
            while self._queue and (not taken or self._queue[0].peer == taken[0].peer):
                taken.append(self._queue.popleft())
        return taken

    def put_back(self, ranges: Sequence[QueuedRange]) -> None:
        """Ranges that were taken and are to be checked later."""
        self._queue.extendleft(reversed(ranges))

    def deadline_ms(self) -> int | None:
        """When the range under way is overdue, on the monotonic clock."""
        return None if self._asked is None else self._asked[2]

    @property
    def is_ready(self) -> bool:
        """Whether what waits is to be checked now: there is no room for more, or no more of that peer's is coming."""
        if not self._queue:
            return False
        is_coming = self._asked is not None and self._asked[0] == self._queue[-1].peer
        return len(self._queue) >= RANGES_QUEUED_MAX or not is_coming

    @property
    def is_busy(self) -> bool:
        """Whether a range is waiting to be checked."""
        return bool(self._queue)

    @property
    def target(self) -> int:
        """The greatest height any member claims whose word counts."""
        return max((known for peer, known in self._heights.items() if peer not in self._doubted), default=0)

    def _ahead(self, height: int) -> list[PeerId]:
        return [peer for peer, known in self._heights.items() if known >= height and peer not in self._failed]

    def _queued_to(self) -> int:
        return max((item.blocks.start + len(item.blocks.blocks) - 1 for item in self._queue), default=0)
