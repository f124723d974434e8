"""Loose votes, counted: when a quorum is reached, and when a witness contradicts itself (SPEC V-12, V-14).

One vote per view, kind and witness is kept. A second one that no honest witness casts beside it is a conflict; any
other is dropped. Bounded: only views above the floor and at most `VIEWS_AHEAD_MAX` beyond the current one.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.consensus.votes import Certificate, Vote, VoteKind, conflict, quorum, vote_id
from ledger.keys import PublicKey, Signature, verify

VIEWS_AHEAD_MAX = 64
"""Loose votes are kept for so many views beyond the current one: a lying witness fills no memory."""
VIEWS_KEPT_MAX = 1_024
"""And for so many below it: without finality for that long, certificates alone count."""


class Tally:
    """The votes of one epoch above the floor."""

    def __init__(self, network: bytes, epoch: int, keys: Sequence[PublicKey], *, floor: int = 0) -> None:
        self._network = network
        self._epoch = epoch
        self._keys = list(keys)
        self._votes: dict[int, dict[tuple[VoteKind, int], Vote]] = {}
        self._floor = floor

    def is_past(self, view: int, current: int) -> bool:
        """Whether votes of a view are not kept any more."""
        return view <= max(self._floor, current - VIEWS_KEPT_MAX - 1)

    def is_signed(self, vote: Vote) -> bool:
        """Whether a vote is what it says; one's own is verified like any other (V-3)."""
        if vote.epoch != self._epoch or not 0 <= vote.witness < len(self._keys):
            return False
        message = vote_id(self._network, vote.epoch, vote.view, vote.kind, vote.block)
        return verify(self._keys[vote.witness], message, vote.signature)

    def has(self, vote: Vote) -> bool:
        """Whether this very vote was counted."""
        known = self._votes.get(vote.view, {}).get((vote.kind, vote.witness))
        return known is not None and (known.block, known.signature) == (vote.block, vote.signature)

    def add(self, vote: Vote) -> tuple[Certificate | None, tuple[Vote, Vote] | None]:
        """Count a signed vote: the certificate it completes, or the two votes that convict its witness."""
        votes = self._votes.setdefault(vote.view, {})
        for kind in VoteKind:
            before = votes.get((kind, vote.witness))
            if before is not None and conflict(before, vote):
                return None, (before, vote)
        if (vote.kind, vote.witness) in votes:
            return None, None
        votes[vote.kind, vote.witness] = vote
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
        """Forget what can no longer matter."""
        self._floor = max(self._floor, floor)
        if any(self.is_past(at, view) for at in self._votes):
            self._votes = {at: votes for at, votes in self._votes.items() if not self.is_past(at, view)}
