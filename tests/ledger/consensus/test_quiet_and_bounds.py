"""A witness is quiet where there is nothing to do, and what others make it keep, ask or answer is bounded.

SPEC V-12, V-15, V-17 to V-20.
"""

from __future__ import annotations

import pytest

from ledger.consensus.deciding import DEPTH_MAX
from ledger.consensus.hearing import PROPOSALS_AHEAD_MAX
from ledger.consensus.pace import DELTA_MS
from ledger.consensus.tally import VIEWS_AHEAD_MAX
from ledger.consensus.votes import VoteKind
from ledger.consensus.words import (
    Ask,
    AskOwn,
    Bodies,
    Certificates,
    Finalized,
    Own,
    Proposal,
    Standing,
    Tell,
    Votes,
    Write,
)
from tests.ledger.consensus.blocks import NETWORK, Disk, toy_block
from tests.ledger.consensus.seat import OTHER, F, N, Seat, X, block, cast, certificate, of, said, vote

# -- silence


def test_an_idle_witness_says_nothing_and_sets_no_timer() -> None:
    """V-17."""
    one = Seat()
    one.start()
    assert one.replica.wake_ms(one.clock) is None and not one.replica.is_working
    made = block(1, 5)
    one.notarize(made)
    assert one.replica.wake_ms(one.clock) is not None
    one.hear_votes(*(vote(place, F, 1, made.header.id) for place in (1, 2)))
    assert one.replica.wake_ms(one.clock) is None
    assert one.wait(10**9) == []


def test_a_proposal_alone_is_work() -> None:
    """V-17: its view ends one way or the other."""
    one = Seat()
    one.start()
    one.propose(block(1, -1))
    assert one.replica.is_working
    assert (X, 1, b"") in cast(one.wait(3 * DELTA_MS))


def test_without_a_proposal_a_view_is_given_up_after_two_paces_and_said_again() -> None:
    """V-18, V-19."""
    one = Seat()
    one.start()
    one.offer(5)
    assert cast(one.wait(2 * DELTA_MS - 1)) == []
    assert cast(one.wait(1)) == [(X, 1, b"")]
    told = one.wait(20_000)
    assert cast(told) == []
    assert len([1 for word in said(told, Votes) if vote(0, X) in word.votes]) >= 3
    assert {standing.is_working for standing in said(told, Standing)} == {True}


def test_who_gave_a_view_up_before_it_was_notarized_waits_longer_in_the_next() -> None:
    """V-18: else links slower than the pace notarize view after view, and none of them is ever final."""
    one = Seat(n=2, place=1, pending=[5])
    one.start()
    (proposal,) = said([*one.offer(5), *one.wait(3 * DELTA_MS)], Proposal)[:1]
    assert [kind for kind, *_ in one_cast(one, 1)] == [N, X]
    one.hear_votes(vote(0, N, 1, proposal.vote.block))
    assert (one.replica.view, one_cast(one, 2)) == (2, [])
    assert cast(one.wait(3 * DELTA_MS - 1)) == []
    assert cast(one.wait(1)) == [(X, 2, b"")]


def test_a_silent_leader_is_skipped_at_once() -> None:
    """V-18: no vote of it was seen for two rounds."""
    one = Seat(place=0, pending=[5])
    one.start()
    one.hear_votes(vote(3, X, 1))
    for view in range(1, 15):
        one.wait(15_000)
        one.hear_votes(vote(1, X, view), vote(2, X, view))
        assert one.replica.view == view + 1
    assert one.replica.leader(15) == 3
    assert (X, 15, b"") in one_cast(one, 15), "given up as it was entered"


def one_cast(one: Seat, view: int) -> list[tuple[VoteKind, int, bytes]]:
    return [(made.kind, made.view, made.block) for made in one.signer.of_view(view)]


def test_nobody_is_skipped_while_more_look_silent_than_may_be_faulty() -> None:
    """V-18: else slow links would skip everybody in turn."""
    one = Seat(place=0, pending=[5])
    one.start()
    one.hear_votes(vote(2, X, 1), vote(3, X, 1))
    for view in range(1, 15):
        one.wait(10_000)
        one.hear_certificates(certificate((1, 2, 3), X, view))
    assert one.replica.leader(15) == 3 and one_cast(one, 15) == []


# -- bounds


@pytest.mark.parametrize(("place", "carried"), [(0, 12), (1, 9)])
def test_after_eight_blocks_that_are_not_final_a_leader_only_carries(place: int, carried: int) -> None:
    """V-15: finality that is stuck fills no memory; nine stand there where view 12 is led, eight where view 9 is."""
    one = Seat(place=place, pending=range(100))
    done = one.start()
    parent, height, shown = NETWORK, 1, list[Proposal]()
    for view in range(1, carried + 1):
        if view % 4 == place:
            done += one.wait(DELTA_MS)
            shown.append(said(done, Proposal)[-1])
            parent, height = shown[-1].vote.block, height + (shown[-1].block is not None)
            others = [other for other in range(4) if other != place]
            done = one.hear_votes(*(vote(other, N, view, parent) for other in others[:2]))
        else:
            fresh = toy_block(parent, height, view, (1_000 + view,))
            done = one.notarize(fresh)
            parent, height = fresh.header.id, height + 1
    assert [made.block is None for made in shown] == [made.vote.view == carried for made in shown]
    assert (shown[-1].vote.view, one.disk.final) == (carried, [])
    assert DEPTH_MAX == 8


def test_a_leader_asks_for_the_block_it_has_to_build_on() -> None:
    """V-15, V-20: a quorum's certificate came without it."""
    one, made = Seat(place=2, pending=(9,)), block(1, 5)
    one.start()
    done = one.hear_certificates(certificate((0, 1, 3), N, 1, made.header.id))
    assert [ask.blocks for ask in said(done, Ask)] == [(made.header.id,)]
    assert said(done, Proposal) == []
    (proposal,) = said(one.hear(Bodies(blocks=(made,))), Proposal)
    assert proposal.block is not None and proposal.block.header.parent == made.header.id


def test_proposals_and_votes_far_ahead_are_not_kept() -> None:
    """V-12, V-15."""
    one = Seat()
    for view in range(1, 400):
        leader = view % 4
        if leader:
            made = block(view, view)
            one.hear(Proposal(vote=vote(leader, N, view, made.header.id), block=made), leader)
    book = one.replica._book
    assert max(book.proposed) <= 1 + PROPOSALS_AHEAD_MAX
    assert len(one.tree.bodies) <= 1 + PROPOSALS_AHEAD_MAX
    assert max(book.tally._votes) <= 1 + VIEWS_AHEAD_MAX


def test_proposals_of_views_that_are_over_are_forgotten_though_nothing_is_final() -> None:
    """V-15."""
    one = Seat()
    for view in range(1, 60):
        if view % 4:
            one.propose(block(view, view))
        one.give_up(view)
    assert len(one.replica._book.proposed) <= 1 + PROPOSALS_AHEAD_MAX


def test_bodies_are_taken_only_where_they_were_asked_for() -> None:
    """V-20."""
    one, made = Seat(), block(1, 5)
    one.hear(Bodies(blocks=(made,)))
    assert one.tree.bodies == {}
    effects = one.hear_certificates(certificate((1, 2, 3), F, 1, made.header.id))
    assert [ask.blocks for ask in said(effects, Ask)] == [(made.header.id,)]
    assert of(one.hear(Bodies(blocks=(made,))), Finalized)


def test_a_standing_from_ahead_leads_to_one_bounded_question_to_whoever_said_it() -> None:
    """V-20."""
    one = Seat()
    ahead = Standing(epoch=1, view=10**9, floor=10**8, is_working=True)
    asked = [effect for effect in one.hear(ahead, 2) if isinstance(effect, Tell)]
    assert [(effect.peer, effect.word) for effect in asked] == [
        (bytes([2]), Ask(epoch=1, views=(10**9 - 1,), blocks=()))
    ]
    assert one.hear(ahead, 2) == [] and one.hear(ahead, 3) == []
    one.now_ms += DELTA_MS // 2
    assert len(said(one.hear(ahead, 2), Ask)) == 1


def test_whoever_is_behind_is_answered_once_in_half_a_pace() -> None:
    """V-20."""
    one = Seat()
    one.give_up(1, 2, 3)
    behind = Standing(epoch=1, view=1, floor=0, is_working=True)
    (shown,) = said(one.hear(behind, 2), Certificates)
    assert {(made.view, made.kind) for made in shown.certificates} == {(3, X), (1, X)}
    assert one.hear(behind, 2) == [] and one.hear(Votes(votes=(vote(2, N, 1),)), 2) == []
    assert said(one.hear(behind, 3), Certificates)
    one.now_ms += one.replica._book.pace.delta_ms // 2
    assert said(one.hear(behind, 2), Certificates)


def test_a_question_is_answered_with_what_is_here_and_once_in_half_a_pace() -> None:
    """V-20."""
    one, made = Seat(), block(1, 5)
    one.propose(made)
    one.give_up(*range(1, 100))
    ask = Ask(epoch=1, views=tuple(range(1, 65)), blocks=(made.header.id, OTHER))
    effects = one.hear(ask, 2)
    (shown,) = said(effects, Certificates)
    assert len(shown.certificates) == 64
    assert said(effects, Bodies) == [Bodies(blocks=(made,))]
    assert one.hear(ask, 2) == []
    one.now_ms += DELTA_MS // 2 * 12
    assert one.hear(Ask(epoch=2, views=(1,), blocks=(made.header.id,)), 2) == []


def test_who_asks_for_its_own_votes_again_and_again_is_answered_once_in_half_a_pace() -> None:
    """V-20, V-21: an answer may weigh ten thousand times the question."""
    one = Seat()
    assert said(one.hear(AskOwn(epoch=1, token=1), 2), Own)
    assert one.hear(AskOwn(epoch=1, token=2), 2) == []
    one.now_ms += DELTA_MS // 2
    assert said(one.hear(AskOwn(epoch=1, token=2), 2), Own)


def test_a_missing_view_is_asked_for_and_then_the_leader_proposes() -> None:
    """V-15, V-20: propose nothing on a tip that is not known."""
    one = Seat(place=3, pending=[5])
    one.start()
    effects = one.hear_certificates(certificate((0, 1, 2), X, 2))
    assert said(effects, Proposal) == []
    assert [ask.views for ask in said(effects, Ask)] == [(1,)]
    (proposal,) = said(one.hear_certificates(certificate((0, 1, 2), X, 1)), Proposal)
    assert proposal.vote.view == 3


def test_everything_signed_in_a_step_is_one_write_before_everything_told() -> None:
    """V-9: with the certificates that led to it in front."""
    one = Seat(place=0)
    made = block(1, 5)
    one.propose(made)
    effects = one.hear_votes(vote(2, N, 1, made.header.id))
    assert isinstance(effects[0], Write) and len(of(effects, Write)) == 1
    assert [(shown.kind, shown.view) for shown in effects[0].certificates] == [(N, 1)]


def test_a_power_cut_at_any_effect_of_one_witness_alone_loses_nothing() -> None:
    """V-9: the journal alone brings the block back, and no other one is signed in its place."""
    one = Seat(n=1, pending=[5])
    written = of(one.start(), Write)
    assert len(one.disk.final) == 1
    lost = Seat(n=1, pending=[6], disk=Disk(journal=[*written[0].certificates, *written[0].blocks, *written[0].votes]))
    again = lost.again()
    again.start()
    assert [made.header.id for made in again.disk.final][:1] == [one.disk.final[0].header.id]
