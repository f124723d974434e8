"""What stands on the ledger until somebody takes it, what is lent for a time, and which owners no buy-out touches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX
from ledger.operations import accounts, concerns, rights
from ledger.operations.rights import LEND_MS_MAX
from ledger.operations.share_offers import OFFER_MS_MAX
from ledger.quantities import split
from tests.ledger.operations.commons import Commons
from tests.ledger.town import DAY_MS, Person


def offered(town: Commons, asset: bytes, to: bytes, units: int = 4, ms: int = DAY_MS, by: int = 0) -> tuple[bytes, str]:
    return town.by(by, "shares.offer/1", asset=asset, to=to, units=units, until=town.later(ms))


def test_an_offer_holds_units_until_the_receiver_takes_them() -> None:
    """H-5, H-4, T-4."""
    town = Commons(people=3)
    asset = town.asset(units=10)
    offer, outcome = offered(town, asset, Person(1).id)
    assert (outcome, town.units(Person(0).id, asset)) == ("", (6, 4))
    for person in (0, 1):
        assert concerns.of(town.state, concerns.OFFER, Person(person).id) == [offer]
    assert town.why(2, "shares.take/1", offer=offer) == "share.not-yours"
    assert town.why(1, "shares.take/1", offer=bytes(32)) == "share.no-offer"
    town.done(1, "shares.take/1", offer=offer)
    assert town.owned(asset) == {Person(0).id: 6, Person(1).id: 4}
    assert town.why(1, "shares.take/1", offer=offer) == "share.no-offer"
    assert list(town.state.raw_range(b"concerns/")) == []
    assert town.chain.next_due_ms() is None


def test_a_group_comes_to_own_units_by_an_offer_that_enough_of_it_take() -> None:
    """H-5, H-2, GR-6: nobody, a group neither, becomes an owner unasked."""
    town = Commons(people=3)
    asset, group = town.asset(units=10), town.group(2)
    transfer = {"asset": asset, "to": group, "units": 1}
    assert town.why(0, "shares.transfer/1", **transfer) == "share.not-accepted"
    accept = town.acceptance(0, 1, 1, asset=asset, to=group).to_value()
    assert town.why(0, "shares.transfer/1", **transfer, accept=accept) == "share.not-accepted"
    offer, _ = offered(town, asset, group)
    assert town.why(1, "shares.take/1", offer=offer) == "share.not-yours"
    town.acted((1, 2), group, "shares.take/1", offer=offer)
    assert town.units(group, asset) == (4, 0)
    accept = town.acceptance(0, 2, 3, asset=asset, **{"from": group}).to_value()
    town.acted((0, 1), group, "shares.transfer/1", accept=accept, asset=asset, to=Person(2).id, units=3)
    assert town.owned(asset) == {Person(0).id: 6, Person(2).id: 3, group: 1}
    town.acted((0, 1), group, "groups.change/1", gifts=True)
    town.done(0, "shares.transfer/1", **transfer)
    owners = [{"member": group, "units": 10}]
    town.done(0, "assets.register/1", kind="oven", name="O", owners=owners, units=10)


def test_an_offer_that_breaks_a_rule_is_refused_by_its_code() -> None:
    """H-5, A-2."""
    town = Commons(people=3)
    asset, ben = town.asset(units=10), Person(1).id
    assert offered(town, bytes(32), ben)[1] == "share.unknown-asset"
    assert offered(town, asset, Person(0).id)[1] == "share.to-self"
    assert offered(town, asset, bytes(32))[1] == "member.unknown"
    assert offered(town, asset, ben, ms=0)[1] == "share.length"
    assert offered(town, asset, ben, ms=OFFER_MS_MAX + 1)[1] == "share.length"
    assert offered(town, asset, ben, units=11)[1] == "account.too-little"
    assert offered(town, asset, ben, units=INTEGER_MAX)[1] == "account.too-little"
    assert offered(town, asset, ben, by=1)[1] == "share.to-self"
    assert offered(town, asset, ben, by=2)[1] == "account.too-little"
    assert offered(town, asset, ben, units=10, ms=OFFER_MS_MAX)[1] == ""
    assert offered(town, asset, ben, units=1)[1] == "account.too-little"


@pytest.mark.parametrize("how", ["taken back", "declined", "over"])
def test_what_is_not_taken_is_free_again(how: str) -> None:
    """H-7, A-5."""
    town = Commons(people=3)
    asset = town.asset(units=10)
    offer, _ = offered(town, asset, Person(1).id)
    assert town.why(2, "shares.withdraw/1", offer=offer) == "share.not-yours"
    if how == "over":
        town.wait(DAY_MS)
    else:
        town.done(0 if how == "taken back" else 1, "shares.withdraw/1", offer=offer)
    assert town.units(Person(0).id, asset) == (10, 0)
    assert town.why(0, "shares.withdraw/1", offer=offer) == "share.no-offer"
    assert town.why(1, "shares.take/1", offer=offer) == "share.no-offer"
    assert town.chain.next_due_ms() is None
    assert list(town.state.raw_range(b"concerns/")) == []


def test_a_bid_holds_money_until_it_is_taken_back_or_over() -> None:
    """H-6, H-7."""
    town = Commons(people=3)
    asset, credit = town.asset(units=10), town.credit(amount=100, to=1)

    def bid(amount: int = 60, ms: int = DAY_MS, **fields: Any) -> tuple[bytes, str]:
        said = {"asset": asset, "credit": credit, **fields}
        return town.by(1, "shares.bid/1", amount=amount, until=town.later(ms), **said)

    assert bid(asset=bytes(32))[1] == "share.unknown-asset"
    assert bid(ms=0)[1] == "share.length"
    assert bid(ms=OFFER_MS_MAX + 1)[1] == "share.length"
    assert bid(101)[1] == "account.too-little"
    assert bid(credit=bytes(32))[1] == "account.too-little"
    first, outcome = bid()
    assert (outcome, town.free(1, credit)) == ("", 40)
    assert concerns.of(town.state, concerns.OFFER, asset) == [first]
    assert town.why(0, "shares.take/1", offer=first) == "share.no-offer"
    assert town.why(0, "shares.withdraw/1", offer=first) == "share.not-yours"
    town.done(1, "shares.withdraw/1", offer=first)
    assert town.free(1, credit) == 100
    bid()
    town.wait(DAY_MS)
    assert town.free(1, credit) == 100
    assert list(town.state.raw_range(b"concerns/")) == []


def lent(town: Commons, asset: bytes, to: bytes, units: int = 4, ms: int = DAY_MS, **fields: Any) -> tuple[bytes, str]:
    said = {"asset": asset, "right": "use", "to": to, "units": units, "until": town.later(ms), **fields}
    return town.by(0, "shares.lend/1", **said)


def test_every_unit_gives_output_and_use_to_its_owner() -> None:
    """U-1."""
    town = Commons(people=3)
    asset = town.shared(7, 3)
    for right in ("output", "use"):
        assert dict(rights.parts(town.state, asset, right)) == {Person(0).id: 7, Person(1).id: 3}
        assert rights.part(town.state, asset, right, Person(2).id) == 0


def test_use_is_lent_for_a_time_and_comes_back_by_itself() -> None:
    """U-1, U-2, U-3, H-4."""
    town = Commons(people=3)
    asset = town.shared(7, 3)
    identity, outcome = lent(town, asset, Person(2).id)
    assert (outcome, town.units(Person(0).id, asset)) == ("", (3, 4))
    assert dict(rights.parts(town.state, asset, "use")) == {Person(0).id: 3, Person(1).id: 3, Person(2).id: 4}
    assert dict(rights.parts(town.state, asset, "output")) == {Person(0).id: 7, Person(1).id: 3}
    assert town.owned(asset) == {Person(0).id: 7, Person(1).id: 3}
    for person in (0, 2):
        assert concerns.of(town.state, concerns.LENT, Person(person).id) == [identity]
    assert offered(town, asset, Person(1).id, units=4)[1] == "account.too-little"
    town.wait(DAY_MS)
    assert dict(rights.parts(town.state, asset, "use")) == {Person(0).id: 7, Person(1).id: 3}
    assert town.units(Person(0).id, asset) == (7, 0)
    assert list(town.state.raw_range(b"right/")) == list(town.state.raw_range(b"concerns/")) == []
    assert rights.lending(town.state, identity) is None


def test_only_who_borrowed_gives_back_before_the_time() -> None:
    """U-3."""
    town = Commons(people=3)
    asset, group = town.shared(7, 3), town.group(2)
    identity, _ = lent(town, asset, group, right="output")
    assert town.why(0, "shares.return/1", lent=identity) == "share.not-borrower"
    assert town.why(0, "shares.return/1", lent=bytes(32)) == "share.not-lent"
    assert rights.part(town.state, asset, "output", group) == 4
    town.acted((1, 2), group, "shares.return/1", lent=identity)
    assert rights.part(town.state, asset, "output", group) == 0
    assert town.chain.next_due_ms() is None
    assert town.acts((1, 2), group, "shares.return/1", lent=identity)[1] == "share.not-lent"


def test_a_lending_that_breaks_a_rule_is_refused_by_its_code() -> None:
    """U-2."""
    town = Commons(people=3)
    asset = town.asset(units=10)
    assert lent(town, bytes(32), Person(1).id)[1] == "share.unknown-asset"
    assert lent(town, asset, Person(0).id)[1] == "share.to-self"
    assert lent(town, asset, bytes(32))[1] == "member.unknown"
    assert lent(town, asset, Person(1).id, ms=0)[1] == "share.length"
    assert lent(town, asset, Person(1).id, ms=LEND_MS_MAX + 1)[1] == "share.length"
    assert lent(town, asset, Person(1).id, units=11)[1] == "account.too-little"
    assert lent(town, asset, Person(1).id, units=10, ms=LEND_MS_MAX)[1] == ""
    assert lent(town, asset, Person(1).id, units=1, right="output")[1] == "account.too-little"


def test_an_owner_whose_units_no_buy_out_takes_says_so() -> None:
    """U-4."""
    town = Commons(people=3)
    asset = town.shared(7, 3)
    static = {"asset": asset, "static": True}
    assert town.why(2, "shares.static/1", **static) == "share.not-an-owner"
    assert town.why(0, "shares.static/1", asset=bytes(32), static=True) == "share.unknown-asset"
    assert town.why(1, "shares.static/1", asset=asset, static=False) == "share.static-already"
    town.done(1, "shares.static/1", **static)
    assert town.why(1, "shares.static/1", **static) == "share.static-already"
    assert [rights.is_static(town.state, asset, Person(person).id) for person in (0, 1)] == [False, True]
    town.done(1, "shares.static/1", asset=asset, static=False)
    assert not rights.is_static(town.state, asset, Person(1).id)


@given(st.lists(st.integers(1, 2**53 - 1), min_size=1, max_size=40), st.integers(0, 2**53 - 1))
def test_a_split_by_share_loses_nothing_at_the_edge_of_what_can_be_signed(weights: list[int], total: int) -> None:
    """Q-2, CO-7: exact beyond 2^53, where a float would not be."""
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    assert all(0 <= part - total * weight // whole <= 1 for part, weight in zip(parts, weights, strict=True))


def test_amounts_at_the_edge_of_what_can_be_signed_are_offered_lent_and_taken() -> None:
    """B-2, A-1, H-5, U-2."""
    town = Commons(people=3)
    asset = town.asset(units=INTEGER_MAX)
    assert offered(town, asset, Person(1).id, units=INTEGER_MAX - 1)[1] == ""
    assert lent(town, asset, Person(1).id, units=1)[1] == ""
    assert lent(town, asset, Person(1).id, units=1)[1] == "account.too-little"
    (offer,) = concerns.of(town.state, concerns.OFFER, Person(1).id)
    town.done(1, "shares.take/1", offer=offer)
    assert sum(town.owned(asset).values()) == INTEGER_MAX
    assert rights.part(town.state, asset, "use", Person(1).id) == INTEGER_MAX
    assert accounts.free(town.state, Person(1).id, "units", asset) == INTEGER_MAX - 1
