"""What a witness refuses although it holds and stands rightly: what follows a closing block, what is not timely.

And what it shows before it proposes. SPEC V-13, V-15, V-16, V-22.
"""

from __future__ import annotations

from ledger.block import Block
from ledger.consensus.words import Certificates, Proposal, Tell
from tests.ledger.consensus.seat import F, N, Seat, X, block, cast, of, said, vote

CLOSING = 5


def above_a_closing_block(place: int, *pending: int) -> tuple[Seat, Block]:
    """A witness in view 2 above a notarized block that changes the witnesses and is not final."""
    one, closing = Seat(place=place, pending=pending), block(1, CLOSING)
    one.tree.closing.add(CLOSING)
    one.start()
    one.notarize(closing)
    assert one.replica.view == 2 and one.disk.final == []
    return one, closing


def child(below: Block) -> Block:
    return block(2, 6, parent=below.header.id, height=2)


def test_nobody_votes_for_a_child_of_a_closing_block_that_is_not_final() -> None:
    """V-16, V-22: the leader of view 2 lies; were it voted for, two lists of witnesses could judge one height."""
    one, closing = above_a_closing_block(0)
    wrong = child(closing)
    assert cast(one.propose(wrong)) == []
    assert (N, 2, wrong.header.id) not in cast(one.wait(60_000))
    for_a_child = above_a_closing_block(0)[0]
    for_a_child.tree.closing.clear()
    assert cast(for_a_child.propose(wrong)) == [(N, 2, wrong.header.id)], "where it closes nothing"


def test_a_closing_block_is_carried_and_the_carry_is_voted_for() -> None:
    """V-16, V-22: so that it becomes final."""
    one, closing = above_a_closing_block(0)
    assert cast(one.hear(Proposal(vote=vote(2, N, 2, closing.header.id), block=None), 2)) == [(N, 2, closing.header.id)]


def test_a_leader_builds_nothing_on_a_closing_tip_and_carries_it_at_once() -> None:
    """V-15, V-22: whatever waits; nothing else can make it final any sooner."""
    for pending in ((), (6, 7)):
        one, closing = Seat(place=2, pending=pending), block(1, CLOSING)
        one.tree.closing.add(CLOSING)
        one.start()
        (proposal,) = said(one.notarize(closing), Proposal)
        assert (proposal.block, proposal.vote.view, proposal.vote.block) == (None, 2, closing.header.id)


def test_a_block_whose_time_is_far_from_our_clock_gets_no_vote() -> None:
    """V-13, V-16: and is counted, since our own clock may be the wrong one; the next that is timely ends the row."""
    one, late, good = Seat(), block(1, 5), block(2, 6)
    one.tree.untimely.add(late.header.id)
    one.start()
    assert cast(one.propose(late)) == []
    assert one.replica.untimely == 1
    one.hear_votes(*(vote(place, X, 1) for place in (1, 2, 3)))
    assert cast(one.propose(good)) == [(N, 2, good.header.id)]
    assert one.replica.untimely == 0


def test_a_carry_is_voted_for_whatever_its_time() -> None:
    """V-13: it grows old while its finality is stuck."""
    one, late = Seat(), block(1, 5)
    one.start()
    one.notarize(late)
    one.tree.untimely.add(late.header.id)
    assert cast(one.hear(Proposal(vote=vote(2, N, 2, late.header.id), block=None), 2)) == [(N, 2, late.header.id)]


def test_what_shows_that_a_proposal_stands_rightly_goes_before_it() -> None:
    """V-15: whoever missed the views since the tip can vote at once."""
    one, tip = Seat(place=3, pending=[8]), block(1, 5)
    one.start()
    one.notarize(tip)
    told = [effect.word for effect in of(one.give_up(2), Tell) if isinstance(effect.word, Certificates | Proposal)]
    shown, proposal = told
    assert isinstance(shown, Certificates) and isinstance(proposal, Proposal)
    assert [(one.view, one.kind) for one in shown.certificates] == [(1, N), (2, X)]
    assert proposal.block is not None and proposal.block.header.parent == tip.header.id
    assert F not in {one.kind for one in shown.certificates}
