"""What a unit gives its owner, output and use, lent for a time; and owners whose units no buy-out takes.

Each unit carries a part of what an asset makes (*output*) and of the time or room in it (*use*). Lending moves one of
the two for a time and never the unit itself: the unit is held, keeps its vote, and gives back by itself (SPEC U-1 to
U-4). A part in output or use is so many units of the total: own units, less those lent, and those borrowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from ledger.errors import LocalError, Reason, Refusal
from ledger.form import ID, INTEGER_FORM, MOMENT_MS, Choice, Flag, Map, Text
from ledger.operations import accounts, concerns, due, parties
from ledger.operations.operation import Context, DueContext, DueRule, Operation
from ledger.operations.share_offers import judge_asset, judge_length
from ledger.operations.shares import ShareReason
from ledger.state import Overlay, View

RIGHTS = {"output": b"o", "use": b"t"}
"""The letter each has in state keys."""
LEND_MS_MAX = 3_660 * 86_400_000
"""Ten years: what is lent for longer is given."""
_END = "shares.end-lending"


class RightReason(StrEnum):
    """Why something about rights was refused."""

    NOT_LENT = "share.not-lent"
    NOT_BORROWER = "share.not-borrower"
    NOT_OWNER = "share.not-an-owner"
    STATIC = "share.static-already"


def lending(view: View, identity: bytes) -> dict[str, Any] | None:
    """{asset, from, right, to, units, until} while it lasts, or None."""
    record: dict[str, Any] | None = view.get(b"lent/" + identity)
    return record


def moved(view: View, asset: bytes, right: str, owner: bytes) -> tuple[int, int]:
    """How many units' right an owner (borrowed, lent)."""
    value = view.get(_key(asset, right) + owner) or {}
    return value.get("in", 0), value.get("out", 0)


def part(view: View, asset: bytes, right: str, owner: bytes) -> int:
    """In units, an owner's part in the output or use of an asset now (U-1)."""
    borrowed, lent = moved(view, asset, right, owner)
    own = accounts.free(view, owner, "units", asset) + accounts.held(view, owner, "units", asset)
    return own + borrowed - lent


def parts(view: View, asset: bytes, right: str) -> Iterator[tuple[bytes, int]]:
    """Everybody's part in the output or use of an asset, in order of owners; they sum to its units (U-1)."""
    owners = {owner: at_hand + on_hold for owner, at_hand, on_hold in accounts.holders(view, "units", asset)}
    head = _key(asset, right)
    found: dict[bytes, int] = {bytes(owner): units for owner, units in owners.items()}
    for key, value in view.range(head):
        owner = key[len(head) :]
        found[owner] = found.get(owner, 0) + value.get("in", 0) - value.get("out", 0)
    for owner in sorted(found):
        if found[owner]:
            yield owner, found[owner]


def is_static(view: View, asset: bytes, owner: bytes) -> bool:
    """Whether an owner declared that no buy-out takes its units (U-4)."""
    return view.raw(b"static/" + asset + owner) is not None


def _key(asset: bytes, right: str) -> bytes:
    return b"right/" + RIGHTS[right] + asset


def _move(tx: Overlay, record: dict[str, Any], units: int) -> None:
    """Count units' right as lent by one and borrowed by another; back again where `units` is below 0."""
    for owner, name in ((record["from"], "out"), (record["to"], "in")):
        key = _key(record["asset"], record["right"]) + owner
        value = tx.get(key) or {}
        count = value.get(name, 0) + units
        if count < 0:
            raise LocalError("more came back than was lent")
        value[name] = count
        value = {one: number for one, number in value.items() if number}
        if value:
            tx.put(key, value)
        else:
            tx.delete(key)


def _lend(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """U-2: output or use of so many units goes to another for a time; the units are held."""
    if refusal := judge_asset(tx, op["asset"]):
        return refusal
    if op["to"] == context.author:
        return Refusal(reason=ShareReason.TO_SELF, detail="this is yours already")
    if not parties.can_own(tx, op["to"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the borrower is no member and no group")
    if refusal := judge_length(op["until"], context.time_ms, LEND_MS_MAX):
        return refusal
    line = {"amount": op["units"], "id": op["asset"], "kind": "units"}
    if refusal := accounts.hold(tx, context.entry_id, context.author, [line]):
        return refusal
    record: dict[str, Any] = {
        name: op[name] for name in ("asset", "note", "right", "to", "units", "until") if name in op
    }
    record["from"] = context.author
    tx.put(b"lent/" + context.entry_id, record)
    concerns.note(tx, concerns.LENT, context.entry_id, (context.author, op["to"]))
    due.add(tx, op["until"], _END, context.entry_id)
    _move(tx, record, op["units"])
    return None


def _return(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """U-3: the borrower gives back before the time."""
    record = lending(tx, op["lent"])
    if record is None:
        return Refusal(reason=RightReason.NOT_LENT, detail="nothing is lent by this id any more")
    if record["to"] != context.author:
        return Refusal(reason=RightReason.NOT_BORROWER, detail="only who borrowed gives back before the time")
    due.remove(tx, record["until"], _END, op["lent"])
    _give_back(tx, op["lent"], record)
    return None


def _give_back(tx: Overlay, identity: bytes, record: dict[str, Any]) -> None:
    tx.delete(b"lent/" + identity)
    concerns.forget(tx, concerns.LENT, identity, (record["from"], record["to"]))
    _move(tx, record, -record["units"])
    accounts.void(tx, identity)


def _end(tx: Overlay, subject: bytes, context: DueContext) -> None:
    """U-3: its time is over; output and use are the owner's again."""
    record = lending(tx, subject)
    assert record is not None, "a lending and its due item end together"
    _give_back(tx, subject, record)


def _static(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """U-4: an owner declares that no buy-out takes its units, or no longer."""
    if refusal := judge_asset(tx, op["asset"]):
        return refusal
    units = accounts.free(tx, context.author, "units", op["asset"])
    if not units and not accounts.held(tx, context.author, "units", op["asset"]):
        return Refusal(reason=RightReason.NOT_OWNER, detail="you own nothing of this asset")
    if is_static(tx, op["asset"], context.author) is op["static"]:
        return Refusal(reason=RightReason.STATIC, detail="it is so already")
    key = b"static/" + op["asset"] + context.author
    if op["static"]:
        tx.put(key, True)
    else:
        tx.delete(key)
    return None


OPERATIONS = (
    Operation(
        name="shares.lend/1",
        form=Map(
            {"asset": ID, "right": Choice(*RIGHTS), "to": ID, "units": INTEGER_FORM, "until": MOMENT_MS},
            {"note": Text(140)},
        ),
        apply=_lend,
        for_groups=True,
    ),
    Operation(name="shares.return/1", form=Map({"lent": ID}), apply=_return, for_groups=True),
    Operation(name="shares.static/1", form=Map({"asset": ID, "static": Flag()}), apply=_static, for_groups=True),
)
DUE: dict[str, DueRule] = {_END: _end}
