"""The pending entries as whoever makes blocks sees them: what could be included, and when to look again.

The ordering asks often whether there is work; the answer is kept until something comes, goes or is due, so that a
backlog which nobody can include costs nothing. In front of a state that is not final nothing is noted down about a
key, since that state may never be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ledger.chain import STALL_MS, Chain
from ledger.entry import Entry
from ledger.errors import Refusal
from ledger.fold import check_includable
from ledger.operations.members import key_standing
from ledger.state import View
from protocol.inputs import Now
from protocol.limits import PROPOSE_AGAIN_MS
from protocol.replication.pool import Pool

LOOKED_AT_MAX = 64
"""Candidates judged to learn whether there is work: the first of that many keys."""


class Waiting:
    """What waits, for the ordering."""

    def __init__(self, chain: Chain, pool: Pool) -> None:
        self._chain = chain
        self._pool = pool
        self.clock_is_confirmed = False
        """The owner said that the clock is right although the last block is long past; one block forgets it."""
        self.is_held = False
        """Nothing is proposed: somebody may know more of the ledger, or our clock is not the others'."""
        self._monotonic_ms = 0
        self._wall_ms = 0
        self._again_ms = 0
        """Before this moment nothing can be included, unless something new comes; 0: not known."""
        self._some_until_ms = 0
        """Until when what was found includable does not lapse; 0: nothing was found."""
        self._fresh: list[Entry] = []
        self._ended: list[tuple[Entry, str]] = []

    # -- kept by the ledger peer

    def at(self, now: Now) -> None:
        """The moment of what follows."""
        self._monotonic_ms, self._wall_ms = now.monotonic_ms, now.wall_ms

    def changed(self) -> None:
        """Something came or went, or the head has moved."""
        self._again_ms = 0
        self._some_until_ms = 0

    def wake_ms(self, now: Now) -> int | None:
        """When to look again, on the monotonic clock, where time alone can bring work."""
        if not self.may_propose(now.wall_ms):
            return now.monotonic_ms + PROPOSE_AGAIN_MS
        moments = [self._again_ms] if self._again_ms and len(self._pool) else []
        due_ms = self._chain.next_due_ms()
        if due_ms is not None:
            moments.append(now.monotonic_ms + max(0, due_ms - now.wall_ms))
        return min(moments, default=None)

    def is_stalled(self, wall_ms: int) -> bool:
        """Whether so long after the last block that the clock may be wrong and nothing is proposed (SPEC V-13)."""
        head = self._chain.head
        return head.height > 0 and wall_ms > head.time_ms + STALL_MS and not self.clock_is_confirmed

    def taken(self) -> tuple[list[Entry], list[tuple[Entry, str]]]:
        """What came in blocks of others, and what can stand in no block with the refusal's code; told once."""
        fresh, ended = self._fresh, self._ended
        self._fresh, self._ended = [], []
        return fresh, ended

    # -- for the ordering (`ledger.branches.Pending`)

    def candidates(self, view: View) -> Iterator[Entry]:
        """Those that may be includable, in the order they are to be tried."""
        chain = self._chain
        return self._pool.candidates(view, self._time_ms, chain.charter.limits, noted=view is chain.state)

    def has_any(self, wall_ms: int) -> bool:
        """Whether one could be included on the final state now, or a due item's time has come."""
        if not self.may_propose(wall_ms):
            # To give view after view up would bring nothing either; a proposal of another's is work all the same.
            return False
        due_ms = self._chain.next_due_ms()
        if due_ms is not None and due_ms <= wall_ms:
            return True
        if not len(self._pool) or self._monotonic_ms < self._again_ms:
            return False
        if self._time_ms > self._some_until_ms:
            chain, time_ms = self._chain, self._time_ms
            limits = chain.charter.limits
            lasting = (
                entry.until_ms
                for entry in islice(self.candidates(chain.state), LOOKED_AT_MAX)
                if check_includable(chain.state, chain.network, entry, time_ms, limits) is None
            )
            self._some_until_ms = next(lasting, 0)
            if not self._some_until_ms:
                self.left((), nothing=True)
        return self._some_until_ms > 0

    def may_propose(self, wall_ms: int) -> bool:
        """Whether we may lead."""
        return not self.is_held and not self.is_stalled(wall_ms)

    def knows(self, entry: Entry) -> bool:
        """Whether this very entry waits here: an id says nothing of the signature."""
        known = self._pool.get(entry.id)
        return known is not None and known.signature == entry.signature

    def found(self, entries: Sequence[Entry], height: int) -> None:
        """Entries of a block of this height that we signed for (SPEC P-18)."""
        for entry in entries:
            if entry.id not in self._pool:
                self._pool.add(entry)
                self._fresh.append(entry)
                if key_standing(self._chain.state, entry.key) is None:
                    self._pool.expect(entry.key, height)

    def left(self, entries: Iterable[tuple[Entry, Refusal]], *, nothing: bool) -> None:
        """Candidates that could not be included."""
        alone = len(self._chain.witnesses) == 1
        self._ended += self._pool.discard(self._pool.unknown() if nothing and alone else entries, lapsed=alone)
        if nothing:
            self._some_until_ms = 0
            self._again_ms = self._monotonic_ms + PROPOSE_AGAIN_MS

    @property
    def _time_ms(self) -> int:
        """The time of a block made now."""
        return max(self._wall_ms, self._chain.head.time_ms + 1)
