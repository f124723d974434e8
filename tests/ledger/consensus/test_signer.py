"""The holder of a voting key signs nothing that contradicts what it signed: every pair of votes (SPEC V-8, V-10)."""

from __future__ import annotations

import itertools

import pytest

from ledger.consensus.signer import Signer
from ledger.consensus.votes import Vote, VoteKind, conflict
from tests.ledger.consensus.blocks import NETWORK, voting_key
from tests.ledger.consensus.seat import BLOCK, OTHER, F, N, X, vote

CASTS: tuple[tuple[VoteKind, bytes], ...] = ((N, BLOCK), (N, OTHER), (X, b""), (F, BLOCK), (F, OTHER))
ALLOWED = {(N, X), (X, N), (N, F), (F, N)}
"""The only kinds of which both may be signed in one view, in this order; F beside N also for another block."""


def signer(floor: int = 0) -> Signer:
    return Signer(voting_key(0), network=NETWORK, epoch=1, place=0, floor=floor)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CASTS, CASTS)))
def test_the_second_vote_in_a_view_is_signed_or_refused_as_the_table_says(
    first: tuple[VoteKind, bytes], second: tuple[VoteKind, bytes]
) -> None:
    """V-8."""
    one = signer()
    before = one.cast(5, *first)
    assert before is not None
    after = one.cast(5, *second)
    assert (after is not None) is ((first[0], second[0]) in ALLOWED)
    assert after is None or not conflict(before, after)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CASTS, CASTS)))
def test_what_the_journal_gives_back_binds_like_what_was_just_signed(
    first: tuple[VoteKind, bytes], second: tuple[VoteKind, bytes]
) -> None:
    """V-8, V-9."""
    one = signer()
    one.restore(vote(0, first[0], 5, first[1]))
    assert (one.cast(5, *second) is not None) is ((first[0], second[0]) in ALLOWED)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CASTS, CASTS)))
def test_votes_of_different_views_never_stand_in_each_others_way(
    first: tuple[VoteKind, bytes], second: tuple[VoteKind, bytes]
) -> None:
    one = signer()
    assert one.cast(5, *first) is not None
    assert one.cast(4, *second) is not None
    assert one.cast(6, *second) is not None


def test_all_three_kinds_stand_beside_each_other_only_without_a_finalization_of_a_view_given_up() -> None:
    """V-8."""
    for order in itertools.permutations(((N, BLOCK), (X, b""), (F, BLOCK))):
        one = signer()
        kinds = {made.kind for made in (one.cast(5, *cast) for cast in order) if made is not None}
        assert kinds in ({N, X}, {N, F})


@pytest.mark.parametrize("kind", [N, X, F])
def test_nothing_is_signed_at_or_below_the_floor(kind: VoteKind) -> None:
    """V-8, V-11."""
    one = signer(floor=5)
    block = b"" if kind is X else BLOCK
    assert one.cast(5, kind, block) is None and one.cast(1, kind, block) is None
    assert one.cast(6, kind, block) is not None
    one.settle(7)
    assert one.cast(7, kind, block) is None and one.cast(8, kind, block) is not None
    one.settle(3)
    assert one.cast(6, kind, block) is None


@pytest.mark.parametrize("kind", [N, X, F])
def test_a_halted_key_signs_nothing_for_ever(kind: VoteKind) -> None:
    """V-10."""
    one = signer()
    one.halted = "its journal is older"
    assert one.cast(1, kind, b"" if kind is X else BLOCK) is None
    one.settle(10)
    assert one.cast(11, kind, b"" if kind is X else BLOCK) is None


def test_votes_of_another_epoch_place_or_settled_view_are_not_taken_back() -> None:
    """V-9, V-11."""
    one = signer(floor=3)
    for other in (vote(0, N, 5, epoch=2), vote(1, N, 5), vote(0, N, 3)):
        one.restore(other)
    assert one.highest() == 0
    one.restore(vote(0, N, 5))
    assert (one.highest(), one.has_cast(5, N), one.has_cast(5, F)) == (5, True, False)


def test_a_vote_is_remembered_by_its_view_kind_and_block() -> None:
    """V-21."""
    one = signer(floor=2)
    one.cast(5, N, BLOCK)
    assert one.remembers(vote(0, N, 5))
    assert one.remembers(vote(0, F, 2)), "too old to matter"
    for unknown in (vote(0, N, 5, OTHER), vote(0, F, 5), vote(0, X, 5), vote(0, N, 6)):
        assert not one.remembers(unknown)


def test_what_was_signed_is_found_by_view_and_every_finalization_above_the_floor() -> None:
    one = signer()
    made = [one.cast(view, kind, BLOCK) for view in (1, 2, 3) for kind in (N, F)]
    assert one.of_view(2) == made[2:4]
    assert one.finalizes() == made[1::2]
    one.settle(2)
    assert one.finalizes() == made[5:]
    assert one.of_view(2) == []


def test_a_signature_is_right_under_the_witnesses_key() -> None:
    """V-1."""
    made = signer().cast(5, N, BLOCK)
    assert made == vote(0, N, 5)
    assert isinstance(made, Vote)
