"""One witness never contradicts itself, whatever the others send, and votes turn into certificates at the quorum."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.consensus.replica import Replica
from ledger.consensus.signer import Signer
from ledger.consensus.tally import VIEWS_AHEAD_MAX
from ledger.consensus.votes import Vote, check_certificate, conflict
from ledger.consensus.words import Certificates, Effect, Finalized, Proposal, Settled, Tell, Votes, Write
from ledger.errors import LocalError
from tests.ledger.consensus.blocks import NETWORK, ToyTree, voting_key
from tests.ledger.consensus.seat import BLOCK, OTHER, F, N, Seat, X, block, cast, certificate, of, said, vote


def test_one_witness_alone_notarizes_and_finalizes_in_one_step() -> None:
    """V-2, V-6, V-7, V-11: its own vote is the quorum, and all of it is one write."""
    one = Seat(n=1)
    effects = one.offer(5)
    made = one.disk.final[0]
    assert cast(effects) == [(N, 1, made.header.id), (F, 1, made.header.id)]
    assert len(of(effects, Write)) == 1 and len(of(effects, Finalized)) == 1
    assert effects.index(of(effects, Write)[0]) < effects.index(of(effects, Finalized)[0])
    check_certificate(of(effects, Finalized)[0].certificate, NETWORK, 1, [voting_key(0).public])
    assert (one.replica.floor, one.replica.view, one.replica.is_working) == (1, 2, False)


def test_four_witnesses_need_three_votes_of_a_kind() -> None:
    """V-2, V-7."""
    one, made = Seat(), block(1, 5)
    name = made.header.id
    assert cast(one.propose(made)) == [(N, 1, name)]
    effects = one.hear_votes(vote(2, N, 1, name))
    assert cast(effects) == [(F, 1, name)]
    assert one.replica.view == 2
    assert cast(one.hear_votes(vote(3, N, 1, name), vote(1, F, 1, name))) == []
    (final,) = of(one.hear_votes(vote(2, F, 1, name)), Finalized)
    check_certificate(final.certificate, NETWORK, 1, [voting_key(i).public for i in range(4)])
    assert (final.certificate.kind, one.replica.floor, one.replica.view) == (F, 1, 2)
    assert one.disk.final == [made]


@pytest.mark.parametrize("votes_first", [True, False])
def test_a_notarization_of_another_block_is_finalized_too(votes_first: bool) -> None:
    """V-7: even having voted for another block, or for none."""
    one, other, made = Seat(), block(1, 6), block(1, 5)
    if votes_first:
        assert cast(one.propose(other)) == [(N, 1, other.header.id)]
    effects = one.hear_certificates(certificate((1, 2, 3), N, 1, made.header.id))
    assert cast(effects) == [(F, 1, made.header.id)]


def test_a_nullification_ends_the_view_and_its_block_is_not_voted_for_any_more() -> None:
    """V-7, V-6."""
    one = Seat()
    one.hear_votes(*(vote(place, X) for place in (1, 2, 3)))
    assert (one.replica.view, one.replica.floor) == (2, 0)
    assert cast(one.propose(block(1, 5))) == []


def test_the_leader_of_a_view_is_its_number_modulo_the_witnesses() -> None:
    """V-6: and nobody else's proposal counts."""
    one = Seat(place=2)
    assert [one.replica.leader(view) for view in range(1, 9)] == [1, 2, 3, 0, 1, 2, 3, 0]
    made = block(1, 5)
    for place in (0, 2, 3):
        assert cast(one.propose(made, by=place)) == []
    assert cast(one.propose(made, by=1)) == [(N, 1, made.header.id)]


def test_only_the_current_view_is_voted_in_and_once() -> None:
    """V-6, V-8, V-16."""
    one = Seat()
    later = block(2, 7)
    assert cast(one.propose(later)) == []
    made = block(1, 5)
    assert cast(one.propose(made)) == [(N, 1, made.header.id)]
    assert cast(one.propose(made)) == []
    assert cast(one.propose(block(1, 6))) == []
    assert cast(one.give_up(1)) == [(N, 2, later.header.id)], "a proposal that came early is judged in its view"


def test_giving_up_a_view_does_not_forbid_to_notarize_its_late_proposal() -> None:
    """V-16: rule 7."""
    one, made = Seat(pending=[5]), block(1, 5)
    one.start()
    assert cast(one.wait(1_000)) == [(X, 1, b"")]
    assert cast(one.propose(made)) == [(N, 1, made.header.id)]
    assert cast(one.hear_votes(vote(2, N, 1, made.header.id))) == [], "but never to finalize it"
    assert one.replica.view == 2


def test_after_a_restart_no_journaled_vote_is_contradicted() -> None:
    """V-9: rule 12."""
    one, made = Seat(), block(1, 5)
    one.propose(made)
    again = one.again(cleared=True)
    assert again.replica.view == 1
    assert cast(again.propose(block(1, 6))) == []
    assert cast(again.hear_certificates(certificate((1, 2, 3), N, 1, OTHER))) == [(F, 1, OTHER)]
    later = one.again(cleared=True)
    later.hear_certificates(certificate((1, 2, 3), N, 1, made.header.id))
    assert later.replica.view == 2
    assert later.again(cleared=True).replica.view == 2, "the certificate that led here was written with the vote"


def test_votes_below_the_floor_are_forgotten_and_never_given() -> None:
    """V-8, V-11, V-12."""
    one = Seat()
    made = block(1, 5)
    one.notarize(made)
    one.propose(block(2, 6, parent=made.header.id, height=2))
    one.hear_votes(vote(1, F, 1, made.header.id), vote(2, F, 1, made.header.id))
    assert one.replica.floor == 1 and one.replica.view == 2
    assert cast(one.hear_votes(vote(1, N, 1, OTHER), vote(1, X, 1))) == []
    assert one.signer.cast(1, X) is None
    book = one.replica._book
    assert 1 not in book.tally._votes and 1 not in book.proposed and 1 not in book.views.notarized


@pytest.mark.parametrize(
    "wrong",
    [
        vote(1, N, epoch=2),
        vote(1, N, view=VIEWS_AHEAD_MAX + 2),
        vote(5, N),
        Vote(epoch=1, view=1, kind=N, block=OTHER, witness=1, signature=vote(1, N).signature),
        Vote(epoch=1, view=1, kind=F, block=BLOCK, witness=1, signature=vote(1, N).signature),
        Vote(epoch=1, view=1, kind=N, block=BLOCK, witness=2, signature=vote(1, N).signature),
    ],
    ids=["epoch", "too far ahead", "no witness", "other block", "other kind", "somebody else's"],
)
def test_a_vote_that_is_wrong_or_too_far_ahead_is_not_kept(wrong: Vote) -> None:
    """V-12, V-3."""
    one = Seat()
    assert cast(one.hear_votes(wrong)) == []
    assert one.replica._book.tally._votes == {}


def test_the_first_wrongly_signed_vote_ends_the_message() -> None:
    """V-12: a peer that sends 256 of them costs one check."""
    one = Seat()
    wrong = Vote(epoch=1, view=1, kind=N, block=OTHER, witness=1, signature=vote(1, N).signature)
    one.hear(Votes(votes=(vote(2, N), wrong, vote(3, N))))
    assert [counted.witness for counted in one.replica._book.tally.of(1, N, BLOCK)] == [2]


def test_a_false_certificate_ends_the_message_and_changes_nothing() -> None:
    """V-3."""
    one = Seat()
    good = certificate((1, 2, 3), X, 1)
    small, forged = certificate((1, 2), X, 2), certificate((1, 2, 3), X, 2)
    forged = type(forged)(epoch=1, view=3, kind=X, block=b"", votes=forged.votes)
    one.hear(Certificates(certificates=(good, small, certificate((1, 2, 3), X, 2))))
    assert one.replica.view == 2
    one.hear(Certificates(certificates=(forged, certificate((1, 2, 3), X, 2))))
    assert one.replica.view == 2


def test_a_key_that_is_not_in_the_list_is_our_own_mistake() -> None:
    """V-3."""
    seat = Seat(n=1)
    signer = Signer(voting_key(3), network=NETWORK, epoch=1, place=0, floor=0)
    tree, keys = ToyTree(seat.disk, set()), [voting_key(0).public]
    with pytest.raises(LocalError):
        Replica(tree, network=NETWORK, epoch=1, keys=keys, place=0, signer=signer, floor=0)


FIRST, SECOND = block(1, 5), block(1, 6)
THIRD, FOURTH = block(2, 7), block(2, 5, parent=FIRST.header.id, height=2)
BLOCKS = {1: (FIRST, SECOND), 2: (THIRD, FOURTH)}
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("propose"), st.sampled_from([FIRST, SECOND, THIRD, FOURTH])),
        st.tuples(st.sampled_from([N, F]), st.integers(1, 2), st.integers(0, 1), st.integers(0, 3)),
        st.tuples(st.just(X), st.integers(1, 4), st.just(0), st.integers(0, 3)),
        st.tuples(st.just("certificate"), st.sampled_from([N, X]), st.integers(1, 2), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 1_500)),
        st.tuples(st.just("offer"), st.integers(20, 24)),
        st.tuples(st.just("restart")),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(EVENTS)
def test_no_play_of_events_makes_a_witness_contradict_itself(events: list[tuple[object, ...]]) -> None:
    """V-8, V-9, V-11: others may lie, equivocate and replay; a restart keeps the journal only."""
    one = Seat()
    one.start()
    for event in events:
        match event:
            case ("restart",):
                one = one.again(cleared=True)
                one.start()
            case ("wait", int(ms)):
                one.wait(ms)
            case ("offer", int(number)):
                one.offer(number)
            case ("propose", made):
                one.propose(made)  # type: ignore[arg-type]
            case ("certificate", kind, int(view), int(which)):
                name = BLOCKS[view][which].header.id
                one.hear_certificates(certificate((1, 2, 3), kind, view, name))  # type: ignore[arg-type]
            case (kind, int(view), int(which), int(place)) if place != one.place:
                name = BLOCKS[view][which].header.id if view in BLOCKS else BLOCK
                one.hear_votes(vote(place, kind, view, name))  # type: ignore[arg-type]
            case _:
                pass
    votes = [record for record in one.disk.journal if isinstance(record, Vote)]
    for first, second in itertools.combinations(votes, 2):
        assert not conflict(first, second)
        assert (first.view, first.kind) != (second.view, second.kind), "two votes of one kind in a view"


def carried(seat: Seat, effects: Iterable[Effect]) -> list[tuple[int, Tell]]:
    return [(seat.place, effect) for effect in effects if isinstance(effect, Tell)]


def test_four_honest_witnesses_finalize_one_block_in_any_order_of_delivery() -> None:
    """V-5, V-7."""
    for order in itertools.permutations(range(4)):
        seats = [Seat(place=i) for i in range(4)]
        waiting = [told for i in order for told in carried(seats[i], seats[i].offer(5))]
        while waiting:
            source, told = waiting.pop(0)
            for i in order:
                if i != source and (told.peer is None or told.peer == bytes([i])):
                    waiting += carried(seats[i], seats[i].hear(told.word, source))
        assert [len(seat.disk.final) for seat in seats] == [1] * 4
        assert len({seat.disk.final[0].header.id for seat in seats}) == 1
        assert [seat.replica.floor for seat in seats] == [1] * 4
        assert all(seat.replica.wake_ms(seat.clock) is None for seat in seats)


def test_a_leader_proposes_once_in_a_view_and_writes_before_it_tells() -> None:
    """V-15, V-9."""
    one = Seat(place=1)
    effects = one.offer(5)
    assert [type(effect) for effect in effects] == [Write, Tell]
    (proposal,) = said(effects, Proposal)
    assert proposal.block is not None and proposal.vote == of(effects, Write)[0].votes[0]
    assert of(effects, Write)[0].blocks == (proposal.block,)
    assert said(one.offer(6), Proposal) == []


def test_what_was_final_elsewhere_moves_the_floor_and_ends_the_view() -> None:
    """V-11: a range came, and with it the certificate of its last block."""
    one, made = Seat(), block(3, 5)
    one.disk.final.append(made)
    one.give(Settled(certificate=certificate((1, 2, 3), F, 3, made.header.id)))
    assert (one.replica.floor, one.replica.view) == (3, 4)
