"""Read-only questions to a state, each with a typed answer: who owns what, who is a member, do the sums hold.

Works on any `View`, so a reader that fetches single keys from a disk answers as the whole state in memory does, and
touches no key it does not need. Lists are bounded; whoever has more asks for a part. Questions about jobs stand in
`operations.work_queries`. Not here: names of things for people, and how an answer looks.
Source: SPEC A-1, H-1, R-1, T-1 and the design's invariants 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ledger.keys import MemberId
from ledger.operations import accounts, members
from ledger.state import View

LISTED_MAX = 100_000
"""Rows in one answer: more members, assets or accounts than a neighbourhood has, and still some tens of megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one member has of one thing."""

    member: MemberId
    kind: str
    """"credit", "units" or "output"."""
    thing: bytes
    """32 bytes: the credit's or asset's id."""
    free: int
    held: int
    """Set aside for something that is not decided yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member as the ledger knows them."""

    id: MemberId
    name: str
    joined_ms: int
    sponsor: MemberId | None
    """Who invited them; None for a founder."""
    left_ms: int | None
    machines: tuple[bytes, ...]
    """Peer ids, oldest first."""
    keys: tuple[bytes, ...]
    """Every working key there ever was, oldest first."""
    takes_gifts: bool
    """Whether units may be given to them without being asked first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A promise that members pay with; another issuer's credit of the same unit is another thing."""

    id: bytes
    unit: str
    issuer: MemberId
    decimals: int
    redeemable: str
    issued: int
    redeemed: int
    opened_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A thing that is owned in undivided units."""

    id: bytes
    name: str
    kind: str
    total: int
    operator: MemberId
    registrant: MemberId
    registered_ms: int
    record: dict[str, Any]
    """Everything that stands about it, e.g. maker, serial, place, papers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbalanced:
    """Something whose parts do not sum to the whole: invariant 1 is broken."""

    kind: str
    thing: bytes
    expected: int
    found: int


def accounts_of(view: View, member: bytes, *, most: int = LISTED_MAX) -> tuple[Account, ...]:
    """All that a member has, credits before output before units, each by id."""
    return tuple(
        Account(member=MemberId(member), kind=kind, thing=thing, free=free, held=held)
        for kind, thing, free, held in islice(accounts.holdings(view, member), most)
    )


def all_accounts(view: View, *, most: int = LISTED_MAX) -> tuple[Account, ...]:
    """Everybody's, in order of members, and then of groups."""
    return tuple(islice(_every_account(view), most))


def _every_account(view: View) -> Iterator[Account]:
    for owner in owner_ids(view):
        yield from accounts_of(view, owner)


def owners(view: View, asset: bytes, *, most: int = LISTED_MAX) -> tuple[Account, ...]:
    """Who owns how many units of an asset, the largest part first."""
    found = [
        Account(member=member, kind="units", thing=asset, free=free, held=held)
        for member, free, held in islice(accounts.holders(view, "units", asset), most)
    ]
    return tuple(sorted(found, key=lambda one: (-one.free - one.held, one.member)))


def person(view: View, member: bytes) -> Person | None:
    """The member with this id, also after they left; None for a stranger."""
    record = view.get(b"member/" + member)
    return None if record is None else _person(member, record)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenInvitation:
    """An invitation of a member that nobody has used; it may have expired."""

    key: bytes
    """Of the one-use key."""
    since_ms: int
    until_ms: int
    tries: int
    """How many of its numbers are used, all of them refused (M-14)."""


def invitations(view: View, member: bytes) -> list[OpenInvitation]:
    """A member's invitations that nobody has used and that were not taken back."""
    open_ones = []
    for one in (members.member_record(view, member) or {}).get("invites", []):
        record = members.key_standing(view, one["key"]) or {}
        open_ones.append(
            OpenInvitation(
                key=one["key"],
                since_ms=record["since"],
                until_ms=one["until"],
                tries=view.get(b"seq/" + one["key"]) or 0,
            )
        )
    return open_ones


def people(view: View, prefix: bytes = b"", *, most: int = LISTED_MAX) -> tuple[Person, ...]:
    """Members whose id begins with `prefix`, in order of id."""
    head = len(b"member/")
    return tuple(_person(key[head:], record) for key, record in islice(view.range(b"member/" + prefix), most))


def members_ids(view: View) -> Iterator[MemberId]:
    """The id of everybody who is or was a member."""
    head = len(b"member/")
    for key, _ in view.raw_range(b"member/"):
        yield MemberId(key[head:])


def owner_ids(view: View) -> Iterator[MemberId]:
    """The id of everybody who can own: who is or was a member, then the groups there are or were (SPEC GR-1)."""
    yield from members_ids(view)
    head = len(b"group/")
    for key, _ in view.raw_range(b"group/"):
        yield MemberId(key[head:])


def credit(view: View, identity: bytes) -> Credit | None:
    """The credit with this id, or None."""
    record = view.get(b"credit/" + identity)
    return None if record is None else _credit(identity, record)


def credits(view: View, prefix: bytes = b"", *, most: int = LISTED_MAX) -> tuple[Credit, ...]:  # noqa: A001
    """Credits whose id begins with `prefix`, in order of id."""
    head = len(b"credit/")
    return tuple(_credit(key[head:], record) for key, record in islice(view.range(b"credit/" + prefix), most))


def asset(view: View, identity: bytes) -> Asset | None:
    """The asset with this id, or None."""
    record = view.get(b"asset/" + identity)
    return None if record is None else _asset(identity, record)


def assets(view: View, prefix: bytes = b"", *, most: int = LISTED_MAX) -> tuple[Asset, ...]:
    """Assets whose id begins with `prefix`, in order of id."""
    head = len(b"asset/")
    return tuple(_asset(key[head:], record) for key, record in islice(view.range(b"asset/" + prefix), most))


def title_of(record: dict[str, Any]) -> str:
    """How well an asset's title is shown: "none", "claimed" by its registrant alone, or "vouched" (SPEC T-3)."""
    if "title" not in record:
        return "none"
    return "vouched" if record.get("vouched") else "claimed"


def witness_members(view: View) -> tuple[MemberId, ...]:
    """Who orders entries now, by place."""
    found = view.get(b"witnesses") or {"list": []}
    return tuple(MemberId(one["member"]) for one in found["list"])


def unbalanced(view: View) -> tuple[Unbalanced, ...]:
    """Every credit and asset whose accounts do not sum to what there should be of it; empty while all is well.

    Reads every account once.
    """
    found: dict[tuple[str, bytes], int] = {}
    for one in _every_account(view):
        found[one.kind, one.thing] = found.get((one.kind, one.thing), 0) + one.free + one.held
    expected = {("credit", one.id): one.issued - one.redeemed for one in credits(view)}
    expected |= {("units", one.id): 0 if "ended" in one.record else one.total for one in assets(view)}
    return tuple(
        Unbalanced(kind=kind, thing=thing, expected=expected.get((kind, thing), 0), found=found.get((kind, thing), 0))
        for kind, thing in sorted(expected.keys() | {key for key in found if key[0] != "output"})
        if expected.get((kind, thing), 0) != found.get((kind, thing), 0)
    )


def _person(member: bytes, record: dict[str, Any]) -> Person:
    sponsor = record.get("sponsor")
    return Person(
        id=MemberId(member),
        name=record["name"],
        joined_ms=record["joined"],
        sponsor=None if sponsor is None else MemberId(sponsor),
        left_ms=record.get("left"),
        machines=tuple(record["peers"]),
        keys=tuple(record["keys"]),
        takes_gifts=record.get("gifts") is True,
    )


def _credit(identity: bytes, record: dict[str, Any]) -> Credit:
    return Credit(
        id=identity,
        unit=record["unit"],
        issuer=MemberId(record["issuer"]),
        decimals=record["decimals"],
        redeemable=record["redeemable"],
        issued=record["issued"],
        redeemed=record["redeemed"],
        opened_ms=record["opened"],
    )


def _asset(identity: bytes, record: dict[str, Any]) -> Asset:
    return Asset(
        id=identity,
        name=record["name"],
        kind=record["kind"],
        total=record["total"],
        operator=MemberId(record["operator"]),
        registrant=MemberId(record["registrant"]),
        registered_ms=record["registered"],
        record=record,
    )
