"""Catching up: which member is ahead, which blocks to ask of whom, and the ranges that wait to be checked.

Ranges are fetched while others are checked, so both ends stay busy; what one peer brings in time is checked together.
Where several are ahead each brings a *stretch* of its own, one range after the other, and the ranges are checked in the
order of their heights, whoever brings them. A peer that is slow, silent or lies costs its own range alone, which is
asked again elsewhere. A peer's word on its height is only a hint, since every range is checked against the certificate
(consensus rules 20 and 21; SPEC P-30 to P-37, P-90 to P-92). Whoever claims a height and does not bring the blocks is
doubted: asked last, and no reason for a witness to wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protocol.inputs import Now, PeerId
from protocol.limits import ASKED_AT_ONCE_MAX, LOST_OWING_MAX, RANGE_DEADLINE_MS, RANGES_LATER_MAX, RANGES_QUEUED_MAX
from protocol.messages import AskRange, Blocks
from protocol.replication.speeds import Speeds

_ENDLESS = 1 << 62
"""Beyond every height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRange:
    """A range that came and is not yet checked."""

    peer: PeerId
    blocks: Blocks

    @property
    def last(self) -> int:
        """The height of its last block, as its sender counts."""
        return self.blocks.start + len(self.blocks.blocks) - 1


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A range that a machine owes."""

    start: int
    since_ms: int
    """On the monotonic clock, as are all moments here."""
    slow_ms: int
    """From when on it is asked of another machine too, if one has nothing to do."""
    deadline_ms: int
    is_slow: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Stretch:
    """Heights that one machine brings, range by range."""

    peer: PeerId | None
    """None: nobody yet, or no longer; the next that has nothing to do takes it."""
    next: int
    """The first height that has not come."""
    last: int | None
    """None: as far as there is anything; the highest alone, and always, is such."""


class CatchingUp:
    """What is known of the others' heights, and what was asked of whom."""

    def __init__(self) -> None:
        self._heights: dict[PeerId, int] = {}
        self._asked: dict[PeerId, _Asked] = {}
        """The range under way of each machine: one at a time."""
        self._stretches: list[_Stretch] = []
        """In the order of their heights, none of which stands in two."""
        self._queue: deque[QueuedRange] = deque()
        """Each continues the one before."""
        self._later: list[QueuedRange] = []
        """Came before something below them; in the order of their heights."""
        self._failed: set[PeerId] = set()
        """Not asked before they say something new."""
        self._doubted: set[PeerId] = set()
        """Claimed blocks and did not bring them; outlives the connection, or a new one would be a new credit."""
        self._lost_owing: dict[PeerId, int] = {}
        """How many connections ended before the blocks asked for came."""
        self._next = 0
        """The height after the last block that waits in the queue, is being checked or is stored."""
        self._speeds = Speeds()

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
        self._speeds.lost(peer)
        if self._let_go(peer):
            self._lost_owing[peer] = self._lost_owing.get(peer, 0) + 1
            if self._lost_owing[peer] >= LOST_OWING_MAX:
                self._doubted.add(peer)

    def failed(self, peer: PeerId) -> None:
        """A peer sent a range that does not hold: what waits of it is dropped, and others are asked first (P-31)."""
        self._failed.add(peer)
        self._doubted.add(peer)
        self._let_go(peer)
        # What stands above it was not its to spoil, and waits for the same heights from somebody else.
        self._later = sorted(
            (one for one in (*self._queue, *self._later) if one.peer != peer), key=lambda one: one.blocks.start
        )
        self._queue.clear()
        self._next = 0

    def proved(self, peer: PeerId) -> None:
        """A range of this peer holds: its word counts again."""
        self._doubted.discard(peer)
        self._lost_owing.pop(peer, None)

    def ask_all(self, height: int, now: Now) -> list[tuple[PeerId, AskRange]]:
        """All that is to be asked for now and of whom, given our own height."""
        found = []
        while (asked := self.ask(height, now)) is not None:
            found.append(asked)
        return found

    def ask(self, height: int, now: Now) -> tuple[PeerId, AskRange] | None:
        """The next range to ask for and of whom, if any."""
        self._next = max(self._next, height + 1)
        for peer, asked in list(self._asked.items()):
            asked.is_slow = now.monotonic_ms >= asked.slow_ms
            if now.monotonic_ms >= asked.deadline_ms:
                # What it brought in time still waits to be checked: on a slow line that would be lost again and again.
                self._failed.add(peer)
                self._doubted.add(peer)
                self._let_go(peer)
            elif peer in self._doubted and any(one not in self._doubted for one in self._ahead(asked.start)):
                self._let_go(peer)
        self._arrange()
        # The one that is furthest, the first known among equals: no dice, same inputs give the same choice.
        for peer in sorted(self._idle(), key=lambda one: -self._heights[one]):
            stretch = self._work_for(peer)
            if stretch is not None:
                return peer, self._request(peer, stretch, now)
        return None

    def came(self, peer: PeerId, blocks: Blocks, height: int, now: Now) -> bool:
        """Queue a range; False where it is of no use to a node at `height`."""
        start, count = blocks.start, len(blocks.blocks)
        asked = self._asked.get(peer)
        was_asked = asked is not None and asked.start == start
        self.known(peer, max(blocks.height, start + count - 1 if count else 0))
        if asked is not None and was_asked:
            del self._asked[peer]
            self._speeds.came(peer, blocks, now.monotonic_ms - asked.since_ms)
        if not count:
            self._heights[peer] = min(self._heights[peer], start - 1)
            if was_asked:
                self._doubted.add(peer)
                self._let_go(peer)
            return False
        self._next = max(self._next, height + 1)
        fresh = QueuedRange(peer=peer, blocks=blocks)
        continues = start <= self._next <= fresh.last if was_asked else start == self._next
        if continues and len(self._queue) < RANGES_QUEUED_MAX:
            self._queue.append(fresh)
            self._next = fresh.last + 1
        elif was_asked and start > self._next and all(one.blocks.start != start for one in self._later):
            self._later = sorted((*self._later, fresh), key=lambda one: one.blocks.start)
        else:
            return False
        for stretch in self._stretches:
            if start <= stretch.next <= fresh.last:
                stretch.next = fresh.last + 1
        return True

    def take(self) -> list[QueuedRange]:
        """The ranges to check next, together: one machine's, each continuing the one before. Empty: nothing to do yet.

        Most of a range's cost is its root and its transaction, so whatever else is on its way is waited for (P-37).
        """
        taken: list[QueuedRange] = []
        if self.is_ready:
            while self._queue and (not taken or self._queue[0].peer == taken[0].peer):
                taken.append(self._queue.popleft())
            self._fill()
        return taken

    def put_back(self, ranges: Sequence[QueuedRange]) -> None:
        """Ranges that were taken and are to be checked later."""
        self._queue.extendleft(reversed(ranges))

    def deadline_ms(self) -> int | None:
        """When a range under way is overdue, or to be asked of somebody who has nothing to do."""
        is_idle = any(True for _ in self._idle())
        moments = (one.slow_ms if is_idle and not one.is_slow else one.deadline_ms for one in self._asked.values())
        return min(moments, default=None)

    @property
    def is_ready(self) -> bool:
        """Whether what waits is to be checked now: there is no room for more, or no more of that peer's is coming."""
        if not self._queue:
            return False
        asked = self._asked.get(self._queue[-1].peer)
        return len(self._queue) >= RANGES_QUEUED_MAX or asked is None or asked.start != self._next

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

    def _idle(self) -> Iterator[PeerId]:
        """Machines that could bring something and were asked for nothing; doubted ones where there are no others."""
        ahead = self._ahead(self._next)
        good = [peer for peer in ahead if peer not in self._doubted]
        return (peer for peer in good or ahead if peer not in self._asked)

    def _let_go(self, peer: PeerId) -> bool:
        """Ask nothing more of a peer for now; whether it owed something."""
        for stretch in self._stretches:
            if stretch.peer == peer:
                stretch.peer = None
        return self._asked.pop(peer, None) is not None

    # -- who brings what

    def _arrange(self) -> None:
        """Queue what continues, forget stretches that came whole, and let every height be of one."""
        self._fill()
        for stretch in self._stretches:
            stretch.next = max(stretch.next, self._next)
        self._stretches = [one for one in self._stretches if one.last is None or one.next <= one.last]
        spans: list[tuple[int, int, _Stretch | None]] = [(one.blocks.start, one.last, None) for one in self._later]
        spans += [(one.next, _ENDLESS if one.last is None else one.last, one) for one in self._stretches]
        at = self._next
        for start, last, whose in sorted(spans, key=lambda span: span[0]):
            if start > at and whose is not None and self._is_free(whose):
                whose.next = at
            elif start > at:
                self._stretches.append(_Stretch(peer=None, next=at, last=start - 1))
            at = max(at, last + 1)
        if at < _ENDLESS:
            self._stretches.append(_Stretch(peer=None, next=at, last=None))
        self._stretches.sort(key=lambda one: one.next)

    def _fill(self) -> None:
        """Move into the queue what waited for something below it."""
        while self._later and len(self._queue) < RANGES_QUEUED_MAX:
            lowest = self._later[0]
            if lowest.last >= self._next:
                if lowest.blocks.start > self._next:
                    return
                self._queue.append(lowest)
                self._next = lowest.last + 1
            self._later.pop(0)

    def _work_for(self, peer: PeerId) -> _Stretch | None:
        """What a machine with nothing to do is asked for: the lowest that is its own or nobody's, else more (P-90)."""
        height = self._heights[peer]
        for stretch in self._stretches:
            if stretch.next <= height and self._has_room(stretch.next):
                if stretch.peer == peer or self._is_free(stretch):
                    stretch.peer = peer
                    return stretch
        return self._further(peer)

    def _is_free(self, stretch: _Stretch) -> bool:
        """Whether nobody brings it, or somebody who takes so long that another machine is asked too."""
        if stretch.peer is None:
            return True
        asked = self._asked.get(stretch.peer)
        if asked is None:
            # The highest goes on with whoever is furthest; another waits for its machine while that can go on.
            return stretch.last is None or stretch.peer not in self._ahead(stretch.next)
        return asked.is_slow and asked.start == stretch.next

    def _further(self, peer: PeerId) -> _Stretch | None:
        """A new stretch above all others, where it is known how far the last one shall go and there is room."""
        length, last = self._speeds.stretch_blocks(peer), self._stretches[-1]
        if length is None:
            return None
        start = last.next + length
        if start > self._heights[peer] or not self._has_room(start):
            return None
        last.last = start - 1
        self._stretches.append(_Stretch(peer=peer, next=start, last=None))
        return self._stretches[-1]

    def _has_room(self, start: int) -> bool:
        """Whether a range from there on may be asked for: what comes has to wait somewhere."""
        if start == self._next:
            return len(self._queue) < RANGES_QUEUED_MAX
        return len(self._later) + len(self._asked) < RANGES_LATER_MAX and len(self._asked) < ASKED_AT_ONCE_MAX

    def _request(self, peer: PeerId, stretch: _Stretch, now: Now) -> AskRange:
        at_ms = now.monotonic_ms
        self._asked[peer] = _Asked(
            start=stretch.next,
            since_ms=at_ms,
            slow_ms=at_ms + self._speeds.slow_after_ms,
            deadline_ms=at_ms + RANGE_DEADLINE_MS,
        )
        return AskRange(start=stretch.next, bytes=self._speeds.range_bytes(peer), end=stretch.last)
