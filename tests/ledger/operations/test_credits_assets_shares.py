"""Money, machines and fractions of them: every operation, every refusal's code, and the number on the plate."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.canonical import INTEGER_MAX, digest
from ledger.operations import accounts
from ledger.operations.assets import UNITS, VOUCHED_MAX, asset_number, asset_record, is_asset_number, registration
from ledger.statement import Statement
from tests.ledger.town import DAY_MS, Person, Town

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def total(town: Town, kind: str, thing: bytes) -> int:
    return sum(at_hand + on_hold for _, at_hand, on_hold in accounts.holders(town.state, kind, thing))


def credit_do(town: Town, person: int, name: str, credit: bytes, amount: int, to: bytes | None = None) -> str:
    fields: dict[str, Any] = {"amount": amount, "credit": credit}
    if to is not None:
        fields["to"] = to
    return town.do(town.people[person].working, f"credits.{name}/1", fields)


def test_whoever_opens_a_credit_is_its_issuer() -> None:
    """R-1."""
    town = Town()
    one, other = town.credit(issuer=0, amount=0), town.credit(issuer=1, amount=0)
    assert one != other
    record = town.state.get(b"credit/" + one)
    assert record == {
        "decimals": 2, "issued": 0, "issuer": town.people[0].id, "opened": town.steps[0].head.time_ms,
        "redeemable": "bread", "redeemed": 0, "unit": "EUR",
    }  # fmt: skip


def test_a_credits_holdings_sum_to_issued_less_redeemed() -> None:
    """R-2, R-3, R-4, R-5."""
    town = Town()
    credit = town.credit(amount=100)
    ada, ben = town.people[0].id, town.people[1].id
    assert credit_do(town, 0, "issue", credit, 50, ben) == ""
    assert credit_do(town, 1, "pay", credit, 30, ada) == ""
    assert credit_do(town, 0, "redeem", credit, 120) == ""
    record = town.state.get(b"credit/" + credit)
    assert record is not None
    assert (record["issued"], record["redeemed"]) == (150, 120)
    assert total(town, "credit", credit) == 30
    assert (town.free(0, credit), town.free(1, credit)) == (10, 20)


def test_a_credit_operation_that_breaks_a_rule_is_refused_by_its_code() -> None:
    """R-2, R-3, R-4, A-2."""
    town = Town()
    credit, ada, ben = town.credit(amount=100), town.people[0].id, town.people[1].id
    for person, name, thing, amount, to, code in (
        (0, "issue", bytes(32), 1, ben, "credit.unknown"),
        (1, "issue", credit, 1, ben, "credit.not-issuer"),
        (0, "issue", credit, 1, bytes(32), "member.unknown"),
        (0, "issue", credit, INTEGER_MAX - 99, ben, "account.too-much"),
        (0, "pay", credit, 1, ada, "credit.to-self"),
        (0, "pay", bytes(32), 1, ben, "credit.unknown"),
        (0, "pay", credit, 1, bytes(32), "member.unknown"),
        (0, "pay", credit, 101, ben, "account.too-little"),
        (1, "redeem", credit, 1, None, "credit.not-issuer"),
        (0, "redeem", bytes(32), 1, None, "credit.unknown"),
        (0, "redeem", credit, 101, None, "account.too-little"),
    ):
        assert credit_do(town, person, name, thing, amount, to) == code
    assert credit_do(town, 0, "issue", credit, INTEGER_MAX - 100, ben) == ""
    assert credit_do(town, 0, "redeem", credit, 100) == ""
    assert credit_do(town, 0, "issue", credit, 1, ben) == "account.too-much"


def owner(town: Town, person: int, units: int, **more: Any) -> dict[str, Any]:
    return {"member": town.people[person].id, "units": units, **more}


def test_an_asset_belongs_whole_to_its_registrant_unless_said_otherwise() -> None:
    """T-1, T-4."""
    town = Town()
    asset = town.asset(about="a good one\nfrom 2019", serial="7", title=b"t" * 32)
    assert town.free(0, asset, "units") == total(town, "units", asset) == UNITS
    record = asset_record(town.state, asset)
    assert record is not None
    assert (record["operator"], record["total"], record["serial"]) == (town.people[0].id, UNITS, "7")
    assert "maker" not in record
    assert total(town, "units", town.asset(units=3)) == 3


def register(town: Town, owners: list[dict[str, Any]], units: int = 10, **more: Any) -> str:
    fields = {"kind": "oven", "name": "O", "owners": owners, "units": units, **more}
    return town.do(town.people[0].working, "assets.register/1", fields)


def agreed(owners: list[dict[str, Any]], units: int = 10) -> bytes:
    """What the owners of an oven agree to."""
    return registration({"kind": "oven", "name": "O", "owners": owners, "units": units})


def test_several_owners_each_agree_at_registration() -> None:
    """T-1, H-2."""
    town = Town()
    accept = town.acceptance(0, 1, 4, asset=agreed([owner(town, 0, 6), owner(town, 1, 4)])).to_value()
    assert register(town, [owner(town, 0, 6), owner(town, 1, 4, accept=accept)]) == ""
    assert register(town, [owner(town, 0, 6), owner(town, 1, 4, accept=accept)]) == "share.acceptance-used"
    assert register(town, [owner(town, 0, 6), owner(town, 1, 4)]) == "share.not-accepted"
    assert register(town, [owner(town, 0, 5), owner(town, 1, 4)]) == "asset.units-do-not-sum"
    assert register(town, [owner(town, 0, 5), owner(town, 0, 5)]) == "asset.owner-twice"
    assert register(town, [{"member": bytes(32), "units": 10}]) == "member.unknown"
    assert town.do(town.people[2].working, "membership.profile/1", {"gifts": True}) == ""
    assert register(town, [owner(town, 2, 10)]) == ""


def test_an_acceptance_is_good_for_the_very_registration_it_was_given_for() -> None:
    """T-1, H-2: nobody agrees to an oven and comes to own a part of a ruin, or a smaller part of the oven."""
    town = Town()
    owners = [owner(town, 0, 6), owner(town, 1, 4)]
    accept = town.acceptance(0, 1, 4, asset=agreed(owners)).to_value()
    signed = [owner(town, 0, 6), owner(town, 1, 4, accept=accept)]
    assert register(town, signed, name="a ruin") == "share.not-accepted"
    assert register(town, signed, about="with debts") == "share.not-accepted"
    assert register(town, [owner(town, 0, 96), signed[1]], units=100) == "share.not-accepted"
    assert register(town, [owner(town, 2, 6), signed[1]]) == "share.not-accepted"
    assert register(town, signed) == ""
    plain = {"kind": "oven", "name": "O", "owners": owners}
    assert registration(plain) == registration({**plain, "t": "assets.register/1", "units": UNITS})


def test_a_title_is_claimed_until_somebody_else_vouches() -> None:
    """T-3."""
    town = Town(people=12)
    title = b"t" * 32
    asset = town.asset(owner=1, title=title, units=10)
    fields = {"asset": asset, "title": title}

    def vouch(person: int, **changes: Any) -> str:
        return town.do(town.people[person].working, "assets.vouch/1", {**fields, **changes})

    assert vouch(2, asset=bytes(32)) == "asset.unknown"
    assert vouch(1) == "asset.own-word"
    assert vouch(2) == "asset.own-word"
    assert vouch(0, title=bytes(32)) == "asset.vouched-already"
    assert vouch(0) == ""
    assert vouch(0) == "asset.vouched-already"
    for person in range(2, 11):
        accept = town.acceptance(1, person, 1, asset=asset).to_value()
        transfer = {"accept": accept, "asset": asset, "to": town.people[person].id, "units": 1}
        assert town.do(town.people[1].working, "shares.transfer/1", transfer) == ""
    outcomes = [vouch(person) for person in range(2, 11)]
    assert outcomes == [""] * (VOUCHED_MAX - 1) + ["asset.vouched-already"] * 2
    record = asset_record(town.state, asset)
    assert record is not None
    assert record["vouched"] == sorted(town.people[i].id for i in (0, *range(2, 9)))


@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_slip_of_the_pen_in_an_assets_number_is_noticed(asset: bytes, data: st.DataObject) -> None:
    """T-2."""
    number = asset_number(asset)
    assert is_asset_number(number)
    at = data.draw(st.integers(0, 12))
    letter = data.draw(st.sampled_from(LETTERS + "ILOU*").filter(lambda one: one != number[at]))
    assert not is_asset_number(number[:at] + letter + number[at + 1 :])
    at = data.draw(st.integers(0, 11))
    if number[at] != number[at + 1]:
        assert not is_asset_number(number[:at] + number[at + 1] + number[at] + number[at + 2 :])
    assert not is_asset_number(number[:-1])
    assert not is_asset_number(number + "0")


def test_an_assets_number_is_the_first_sixty_bits_of_its_id() -> None:
    """T-2."""
    assert asset_number(bytes(32)) == "0000000000000"
    assert asset_number(bytes(7) + b"\x1f" + bytes(24)) == "000000000001" + "C"
    assert asset_number(b"\xff" * 32)[:12] == "Z" * 12


def transfer(town: Town, asset: bytes, units: int, accept: Statement | None, **changes: Any) -> str:
    fields: dict[str, Any] = {"asset": asset, "to": town.people[1].id, "units": units, **changes}
    if accept is not None:
        fields["accept"] = accept.to_value()
    return town.do(town.people[0].working, "shares.transfer/1", fields)


def test_units_move_to_whoever_agreed_and_never_change_their_sum() -> None:
    """H-1, H-2, T-4."""
    town = Town()
    asset = town.asset(units=10)
    accept = town.acceptance(0, 1, 4, asset=asset)
    assert transfer(town, asset, 4, accept) == ""
    assert (town.free(0, asset, "units"), town.free(1, asset, "units")) == (6, 4)
    assert transfer(town, asset, 4, accept) == "share.acceptance-used"
    assert total(town, "units", asset) == 10


def test_a_transfer_that_breaks_a_rule_is_refused_by_its_code() -> None:
    """H-1, H-2."""
    town = Town()
    asset = town.asset(units=10)

    def accepted(**changes: Any) -> Statement:
        return town.acceptance(0, 1, 4, **{"asset": asset, **changes})

    assert transfer(town, bytes(32), 4, None) == "share.unknown-asset"
    assert transfer(town, asset, 4, None, to=town.people[0].id) == "share.to-self"
    assert transfer(town, asset, 4, None, to=bytes(32)) == "member.unknown"
    assert transfer(town, asset, 4, None) == "share.not-accepted"
    for wrong in (
        accepted(asset=bytes(32)),
        accepted(asset=agreed([owner(town, 0, 6), owner(town, 1, 4)])),
        accepted(network=bytes(32)),
        accepted(to=town.people[2].id),
        town.acceptance(0, 1, 5, asset=asset),
        accepted(until=town.now_ms - 1),
        accepted(nonce=bytes(15)),
        accepted(more=1),
        accepted(signer=town.people[2].working),
        accepted(signer=town.people[1].root),
        town.acceptance(2, 1, 4, asset=asset),
    ):
        assert transfer(town, asset, 4, wrong) == "share.not-accepted"
    junk_id = digest("accept-units", b"\xff")
    working = town.people[1].working
    junk = Statement(purpose="accept-units", body=b"\xff", key=working.public, signature=working.sign(junk_id))
    assert transfer(town, asset, 4, junk) == "share.not-accepted"
    assert transfer(town, asset, 11, town.acceptance(0, 1, 11, asset=asset)) == "account.too-little"
    assert transfer(town, asset, 4, accepted(until=town.now_ms)) == ""


def test_a_revoked_keys_acceptance_is_worth_nothing() -> None:
    """H-2, M-10."""
    town = Town()
    asset = town.asset(units=10)
    accept = town.acceptance(0, 1, 4, asset=asset)
    person = town.people[1]
    assert town.do(person.root, "membership.revoke/1", {"key": person.working.public}) == ""
    assert transfer(town, asset, 4, accept) == "share.not-accepted"


def test_gifts_come_unasked_only_to_whoever_said_so() -> None:
    """H-2, M-8."""
    town = Town()
    asset = town.asset(units=10)
    assert town.do(town.people[1].working, "membership.profile/1", {"gifts": True}) == ""
    assert transfer(town, asset, 4, None, note="happy birthday") == ""
    assert town.do(town.people[1].working, "membership.profile/1", {"gifts": False}) == ""
    assert transfer(town, asset, 4, None) == "share.not-accepted"


def test_a_refused_transfer_leaves_its_acceptance_unused() -> None:
    """H-2, E-5."""
    town = Town()
    asset = town.asset(units=3)
    accept = town.acceptance(0, 1, 4, asset=asset)
    assert transfer(town, asset, 4, accept) == "account.too-little"
    assert town.chain.next_due_ms() is None
    assert town.state.get(b"accepted/" + accept.id) is None


def test_a_lapsed_acceptance_is_forgotten_but_never_taken_again() -> None:
    """H-3, D-2."""
    town = Town()
    asset = town.asset(units=10)
    accept = town.acceptance(0, 1, 4, asset=asset, until=town.now_ms + 10)
    assert transfer(town, asset, 4, accept) == ""
    town.now_ms += DAY_MS
    assert town.do(Person(2).working, "membership.profile/1") == ""
    assert town.state.get(b"accepted/" + accept.id) is None
    assert transfer(town, asset, 4, accept) == "share.not-accepted"
