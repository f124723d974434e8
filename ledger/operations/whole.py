"""An asset as a whole: sold to one buyer, or partitioned into assets of their own (SPEC CO-6 to CO-9).

Both are decided by the co-owners and done with the very vote that decides, in one step: a sale takes the money that a
buyer's bid holds, splits it by units and hands over every unit; a partition ends the asset and makes its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ledger.canonical import digest
from ledger.errors import Refusal
from ledger.form import ID, INTEGER_FORM, List, Map, Text
from ledger.operations import accounts, parties
from ledger.operations.assets import UNITS, AssetReason, asset_record, put_asset
from ledger.operations.ballots import Decided, MotionKind
from ledger.operations.co_owners import judge_voices, note_in_asset, voices
from ledger.operations.share_offers import OfferReason, end_offer, judge_asset, offer_record
from ledger.quantities import split
from ledger.state import Overlay, View

PARTS_MAX = 16
"""Into which one asset is partitioned at once."""


class WholeReason(StrEnum):
    """Why an asset is not sold or partitioned."""

    IS_HELD = "asset.is-held"
    LEFT_OUT = "asset.left-out"
    NOT_AN_OWNER = "asset.not-an-owner"


def part_id(motion: bytes, number: int) -> bytes:
    """The id of the part with this number (from 0) of the partition that a motion decided (CO-9)."""
    return digest("part", motion, number.to_bytes(4, "big"))


def _judge_free(view: View, asset: bytes) -> Refusal | None:
    """CO-6: what is held for somebody is not sold from under them."""
    if any(on_hold for _, _, on_hold in accounts.holders(view, "units", asset)):
        return Refusal(reason=WholeReason.IS_HELD, detail="units of it are held: for an offer, a lending or a job")
    return None


def _may_sell(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    """CO-7: a bid stands for it, whose money is held."""
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    bid = offer_record(view, matter["bid"])
    if bid is None or "credit" not in bid or bid["asset"] != matter["asset"]:
        return Refusal(reason=OfferReason.NO_OFFER, detail="no money is offered for this asset by this id any more")
    if not parties.can_own(view, bid["by"]):
        return Refusal(reason=OfferReason.NO_OFFER, detail="the buyer has left")
    return judge_voices(_owners(view, matter["asset"])) or _judge_free(view, matter["asset"])


def _owners(view: View, asset: bytes) -> dict[bytes, int]:
    return {bytes(owner): at_hand for owner, at_hand, _ in accounts.holders(view, "units", asset)}


def proceeds(owners: Mapping[bytes, int], price: int) -> list[tuple[bytes, int]]:
    """What each owner gets of a price for the whole: by units, the largest remainders first, ties by id (CO-7)."""
    return list(zip(owners, split(price, list(owners.values())), strict=True))


def _sell(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """CO-7: delivery against payment."""
    asset, bid = matter["asset"], offer_record(tx, matter["bid"])
    assert bid is not None, "judged before"
    owners = _owners(tx, asset)
    refusal = accounts.pay_out(tx, matter["bid"], proceeds(owners, bid["amount"]))
    assert refusal is None, "the bid holds its whole amount"
    for owner, units in owners.items():
        refusal = accounts.destroy(tx, owner, "units", asset, units)
        assert refusal is None, "nothing of it is held"
    accounts.create(tx, bid["by"], "units", asset, sum(owners.values()))
    end_offer(tx, matter["bid"], bid)
    note_in_asset(tx, asset, sold=decided.time_ms)


def _may_part(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    """CO-8: the parts' units sum, and go to owners of the whole, each of whom has a voice and gets a part."""
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    owners, named = _owners(view, matter["asset"]), set()
    for part in matter["parts"]:
        if sum(one["units"] for one in part["owners"]) != part.get("units", UNITS):
            return Refusal(reason=AssetReason.SUM, detail="the owners' units of a part do not sum to its total")
        of_part = {one["member"] for one in part["owners"]}
        if len(of_part) != len(part["owners"]):
            return Refusal(reason=AssetReason.OWNER_TWICE, detail="an owner is named twice in a part")
        named |= of_part
    if named - owners.keys():
        return Refusal(reason=WholeReason.NOT_AN_OWNER, detail="parts go to owners of the whole")
    if len(named) < len(owners) or len(voices(view, matter["asset"])) < len(owners):
        return Refusal(reason=WholeReason.LEFT_OUT, detail="an owner gets no part, or has left and has no voice")
    return _judge_free(view, matter["asset"])


def _part(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """CO-9: the whole ends, and its parts begin."""
    asset = matter["asset"]
    record = asset_record(tx, asset) or {}
    for owner, units in _owners(tx, asset).items():
        refusal = accounts.destroy(tx, owner, "units", asset, units)
        assert refusal is None, "nothing of it is held"
    parts = [part_id(decided.motion, number) for number in range(len(matter["parts"]))]
    kept: dict[str, Any] = {
        name: record[name] for name in ("kind", "maker", "model", "place", "title") if name in record
    }
    for identity, part in zip(parts, matter["parts"], strict=True):
        for one in part["owners"]:
            accounts.create(tx, one["member"], "units", identity, one["units"])
        said = {name: part[name] for name in ("about", "name", "serial") if name in part}
        made = {"operator": part["owners"][0]["member"], "registered": decided.time_ms, "whole": asset}
        total = part.get("units", UNITS)
        put_asset(tx, identity, {**kept, **said, **made, "registrant": record["registrant"], "total": total})
    note_in_asset(tx, asset, ended=decided.time_ms, parts=parts)


_OWNER = Map({"member": ID, "units": INTEGER_FORM})
_PART = Map(
    {"name": Text(80), "owners": List(_OWNER, 1, 64)},
    {"about": Text(1000, lines=True), "serial": Text(80), "units": INTEGER_FORM},
)

MOTIONS = {
    "partition": MotionKind(
        form=Map({"asset": ID, "parts": List(_PART, 2, PARTS_MAX)}), judge=_may_part, carry_out=_part
    ),
    "sell": MotionKind(form=Map({"asset": ID, "bid": ID}), judge=_may_sell, carry_out=_sell),
}
"""What co-owners decide about an asset they give up."""
