"""Who is connected, and to whom something new is given first: a bounded number, and nobody left out for good.

Witnesses' machines come first, since only they put entries into blocks; the others take turns. Our height is told to
one peer now and then, so that a lost message costs a minute and not the next block (SPEC P-15, P-34).
"""

from __future__ import annotations

from ledger.chain import Chain
from ledger.operations.members import member_record
from protocol.effects import Effect, Send
from protocol.inputs import Now, PeerId
from protocol.limits import EXCHANGE_MS, FAN_OUT
from protocol.messages import NewHead


class Neighbours:
    """Connected members' machines, in order of connection."""

    def __init__(self, chain: Chain) -> None:
        self.peers: dict[PeerId, None] = {}
        self._chain = chain
        self._voters: dict[PeerId, int] | None = None
        self._news_ms = 0
        self._turn = 0

    def seats_changed(self) -> None:
        """Witnesses may be others, or have other machines, now."""
        self._voters = None

    def seats(self) -> dict[PeerId, int]:
        """The witnesses' machines and their places in the epoch's list."""
        if self._voters is None:
            records = [member_record(self._chain.state, one["member"]) for one in self._chain.witnesses]
            self._voters = {peer: place for place, record in enumerate(records) if record for peer in record["peers"]}
        return self._voters

    def nearest(self, source: PeerId | None) -> list[PeerId]:
        """At most `FAN_OUT` machines that should hear something new, `source` left out."""
        voters = self.seats()
        others = [peer for peer in self.peers if peer != source]
        others = others[self._turn :] + others[: self._turn]
        return sorted(others, key=lambda peer: peer not in voters)[:FAN_OUT]

    def tick(self, now: Now) -> list[Effect]:
        """Tell the next machine in turn how far we are."""
        if not self.peers or now.monotonic_ms < self._news_ms:
            return []
        self._news_ms = now.monotonic_ms + EXCHANGE_MS
        self._turn = (self._turn + 1) % len(self.peers)
        return self.news(list(self.peers)[self._turn], now)

    def news(self, peer: PeerId, now: Now) -> list[Effect]:
        """Tell one machine how far we are and what time it is here, if we have come anywhere."""
        head = self._chain.head
        if not head.height:
            return []
        return [Send(peer=peer, message=NewHead(height=head.height, block=head.block, time=now.wall_ms))]

    def wake_ms(self, now: Now) -> int | None:
        """When `tick` is next needed, on the monotonic clock."""
        return max(self._news_ms, now.monotonic_ms) if self.peers else None
