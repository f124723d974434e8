"""The small parts: calendar, ranking, records (SPEC N-8, N-13)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import encode
from ledger.errors import LocalError
from ledger.keys import MemberId
from ledger.names import Kind, show_id
from ledger.operations.work_terms import read_proposal
from ledger.statement import sign_statement
from protocol.capability.places import Place
from protocol.negotiation.calendar import WEEK_MS, Calendar, Slot, open_ms
from protocol.negotiation.calls import Calls
from protocol.negotiation.contents import UNCHANGED, Changes, read_call
from protocol.negotiation.effects import Item, Side
from protocol.negotiation.inbox import waiting
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.policy import Buy
from protocol.negotiation.policy_parse import parse
from protocol.negotiation.reasons import Reason
from protocol.negotiation.record import Damaged, pack, unpack
from protocol.negotiation.selection import POINTS, Candidate, flaw, rank
from protocol.negotiation.world import Standing
from tests.protocol.negotiation.stage import (
    ASK_ME,
    AUTOMATIC,
    CREDIT,
    DAY_MS,
    FUNCTION,
    HOUR_MS,
    MINUTE_MS,
    NETWORK,
    PRINTER,
    START_MS,
    Node,
    call_value,
    fresh,
    key_of,
    member,
    messages,
    now,
    price,
    shop,
    town,
)

MONDAY_MS = 4 * DAY_MS
WORKDAYS = tuple((day * 1440 + 9 * 60, day * 1440 + 17 * 60) for day in range(5))


def slot(start_ms: int, end_ms: int, *, machine: str = "m", stranger: bool = True) -> Slot:
    return Slot(machine=machine, start_ms=start_ms, end_ms=end_ms, proposal=fresh(start_ms), stranger=stranger)


def gap(calendar: Calendar, work_ms: int, *, hours: Any = (), from_ms: int = 0, horizon_ms: int = 10**12) -> Any:
    found = calendar.gap("m", hours, work_ms=work_ms, from_ms=from_ms, horizon_ms=horizon_ms)
    return None if found is None else (found.start_ms, found.end_ms)


def test_the_first_gap_that_is_long_enough_is_taken() -> None:
    calendar = Calendar([slot(10, 20), slot(25, 30), slot(0, 99, machine="other")])
    assert gap(calendar, 10) == (0, 10)
    assert gap(calendar, 5, from_ms=12) == (20, 25)
    assert gap(calendar, 6, from_ms=12) == (30, 36)
    assert gap(calendar, 6, from_ms=12, horizon_ms=29) is None
    assert calendar.of("nothing") == ()


def test_pauses_are_kept_on_both_sides() -> None:
    calendar = Calendar([slot(100, 200)], pause_ms=10)
    assert gap(calendar, 90) == (0, 90)
    assert gap(calendar, 91) == (210, 301)
    assert gap(calendar, 1, from_ms=205) == (210, 211)


def test_work_goes_on_in_opening_hours_only() -> None:
    calendar = Calendar([])
    assert gap(calendar, HOUR_MS, hours=WORKDAYS, from_ms=MONDAY_MS) == (
        MONDAY_MS + 9 * HOUR_MS,
        MONDAY_MS + 10 * HOUR_MS,
    )
    assert gap(calendar, 10 * HOUR_MS, hours=WORKDAYS, from_ms=MONDAY_MS + 16 * HOUR_MS) == (
        MONDAY_MS + 16 * HOUR_MS,
        MONDAY_MS + 2 * DAY_MS + 10 * HOUR_MS,
    )
    saturday = MONDAY_MS + 5 * DAY_MS
    assert gap(calendar, 40 * HOUR_MS, hours=WORKDAYS, from_ms=saturday) == (
        MONDAY_MS + WEEK_MS + 9 * HOUR_MS,
        MONDAY_MS + WEEK_MS + 4 * DAY_MS + 17 * HOUR_MS,
    )
    assert gap(calendar, 1, hours=((5, 5),)) is None


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=12),
    st.integers(0, 300),
    st.integers(1, 50 * 60),
    st.integers(0, 30),
    st.booleans(),
)
def test_a_gap_never_overlaps_a_slot_and_holds_the_work(
    taken: list[tuple[int, int]], from_hours: int, work_min: int, pause_min: int, always: bool
) -> None:
    slots = [slot(MONDAY_MS + begin * HOUR_MS, MONDAY_MS + (begin + length) * HOUR_MS) for begin, length in taken]
    calendar = Calendar(slots, pause_ms=pause_min * MINUTE_MS)
    hours = () if always else WORKDAYS
    from_ms, work_ms = MONDAY_MS + from_hours * HOUR_MS, work_min * MINUTE_MS
    found = gap(calendar, work_ms, hours=hours, from_ms=from_ms)
    assert found is not None
    start, end = found
    assert start >= from_ms
    assert open_ms(hours, start, end) == work_ms
    pause_ms = pause_min * MINUTE_MS
    assert all(end + pause_ms <= each.start_ms or each.end_ms + pause_ms <= start for each in slots)


def test_time_taken_in_a_window_is_counted_by_kind() -> None:
    calendar = Calendar([slot(0, 10), slot(10, 30, stranger=False), slot(90, 120)])
    assert calendar.taken_ms("m", 5, 100, strangers=True) == 15
    assert calendar.taken_ms("m", 5, 100, strangers=False) == 20


def test_co_owners_are_served_when_strangers_have_had_their_part() -> None:
    """SPEC N-18."""
    ledger = town()
    ledger.owners[PRINTER] = ((member("a"), 500), (member("customer"), 500))
    ledger.names = (*ledger.names, "stranger")
    half = 3 * DAY_MS
    a = shop("a", ledger, asset=PRINTER, duration_ms=half)
    stranger = Node("stranger", ledger)
    for number in range(2):
        (call,) = messages(stranger.ask(a, number=number, deliver_by_ms=START_MS + 40 * DAY_MS))
        a.hear(stranger, call)
    one, two = a.core.slots()
    week = 7 * DAY_MS
    assert one.start_ms // week < two.start_ms // week, "the second waits for the next window"
    ledger.owners[PRINTER] = ((member("a"), 1), (member("customer"), 999_999))
    customer = Node("customer", ledger)
    (call,) = messages(customer.ask(a, number=3, deliver_by_ms=START_MS + 40 * DAY_MS))
    a.hear(customer, call)
    assert [each.stranger for each in a.core.slots()].count(False) == 1


def test_a_strangers_job_longer_than_any_window_leaves_asks_a_person() -> None:
    ledger = town()
    ledger.owners[PRINTER] = ((member("a"), 500), (member("b"), 500))
    a = shop("a", ledger, asset=PRINTER, duration_ms=4 * DAY_MS)
    customer = Node("customer", ledger)
    (call,) = messages(customer.ask(a, deliver_by_ms=START_MS + 40 * DAY_MS))
    assert messages(a.hear(customer, call)) == []
    assert any("co-owners come first" in line for line in a.core.why(call.statement.id))


def test_no_free_time_within_the_horizon_is_a_refusal() -> None:
    ledger = town()
    a = shop("a", ledger, hours=((0, 0),))
    customer = Node("customer", ledger)
    (refusal,) = messages(a.hear(customer, messages(customer.ask(a))[0]))
    assert refusal.reason is Reason.CALENDAR


def test_an_arbiter_is_a_member_who_is_no_party() -> None:
    ledger = town()
    customer = Node("customer", ledger)
    a = shop("a", ledger)
    (call,) = messages(customer.ask(a, arbiters=(a.id, customer.id, member("stranger"), member("b"), member("b"))))
    (proposal,) = messages(a.hear(customer, call))
    assert read_proposal(proposal.statement).arbiters == (member("b"),)
    (call,) = messages(customer.ask(a, number=1, arbiters=(a.id,)))
    (refusal,) = messages(a.hear(customer, call))
    assert refusal.reason is Reason.NO_ARBITER


def test_a_refused_member_is_told_before_anything_is_computed() -> None:
    ledger = town()
    policy = parse({"identity": {"refuse_members": [show_id(Kind.MEMBER, member("customer"))]}}, AUTOMATIC)
    a, customer = shop("a", ledger, policy=policy), Node("customer", ledger)
    (refusal,) = messages(a.hear(customer, messages(customer.ask(a))[0]))
    assert refusal.reason is Reason.NOT_WANTED


def test_distance_counts_for_limits_and_for_ranking() -> None:
    ledger = town()
    here, far = Place(lat_cdeg=5200, lon_cdeg=1000), Place(lat_cdeg=4800, lon_cdeg=1000)
    ledger.places = {member("a"): here, member("b"): far}
    customer = Node("customer", ledger, policy=ASK_ME)
    a, b = shop("a", ledger), shop("b", ledger, policy=parse({"transport": {"distance_max_km": 100}}, AUTOMATIC))
    (call, *_) = messages(customer.ask(a, b, where=here, automatic=False, deliver_by_ms=START_MS + 20 * DAY_MS))
    (proposal,) = messages(a.hear(customer, call))
    (refusal,) = messages(b.hear(customer, call))
    assert refusal.reason is Reason.TOO_FAR
    customer.hear(a, proposal)
    (ranked,) = customer.core.ranked(call.statement.id, now(), customer.view)
    assert ranked.candidate.distance_km == 0


CALL = sign_statement("call", call_value(quantity=2, arbiters=[member("b")]), key_of("customer"))


def proposal(**changes: Any) -> Any:
    content = {
        "arbiters": [member("b")],
        "call": CALL.id,
        "customer": member("customer"),
        "deliver_by": START_MS + DAY_MS,
        "function": FUNCTION,
        "network": NETWORK,
        "nonce": fresh()[:16],
        "parameters": {},
        "price": [{"amount": 1000, "id": CREDIT, "kind": "credit"}],
        "provider": member("a"),
        "quantity": 2,
        "terms": {
            "cancel": {"awarded": 0, "delivered": 10_000, "started": 5000},
            "inspection_ms": 7 * DAY_MS,
            "silence_ms": 14 * DAY_MS,
            "silence_split_bp": 5000,
            "void_after_ms": 72 * HOUR_MS,
        },
        "until": START_MS + 15 * MINUTE_MS,
        **changes,
    }
    return read_proposal(sign_statement("proposal", content, key_of("a")))


def terms(**changes: Any) -> dict[str, Any]:
    usual = {
        "cancel": {"awarded": 0, "delivered": 10_000, "started": 5000},
        "inspection_ms": 7 * DAY_MS,
        "silence_ms": 14 * DAY_MS,
        "silence_split_bp": 5000,
        "void_after_ms": 72 * HOUR_MS,
    }
    return {"terms": {**usual, **changes}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"function": fresh()}, Reason.DIFFERENT),
        ({"quantity": 1}, Reason.DIFFERENT),
        ({"parameters": {"colour": "red"}}, Reason.DIFFERENT),
        ({"part": "another"}, Reason.DIFFERENT),
        ({"arbiters": [member("c")]}, Reason.DIFFERENT),
        ({"until": START_MS - 1}, Reason.TOO_LATE),
        ({"deliver_by": START_MS + 3 * DAY_MS + 1}, Reason.TOO_SOON),
        ({"price": [{"amount": 1, "id": CREDIT, "kind": "units"}]}, Reason.IN_KIND),
        ({"price": [{"amount": 1, "id": fresh(), "kind": "credit"}]}, Reason.CREDIT_UNKNOWN),
        ({"price": [{"amount": 2001, "id": CREDIT, "kind": "credit"}]}, Reason.BUDGET),
        ({"price": [{"amount": 1501, "id": CREDIT, "kind": "credit"}]}, Reason.MONEY),
        (terms(inspection_ms=0), Reason.TERMS),
        (terms(void_after_ms=721 * HOUR_MS), Reason.TERMS),
        (terms(cancel={"awarded": 1001, "delivered": 0, "started": 0}), Reason.TERMS),
        (terms(silence_split_bp=5001), Reason.TERMS),
    ],
)
def test_what_stands_against_an_award_is_named(changes: Any, expected: Reason | None) -> None:
    buy = Buy(cancel_awarded_bp_max=1000, silence_split_bp_max=5000)
    found = flaw(buy, read_call(CALL), UNCHANGED, price(2000), proposal(**changes), START_MS, 1500)
    assert found is expected


def test_only_credits_the_owner_pays_with_are_awarded() -> None:
    found = flaw(Buy(credits=(fresh(),)), read_call(CALL), UNCHANGED, (), proposal(), START_MS, 1500)
    assert found is Reason.CREDIT_UNKNOWN


def test_a_counter_moves_what_is_accepted() -> None:
    changes = Changes(quantity=1, deliver_by_ms=START_MS + 9 * DAY_MS)
    other = proposal(quantity=1, deliver_by=START_MS + 9 * DAY_MS)
    assert flaw(Buy(), read_call(CALL), changes, (), other, START_MS, 1500) is None


def candidate(amount: int = 1000, *, days: int = 1, km: int | None = None, kept: int = 0, broken: int = 0) -> Candidate:
    made = proposal(
        price=[{"amount": amount, "id": CREDIT, "kind": "credit"}],
        deliver_by=START_MS + days * DAY_MS,
        nonce=fresh(amount)[:16],
    )
    return Candidate(proposal=made, distance_km=km, standing=Standing(kept=kept, broken=broken))


def test_ranking_is_proportional_and_adds_up() -> None:
    best, dear = candidate(999), candidate(1999)
    one, two = rank(Buy(weight_price=100, weight_date=0, weight_distance=0, weight_standing=0), [dear, best], START_MS)
    assert (one.candidate, one.points) == (best, POINTS)
    assert two.points == POINTS // 2
    assert two.line.startswith("5000 points = price 5000/10000")


def test_an_earlier_date_a_shorter_way_and_a_better_standing_count() -> None:
    for field, better, worse in (
        ("date", candidate(1), candidate(1, days=2)),
        ("distance", candidate(1, km=3), candidate(1, km=30)),
        ("distance", candidate(1, km=3), candidate(1)),
        ("standing", candidate(1, kept=9), candidate(1, kept=9, broken=9)),
    ):
        ranked = rank(Buy(), [worse, better], START_MS)
        assert ranked[0].candidate == better, field


def test_flawed_ones_come_last_and_say_why() -> None:
    flawed = replace(candidate(1), flaw=Reason.TERMS)
    one, two = rank(Buy(), [flawed, candidate(5000)], START_MS)
    assert two.candidate is flawed
    assert two.line == "left out: the terms are outside what is accepted"
    in_kind = replace(flawed, proposal=proposal(price=[{"amount": 1, "id": CREDIT, "kind": "units"}]))
    assert one.points > 0
    assert rank(Buy(), [in_kind], START_MS)[0].points == 0


@given(st.permutations([candidate(amount, days=amount % 3 + 1) for amount in (500, 600, 700, 800)]))
def test_the_order_of_arrival_does_not_change_the_ranking(candidates: list[Candidate]) -> None:
    prices = [each.candidate.proposal.price for each in rank(Buy(), candidates, START_MS)]
    assert prices == [each.candidate.proposal.price for each in rank(Buy(), candidates[::-1], START_MS)]


def test_the_inbox_is_in_order_of_time_left() -> None:
    items = [
        Item(id=fresh(n), side=Side.CUSTOMER, title="t", lines=(), until_ms=until)
        for n, until in enumerate((START_MS + 50, START_MS - 50, None))
    ]
    assert [each.left_ms for each in waiting(items, now())] == [0, 0, 50]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    number: int
    names: tuple[str, ...] = ()
    who: MemberId | None = None
    more: dict[str, Any] | None = None
    side: Side = Side.CUSTOMER


def test_records_come_back_as_they_were() -> None:
    for sample in (
        Sample(number=1),
        Sample(number=2, names=("a",), who=member("a"), more={"x": 1}, side=Side.PROVIDER),
    ):
        assert unpack(Sample, pack(sample)) == sample


@pytest.mark.parametrize(
    "value",
    [
        7,
        {"number": "1"},
        {"number": True},
        {"other": 1},
        {},
        {"number": 1, "side": "nobody"},
        {"number": 1, "names": 3},
    ],
)
def test_a_record_that_was_damaged_is_said_to_be(value: Any) -> None:
    with pytest.raises(Damaged):
        unpack(Sample, encode(value))


def test_only_records_can_be_kept() -> None:
    with pytest.raises(LocalError):
        pack(object())
    with pytest.raises(LocalError):
        Negotiation.restore(
            [("poem", fresh(), b"")], me=member("a"), network=NETWORK, signer=key_of("a"), policy=ASK_ME
        )
    assert Calls(member("a"), NETWORK, key_of("a"), ASK_ME).next_wake() is None
