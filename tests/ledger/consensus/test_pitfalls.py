"""What went wrong in prototypes of this machine, each as the one situation that shows it.

SPEC V-8 to V-21; each test names its rule.
"""

from __future__ import annotations

from ledger.consensus.pace import DELTA_MS
from ledger.consensus.tally import VIEWS_AHEAD_MAX, VIEWS_PAST_MAX
from ledger.consensus.votes import Certificate, Vote
from ledger.consensus.words import (
    AskOwn,
    Broken,
    Certificates,
    Conflict,
    Finalized,
    Halted,
    Met,
    Own,
    Proposal,
    Settled,
    Votes,
)
from ledger.keys import Signature
from tests.ledger.consensus.seat import BLOCK, OTHER, F, N, Seat, X, block, cast, certificate, of, said, vote
from tests.ledger.consensus.toy import World

# -- finality lost before idling


def notarized_in_view_one(place: int = 2) -> tuple[Seat, bytes]:
    """A witness in view 2 above a notarized block that is not final, with nothing more to order."""
    one, made = Seat(place=place), block(1, 5)
    one.start()
    one.notarize(made)
    assert one.replica.view == 2 and one.disk.final == []
    return one, made.header.id


def test_a_leader_with_nothing_new_carries_the_tip_after_a_while() -> None:
    """V-15: only a later view can make it final where F votes of this one were lost."""
    one, name = notarized_in_view_one()
    assert said(one.wait(3 * DELTA_MS // 4 - 1), Proposal) == []
    (proposal,) = said(one.wait(1), Proposal)
    assert (proposal.block, proposal.vote.view, proposal.vote.block) == (None, 2, name)


def test_a_leader_carries_at_once_where_finality_cannot_come_any_more() -> None:
    """V-15: more than n - q gave the tip's view up, so no quorum finalizes it there."""
    one, name = notarized_in_view_one()
    assert said(one.hear_votes(vote(0, X)), Proposal) == []
    (proposal,) = said(one.hear_votes(vote(3, X)), Proposal)
    assert (proposal.block, proposal.vote.block) == (None, name)


def test_a_carry_of_a_notarized_or_final_block_is_voted_for_and_makes_it_final() -> None:
    """V-16, V-5."""
    one, name = notarized_in_view_one(place=0)
    carry = Proposal(vote=vote(2, N, 2, name), block=None)
    assert cast(one.hear(carry, 2)) == [(N, 2, name)]
    effects = one.hear_votes(vote(3, N, 2, name))
    assert cast(effects) == [(F, 2, name)]
    (final,) = of(one.hear_votes(*(vote(place, F, 2, name) for place in (1, 2))), Finalized)
    assert (final.block, one.replica.floor) == (name, 2)
    again = Proposal(vote=vote(3, N, 3, name), block=None)
    assert cast(one.hear(again, 3)) == [(N, 3, name)], "of a final block as well"


def test_a_carry_of_what_was_not_notarized_is_not_voted_for() -> None:
    """V-16."""
    one, _ = notarized_in_view_one(place=0)
    assert cast(one.hear(Proposal(vote=vote(2, N, 2, OTHER), block=None), 2)) == []


def test_a_quiet_network_ends_with_everything_final_though_votes_were_lost() -> None:
    """V-15: every F of the last view is lost, and nothing more comes to be ordered."""
    world = World(1, 4)
    world.lie = lambda witness, to, word: None if any_finalizes(word) and world.now_ms < 400 else word
    world.offer(1, 0)
    world.run(20_000)
    assert world.heights() == [1, 1, 1, 1]


def any_finalizes(word: object) -> bool:
    return isinstance(word, Votes) and any(one.kind is F for one in word.votes)


# -- restarts


def test_own_votes_count_again_after_a_restart() -> None:
    """V-9: they are in the journal and nowhere else, and the last one makes the quorum."""
    one, made = Seat(), block(1, 5)
    name = made.header.id
    one.notarize(made)
    again = one.again(cleared=True)
    again.start()
    assert [counted.kind for counted in again.replica._book.tally.by(0)] == [N, F]
    assert of(again.hear_votes(vote(1, F, 1, name), vote(2, F, 1, name)), Finalized)


def test_a_leader_that_restarts_shows_the_proposal_it_signed_and_no_other() -> None:
    """V-9, V-15."""
    one = Seat(place=1)
    (first,) = said(one.offer(5), Proposal)
    again = one.again(cleared=True)
    again.pending |= {6, 7}
    again.start()
    told = again.wait(2 * DELTA_MS)
    assert said(told, Proposal) == [first]
    assert [one for one in cast(told) if one[0] is N] == []


def test_a_witness_asks_before_its_first_vote_and_votes_once_enough_have_answered() -> None:
    """V-21: a quorum less itself, and a few paces for the rest."""
    one = Seat(is_cleared=False)
    assert said(one.start(token=7), AskOwn) == [AskOwn(epoch=1, token=7)]
    assert not one.replica.may_vote and one.replica.is_asking
    made = block(1, 5)
    assert cast(one.propose(made)) == []
    for source in (1, 2):
        one.hear(Own(epoch=1, token=7, votes=(), certificates=()), source)
        assert not one.replica.may_vote
    assert cast(one.wait(4 * DELTA_MS)) != []
    assert not one.replica.is_asking


def test_the_question_is_repeated_until_enough_have_answered() -> None:
    """V-21: messages are lost."""
    one = Seat(is_cleared=False)
    one.start()
    assert len(said(one.wait(60_000), AskOwn)) > 5
    assert said(one.give(Met(peer=b"x")), AskOwn)
    for source in (1, 2, 3):
        one.hear(Own(epoch=1, token=7, votes=(), certificates=()), source)
    assert said(one.wait(60_000), AskOwn) == []


def test_answers_of_plain_members_other_starts_and_ones_own_place_open_nothing() -> None:
    """V-21."""
    one = Seat(is_cleared=False)
    one.start(token=7)
    for number in range(9):
        one.hear(Own(epoch=1, token=7, votes=(), certificates=()), peer=bytes([40 + number]))
        one.hear(Own(epoch=1, token=6, votes=(), certificates=()), number % 4)
        one.hear(Own(epoch=2, token=7, votes=(), certificates=()), number % 4)
        one.hear(Own(epoch=1, token=7, votes=(), certificates=()), 0)
    one.wait(100_000)
    assert one.replica.is_asking


def test_a_witness_tells_all_it_has_seen_of_anothers_votes_loose_and_in_certificates() -> None:
    """V-21: answering needs no voting."""
    one = Seat(is_cleared=False)
    one.start()
    one.hear_votes(vote(3, N, 5), vote(2, N, 5))
    shown = certificate((1, 2, 3), X, 1)
    one.hear_certificates(shown)
    (own,) = said(one.hear(AskOwn(epoch=1, token=9), 3), Own)
    assert own.token == 9 and own.votes == (vote(3, X, 1), vote(3, N, 5)) and shown in own.certificates
    assert said(one.hear(AskOwn(epoch=1, token=9), peer=b"member"), Own) == []
    assert said(one.hear(AskOwn(epoch=2, token=9), 3), Own) == []


def test_a_journal_that_was_put_back_is_noticed_by_the_answers_and_votes_no_more() -> None:
    """V-21, V-10."""
    one = Seat(is_cleared=False)
    one.start()
    own = Own(epoch=1, token=7, votes=(vote(0, N, 1, OTHER),), certificates=())
    assert of(one.hear(own, 1), Halted)
    for source in (2, 3):
        one.hear(Own(epoch=1, token=7, votes=(), certificates=()), source)
    one.wait(10_000)
    assert cast(one.propose(block(1, 5))) == [] and not one.replica.may_vote and one.replica.halted


def test_a_journal_much_older_than_the_answers_is_noticed_as_well() -> None:
    """V-21: its own votes are further ahead than loose votes are kept."""
    one = Seat(is_cleared=False)
    one.start()
    far = vote(0, N, VIEWS_AHEAD_MAX + 500)
    assert of(one.hear(Own(epoch=1, token=7, votes=(far,), certificates=()), 1), Halted)
    assert one.replica._book.tally._votes == {}


def test_an_unknown_vote_of_ones_own_halts_at_any_later_time_also_inside_a_certificate() -> None:
    """V-21, V-10."""
    for word in (Votes(votes=(vote(0, F, 3),)), Certificates(certificates=(certificate((0, 1, 2), X, 3),))):
        one = Seat()
        one.start()
        assert [effect.reason for effect in of(one.hear(word), Halted)] == [one.replica.halted]
        assert cast(one.propose(block(one.replica.view, 5))) == []


def test_a_garbage_certificate_with_ones_own_forged_signature_halts_nobody() -> None:
    """V-3: exempting one's own signature from the check would."""
    one = Seat()
    votes = [(place, vote(place, X, 3).signature) for place in (1, 2)]
    forged = Certificate(epoch=1, view=3, kind=X, block=b"", votes=((0, Signature(bytes(64))), *votes))
    assert one.hear_certificates(forged) == []
    own = Vote(epoch=1, view=3, kind=X, block=b"", witness=0, signature=Signature(bytes(64)))
    assert one.hear_votes(own) == []
    assert not one.replica.halted and one.replica.view == 1
    assert cast(one.propose(block(1, 5))) != []


def test_a_whole_set_that_lost_its_power_goes_on() -> None:
    """V-21: votes are asked for, not views."""
    world = World(3, 4)
    world.offer(1, 0)
    world.run(90)
    for witness in world.witnesses:
        witness.is_up = False
        witness.incarnation += 1
    for witness in world.witnesses:
        world.at(100, lambda witness=witness: world.again(witness))  # type: ignore[misc]
    world.run(60_000)
    assert world.heights() == [1, 1, 1, 1]
    assert not any(witness.halted for witness in world.witnesses)


def test_a_database_older_than_its_journal_votes_when_it_has_caught_up() -> None:
    """V-10: what the journal knows to be final is not voted on again."""
    one, made = Seat(), block(3, 5)
    one.replica.restore(floor=3, certificates=(), blocks=(), votes=())
    assert not one.replica.may_vote
    assert cast(one.propose(block(1, 6))) == []
    one.disk.final.append(made)
    one.hear_certificates(certificate((1, 2, 3), F, 3, made.header.id))
    assert one.replica.floor == 3 and one.replica.may_vote


# -- evidence


def test_a_finalization_of_another_block_than_one_notarized_convicts_nobody() -> None:
    """V-14: a leader that shows two blocks makes honest witnesses do it."""
    one = Seat()
    effects = one.hear_votes(vote(1, N, 1, BLOCK), vote(1, F, 1, OTHER), vote(2, X), vote(2, N, 1, BLOCK))
    assert of(effects, Conflict) == []


def test_two_votes_no_honest_witness_signs_both_are_shown_with_both() -> None:
    """V-14."""
    for first, second in (
        (vote(1, N, 1, BLOCK), vote(1, N, 1, OTHER)),
        (vote(1, F, 1, BLOCK), vote(1, F, 1, OTHER)),
        (vote(1, X), vote(1, F, 1, BLOCK)),
    ):
        (guilt,) = of(Seat().hear_votes(first, second), Conflict)
        assert (guilt.one, guilt.two) == (first, second)


def test_a_leader_that_proposes_two_blocks_in_a_view_is_convicted_by_them() -> None:
    """V-14, V-15: the first is judged, the second is evidence."""
    one, first, second = Seat(), block(1, 5), block(1, 6)
    assert cast(one.propose(first)) == [(N, 1, first.header.id)]
    effects = one.propose(second)
    assert cast(effects) == [] and len(of(effects, Conflict)) == 1


def test_who_votes_for_a_proposal_hands_its_leaders_vote_on() -> None:
    """V-14, V-16: before anything is final everybody knows what the leader showed to anybody."""
    one, made = Seat(), block(1, 5)
    (word,) = said(one.propose(made), Votes)
    assert word.votes == (vote(0, N, 1, made.header.id), vote(1, N, 1, made.header.id))


def test_a_leader_that_showed_us_another_block_is_convicted_by_the_others_certificate() -> None:
    """V-14: nobody hands its loose votes on."""
    one, shown, other = Seat(), block(1, 5), block(1, 6)
    one.propose(shown)
    theirs = certificate((1, 2, 3), N, 1, other.header.id)
    (guilt,) = of(one.hear_certificates(theirs, source=2), Conflict)
    assert (guilt.one.witness, {guilt.one.block, guilt.two.block}) == (1, {shown.header.id, other.header.id})
    late = Seat()
    late.hear_certificates(theirs, source=2)
    assert of(late.hear_votes(vote(1, N, 1, shown.header.id)), Conflict), "also where the certificate came first"


def test_a_second_vote_of_a_view_that_is_final_convicts_as_well() -> None:
    """V-14: waiting for finality saves no liar; the late vote counts for nothing and is kept for a while only."""
    for late in (vote(1, N, 1, OTHER), vote(1, F, 1, OTHER), vote(1, X)):
        one, made = Seat(), block(1, 5)
        one.notarize(made)
        one.hear_votes(*(vote(place, F, 1, made.header.id) for place in (1, 2)))
        assert one.replica.floor == 1
        (guilt,) = of(one.hear_votes(late), Conflict)
        assert guilt.two == late and guilt.one.block == made.header.id
        assert of(one.hear_votes(vote(3, F, 1, OTHER)), Conflict) == [], "of whom nothing else was seen"
        assert of(one.hear(Proposal(vote=vote(1, N, 1, OTHER), block=None)), Conflict), "nor does a proposal come late"
        one.hear_certificates(certificate((1, 2, 3), F, 1 + VIEWS_PAST_MAX, OTHER))
        one.disk.final.append(made)
        one.replica.step(Settled(certificate=certificate((1, 2, 3), F, 1 + VIEWS_PAST_MAX, OTHER)), one.clock)
        assert of(one.hear_votes(late), Conflict) == [] and 1 not in one.replica._book.tally._past


def test_every_vote_in_a_certificate_is_compared_also_where_the_certificate_says_nothing_new() -> None:
    """V-14: whoever is behind shows another quorum's signatures, and a liar may stand among them."""
    for kind in (N, F):
        one, made = Seat(), block(1, 5)
        one.notarize(made, 2)
        if kind is F:
            one.hear_votes(*(vote(place, F, 1, made.header.id) for place in (1, 2)))
        assert of(one.hear_votes(vote(3, kind, 1, OTHER)), Conflict) == []
        (guilt,) = of(one.hear_certificates(certificate((1, 2, 3), kind, 1, made.header.id)), Conflict)
        assert (guilt.one.witness, guilt.one.block, guilt.two.block) == (3, OTHER, made.header.id)


def test_a_certificate_that_came_with_a_range_convicts_as_well() -> None:
    """V-14: nobody sends it to a witness again."""
    one, made = Seat(), block(1, 5)
    one.hear_votes(vote(3, F, 1, OTHER))
    one.disk.final.append(made)
    effects = one.replica.step(Settled(certificate=certificate((1, 2, 3), F, 1, made.header.id)), one.clock)
    (guilt,) = of(effects, Conflict)
    assert {guilt.one.block, guilt.two.block} == {OTHER, made.header.id}
    assert len(effects) == 1, "and nothing else is done in that step (V-11)"


def test_certificates_that_contradict_each_other_stop_the_witness_and_raise_an_alarm() -> None:
    """V-14: only more than f liars make them."""
    one = Seat()
    one.hear_certificates(certificate((1, 2, 3), N, 1, BLOCK))
    effects = one.hear_certificates(certificate((1, 2, 3), F, 1, OTHER))
    (alarm,) = of(effects, Broken)
    assert len(alarm.certificates) == 2 and of(effects, Halted)
    assert one.replica.halted and not one.replica.may_vote


def test_after_a_finalization_no_other_block_of_its_view_is_finalized_nor_voted_for() -> None:
    """V-14: a second one, or the notarization of another block, is an alarm and not a reason to sign."""
    for kind in (F, N):
        one = Seat()
        one.start()
        one.hear_certificates(certificate((1, 2, 3), F, 4, BLOCK))
        effects = one.hear_certificates(certificate((1, 2, 3), kind, 4, OTHER))
        (alarm,) = of(effects, Broken)
        assert {shown.block for shown in alarm.certificates} == {BLOCK, OTHER}
        assert of(effects, Halted) and cast(effects) == []


def test_a_quorum_for_a_block_that_breaks_the_rules_stops_the_witness() -> None:
    """V-7: rule 8."""
    one, bad = Seat(), block(1, -1)
    assert cast(one.propose(bad)) == []
    effects = one.hear_certificates(certificate((1, 2, 3), N, 1, bad.header.id))
    assert {Broken, Halted} <= {type(effect) for effect in effects} and cast(effects) == []
