"""The owner's keys: what is wrong is named, what is absent is `ask-me`; each rule judges its own matter (N-9, N-10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.canonical import INTEGER_MAX
from ledger.names import Kind, show_id
from protocol.negotiation import rules
from protocol.negotiation.calendar import Gap
from protocol.negotiation.decision import Verdict
from protocol.negotiation.policy import (
    Capability,
    Credit,
    Decide,
    Identity,
    Materials,
    Owners,
    Policy,
    Price,
    Rate,
    Sell,
    Transport,
)
from protocol.negotiation.policy_parse import PolicyWrong, keys, parse
from protocol.negotiation.reasons import SENTENCES, Reason
from protocol.negotiation.world import Standing
from tests.protocol.negotiation.stage import CREDIT, FUNCTION, HOUR_MS, PRINTER, fresh, member, price

MEMBER = show_id(Kind.MEMBER, member("a"))


def test_an_empty_table_is_ask_me() -> None:
    assert parse({}) == Policy()
    assert Policy().sell.decide is Decide.ASK
    assert Policy().buy.decide is Decide.ASK


def test_values_replace_those_below_them_key_by_key() -> None:
    base = parse({"rate": {"calls_open": 9}})
    policy = parse(
        {
            "sell": {"decide": "automatic"},
            "identity": {"refuse_members": [MEMBER]},
            "materials": {"in_stock": ["PLA", "birch"], "parameter": "stock"},
            "due": {"counter": False},
        },
        base,
    )
    assert policy.rate.calls_open == 9
    assert policy.sell.decide is Decide.AUTOMATIC
    assert policy.identity.refuse_members == (member("a"),)
    assert policy.materials == Materials(in_stock=("PLA", "birch"), parameter="stock")
    assert policy.due.counter is False


@pytest.mark.parametrize(
    ("table", "key", "nearest"),
    [
        ({"sel": {}}, "sel", "sell"),
        ({"sell": 3}, "sell", None),
        ({"rate": {"calls_per_hours": 3}}, "rate.calls_per_hours", "rate.calls_per_hour"),
        ({"zzzz": {}}, "zzzz", None),
        ({"rate": {"calls_open": 0}}, "rate.calls_open", None),
        ({"rate": {"calls_open": True}}, "rate.calls_open", None),
        ({"rate": {"calls_open": "3"}}, "rate.calls_open", None),
        ({"sell": {"decide": "never"}}, "sell.decide", None),
        ({"due": {"counter": 1}}, "due.counter", None),
        ({"buy": {"receive_automatically": True}}, "buy.receive_automatically", None),
        ({"materials": {"parameter": ""}}, "materials.parameter", None),
        ({"materials": {"in_stock": "PLA"}}, "materials.in_stock", None),
        ({"materials": {"in_stock": ["\x1b"]}}, "materials.in_stock", None),
        ({"materials": {"in_stock": ["\U0001fae8"]}}, "materials.in_stock", None),
        ({"materials": {"in_stock": ["\ud800"]}}, "materials.in_stock", None),
        ({"identity": {"only_members": ["mem-x"]}}, "identity.only_members", None),
        ({"identity": {"only_members": [7]}}, "identity.only_members", None),
        ({"terms": {"arbiters": [MEMBER] * 9}}, "terms.arbiters", None),
        (
            {"buy": {"weight_price": 0, "weight_date": 0, "weight_distance": 0, "weight_standing": 0}},
            "buy.weight_price",
            None,
        ),
    ],
)
def test_a_wrong_key_is_named_with_the_nearest_right_one(table: Any, key: str, nearest: str | None) -> None:
    with pytest.raises(PolicyWrong) as caught:
        parse(table)
    assert (caught.value.key, caught.value.nearest) == (key, nearest)


def test_receiving_stays_a_persons_even_when_said() -> None:
    assert parse({"buy": {"receive_automatically": False}}).buy.receive_automatically is False


def test_every_key_has_a_section_and_stands_once() -> None:
    assert len(set(keys())) == len(keys())
    assert "buy.weight_price" in keys()


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)


NOBODY = Standing(kept=0, broken=0)


def test_strangers_the_unwanted_and_those_not_on_the_list_are_refused() -> None:
    a, b = member("a"), member("b")
    assert rules.identity(Identity(), a, False, NOBODY).reason is Reason.NOT_A_MEMBER
    assert rules.identity(Identity(refuse_members=(a,)), a, True, NOBODY).reason is Reason.NOT_WANTED
    assert rules.identity(Identity(only_members=(b,)), a, True, NOBODY).reason is Reason.NOT_WANTED
    assert rules.identity(Identity(only_members=(a,)), a, True, NOBODY).verdict is Verdict.PASS


def test_a_poor_standing_asks_and_never_refuses() -> None:
    keys_ = Identity(standing_min_bp=5000)
    assert rules.identity(keys_, member("a"), True, Standing(kept=1, broken=2)).verdict is Verdict.ASK
    assert rules.identity(keys_, member("a"), True, Standing(kept=1, broken=1)).verdict is Verdict.PASS
    assert rules.identity(keys_, member("a"), True, NOBODY).verdict is Verdict.PASS


def test_newcomers_call_less_often() -> None:
    keys_ = Rate(calls_per_hour=5, newcomer_calls_per_hour=2, calls_open=3)
    assert rules.rate(keys_, True, 1, 0).verdict is Verdict.PASS
    assert rules.rate(keys_, True, 2, 0).reason is Reason.RATE
    assert rules.rate(keys_, False, 4, 2).verdict is Verdict.PASS
    assert rules.rate(keys_, False, 5, 0).reason is Reason.RATE
    assert rules.rate(keys_, False, 0, 3).reason is Reason.BUSY
    assert rules.is_newcomer(Rate(newcomer_days=1), None, 0)
    assert not rules.is_newcomer(Rate(newcomer_days=1), 0, 24 * HOUR_MS)
    assert not rules.is_newcomer(Rate(newcomer_days=0), None, 0)


def test_no_offer_is_no() -> None:
    assert rules.capability(Capability(), FUNCTION, 1, None).reason is Reason.NO_OFFER
    assert rules.capability(Capability(open_functions=(fresh(),)), FUNCTION, 1, ()).reason is Reason.NO_OFFER
    assert rules.capability(Capability(open_functions=(FUNCTION,)), FUNCTION, 1, ()).verdict is Verdict.PASS
    assert rules.capability(Capability(), FUNCTION, 1, ("too long",)).detail == "too long"
    assert rules.capability(Capability(quantity_max=3), FUNCTION, 4, ()).reason is Reason.LIMITS


SHARES = ((member("a"), 300), (member("b"), 700))


def test_a_machine_of_one_owner_serves_everybody() -> None:
    step, stranger = rules.owners(Owners(), ((member("a"), 5),), member("c"), 100, 100, 50)
    assert (step.verdict, stranger) == (Verdict.PASS, True)
    step, _ = rules.owners(Owners(first=False), SHARES, member("c"), 100, 100, 50)
    assert step.verdict is Verdict.PASS


def test_a_co_owner_is_served_at_its_share_before_strangers() -> None:
    step, stranger = rules.owners(Owners(), SHARES, member("a"), 1000, 500, 150)
    assert (step.verdict, stranger) == (Verdict.PASS, False)
    step, stranger = rules.owners(Owners(), SHARES, member("a"), 1000, 500, 151)
    assert (step.verdict, stranger) == (Verdict.ASK, True)
    step, stranger = rules.owners(Owners(), SHARES, member("c"), 1000, 400, 100)
    assert (step.verdict, stranger) == (Verdict.PASS, True)
    step, _ = rules.owners(Owners(), SHARES, member("c"), 1000, 401, 100)
    assert step.reason is Reason.OWNERS_FIRST


def test_stock_is_compared_without_case_where_it_is_kept() -> None:
    kept = Materials(require_stock=True, in_stock=("PLA",))
    assert rules.materials(kept, "pla").verdict is Verdict.PASS
    assert rules.materials(kept, "steel").reason is Reason.MATERIAL
    assert rules.materials(kept, None).verdict is Verdict.PASS
    assert rules.materials(Materials(), "steel").verdict is Verdict.PASS


def test_no_gap_or_no_room_is_no() -> None:
    gap = Gap(start_ms=0, end_ms=HOUR_MS)
    assert rules.calendar(gap, 0, 1).verdict is Verdict.PASS
    assert rules.calendar(gap, 1, 1).reason is Reason.CALENDAR
    assert rules.calendar(None, 0, 1).reason is Reason.CALENDAR


def test_too_far_is_no_and_unknown_is_not_far() -> None:
    assert rules.transport(Transport(distance_max_km=10), 11).reason is Reason.TOO_FAR
    assert rules.transport(Transport(distance_max_km=10), 10).verdict is Verdict.PASS
    assert rules.transport(Transport(), 9999).verdict is Verdict.PASS
    assert rules.transport(Transport(distance_max_km=10), None).verdict is Verdict.PASS


def amount(
    keys_: Price, quoted: int, budget: Any = (), wished: int | None = None
) -> tuple[Verdict, Reason, int | None]:
    step, lines = rules.price(keys_, price(quoted), budget, wished)
    return step.verdict, step.reason, lines[0].amount if lines else None


def test_a_price_is_scaled_and_rounded_up_once() -> None:
    assert amount(Price(factor_bp=10_001), 1001) == (Verdict.PASS, Reason.FINE, 1002)
    assert amount(Price(least=50), 7) == (Verdict.PASS, Reason.FINE, 50)
    assert amount(Price(factor_bp=1_000_000), INTEGER_MAX)[1] is Reason.LIMITS


def test_no_price_no_promise() -> None:
    step, lines = rules.price(Price(), (), (), None)
    assert (step.reason, lines) == (Reason.NO_PRICE, ())


def test_only_accepted_credits() -> None:
    assert amount(Price(credits=(fresh(),)), 5)[1] is Reason.CREDIT_UNKNOWN
    assert amount(Price(credits=(CREDIT,)), 5)[2] == 5
    assert amount(Price(), 5, price(9, fresh()))[1] is Reason.CREDIT_UNKNOWN


def test_a_budget_refuses_and_a_wish_bargains() -> None:
    keys_ = Price(discount_bp=1000, least=10)
    assert amount(keys_, 100, price(99))[1] is Reason.BUDGET
    assert amount(keys_, 100, price(100))[2] == 100
    assert amount(keys_, 100, (), 90) == (Verdict.PASS, Reason.FINE, 90)
    assert amount(keys_, 100, (), 89) == (Verdict.ASK, Reason.BUDGET, 89)
    assert amount(keys_, 100, (), 500)[2] == 100


def test_a_price_in_several_things_asks() -> None:
    lines = (*price(5), replace(price(7)[0], thing=PRINTER, kind="units"))
    step, promised = rules.price(Price(), lines, (), None)
    assert (step.verdict, promised) == (Verdict.ASK, lines)


def test_the_date_the_money_and_the_arbiter_must_be_there() -> None:
    assert rules.due(10, 10).verdict is Verdict.PASS
    assert rules.due(11, 10).reason is Reason.TOO_SOON
    assert rules.credit(Credit(), price(10), (9,)).reason is Reason.MONEY
    assert rules.credit(Credit(), price(10), (10,)).verdict is Verdict.PASS
    assert rules.credit(Credit(require_money=False), price(10), (0,)).verdict is Verdict.PASS
    assert rules.terms(()).reason is Reason.NO_ARBITER
    assert rules.terms((member("a"),)).verdict is Verdict.PASS


def test_a_person_decides_always_or_above_a_value() -> None:
    auto = Sell(decide=Decide.AUTOMATIC, ask_above_value=100)
    assert rules.decides(Sell(), None, 0).reason is Reason.ASK
    assert rules.decides(auto, None, 100).verdict is Verdict.PASS
    assert rules.decides(auto, None, 101).reason is Reason.VALUE
    assert rules.decides(auto, 50, 51).reason is Reason.NEWCOMER
    assert rules.decides(auto, 50, 50).verdict is Verdict.PASS
    assert rules.decides(auto, None, None).reason is Reason.IN_KIND
