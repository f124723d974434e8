"""One witness never contradicts itself, whatever the others send, and votes turn into certificates at the quorum."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.consensus.replica import VIEWS_AHEAD_MAX, Cast, Certified, Effect, Proposed, Replica, Vote, VoteSeen
from ledger.consensus.votes import Certificate, VoteKind, check_certificate, sign_vote
from ledger.errors import LocalError
from tests.ledger.town import Person

NETWORK, BLOCK, OTHER = b"n" * 32, b"b" * 32, b"o" * 32
N, X, F = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE


def replica(n: int = 4, place: int = 0, floor: int = 0) -> Replica:
    keys = [Person(i).voting.public for i in range(n)]
    return Replica(network=NETWORK, epoch=1, keys=keys, place=place, signer=Person(place).voting, floor=floor)


def vote(place: int, kind: VoteKind, view: int = 1, block: bytes = BLOCK, epoch: int = 1) -> Vote:
    signature = sign_vote(Person(place).voting, NETWORK, epoch, view, kind, block)
    return Vote(epoch=epoch, view=view, kind=kind, block=block, witness=place, signature=signature)


def cast(effects: Iterable[Effect]) -> list[tuple[VoteKind, int, bytes]]:
    return [(one.vote.kind, one.vote.view, one.vote.block) for one in effects if isinstance(one, Cast)]


def certified(effects: Iterable[Effect]) -> list[Certificate]:
    return [one.certificate for one in effects if isinstance(one, Certified)]


def test_one_witness_alone_notarizes_and_finalizes_in_one_step() -> None:
    """V-2, V-6, V-7, V-11."""
    one = replica(n=1)
    effects = one.step(Proposed(view=1, block=BLOCK))
    assert cast(effects) == [(N, 1, BLOCK), (F, 1, BLOCK)]
    assert [type(effect) for effect in effects] == [Cast, Certified, Cast, Certified]
    for certificate in certified(effects):
        check_certificate(certificate, NETWORK, 1, [Person(0).voting.public])
    assert (one.floor, one.view, one.is_leader) == (1, 2, True)


def test_four_witnesses_need_three_votes_of_a_kind() -> None:
    """V-2, V-7."""
    one = replica()
    assert cast(one.step(Proposed(view=1, block=BLOCK))) == [(N, 1, BLOCK)]
    assert one.step(VoteSeen(vote=vote(1, N))) == []
    effects = one.step(VoteSeen(vote=vote(2, N)))
    assert cast(effects) == [(F, 1, BLOCK)]
    assert [certificate.kind for certificate in certified(effects)] == [N]
    assert one.view == 2
    assert one.step(VoteSeen(vote=vote(3, N))) == []
    assert one.step(VoteSeen(vote=vote(1, F))) == []
    (final,) = certified(one.step(VoteSeen(vote=vote(2, F))))
    check_certificate(final, NETWORK, 1, [Person(i).voting.public for i in range(4)])
    assert (final.kind, one.floor, one.view) == (F, 1, 2)


def test_a_notarization_of_another_block_is_finalized_too() -> None:
    """V-7: even having voted for another block, or for none."""
    for first in (OTHER, None):
        one = replica()
        if first is not None:
            one.step(Proposed(view=1, block=first))
        effects = [effect for place in (1, 2, 3) for effect in one.step(VoteSeen(vote=vote(place, N)))]
        assert cast(effects) == [(F, 1, BLOCK)]


def test_a_nullification_ends_the_view_and_its_block_is_not_proposed_any_more() -> None:
    """V-7, V-6."""
    one = replica()
    effects = [effect for place in (1, 2, 3) for effect in one.step(VoteSeen(vote=vote(place, X, block=b"")))]
    assert [certificate.kind for certificate in certified(effects)] == [X]
    assert (one.view, one.floor) == (2, 0)
    assert one.step(Proposed(view=1, block=BLOCK)) == []


def test_the_leader_of_a_view_is_its_number_modulo_the_witnesses() -> None:
    """V-6."""
    one = replica(place=2)
    assert [one.leader(view) for view in range(1, 9)] == [1, 2, 3, 0, 1, 2, 3, 0]
    leads = [one.is_leader]
    one.settle(1)
    leads.append(one.is_leader)
    one.step(Proposed(view=2, block=BLOCK))
    assert [*leads, one.is_leader] == [False, True, False]


def test_only_the_current_view_is_voted_in_and_once() -> None:
    """V-6, V-8."""
    one = replica()
    assert one.step(Proposed(view=2, block=BLOCK)) == []
    assert cast(one.step(Proposed(view=1, block=BLOCK))) == [(N, 1, BLOCK)]
    assert one.step(Proposed(view=1, block=BLOCK)) == []
    assert one.step(Proposed(view=1, block=OTHER)) == []


@pytest.mark.parametrize("first", [X, F])
def test_a_view_that_was_given_up_is_not_finalized(first: VoteKind) -> None:
    """V-8."""
    one = replica()
    one.restore([vote(0, first, block=BLOCK if first is F else b"")])
    effects = [effect for place in (1, 2, 3) for effect in one.step(VoteSeen(vote=vote(place, N)))]
    assert cast(effects) == []
    assert one._vote(1, X, b"") == []
    assert one._vote(1, F, OTHER) == []


def test_after_a_restart_no_journaled_vote_is_contradicted() -> None:
    """V-9: rule 12."""
    one = replica()
    one.restore([vote(0, N, view=1), vote(0, F, view=3), vote(1, N, view=9), vote(0, N, view=8, epoch=2)])
    assert one.view == 4
    assert one.step(Proposed(view=1, block=OTHER)) == []
    assert one._vote(1, N, OTHER) == []
    assert cast(one.step(Proposed(view=4, block=OTHER))) == [(N, 4, OTHER)]


def test_votes_below_the_floor_are_forgotten_and_never_given() -> None:
    """V-8, V-11."""
    one = replica(floor=5)
    assert one.view == 6
    one.restore([vote(0, N, view=5)])
    assert one.view == 6
    assert one.step(VoteSeen(vote=vote(1, N, view=5))) == []
    assert one._vote(5, N, BLOCK) == []
    one.step(Proposed(view=6, block=BLOCK))
    one.step(VoteSeen(vote=vote(1, N, view=7)))
    one.settle(7)
    assert (one._cast, one._tally, one._proposed) == ({}, {}, {})
    one.settle(3)
    assert (one.floor, one.view) == (7, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        vote(1, N, epoch=2),
        vote(1, N, view=VIEWS_AHEAD_MAX + 2),
        vote(5, N),
        Vote(epoch=1, view=1, kind=N, block=BLOCK, witness=-1, signature=vote(3, N).signature),
        Vote(epoch=1, view=1, kind=N, block=OTHER, witness=1, signature=vote(1, N).signature),
        Vote(epoch=1, view=1, kind=F, block=BLOCK, witness=1, signature=vote(1, N).signature),
        Vote(epoch=1, view=1, kind=N, block=BLOCK, witness=2, signature=vote(1, N).signature),
    ],
    ids=["epoch", "too far ahead", "no witness", "negative", "other block", "other kind", "somebody else's"],
)
def test_a_vote_that_is_wrong_or_too_far_ahead_is_not_kept(wrong: Vote) -> None:
    """V-12, V-3."""
    one = replica()
    assert one.step(VoteSeen(vote=wrong)) == []
    assert one._tally == {}


def test_one_witness_counts_once_however_often_it_votes() -> None:
    """V-3, V-12."""
    one = replica()
    for _ in range(5):
        assert one.step(VoteSeen(vote=vote(1, N))) == []
    assert one.step(VoteSeen(vote=vote(2, N))) == []
    assert certified(one.step(VoteSeen(vote=vote(3, N))))


def test_a_key_that_is_not_in_the_list_is_our_own_mistake() -> None:
    """V-3."""
    with pytest.raises(LocalError):
        Replica(network=NETWORK, epoch=1, keys=[Person(1).voting.public], place=0, signer=Person(0).voting, floor=0)


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("propose"), st.integers(1, 4), st.sampled_from([BLOCK, OTHER])),
        st.tuples(st.sampled_from([N, F]), st.integers(1, 4), st.sampled_from([BLOCK, OTHER]), st.integers(0, 3)),
        st.tuples(st.just(X), st.integers(1, 4), st.just(b""), st.integers(0, 3)),
        st.tuples(st.just("restart")),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(EVENTS)
def test_no_play_of_events_makes_a_witness_contradict_itself(events: list[tuple[object, ...]]) -> None:
    """V-8, V-9, V-11: others may lie, equivocate and replay; a restart keeps the journal only."""
    one, journal = replica(), list[Vote]()
    for event in events:
        match event:
            case ("restart",):
                again = replica(floor=one.floor)
                again.restore(journal)
                one, effects = again, []
            case ("propose", int(view), bytes(block)):
                effects = one.step(Proposed(view=view, block=block))
            case (VoteKind() as kind, int(view), bytes(block), int(place)):
                effects = one.step(VoteSeen(vote=vote(place, kind, view, block)))
            case _:
                raise AssertionError(event)
        journal += [effect.vote for effect in effects if isinstance(effect, Cast)]
    for first, second in itertools.combinations(journal, 2):
        if first.view == second.view:
            assert first.kind is not second.kind, "two votes of one kind in a view"
            assert {first.kind, second.kind} != {X, F}


def test_four_honest_witnesses_finalize_one_block_in_any_order_of_delivery() -> None:
    """V-5, V-7."""
    for order in itertools.permutations(range(4)):
        peers = [replica(place=i) for i in range(4)]
        waiting = [(i, effect) for i in order for effect in peers[i].step(Proposed(view=1, block=BLOCK))]
        finals = set[bytes]()
        while waiting:
            source, effect = waiting.pop(0)
            if isinstance(effect, Certified):
                finals |= {effect.certificate.block} if effect.certificate.kind is F else set()
                continue
            for i in order:
                if i != source:
                    waiting += [(i, more) for more in peers[i].step(VoteSeen(vote=effect.vote))]
        assert finals == {BLOCK}
        assert [peer.floor for peer in peers] == [1] * 4
