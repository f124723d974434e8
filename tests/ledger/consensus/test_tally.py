"""Loose votes: a quorum makes a certificate, one vote of a kind counts, and two that no honest witness signs convict.

SPEC V-2, V-3, V-12, V-14.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.consensus.tally import VIEWS_KEPT_MAX, Tally
from ledger.consensus.votes import Vote, VoteKind, check_certificate, conflict, quorum
from tests.ledger.consensus.blocks import NETWORK, voting_key
from tests.ledger.consensus.seat import BLOCK, OTHER, F, N, X, vote

CASTS: tuple[tuple[VoteKind, bytes], ...] = ((N, BLOCK), (N, OTHER), (X, b""), (F, BLOCK), (F, OTHER))
GUILTY = {
    ((N, BLOCK), (N, OTHER)),
    ((F, BLOCK), (F, OTHER)),
    ((X, b""), (F, BLOCK)),
    ((X, b""), (F, OTHER)),
}
"""Every pair that convicts, in one order; N with X and N(b) with F(b') are not among them."""


def tally(n: int = 4) -> Tally:
    return Tally(NETWORK, 1, [voting_key(one).public for one in range(n)])


@pytest.mark.parametrize(("one", "two"), list(itertools.product(CASTS, CASTS)))
def test_two_votes_convict_exactly_where_no_honest_witness_signs_both(
    one: tuple[VoteKind, bytes], two: tuple[VoteKind, bytes]
) -> None:
    """V-14: N with X is honest, and so is N(b) with F(b')."""
    first, second = vote(1, one[0], 5, one[1]), vote(1, two[0], 5, two[1])
    guilty = (one, two) in GUILTY or (two, one) in GUILTY
    assert conflict(first, second) is conflict(second, first) is guilty
    counted = tally()
    counted.add(first)
    assert counted.add(second)[1] == ((first, second) if guilty else None)


@pytest.mark.parametrize(("one", "two"), sorted(GUILTY))
def test_votes_of_different_views_or_epochs_convict_nobody(
    one: tuple[VoteKind, bytes], two: tuple[VoteKind, bytes]
) -> None:
    """V-14."""
    first = vote(1, one[0], 5, one[1])
    assert not conflict(first, vote(1, two[0], 6, two[1]))
    assert not conflict(first, vote(1, two[0], 5, two[1], epoch=2))


def test_different_witnesses_convict_nobody() -> None:
    """V-14."""
    counted = tally()
    for place, (kind, block) in enumerate(((N, BLOCK), (N, OTHER), (X, b""), (F, BLOCK))):
        assert counted.add(vote(place, kind, 5, block)) == (None, None)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 10])
@pytest.mark.parametrize("kind", [N, X, F])
def test_the_vote_that_completes_a_quorum_makes_the_certificate_once(n: int, kind: VoteKind) -> None:
    """V-2, V-3."""
    counted, q = tally(n), quorum(n)
    made = [counted.add(vote(place, kind, 5))[0] for place in reversed(range(n))]
    assert [one is not None for one in made] == [i == q - 1 for i in range(n)]
    (one,) = [one for one in made if one is not None]
    check_certificate(one, NETWORK, 1, [voting_key(place).public for place in range(n)])


def test_votes_for_different_blocks_or_of_different_kinds_are_counted_apart() -> None:
    """V-3."""
    counted = tally()
    counted.add(vote(0, N, 5))
    counted.add(vote(1, N, 5))
    for other in (vote(2, N, 5, OTHER), vote(2, F, 5), vote(3, X, 5), vote(3, N, 6)):
        assert counted.add(other) == (None, None)
    assert len(counted.of(5, N, BLOCK)) == 2 and len(counted.of(5, N, OTHER)) == 1


def test_one_witness_counts_once_however_often_it_votes() -> None:
    """V-12."""
    counted = tally()
    counted.add(vote(0, N, 5))
    for _ in range(5):
        assert counted.add(vote(1, N, 5)) == (None, None)
    assert counted.has(vote(1, N, 5)) and not counted.has(vote(2, N, 5))
    assert counted.add(vote(1, N, 5, OTHER))[1] is not None
    assert len(counted.by(1)) == 1, "the second is evidence and not kept"


@pytest.mark.parametrize(
    "wrong",
    [
        vote(1, N, epoch=2),
        vote(5, N),
        replace(vote(3, N), witness=-1),
        replace(vote(1, N), block=OTHER),
        replace(vote(1, N), kind=F),
        replace(vote(1, N), witness=2),
        replace(vote(1, N), view=2),
    ],
    ids=["epoch", "no witness", "negative", "other block", "other kind", "somebody else's", "other view"],
)
def test_a_vote_that_is_not_what_it_says_is_not_signed(wrong: Vote) -> None:
    """V-3, V-12."""
    assert not tally().is_signed(wrong)


def test_views_at_or_below_the_floor_and_far_below_the_current_one_are_forgotten() -> None:
    """V-11, V-12."""
    counted = tally()
    for view in (1, 5, 6, 2_000):
        counted.add(vote(0, N, view))
    counted.settle(5, 2_000)
    assert sorted(counted._votes) == [2_000]
    assert counted.is_past(5, 6) and not counted.is_past(6, 7)
    assert counted.is_past(2_000 - VIEWS_KEPT_MAX - 1, 2_000) and not counted.is_past(2_000 - VIEWS_KEPT_MAX, 2_000)
    counted.settle(1, 1)
    assert counted.is_past(5, 6), "a floor does not fall"


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(CASTS), st.integers(1, 2)), max_size=30))
def test_whatever_comes_in_whatever_order_nobody_counts_twice_and_only_the_guilty_are_convicted(
    events: list[tuple[int, tuple[VoteKind, bytes], int]],
) -> None:
    """V-12, V-14."""
    counted = tally()
    for place, (kind, block), view in events:
        made, guilt = counted.add(vote(place, kind, view, block))
        if guilt is not None:
            assert conflict(*guilt) and guilt[0].witness == guilt[1].witness == place
        if made is not None:
            check_certificate(made, NETWORK, 1, [voting_key(one).public for one in range(4)])
    for view in (1, 2):
        for kind in (N, X, F):
            voters = [one.witness for one in counted._votes.get(view, {}).values() if one.kind is kind]
            assert len(voters) == len(set(voters))
