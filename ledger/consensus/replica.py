"""One witness: which votes it casts, and when a quorum has made a block final (SPEC V-6 to V-12).

A pure machine: ``step(event) -> effects``. The votes of an effect list are made durable before anything after them
happens, so no power cut can make a witness contradict itself. The quorum is that of the epoch's list, whatever its
size; with one witness its own vote is the quorum and a block is notarized and finalized in the step that proposes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from ledger.consensus.votes import Certificate, VoteKind, quorum, sign_vote, vote_id
from ledger.errors import LocalError
from ledger.keys import PublicKey, Signature, SigningKey, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One witness's word on one view."""

    epoch: int
    view: int
    kind: VoteKind
    block: bytes
    """32 bytes; empty for a nullification."""
    witness: int
    """The place in the epoch's list."""
    signature: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """The leader's block for the current view, checked and executed here."""

    view: int
    block: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteSeen:
    """A vote from outside, its signature not yet checked."""

    vote: Vote


Event = Proposed | VoteSeen

VIEWS_AHEAD_MAX = 64
"""Loose votes are kept for so many views beyond the current one (V-12): a lying witness fills no memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """A vote of our own: durable first, then sent to the other witnesses."""

    vote: Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A quorum agreed."""

    certificate: Certificate


Effect = Cast | Certified


class Replica:
    """The voting state of one witness in one epoch."""

    def __init__(
        self, *, network: bytes, epoch: int, keys: Sequence[PublicKey], place: int, signer: SigningKey, floor: int
    ) -> None:
        if keys[place] != signer.public:
            raise LocalError("the voting key is not the one in the witness list")
        self._network = network
        self._epoch = epoch
        self._keys = list(keys)
        self._place = place
        self._signer = signer
        self.floor = floor
        """The last view that is final: no vote at or below it."""
        self.view = floor + 1
        """The view being voted in."""
        self._cast: dict[tuple[int, VoteKind], bytes] = {}
        self._tally: dict[tuple[int, VoteKind, bytes], dict[int, Signature]] = {}
        self._proposed: dict[int, bytes] = {}

    def leader(self, view: int) -> int:
        """The place of the witness who proposes in `view` (V-6)."""
        return view % len(self._keys)

    @property
    def is_leader(self) -> bool:
        """Whether the current view is ours to propose in."""
        return self.leader(self.view) == self._place and self.view not in self._proposed

    def restore(self, votes: Sequence[Vote]) -> None:
        """Take back the votes a journal kept: none of them may ever be contradicted (V-9)."""
        for vote in votes:
            if vote.epoch == self._epoch and vote.witness == self._place and vote.view > self.floor:
                self._cast[vote.view, vote.kind] = vote.block
                self.view = max(self.view, vote.view + 1)

    def step(self, event: Event) -> list[Effect]:
        """Take one event in; effects are to be performed in order."""
        match event:
            case Proposed():
                return self._propose(event)
            case VoteSeen():
                return self._count(event.vote)
            case _:
                assert_never(event)

    def _propose(self, event: Proposed) -> list[Effect]:
        if event.view != self.view or event.view in self._proposed:
            return []
        self._proposed[event.view] = event.block
        return self._vote(event.view, VoteKind.NOTARIZE, event.block)

    def _vote(self, view: int, kind: VoteKind, block: bytes) -> list[Effect]:
        """The one place that holds the key; what contradicts an earlier vote is refused (V-8)."""
        if view <= self.floor or self._contradicts(view, kind, block):
            return []
        self._cast[view, kind] = block
        vote = Vote(
            epoch=self._epoch,
            view=view,
            kind=kind,
            block=block,
            witness=self._place,
            signature=sign_vote(self._signer, self._network, self._epoch, view, kind, block),
        )
        return [Cast(vote=vote), *self._tallied(vote)]

    def _contradicts(self, view: int, kind: VoteKind, block: bytes) -> bool:
        before = self._cast.get((view, kind))
        if before is not None:
            return True
        if kind is VoteKind.FINALIZE:
            return (view, VoteKind.NULLIFY) in self._cast
        if kind is VoteKind.NULLIFY:
            return (view, VoteKind.FINALIZE) in self._cast
        return False

    def _count(self, vote: Vote) -> list[Effect]:
        """A vote from outside: verified like any other, our own included (V-3)."""
        if vote.epoch != self._epoch or not self.floor < vote.view <= self.view + VIEWS_AHEAD_MAX:
            return []
        if not 0 <= vote.witness < len(self._keys):
            return []
        message = vote_id(self._network, vote.epoch, vote.view, vote.kind, vote.block)
        if not verify(self._keys[vote.witness], message, vote.signature):
            return []
        return self._tallied(vote)

    def _tallied(self, vote: Vote) -> list[Effect]:
        votes = self._tally.setdefault((vote.view, vote.kind, vote.block), {})
        if vote.witness in votes:
            return []
        votes[vote.witness] = vote.signature
        if len(votes) != quorum(len(self._keys)):
            return []
        certificate = Certificate(
            epoch=self._epoch, view=vote.view, kind=vote.kind, block=vote.block, votes=tuple(sorted(votes.items()))
        )
        effects: list[Effect] = [Certified(certificate=certificate)]
        if vote.kind is VoteKind.FINALIZE:
            self.settle(vote.view)
            return effects
        # V-7: a view ends with either certificate; a notarized one is finalized as well, unless it was given up.
        self.view = max(self.view, vote.view + 1)
        if vote.kind is VoteKind.NOTARIZE:
            effects += self._vote(vote.view, VoteKind.FINALIZE, vote.block)
        return effects

    def settle(self, view: int) -> None:
        """A block was finalized in `view`: nothing at or below it is voted on again (V-11)."""
        self.floor = max(self.floor, view)
        self.view = max(self.view, view + 1)
        self._cast = {key: block for key, block in self._cast.items() if key[0] > self.floor}
        self._tally = {key: votes for key, votes in self._tally.items() if key[0] > self.floor}
        self._proposed = {key: block for key, block in self._proposed.items() if key > self.floor}
