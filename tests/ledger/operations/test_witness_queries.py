"""What is asked about witnesses, motions and evidence is what the members decided and recorded."""

from __future__ import annotations

import pytest

from ledger.consensus.votes import VoteKind, faulty_max
from ledger.operations import witness_queries as queries
from tests.ledger.operations.council import Council, spare
from tests.ledger.town import DAY_MS, Person


def test_witnesses_stand_by_place_with_their_key_since_when_and_what_is_against_them() -> None:
    """G-1, G-3, G-4, Y-3: evidence against an earlier key stays beside its member, whom the members seated again."""
    town = Council(people=5, witnesses=4)
    assert town.do(Person(1).working, "seat.resign/1", {}) == ""
    motion = town.passed("seat", 1)
    assert town.accept(motion, 1, town.consent(motion, 1, spare(1))) == ""
    height = town.chain.head.height
    assert town.convict(town.cast(VoteKind.FINALIZE, b"a" * 32), town.cast(VoteKind.NULLIFY), by=3) == ""
    first, *_, last = queries.witnesses(town.state)
    assert (first.place, first.member, first.key, first.since_height, first.evidence) == (
        *(0, Person(0).id, Person(0).voting.public),
        *(0, ()),
    )
    assert (last.place, last.key, last.since_height) == (3, spare(1).public, height)
    (found,) = last.evidence
    assert (found,) == queries.evidence(town.state) == queries.evidence(town.state, Person(1).id)
    assert queries.evidence(town.state, Person(2).id) == ()
    assert (found.key, found.member, found.by) == (Person(1).voting.public, Person(1).id, Person(3).id)
    assert (found.epoch, found.view, found.kinds) == (1, 3, ("finalize", "nullify"))
    assert (found.height, found.at_ms) == (town.chain.head.height, town.chain.head.time_ms)


@pytest.mark.parametrize(("people", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 4)])
def test_a_motion_says_how_it_stands_and_what_it_still_needs(people: int, needed: int) -> None:
    """J-1, J-3, J-5."""
    town = Council(people=people)
    guest = Person(9)
    town.invite(guest)
    assert town.do(guest.invite, "membership.join/1", town.joining(guest)) == ""
    ended = town.opened("seat", 9, until=town.now_ms + 5)
    town.now_ms += 10
    identity = town.opened("seat", 9, about="more room")
    for by in range(needed):
        found = queries.motion(town.state, identity)
        assert found is not None
        assert (found.stage, found.yes, found.able, found.yes_needed) == ("open", by, people, needed)
        assert town.vote(identity, by) == ""
    latest, before = queries.motions(town.state)
    assert (latest.id, latest.stage, latest.passed_ms) == (identity, "passed", town.chain.head.time_ms)
    assert (latest.about, latest.by, latest.used_height) == ("more room", Person(0).id, None)
    assert latest.until_ms - latest.opened_ms <= DAY_MS
    assert (before.id, before.stage, before.passed_ms) == (ended, "ended", None)
    assert set(queries.ballots(town.state, identity)) == {(Person(by).id, True) for by in range(needed)}
    assert town.do(guest.working, "seat.accept/1", seat_fields(town, identity)) == ""
    taken = queries.motion(town.state, identity)
    assert taken is not None
    assert taken.used_height == town.chain.head.height
    assert queries.motion(town.state, bytes(32)) is None


def seat_fields(town: Council, motion: bytes) -> dict[str, object]:
    return {"consent": town.consent(motion, 9).to_value(), "motion": motion}


@pytest.mark.parametrize("count", range(1, 65))
def test_what_so_many_witnesses_withstand_is_said_without_promising_more(count: int) -> None:
    """V-2."""
    said = queries.withstands(count)
    assert ("keeps going" in said) is (faulty_max(count) > 0)
    assert said.startswith(f"{count} witness")


def test_the_sentences_for_the_usual_numbers() -> None:
    """V-2."""
    assert queries.withstands(1) == "1 witness: nothing becomes final while it is down, and everybody trusts it alone"
    assert queries.withstands(3) == "3 witnesses: every one of them must be up, or nothing becomes final"
    assert queries.withstands(4) == "4 witnesses: keeps going with any one down or lying"
    assert queries.withstands(7) == "7 witnesses: keeps going with any 2 down or lying"
