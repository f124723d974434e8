"""What members decide together: who has a vote, what passes, and when a motion is over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.operations import ballots, due
from ledger.operations.ballots import Stage, has_passed
from ledger.operations.motions import KINDS
from tests.ledger.operations.council import Council
from tests.ledger.town import DAY_MS, HOUR_MS, Person


def record(town: Council, motion: bytes) -> dict[str, Any]:
    found = ballots.motion_record(town.state, motion)
    assert found is not None
    return found


def join(town: Council, number: int, sponsor: int = 0) -> None:
    guest = Person(number)
    assert town.invite(guest, sponsor=sponsor) == ""
    assert town.join(guest) == ""


def test_a_founder_alone_decides_with_one_vote() -> None:
    """J-2, J-3."""
    town = Council(people=1)
    join(town, 1)
    motion = town.opened("seat", 1)
    assert record(town, motion) == {
        "able": 1,
        "by": Person(0).id,
        "matter": {"kind": "seat", "member": Person(1).id},
        "no": 0,
        "opened": town.chain.head.time_ms,
        "stage": "open",
        "until": record(town, motion)["until"],
        "yes": 0,
    }
    assert town.vote(motion) == ""
    assert (record(town, motion)["stage"], record(town, motion)["yes"]) == ("passed", 1)
    assert record(town, motion)["passed"] == town.chain.head.time_ms
    assert "used" not in record(town, motion)


@pytest.mark.parametrize(("people", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)])
def test_a_motion_passes_with_more_than_half_of_all_votes_and_not_with_half(people: int, needed: int) -> None:
    """J-3."""
    town = Council(people=people)
    join(town, 9)
    motion = town.opened("seat", 9)
    for by in range(people):
        assert record(town, motion)["stage"] == ("passed" if by >= needed else "open")
        if by < needed:
            assert town.vote(motion, by) == ""
    assert record(town, motion)["stage"] == "passed"
    assert town.vote(motion, people - 1, yes=False) == "motion.not-open"


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_two_motions_that_contradict_each_other_never_both_have_a_majority(able: int, yes: int) -> None:
    """J-3: one member says yes to at most one of them."""
    assert not (has_passed(min(yes, able), able) and has_passed(able - min(yes, able), able))


@pytest.mark.parametrize(("later_ms", "code"), [(90 * DAY_MS - 1, "motion.no-vote"), (90 * DAY_MS, "")])
def test_who_joined_has_a_vote_from_the_ninetieth_day(later_ms: int, code: str) -> None:
    """J-1, J-2, F-5."""
    town = Council(people=2)
    join(town, 7)
    joined_ms = town.chain.head.time_ms
    town.now_ms = joined_ms + later_ms
    assert ballots.votes_there_are(town.state, town.now_ms, town.charter.limits) == (2 if code else 3)
    motion = town.opened("seat", 7)
    assert record(town, motion)["opened"] == joined_ms + later_ms
    town.now_ms += HOUR_MS
    assert town.vote(motion, 7) == code
    assert record(town, motion)["able"] == (2 if code else 3)


def test_who_has_no_vote_yet_opens_no_motion_unless_the_charter_gives_it_at_once() -> None:
    """J-1, J-2, F-5."""
    for days, code in ((90, "motion.no-vote"), (0, "")):
        town = Council(people=2, vote_after_ms=days * DAY_MS)
        join(town, 7)
        assert town.open(town.matter("seat", 7), by=7)[1] == code


def test_the_votes_there_are_do_not_change_while_a_motion_is_open() -> None:
    """J-2: neither by newcomers nor by who leaves."""
    town = Council(people=3, vote_after_ms=0)
    motion = town.opened("seat", 1)
    join(town, 7)
    assert town.vote(motion, 7) == "motion.no-vote"
    assert town.do(Person(2).working, "membership.leave/1") == ""
    assert record(town, motion)["able"] == 3
    later = town.opened("seat", 7, by=1)
    assert record(town, later)["able"] == 3
    assert town.vote(later, 7) == ""


def test_a_vote_may_be_changed_and_counts_once() -> None:
    """J-4: one member, one vote."""
    town = Council(people=4)
    motion = town.opened("seat", 1)
    for yes, code, counts in (
        (True, "", (1, 0)),
        (True, "motion.said-already", (1, 0)),
        (False, "", (0, 1)),
        (False, "motion.said-already", (0, 1)),
        (True, "", (1, 0)),
    ):
        assert town.vote(motion, yes=yes) == code
        assert (record(town, motion)["yes"], record(town, motion)["no"]) == counts


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=14), st.integers(1, 6))
def test_the_counts_are_those_of_the_last_words_said(said: list[tuple[int, bool]], people: int) -> None:
    """J-3, J-4: whatever order votes come in."""
    town = Council(people=people)
    join(town, 9)
    motion = town.opened("seat", 9)
    last: dict[int, bool] = {}
    for by, yes in said:
        if by >= people:
            continue
        is_open = 2 * sum(last.values()) <= people
        expected = "motion.not-open" if not is_open else "motion.said-already" if last.get(by) is yes else ""
        assert town.vote(motion, by, yes=yes) == expected
        if expected == "":
            last[by] = yes
    found = record(town, motion)
    assert (found["yes"], found["no"]) == (sum(last.values()), len(last) - sum(last.values()))
    assert (found["stage"] == "passed") is (2 * found["yes"] > found["able"])
    votes = {place[-32:]: yes for place, yes in town.state.range(b"ballot/" + motion)}
    assert votes == {Person(by).id: yes for by, yes in last.items()}


@pytest.mark.parametrize(
    ("later_ms", "code"),
    [(0, "motion.length"), (1, ""), (30 * DAY_MS, ""), (30 * DAY_MS + 1, "motion.length")],
)
def test_a_motion_ends_within_the_charters_time(later_ms: int, code: str) -> None:
    """J-1, F-5."""
    town = Council()
    assert town.open(town.matter("seat", 1), until=town.now_ms + later_ms)[1] == code


@pytest.mark.parametrize("wait_ms", [-1, 0, 5])
def test_a_vote_at_the_end_of_a_motion_or_later_comes_too_late(wait_ms: int) -> None:
    """J-5, D-1, D-2."""
    town = Council(people=1)
    join(town, 1)
    until_ms = town.now_ms + HOUR_MS
    motion = town.opened("seat", 1, until=until_ms)
    assert due.next_ms(town.state) == until_ms
    town.now_ms = until_ms + wait_ms
    assert town.vote(motion) == ("motion.not-open" if wait_ms >= 0 else "")
    assert record(town, motion)["stage"] == ("ended" if wait_ms >= 0 else "passed")


def test_a_quiet_network_ends_a_motion_by_itself() -> None:
    """J-5, D-3; one that passed stays passed."""
    town = Council(people=3)
    open_one, passed_one = town.opened("seat", 1), town.passed("seat", 2)
    town.now_ms += 2 * DAY_MS
    assert town.block().blocks[0].entries == ()
    assert record(town, open_one)["stage"] == "ended"
    assert record(town, passed_one)["stage"] == "passed"
    assert due.next_ms(town.state) is None
    assert ballots.motions_by(town.state, Person(0).id) == []


def test_a_member_has_few_motions_whose_end_has_not_come() -> None:
    """J-1: each of them counts all members once, so withdrawing must not make room for another."""
    town = Council(motions_open=2)
    first, second = town.opened("seat", 1), town.opened("seat", 1, until=town.now_ms + HOUR_MS)
    assert town.do(Person(0).working, "motion.withdraw/1", {"motion": first}) == ""
    assert town.open(town.matter("seat", 1))[1] == "motion.too-many"
    assert town.open(town.matter("seat", 1), by=1)[1] == ""
    town.now_ms += HOUR_MS
    town.opened("seat", 1)
    assert record(town, second)["stage"] == "ended"


def test_only_who_opened_a_motion_withdraws_it_and_only_while_it_is_open() -> None:
    """J-6."""
    town = Council()
    motion = town.opened("seat", 1, about="for the\nworkshop")
    assert record(town, motion)["about"] == "for the\nworkshop"
    for by, which, code in (
        (0, bytes(32), "motion.unknown"),
        (1, motion, "motion.not-yours"),
        (0, motion, ""),
        (0, motion, "motion.not-open"),
    ):
        assert town.do(Person(by).working, "motion.withdraw/1", {"motion": which}) == code
    assert record(town, motion)["stage"] == "withdrawn"
    assert town.vote(motion) == "motion.not-open"
    assert town.vote(bytes(32)) == "motion.unknown"


def test_what_cannot_be_is_not_put_to_the_vote() -> None:
    """J-1, G-7."""
    town = Council(people=3, witnesses=1)
    for kind, person, code in (
        ("seat", 0, "seat.taken"),
        ("seat", 9, "member.unknown"),
        ("unseat", 1, "seat.not-a-witness"),
        ("unseat", 0, "seat.last"),
    ):
        assert town.open(town.matter(kind, person))[1] == code


def test_a_matter_that_has_become_impossible_refuses_the_vote_that_would_pass_it() -> None:
    """J-4: and the motion stays open, to be passed once it is possible again."""
    town = Council(people=3, witnesses=2)
    motion = town.opened("unseat", 1)
    assert town.vote(motion, 0) == ""
    assert town.do(Person(0).working, "seat.resign/1") == ""
    assert town.vote(motion, 1) == "seat.last"
    assert (record(town, motion)["stage"], record(town, motion)["yes"]) == ("open", 1)
    town.seat(2)
    assert town.vote(motion, 1) == ""
    assert (town.sitting, record(town, motion)["stage"]) == ([2], "passed")


@pytest.mark.parametrize(
    "matter",
    [
        {},
        {"kind": "seat"},
        {"kind": "sit", "member": bytes(32)},
        {"kind": [], "member": bytes(32)},
        {"kind": "seat", "member": bytes(31)},
        {"kind": "seat", "member": bytes(32), "more": 1},
        [],
    ],
)
def test_a_matter_of_another_form_stands_in_no_block(matter: Any) -> None:
    """B-7, E-3."""
    town = Council()
    fields = {"matter": matter, "until": town.now_ms + DAY_MS}
    assert town.why_left(town.entry(Person(0).working, "motion.open/1", fields)) == "entry.malformed"


def test_every_stage_of_a_motion_and_every_kind_is_known() -> None:
    """J-1: a kind or stage that is added shows here."""
    assert [stage.value for stage in Stage] == ["open", "passed", "ended", "withdrawn"]
    of_owners = {"operator", "partition", "repair", "sell", "terms", "uses"}
    assert set(KINDS) == {"seat", "unseat"} | of_owners
    assert {name for name, kind in KINDS.items() if kind.is_of_owners} == of_owners
