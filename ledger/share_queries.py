"""Read-only questions about what is owned together: groups and their acts, offers, lendings, and an owner's page.

As in `queries`, each reads only the keys it needs. Source: SPEC GR-1 to GR-7, H-4 to H-7, U-1 to U-4, CO-1 to CO-5.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

from ledger.operations import accounts, co_owners, concerns, parties, rights
from ledger.operations.group_acts import act_record
from ledger.operations.groups import weight_of
from ledger.operations.share_offers import offer_record
from ledger.quantities import Measure, measure, read_measure
from ledger.queries import LISTED_MAX, Asset, asset
from ledger.state import View

Person = tuple[bytes, int]
"""(member, weight)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members who own as one."""

    id: bytes
    name: str
    needed: int
    members: tuple[Person, ...]
    asked: tuple[Person, ...]
    version: int
    takes_gifts: bool
    founded_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something put to a group and not done yet."""

    id: bytes
    group: bytes
    by: bytes
    operation: dict[str, Any]
    agreed: tuple[bytes, ...]
    weight: int
    """Of those who agreed and belong now."""
    needed: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Units that stand for somebody, or money that stands for a whole asset."""

    id: bytes
    asset: bytes
    by: bytes
    until_ms: int
    note: str
    to: bytes | None
    units: int
    """0 for a bid."""
    credit: bytes | None
    amount: int
    """Of the credit; 0 for units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lending:
    """Output or use of units, lent for a time."""

    id: bytes
    asset: bytes
    right: str
    lender: bytes
    borrower: bytes
    units: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What somebody may use of an asset in each period."""

    what: str
    per_ms: int
    amount: Measure
    """Exactly the part that the units give; a part of an hour is for people to agree about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What one owner has of one asset."""

    asset: Asset
    units: int
    """Held ones included; 0 where something is borrowed only."""
    held: int
    output_units: int
    use_units: int
    is_static: bool
    uses: tuple[Use, ...]
    output: int
    """What of its output is the owner's and not handed on."""


def group(view: View, identity: bytes) -> Group | None:
    """The group with this id, also after it ended; None where there is none."""
    record = parties.group_record(view, identity)
    return None if record is None else _group(identity, record)


def groups(view: View, prefix: bytes = b"", *, most: int = LISTED_MAX) -> tuple[Group, ...]:
    """Groups whose id begins with `prefix`, in order of id."""
    head = len(b"group/")
    return tuple(_group(key[head:], record) for key, record in islice(view.range(b"group/" + prefix), most))


def groups_of(view: View, member: bytes) -> tuple[Group, ...]:
    """The groups that a member belongs to."""
    return tuple(found for one in parties.groups_of(view, member) if (found := group(view, one)) is not None)


def act(view: View, identity: bytes) -> Act | None:
    """The open act with this id, or None."""
    record = act_record(view, identity)
    if record is None:
        return None
    whole = parties.group_record(view, record["group"]) or {"members": [], "needed": 1}
    return Act(
        id=identity,
        group=record["group"],
        by=record["by"],
        operation=record["act"],
        agreed=tuple(record["agreed"]),
        weight=weight_of(whole["members"], record["agreed"]),
        needed=whole["needed"],
        until_ms=record["until"],
    )


def acts(view: View, of_group: bytes) -> tuple[Act, ...]:
    """What is put to a group and not done yet, the first to end first."""
    found = [one for identity in concerns.of(view, concerns.ACT, of_group) if (one := act(view, identity)) is not None]
    return tuple(sorted(found, key=lambda one: (one.until_ms, one.id)))


def offer(view: View, identity: bytes) -> Offer | None:
    """The standing offer or bid with this id, or None."""
    record = offer_record(view, identity)
    if record is None:
        return None
    return Offer(
        id=identity,
        asset=record["asset"],
        by=record["by"],
        until_ms=record["until"],
        note=record.get("note", ""),
        to=record.get("to"),
        units=record.get("units", 0),
        credit=record.get("credit"),
        amount=record.get("amount", 0),
    )


def offers(view: View, owner: bytes) -> tuple[Offer, ...]:
    """What an owner offers or is offered, or, for an asset's id, the bids for it; the first to end first."""
    known = concerns.of(view, concerns.OFFER, owner)
    found = [one for identity in known if (one := offer(view, identity)) is not None]
    return tuple(sorted(found, key=lambda one: (one.until_ms, one.id)))


def lendings(view: View, owner: bytes) -> tuple[Lending, ...]:
    """What an owner lent or borrowed, the first to end first."""
    found = []
    for identity in concerns.of(view, concerns.LENT, owner):
        record = rights.lending(view, identity)
        assert record is not None, "what concerns somebody is there"
        found.append(
            Lending(
                id=identity,
                asset=record["asset"],
                right=record["right"],
                lender=record["from"],
                borrower=record["to"],
                units=record["units"],
                until_ms=record["until"],
            )
        )
    return tuple(sorted(found, key=lambda one: (one.until_ms, one.id)))


def owned(view: View, owner: bytes, *, most: int = LISTED_MAX) -> tuple[Owned, ...]:
    """Everything an owner has a part of, by own units or borrowed ones, in order of assets."""
    things = {thing for kind, thing, _, _ in islice(accounts.holdings(view, owner), most) if kind != "credit"}
    things |= {one.asset for one in lendings(view, owner)}
    return tuple(_owned(view, owner, found) for one in sorted(things) if (found := asset(view, one)) is not None)


def uses(view: View, of: Asset, units: int) -> tuple[Use, ...]:
    """What so many units give of an asset's time or room (CO-5, U-1)."""
    found = []
    for one in co_owners.uses_of(view, of.id):
        whole = read_measure(one["amount"])
        part = measure_or_none(whole.fraction * Fraction(units, of.total), whole.unit)
        if part is not None:
            found.append(Use(what=one["what"], per_ms=one["per_ms"], amount=part))
    return tuple(found)


def measure_or_none(number: Fraction, unit: str) -> Measure | None:
    """The measure, or None where its parts have more digits than can be written."""
    limit = 2**53 - 1
    return None if number.numerator > limit or number.denominator > limit else measure(number, unit)


def _owned(view: View, owner: bytes, of: Asset) -> Owned:
    held = accounts.held(view, owner, "units", of.id)
    use_units = rights.part(view, of.id, "use", owner)
    made = accounts.free(view, owner, "output", of.id) + accounts.held(view, owner, "output", of.id)
    return Owned(
        asset=of,
        units=accounts.free(view, owner, "units", of.id) + held,
        held=held,
        output_units=rights.part(view, of.id, "output", owner),
        use_units=use_units,
        is_static=rights.is_static(view, of.id, owner),
        uses=uses(view, of, use_units),
        output=made,
    )


def _group(identity: bytes, record: dict[str, Any]) -> Group:
    members, asked = (tuple((one["member"], one["weight"]) for one in record[name]) for name in ("members", "asked"))
    return Group(
        id=identity,
        name=record["name"],
        needed=record["needed"],
        members=members,
        asked=asked,
        version=record["version"],
        takes_gifts=record.get("gifts") is True,
        founded_ms=record["founded"],
        ended_ms=record.get("ended"),
    )
