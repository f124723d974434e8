"""What stands on the ledger until somebody takes it: units for one receiver, or money for the whole of an asset.

What is offered is held, so whoever takes it gets it; an offer ends at its own time, or when it is taken back (SPEC
H-5 to H-7). This is how a group, which has no key to sign an acceptance with, comes to own units, and how a buyer's
money waits for what the co-owners decide.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.errors import Reason, Refusal
from ledger.form import ID, INTEGER_FORM, MOMENT_MS, Map, Text
from ledger.operations import accounts, concerns, due, parties
from ledger.operations.operation import Context, DueContext, DueRule, Operation
from ledger.operations.shares import ShareReason
from ledger.state import Overlay, View

OFFER_MS_MAX = 90 * 86_400_000
"""What is held in an offer nobody else can use, and nobody sells an asset whole meanwhile."""
_END = "shares.end-offer"


class OfferReason(StrEnum):
    """Why something about an offer was refused."""

    LENGTH = "share.length"
    NO_OFFER = "share.no-offer"
    NOT_YOURS = "share.not-yours"
    ENDED = "asset.ended"


def offer_record(view: View, offer: bytes) -> dict[str, Any] | None:
    """{asset, by, until, note?} and {to, units} or {amount, credit}, while it stands; or None."""
    record: dict[str, Any] | None = view.get(b"offer/" + offer)
    return record


def judge_asset(view: View, asset: bytes) -> Refusal | None:
    """Whether there is such an asset, not divided into others."""
    record = view.get(b"asset/" + asset)
    if record is None:
        return Refusal(reason=ShareReason.UNKNOWN_ASSET, detail="there is no such asset")
    if "ended" in record:
        return Refusal(reason=OfferReason.ENDED, detail="this asset was partitioned into others")
    return None


def judge_length(until_ms: int, now_ms: int, most_ms: int) -> Refusal | None:
    """Whether a time lies after now and not too far."""
    if not now_ms < until_ms <= now_ms + most_ms:
        detail = f"it lasts until after now, at most {most_ms // 86_400_000} days"
        return Refusal(reason=OfferReason.LENGTH, detail=detail)
    return None


def end_offer(tx: Overlay, offer: bytes, record: dict[str, Any]) -> None:
    """Take an offer off, whose hold the caller ends."""
    tx.delete(b"offer/" + offer)
    concerns.forget(tx, concerns.OFFER, offer, _concerned(record))
    due.remove(tx, record["until"], _END, offer)


def _concerned(record: dict[str, Any]) -> tuple[bytes, ...]:
    return (record["by"], record.get("to", record["asset"]))


def _stand(tx: Overlay, record: dict[str, Any], lines: list[accounts.Line], context: Context) -> Refusal | None:
    if refusal := accounts.hold(tx, context.entry_id, context.author, lines):
        return refusal
    tx.put(b"offer/" + context.entry_id, record)
    concerns.note(tx, concerns.OFFER, context.entry_id, _concerned(record))
    due.add(tx, record["until"], _END, context.entry_id)
    return None


def _offer(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """H-5: units stand for one member or group, and are held meanwhile."""
    if refusal := judge_asset(tx, op["asset"]):
        return refusal
    if op["to"] == context.author:
        return Refusal(reason=ShareReason.TO_SELF, detail="these units are yours already")
    if not parties.can_own(tx, op["to"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the receiver is no member and no group")
    if refusal := judge_length(op["until"], context.time_ms, OFFER_MS_MAX):
        return refusal
    kept: dict[str, Any] = {name: op[name] for name in ("asset", "note", "to", "units", "until") if name in op}
    line = {"amount": op["units"], "id": op["asset"], "kind": "units"}
    return _stand(tx, {**kept, "by": context.author}, [line], context)


def _bid(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """H-6: money stands for an asset as a whole, and is held meanwhile."""
    if refusal := judge_asset(tx, op["asset"]):
        return refusal
    if refusal := judge_length(op["until"], context.time_ms, OFFER_MS_MAX):
        return refusal
    kept: dict[str, Any] = {name: op[name] for name in ("amount", "asset", "credit", "note", "until") if name in op}
    line = {"amount": op["amount"], "id": op["credit"], "kind": "credit"}
    return _stand(tx, {**kept, "by": context.author}, [line], context)


def _take(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """H-5: the receiver takes what was offered to it."""
    record = offer_record(tx, op["offer"])
    if record is None or "to" not in record:
        return Refusal(reason=OfferReason.NO_OFFER, detail="no units are offered by this id any more")
    if record["to"] != context.author:
        return Refusal(reason=OfferReason.NOT_YOURS, detail="these units are offered to somebody else")
    end_offer(tx, op["offer"], record)
    return accounts.post(tx, op["offer"], context.author, [record["units"]])


def _withdraw(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """H-7: whoever made an offer takes it back; whoever it was made to may decline it."""
    record = offer_record(tx, op["offer"])
    if record is None:
        return Refusal(reason=OfferReason.NO_OFFER, detail="there is no such offer any more")
    if context.author not in (record["by"], record.get("to")):
        return Refusal(reason=OfferReason.NOT_YOURS, detail="this offer is neither yours nor made to you")
    end_offer(tx, op["offer"], record)
    return accounts.void(tx, op["offer"])


def _end(tx: Overlay, subject: bytes, context: DueContext) -> None:
    """H-7: its time is over, and what was held is free again."""
    record = offer_record(tx, subject)
    assert record is not None, "an offer and its due item end together"
    end_offer(tx, subject, record)
    accounts.void(tx, subject)


OPERATIONS = (
    Operation(
        name="shares.offer/1",
        form=Map({"asset": ID, "to": ID, "units": INTEGER_FORM, "until": MOMENT_MS}, {"note": Text(140)}),
        apply=_offer,
        for_groups=True,
    ),
    Operation(name="shares.take/1", form=Map({"offer": ID}), apply=_take, for_groups=True),
    Operation(
        name="shares.bid/1",
        form=Map({"amount": INTEGER_FORM, "asset": ID, "credit": ID, "until": MOMENT_MS}, {"note": Text(140)}),
        apply=_bid,
        for_groups=True,
    ),
    Operation(name="shares.withdraw/1", form=Map({"offer": ID}), apply=_withdraw, for_groups=True),
)
DUE: dict[str, DueRule] = {_END: _end}
