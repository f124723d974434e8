"""The votes of epochs that have ended: they count for nothing, and still convict who signed two of them (SPEC V-14).

A key that has left, or that sits on, is held to what it signed before (consensus rule 24). What was counted while the
epoch went on is kept as it was left; a late vote is compared with it, and kept where nothing stands there yet.
Bounded: two epochs, and in each the views that a witness of it would have kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.consensus.tally import VIEWS_AHEAD_MAX, Tally
from ledger.consensus.votes import Certificate, Vote, vote_from_value, votes_of
from ledger.errors import RemoteError
from ledger.keys import PublicKey
from protocol.messages import Ordering
from protocol.replication.wire import certificates_in, votes_in

EPOCHS_MAX = 2
"""The witnesses change once in weeks; a liar who keeps its second vote back for longer has nothing from it."""

Guilt = tuple[PublicKey, Vote, Vote]
"""A voting key and two votes of it that no honest witness signs both."""


class Ended:
    """What was counted in the last epochs before this one."""

    def __init__(self) -> None:
        self._epochs: dict[int, tuple[Tally, int]] = {}
        """Epoch -> its votes, and the view it ended in."""

    def keep(self, epoch: int, tally: Tally, closing: Certificate) -> list[Guilt]:
        """An epoch is over; `closing`, which made its last block final, may convict somebody already."""
        self._epochs[epoch] = (tally, closing.view)
        while len(self._epochs) > EPOCHS_MAX:
            del self._epochs[min(self._epochs)]
        return self._weigh(votes_of(closing))

    def heard(self, message: Ordering) -> list[Guilt]:
        """Whom a message convicts by a vote of an ended epoch; one of a wrong form convicts nobody."""
        return self._weigh(_votes_under(message)) if self._epochs else []

    def _weigh(self, votes: Iterable[Vote]) -> list[Guilt]:
        found: list[Guilt] = []
        for vote in votes:
            tally, last = self._epochs.get(vote.epoch, (None, 0))
            if tally is None or vote.view > last + VIEWS_AHEAD_MAX:
                continue
            if tally.is_forgotten(vote.view, last) or tally.has(vote):
                continue
            if not tally.is_signed(vote):
                # Nobody honest hands such a one on (V-12).
                break
            _, guilt = tally.add(vote)
            if guilt is not None:
                found.append((tally.keys[vote.witness], *guilt))
        return found


def _votes_under(message: Ordering) -> Iterator[Vote]:
    try:
        yield from map(vote_from_value, votes_in(message))
        for certificate in certificates_in(message):
            yield from votes_of(certificate)
    except RemoteError:
        # Its sender is told when it says so in this epoch.
        return
