"""What is asked of a state is what the operations left there, and a sum that does not hold is named."""

from __future__ import annotations

import pytest

from ledger import queries
from ledger.operations import accounts
from ledger.queries import Account, Unbalanced
from tests.ledger.operations.work_world import (
    ASSET,
    CREDIT,
    CUSTOMER,
    MONEY,
    PROVIDER,
    ROLES,
    START_MS,
    UNITS,
    World,
    credit,
    units,
)


@pytest.fixture
def world() -> World:
    """The small network of the work tests, with the records that the credit's and asset's families would write."""
    made = World()
    issuer = made.ids[PROVIDER]
    made.state.put(
        b"credit/" + CREDIT,
        {
            "decimals": 2,
            "issued": MONEY + 5,
            "issuer": issuer,
            "opened": 5,
            "redeemable": "bread",
            "redeemed": 5,
            "unit": "EUR",
        },
    )
    record = {"kind": "printer", "name": "p1", "operator": issuer, "registered": 7, "registrant": issuer}
    made.state.put(b"asset/" + ASSET, {**record, "total": UNITS})
    return made


def test_accounts_of_a_member_tell_what_is_free_from_what_is_held(world: World) -> None:
    assert world.award(world.proposal(price=[credit(1_000), units(10)])) == ""
    customer = world.ids[CUSTOMER]
    assert queries.accounts_of(world.state, customer) == (
        Account(member=customer, kind="credit", thing=CREDIT, free=MONEY - 1_000, held=1_000),
        Account(member=customer, kind="units", thing=ASSET, free=UNITS - 10, held=10),
    )
    assert queries.accounts_of(world.state, world.ids[PROVIDER]) == ()


def test_all_accounts_are_everybodys_and_bounded(world: World) -> None:
    accounts.create(world.state, world.ids[PROVIDER], "units", ASSET, 3)
    everybody = queries.all_accounts(world.state)
    assert {(one.member, one.kind) for one in everybody} == {
        (world.ids[CUSTOMER], "credit"),
        (world.ids[CUSTOMER], "units"),
        (world.ids[PROVIDER], "units"),
    }
    assert queries.all_accounts(world.state, most=2) == everybody[:2]


def test_owners_come_largest_part_first(world: World) -> None:
    accounts.create(world.state, world.ids[PROVIDER], "units", ASSET, 2 * UNITS)
    assert [one.member for one in queries.owners(world.state, ASSET)] == [world.ids[PROVIDER], world.ids[CUSTOMER]]


def test_people_are_found_by_id_by_beginning_and_all_together(world: World) -> None:
    found = queries.person(world.state, world.ids[CUSTOMER])
    assert found is not None
    assert (found.name, found.joined_ms, found.machines) == (CUSTOMER, START_MS, (b"customer",))
    assert (found.keys, found.sponsor, found.left_ms) == ((world.keys[CUSTOMER].public,), None, None)
    assert queries.people(world.state, world.ids[CUSTOMER][:3]) == (found,)
    assert [one.id for one in queries.people(world.state)] == sorted(world.ids.values())
    assert list(queries.members_ids(world.state)) == sorted(world.ids.values())
    assert len(queries.people(world.state, most=2)) == 2 < len(ROLES)
    assert queries.person(world.state, bytes(32)) is None


def test_a_member_who_left_takes_gifts_or_was_invited_is_told_apart(world: World) -> None:
    member = world.ids[CUSTOMER]
    record = world.state.get(b"member/" + member) or {}
    world.state.put(b"member/" + member, {**record, "gifts": True, "left": 9, "sponsor": world.ids[PROVIDER]})
    found = queries.person(world.state, member)
    assert found is not None and found.takes_gifts
    assert (found.left_ms, found.sponsor) == (9, world.ids[PROVIDER])


def test_credits_and_assets_are_found_by_id_and_beginning(world: World) -> None:
    euro, printer = queries.credit(world.state, CREDIT), queries.asset(world.state, ASSET)
    assert euro is not None and printer is not None
    assert (euro.unit, euro.decimals, euro.issuer, euro.issued, euro.redeemed) == (
        "EUR",
        2,
        world.ids[PROVIDER],
        MONEY + 5,
        5,
    )
    assert (printer.name, printer.kind, printer.total, printer.registered_ms) == ("p1", "printer", UNITS, 7)
    assert queries.credits(world.state, CREDIT[:1]) == (euro,) and queries.credits(world.state, b"z") == ()
    assert queries.assets(world.state) == (printer,)
    assert queries.credit(world.state, bytes(32)) is None and queries.asset(world.state, bytes(32)) is None


def test_a_title_is_none_claimed_or_vouched() -> None:
    title = bytes(32)
    assert queries.title_of({}) == "none"
    assert queries.title_of({"title": title}) == "claimed"
    assert queries.title_of({"title": title, "vouched": [bytes(32)]}) == "vouched"


def test_witnesses_come_by_place(world: World) -> None:
    assert queries.witness_members(world.state) == ()
    places = [{"key": bytes(32), "member": world.ids[role]} for role in (PROVIDER, CUSTOMER)]
    world.state.put(b"witnesses", {"epoch": 1, "list": places})
    assert queries.witness_members(world.state) == (world.ids[PROVIDER], world.ids[CUSTOMER])


def test_sums_hold_through_holds_and_a_leak_either_way_is_named(world: World) -> None:
    assert world.award(world.proposal(price=[credit(1_000), units(10)])) == ""
    assert queries.unbalanced(world.state) == ()
    accounts.create(world.state, world.ids[PROVIDER], "credit", CREDIT, 1)
    accounts.destroy(world.state, world.ids[CUSTOMER], "units", ASSET, 2)
    accounts.create(world.state, world.ids[CUSTOMER], "credit", b"x" * 32, 3)
    accounts.create(world.state, world.ids[CUSTOMER], "output", ASSET, 4)
    assert queries.unbalanced(world.state) == (
        Unbalanced(kind="credit", thing=CREDIT, expected=MONEY, found=MONEY + 1),
        Unbalanced(kind="credit", thing=b"x" * 32, expected=0, found=3),
        Unbalanced(kind="units", thing=ASSET, expected=UNITS, found=UNITS - 2),
    )
