"""What becomes of a pending entry somebody hands on, rule by rule; whose turn it is; what the pool holds at most.

SPEC P-10, P-11, P-12, P-13 and P-17.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.charter import Limits
from ledger.entry import Entry, sign_entry
from ledger.errors import Reason, Refusal
from ledger.keys import Signature, SigningKey
from ledger.state import Overlay
from protocol.joining import inviting
from protocol.replication import pool as pool_room
from protocol.replication.pool import Pool, Verdict
from tests.protocol.stand import ANN, BEN, CAT, Stand, profile
from tests.simulation.town import DAY_MS, START_MS, joining

STAND = Stand()
VIEW = STAND.core.chain.state
NETWORK = STAND.founded.charter.network
NO_ALLOWANCE = Limits(day_entries=0)


def pool(**options: Any) -> Pool:
    return Pool(NETWORK, **options)


def entry(sequence: int = 1, who: Any = BEN, operation: dict[str, Any] | None = None, **changes: Any) -> Entry:
    return STAND.entry(who, sequence, operation, **changes)


def judge(entry: Entry, held: Pool | None = None, time_ms: int = START_MS, view: Any = VIEW) -> Verdict:
    return (pool() if held is None else held).judge(view, entry, time_ms)


# -- P-10: what no honest peer sends


def forged(entry: Entry) -> Entry:
    return replace(entry, signature=Signature(entry.signature[:-1] + bytes([entry.signature[-1] ^ 1])))


REJECTED = {
    "another network": entry(network=bytes(32)),
    "an unknown operation": entry(operation={"t": "work.conquer/1"}),
    "an operation of another form": entry(operation={"t": "membership.profile/1", "rank": 1}),
    "a wrong signature": forged(entry()),
    "a wrong inner signature": entry(
        operation={
            "consent": {"body": b"\x80", "key": ANN.root.public, "sig": bytes(64)},
            "key": {"body": b"\x80", "key": ANN.root.public, "sig": bytes(64)},
            "machine": {"body": b"\x80", "key": ANN.root.public, "sig": bytes(64)},
            "t": "membership.join/1",
        }
    ),
}


@pytest.mark.parametrize("one", REJECTED.values(), ids=REJECTED.keys())
def test_what_no_honest_peer_sends_is_rejected(one: Entry) -> None:
    assert judge(one) is Verdict.REJECT


def test_an_entry_by_a_member_of_here_is_accepted() -> None:
    assert judge(entry()) is Verdict.ACCEPT


# -- P-11, P-12: what an honest peer may send and is of no use


def held(*entries: Entry, **options: Any) -> Pool:
    made = pool(**options)
    for one in entries:
        made.add(one)
    return made


def test_an_entry_that_is_known_is_ignored() -> None:
    assert judge(entry(), held(entry())) is Verdict.IGNORE


def test_an_entry_that_has_lapsed_is_ignored_and_one_that_lapses_now_is_not() -> None:
    assert judge(entry(until_ms=START_MS - 1)) is Verdict.IGNORE
    assert judge(entry(until_ms=START_MS)) is Verdict.ACCEPT


def test_an_entry_that_is_valid_for_too_long_is_ignored() -> None:
    assert judge(entry(until_ms=START_MS + 11), pool(until_ahead_ms=10)) is Verdict.IGNORE
    assert judge(entry(until_ms=START_MS + 10), pool(until_ahead_ms=10)) is Verdict.ACCEPT


def test_an_entry_of_a_stranger_is_ignored() -> None:
    assert judge(entry(who=CAT)) is Verdict.IGNORE


def test_an_entry_under_a_key_that_has_ended_is_ignored() -> None:
    stand = Stand()
    operation = {"key": BEN.working.public, "t": "membership.revoke/1"}
    revoke = sign_entry(BEN.root, NETWORK, 1, START_MS + DAY_MS, operation)
    stand.carry(revoke)
    stand.block()
    assert judge(entry(), view=stand.core.chain.state) is Verdict.IGNORE


def test_a_number_that_is_used_is_ignored() -> None:
    stand = Stand()
    stand.hand(BEN, entry(1))
    stand.block()
    assert judge(entry(1, operation=profile("again")), view=stand.core.chain.state) is Verdict.IGNORE
    assert judge(entry(2), view=stand.core.chain.state) is Verdict.ACCEPT


def test_a_second_entry_under_one_number_is_ignored_until_the_first_has_lapsed() -> None:
    one = held(entry(until_ms=START_MS + 5))
    other = entry(operation=profile("other"))
    assert judge(other, one, START_MS + 5) is Verdict.IGNORE
    assert judge(other, one, START_MS + 6) is Verdict.ACCEPT
    one.add(other)
    assert one.all() == [other]


def test_one_key_fills_no_more_than_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_PER_KEY_MAX", 2)
    full = held(entry(1), entry(2))
    assert judge(entry(3), full) is Verdict.IGNORE
    assert judge(entry(3, who=ANN), full) is Verdict.ACCEPT


# -- P-13: bounds


def test_when_it_is_full_who_has_the_most_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 4)
    full = held(*(entry(n) for n in range(1, 5)))
    assert judge(entry(5), full) is Verdict.IGNORE
    newcomer = entry(1, who=ANN)
    assert judge(newcomer, full) is Verdict.ACCEPT
    full.add(newcomer)
    assert len(full) == 4
    assert [(one.key == BEN.working.public, one.sequence) for one in full.all()] == [
        (True, 1),
        (True, 2),
        (True, 3),
        (False, 1),
    ]


def test_nobody_gives_way_to_who_has_nearly_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 2)
    full = held(entry(1), entry(1, who=ANN))
    assert judge(entry(2), full) is Verdict.IGNORE


def test_our_own_entries_never_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_ENTRIES_MAX", 3)
    full = held(*(entry(n) for n in range(1, 4)), own=BEN.working.public)
    assert judge(entry(1, who=ANN), full) is Verdict.IGNORE
    full.add(entry(4))
    assert [one.sequence for one in full.all()] == [1, 2, 3, 4]


def large(sequence: int, who: Any = BEN) -> Entry:
    return entry(sequence, who, {"about": "x" * 900, "t": "membership.profile/1"})


def test_large_entries_of_one_key_weigh_no_more_than_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry may have 64 KiB: counted alone, one member could fill every machine's memory."""
    monkeypatch.setattr(pool_room, "POOL_BYTES_PER_KEY_MAX", 3 * large(1).size_bytes)
    full = held(large(1), large(2), large(3))
    assert judge(entry(4), full) is Verdict.IGNORE
    assert judge(large(1, ANN), full) is Verdict.ACCEPT
    full.settle(VIEW, [large(3)], 1)
    assert judge(large(4), full) is Verdict.ACCEPT


def test_when_it_is_too_heavy_whose_entries_weigh_most_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "POOL_BYTES_MAX", 3 * large(1).size_bytes)
    full = held(large(1), large(2), large(3))
    assert judge(large(4), full) is Verdict.IGNORE
    newcomer = large(1, ANN)
    assert judge(newcomer, full) is Verdict.ACCEPT
    full.add(newcomer)
    assert [(one.key == BEN.working.public, one.sequence) for one in full.all()] == [(True, 1), (True, 2), (False, 1)]
    ours = held(large(1), large(2), large(3), own=BEN.working.public)
    assert judge(newcomer, ours) is Verdict.IGNORE


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from((ANN, BEN)), st.integers(1, 12)), max_size=40))
def test_no_order_of_entries_fills_it_beyond_its_bound(order: list[tuple[Any, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool_room, "POOL_ENTRIES_MAX", 6)
        patch.setattr(pool_room, "POOL_ENTRIES_PER_KEY_MAX", 5)
        patch.setattr(pool_room, "POOL_BYTES_MAX", 4 * large(1).size_bytes)
        full = pool()
        for who, sequence in order:
            one = (large if sequence % 2 else entry)(sequence, who)
            if judge(one, full) is Verdict.ACCEPT:
                full.add(one)
        assert len(full) == len(full.all()) <= 6
        assert sum(one.size_bytes for one in full.all()) <= 4 * large(1).size_bytes
        assert all(len(full.numbers(who.working.public)) <= 5 for who in (ANN, BEN))


# -- P-17: whose turn it is


def order(made: Pool, view: Any = VIEW) -> list[tuple[str, int]]:
    names = {ANN.working.public: "ann", BEN.working.public: "ben"}
    return [(names[one.key], one.sequence) for one in made.candidates(view, START_MS, Limits())]


def test_the_authors_take_turns() -> None:
    made = held(*(entry(n) for n in (3, 1, 2)), *(entry(n, who=ANN) for n in (1, 2)))
    assert order(made) == [("ben", 1), ("ann", 1), ("ben", 2), ("ann", 2), ("ben", 3)]


def test_a_member_takes_one_turn_with_all_keys_together() -> None:
    """P-17: else whoever has sixteen machines would have sixteen turns."""
    view = Overlay(VIEW)
    view.put(b"key/" + CAT.working.public, VIEW.get(b"key/" + BEN.working.public))
    made = held(*(entry(n, who=who) for who in (BEN, CAT, ANN) for n in (1, 2)))
    chosen = [(one.key, one.sequence) for one in made.candidates(view, START_MS, Limits())]
    ann, ben, cat = (who.working.public for who in (ANN, BEN, CAT))
    assert chosen == [(ben, 1), (ann, 1), (cat, 1), (ann, 2), (ben, 2), (cat, 2)]


def test_a_gap_holds_back_all_that_follows() -> None:
    assert order(held(entry(1), entry(3), entry(4))) == [("ben", 1)]


def test_a_gap_of_up_to_sixty_four_is_left_for_an_entry_that_skips() -> None:
    assert order(held(entry(1), entry(65, skips=True))) == [("ben", 1), ("ben", 65)]
    assert order(held(entry(1), entry(66, skips=True))) == [("ben", 1)]


def test_a_used_number_is_no_candidate() -> None:
    stand = Stand()
    stand.hand(BEN, entry(1))
    stand.block()
    assert order(held(entry(1), entry(2)), stand.core.chain.state) == [("ben", 2)]


def test_only_so_many_of_one_key_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "CANDIDATES_PER_KEY_MAX", 2)
    assert order(held(*(entry(n) for n in range(1, 6)))) == [("ben", 1), ("ben", 2)]


# -- forgetting


def test_what_is_final_and_what_it_makes_void_is_forgotten() -> None:
    stand = Stand()
    skipping = entry(3, skips=True)
    stand.hand(BEN, skipping)
    stand.block()
    made = held(entry(1), entry(2), skipping, entry(4))
    void = made.settle(stand.core.chain.state, [skipping], 1)
    assert {one.sequence for one in void} == {1, 2}
    assert made.numbers(BEN.working.public) == [4]
    assert made.highest(BEN.working.public) == 4
    assert made.highest(ANN.working.public) == 0


def test_only_what_can_never_be_included_is_discarded() -> None:
    dead = {Reason.MALFORMED, Reason.OTHER_NETWORK, Reason.UNKNOWN_KEY, Reason.KEY_ENDED, Reason.WRONG_ROLE}
    dead |= {Reason.INVITATION_SPENT, Reason.SEQUENCE_USED, Reason.LAPSED}
    for reason in Reason:
        made = held(entry())
        gone = made.discard([(entry(), Refusal(reason=reason))])
        assert gone == ([(entry(), reason.value)] if reason in dead else [])
        assert len(made) == (0 if reason in dead else 1)


def test_lapsed_entries_of_all_or_of_one_key_are_forgotten() -> None:
    soon_ms = START_MS + 5
    made = held(entry(1, until_ms=soon_ms), entry(2), entry(1, who=ANN, until_ms=soon_ms))
    assert [one.key for one in made.lapse(START_MS + 6, ANN.working.public)] == [ANN.working.public]
    assert [one.sequence for one in made.lapse(START_MS + 6)] == [1]
    assert made.lapse(START_MS + 6) == []
    assert len(made) == 1


def test_a_key_that_ends_takes_all_its_entries_along() -> None:
    stand = Stand()
    made = held(*(entry(n) for n in range(1, 9)), entry(1, who=ANN))
    revoke = sign_entry(
        BEN.root, NETWORK, 1, START_MS + DAY_MS, {"key": BEN.working.public, "t": "membership.revoke/1"}
    )
    stand.carry(revoke)
    stand.block()
    assert order(made, stand.core.chain.state) == [("ann", 1)]
    assert {code for _, code in made.discard(())} == {"entry.key-ended"}
    assert [one.key for one in made.all()] == [ANN.working.public]


def test_under_a_key_nobody_knows_entries_wait_for_one_block_that_may_make_it_known() -> None:
    made = held(entry(1, who=CAT), entry(2, who=CAT))
    assert len(list(made.candidates(VIEW, START_MS, Limits()))) == 2
    assert made.discard(()) == [] and len(made) == 2
    assert {code for _, code in made.discard(made.unknown())} == {"entry.unknown-key"}
    assert len(made) == 0


# -- P-17: a backlog that nobody can include


class Counted:
    """A state that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, key: bytes) -> Any:
        self.asked += 1
        return VIEW.get(key)

    def raw(self, key: bytes) -> bytes | None:
        self.asked += 1
        found: bytes | None = VIEW.raw(key)
        return found


def asked(made: Pool, time_ms: int = START_MS, limits: Limits = NO_ALLOWANCE) -> tuple[int, int]:
    """How many candidates there are, and how often the state was asked for them."""
    view: Any = Counted()
    return len(list(made.candidates(view, time_ms, limits))), view.asked


def test_a_backlog_beyond_the_allowance_is_judged_by_its_first_entry_and_then_left_alone_until_tomorrow() -> None:
    """Twenty thousand of them once cost an idle witness a twentieth of its processor."""
    made = held(*(entry(n) for n in range(1, 200)))
    none, first = asked(made)
    assert none == 0 and 0 < first < 10
    assert asked(made, START_MS + 1) == (0, 0)
    tomorrow_ms = (START_MS // DAY_MS + 1) * DAY_MS
    assert asked(made, tomorrow_ms - 1) == (0, 0)
    assert asked(made, tomorrow_ms, Limits())[0] == 199


def test_a_backlog_that_is_valid_too_far_ahead_is_left_alone_until_it_no_longer_is() -> None:
    limits = Limits(until_ms=1_000)
    made = held(entry(1, until_ms=START_MS + 5_000), entry(2, until_ms=START_MS + 5_000))
    assert asked(made, START_MS, limits)[0] == 0
    assert asked(made, START_MS + 3_999, limits) == (0, 0)
    assert asked(made, START_MS + 4_000, limits)[0] == 2


def test_what_comes_or_goes_under_a_key_has_it_looked_at_again() -> None:
    made = held(entry(2), entry(3))
    assert asked(made, limits=Limits())[0] == 0
    assert asked(made, limits=Limits()) == (0, 0)
    made.add(entry(1))
    assert asked(made, limits=Limits())[0] == 3
    stand = Stand()
    other = entry(1, operation=profile("from elsewhere"))
    stand.hand(BEN, other)
    stand.block()
    gap = held(entry(2))
    assert asked(gap, limits=Limits()) == (0, 2), "its key, and the last number under it"
    gap.settle(stand.core.chain.state, [other], 1)
    assert order(gap, stand.core.chain.state) == [("ben", 2)]


def test_an_entry_that_skips_passes_one_that_cannot_be_included() -> None:
    made = held(entry(1, until_ms=START_MS + 5_000), entry(2, skips=True), entry(3))
    chosen = [one.sequence for one in made.candidates(VIEW, START_MS + 5_001, Limits())]
    assert chosen == [2, 3]
    assert [(one.sequence, code) for one, code in made.discard(())] == [(1, "entry.lapsed")]


def test_forgetting_what_is_not_there_changes_nothing() -> None:
    made = held(entry(1))
    assert made.discard([(entry(2), Refusal(reason=Reason.LAPSED))]) == [(entry(2), "entry.lapsed")]
    assert len(made) == 1


def test_a_guests_joining_is_accepted_under_its_invitation_only() -> None:
    invite = SigningKey(b"i" * 32)
    guest = joining(CAT, STAND.founded, invite)
    assert judge(guest) is Verdict.IGNORE
    stand = Stand()
    stand.submit(inviting(invite, member=ANN.member, network=NETWORK, until_ms=START_MS + DAY_MS))
    stand.block()
    assert judge(guest, view=stand.core.chain.state) is Verdict.ACCEPT
