"""Loose votes, counted: when a quorum is reached, and when a witness contradicts itself (SPEC V-12, V-14).

One vote per view, kind and witness is kept. A second one that no honest witness casts beside it is a conflict; any
other is dropped. Votes of views that are final count no more; they stay a while to convict whoever signs against them.
Bounded: at most `VIEWS_AHEAD_MAX` views beyond the current one, `VIEWS_KEPT_MAX` below it and `VIEWS_PAST_MAX` below
the floor.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.consensus.votes import Certificate, Vote, VoteKind, conflict, quorum, vote_id
from ledger.keys import PublicKey, Signature, verify

VIEWS_AHEAD_MAX = 64
"""Loose votes are kept for so many views beyond the current one: a lying witness fills no memory."""
VIEWS_KEPT_MAX = 1_024
"""And for so many below it: without finality for that long, certificates alone count."""
VIEWS_PAST_MAX = 64
"""And for so many that are final, to be compared only: a minute and more of what a slow link brings late."""


class Tally:
    """The votes of one epoch: those above the floor, which count, and the last below it."""

    def __init__(self, network: bytes, epoch: int, keys: Sequence[PublicKey], *, floor: int = 0) -> None:
        self._network = network
        self._epoch = epoch
        self._keys = list(keys)
        self._votes: dict[int, dict[tuple[VoteKind, int], Vote]] = {}
        self._past: dict[int, dict[tuple[VoteKind, int], Vote]] = {}
        """Those of views that are final."""
        self._floor = floor

    @property
    def keys(self) -> list[PublicKey]:
        """The epoch's voting keys, by place."""
        return self._keys

    def is_past(self, view: int, current: int) -> bool:
        """Whether votes of a view count no more."""
        return view <= max(self._floor, current - VIEWS_KEPT_MAX - 1)

    def is_forgotten(self, view: int, current: int) -> bool:
        """Whether votes of a view are not even compared any more."""
        return self.is_past(view, current) and not self._floor - VIEWS_PAST_MAX < view <= self._floor

    def is_signed(self, vote: Vote) -> bool:
        """Whether a vote is what it says; one's own is verified like any other (V-3)."""
        if vote.epoch != self._epoch or not 0 <= vote.witness < len(self._keys):
            return False
        message = vote_id(self._network, vote.epoch, vote.view, vote.kind, vote.block)
        return verify(self._keys[vote.witness], message, vote.signature)

    def has(self, vote: Vote) -> bool:
        """Whether this very vote was counted."""
        known = (self._votes.get(vote.view) or self._past.get(vote.view, {})).get((vote.kind, vote.witness))
        return known is not None and (known.block, known.signature) == (vote.block, vote.signature)

    def add(self, vote: Vote) -> tuple[Certificate | None, tuple[Vote, Vote] | None]:
        """Count a signed vote: the certificate it completes, or the two votes that convict its witness (V-14)."""
        is_final = vote.view <= self._floor
        votes = (self._past if is_final else self._votes).setdefault(vote.view, {})
        for kind in VoteKind:
            before = votes.get((kind, vote.witness))
            if before is not None and conflict(before, vote):
                return None, (before, vote)
        if (vote.kind, vote.witness) in votes:
            return None, None
        votes[vote.kind, vote.witness] = vote
        if is_final:
            return None, None
        agreeing = self.of(vote.view, vote.kind, vote.block)
        if len(agreeing) != quorum(len(self._keys)):
            return None, None
        signed: list[tuple[int, Signature]] = sorted((one.witness, one.signature) for one in agreeing)
        certificate = Certificate(
            epoch=self._epoch, view=vote.view, kind=vote.kind, block=vote.block, votes=tuple(signed)
        )
        return certificate, None

    def of(self, view: int, kind: VoteKind, block: bytes = b"") -> list[Vote]:
        """The votes of one kind for one block (for no block: nullify votes) in a view."""
        votes = self._votes.get(view, {}).values()
        return [vote for vote in votes if vote.kind is kind and vote.block == block]

    def by(self, witness: int) -> list[Vote]:
        """Everything counted of one witness."""
        return [vote for votes in self._votes.values() for vote in votes.values() if vote.witness == witness]

    def settle(self, floor: int, view: int) -> None:
        """Count no more what is final, and forget what can no longer matter."""
        self._floor = max(self._floor, floor)
        if any(self.is_past(at, view) for at in self._votes):
            self._past |= {at: votes for at, votes in self._votes.items() if at <= self._floor}
            self._past = {at: votes for at, votes in self._past.items() if not self.is_forgotten(at, view)}
            self._votes = {at: votes for at, votes in self._votes.items() if not self.is_past(at, view)}
