"""A witness whose disk was put back from an older copy, with or without its journal: what it must not sign again.

SPEC V-8, V-10, V-11, V-21; each test names its rule.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.consensus.votes import Certificate
from ledger.consensus.words import AskOwn, Effect, Finalized, Halted, Own, Settled
from tests.ledger.consensus.seat import OTHER, F, N, Seat, X, block, cast, certificate, of, said, vote


def answered(seat: Seat, *shown: object, token: int = 7) -> list[object]:
    """All the others have said what they saw of it: these certificates."""
    done: list[object] = []
    for place in range(seat.n):
        if place != seat.place:
            own = Own(epoch=1, token=token, votes=(), certificates=tuple(shown))  # type: ignore[arg-type]
            done += seat.hear(own, place)
    return done


def test_nothing_is_signed_at_or_below_a_view_known_to_be_final_though_its_block_is_not_here() -> None:
    """V-8, V-21: the others have dropped their votes of it, so no answer shows what was signed there."""
    one = Seat(is_cleared=False, pending=[5])
    one.start(token=7)
    answered(one, certificate((1, 2, 3), F, 10, OTHER))
    assert one.replica.may_vote and one.replica.floor == 0
    effects = one.wait(20_000)
    effects += one.propose(block(10, 6)) + one.hear_certificates(certificate((1, 2, 3), N, 9, OTHER))
    assert [view for _, view, _ in cast(effects) if view <= 10] == []
    assert (X, 11, b"") in cast(effects), "above it everything goes on"
    assert one.signer.cast(10, F, OTHER) is None and one.signer.cast(3, X) is None
    assert said(one.hear(AskOwn(epoch=1, token=1), 1), Own), "and it answers as ever"


def test_a_finalization_in_the_journal_whose_block_is_not_here_counts_as_well() -> None:
    """V-8, V-9."""
    one = Seat()
    one.replica.restore(floor=0, certificates=[certificate((1, 2, 3), F, 4, OTHER)], blocks=[], votes=[])
    assert one.replica.view == 5 and one.signer.cast(4, X) is None
    assert not of(one.start(), Finalized)


def test_votes_above_the_floor_stay_known_while_a_later_final_block_is_missing() -> None:
    """V-8, V-19, V-21: what was signed is said again, and one that was not is still noticed."""
    one, made = Seat(), block(1, 5)
    one.notarize(made)
    one.hear_certificates(certificate((1, 2, 3), F, 10, OTHER))
    assert [kept.view for kept in one.signer.finalizes()] == [1]
    one.hear(Own(epoch=1, token=7, votes=(vote(0, X, 3),), certificates=()), 1)
    assert one.replica.halted


def test_what_a_journal_begun_anew_has_dropped_convicts_nobody_of_having_lost_it() -> None:
    """V-21, V-10: the database was rebuilt, and the others' last finalization bears a vote that was pruned."""
    one = Seat(is_cleared=False)
    one.replica.restore(floor=20, certificates=(), blocks=(), votes=[vote(0, X, 21)])
    one.start(token=7)
    answered(one, certificate((0, 1, 2), F, 20, OTHER), certificate((0, 1, 3), X, 21))
    assert not one.replica.halted and not one.replica.may_vote and one.replica.view == 22
    one.hear_certificates(certificate((0, 1, 2), X, 22))
    assert one.replica.halted, "above its floor the journal is complete"


def fetched(seat: Seat, *made: Certificate) -> list[Effect]:
    """Blocks up to a last one are stored, each finalized by one of these certificates."""
    seat.disk.final.append(block(made[-1].view, 5))
    return seat.replica.step(Settled(certificate=made[-1], earlier=made[:-1]), seat.clock)


def test_an_unknown_vote_of_ones_own_in_a_certificate_of_a_range_halts() -> None:
    """V-21, V-10: whoever catches up by range hears of its own votes in no other way."""
    with_ours, without = certificate((0, 1, 2), F, 5, OTHER), certificate((1, 2, 3), F, 6, block(6, 5).header.id)
    for brought in ((with_ours,), (with_ours, without)):
        one = Seat(is_cleared=False)
        one.start()
        (halted,) = of(fetched(one, *brought), Halted)
        assert "view 5" in halted.reason and one.replica.halted == halted.reason
        answered(one)
        assert cast(one.propose(block(one.replica.view, 7))) == [] and not one.replica.may_vote


def test_a_vote_in_a_range_that_the_journal_holds_or_has_pruned_halts_nobody() -> None:
    """V-21: a database that was rebuilt meets every certificate again."""
    one = Seat(is_cleared=False)
    one.replica.restore(floor=20, certificates=(), blocks=(), votes=[vote(0, F, 25, OTHER)])
    one.start()
    assert fetched(one, certificate((0, 1, 2), F, 3, OTHER), certificate((0, 2, 3), F, 20, OTHER)) == []
    assert fetched(one, certificate((1, 2, 3), F, 24, OTHER), certificate((0, 1, 2), F, 25, OTHER)) == []
    answered(one)
    assert not one.replica.halted and one.replica.may_vote


def test_a_witness_that_has_just_started_shows_what_is_final_all_the_same() -> None:
    """V-21: after a blackout nobody has anything else to show to whoever was put back."""
    made = certificate((1, 2, 3), F, 10, OTHER)
    other = Seat(place=1, floor=10, is_cleared=False)
    other.replica.restore(floor=0, certificates=(), blocks=(), votes=(), final=made)
    other.start()
    (own,) = said(other.hear(AskOwn(epoch=1, token=9), 0), Own)
    assert set(own.certificates) == {made}
    later = Seat(place=1, floor=12, is_cleared=False)
    later.replica.restore(floor=0, certificates=(), blocks=(), votes=(), final=made)
    (own,) = said(later.hear(AskOwn(epoch=1, token=9), 0), Own)
    assert own.certificates == (), "of the last block or of none"


def test_an_answer_with_something_wrongly_signed_in_it_opens_nothing() -> None:
    """V-21, V-12: what stood behind it was not looked at."""
    good, wrong = certificate((1, 2, 3), F, 10, OTHER), certificate((1, 2, 3), X, 4)
    forged = replace(wrong, votes=(*wrong.votes[:2], (3, wrong.votes[0][1])))
    false = replace(vote(0, X, 4), signature=wrong.votes[0][1])
    one = Seat(is_cleared=False)
    one.start(token=7)
    for place in (1, 2, 3):
        one.hear(Own(epoch=1, token=7, votes=(), certificates=(forged, good)), place)
        one.hear(Own(epoch=1, token=7, votes=(false,), certificates=(good,)), place)
    one.wait(20_000)
    assert one.replica.is_asking and not one.replica.halted
    answered(one, good)
    assert not one.replica.is_asking and one.replica.view == 11
