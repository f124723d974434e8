"""What the co-owners of an asset decide, each with the weight of their units: who operates it, repairs, terms, uses.

How a motion is opened, voted and passed is the same as for all motions (`motions`); here is what the decisions are,
how much of the asset each needs, and what it does with the vote that passes it (SPEC CO-1 to CO-5). Selling and
partition stand in `whole`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ledger.errors import Reason, Refusal
from ledger.form import ID, INTEGER_FORM, Int, List, Map, MeasureForm, Text
from ledger.operations import accounts, parties
from ledger.operations.assets import asset_record, put_asset
from ledger.operations.ballots import ALL_BP, HALF_BP, Decided, MotionKind
from ledger.operations.credits import CreditReason
from ledger.operations.share_offers import judge_asset
from ledger.state import Overlay, View

NEEDS: dict[str, int] = {
    "operator": HALF_BP,
    "partition": ALL_BP,
    "repair": HALF_BP,
    "sell": ALL_BP,
    "terms": ALL_BP,
    "uses": HALF_BP,
}
"""How much of all votes a decision needs unless the asset's terms say otherwise: more than so many ten-thousandths, or
all. Whoever owns a part loses it, or the say over it, by their own vote alone, unless terms they agreed to differ."""
OWNERS_MAX = 4_096
"""With a voice in one motion: each is written down when it is opened, and paid when an asset is sold whole."""
USES_MAX = 8


class DecisionReason(StrEnum):
    """Why co-owners cannot decide something."""

    TOO_MANY_OWNERS = "asset.too-many-owners"
    CHANGED_HANDS = "asset.changed-hands"
    NOT_WILLING = "asset.not-willing"
    OPERATES = "asset.operates-already"
    NO_TERMS = "asset.no-terms"
    BAD_USE = "asset.bad-use"


def needed_bp(view: View, asset: bytes, kind: str) -> int:
    """How many ten-thousandths of all votes a decision of this kind needs more of (CO-2)."""
    terms = view.get(b"terms/" + asset) or {}
    bp: int = terms.get(kind, NEEDS[kind])
    return bp


def terms_of(view: View, asset: bytes) -> dict[str, int]:
    """Kind of decision -> ten-thousandths, for every kind."""
    return {kind: needed_bp(view, asset, kind) for kind in NEEDS}


def uses_of(view: View, asset: bytes) -> list[dict[str, Any]]:
    """[{amount: measure, per_ms, what}...]: what there is of an asset's time or room in each period (CO-5)."""
    found: list[dict[str, Any]] = (view.get(b"uses/" + asset) or {"uses": []})["uses"]
    return found


def voices(view: View, asset: bytes) -> dict[bytes, int]:
    """Owner -> units of everybody with a voice about an asset: its owners who are members, or groups, now (CO-1)."""
    return {
        bytes(owner): at_hand + on_hold
        for owner, at_hand, on_hold in accounts.holders(view, "units", asset)
        if parties.can_own(view, owner)
    }


def note_weights(tx: Overlay, motion: bytes, weights: Mapping[bytes, int]) -> None:
    """Write down what each owner's vote weighs in a motion (CO-1)."""
    for owner, units in weights.items():
        tx.put(_weight(motion) + owner, units)


def weight_in(view: View, motion: bytes, owner: bytes) -> int:
    """What an owner's vote weighs in a motion that is open; 0 for whoever has none (CO-1)."""
    units: int = view.get(_weight(motion) + owner) or 0
    return units


def forget_weights(tx: Overlay, motion: bytes) -> None:
    """A motion's end came: nobody votes in it any more."""
    for key, _ in list(tx.raw_range(_weight(motion))):
        tx.delete(key)


def _weight(motion: bytes) -> bytes:
    return b"weight/" + motion


def judge_voices(weights: Mapping[bytes, int]) -> Refusal | None:
    """Whether so many owners can decide together."""
    if len(weights) > OWNERS_MAX:
        return Refusal(reason=DecisionReason.TOO_MANY_OWNERS, detail=f"at most {OWNERS_MAX} owners decide together")
    return None


def judge_unchanged(view: View, asset: bytes, opened_ms: int) -> Refusal | None:
    """CO-1: those who sold an asset decide nothing more about it."""
    record = asset_record(view, asset) or {}
    if record.get("sold", -1) >= opened_ms:
        return Refusal(reason=DecisionReason.CHANGED_HANDS, detail="the asset was sold since this motion was opened")
    return None


def note_in_asset(tx: Overlay, asset: bytes, **fields: Any) -> None:
    """Set fields of the record of an asset that there is."""
    put_asset(tx, asset, {**(asset_record(tx, asset) or {}), **fields})


def _may_operate(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    """CO-3: whoever opens the motion offers to operate; nobody comes to it unasked."""
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    if matter["operator"] != by:
        return Refusal(reason=DecisionReason.NOT_WILLING, detail="whoever is to operate an asset opens the motion")
    if not parties.can_own(view, by):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the operator is no member and no group")
    if (asset_record(view, matter["asset"]) or {})["operator"] == by:
        return Refusal(reason=DecisionReason.OPERATES, detail="you operate it already")
    return None


def _operate(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    note_in_asset(tx, matter["asset"], operator=matter["operator"])


def _may_repair(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    if "cost" in matter and view.raw(b"credit/" + matter["cost"]["credit"]) is None:
        return Refusal(reason=CreditReason.UNKNOWN, detail="the cost is in a credit that there is not")
    return None


def _repair(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """CO-4: the newest repair that was agreed stands with the asset."""
    note_in_asset(tx, matter["asset"], repair={"agreed": decided.time_ms, "motion": decided.motion})


def _may_set(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    if not matter["needs"]:
        return Refusal(reason=DecisionReason.NO_TERMS, detail="terms say at least one thing")
    return None


def _set_terms(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """CO-2: what is not named stays."""
    tx.put(b"terms/" + matter["asset"], {**(tx.get(b"terms/" + matter["asset"]) or {}), **matter["needs"]})


def _may_use(view: View, matter: dict[str, Any], by: bytes) -> Refusal | None:
    if refusal := judge_asset(view, matter["asset"]):
        return refusal
    uses = matter["uses"]
    if len({one["what"] for one in uses}) != len(uses) or any(one["amount"]["n"] < 1 for one in uses):
        return Refusal(reason=DecisionReason.BAD_USE, detail="each use has a name of its own, and more than nothing")
    return None


def _set_uses(tx: Overlay, matter: dict[str, Any], decided: Decided) -> None:
    """CO-5: an empty list takes all uses off."""
    if matter["uses"]:
        tx.put(b"uses/" + matter["asset"], {"uses": matter["uses"]})
    else:
        tx.delete(b"uses/" + matter["asset"])


_PART_BP = Int(HALF_BP, ALL_BP)
_USE = Map({"amount": MeasureForm(), "per_ms": INTEGER_FORM, "what": Text(40)})
COST = Map({"amount": INTEGER_FORM, "credit": ID})

MOTIONS = {
    "operator": MotionKind(form=Map({"asset": ID, "operator": ID}), judge=_may_operate, carry_out=_operate),
    "repair": MotionKind(
        form=Map({"asset": ID, "what": Text(1000, lines=True)}, {"cost": COST}), judge=_may_repair, carry_out=_repair
    ),
    "terms": MotionKind(
        form=Map({"asset": ID, "needs": Map({}, dict.fromkeys(NEEDS, _PART_BP))}), judge=_may_set, carry_out=_set_terms
    ),
    "uses": MotionKind(form=Map({"asset": ID, "uses": List(_USE, 0, USES_MAX)}), judge=_may_use, carry_out=_set_uses),
}
"""What co-owners decide about an asset that stays theirs."""
