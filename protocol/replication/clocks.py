"""What the others' clocks say of ours: the median of the connected machines, ours among them (SPEC V-13).

A witness whose clock is far from it proposes nothing until its owner says that the clock is right; everybody is told in
`status`. Of two middle values the one nearer to our own counts, so that one wrong machine alone convinces nobody.
"""

from __future__ import annotations

from ledger.chain import CLOCK_SKEW_MS
from protocol.inputs import Now, PeerId


class Clocks:
    """How far each connected machine's clock is ahead of ours."""

    def __init__(self) -> None:
        self._ahead_ms: dict[PeerId, int] = {}
        self.is_confirmed = False
        """The owner said that our clock is right; the next change of who is connected does not ask again."""

    def heard(self, peer: PeerId, wall_ms: int, now: Now) -> None:
        """A machine says what time it is there; how long that took to come is nothing beside two minutes."""
        self._ahead_ms[peer] = wall_ms - now.wall_ms

    def lost(self, peer: PeerId) -> None:
        """A machine is gone, and its clock counts no more."""
        self._ahead_ms.pop(peer, None)

    @property
    def ahead_ms(self) -> int:
        """How far the others are ahead of us; negative where we are ahead of them."""
        known = sorted([0, *self._ahead_ms.values()])
        lower, upper = known[(len(known) - 1) // 2], known[len(known) // 2]
        return min(lower, upper, key=abs)

    @property
    def is_off(self) -> bool:
        """Whether our clock is so far from the others' that blocks of ours would be refused."""
        return abs(self.ahead_ms) > CLOCK_SKEW_MS
