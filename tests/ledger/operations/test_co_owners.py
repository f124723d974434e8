"""What the owners of one asset decide: each vote weighs its units, and a decision does itself what it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX
from ledger.operations import accounts, co_owners
from ledger.operations.assets import UNITS, asset_record
from ledger.operations.ballots import has_passed, yes_needed
from ledger.operations.whole import part_id
from ledger.queries import unbalanced
from tests.ledger.operations.commons import Commons
from tests.ledger.town import DAY_MS, Person

USE = {"amount": {"d": 1, "n": 40, "u": "h"}, "per_ms": 7 * DAY_MS, "what": "machine time"}


@given(st.integers(1, INTEGER_MAX), st.integers(0, INTEGER_MAX), st.integers(5_000, 10_000))
def test_the_least_that_passes_is_more_than_the_part_needed_or_all(able: int, yes: int, needs: int) -> None:
    """CO-2, J-3."""
    assert has_passed(yes, able, needs) is (yes >= 1 and (yes * 10_000 > able * needs or yes >= able))
    assert has_passed(yes_needed(able, needs), able, needs) and yes_needed(able, needs) <= able
    assert has_passed(yes, able) is (2 * yes > able)


def test_a_vote_weighs_the_units_that_its_owner_had_when_the_motion_was_opened() -> None:
    """CO-1."""
    town = Commons(people=4)
    asset = town.shared(30, 25, 45)
    motion, outcome = town.decide(asset, "repair", (0,), what="a new belt")
    record = town.state.get(b"motion/" + motion)
    assert record is not None
    assert (outcome, record["able"], record["needs"], record["yes"]) == ("", 100, 5_000, 30)
    town.hand(asset, Person(3).id, 45, taker=3, giver=2)
    assert town.vote(motion, 3) == "motion.no-vote"
    assert town.vote(motion, 1, yes=False) == ""
    assert town.stage(motion) == "open"
    assert town.vote(motion, 2) == ""
    record = town.state.get(b"motion/" + motion)
    assert record is not None
    assert (record["yes"], record["no"], record["stage"]) == (75, 25, "passed")
    town.wait(DAY_MS)
    assert list(town.state.raw_range(b"weight/")) == []


def test_a_vote_may_be_changed_with_all_that_it_weighs() -> None:
    """CO-1, J-4."""
    town = Commons(people=3)
    asset = town.shared(30, 25, 45)
    motion, _ = town.decide(asset, "repair", (0, 1), what="a new belt")
    assert town.stage(motion) == "passed"
    motion, _ = town.decide(asset, "repair", (0,), what="a second belt")
    assert town.vote(motion, 0) == "motion.said-already"
    assert town.vote(motion, 0, yes=False) == ""
    assert town.vote(motion, 1) == ""
    record = town.state.get(b"motion/" + motion)
    assert record is not None
    assert (record["yes"], record["no"], record["stage"]) == (25, 30, "open")


def test_who_owns_nothing_of_an_asset_decides_nothing_about_it() -> None:
    """CO-1: neither a founder nor a member who came today; and an owner of one unit does from the first day."""
    town = Commons(people=3)
    asset = town.asset(units=10)
    newcomer = Person(3)
    town.invite(newcomer)
    assert town.join(newcomer) == ""
    for person in (1, 3):
        assert town.decide(asset, "repair", (), by=person, what="a belt")[1] == "motion.no-vote"
    assert town.decide(bytes(32), "repair", (), what="a belt")[1] == "motion.no-vote"
    town.hand(asset, newcomer.id, 1, taker=3)
    motion, outcome = town.decide(asset, "repair", (3,), by=3, what="a belt")
    assert outcome == ""
    assert town.vote(motion, 1) == "motion.no-vote"
    assert town.open({"kind": "seat", "member": Person(1).id}, 3)[1] == "motion.no-vote"


def test_held_and_lent_units_keep_their_owners_vote() -> None:
    """CO-1, U-2."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    until = town.later(DAY_MS)
    town.done(0, "shares.lend/1", asset=asset, right="output", to=Person(2).id, units=60, until=until)
    assert town.decide(asset, "repair", (), by=2, what="a belt")[1] == "motion.no-vote"
    motion, _ = town.decide(asset, "repair", (0,), what="a belt")
    assert town.stage(motion) == "passed"


def test_who_has_left_has_no_voice_and_keeps_the_share() -> None:
    """CO-1, M-12."""
    town = Commons(people=4)
    asset = town.shared(30, 25, 45)
    town.done(2, "membership.leave/1")
    motion, _ = town.decide(asset, "terms", (0, 1), needs={"sell": 6_000})
    assert town.stage(motion) == "passed"
    assert town.owned(asset)[Person(2).id] == 45


def test_a_group_decides_with_the_co_owners_by_its_own_rule() -> None:
    """CO-1, GR-6."""
    town = Commons(people=4)
    asset, group = town.asset(units=10), town.group(2)
    town.endow(group, (1, 2), asset, 6)
    motion, _ = town.decide(asset, "repair", (0,), what="a belt")
    assert town.stage(motion) == "open"
    act, outcome = town.put(1, group, "motion.vote/1", motion=motion, yes=True)
    assert (outcome, town.stage(motion)) == ("", "open")
    town.done(2, "groups.agree/1", act=act)
    assert town.stage(motion) == "passed"
    matter = {"kind": "operator", "asset": asset, "operator": group}
    opened = town.acted((1, 2), group, "motion.open/1", matter=matter, until=town.later(DAY_MS))
    town.acted((1, 2), group, "motion.vote/1", motion=opened, yes=True)
    assert (asset_record(town.state, asset) or {})["operator"] == group


def test_too_many_owners_open_no_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    """CO-1, CO-7."""
    town = Commons(people=3)
    asset, credit = town.shared(4, 3, 3), town.credit(amount=10, to=1)
    bid = town.done(1, "shares.bid/1", amount=9, asset=asset, credit=credit, until=town.later(DAY_MS))
    monkeypatch.setattr(co_owners, "OWNERS_MAX", 2)
    assert town.decide(asset, "repair", (), what="a belt")[1] == "asset.too-many-owners"
    monkeypatch.setattr(co_owners, "OWNERS_MAX", 3)
    assert town.decide(asset, "sell", (), bid=bid)[1] == ""


def test_terms_say_how_much_of_all_votes_a_decision_needs() -> None:
    """CO-2."""
    town = Commons(people=3)
    asset = town.shared(60, 30, 10)
    assert co_owners.terms_of(town.state, asset) == {
        "operator": 5_000, "partition": 10_000, "repair": 5_000, "sell": 10_000, "terms": 10_000, "uses": 5_000,
    }  # fmt: skip
    before, _ = town.decide(asset, "repair", (), what="a belt")
    motion, _ = town.decide(asset, "terms", (0, 1), needs={"repair": 9_000, "terms": 7_500})
    assert town.stage(motion) == "open"
    assert town.vote(motion, 2) == ""
    assert town.vote(before, 0) == ""
    assert town.stage(before) == "passed"
    after, _ = town.decide(asset, "repair", (0, 1), by=1, what="a belt")
    assert town.stage(after) == "open"
    assert town.vote(after, 2) == ""
    assert town.stage(after) == "passed"
    motion, _ = town.decide(asset, "terms", (0, 1), by=1, needs={"sell": 5_000})
    assert town.stage(motion) == "passed"
    assert co_owners.terms_of(town.state, asset) | {"repair": 9_000, "sell": 5_000} == co_owners.terms_of(
        town.state, asset
    )
    assert town.decide(asset, "terms", (), by=2, needs={})[1] == "asset.no-terms"


def test_nobody_comes_to_operate_an_asset_unasked() -> None:
    """CO-3."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    assert town.decide(asset, "operator", (), operator=Person(1).id)[1] == "asset.not-willing"
    assert town.decide(asset, "operator", (), operator=Person(0).id)[1] == "asset.operates-already"
    motion, _ = town.decide(asset, "operator", (1,), by=1, operator=Person(1).id)
    assert town.stage(motion) == "open"
    assert town.vote(motion, 0) == ""
    assert (asset_record(town.state, asset) or {})["operator"] == Person(1).id


def test_an_operator_who_left_meanwhile_is_not_made_one() -> None:
    """CO-3, J-4."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    motion, _ = town.decide(asset, "operator", (), by=1, operator=Person(1).id)
    town.done(1, "membership.leave/1")
    assert town.vote(motion, 0) == "member.unknown"


def test_the_newest_repair_that_was_agreed_stands_with_the_asset() -> None:
    """CO-4."""
    town = Commons(people=3)
    asset, credit = town.shared(60, 40), town.credit(amount=10)
    cost = {"amount": 7, "credit": credit}
    assert town.decide(asset, "repair", (), what="a belt", cost={**cost, "credit": bytes(32)})[1] == "credit.unknown"
    for _ in range(2):
        motion, outcome = town.decide(asset, "repair", (0,), what="a belt", cost=cost)
        assert outcome == ""
        agreed = {"agreed": town.steps[-1].head.time_ms, "motion": motion}
        assert (asset_record(town.state, asset) or {})["repair"] == agreed
        town.wait(DAY_MS)
    assert town.free(0, credit) == 10


def test_what_there_is_to_use_is_decided_and_taken_off() -> None:
    """CO-5."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    nothing = {**USE, "amount": {"d": 1, "n": 0, "u": "h"}}
    for uses in ([USE, {**USE, "per_ms": 1}], [nothing], [{**USE, "amount": {"d": 1, "n": -1, "u": "h"}}]):
        assert town.decide(asset, "uses", (), uses=uses)[1] == "asset.bad-use"
    assert town.decide(asset, "uses", (0,), uses=[USE])[1] == ""
    assert co_owners.uses_of(town.state, asset) == [USE]
    assert town.decide(asset, "uses", (1, 0), by=1, uses=[])[1] == ""
    assert co_owners.uses_of(town.state, asset) == []


def sale(town: Commons, asset: bytes, credit: bytes, amount: int, buyer: int = 2) -> bytes:
    return town.done(buyer, "shares.bid/1", amount=amount, asset=asset, credit=credit, until=town.later(DAY_MS))


def test_an_asset_is_sold_whole_against_money_that_is_split_by_units_to_the_last_one() -> None:
    """CO-7, Q-2."""
    town = Commons(people=5)
    asset, credit = town.shared(1, 1, 1), town.credit(amount=100, to=3)
    bid = sale(town, asset, credit, 100, buyer=3)
    motion, _ = town.decide(asset, "sell", (0, 1), bid=bid)
    assert (town.stage(motion), len(town.owned(asset))) == ("open", 3)
    assert town.vote(motion, 2) == ""
    assert town.owned(asset) == {Person(3).id: 3}
    owners = sorted(range(3), key=lambda person: Person(person).id)
    assert [town.free(person, credit) for person in owners] == [34, 33, 33]
    assert (town.free(3, credit), accounts.hold_left(town.state, bid)) == (0, None)
    assert (asset_record(town.state, asset) or {})["sold"] == town.steps[-1].head.time_ms
    assert town.why(3, "shares.withdraw/1", offer=bid) == "share.no-offer"
    assert unbalanced(town.state) == ()
    town.wait(DAY_MS)


def test_a_buyer_who_owns_a_part_pays_the_others_and_oneself() -> None:
    """CO-7."""
    town = Commons(people=3)
    asset, credit = town.shared(50, 30, 20), town.credit(amount=100, to=2)
    bid = sale(town, asset, credit, 60)
    assert town.decide(asset, "sell", (0, 1, 2), bid=bid)[1] == ""
    assert [town.free(person, credit) for person in range(3)] == [30, 18, 52]
    assert town.owned(asset) == {Person(2).id: 100}


def test_a_price_too_small_to_split_is_paid_to_the_largest_remainders() -> None:
    """CO-7, Q-2."""
    town = Commons(people=4)
    asset, credit = town.shared(10, 60, 30), town.credit(amount=1, to=3)
    assert town.decide(asset, "sell", (0, 1, 2), bid=sale(town, asset, credit, 1, buyer=3))[1] == ""
    assert [town.free(person, credit) for person in range(4)] == [0, 1, 0, 0]


def test_a_sale_that_cannot_be_is_refused_by_its_code_when_opened_and_when_it_would_pass() -> None:
    """CO-6, CO-7, J-4."""
    town = Commons(people=4)
    asset, other, credit = town.shared(60, 40), town.asset(units=5), town.credit(amount=100, to=2)
    offer = town.done(0, "shares.offer/1", asset=asset, to=Person(3).id, units=1, until=town.later(DAY_MS))
    bid, elsewhere = sale(town, asset, credit, 50), sale(town, other, credit, 50)
    for wrong in (bytes(32), elsewhere, offer):
        assert town.decide(asset, "sell", (), bid=wrong)[1] == "share.no-offer"
    assert town.decide(asset, "sell", (), bid=bid)[1] == "asset.is-held"
    town.done(0, "shares.withdraw/1", offer=offer)
    motion, _ = town.decide(asset, "sell", (0,), bid=bid)
    lent = town.done(1, "shares.lend/1", asset=asset, right="use", to=Person(3).id, units=1, until=town.later(DAY_MS))
    assert town.vote(motion, 1) == "asset.is-held"
    town.done(3, "shares.return/1", lent=lent)
    town.done(2, "shares.withdraw/1", offer=bid)
    assert town.vote(motion, 1) == "share.no-offer"
    assert town.owned(asset) == {Person(0).id: 60, Person(1).id: 40}


def test_those_who_sold_an_asset_decide_nothing_more_about_it() -> None:
    """CO-1, CO-7."""
    town = Commons(people=3)
    asset, credit = town.shared(60, 40), town.credit(amount=100, to=2)
    late, _ = town.decide(asset, "uses", (), uses=[USE])
    again, _ = town.decide(asset, "sell", (1,), bid=sale(town, asset, credit, 5))
    town.decide(asset, "sell", (0, 1), bid=sale(town, asset, credit, 50))
    assert town.owned(asset) == {Person(2).id: 100}
    assert town.vote(late, 0) == "asset.changed-hands"
    assert town.vote(again, 0) == "asset.changed-hands"
    motion, _ = town.decide(asset, "uses", (2,), by=2, uses=[USE])
    assert town.stage(motion) == "passed"


def part(*owners: tuple[int, int], **fields: Any) -> dict[str, Any]:
    named = [{"member": Person(person).id, "units": units} for person, units in owners]
    return {"name": "east", "owners": named, "units": sum(units for _, units in owners), **fields}


def test_a_partition_ends_an_asset_and_makes_its_parts() -> None:
    """CO-8, CO-9, T-4."""
    town = Commons(people=3)
    asset = town.shared(60, 40, maker="Prusa", about="a double", title=b"t" * 32)
    town.done(1, "shares.static/1", asset=asset, static=True)
    parts = [part((0, 7), (1, 3), serial="1"), part((1, 5), name="west", about="smaller")]
    motion, _ = town.decide(asset, "partition", (0,), parts=parts)
    assert town.owned(asset) == {Person(0).id: 60, Person(1).id: 40}
    assert town.vote(motion, 1) == ""
    east, west = (part_id(motion, number) for number in range(2))
    assert (town.owned(asset), town.owned(west)) == ({}, {Person(1).id: 5})
    assert town.owned(east) == {Person(0).id: 7, Person(1).id: 3}
    assert asset_record(town.state, west) == {
        "about": "smaller", "kind": "printer", "maker": "Prusa", "name": "west", "operator": Person(1).id,
        "registered": town.steps[-1].head.time_ms, "registrant": Person(0).id, "title": b"t" * 32, "total": 5,
        "whole": asset,
    }  # fmt: skip
    ended = asset_record(town.state, asset) or {}
    assert (ended["ended"], ended["parts"], ended["total"]) == (town.steps[-1].head.time_ms, [east, west], 100)
    assert unbalanced(town.state) == ()
    until = town.later(DAY_MS)
    gone = {"asset": asset, "until": until}
    assert town.why(0, "shares.offer/1", **gone, to=Person(1).id, units=1) == "asset.ended"
    assert town.why(0, "shares.lend/1", **gone, right="use", to=Person(1).id, units=1) == "asset.ended"
    assert town.why(0, "shares.bid/1", **gone, amount=1, credit=bytes(32)) == "asset.ended"
    assert town.why(1, "shares.static/1", asset=asset, static=False) == "asset.ended"
    town.hand(west, Person(2).id, 2, taker=2, giver=1)
    assert town.decide(east, "repair", (0,), what="a belt")[1] == ""


def test_a_motion_that_was_open_when_its_asset_ended_passes_no_more() -> None:
    """CO-9, J-4."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    late, _ = town.decide(asset, "uses", (), uses=[USE])
    twice, _ = town.decide(asset, "partition", (0,), parts=[part((0, 1)), part((1, 1))])
    town.decide(asset, "partition", (0, 1), parts=[part((0, 1)), part((1, 1))])
    assert town.vote(late, 0) == "asset.ended"
    assert town.vote(twice, 1) == "asset.ended"


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([part((0, 7), units=8), part((1, 5))], "asset.units-do-not-sum"),
        ([part((0, UNITS - 1), units=UNITS), part((1, 5))], "asset.units-do-not-sum"),
        ([part((0, INTEGER_MAX), (1, INTEGER_MAX), units=INTEGER_MAX), part((1, 5))], "asset.units-do-not-sum"),
        ([part((0, 7), (0, 1)), part((1, 5))], "asset.owner-twice"),
        ([part((0, 7)), part((1, 5), (2, 1))], "asset.not-an-owner"),
        ([part((0, 7)), part((0, 5))], "asset.left-out"),
        ([part((0, INTEGER_MAX)), part((1, INTEGER_MAX))], ""),
    ],
)
def test_a_partition_that_breaks_a_rule_is_refused_by_its_code(parts: list[dict[str, Any]], code: str) -> None:
    """CO-8."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    assert town.decide(asset, "partition", (), parts=parts)[1] == code


def test_nothing_is_divided_over_the_head_of_who_has_left_or_has_units_held() -> None:
    """CO-6, CO-8."""
    town = Commons(people=3)
    asset = town.shared(60, 40)
    parts = [part((0, 1)), part((1, 1))]
    lend = {"asset": asset, "right": "use", "to": Person(2).id, "units": 1, "until": town.later(DAY_MS)}
    lent = town.done(0, "shares.lend/1", **lend)
    assert town.decide(asset, "partition", (), parts=parts)[1] == "asset.is-held"
    town.done(2, "shares.return/1", lent=lent)
    town.done(1, "membership.leave/1")
    assert town.decide(asset, "partition", (), parts=parts)[1] == "asset.left-out"


def test_nobody_gives_away_or_registers_for_others_what_they_did_not_agree_to() -> None:
    """T-1, H-2: somebody else's part of a machine comes with their word alone."""
    town = Commons(people=3)
    owners = [{"member": Person(0).id, "units": 5}, {"member": Person(1).id, "units": 5}]
    fields = {"kind": "oven", "name": "O", "owners": owners, "units": 10}
    assert town.why(0, "assets.register/1", **fields) == "share.not-accepted"
    assert town.why(0, "assets.register/1", **{**fields, "owners": owners[1:]}) == "asset.units-do-not-sum"
    assert town.why(0, "assets.register/1", **{**fields, "owners": owners[1:], "units": 5}) == "share.not-accepted"
