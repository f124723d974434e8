"""What the others' clocks say of ours: the median, ours among them, of those whose word counts (SPEC V-13).

A witness whose clock is far from it proposes nothing until its owner says that the clock is right; everybody is told in
`status`. Of two middle values the one nearer to our own counts, so that one wrong machine alone convinces nobody.
"""

from __future__ import annotations

from ledger.chain import CLOCK_SKEW_MS, Chain
from ledger.keys import MemberId
from ledger.operations.members import member_of_peer
from protocol.inputs import Now, PeerId


class Clocks:
    """How far each connected machine's clock is ahead of ours."""

    def __init__(self, chain: Chain, member: MemberId) -> None:
        self._chain = chain
        self._member = member
        self._machines_ms: dict[PeerId, int] = {}
        self.ahead_ms = 0
        """How far the others are ahead of us; negative where we are ahead of them."""
        self.is_confirmed = False
        """The owner said that our clock is right; the next change of who is connected does not ask again."""

    def heard(self, peer: PeerId, wall_ms: int, now: Now) -> None:
        """A machine says what time it is there; how long that took to come is nothing beside two minutes."""
        self._machines_ms[peer] = wall_ms - now.wall_ms
        self._weigh()

    def lost(self, peer: PeerId) -> None:
        """A machine is gone, and its clock counts no more."""
        self._machines_ms.pop(peer, None)
        self._weigh()

    @property
    def is_off(self) -> bool:
        """Whether our clock is so far from the others' that blocks of ours would be refused."""
        return abs(self.ahead_ms) > CLOCK_SKEW_MS

    def _weigh(self) -> None:
        """One clock for each member, however many machines it has: the one nearest to ours.

        Among several witnesses only the others of them have a say: they refuse blocks, and no more than f of them lie,
        while there may be any number of members who would like to see the ledger stand still.
        """
        voters = {MemberId(one["member"]) for one in self._chain.witnesses}
        is_one_of_several = len(voters) > 1 and self._member in voters
        nearest: dict[MemberId, int] = {}
        for peer, ahead_ms in self._machines_ms.items():
            member = member_of_peer(self._chain.state, peer)
            if member is None or member == self._member or (is_one_of_several and member not in voters):
                continue
            nearest[member] = min(nearest.get(member, ahead_ms), ahead_ms, key=abs)
        known = sorted([0, *nearest.values()])
        lower, upper = known[(len(known) - 1) // 2], known[len(known) // 2]
        self.ahead_ms = min(lower, upper, key=abs)
