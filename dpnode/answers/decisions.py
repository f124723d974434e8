"""What co-owners are asked to decide, from an owner's words to a motion's matter (SPEC CO-2 to CO-9)."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from dpnode.control.questions.owning import AssetDecide
from dpnode.errors import FailKind, Problem
from dpnode.reading.naming import amount_meant, asset_meant
from dpnode.reading.owning import open_meant, owner_meant
from ledger import share_queries
from ledger.canonical import INTEGER_MAX, Value
from ledger.operations.co_owners import NEEDS
from ledger.quantities import measure
from ledger.queries import Asset
from ledger.state import View

Matter = dict[str, Value]
_USE = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(\S{1,24})\s+(.{1,40}?)\s+per\s+(\d{1,6})\s*(min|h|d|w)\s*")
_SPAN_MS = {"min": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PERCENT = re.compile(r"\s*(\d{1,3})(?:\.(\d{1,2}))?\s*%?\s*")


def matter_of(view: View, question: AssetDecide, by: bytes) -> Matter:
    """The matter of a motion that `by` opens; raises `Problem`."""
    asset = asset_meant(view, question.asset)
    matter: Matter = {"asset": asset.id, "kind": question.kind}
    match question.kind:
        case "operator":
            return {**matter, "operator": by}
        case "repair":
            return {**matter, **_repair(view, question)}
        case "terms":
            return {**matter, "needs": {kind: _bp(kind, text) for kind, text in question.needs.items()}}
        case "uses":
            return {**matter, "uses": [_use(text) for text in question.uses]}
        case "sell":
            return {**matter, "bid": _bid(view, question, asset)}
        case "partition":
            return {**matter, "parts": [_part(view, text) for text in question.parts]}
        case _:
            raise Problem(FailKind.USAGE, f"co-owners decide one of: {', '.join(NEEDS)}")


def _repair(view: View, question: AssetDecide) -> Matter:
    if not question.what:
        raise Problem(FailKind.USAGE, "say what is to be repaired: --what")
    if question.cost is None:
        return {"what": question.what}
    credit, amount = amount_meant(view, question.cost)
    return {"cost": {"amount": amount, "credit": credit.id}, "what": question.what}


def _bp(kind: str, text: str) -> int:
    found = _PERCENT.fullmatch(text)
    if kind not in NEEDS or found is None:
        known = ", ".join(NEEDS)
        raise Problem(FailKind.USAGE, f'terms are written "sell=75%"; there are {known}, from 50 % to 100 % (all)')
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def _use(text: str) -> Value:
    found = _USE.fullmatch(text)
    if found is None:
        raise Problem(FailKind.USAGE, f'{text[:60]!r} is no use; write it like "40 h machine time per 7d"')
    amount = measure(Fraction(found[1]), found[2])
    return {"amount": amount.to_value(), "per_ms": int(found[4]) * _SPAN_MS[found[5]], "what": found[3]}


def _bid(view: View, question: AssetDecide, asset: Asset) -> bytes:
    bids = [one.id for one in share_queries.offers(view, asset.id)]
    if question.bid is not None:
        return open_meant(view, question.bid, bids, "bid")
    if len(bids) != 1:
        raise Problem(FailKind.USAGE, f"{len(bids)} bids stand for this asset: name one with --bid")
    return bids[0]


def _part(view: View, text: str) -> Value:
    """``east: Ada 500, Mill 500``."""
    name, colon, rest = text.partition(":")
    owners: list[Value] = []
    total = 0
    for one in rest.split(","):
        who, _, units = one.strip().rpartition(" ")
        if not colon or not who or not units.isdecimal() or not 1 <= int(units) <= INTEGER_MAX:
            raise Problem(FailKind.USAGE, f'{text[:60]!r} is no part; write it like "east: Ada 500, Ben 500"')
        owners.append({"member": owner_meant(view, who), "units": int(units)})
        total += int(units)
    part: dict[str, Any] = {"name": name.strip(), "owners": owners, "units": total}
    return part
