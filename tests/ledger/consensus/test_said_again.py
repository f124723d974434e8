"""What a witness says again, to whom it connects and while there is work, and how much it tells of another's votes.

SPEC V-19, V-21.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.consensus.pace import DELTA_MS
from ledger.consensus.votes import Certificate, Vote
from ledger.consensus.words import AskOwn, Certificates, Effect, Finalized, Met, Own, Proposal, Standing, Votes
from tests.ledger.consensus.blocks import NETWORK
from tests.ledger.consensus.seat import F, N, Seat, X, block, cast, certificate, of, said, vote

Again = Callable[[Seat], list[Effect]]
VOTES_TOLD = 192
CERTIFICATES_TOLD = 64


def met(one: Seat) -> list[Effect]:
    return one.give(Met(peer=b"x"))


def repeated(one: Seat) -> list[Effect]:
    """What is said from the first repetition on."""
    one.wait(2 * DELTA_MS)
    return one.wait(10_000)


def shown(effects: list[Effect]) -> set[Certificate]:
    return {one for word in said(effects, Certificates) for one in word.certificates}


def voted(effects: list[Effect]) -> set[Vote]:
    return {one for word in said(effects, Votes) for one in word.votes}


@pytest.mark.parametrize("again", [met, repeated])
def test_where_we_stand_and_what_of_ours_may_still_count_is_said_again(again: Again) -> None:
    """V-19: our `finalize` of a view that is over as well, since it may be the one that is missing."""
    one, made = Seat(place=0, pending=[9]), block(1, 5)
    one.start()
    one.notarize(made)
    name = made.header.id
    told = again(one)
    standing = said(told, Standing)[-1]
    assert (standing.epoch, standing.floor, standing.is_working) == (1, 0, True)
    assert vote(0, F, 1, name) in voted(told)
    assert (1, N, name) in {(one.view, one.kind, one.block) for one in shown(told)}, "the end of the view before"


@pytest.mark.parametrize("again", [met, repeated])
def test_the_highest_finalization_is_said_again_before_and_after_its_block_is_stored(again: Again) -> None:
    """V-19: whoever is behind learns that from nobody else."""
    final = certificate((1, 2, 3), F, 3)
    lacking = Seat(pending=[9])
    lacking.start()
    lacking.hear_certificates(final)
    assert final in shown(again(lacking))
    one, made = Seat(place=0, pending=[9]), block(1, 5)
    one.start()
    one.notarize(made)
    done = one.hear_votes(*(vote(place, F, 1, made.header.id) for place in (1, 2)))
    assert of(done, Finalized)
    assert (1, F, made.header.id) in {(one.view, one.kind, one.block) for one in shown(again(one))}


@pytest.mark.parametrize("again", [met, repeated])
def test_a_leader_shows_its_own_proposal_again_and_nobody_anothers(again: Again) -> None:
    """V-19."""
    leader = Seat(place=1)
    leader.start()
    (first,) = said(leader.offer(5), Proposal)
    assert first in said(again(leader), Proposal)
    other = Seat(place=0)
    other.start()
    other.propose(block(1, 5))
    told = again(other)
    assert said(told, Proposal) == []
    assert vote(0, N, 1, block(1, 5).header.id) in voted(told)


def test_of_one_witness_the_newest_votes_and_certificates_are_told_and_no_more() -> None:
    """V-21: an answer is bounded, and what a journal lost is the newest."""
    one, last = Seat(), 300
    one.start()
    one.give_up(*range(1, last + 1))
    (own,) = said(one.hear(AskOwn(epoch=1, token=9), 3), Own)
    assert [told.view for told in own.votes] == list(range(last - VOTES_TOLD + 1, last + 1))
    assert {told.kind for told in own.votes} == {X} and {told.witness for told in own.votes} == {3}
    views = sorted({told.view for told in own.certificates})
    assert len(own.certificates) == CERTIFICATES_TOLD and views[-1] == last and views[0] > last - CERTIFICATES_TOLD
    assert cast(one.propose(block(last + 1, 5, parent=NETWORK))) != [], "and it votes on"
