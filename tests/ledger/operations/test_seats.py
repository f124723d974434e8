"""Who sits at the witnesses' table: seats taken, keys replaced, seats given up, and what a change does to its block."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.consensus.votes import WITNESSES_MAX
from ledger.errors import Reason, Refusal
from ledger.fold import choose, execute, is_fully_signed
from ledger.keys import SigningKey
from ledger.operations import witnesses
from ledger.state import Overlay
from ledger.statement import Statement, sign_statement
from tests.ledger.operations.council import Council, spare
from tests.ledger.town import DAY_MS, HOUR_MS, Person

SMALL_ORDER = bytes([1]) + bytes(31)


def seat_of(town: Council, key: SigningKey) -> dict[str, Any] | None:
    return witnesses.seat_record(town.state, key.public)


def test_a_member_takes_the_seat_that_a_motion_gave() -> None:
    """G-1, G-3, G-4: at the end of the list, and the epoch goes on by one."""
    town = Council(people=3)
    motion = town.passed("seat", 2)
    assert (town.sitting, town.epoch) == ([0], 1)
    assert town.accept(motion, 2) == ""
    assert (town.sitting, town.epoch) == ([0, 2], 2)
    assert witnesses.voting_key_of(town.state, Person(2).id) == Person(2).voting.public
    assert seat_of(town, Person(2).voting) == {"member": Person(2).id, "since": town.chain.head.height}
    assert town.accept(motion, 2, town.consent(motion, 2, spare(1))) == "seat.used"


def test_height_0_of_ledgers_written_before_stays_as_it_is() -> None:
    """F-4, G-3: a charter's voting key is known without a record."""
    town = Council(people=3, witnesses=2)
    assert list(town.state.raw_range(b"seat/")) == []
    assert seat_of(town, Person(1).voting) == {"member": Person(1).id, "since": 0}
    assert seat_of(town, Person(2).voting) is None
    assert town.do(Person(1).working, "seat.resign/1") == ""
    height = town.chain.head.height
    assert seat_of(town, Person(1).voting) == {"ended": height, "member": Person(1).id, "since": 0}


@pytest.mark.parametrize(
    ("later_ms", "code"), [(0, ""), (7 * DAY_MS, ""), (7 * DAY_MS + 1, "seat.too-late"), (90 * DAY_MS, "seat.too-late")]
)
def test_a_seat_waits_for_its_new_key_for_a_bounded_time(later_ms: int, code: str) -> None:
    """G-4, F-5."""
    town = Council(people=2)
    motion = town.passed("seat", 1)
    town.now_ms = town.chain.head.time_ms + later_ms
    if later_ms == 0:
        town.now_ms += 1
    assert town.accept(motion, 1) == code


def test_only_a_motion_that_passed_seats_and_only_whom_it_names() -> None:
    """G-4."""
    town = Council(people=3, witnesses=2)
    opened, unseated, passed = town.opened("seat", 2), town.passed("unseat", 1), town.passed("seat", 2)
    for motion, person in ((opened, 2), (unseated, 1), (passed, 1), (bytes(32), 2)):
        assert town.accept(motion, person) == "seat.no-motion"
    assert town.accept(passed, 2) == ""


def test_two_motions_for_one_member_seat_them_once() -> None:
    """G-1, G-4."""
    town = Council(people=2)
    first, second = town.passed("seat", 1), town.passed("seat", 1)
    assert town.accept(first, 1) == ""
    assert town.accept(second, 1, town.consent(second, 1, spare(1))) == "seat.taken"


def word(town: Council, motion: bytes, what: str) -> Statement:
    """A consent that is none, or the bytes of anything."""
    good = {"member": Person(2).id, "motion": motion, "network": town.network}
    contents: dict[str, Any] = {
        "of another member": {**good, "member": Person(1).id},
        "for another motion": {**good, "motion": bytes(32)},
        "for another network": {**good, "network": bytes(32)},
        "with something more": {**good, "more": 1},
        "to follow a key": {"member": Person(2).id, "network": town.network, "old": motion},
        "that is no map": [],
    }
    body = encode(contents[what])
    voting = Person(2).voting
    whole = Statement(purpose="seat", body=body, key=voting.public, signature=voting.sign(b""))
    return Statement(purpose="seat", body=body, key=voting.public, signature=voting.sign(whole.id))


@pytest.mark.parametrize(
    "what",
    [
        "of another member",
        "for another motion",
        "for another network",
        "with something more",
        "to follow a key",
        "that is no map",
    ],
)
def test_a_new_voting_key_agrees_to_this_very_seat(what: str) -> None:
    """G-4, B-8."""
    town = Council(people=3)
    motion = town.passed("seat", 2)
    assert town.accept(motion, 2, word(town, motion, what)) == "seat.bad-consent"
    assert town.accept(motion, 2) == ""


def test_a_new_voting_key_is_known_for_nothing_else() -> None:
    """G-3, K-2: no working, root, invitation's, machine's or voting key, sitting or not."""
    town = Council(people=3, witnesses=2)
    guest = Person(7)
    assert town.invite(guest) == ""
    assert town.do(Person(1).working, "seat.resign/1") == ""
    motion = town.passed("seat", 2)
    for used in (
        Person(2).working,
        Person(1).root,
        guest.invite,
        Person(1).machine,
        Person(0).voting,
        Person(1).voting,
    ):
        assert town.accept(motion, 2, town.consent(motion, 2, used)) == "seat.key-known"
        assert town.rekey(0, used) == "seat.key-known"
    assert town.accept(motion, 2) == ""


def test_a_consent_without_its_keys_signature_stands_in_no_block() -> None:
    """E-3, G-4."""
    town = Council(people=2)
    motion = town.passed("seat", 1)
    good = town.consent(motion, 1).to_value()
    for changes in ({"key": spare(1).public}, {"sig": bytes(64)}, {"key": SMALL_ORDER}):
        fields = {"consent": {**good, **changes}, "motion": motion}
        assert not is_fully_signed(town.entry(Person(1).working, "seat.accept/1", fields, seq=99))


def test_a_new_voting_key_is_a_real_point() -> None:
    """K-2, G-3: the fold judges the key by itself, since some such keys have signatures that hold."""
    town = Council(people=2)
    motion = town.passed("seat", 1)
    seat = {**town.consent(motion, 1).to_value(), "key": SMALL_ORDER}
    follows = {**town.following(0, spare(1)).to_value(), "key": SMALL_ORDER}
    entries = [
        town.entry(Person(1).working, "seat.accept/1", {"consent": seat, "motion": motion}),
        town.entry(Person(0).working, "seat.rekey/1", {"consent": follows}),
    ]
    done = choose(Overlay(town.state), town.network, 9, town.now_ms, entries, town.charter.limits)
    assert done.outcomes == ("seat.bad-key", "seat.bad-key")


def test_a_witness_replaces_its_key_in_the_same_place() -> None:
    """G-1, G-3, G-6."""
    town = Council(people=3, witnesses=3)
    assert town.rekey(1, spare(1)) == ""
    height = town.chain.head.height
    assert (town.sitting, town.epoch) == ([0, 1, 2], 2)
    assert witnesses.voting_key_of(town.state, Person(1).id) == spare(1).public
    assert seat_of(town, Person(1).voting) == {"ended": height, "member": Person(1).id, "since": 0}
    assert seat_of(town, spare(1)) == {
        "member": Person(1).id,
        "rekeyed": town.chain.head.time_ms,
        "since": height,
    }


@pytest.mark.parametrize(("later_ms", "code"), [(DAY_MS - 1, "seat.too-soon"), (DAY_MS, "")])
def test_a_key_that_replaced_another_stays_for_a_day(later_ms: int, code: str) -> None:
    """G-6, F-5: each change ends an epoch, and nobody ends them all day."""
    town = Council(people=3, witnesses=3)
    assert town.rekey(1, spare(1)) == ""
    town.now_ms = town.chain.head.time_ms + later_ms
    assert town.rekey(1, spare(2)) == code
    assert town.rekey(0, spare(3)) == ""


def test_a_key_follows_only_the_one_that_sits_and_only_for_who_sits() -> None:
    """G-6."""
    town = Council(people=3, witnesses=2)
    for changes in ({"old": Person(0).voting.public}, {"member": Person(0).id}, {"network": bytes(32)}, {"more": 1}):
        assert town.rekey(1, spare(1), **changes) == "seat.bad-consent"
    assert town.rekey(2, spare(1)) == "seat.not-a-witness"
    motion_word = sign_statement(
        "seat", {"member": Person(1).id, "motion": bytes(32), "network": town.network}, spare(1)
    )
    assert town.do(Person(1).working, "seat.rekey/1", {"consent": motion_word.to_value()}) == "seat.bad-consent"


def test_a_witness_resigns_and_the_last_one_cannot() -> None:
    """G-7, G-8, M-12."""
    town = Council(people=3, witnesses=2)
    assert town.do(Person(2).working, "seat.resign/1") == "seat.not-a-witness"
    assert town.do(Person(0).working, "membership.leave/1") == "member.is-witness"
    assert town.do(Person(0).working, "seat.resign/1") == ""
    assert (town.sitting, town.epoch) == ([1], 2)
    assert town.do(Person(0).working, "membership.leave/1") == ""
    assert town.do(Person(1).working, "seat.resign/1") == "seat.last"
    assert (town.sitting, town.epoch) == ([1], 2)


def test_members_unseat_a_witness_with_the_vote_that_decides() -> None:
    """G-5, J-3."""
    town = Council(people=3, witnesses=3)
    motion = town.opened("unseat", 1)
    assert town.vote(motion, 0) == ""
    assert town.sitting == [0, 1, 2]
    assert town.vote(motion, 2) == ""
    assert (town.sitting, town.epoch) == ([0, 2], 2)
    seat = seat_of(town, Person(1).voting)
    assert seat is not None
    assert seat["ended"] == town.chain.head.height


def test_one_witness_becomes_four_then_seven_then_four() -> None:
    """G-1 to G-8: the list is what was decided, in the order in which seats were taken."""
    town = Council(people=7)
    for person in (1, 2, 3):
        town.seat(person)
    assert (town.sitting, town.epoch) == ([0, 1, 2, 3], 4)
    town.now_ms += 2 * DAY_MS
    for person in (6, 5, 4):
        town.seat(person)
    assert town.sitting == [0, 1, 2, 3, 6, 5, 4]
    town.now_ms += 2 * DAY_MS
    town.passed("unseat", 0)
    for person in (5, 2):
        assert town.do(Person(person).working, "seat.resign/1") == ""
    assert (town.sitting, town.epoch) == ([1, 3, 6, 4], 10)


def test_there_is_a_seat_for_so_many_and_no_more() -> None:
    """G-1."""
    town = Council(people=3)
    motion = town.passed("seat", 1)
    tx = Overlay(town.state)
    for number in range(WITNESSES_MAX - 1):
        witnesses.seat(tx, bytes([number]) * 32, spare(number).public, 1)
    fields = {"consent": town.consent(motion, 1).to_value(), "motion": motion}
    entries = [
        town.entry(Person(1).working, "seat.accept/1", fields),
        town.entry(Person(0).working, "motion.open/1", {"matter": town.matter("seat", 2), "until": town.now_ms + 9}),
    ]
    done = choose(tx, town.network, 9, town.now_ms, entries, town.charter.limits)
    assert done.outcomes == ("seat.full", "seat.full")
    assert not done.closes_epoch


PROFILE = "membership.profile/1"


def changing(town: Council) -> Any:
    return town.entry(Person(1).working, "seat.resign/1")


def test_a_change_of_the_witnesses_is_the_last_entry_of_its_block() -> None:
    """G-2: the leader stops there, and leaves the rest for the next epoch."""
    town = Council(people=3, witnesses=3)
    before, change = town.entry(Person(0).working, PROFILE), changing(town)
    after, second = town.entry(Person(0).working, PROFILE), town.entry(Person(2).working, "seat.resign/1")
    chosen = choose(
        Overlay(town.state), town.network, 1, town.now_ms, [before, change, after, second], town.charter.limits
    )
    assert chosen.entries == (before, change)
    assert (chosen.left, chosen.closes_epoch) == ((), True)
    for rest in ([], [after], [second]):
        done = execute(Overlay(town.state), town.network, 1, town.now_ms, [before, change, *rest], town.charter.limits)
        if rest:
            assert isinstance(done, Refusal)
            assert done.reason is Reason.EPOCH_CLOSED
        else:
            assert not isinstance(done, Refusal)
            assert done.closes_epoch


def test_what_changes_no_seat_closes_no_block() -> None:
    """G-2: refused changes, votes that do not decide, and all else."""
    town = Council(people=3, witnesses=1)
    motion = town.opened("seat", 1)
    entries = [
        town.entry(Person(0).working, "seat.resign/1"),
        town.entry(Person(1).working, "seat.resign/1"),
        town.entry(Person(0).working, "motion.vote/1", {"motion": motion, "yes": True}),
        town.entry(Person(1).working, "motion.vote/1", {"motion": motion, "yes": True}),
        town.entry(Person(2).working, PROFILE),
    ]
    step = town.block(*entries)
    assert step.blocks[0].outcomes == ("seat.last", "seat.not-a-witness", "", "", "")
    assert town.epoch == 1


def test_blocks_above_a_change_judge_by_the_list_they_stand_on() -> None:
    """G-2: on an overlay of several blocks, only the block with the change ends."""
    town = Council(people=3, witnesses=3)
    tx, limits = Overlay(town.state), town.charter.limits
    assert choose(tx, town.network, 1, town.now_ms, [changing(town)], limits).closes_epoch
    profiles = [town.entry(Person(0).working, PROFILE) for _ in range(2)]
    done = choose(tx, town.network, 2, town.now_ms + 1, profiles, limits)
    assert (done.entries, done.closes_epoch) == (tuple(profiles), False)


class Table:
    """What the witness list should be, said simply."""

    def __init__(self) -> None:
        self.sitting = [0, 1]
        self.epoch = 1
        self.spares = 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["seat", "unseat", "resign", "rekey"]), st.integers(0, 4)), max_size=12))
def test_whatever_is_decided_the_list_is_never_empty_and_no_key_sits_twice(moves: list[tuple[str, int]]) -> None:
    """G-1 to G-8, J-4: compared with a model."""
    town, model = Council(people=5, witnesses=2, motions_open=100, rekey_ms=0), Table()
    keys: list[bytes] = [Person(0).voting.public, Person(1).voting.public]
    for move, person in moves:
        sits = person in model.sitting
        possible = sits and len(model.sitting) > 1
        town.now_ms += HOUR_MS
        match move:
            case "seat":
                motion, outcome = town.open(town.matter("seat", person))
                assert (outcome == "") is not sits
                if not sits:
                    assert [town.vote(motion, by) for by in range(3)] == ["", "", ""]
                    keys.append(spare(len(keys)).public)
                    assert town.accept(motion, person, town.consent(motion, person, spare(len(keys) - 1))) == ""
                    model.sitting.append(person)
                    model.epoch += 1
            case "unseat":
                motion, outcome = town.open(town.matter("unseat", person))
                assert (outcome == "") is possible
                if possible:
                    assert [town.vote(motion, by) for by in range(3)] == ["", "", ""]
            case "resign":
                assert (town.do(Person(person).working, "seat.resign/1") == "") is possible
            case _:
                fresh = spare(len(keys))
                assert (town.rekey(person, fresh) == "") is sits
                if sits:
                    keys.append(fresh.public)
                    model.epoch += 1
        if move in ("unseat", "resign") and possible:
            model.sitting.remove(person)
            model.epoch += 1
        assert (town.sitting, town.epoch) == (model.sitting, model.epoch)
    records = {place[5:]: record for place, record in town.state.range(b"seat/")}
    sitting = {one["key"] for one in witnesses.witness_list(town.state)}
    assert {key for key, record in records.items() if "ended" not in record} <= sitting <= set(keys)
    assert all(key in sitting or "ended" in records[key] for key in keys)
