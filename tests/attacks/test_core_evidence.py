"""A witness of four that votes twice, in the running cores of the others: heard, recorded, shown, and out of its seat.

The liar is a key and no machine. SPEC V-14, V-22, V-23, Y-3, Y-4.
"""

from __future__ import annotations

from typing import Any

import pytest

from dpnode.control.questions.ledger import LedgerEvidence
from dpnode.reading.motions import evidence
from dpnode.reading.source import HeadSeen, Source
from ledger.consensus.tally import VIEWS_AHEAD_MAX, VIEWS_PAST_MAX, Tally
from ledger.consensus.votes import Certificate, Vote, VoteKind, sign_vote, vote_to_value, write_certificate
from ledger.names import Kind, show_id
from protocol.messages import AskOwnVotes, Certified, NewHead, Ordering, OwnVotes, Proposed, Voted
from protocol.replication.ended import EPOCHS_MAX, Ended
from tests.attacks.test_core_witnesses import PEOPLE, Council
from tests.protocol.stand import Stand, said

LIAR = 3
N, X, F = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
A, B = b"a" * 32, b"b" * 32


def cast(council: Council, place: int, view: int, kind: VoteKind, block: bytes = b"", epoch: int = 1) -> Vote:
    """What a witness of the first epoch signs."""
    network = council.stands[0].founded.charter.network
    signature = sign_vote(PEOPLE[place].voting, network, epoch, view, kind, block)
    return Vote(epoch=epoch, view=view, kind=kind, block=block, witness=place, signature=signature)


def hear(council: Council, place: int, message: Ordering, by: int = LIAR) -> None:
    """A word reaches one machine, and what follows from it everybody."""
    stand = council.stands[place]
    council.take(stand, stand.hear(PEOPLE[by], message))
    council.deliver()
    council.pass_time(4_000)


def voted(*votes: Vote) -> Voted:
    return Voted(votes=[vote_to_value(one) for one in votes])


def shown(stand: Stand) -> list[dict[str, Any]]:
    """What `dpnode ledger evidence` answers on this machine."""
    head = stand.core.chain.head
    seen = HeadSeen(
        height=head.height, block=head.block, time_ms=head.time_ms, state_root=head.state_root, entries=head.entries
    )
    source = Source(view=stand.core.chain.state, head=seen, meta={}, me=stand.who.member, peer=stand.who.peer)
    reading = evidence(source, LedgerEvidence())
    next(reading)
    with pytest.raises(StopIteration) as answer:
        reading.send([])
    found: list[dict[str, Any]] = answer.value.value["evidence"]
    return found


def accused(stand: Stand) -> set[str]:
    return {one["key"] for one in shown(stand)}


def key_shown(place: int) -> str:
    return show_id(Kind.KEY, PEOPLE[place].voting.public)


def sitting(stand: Stand) -> list[str]:
    return [next(who.name for who in PEOPLE if who.member == one["member"]) for one in stand.core.chain.witnesses]


def convicted(council: Council | None = None) -> Council:
    """Witnesses of whom one has voted twice, each vote told to another of them: three, and no machine of the liar."""
    council = council or Council(without=LIAR)
    view = council.stands[0].ledger.orderer._replica.view
    hear(council, 0, voted(cast(council, LIAR, view, N, A)))
    hear(council, 0, voted(cast(council, LIAR, view, N, B)), by=1)
    return council


def test_a_double_vote_becomes_an_entry_that_everybody_shows_and_its_witness_is_out_in_the_next_epoch() -> None:
    """V-14, Y-3, Y-4, V-22."""
    council = convicted()
    for stand in council.stands:
        (one,) = shown(stand)
        assert (one["member"]["id"], one["key"]) == (show_id(Kind.MEMBER, PEOPLE[LIAR].member), key_shown(LIAR))
        assert (one["epoch"], one["votes"]) == (1, ["notarize", "notarize"])
        assert (stand.core.chain.head.epoch, sitting(stand)) == (2, ["ann", "ben", "cat"])
        assert stand.ledger.orderer._replica.epoch == 2
    council.record(1, "and on it goes")
    assert {stand.height for stand in council.stands} == {2}
    assert len({stand.core.chain.state.root for stand in council.stands}) == 1


def test_who_read_how_an_epoch_ended_asks_what_it_signed_before_it_votes() -> None:
    """V-23, V-21: its disk may have been put back, and it have voted in the new epoch before."""
    council = Council()
    cat = council.stands.pop(2)
    convicted(council)
    ann = council.stands[0]
    assert (ann.height, cat.height) == (1, 0)
    cat.hear(ann.who, NewHead(height=1, block=ann.core.chain.head.block))
    cat.hear(ann.who, ann.range())
    effects = cat.block()
    replica = cat.ledger.orderer._replica
    assert (cat.height, replica.epoch, replica.is_asking, replica.may_vote) == (1, 2, True, False)
    assert {(one.epoch, one.token) for one in said(effects, AskOwnVotes)} == {(2, replica._book.barrier.token)}
    for other in (PEOPLE[0], PEOPLE[1]):
        cat.hear(other, OwnVotes(certificates=[], epoch=2, token=replica._book.barrier.token, votes=[]))
    assert not replica.is_asking and replica.may_vote


@pytest.mark.parametrize("word", ["loose", "proposed", "in a certificate", "in an answer"])
def test_two_votes_of_an_epoch_that_has_ended_convict_whoever_cast_them(word: str) -> None:
    """V-14: consensus rule 24; whether the key sits on or has left, and however the second vote comes."""
    council = convicted()
    first, second = cast(council, 1, 3, F, A), cast(council, 1, 3, F, B)
    lied = cast(council, 1, 3, N, A), cast(council, 1, 3, N, B)
    messages: dict[str, tuple[Ordering, Ordering]] = {
        "loose": (voted(first), voted(second)),
        "proposed": (Proposed(vote=vote_to_value(lied[0])), Proposed(vote=vote_to_value(lied[1]))),
        "in a certificate": (voted(first), Certified(certificates=[certified(council, second)])),
        "in an answer": (voted(first), OwnVotes(certificates=[certified(council, second)], epoch=1, token=1, votes=[])),
    }
    for message in messages[word]:
        assert key_shown(1) not in accused(council.stands[0])
        hear(council, 0, message, by=2)
    assert key_shown(1) in accused(council.stands[0]) and "ben" not in sitting(council.stands[2])
    assert council.stands[0].core.chain.head.epoch == 3


def certified(council: Council, vote: Vote) -> bytes:
    """A certificate of one vote: no quorum, and yet a signature stands under it."""
    votes = ((vote.witness, vote.signature),)
    made = Certificate(epoch=vote.epoch, view=vote.view, kind=vote.kind, block=vote.block, votes=votes)
    return write_certificate(made)


def test_what_was_counted_before_the_epoch_ended_convicts_after_it() -> None:
    """V-14: the closing block's finalization and all that led to it stay known."""
    council = convicted()
    tally, last = council.stands[0].ledger.orderer._ended._epochs[1]
    assert tally.has(cast(council, 1, last, F, council.stands[0].core.chain.head.block))
    hear(council, 0, voted(cast(council, 1, last, X)))
    assert key_shown(1) in accused(council.stands[0])


def test_of_epochs_that_have_ended_nothing_forged_or_far_away_is_kept() -> None:
    """V-12, V-14: two epochs, and the views a witness of them would have kept."""
    council = convicted()
    stand = council.stands[0]
    tally, last = stand.ledger.orderer._ended._epochs[1]
    before = (len(tally._votes), len(tally._past))
    good = cast(council, 1, 3, F, A)
    forged = Vote(epoch=1, view=3, kind=F, block=B, witness=1, signature=good.signature)
    for vote in (forged, cast(council, 1, last + VIEWS_AHEAD_MAX + 1, F, A), cast(council, 1, 3, F, A, epoch=9)):
        hear(council, 0, voted(vote))
    assert (len(tally._votes), len(tally._past)) == before
    for view in range(1, 3 * VIEWS_AHEAD_MAX):
        hear(council, 0, voted(cast(council, LIAR, view, X))) if view % 16 == 0 else None
    assert len(tally._votes) + len(tally._past) <= VIEWS_AHEAD_MAX + VIEWS_PAST_MAX
    assert len(accused(stand)) == 1


def test_no_more_than_two_ended_epochs_are_remembered() -> None:
    """V-14."""
    ended, network = Ended(), bytes(32)
    for epoch in range(1, 9):
        tally = Tally(network, epoch, [PEOPLE[0].voting.public])
        signature = sign_vote(PEOPLE[0].voting, network, epoch, 1, F, A)
        closing = Certificate(epoch=epoch, view=1, kind=F, block=A, votes=((0, signature),))
        assert ended.keep(epoch, tally, closing) == []
    assert sorted(ended._epochs) == [9 - EPOCHS_MAX, 8]
