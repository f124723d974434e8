"""Two votes that convict, those that must never, and what becomes of the culprit's seat."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from ledger.canonical import encode
from ledger.consensus.votes import VoteKind, vote_id
from ledger.fold import is_fully_signed
from ledger.keys import SigningKey
from ledger.operations import witnesses
from ledger.operations.evidence import are_conflicting, evidence_record
from ledger.statement import Statement, sign_statement
from tests.ledger.operations.council import Council, spare
from tests.ledger.town import Person

N, X, F = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE
A, B = b"a" * 32, b"b" * 32
VOTES = [(N, A), (N, B), (X, b""), (F, A), (F, B)]
CONFLICTS = {
    frozenset([(N, A), (N, B)]),
    frozenset([(F, A), (F, B)]),
    frozenset([(X, b""), (F, A)]),
    frozenset([(X, b""), (F, B)]),
}
"""All there are, said apart from the code."""


@pytest.mark.parametrize(("one", "two"), [*product(VOTES, VOTES)])
def test_exactly_these_pairs_of_votes_convict(one: tuple[VoteKind, bytes], two: tuple[VoteKind, bytes]) -> None:
    """Y-1, Y-2: in either order; an honest witness beside a leader with two blocks is never convicted."""
    town = Council(people=4, witnesses=4)
    guilty = frozenset([one, two]) in CONFLICTS
    assert are_conflicting(town.cast(*one), town.cast(*two)) is guilty
    assert town.convict(town.cast(*one), town.cast(*two)) == ("" if guilty else "evidence.no-conflict")
    assert town.sitting == ([0, 2, 3] if guilty else [0, 1, 2, 3])


def test_a_vote_is_a_statement_by_the_very_id_it_signs() -> None:
    """Y-1, V-1, B-8."""
    town = Council()
    for kind, block in VOTES:
        statement = town.cast(kind, block, view=7, epoch=2)
        assert statement.id == vote_id(town.network, 2, 7, kind, block)
        assert statement.is_signed()


@pytest.mark.parametrize("changes", [{"view": 4}, {"epoch": 2}])
def test_votes_of_two_views_or_epochs_convict_nobody(changes: dict[str, int]) -> None:
    """Y-2."""
    town = Council(people=4, witnesses=4)
    assert town.convict(town.cast(F, A), town.cast(F, B, **changes)) == "evidence.no-conflict"


def test_votes_of_two_keys_or_of_another_network_convict_nobody() -> None:
    """Y-1."""
    town = Council(people=4, witnesses=4)
    assert town.convict(town.cast(F, A), town.cast(F, B, Person(2).voting)) == "evidence.two-keys"
    elsewhere = [town.cast(F, block, network=bytes(32)) for block in (A, B)]
    assert town.convict(*elsewhere) == "evidence.other-network"
    assert town.convict(town.cast(F, A), elsewhere[1]) == "evidence.other-network"


def test_a_key_that_never_voted_here_is_no_witness() -> None:
    """Y-3: nor is a member's working key, whatever it signs."""
    town = Council(people=4, witnesses=4)
    for signer in (spare(1), Person(1).working):
        assert town.convict(town.cast(F, A, signer), town.cast(F, B, signer)) == "evidence.not-a-voting-key"


NOT_VOTES: dict[str, Any] = {
    "no map": [],
    "nothing": {},
    "a nullification of a block": {"block": A, "epoch": 1, "kind": "nullify", "network": A, "view": 3},
    "a finalization of nothing": {"epoch": 1, "kind": "finalize", "network": A, "view": 3},
    "a kind there is not": {"block": A, "epoch": 1, "kind": "approve", "network": A, "view": 3},
    "view 0": {"block": A, "epoch": 1, "kind": "finalize", "network": A, "view": 0},
    "something more": {"block": A, "epoch": 1, "kind": "finalize", "more": 1, "network": A, "view": 3},
}


@pytest.mark.parametrize("what", NOT_VOTES)
def test_a_signed_body_that_is_no_vote_convicts_nobody(what: str) -> None:
    """Y-1, V-1."""
    town = Council(people=4, witnesses=4)
    voting = Person(1).voting
    body = encode(NOT_VOTES[what])
    plain = Statement(purpose="vote", body=body, key=voting.public, signature=voting.sign(b""))
    signed = Statement(purpose="vote", body=body, key=voting.public, signature=voting.sign(plain.id))
    assert signed.is_signed()
    assert town.convict(town.cast(F, A), signed) == "evidence.not-votes"
    assert town.convict(signed, town.cast(F, A)) == "evidence.not-votes"


def test_votes_that_the_key_did_not_sign_stand_in_no_block() -> None:
    """E-3, Y-1: nobody is accused with a forged signature, nor with what was signed for another purpose."""
    town = Council(people=4, witnesses=4)
    good, second = town.cast(F, A).to_value(), town.cast(F, B)
    other = sign_statement("seat", second.content, Person(1).voting).to_value()
    forged = town.cast(F, B, Person(0).voting).to_value() | {"key": Person(1).voting.public}
    for bad in (other, forged, second.to_value() | {"sig": bytes(64)}):
        for fields in ({"first": good, "second": bad}, {"first": bad, "second": good}):
            assert not is_fully_signed(town.entry(Person(0).working, "evidence.votes/1", fields, seq=99))
    assert is_fully_signed(
        town.entry(Person(0).working, "evidence.votes/1", {"first": good, "second": second.to_value()}, seq=99)
    )


def test_evidence_is_recorded_once_and_says_who_and_when() -> None:
    """Y-3, Y-4."""
    town = Council(people=4, witnesses=4)
    first, second = town.cast(N, A, view=9), town.cast(N, B, view=9)
    assert town.convict(first, second, by=2) == ""
    assert evidence_record(town.state, Person(1).voting.public) == {
        "at": town.chain.head.time_ms,
        "by": Person(2).id,
        "epoch": 1,
        "height": town.chain.head.height,
        "member": Person(1).id,
        "view": 9,
        "votes": [
            {"block": A, "kind": "notarize", "sig": first.signature},
            {"block": B, "kind": "notarize", "sig": second.signature},
        ],
    }
    assert (town.sitting, town.epoch) == ([0, 2, 3], 2)
    assert town.convict(town.cast(F, A), town.cast(X)) == "evidence.known"
    assert town.epoch == 2


def test_a_culprit_accuses_nobody_into_silence() -> None:
    """Y-3: a member records evidence against itself as well, and then another's still counts."""
    town = Council(people=4, witnesses=4)
    assert town.convict(town.cast(F, A), town.cast(F, B), by=1) == ""
    assert town.convict(town.cast(F, A, Person(2).voting), town.cast(X, signer=Person(2).voting), by=1) == ""
    assert town.sitting == [0, 3]


def test_the_last_witness_keeps_the_seat_although_it_is_guilty() -> None:
    """Y-4, G-7: without it nothing could become final, not even its successor's seat."""
    town = Council(people=3, witnesses=1)
    voting = Person(0).voting
    assert town.convict(town.cast(F, A, voting), town.cast(F, B, voting), by=1) == ""
    assert (town.sitting, town.epoch) == ([0], 1)
    assert evidence_record(town.state, voting.public) is not None
    town.seat(1)
    town.passed("unseat", 0)
    assert town.sitting == [1]


def test_to_rekey_before_the_evidence_comes_saves_no_seat() -> None:
    """Y-3, Y-4, G-6: nor does doing so twice."""
    for times in (1, 2):
        town = Council(people=4, witnesses=4)
        for number in range(times):
            town.now_ms += town.chain.charter.limits.rekey_ms
            assert town.rekey(1, spare(number)) == ""
        assert (town.sitting, town.epoch) == ([0, 1, 2, 3], 1 + times)
        assert town.convict(town.cast(F, A), town.cast(F, B)) == ""
        assert (town.sitting, town.epoch) == ([0, 2, 3], 2 + times)
        assert not witnesses.voting_key_of(town.state, Person(1).id)


def test_another_witness_keeps_its_seat_whoever_rekeyed_or_left_at_other_heights() -> None:
    """Y-4: the heir is the culprit's own."""
    town = Council(people=4, witnesses=4)
    assert town.rekey(2, spare(2)) == ""
    assert town.rekey(1, spare(1)) == ""
    assert town.convict(town.cast(F, A), town.cast(F, B)) == ""
    assert town.sitting == [0, 2, 3]
    assert town.convict(town.cast(F, A, Person(2).voting), town.cast(F, B, Person(2).voting)) == ""
    assert town.sitting == [0, 3]


def test_a_seat_that_the_members_gave_anew_outlives_what_an_earlier_key_did() -> None:
    """Y-3, Y-4, G-4: a key that has left is convicted all the same."""
    town = Council(people=4, witnesses=4)
    assert town.do(Person(1).working, "seat.resign/1", {}) == ""
    motion = town.passed("seat", 1)
    assert town.accept(motion, 1, town.consent(motion, 1, spare(1))) == ""
    epoch = town.epoch
    assert town.convict(town.cast(F, A), town.cast(F, B)) == ""
    assert evidence_record(town.state, Person(1).voting.public) is not None
    assert (town.sitting, town.epoch) == ([0, 2, 3, 1], epoch)
    fresh: SigningKey = spare(1)
    assert town.convict(town.cast(F, A, fresh, epoch=4), town.cast(X, signer=fresh, epoch=4)) == ""
    assert town.sitting == [0, 2, 3]


def test_the_last_witness_keeps_the_seat_under_the_key_it_took_since() -> None:
    """Y-4, G-7."""
    town = Council(people=3, witnesses=1)
    assert town.rekey(0, spare(0)) == ""
    voting = Person(0).voting
    assert town.convict(town.cast(F, A, voting), town.cast(F, B, voting), by=1) == ""
    assert (town.sitting, town.epoch) == ([0], 2)


def test_a_convicted_member_is_seated_again_only_by_the_members_and_a_new_key() -> None:
    """Y-4, G-3, G-4."""
    town = Council(people=4, witnesses=4)
    assert town.convict(town.cast(F, A), town.cast(F, B)) == ""
    assert town.rekey(1, spare(1)) == "seat.not-a-witness"
    motion = town.passed("seat", 1)
    assert town.accept(motion, 1) == "seat.key-known"
    assert town.accept(motion, 1, town.consent(motion, 1, spare(1))) == ""
    assert town.sitting == [0, 2, 3, 1]


def test_evidence_that_takes_a_seat_closes_its_block() -> None:
    """G-2, Y-4."""
    town = Council(people=4, witnesses=4)
    fields = {"first": town.cast(F, A).to_value(), "second": town.cast(F, B).to_value()}
    accused = town.entry(Person(0).working, "evidence.votes/1", fields)
    later = town.entry(Person(2).working, "membership.profile/1")
    step = town.chain.build([accused, later], town.now_ms, town.chain.head.view + 1)
    assert step is not None
    assert step.blocks[0].entries == (accused,)
