"""The one place that holds a voting key, and refuses whatever contradicts what it signed before (SPEC V-8).

What it has signed is given back to it from the journal at every start. Once halted it signs nothing for ever: its
owner is told, and the seat gets a new key.
"""

from __future__ import annotations

from ledger.consensus.votes import Vote, VoteKind, conflict, sign_vote
from ledger.keys import PublicKey, SigningKey


class Signer:
    """A voting key in one epoch."""

    def __init__(self, key: SigningKey, *, network: bytes, epoch: int, place: int, floor: int) -> None:
        self._key = key
        self._network = network
        self._epoch = epoch
        self._place = place
        self._floor = floor
        self._closed = floor
        """Nothing up to there is signed any more; what was signed above the floor is still known."""
        self._cast: dict[int, dict[VoteKind, Vote]] = {}
        self.halted = ""
        """Why nothing is signed any more; empty while all is well."""

    @property
    def public(self) -> PublicKey:
        """The key the votes are checked with."""
        return self._key.public

    def restore(self, vote: Vote) -> None:
        """Take back a vote that the journal kept."""
        if (vote.epoch, vote.witness) == (self._epoch, self._place) and vote.view > self._floor:
            self._cast.setdefault(vote.view, {})[vote.kind] = vote

    def cast(self, view: int, kind: VoteKind, block: bytes = b"") -> Vote | None:
        """The signed vote, or None where it is refused (V-8)."""
        before = self._cast.get(view, {})
        if self.halted or view <= self._closed or kind in before:
            return None
        opposite = {VoteKind.FINALIZE: VoteKind.NULLIFY, VoteKind.NULLIFY: VoteKind.FINALIZE}.get(kind)
        if opposite in before:
            return None
        vote = Vote(
            epoch=self._epoch,
            view=view,
            kind=kind,
            block=block,
            witness=self._place,
            signature=sign_vote(self._key, self._network, self._epoch, view, kind, block),
        )
        assert not any(conflict(vote, other) for other in before.values()), "nothing that convicts us is signed"
        self._cast.setdefault(view, {})[kind] = vote
        return vote

    def has_cast(self, view: int, kind: VoteKind) -> bool:
        """Whether a vote of this kind was signed in a view above the floor."""
        return kind in self._cast.get(view, {})

    def remembers(self, vote: Vote) -> bool:
        """Whether a vote under our key is one we know of, or too old to matter (V-21)."""
        if vote.view <= self._floor:
            return True
        known = self._cast.get(vote.view, {}).get(vote.kind)
        return known is not None and known.block == vote.block

    def of_view(self, view: int) -> list[Vote]:
        """What was signed in a view."""
        return list(self._cast.get(view, {}).values())

    def finalizes(self) -> list[Vote]:
        """Every finalize vote above the floor: others may still need one of them."""
        return [votes[VoteKind.FINALIZE] for votes in self._cast.values() if VoteKind.FINALIZE in votes]

    def highest(self) -> int:
        """The highest view voted in; 0 where there is none above the floor."""
        return max(self._cast, default=0)

    def close(self, view: int) -> None:
        """Nothing at or below `view` is signed any more: it is known to be final (V-8)."""
        self._closed = max(self._closed, view)

    def settle(self, view: int) -> None:
        """Nothing at or below `view` is signed any more, and whatever was counts as known."""
        self.close(view)
        self._floor = max(self._floor, view)
        self._cast = {at: votes for at, votes in self._cast.items() if at > self._floor}
