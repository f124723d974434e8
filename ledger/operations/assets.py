"""Machines and places that are owned together: registering one (SPEC T-1 to T-4).

An asset is divided once, at registration, into a fixed number of undivided units; they may be given to several owners
there, each of whom agrees. Its number carries a check character like a VIN, so a slip of the pen is noticed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.canonical import Value, digest, encode
from ledger.errors import Reason, Refusal
from ledger.form import ID, INTEGER_FORM, PLACE, List, Map, Text
from ledger.operations import accounts, parties
from ledger.operations.operation import Context, Operation
from ledger.operations.shares import check_acceptance, units_statement
from ledger.state import Overlay, View
from ledger.statement import STATEMENT, Statement

UNITS = 1_000_000
"""How many units an asset has unless its registrant says otherwise: a millionth is the smallest fraction."""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U to misread."""
_NUMBER_LETTERS = 12
VOUCHED_MAX = 8
"""Members whose word for one paper is kept; more would convince nobody further."""


class AssetReason(StrEnum):
    """Why an asset operation was refused."""

    UNKNOWN = "asset.unknown"
    SUM = "asset.units-do-not-sum"
    OWNER_TWICE = "asset.owner-twice"
    OWN_WORD = "asset.own-word"
    VOUCHED = "asset.vouched-already"


def asset_number(asset: bytes) -> str:
    """The number a person reads off a plate: 12 letters of the id and a check character (T-2)."""
    bits = int.from_bytes(asset[:8], "big") >> 4
    letters = "".join(_LETTERS[bits >> (5 * i) & 31] for i in reversed(range(_NUMBER_LETTERS)))
    return letters + _check_letter(letters)


def is_asset_number(text: str) -> bool:
    """Whether the check character fits: any one wrong letter and any swap of neighbours is noticed."""
    return (
        len(text) == _NUMBER_LETTERS + 1
        and all(letter in _LETTERS for letter in text[:-1])
        and _check_letter(text[:-1]) == text[-1]
    )


def _check_letter(letters: str) -> str:
    # Weights 1 to 12 modulo the prime 37, as in ISBN-10, so that 37 signs are needed: 32 letters and five more.
    total = sum(weight * _LETTERS.index(letter) for weight, letter in enumerate(letters, start=1))
    return (_LETTERS + "ILOU*")[total % 37]


def asset_record(view: View, asset: bytes) -> dict[str, Any] | None:
    """{kind, total, registrant, operator, registered, ...}, or None."""
    record: dict[str, Any] | None = view.get(b"asset/" + asset)
    return record


def put_asset(tx: Overlay, asset: bytes, record: dict[str, Any]) -> None:
    """Write an asset's record."""
    tx.put(b"asset/" + asset, record)


def registration(op: dict[str, Any]) -> bytes:
    """What co-owners agree to before there is an asset: 32 bytes over all that is registered and the whole split (T-1).

    Without it an acceptance of so many units would be good for anything the registrant cares to register.
    """
    split = [{"member": owner["member"], "units": owner["units"]} for owner in op["owners"]]
    content: dict[str, Value] = {name: value for name, value in op.items() if name != "t"}
    return digest("registration", encode({**content, "owners": split, "units": op.get("units", UNITS)}))


def _acceptances(op: dict[str, Any]) -> list[Statement]:
    return [units_statement(owner["accept"]) for owner in op.get("owners", ()) if "accept" in owner]


def _register(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """T-1: the units sum to the total for ever; every owner but the registrant agreed."""
    total = op.get("units", UNITS)
    owners = op.get("owners") or [{"member": context.author, "units": total}]
    if sum(owner["units"] for owner in owners) != total:
        return Refusal(reason=AssetReason.SUM, detail="the owners' units do not sum to the total")
    if len({owner["member"] for owner in owners}) != len(owners):
        return Refusal(reason=AssetReason.OWNER_TWICE, detail="an owner is named twice")
    agreed = registration(op) if "owners" in op else b""
    for owner in owners:
        if not parties.can_own(tx, owner["member"]):
            return Refusal(reason=Reason.NOT_A_MEMBER, detail="an owner is no member and no group")
        if owner["member"] != context.author:
            refusal = check_acceptance(
                tx, owner.get("accept"), agreed, context.author, owner["member"], owner["units"], context
            )
            if refusal is not None:
                return refusal
        accounts.create(tx, owner["member"], "units", context.entry_id, owner["units"])
    kept = ("about", "kind", "maker", "model", "name", "papers", "photo", "place", "serial", "title")
    record = {name: op[name] for name in kept if name in op}
    record |= {
        "operator": context.author,
        "registered": context.time_ms,
        "registrant": context.author,
        "total": total,
    }
    put_asset(tx, context.entry_id, record)
    return None


def _vouch(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """T-3: a title paper counts once a co-owner or witness other than the registrant has seen it."""
    record = asset_record(tx, op["asset"])
    if record is None:
        return Refusal(reason=AssetReason.UNKNOWN, detail="there is no such asset")
    witnesses = {one["member"] for one in (tx.get(b"witnesses") or {"list": []})["list"]}
    owns = accounts.free(tx, context.author, "units", op["asset"]) + accounts.held(
        tx, context.author, "units", op["asset"]
    )
    if context.author == record["registrant"] or not (owns or context.author in witnesses):
        return Refusal(reason=AssetReason.OWN_WORD, detail="a co-owner or witness other than the registrant vouches")
    vouched = record.get("vouched", [])
    if record.get("title") != op["title"] or context.author in vouched or len(vouched) == VOUCHED_MAX:
        return Refusal(reason=AssetReason.VOUCHED, detail="that paper is not the title, or it is vouched for already")
    record["vouched"] = sorted([*vouched, context.author])
    put_asset(tx, op["asset"], record)
    return None


_OWNER = Map({"member": ID, "units": INTEGER_FORM}, {"accept": STATEMENT})

OPERATIONS = (
    Operation(
        name="assets.register/1",
        form=Map(
            {"kind": Text(40), "name": Text(80)},
            {
                "about": Text(1000, lines=True),
                "maker": Text(80),
                "model": Text(80),
                "owners": List(_OWNER, 1, 64),
                "papers": List(ID, 1, 16),
                "photo": ID,
                "place": PLACE,
                "serial": Text(80),
                "title": ID,
                "units": INTEGER_FORM,
            },
        ),
        apply=_register,
        statements=_acceptances,
    ),
    Operation(name="assets.vouch/1", form=Map({"asset": ID, "title": ID}), apply=_vouch),
)
