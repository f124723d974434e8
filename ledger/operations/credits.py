"""Credits: promises of a finance node that members pay each other with (SPEC R-1 to R-5).

A credit is always shown with its issuer: another issuer's "EUR" is another thing. Its units sum to issued - redeemed,
whatever is held included (invariant 1).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ledger.canonical import INTEGER_MAX
from ledger.errors import Reason, Refusal
from ledger.form import ID, Int, Map, Text
from ledger.operations import accounts, parties
from ledger.operations.operation import Context, Operation
from ledger.state import Overlay


class CreditReason(StrEnum):
    """Why a credit operation was refused."""

    UNKNOWN = "credit.unknown"
    NOT_ISSUER = "credit.not-issuer"
    TO_SELF = "credit.to-self"


def _open(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """R-1: whoever opens a credit is its issuer; its id is that of the entry that opened it."""
    tx.put(
        b"credit/" + context.entry_id,
        {
            "decimals": op["decimals"],
            "issued": 0,
            "issuer": context.author,
            "opened": context.time_ms,
            "redeemable": op["redeemable"],
            "redeemed": 0,
            "unit": op["unit"],
        },
    )
    return None


def _issue(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """R-2: only the issuer issues, and all that was ever issued stays countable."""
    credit = tx.get(b"credit/" + op["credit"])
    if credit is None:
        return Refusal(reason=CreditReason.UNKNOWN, detail="there is no such credit")
    if credit["issuer"] != context.author:
        return Refusal(reason=CreditReason.NOT_ISSUER, detail="only its issuer issues a credit")
    if not parties.can_own(tx, op["to"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the receiver is no member and no group")
    if credit["issued"] + op["amount"] > INTEGER_MAX:
        return Refusal(reason=Reason.TOO_MUCH, detail="a credit ends at 2^53 - 1 units ever issued")
    credit["issued"] += op["amount"]
    tx.put(b"credit/" + op["credit"], credit)
    accounts.create(tx, op["to"], "credit", op["credit"], op["amount"])
    return None


def _pay(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """R-3: what is free moves from the author to another member or to a group."""
    if op["to"] == context.author:
        return Refusal(reason=CreditReason.TO_SELF, detail="nobody pays themselves")
    if tx.raw(b"credit/" + op["credit"]) is None:
        return Refusal(reason=CreditReason.UNKNOWN, detail="there is no such credit")
    if not parties.can_own(tx, op["to"]):
        return Refusal(reason=Reason.NOT_A_MEMBER, detail="the receiver is no member and no group")
    return accounts.move(tx, "credit", op["credit"], context.author, op["to"], op["amount"])


def _redeem(tx: Overlay, op: dict[str, Any], context: Context) -> Refusal | None:
    """R-4: what came back to the issuer is taken out of being."""
    credit = tx.get(b"credit/" + op["credit"])
    if credit is None:
        return Refusal(reason=CreditReason.UNKNOWN, detail="there is no such credit")
    if credit["issuer"] != context.author:
        return Refusal(reason=CreditReason.NOT_ISSUER, detail="only its issuer redeems a credit")
    if refusal := accounts.destroy(tx, context.author, "credit", op["credit"], op["amount"]):
        return refusal
    credit["redeemed"] += op["amount"]
    tx.put(b"credit/" + op["credit"], credit)
    return None


_AMOUNT = Int(1)

OPERATIONS = (
    Operation(
        name="credits.open/1",
        form=Map({"decimals": Int(0, 6), "redeemable": Text(500, lines=True), "unit": Text(12)}),
        apply=_open,
    ),
    Operation(
        name="credits.issue/1",
        form=Map({"amount": _AMOUNT, "credit": ID, "to": ID}, {"note": Text(140)}),
        apply=_issue,
    ),
    Operation(
        name="credits.pay/1",
        form=Map({"amount": _AMOUNT, "credit": ID, "to": ID}, {"note": Text(140)}),
        apply=_pay,
        for_groups=True,
    ),
    Operation(
        name="credits.redeem/1",
        form=Map({"amount": _AMOUNT, "credit": ID}, {"note": Text(140)}),
        apply=_redeem,
    ),
)
